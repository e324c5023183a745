"""Stages, and which arm serves and which is mirrored at each, for safe and for unsafe calls. Only this file says so.

Control is always the legacy arm, whichever serves. "split" means that the capability's split decides, call by call.
"""

from dataclasses import dataclass
from enum import StrEnum


class Stage(StrEnum):
    """How far a capability has moved."""

    LEGACY = "legacy"
    SHADOW = "shadow"
    CANARY = "canary"
    VERIFY = "verify"
    MODERN = "modern"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class Roles:
    """Who serves ("legacy", "modern" or "split"), whether the other arm is mirrored (if `shadow` samples the call), and
    whether legacy answers when modern serves and fails."""

    serve: str
    mirror: bool
    fallback: bool


READS: dict[Stage, Roles] = {
    Stage.LEGACY: Roles("legacy", mirror=False, fallback=False),
    Stage.SHADOW: Roles("legacy", mirror=True, fallback=False),
    Stage.CANARY: Roles("split", mirror=True, fallback=True),
    Stage.VERIFY: Roles("modern", mirror=True, fallback=False),
    Stage.MODERN: Roles("modern", mirror=False, fallback=False),
    Stage.RETIRED: Roles("modern", mirror=False, fallback=False),
}

# A write is never mirrored, because modern would then write too. It never falls back either.
WRITES: dict[Stage, Roles] = {
    Stage.LEGACY: Roles("legacy", mirror=False, fallback=False),
    Stage.CANARY: Roles("split", mirror=False, fallback=False),
    Stage.MODERN: Roles("modern", mirror=False, fallback=False),
    Stage.RETIRED: Roles("modern", mirror=False, fallback=False),
}


def roles(stage: Stage, *, safe: bool) -> Roles:
    """The roles of both arms. `stage` is the stage for reads if `safe`, otherwise the stage for writes.
    Raises KeyError for a stage that writes do not have."""
    return (READS if safe else WRITES)[stage]
