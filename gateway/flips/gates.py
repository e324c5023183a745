"""Which moves need evidence (Step), and what the gate's answer makes of them. Pure.

A step forward after which modern serves nothing, as one to shadow, needs none: there can be none before. A step back
needs nothing at all.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.flips.base import FlipError, NoEvidence, Position, Refused
from gateway.flips.precedence import is_ahead
from gateway.stage import Stage
from shadow.evidence.criteria import Answer

SAFE = "safe"
"""The gate said SAFE."""
FORCED = "forced"
"""The gate did not, and a person made the step all the same."""
UNGATED = "ungated"
"""No gate was asked."""

_WHOLE = 10_000


@dataclass(frozen=True, slots=True)
class Step:
    """A step that needs evidence: the share of clients whose reads modern serves afterwards, 0.0 if reads do not go
    forward, and whether writes do."""

    share: float
    writes: bool = False


def step(before: Position, after: Position) -> Step | None:
    """The step forward that a move makes, None if it needs no evidence."""
    reads = _served(after.reads, after.share) if is_ahead(
        after.reads, after.share, before.reads, before.share) else 0
    writes = is_ahead(after.writes, after.share, before.writes, before.share) and _served(after.writes, after.share) > 0
    return Step(reads / _WHOLE, writes) if reads or writes else None


def objection(wanted: Step, known: Mapping[str, Any]) -> FlipError | None:
    """What the gate has against a step, given the verdict on it (gateway.flips.snapshot); None if it is SAFE."""
    if wanted.writes:
        return NoEvidence(f"{Answer.NOT_ENOUGH} for writes: no mode compares writes yet")
    if "unread" in known:
        return NoEvidence(f"{Answer.NOT_ENOUGH}: the evidence is unread, {known['unread']}")
    if known["answer"] == Answer.SAFE:
        return None
    return (Refused if known["answer"] == Answer.NOT_SAFE else NoEvidence)(str(known["says"]))


def _served(stage: Stage, share: int) -> int:
    """The share of clients that modern serves at a stage, in 1/10,000."""
    if stage is Stage.CANARY:
        return share
    return 0 if stage in (Stage.LEGACY, Stage.SHADOW) else _WHOLE
