"""Spreads connections over the workers of one gateway, which accept them from one listening socket.

The kernel wakes every worker that waits at the socket, and left alone the first would take all who wait there. So each
worker writes how many connections it has to memory that all of them share, and takes another one only if it then has
at most two more than the one that has the fewest, or an eighth more than the mean. So, from four connections a worker
on, no worker has more than one and a half times the mean.

By this rule alone, a worker that answers soon, as one does that can only refuse, would get most short connections. So
one that has accepted more than one and a half times the mean in the last second or two takes none, and does not count.

No process hands out connections, so none can be missed. A worker that does not come for those that are due to it, since
it has died, is stopped or is busy, is left out until it looks again.
"""

import mmap
import time
from collections.abc import Callable

# In place of a worker's connections: it has not begun yet, or it takes none now.
_EXPECTED, _CLOSED = -2, -1
# A worker may have this many connections more than the one with the fewest,
_MORE = 2
# or more than the mean by this part of it: one in so many.
_PART = 8
# Each worker has a cache line of numbers: the first is how many connections it has,
_NUMBERS = 8
# this one how often it has looked,
_LOOKS = 1
# and these: a second of the clock, and how many connections it accepted in that second and in the one before.
_SECOND, _NOW, _BEFORE = 2, 3, 4
_BYTES = 8
# A worker may have accepted so many times the mean lately, and this many more.
_TIMES, _FREE = 1.5, 16


def shared_counts(workers: int) -> mmap.mmap:
    """Memory for the numbers of this many workers. Processes that are forked later share it."""
    memory = mmap.mmap(-1, workers * _NUMBERS * _BYTES)
    numbers = memoryview(memory).cast("q")
    for worker in range(workers):
        numbers[worker * _NUMBERS] = _EXPECTED
    return memory


class Spread:
    """Which worker has how many connections, as one worker sees it."""

    def __init__(self, memory: mmap.mmap, worker: int, clock: Callable[[], float] = time.monotonic) -> None:
        """`memory` is what `shared_counts` made, `worker` the place of this worker in it."""
        self._clock = clock
        self._numbers = memoryview(memory).cast("q")
        self._mine = worker * _NUMBERS
        self._others = [place for place in range(0, len(self._numbers), _NUMBERS) if place != self._mine]
        # Workers that are left out, and how often each had looked by then.
        self._absent: dict[int, int] = {}
        self._open = False

    def all_have_begun(self) -> bool:
        """Whether every worker has begun, even if it has ended since."""
        return all(self._numbers[place] != _EXPECTED for place in self._others)

    def report(self, connections: int) -> None:
        """This worker has so many connections now. Others see that it has looked: it is well."""
        if self._open:
            self._numbers[self._mine] = connections
            self._numbers[self._mine + _LOOKS] += 1

    def close(self) -> None:
        """This worker takes no connections until it asks again whether one is due to it."""
        self._open = False
        self._numbers[self._mine] = _CLOSED

    def asks(self, connections: int) -> bool:
        """Report as in `report`, also after `close`, and say whether this worker takes the next connection."""
        numbers, mine, absent = self._numbers, self._mine, self._absent
        self._open = True
        numbers[mine] = connections
        numbers[mine + _LOOKS] += 1
        second = int(self._clock())
        lately = {place: self._lately(place, second) for place in self._others
                  if numbers[place] >= 0 and absent.get(place) != numbers[place + _LOOKS]}
        lately[mine] = self._lately(mine, second)
        most = _TIMES * sum(lately.values()) / len(lately) + _FREE
        if lately[mine] > most:
            return False
        counts = [numbers[place] for place, number in lately.items() if number <= most]
        return connections < min(counts) + _MORE or (
            (connections + 1) * len(counts) * _PART <= (sum(counts) + 1) * (_PART + 1))

    def accepted(self) -> None:
        """This worker has accepted a connection."""
        numbers, mine, second = self._numbers, self._mine, int(self._clock())
        passed = second - numbers[mine + _SECOND]
        if passed:
            numbers[mine + _BEFORE] = numbers[mine + _NOW] if passed == 1 else 0
            numbers[mine + _NOW] = 0
            numbers[mine + _SECOND] = second
        numbers[mine + _NOW] += 1

    def _lately(self, place: int, second: int) -> int:
        """How many connections a worker accepted in this second of the clock and the one before."""
        numbers = self._numbers
        passed = second - numbers[place + _SECOND]
        return (numbers[place + _NOW] if passed < 2 else 0) + (0 if passed else numbers[place + _BEFORE])

    def looks(self) -> dict[int, int]:
        """How often each of the other workers has looked."""
        return {place: self._numbers[place + _LOOKS] for place in self._others}

    def leave_out(self, looks: dict[int, int]) -> None:
        """Leave out the workers that have not looked since `looks` was taken, until they look again."""
        self._absent = {place: count for place, count in looks.items() if self._numbers[place + _LOOKS] == count}
