"""Whether a capability can take a position: it needs the arms, the split and the shadow that its stages use."""

from collections.abc import Mapping

from gateway.capability import Capability
from gateway.flips.base import Position, Stand, State
from gateway.flips.precedence import further_back, in_force
from gateway.flips.steps import words
from gateway.stage import WRITES, Stage, roles


def written(capabilities: Mapping[str, Capability]) -> dict[str, Position]:
    """The positions that a configuration sets, by capability."""
    return {name: _written(one) for name, one in capabilities.items()}


def lacks(capability: Capability, at: Position) -> str:
    """What a capability lacks for a position, as the end of a sentence; "" if it can take it."""
    if at.writes not in WRITES:
        return f"writes have no stage {at.writes}: they can be at {', '.join(WRITES)}"
    if (at.reads is Stage.RETIRED) != (at.writes is Stage.RETIRED):
        return "reads and writes are retired together"
    asked = [roles(at.reads, safe=True), roles(at.writes, safe=False)]
    if capability.modern is None and any(one.serve != "legacy" or one.mirror for one in asked):
        return "it has no modern arm"
    if capability.legacy is None and any(one.serve != "modern" or one.mirror for one in asked):
        return "it has no legacy arm"
    if capability.split is None and Stage.CANARY in (at.reads, at.writes):
        return "it has no `split`, which canary needs"
    if capability.shadow is None and at.reads in (Stage.SHADOW, Stage.VERIFY):
        return f"it has no `shadow`, which {at.reads} needs"
    return ""


def unusable(capabilities: Mapping[str, Capability], state: State) -> dict[str, str]:
    """The capabilities whose override or latch these cannot be at, each with the reason."""
    found = {}
    for name, stand in state.stands.items():
        if stand.override is None and stand.latch is None:
            continue
        capability = capabilities.get(name)
        at = _at(capability, stand)
        what = f"an override by {stand.override.author}" if stand.override is not None else "a latch"
        why = "this file has no such capability" if capability is None else lacks(capability, at)
        if why:
            found[name] = (f"{name} has {what} ({words(at)}), but {why}: end that first, with `figway flip {name} --to "
                           "file` or `figway resume`, or keep what it needs")
    return found


def in_table(capabilities: Mapping[str, Capability], state: State) -> dict[str, Position]:
    """The positions in force, by capability. Of one that cannot be taken, the file's counts.

    Another worker may have read another file already, or still have the former one. Until both agree, the one that is
    further back counts: else the end of an override, by a file that moves back, would move this worker ahead.
    """
    found = {}
    for name, capability in capabilities.items():
        stand = state.stands.get(name)
        if stand is None:
            continue
        file = _written(capability)
        for at in (in_force(further_back(file, stand.file), stand.override, stand.latch), _at(capability, stand)):
            if not lacks(capability, at):
                found[name] = at
                break
    return found


def _at(capability: Capability | None, stand: Stand) -> Position:
    """Where an override and a latch put a capability, on top of its own file."""
    return in_force(stand.file if capability is None else _written(capability), stand.override, stand.latch)


def _written(capability: Capability) -> Position:
    return Position(*capability.stands)
