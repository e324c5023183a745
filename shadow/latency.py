"""A histogram of latencies that is cheap to add to and can be merged: logarithmic buckets, four for each doubling.

The bounds run from 50 µs to past 100 s. Between them, a quantile is off by at most some 9 %, which is half a bucket.
Histograms of several workers and several seconds add up bucket by bucket.
"""

from bisect import bisect_left
from collections.abc import Iterable

BOUNDS: tuple[float, ...] = tuple(50e-6 * 2 ** (step / 4) for step in range(85))
"""Upper bounds of the buckets, in seconds. One more bucket counts everything above the last."""

SIZE = len(BOUNDS) + 1


def index(seconds: float) -> int:
    """The bucket of a latency, from 0 to SIZE - 1, for hot paths that keep a bare list of ints."""
    return bisect_left(BOUNDS, seconds)


class Histogram:
    """Counts by bucket. `counts` is a list of SIZE ints; hot paths may add to it directly, by `index`."""

    __slots__ = ("counts",)

    def __init__(self, counts: Iterable[int] | None = None) -> None:
        """Raises ValueError if `counts` does not have SIZE entries."""
        self.counts: list[int] = [0] * SIZE if counts is None else list(counts)
        if len(self.counts) != SIZE:
            raise ValueError(f"a latency histogram has {SIZE} buckets, not {len(self.counts)}")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Histogram) and self.counts == other.counts

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Histogram(total={self.total})"

    @property
    def total(self) -> int:
        """How many latencies were added."""
        return sum(self.counts)

    def add(self, seconds: float, times: int = 1) -> None:
        """Count a latency, as often as `times` says."""
        self.counts[bisect_left(BOUNDS, seconds)] += times

    def merge(self, other: "Histogram") -> None:
        """Add another histogram's counts to this one's."""
        self.counts = [mine + theirs for mine, theirs in zip(self.counts, other.counts, strict=True)]

    def quantile(self, q: float) -> float | None:
        """The latency in seconds below which a share `q` (0 to 1) lies: the geometric middle of its bucket, or in the
        first and last bucket its bound. None if nothing was added."""
        rank, seen = q * self.total, 0
        if not self.total:
            return None
        for bucket, count in enumerate(self.counts):
            seen += count
            if count and seen >= rank:
                return BOUNDS[min(bucket, len(BOUNDS) - 1)] * (2 ** -0.125 if 0 < bucket < len(BOUNDS) else 1)
        return BOUNDS[-1]
