"""Adds up how the times of both arms compare: for the store (Pace), and for the metrics (seconds of each arm)."""

from collections import defaultdict
from collections.abc import Iterable
from typing import TypeAlias

from shadow.compare.pair import Pair
from shadow.evidence.epoch import Epoch
from shadow.evidence.pace import Moment, Pace, Sums, measured
from shadow.latency import Histogram, index
from shadow.settings import Slower

_Place: TypeAlias = tuple[str, Epoch, str, Slower]
"""Capability, epoch, operation, and by what both times are held against each other."""


class Spent:
    """The seconds that one arm took over mirrored requests: a histogram, and their sum."""

    __slots__ = ("histogram", "sum")

    def __init__(self) -> None:
        self.histogram = Histogram()
        self.sum = 0.0

    def add(self, seconds: float) -> None:
        """Add one request."""
        self.histogram.counts[index(seconds)] += 1
        self.sum += seconds


class Pacing:
    """What one worker's lane has measured. `spent` has, by capability, what legacy and modern took since the start: to
    the answer's end, or to its head where that is all that could be measured of both arms."""

    def __init__(self) -> None:
        self.spent: defaultdict[str, tuple[Spent, Spent]] = defaultdict(lambda: (Spent(), Spent()))
        self._sums: defaultdict[_Place, tuple[Sums, Sums]] = defaultdict(_both)

    def count(self, pair: Pair, epoch: Epoch, by: Slower | None) -> float | None:
        """Add one request. Without `by` its times are not held against each other. Returns by how many seconds modern
        took longer, None if that was not measured."""
        first, last = measured(pair)
        times = last or first
        if times is None:
            return None
        legacy, modern = self.spent[pair.capability]
        legacy.add(times[0])
        modern.add(times[1])
        if by is not None:
            to_head, to_end = self._sums[pair.capability, epoch, pair.operation, by]
            if first is not None:
                to_head.add(first, by, pair.at)
            if last is not None:
                to_end.add(last, by, pair.at)
        return times[1] - times[0]

    def take(self) -> list[Pace]:
        """What waits to be written; it does not wait any more."""
        waiting, self._sums = self._sums, defaultdict(_both)
        return [Pace(capability, epoch, operation, moment, *by, (one.held,), one.last)
                for (capability, epoch, operation, by), both in waiting.items()
                for moment, one in zip(Moment, both, strict=True) if one.pairs]

    def put_back(self, rows: Iterable[Pace]) -> None:
        """Keep rows that were not written, to be written with the next."""
        for row in rows:
            to_head, to_end = self._sums[row.capability, row.epoch, row.operation, Slower(row.ratio, row.plus)]
            (to_end if row.moment is Moment.LAST else to_head).join(row.total, row.last)


def _both() -> tuple[Sums, Sums]:
    """The sums of both moments: to the answer's head, and to its end."""
    return Sums(), Sums()
