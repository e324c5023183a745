"""The contract of Stages: it keeps a gateway's stages, flips them, and informs the gateway of changes.

Each change of any stage makes a new revision. A flip names the revision that it was decided on. So if two people flip
at the same time, neither undoes the other's flip unnoticed: the second is refused with Conflict. Each implementation
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
    """All stages at one moment, by capability. `revision` is opaque: equal, and nothing has changed."""

    revision: str
    stages: Mapping[str, StagePair]


@dataclass(frozen=True, slots=True)
class Flip:
    """A change of one capability's stages: to which, who wants it, and why."""

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
        """The stages of now."""
        ...

    def flip(self, flip: Flip, revision: str) -> Snapshot:
        """Make the flip if the stages are still at `revision`, and return the new stages. Raises FlipError."""
        ...

    async def watch(self, revision: str) -> Snapshot:
        """Wait until the stages are at another revision than `revision`: the stages then. Revisions in between may be
        skipped."""
        ...
