"""The keys of epochs (EpochKeys), cached for the event loop. Custody makes and destroys them, in threads.

After a failure custody is not asked for a while. Meanwhile epochs have no key, and nothing is linked.
"""

import asyncio
import time
from collections.abc import Callable, Collection, Iterable
from math import inf
from typing import NamedTuple, TypeVar

from shadow.custody.base import Custody, CustodyError, CustodyRenewed
from shadow.evidence.epoch import Epoch, digest

PURPOSE = "epoch"
"""The purpose of these keys in custody."""

REST = 30.0
"""Seconds after a failure for which custody is not asked."""

FRESH = 1.0
"""Seconds for which a key is used before custody is looked at again: another process may have destroyed it."""

T = TypeVar("T")


def scope(capability: str, epoch: Epoch) -> str:
    """The scope of an epoch's key in custody: the capability's name, a space, and the epoch's digest."""
    return f"{capability} {digest(epoch)}"


class Look(NamedTuple):
    """A look at custody at a time of the monotonic clock. `changed`: another process may have written to it since the
    look before, so keys must be forgotten. `failed`: custody did not answer, or is not asked for a while."""

    at: float
    changed: bool = False
    failed: bool = False


class EpochKeys:
    """The keys of epochs, for one event loop.

    `failures` counts the calls in which custody failed. `fault` says why the last one did, and is "" while custody is
    well. `renewals` counts how often custody was replaced."""

    def __init__(self, custody: Custody | None, rest: float = REST, fresh: float = FRESH) -> None:
        """`custody` is None if it is not open yet: see `use`. `rest` and `fresh` are as REST and FRESH."""
        self.failures = 0
        self.renewals = 0
        self.fault = ""
        self._custody = custody
        self._pause = rest
        self._fresh = fresh
        self._known: dict[tuple[str, Epoch], bytes] = {}
        self._unwanted: set[tuple[str, Epoch]] = set()
        self._generation: tuple[int, int] | None = None
        self._rest = 0.0
        self._looked = -inf
        self._forgotten = 0
        self._making = asyncio.Lock()

    @property
    def custody(self) -> str:
        """The name of the custody that the keys come from now."""
        return self._custody.name if self._custody is not None else ""

    def use(self, custody: Custody) -> None:
        """Take keys from here from now on."""
        self._custody = custody

    @property
    def any_unwanted(self) -> bool:
        """Whether keys wait to be destroyed: see `refresh`."""
        return bool(self._unwanted)

    @property
    def are_stale(self) -> bool:
        """Whether nobody has looked for so long that no key may be used before `make` or `refresh` was called."""
        return time.monotonic() - self._looked >= self._fresh

    def get(self, capability: str, epoch: Epoch) -> bytes | None:
        """The key, as it was last known; empty if custody failed; None if custody was not asked yet: see `make`."""
        return self._known.get((capability, epoch))

    async def make(self, capability: str, epoch: Epoch) -> None:
        """Fetch the key, which custody makes if there is none, and see whether it was destroyed. Raises nothing."""
        async with self._making:
            if self.are_stale or self._unwanted:
                await self._refresh()
            while (capability, epoch) not in self._known:
                forgotten = self._forgotten
                # Keys that could not be destroyed yet are destroyed before another one is made.
                waits = self._is_resting() or self._unwanted
                key = b"" if waits else await asyncio.to_thread(self._made, capability, epoch)
                # Where keys were forgotten meanwhile, this one may have been read before it was destroyed.
                if forgotten == self._forgotten:
                    self._known[capability, epoch] = key

    def destroy_soon(self, epochs: Iterable[tuple[str, Epoch]]) -> None:
        """Destroy the keys of these epochs at the next refresh, except those of capabilities that are held."""
        self._unwanted.update(epochs)

    async def refresh(self) -> None:
        """Destroy unwanted keys. Forget all keys if another process may have destroyed one. Raises nothing."""
        async with self._making:
            await self._refresh()

    async def _refresh(self) -> None:
        if not (self._known or self._unwanted or self.fault):
            self._looked = time.monotonic()
            return
        unwanted, self._unwanted = self._unwanted, set()
        look = await asyncio.to_thread(self.look, unwanted)
        if look.failed:
            self._unwanted |= unwanted
        self.heed(look)
        for one in unwanted:
            self._known.pop(one, None)

    def look(self, unwanted: Collection[tuple[str, Epoch]] = ()) -> Look:
        """Destroy these keys, and see whether another process has written to custody since the last look: see `heed`.
        Call it in a thread: it reads the file. Raises nothing. Two looks may run at once: then keys may be forgotten
        once more than is needed, and a change is never missed."""
        at = time.monotonic()
        if not self._is_resting():
            try:
                return Look(at, changed=self._destroy_and_look(unwanted))
            except CustodyError as error:
                self._fail(error)
        # A key may have been destroyed meanwhile, so none is used.
        return Look(at, changed=True, failed=True)

    def heed(self, look: Look) -> None:
        """Forget keys that may be gone."""
        self._looked = look.at
        if look.changed:
            self._known.clear()
            self._forgotten += 1
        elif not look.failed:
            for one in [one for one, key in self._known.items() if not key]:
                del self._known[one]

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

    def _destroy_and_look(self, unwanted: Iterable[tuple[str, Epoch]]) -> bool:
        """Destroy these keys, and look whether another process has written since the last time."""
        def seen(custody: Custody) -> tuple[int, int]:
            generation = custody.generation
            if unwanted:
                held = custody.holds()
                for capability, epoch in unwanted:
                    if capability not in held:
                        custody.destroy(PURPOSE, scope(capability, epoch))
            return generation

        before, self._generation = self._generation, self._asked(seen)
        return before != self._generation

    def other(self, does: Callable[[Custody], T]) -> T | None:
        """What `does` returns for the custody, which is asked for keys of another purpose; None if it fails. Call it in
        a thread. Raises nothing."""
        if self._is_resting():
            return None
        try:
            return self._asked(does)
        except CustodyError as error:
            self._fail(error)
            return None

    def held(self) -> frozenset[str] | None:
        """The capabilities under a hold; None if custody fails. Call it in a thread: it reads the file. Raises
        nothing."""
        return self.other(lambda custody: frozenset(custody.holds()))

    def _asked(self, what: Callable[[Custody], T]) -> T:
        """The answer of custody, which is asked once more if it was just replaced. Raises CustodyError."""
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
