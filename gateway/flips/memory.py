"""Stages in the memory of one process: those that routes.yaml says, or, for tests, those that were flipped to."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from gateway.flips.base import Conflict, Flip, FlipError, Snapshot, StagePair, UnknownCapability


class FileStages:
    """Stages as routes.yaml says them. They change when another file is put in force, and by nothing else."""

    def __init__(self, revision: str, stages: Mapping[str, StagePair]) -> None:
        """`revision` is that of the configuration in force."""
        self._held = _Held(Snapshot(revision, MappingProxyType(dict(stages))))

    def put(self, revision: str, stages: Mapping[str, StagePair]) -> None:
        """Another file is in force: these are the stages now."""
        self._held.put(Snapshot(revision, MappingProxyType(dict(stages))))

    def read(self) -> Snapshot:
        """See Stages."""
        return self._held.snapshot

    def flip(self, flip: Flip, revision: str) -> Snapshot:
        """Always raises FlipError."""
        raise FlipError(f"the stages of this gateway are kept in routes.yaml: write `stage: {flip.to.reads}` under "
                        f"{flip.capability} there, and it is reloaded")

    async def watch(self, revision: str) -> Snapshot:
        """See Stages."""
        return await self._held.other_than(revision)


class MemoryStages:
    """Stages that can be flipped, and are forgotten when the process ends."""

    def __init__(self, stages: Mapping[str, StagePair]) -> None:
        self._flips = 0
        self._held = _Held(Snapshot("0", MappingProxyType(dict(stages))))

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


class _Held:
    """A snapshot that others wait to see replaced, all in one event loop."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self._changed = asyncio.Event()

    def put(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        # Whoever waits is woken by this event; whoever comes later waits for the next.
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def other_than(self, revision: str) -> Snapshot:
        while self.snapshot.revision == revision:
            await self._changed.wait()
        return self.snapshot
