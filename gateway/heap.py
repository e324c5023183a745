"""Gives memory back to the system that the C library keeps after a burst.

glibc keeps freed blocks for later, by itself up to some 64 MiB, and more where blocks that are still in use lie above
them. To look for them takes up to a third of a millisecond for each MiB that is free, in which the process can allocate
nothing. So it is done while there is little else to do. With another C library nothing is done.
"""

import ctypes
from collections.abc import Callable
from functools import cache
from math import inf

from gateway.own_thread import OwnThread

# The processor's share of a second up to which there is little to do.
_LITTLE = 0.1
# Seconds of the processor's time, and seconds, that must have passed since the last time.
_WORK, _REST = 0.5, 10.0


@cache
def _trim() -> Callable[[int], int] | None:
    """glibc's malloc_trim; None if the C library is another one."""
    trim: Callable[[int], int] | None = getattr(ctypes.CDLL(None), "malloc_trim", None)
    return trim


def give_back() -> None:
    """Give back what can be given back, now."""
    if (trim := _trim()) is not None:
        trim(0)


class Heap:
    """Gives memory back after work, in the next second in which the process has little to do."""

    def __init__(self, give: Callable[[], None] = give_back) -> None:
        self._give = give
        # The two times when memory was given back last, and those at the last look. The first look only takes note.
        self._given, self._looked = (-inf, 0.0), (inf, 0.0)

    async def look(self, now: float, worked: float) -> None:
        """Give memory back, in a thread, if this is a good time for it. Called about once a second, with the time now
        and the processor's time that this process has used."""
        (before, worked_before), self._looked = self._looked, (now, worked)
        given, worked_by_then = self._given
        little = worked - worked_before < _LITTLE * (now - before)
        if little and now - given >= _REST and worked - worked_by_then >= _WORK:
            self._given = now, worked
            # Not a thread that others share: if those hung, the caller would too.
            await OwnThread(self._give).soon()
