"""The keys of epochs, as the event loop has them at hand: made, found destroyed, and destroyed, in threads.

Custody that fails is left alone for a while, and an epoch has no key meanwhile: what needs one goes without.
"""

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import TypeVar

from shadow.custody.base import Custody, CustodyError, CustodyRenewed
from shadow.evidence.epoch import Epoch, digest

PURPOSE = "epoch"
"""What such keys are for, in custody."""

REST = 30.0
"""Seconds for which custody that failed is not asked again."""

T = TypeVar("T")


def scope(capability: str, epoch: Epoch) -> str:
    """What custody knows an epoch's key by. The capability's name is all before the space."""
    return f"{capability} {digest(epoch)}"


class EpochKeys:
    """The keys of epochs. All but threads of its own is of one event loop. `failures` counts what custody refused,
    `fault` says why it does now ("" while it is well), `renewals` counts the times that its file was replaced."""

    def __init__(self, custody: Custody | None, rest: float = REST) -> None:
        """None of a custody that is yet to be opened: see `use`."""
        self.failures = 0
        self.renewals = 0
        self.fault = ""
        self._custody = custody
        self._pause = rest
        self._known: dict[tuple[str, Epoch], bytes] = {}
        self._doomed: set[tuple[str, Epoch]] = set()
        self._generation: tuple[int, int] | None = None
        self._rest = 0.0
        self._making = asyncio.Lock()

    @property
    def custody(self) -> str:
        """The name of the custody that keys are of now."""
        return self._custody.name if self._custody is not None else ""

    def use(self, custody: Custody) -> None:
        """Take keys from here from now on."""
        self._custody = custody

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
        if not (self._known or self._doomed or self.fault) or self._is_resting():
            return
        async with self._making:
            for one in [one for one, key in self._known.items() if not key]:
                del self._known[one]
            doomed, self._doomed = self._doomed, set()
            try:
                stale = await asyncio.to_thread(self._changed, doomed)
            except CustodyError as error:
                # Nobody knows whether a key is still there, so none is used.
                stale = True
                self._doomed |= doomed
                self._fail(error)
            if stale:
                self._known.clear()
            for one in doomed:
                self._known.pop(one, None)

    def _made(self, capability: str, epoch: Epoch) -> bytes:
        try:
            return self._asked(lambda custody: self._key(custody, capability, epoch))
        except CustodyError as error:
            self._fail(error)
            return b""

    def _key(self, custody: Custody, capability: str, epoch: Epoch) -> bytes:
        if self._generation is None:
            self._generation = custody.generation
        return custody.key(PURPOSE, scope(capability, epoch), time.time())

    def _changed(self, doomed: Iterable[tuple[str, Epoch]]) -> bool:
        """Destroy keys; whether another process has written since this was last asked."""
        def seen(custody: Custody) -> tuple[int, int]:
            generation = custody.generation
            if doomed:
                held = custody.holds()
                for capability, epoch in doomed:
                    if capability not in held:
                        custody.destroy(PURPOSE, scope(capability, epoch))
            return generation

        before, self._generation = self._generation, self._asked(seen)
        return before != self._generation

    def held(self) -> frozenset[str] | None:
        """What is held, None where custody fails to say. For a thread: it reads the file. Raises nothing."""
        if self._is_resting():
            return None
        try:
            return self._asked(lambda custody: frozenset(custody.holds()))
        except CustodyError as error:
            self._fail(error)
            return None

    def _asked(self, what: Callable[[Custody], T]) -> T:
        """What custody says; asked again where it is another file now. Raises CustodyError."""
        if self._custody is None:
            raise CustodyError("the custody file is not open")
        try:
            found = what(self._custody)
        except CustodyRenewed:
            self.renewals += 1
            found = what(self._custody)
        self.fault = ""
        return found

    def _fail(self, error: CustodyError) -> None:
        self.failures += 1
        self.fault = str(error)
        self._rest = time.monotonic() + self._pause

    def _is_resting(self) -> bool:
        return time.monotonic() < self._rest
