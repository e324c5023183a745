"""Counts, by whom they came from, the exchanges that wait to be written: each client and group by itself (Member)."""

from collections.abc import Iterable, Sequence

from shadow.compare.tokens import mac
from shadow.evidence.epoch import Epoch
from shadow.evidence.stratum import share
from shadow.ledger.rows import MEMBERS, Member

NAMES = 500
"""Names that wait for their tokens: so few that making these holds up the event loop for a millisecond at most."""


class _Counts:
    """The members of one dimension of an epoch: [effective, bad] by token. Past MEMBERS, a share of them is kept, which
    the tokens choose.

    A token takes an HMAC, and most clients ask more than once between two writes. So counts are first by name, with the
    epoch's `key`, for up to NAMES of them. They get their tokens when they are taken: no name is kept for longer."""

    __slots__ = ("below", "by_name", "by_token", "halvings", "key")

    def __init__(self) -> None:
        self.key = b""
        self.by_name: dict[str, list[int]] = {}
        self.by_token: dict[str, list[int]] = {}
        self.halvings = 0
        self.below = share(0).hex()

    def count(self, dimension: str, key: bytes, name: str, bad: bool) -> None:
        """Count one exchange."""
        if key != self.key:
            self.make_tokens(dimension)
            self.key = key
        known = self.by_name.get(name)
        if known is None:
            if len(self.by_name) >= NAMES:
                self.make_tokens(dimension)
            known = self.by_name[name] = [0, 0]
        known[0] += 1
        known[1] += bad

    def make_tokens(self, dimension: str) -> None:
        """Keep no name."""
        by_name, self.by_name = self.by_name, {}
        for name, counts in by_name.items():
            # Digests of subjects begin with a capability's name, and those of values with a zero byte.
            self.add(mac(self.key, f"\1member\0{dimension}\0{name}".encode("utf-8", "surrogatepass")).hex(), *counts)

    def add(self, token: str, effective: int, bad: int) -> None:
        """Add exchanges of one member."""
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
            self._of(capability, epoch, dimension).count(dimension, key, name, bad)

    def add(self, rows: Iterable[Member]) -> None:
        """Add rows that were not written."""
        for row in rows:
            self._of(row.capability, row.epoch, row.dimension).add(row.token, row.effective, row.bad)

    def take(self) -> list[Member]:
        """All rows, which wait no more."""
        every, self._counts = self._counts, {}
        for (_, _, dimension), found in every.items():
            found.make_tokens(dimension)
        return [Member(*place, token, *counts)
                for place, found in every.items() for token, counts in found.by_token.items()]

    def _of(self, capability: str, epoch: Epoch, dimension: str) -> _Counts:
        place = capability, epoch, dimension
        found = self._counts.get(place)
        if found is None:
            found = self._counts[place] = _Counts()
        return found
