"""The state that a process holds in memory, and how it waits until it is replaced."""

import asyncio

from gateway.flips.base import State


class Held:
    """A state, and those who wait until it is replaced, all in one event loop."""

    def __init__(self, state: State) -> None:
        self.state = state
        self._changed = asyncio.Event()

    def put(self, state: State) -> None:
        """Replace the state, and wake all that wait."""
        self.state = state
        # This event wakes all present waiters; later ones wait for the next event.
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def other_than(self, revision: int) -> State:
        """Wait until the state has another revision than `revision`, and return it."""
        while self.state.revision == revision:
            await self._changed.wait()
        return self.state
