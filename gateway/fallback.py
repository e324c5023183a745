"""When legacy answers in modern's place: how often it may for single failures, and how long modern is waited for."""

from bisect import bisect_left

from shadow.latency import BOUNDS, Histogram

_TIMES = 10
_PATIENCE = 2.0, 30.0
_UNKNOWN = 5.0
_MANY = 4096


class Budget:
    """How many fallbacks a capability may make: a fifth of its calls of the last ten seconds, and ten more. A modern
    that is ejected is passed by without it."""

    __slots__ = ("_calls", "_since", "_spent")

    def __init__(self) -> None:
        self._since = 0.0
        self._calls = self._spent = 0

    def call(self, now: float) -> None:
        """A call that may need a fallback."""
        if now - self._since > 10.0:
            self._since, self._calls, self._spent = now, 0, 0
        self._calls += 1

    def spend(self) -> bool:
        """Whether one more fallback is within the budget; if so it is spent."""
        if self._spent >= 10 + self._calls // 5:
            return False
        self._spent += 1
        return True


class Pace:
    """How fast legacy answers one operation. `patience` is how many seconds modern is waited for there: ten times
    legacy's median, within 2 s and 30 s; 5 s until legacy has answered once. What is slow by nature is slow in legacy
    too, and is no hang."""

    __slots__ = ("_counts", "_next", "_total", "patience")

    def __init__(self) -> None:
        self._counts = Histogram()
        self._total = 0
        self._next = 1
        self.patience = _UNKNOWN

    def add(self, seconds: float) -> None:
        """Legacy has answered."""
        self._counts.counts[bisect_left(BOUNDS, seconds)] += 1
        self._total += 1
        if self._total < self._next:
            return
        median = self._counts.quantile(0.5) or 0.0
        self.patience = min(max(median * _TIMES, _PATIENCE[0]), _PATIENCE[1])
        if self._total >= _MANY:
            # What was long ago counts for less and less.
            self._counts = Histogram(count // 2 for count in self._counts.counts)
            self._total = self._counts.total
        # The median is looked for now and then: the more is known, the more seldom.
        self._next = self._total + max(1, self._total // 8)
