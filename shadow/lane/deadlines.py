"""Deadlines for many short waits, with one timer for all of them.

A timer of the event loop for each wait would cost more than most of what the lane does for a mirror. Hardly any wait
takes as long as it may, so one timer is enough: it rings when the first wait could be overdue.
"""

import asyncio
from collections.abc import Callable, Hashable
from math import inf

_EARLY = 0.001
"""Seconds by which a timer may ring before its time: uvloop counts whole milliseconds."""


class Deadlines:
    """The waits of one event loop."""

    def __init__(self) -> None:
        self._due: dict[Hashable, tuple[float, Callable[[], object]]] = {}
        self._rings = inf
        self._timer: asyncio.TimerHandle | None = None

    def set(self, wait: Hashable, seconds: float, overdue: Callable[[], object]) -> None:
        """Call `overdue` once, when `wait` has taken longer than `seconds`."""
        due = asyncio.get_running_loop().time() + seconds
        self._due[wait] = due, overdue
        if due < self._rings:
            self._ring_at(due)

    def end(self, wait: Hashable) -> bool:
        """End a wait. False if it had ended already, or was overdue."""
        return self._due.pop(wait, None) is not None

    def _ring_at(self, rings: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._rings = rings
        self._timer = asyncio.get_running_loop().call_at(rings, self._ring)

    def _ring(self) -> None:
        """End the overdue waits. Usually the wait that the timer was set for has ended long ago."""
        now = asyncio.get_running_loop().time() + _EARLY
        self._rings = inf
        self._timer = None
        try:
            for wait, (due, overdue) in list(self._due.items()):
                if due <= now and self.end(wait):
                    overdue()
        finally:
            # The others wait on, even if one of these raised.
            if self._due:
                self._ring_at(min(due for due, _ in self._due.values()))
