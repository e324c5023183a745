"""Standings: for which epoch, stratum and subject an exchange counts.

An exchange gets its standing when both arms have answered, before it is compared, so that a later request about the
same subject in that hour cannot take its place.
"""

from typing import NamedTuple

from shadow.compare.comparison import VERSION
from shadow.compare.pair import Pair
from shadow.evidence.epoch import Basis, Epoch, build_of
from shadow.evidence.stratum import LeftOut, Stratum, Subject, share, size_of, subject, subject_left_out
from shadow.lane.epoch_keys import EpochKeys
from shadow.lane.restarts import Restarts
from shadow.ledger.rows import HOURS

CLAIMS = 50_000
"""Subjects of an hour and a capability that are remembered. If there are more, a share of them counts, which is chosen
by their tokens: so what is good and what is bad are thinned alike."""


class Standing(NamedTuple):
    """The epoch and the stratum that an exchange counts for once its outcome is known, when it was asked (seconds since
    1970, and `hour` since 1970), and the `token` of its subject, which is empty if the epoch has no key, or if the
    subject is not among those that count; `linked` is False if it has no key. `first` is True if the subject was not
    seen before in that hour. `size` is that of legacy's body (see evidence.stratum.size_of)."""

    epoch: Epoch
    stratum: Stratum
    at: float
    hour: int
    token: bytes
    first: bool
    size: int = -1
    linked: bool = True


class _Claims:
    """The subjects of an hour and a capability, and the bound below which their tokens count."""

    __slots__ = ("bad", "below", "halvings", "seen")

    def __init__(self) -> None:
        self.seen: set[bytes] = set()
        self.bad: set[bytes] = set()
        self.halvings = 0
        self.below = share(0)

    def claim(self, token: bytes, most: int) -> bool:
        """Whether a subject is new, and counts."""
        if token in self.seen or token >= self.below:
            return False
        self.seen.add(token)
        while len(self.seen) > most:
            self.halvings += 1
            self.below = share(self.halvings)
            self.seen = {one for one in self.seen if one < self.below}
        return token < self.below


class Standings:
    """Gives exchanges their standing. `keys` are those of epochs, and `restarts` how often evidence was begun anew. It
    belongs to one event loop."""

    def __init__(self, keys: EpochKeys, restarts: Restarts, most: int = CLAIMS) -> None:
        """`most` is as CLAIMS."""
        self._keys = keys
        self._restarts = restarts
        self._most = most
        self._epochs: dict[str, Epoch] = {}
        self._latest: dict[str, float] = {}
        self._claims: dict[tuple[str, int], _Claims] = {}

    def of(self, pair: Pair, basis: Basis) -> Standing | None:
        """The standing of an exchange, taken as soon as both arms have answered. Cheap, and raises nothing.
        None if its epoch, or the epoch's key, must be looked for first: see `first`."""
        if not self._restarts.are_known:
            return None
        epoch = self._epoch(pair, basis)
        key = None if self._keys.are_stale else self._keys.get(pair.capability, epoch)
        return None if key is None else self._claim(pair, epoch, subject(pair, key, epoch, basis.parameters))

    async def first(self, pair: Pair, basis: Basis) -> Standing:
        """The same for the first exchange of an epoch, and the first after a rest: it fetches the key, or sees that the
        key is still there. The restarts must be known. Raises nothing. Without a key the exchange counts, but proves
        nothing."""
        made, epoch = None, self._epoch(pair, basis)
        # Custody may turn out to be a new one. A key of that one would make other tokens, so that subjects which the
        # former epoch has seen would count in it once more.
        while epoch != made:
            await self._keys.make(pair.capability, epoch)
            made, epoch = epoch, self._epoch(pair, basis)
        key = self._keys.get(pair.capability, epoch) or b""
        return self._claim(pair, epoch, subject(pair, key, epoch, basis.parameters))

    def of_left_out(self, capability: str, operation: str, left_out: LeftOut | None) -> Standing | None:
        """The standing of an exchange that was left out: for the latest epoch of its capability. None if there is none
        yet. It takes no other exchange's place. Cheap, and raises nothing."""
        epoch = self._epochs.get(capability)
        if epoch is None:
            return None
        if left_out is None:
            return Standing(epoch, Stratum(operation, "", "", ""), self._latest[capability], 0, b"", False)
        key = b"" if self._keys.are_stale else self._keys.get(capability, epoch) or b""
        found = subject_left_out(capability, operation, left_out, key, epoch)
        claims = self._claims.get((capability, found.hour))
        token = found.token if claims is None or found.token < claims.below else b""
        return Standing(epoch, found.stratum, left_out.at, found.hour, token, False, left_out.size)

    def is_first_bad(self, capability: str, standing: Standing) -> bool:
        """Whether an exchange that was not right is the first such one of its subject and hour."""
        claims = self._claims.get((capability, standing.hour))
        if claims is None or not standing.token or standing.token in claims.bad:
            return False
        claims.bad.add(standing.token)
        return True

    def _claim(self, pair: Pair, epoch: Epoch, found: Subject) -> Standing:
        place, token = (pair.capability, found.hour), found.token
        claims = self._claims.get(place)
        if claims is None:
            for over in [one for one in self._claims if one[1] <= found.hour - HOURS]:
                del self._claims[over]
            claims = self._claims[place] = _Claims()
        first = bool(token) and claims.claim(token, self._most)
        return Standing(epoch, found.stratum, pair.at, found.hour, token if token < claims.below else b"", first,
                        size_of(pair.control), bool(token))

    def _epoch(self, pair: Pair, basis: Basis) -> Epoch:
        """The epoch of an exchange. An arm that does not send its build is taken to have the last known one."""
        capability = pair.capability
        self._latest[capability] = pair.at
        known = self._epochs.get(capability)
        legacy = modern = ""
        if basis.build:
            legacy, modern = build_of(pair.control, basis.build), build_of(pair.candidate, basis.build)
        if known is not None:
            legacy, modern = legacy or known.legacy, modern or known.modern
        # When a known difference expires, there is one rule less.
        expired = sum(one.expires <= pair.at for one in pair.rules.known) if pair.rules.known else 0
        parts = legacy, modern, basis.setup, VERSION, expired, self._keys.custody, self._restarts.of(capability)
        if parts != known:
            known = self._epochs[capability] = Epoch(*parts)
        return known
