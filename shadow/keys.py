"""The keys of epochs, as the event loop has them at hand: made, found destroyed, and destroyed, in threads.

Custody that fails is left alone for a while, and an epoch has no key meanwhile: what needs one goes without.
"""

import asyncio
import time
from collections.abc import Iterable

from shadow.custody import Custody, CustodyError
from shadow.stratum import Epoch, digest

PURPOSE = "epoch"
"""What such keys are for, in custody."""

REST = 30.0
"""Seconds for which custody that failed is not asked again."""


def scope(capability: str, epoch: Epoch) -> str:
    """What custody knows an epoch's key by. The capability's name is all before the space."""
    return f"{capability} {digest(epoch)}"


class Keys:
    """The keys of epochs. All but threads of its own is of one event loop. `failures` counts what custody refused."""

    def __init__(self, custody: Custody, rest: float = REST) -> None:
        self.failures = 0
        self._custody = custody
        self._pause = rest
        self._known: dict[tuple[str, Epoch], bytes] = {}
        self._doomed: set[tuple[str, Epoch]] = set()
        self._generation: int | None = None
        self._rest = 0.0
        self._making = asyncio.Lock()

    def get(self, capability: str, epoch: Epoch) -> bytes | None:
        """The key; empty where custody fails; None where it is yet to be asked for."""
        return self._known.get((capability, epoch))

    async def make(self, capability: str, epoch: Epoch) -> None:
        """Have the key at hand, made if there is none. Raises nothing."""
        async with self._making:
            if (capability, epoch) not in self._known:
                key = b"" if self._is_resting() else await asyncio.to_thread(self._made, capability, epoch)
                self._known[capability, epoch] = key

    def doom(self, epochs: Iterable[tuple[str, Epoch]]) -> None:
        """Have the keys of these epochs destroyed at the next refresh, but for capabilities that are held."""
        self._doomed.update(epochs)

    async def refresh(self) -> None:
        """Destroy what is doomed; forget all keys where another process may have destroyed one. Raises nothing."""
        if not (self._known or self._doomed) or self._is_resting():
            return
        async with self._making:
            for one in [one for one, key in self._known.items() if not key]:
                del self._known[one]
            doomed, self._doomed = self._doomed, set()
            try:
                stale = await asyncio.to_thread(self._changed, doomed)
            except CustodyError:
                # Nobody knows whether a key is still there, so none is used.
                stale = True
                self._doomed |= doomed
                self._fail()
            if stale:
                self._known.clear()
            for one in doomed:
                self._known.pop(one, None)

    def _made(self, capability: str, epoch: Epoch) -> bytes:
        try:
            if self._generation is None:
                self._generation = self._custody.generation
            return self._custody.key(PURPOSE, scope(capability, epoch), time.time())
        except CustodyError:
            self._fail()
            return b""

    def _changed(self, doomed: Iterable[tuple[str, Epoch]]) -> bool:
        """Destroy keys; whether another process has written since this was last asked."""
        generation = self._custody.generation
        if doomed:
            held = self._custody.holds()
            for capability, epoch in doomed:
                if capability not in held:
                    self._custody.destroy(PURPOSE, scope(capability, epoch))
        changed = generation != self._generation
        self._generation = generation
        return changed

    def held(self) -> frozenset[str] | None:
        """What is held, None where custody fails to say. For a thread: it reads the file. Raises nothing."""
        if self._is_resting():
            return None
        try:
            return frozenset(self._custody.holds())
        except CustodyError:
            self._fail()
            return None

    def _fail(self) -> None:
        self.failures += 1
        self._rest = time.monotonic() + self._pause

    def _is_resting(self) -> bool:
        return time.monotonic() < self._rest
