"""Deadlines for many short waits, at the price of a timer that is set but once in a while.

`asyncio.timeout` sets and cancels a timer of the event loop for each wait, which costs more than most of what the
lane does about a mirror. Hardly any wait ever takes as long as it may: one timer rings for the first that could.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from math import inf
from typing import TypeVar

Answer = TypeVar("Answer")

_EARLY = 0.001
"""Seconds by which a timer may ring before its time: uvloop counts whole milliseconds."""


class Deadlines:
    """Waits of one event loop. A task waits for one thing at a time."""

    def __init__(self) -> None:
        self._due: dict[Hashable, tuple[float, Callable[[], object]]] = {}
        self._rings = inf
        self._timer: asyncio.TimerHandle | None = None

    def set(self, wait: Hashable, seconds: float, over: Callable[[], object]) -> None:
        """Have `over` called once `wait` has taken longer than `seconds`."""
        due = asyncio.get_running_loop().time() + seconds
        self._due[wait] = due, over
        if due < self._rings:
            self._ring_at(due)

    def met(self, wait: Hashable) -> bool:
        """It is over; whether it still was in time."""
        return self._due.pop(wait, None) is not None

    async def within(self, seconds: float, work: Awaitable[Answer]) -> Answer:
        """What `work` comes to. Raises TimeoutError, and cancels it, where that takes longer than `seconds`."""
        task = asyncio.current_task()
        assert task is not None
        self.set(task, seconds, task.cancel)
        try:
            return await work
        except asyncio.CancelledError:
            if task in self._due or task.cancelling() > 1:
                raise  # somebody else's doing, or somebody else's too
            raise TimeoutError from None
        finally:
            if not self.met(task):
                task.uncancel()

    def _ring_at(self, rings: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._rings = rings
        self._timer = asyncio.get_running_loop().call_at(rings, self._ring)

    def _ring(self) -> None:
        """End what is overdue. Which wait was to be the first has long been answered, most of the time."""
        now = asyncio.get_running_loop().time() + _EARLY
        self._rings = inf
        self._timer = None
        for wait, (due, over) in list(self._due.items()):
            if due <= now and self.met(wait):
                over()
        if self._due:
            self._ring_at(min(due for due, _ in self._due.values()))
