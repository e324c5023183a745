"""Standings: for which epoch, stratum and subject an exchange counts.

An exchange gets its standing as soon as both arms have answered, so that a later request about the same subject in that
hour cannot take its place.
"""

from collections import defaultdict
from typing import NamedTuple

from shadow.compare.comparison import VERSION
from shadow.compare.pair import Pair
from shadow.evidence.epoch import Basis, Epoch, build_of
from shadow.evidence.stratum import LeftOut, Stratum, Subject, subject, subject_left_out
from shadow.lane.epoch_keys import EpochKeys
from shadow.ledger.rows import HOURS

CLAIMS = 50_000
"""Subjects of an hour that are remembered. Exchanges about further subjects are counted, but prove nothing."""


class Standing(NamedTuple):
    """The epoch and the stratum that an exchange counts for once its outcome is known, when it was asked (seconds since
    1970, and `hour` since 1970), and the `token` of its subject, which is empty if the epoch has no key or there are
    too many subjects. `first` is True if the subject was not seen before in that hour."""

    epoch: Epoch
    stratum: Stratum
    at: float
    hour: int
    token: bytes
    first: bool


class Standings:
    """Gives exchanges their standing. `keys` are those of epochs. It belongs to one event loop."""

    def __init__(self, keys: EpochKeys) -> None:
        self._keys = keys
        self._epochs: dict[str, Epoch] = {}
        self._latest: dict[str, float] = {}
        self._claimed: defaultdict[int, set[bytes]] = defaultdict(set)

    def of(self, pair: Pair, basis: Basis) -> Standing | None:
        """The standing of an exchange, taken as soon as both arms have answered. Cheap, and raises nothing.
        None if the key of its epoch must be fetched or looked for first: see `first`."""
        epoch = self._epoch(pair, basis)
        key = None if self._keys.are_stale else self._keys.get(pair.capability, epoch)
        return None if key is None else self._claim(pair.at, epoch, subject(pair, key, epoch, basis.parameters))

    async def first(self, pair: Pair, basis: Basis) -> Standing:
        """The same for the first exchange of an epoch, and the first after a rest: it fetches the key, or sees that the
        key is still there. Raises nothing. Without a key the exchange counts, but proves nothing."""
        epoch = self._epoch(pair, basis)
        await self._keys.make(pair.capability, epoch)
        key = self._keys.get(pair.capability, epoch) or b""
        return self._claim(pair.at, epoch, subject(pair, key, epoch, basis.parameters))

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
        return Standing(epoch, found.stratum, left_out.at, found.hour, found.token, False)

    def _claim(self, at: float, epoch: Epoch, found: Subject) -> Standing:
        claimed = self._claimed[found.hour]
        first = bool(found.token) and found.token not in claimed and len(claimed) < CLAIMS
        if not claimed:
            for over in [hour for hour in self._claimed if hour <= found.hour - HOURS]:
                del self._claimed[over]
        if first:
            claimed.add(found.token)
        return Standing(epoch, found.stratum, at, found.hour, found.token if found.token in claimed else b"", first)

    def _epoch(self, pair: Pair, basis: Basis) -> Epoch:
        """The epoch of an exchange. An arm that does not send its build is taken to have the last known one."""
        self._latest[pair.capability] = pair.at
        known = self._epochs.get(pair.capability)
        legacy, modern = ("", "") if not basis.build else (
            build_of(pair.control, basis.build), build_of(pair.candidate, basis.build))
        # When a known difference expires, there is one rule less.
        expired = sum(one.expires <= pair.at for one in pair.rules.known) if pair.rules.known else 0
        custody = self._keys.custody
        if known is None:
            known = self._epochs[pair.capability] = Epoch(legacy, modern, basis.setup, VERSION, expired, custody)
        elif ((legacy and legacy != known.legacy) or (modern and modern != known.modern) or expired != known.expired
              or basis.setup != known.setup or custody != known.custody):
            known = self._epochs[pair.capability] = Epoch(
                legacy or known.legacy, modern or known.modern, basis.setup, VERSION, expired, custody)
        return known
