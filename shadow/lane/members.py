"""Counts, by whom they came from, the exchanges that wait to be written: each client and group by itself (Member)."""

from collections.abc import Iterable, Sequence

from shadow.compare.tokens import mac
from shadow.evidence.epoch import Epoch
from shadow.evidence.stratum import share
from shadow.ledger.rows import MEMBERS, Member


class _Counts:
    """The members of one dimension of an epoch: [effective, bad] by token. Past MEMBERS, a share of them is kept, which
    the tokens choose."""

    __slots__ = ("below", "by_token", "halvings")

    def __init__(self) -> None:
        self.by_token: dict[str, list[int]] = {}
        self.halvings = 0
        self.below = share(0).hex()

    def add(self, token: str, effective: int, bad: int) -> None:
        if token >= self.below:
            return
        known = self.by_token.setdefault(token, [0, 0])
        known[0] += effective
        known[1] += bad
        while len(self.by_token) > MEMBERS:
            self.halvings += 1
            self.below = share(self.halvings).hex()
            self.by_token = {one: counts for one, counts in self.by_token.items() if one < self.below}


class Members:
    """The members that wait to be written, for one event loop."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, Epoch, str], _Counts] = {}

    def count(self, capability: str, epoch: Epoch, key: bytes, who: Sequence[tuple[str, str]], *, bad: bool) -> None:
        """Count an effective exchange for those that asked: (dimension, name). `key` is the epoch's."""
        for dimension, name in who:
            # Digests of subjects begin with a capability's name, and those of values with a zero byte.
            token = mac(key, f"\1member\0{dimension}\0{name}".encode("utf-8", "surrogatepass")).hex()
            self._of(capability, epoch, dimension).add(token, 1, int(bad))

    def add(self, rows: Iterable[Member]) -> None:
        """Add rows that were not written."""
        for row in rows:
            self._of(row.capability, row.epoch, row.dimension).add(row.token, row.effective, row.bad)

    def take(self) -> list[Member]:
        """All rows, which wait no more."""
        every, self._counts = self._counts, {}
        return [Member(*place, token, *counts)
                for place, found in every.items() for token, counts in found.by_token.items()]

    def _of(self, capability: str, epoch: Epoch, dimension: str) -> _Counts:
        place = capability, epoch, dimension
        found = self._counts.get(place)
        if found is None:
            found = self._counts[place] = _Counts()
        return found
