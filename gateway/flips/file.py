"""Stages as routes.yaml says them: the implementation that `figway serve` uses today."""

from collections.abc import Mapping
from types import MappingProxyType

from gateway.flips.base import Flip, FlipError, Snapshot, StagePair
from gateway.flips.held import Held


class FileStages:
    """Stages as routes.yaml says them. They change only when another file is put in force."""

    def __init__(self, revision: str, stages: Mapping[str, StagePair]) -> None:
        """`revision` is that of the configuration in force."""
        self._held = Held(Snapshot(revision, MappingProxyType(dict(stages))))

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
