"""The contract of Stages: it keeps a gateway's stages, flips them, and informs the gateway of changes.

Each change of a stage makes a new revision. A flip names the revision that it was decided on. If two people flip at the
same time, the second flip is refused with Conflict, so that it does not undo the first unnoticed. Each implementation
must pass `gateway.flips.testing.check_stages`.

Requests are decided by the stages in the route table (pipeline.table). `gateway.inforce.InForce.follow` copies each
change of these stages to the table.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from gateway.stage import Stage


class StagePair(NamedTuple):
    """A capability's stages: for its safe operations, and for the others."""

    reads: Stage
    writes: Stage


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All stages at one moment, by capability. `revision` is opaque: if it is the same, nothing has changed."""

    revision: str
    stages: Mapping[str, StagePair]


@dataclass(frozen=True, slots=True)
class Flip:
    """A change of one capability's stages: the new stages, who wants the change, and why."""

    capability: str
    to: StagePair
    who: str
    why: str


class FlipError(Exception):
    """The flip was not made, and nothing has changed. The message says why, for people."""


class Conflict(FlipError):
    """The stages have changed since the revision that the flip was decided on."""


class UnknownCapability(FlipError):
    """There is no capability of this name."""


class Stages(Protocol):
    """The stages of one gateway. `read` and `flip` may block on a store's file; `watch` belongs to an event loop."""

    def read(self) -> Snapshot:
        """The present stages."""
        ...

    def flip(self, flip: Flip, revision: str) -> Snapshot:
        """Make the flip if the stages are still at `revision`, and return the new stages. Raises FlipError."""
        ...

    async def watch(self, revision: str) -> Snapshot:
        """Wait until the stages are at another revision than `revision`, and return them. Revisions in between may be
        skipped."""
        ...
