"""Adds up how the times of both arms compare: for the store (Pace), and for the metrics (seconds of each arm)."""

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from shadow.compare.pair import Pair
from shadow.evidence.epoch import Epoch
from shadow.evidence.pace import Held, Moment, Pace, held, measured
from shadow.latency import Histogram
from shadow.settings import Slower


class _Place(NamedTuple):
    capability: str
    epoch: Epoch
    operation: str
    moment: Moment
    by: Slower


class Spent:
    """The seconds that one arm took over mirrored requests: a histogram, and their sum."""

    __slots__ = ("histogram", "sum")

    def __init__(self) -> None:
        self.histogram = Histogram()
        self.sum = 0.0

    def add(self, seconds: float) -> None:
        """Add one request."""
        self.histogram.add(seconds)
        self.sum += seconds


class Pacing:
    """What one worker's lane has measured. `spent` is by capability and arm, since the start: the times to the answer's
    end, or to its head where that is all that could be measured of both arms."""

    def __init__(self) -> None:
        self.spent: defaultdict[tuple[str, str], Spent] = defaultdict(Spent)
        self._held: dict[_Place, tuple[Held, float]] = {}

    def count(self, pair: Pair, epoch: Epoch, by: Slower | None) -> None:
        """Add one request. Without `by` its times are not held against each other."""
        found = measured(pair)
        if not found:
            return
        _, legacy, modern = found[-1]
        self.spent[pair.capability, "legacy"].add(legacy)
        self.spent[pair.capability, "modern"].add(modern)
        if by is not None:
            for moment, legacy, modern in found:
                place = _Place(pair.capability, epoch, pair.operation, moment, by)
                self._add(place, held(legacy, modern, by), pair.at)

    def take(self) -> list[Pace]:
        """What waits to be written; it does not wait any more."""
        waiting, self._held = self._held, {}
        return [Pace(*place[:4], *place.by, (new,), at) for place, (new, at) in waiting.items()]

    def put_back(self, rows: Iterable[Pace]) -> None:
        """Keep rows that were not written, to be written with the next."""
        for row in rows:
            place = _Place(row.capability, row.epoch, row.operation, row.moment, Slower(row.ratio, row.plus))
            self._add(place, row.total, row.last)

    def _add(self, place: _Place, new: Held, at: float) -> None:
        known, last = self._held.get(place, (Held(), at))
        self._held[place] = known.joined(new), max(last, at)
