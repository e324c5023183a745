"""The words of flips (Position, Override, Latch, Stand, State, Flip), and the contract of Stages, which keeps them.

Where a capability is, is said by three: a guard's latch, else an override, else routes.yaml. `gateway.flips.precedence`
says how they come together, `gateway.flips.steps` what a flip makes of them, `gateway.flips.record` how it is recorded.

Each change makes a new revision, and the order of changes is that of their revisions: no clock decides. A flip names
the revision that it was decided on. If the same capability has been changed since, the flip is refused with Conflict,
so that it does not undo a change unnoticed. Each implementation of Stages must pass
`gateway.flips.testing.check_stages`.

Requests are decided by the positions in the route table (pipeline.table). `gateway.inforce.InForce` copies each change
to that table.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from gateway.flips.record import ORIGIN, Record
from gateway.stage import Stage

UNASKED: Mapping[str, Any] = MappingProxyType({})
"""No evidence of any capability: no gate was asked."""


class Position(NamedTuple):
    """Where a capability is: the stages of its reads and of its writes, and the share of its keys that canary gives to
    modern, in 1/10,000 (0 without a split)."""

    reads: Stage
    writes: Stage
    share: int = 0


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: a name, the role in which, and the way by which the act came: "socket", "tcp", "file" (a reload),
    "guard", "clock" (an expiry) or "start"."""

    name: str
    role: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Override:
    """What a person has said of a capability on top of routes.yaml. A part that is None is left to the file. `at` and
    `expires` (None: never) are in seconds since 1970, by the store's clock; `revision` is that of the flip."""

    reads: Stage | None
    writes: Stage | None
    share: int | None
    author: str
    reason: str
    at: float
    expires: float | None
    revision: int


@dataclass(frozen=True, slots=True)
class Latch:
    """What a guard has said of a capability. It beats everything else until a person resumes. A part that is None is
    left to the override and the file."""

    reads: Stage | None
    writes: Stage | None
    guard: str
    reason: str
    at: float
    revision: int


@dataclass(frozen=True, slots=True)
class Stand:
    """All that is known of where one capability is. `file` is what routes.yaml says; `changed` is the revision of the
    last change."""

    file: Position
    override: Override | None = None
    latch: Latch | None = None
    changed: int = 0


@dataclass(frozen=True, slots=True)
class State:
    """All capabilities at one moment, by name. `name` is that of the store, `revision` that of the last change. The
    journal has `length` records, the last one with the digest `head`. `next` is in how many seconds after the reading
    the next override expires, None if none does."""

    name: str
    revision: int
    stands: Mapping[str, Stand]
    length: int = 0
    head: str = ORIGIN
    next: float | None = field(default=None, compare=False)


class Kind(StrEnum):
    """What a flip does. `TRIP` is a guard's."""

    FLIP = "flip"
    ROLLBACK = "rollback"
    TO_FILE = "to_file"
    RESUME = "resume"
    TRIP = "trip"


@dataclass(frozen=True, slots=True)
class Flip:
    """A wanted change of one capability: what, who and why. A part that is None stays as it is. `lasts` is after how
    many seconds the override expires, None for never. `revision` is that which the flip was decided on, None for any.
    `evidence` is what was known at that time, `detail` whatever else belongs into the record; both hold JSON-ready
    values."""

    kind: Kind
    capability: str
    actor: Actor
    reason: str
    reads: Stage | None = None
    writes: Stage | None = None
    share: int | None = None
    lasts: float | None = None
    revision: int | None = None
    evidence: Any = None
    correlation: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)


class FlipError(Exception):
    """The flip was not made, and nothing has changed. The message says why, for people, in one line. `status` is the
    exit status of the command, `code` a word for scripts."""

    status = 1
    code = "refused"


class Refused(FlipError):
    """A gate, or a missing role, does not allow the flip."""


class BadFlip(FlipError):
    """The flip cannot be made by anybody: a name, a stage, a share or a reason is wrong, or a precondition is not
    met."""

    status, code = 2, "bad_flip"


class Already(BadFlip):
    """The capability is there already, and the flip would change nothing."""

    code = "already"


class NoEvidence(FlipError):
    """There is not enough evidence for the flip."""

    status, code = 3, "no_evidence"


class Conflict(FlipError):
    """Somebody else was first: the capability has changed since the revision that the flip was decided on. `record` is
    that change."""

    status, code = 4, "conflict"

    def __init__(self, message: str, record: Record | None = None) -> None:
        super().__init__(message)
        self.record = record


class OutOfReach(FlipError):
    """The store of the stages, or the gateway, cannot be reached."""

    status, code = 5, "out_of_reach"


class Stages(Protocol):
    """Where one gateway's capabilities stand. All methods but `watch` may block on a store's file, and may be called
    in any thread. All but `fault` raise OutOfReach if the store cannot be used."""

    @property
    def fault(self) -> str:
        """Why the store cannot be read now; "" if it can. While it cannot, the last state stays in force."""
        ...

    def read(self) -> State:
        """The present state."""
        ...

    def flip(self, flip: Flip) -> tuple[State, Record]:
        """Make a flip, and record it in the same transaction. Raises FlipError; then it has changed nothing but the
        journal, which has the refusal, unless it is Already."""
        ...

    def refuse(self, flip: Flip, error: FlipError) -> Record:
        """Record that a flip was refused before it came here."""
        ...

    def adopt(
        self, files: Mapping[str, Position], actor: Actor, known: Mapping[str, Any] = UNASKED,
    ) -> State:
        """Another routes.yaml is in force: these are its positions. Ends the overrides that it ends, and records each
        change. `known` is the evidence of the capabilities that the gate found SAFE. Changes nothing if the positions
        are known already."""
        ...

    def expire(self) -> State:
        """End the overrides that have expired by the store's clock, and record that."""
        ...

    def took(self, writes: Mapping[tuple[str, str], int]) -> None:
        """Add to the counts of writes that modern took, or may have taken, by capability and operation. A flip that
        takes the writes of a capability from modern records them, and begins anew."""
        ...

    def history(self, capability: str | None = None, most: int = 100) -> list[Record]:
        """The newest records of the journal, the newest first: of one capability, or all."""
        ...

    async def watch(self, revision: int) -> State:
        """Wait until the state has another revision than `revision`, and return it. Revisions in between may be
        skipped. Faults are not raised: this waits until the store can be read again."""
        ...

    def close(self) -> None:
        """Release all resources. Nothing may be called afterwards."""
        ...
