"""Stages in the memory of one process: for tests, which flip them."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from gateway.flips.base import Conflict, Flip, Snapshot, StagePair, UnknownCapability
from gateway.flips.held import Held


class MemoryStages:
    """Stages that can be flipped, and are forgotten when the process ends."""

    def __init__(self, stages: Mapping[str, StagePair]) -> None:
        self._flips = 0
        self._held = Held(Snapshot("0", MappingProxyType(dict(stages))))

    def read(self) -> Snapshot:
        """See Stages."""
        return self._held.snapshot

    def flip(self, flip: Flip, revision: str) -> Snapshot:
        """See Stages."""
        now = self._held.snapshot
        if revision != now.revision:
            raise Conflict(f"the stages have changed since revision {revision}: read them again")
        if flip.capability not in now.stages:
            raise UnknownCapability(f'there is no capability "{flip.capability}"')
        self._flips += 1
        stages = MappingProxyType({**now.stages, flip.capability: flip.to})
        self._held.put(replace(now, revision=str(self._flips), stages=stages))
        return self._held.snapshot

    async def watch(self, revision: str) -> Snapshot:
        """See Stages."""
        return await self._held.other_than(revision)
