"""The stages that a process holds in memory, and how it waits until they are replaced."""

import asyncio

from gateway.flips.base import Snapshot


class Held:
    """A snapshot, and those who wait until it is replaced, all in one event loop."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self._changed = asyncio.Event()

    def put(self, snapshot: Snapshot) -> None:
        """Replace the snapshot, and wake all that wait."""
        self.snapshot = snapshot
        # This event wakes all present waiters; later ones wait for the next event.
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def other_than(self, revision: str) -> Snapshot:
        """Wait until the snapshot has another revision than `revision`, and return it."""
        while self.snapshot.revision == revision:
            await self._changed.wait()
        return self.snapshot
