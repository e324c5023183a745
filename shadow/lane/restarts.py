"""How often a person has begun the evidence of each capability anew, as the store says: a part of the epoch."""

import asyncio
from collections.abc import Mapping

from shadow.stores.base import Store, restarts_of


class Restarts:
    """The numbers of a store's latest restarts, as they were last seen. It belongs to one event loop; `look` may be
    called in a thread, one call at a time."""

    def __init__(self) -> None:
        self._numbers: Mapping[str, int] | None = None

    @property
    def are_known(self) -> bool:
        """Whether the store was looked at once. Until then no epoch can be told."""
        return self._numbers is not None

    def of(self, capability: str) -> int:
        """How often the evidence of a capability was begun anew."""
        return 0 if self._numbers is None else self._numbers.get(capability, 0)

    def look(self, store: Store) -> None:
        """Ask the store, which may block. If it cannot answer, the numbers last seen stay. Raises nothing."""
        try:
            self._numbers = restarts_of(store)
        except Exception:
            # Whatever a third party's store raises: no exchange is lost, and the store is asked again at the next
            # write. Its own failures are reported there.
            self._numbers = self._numbers or {}

    async def make_known(self, store: Store | None) -> None:
        """Ask the store if that was never done. Without a store nothing was begun anew."""
        if self._numbers is None and store is not None:
            await asyncio.to_thread(self.look, store)
