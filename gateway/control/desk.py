"""The desk of a worker: shows stages and the journal, and makes flips for those who may.

Any worker can do it: they share the control file. The worker that made a flip has it in force when it answers; the
others see it within a tenth of a second.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import Any

from gateway.capability import Capability
from gateway.config.controlling import Controls
from gateway.control.wanted import wanted
from gateway.control.who import FLIP, READ, SEE, Who
from gateway.flips import steps
from gateway.flips.base import BadFlip, Flip, FlipError, Kind, OutOfReach, Position, Refused, Stand
from gateway.flips.fitting import lacks
from gateway.flips.following import Following
from gateway.flips.precedence import drifts, position
from gateway.own_thread import in_own_thread
from gateway.stage import Stage

NO_FILE = ("this gateway keeps its evidence in memory, so there is no file to keep flips in: write `store: {sqlite: "
           "{path: figway.db}}` in routes.yaml, and restart it")


class Desk:
    """One worker's desk. It belongs to the worker's event loop."""

    def __init__(
        self, following: Following, controls: Callable[[], Controls], table: Callable[[], Mapping[str, Capability]],
        lacking: Callable[[str], Mapping[str, int]],
    ) -> None:
        """`table` has the capabilities as the file in force writes them. `lacking` says how many writes, by operation,
        modern took of a capability since its writes last went to legacy alone; it may block."""
        self.controls = controls
        self._following = following
        self._table = table
        self._lacking = lacking

    def stages(self, who: Who) -> dict[str, Any]:
        """All stages, as JSON-ready values. Raises Refused."""
        self._permit(who, SEE, "see stages")
        state, capabilities = self._following.state, self._table()
        return {
            "revision": state.revision, "stale": self._following.stale, "head": state.head,
            "capabilities": {name: _shown(stand) | {"owner": capabilities[name].owner}
                             for name, stand in state.stands.items() if name in capabilities},
        }

    async def journal(self, who: Who, capability: str | None, most: int) -> list[dict[str, Any]]:
        """The newest records, the newest first. Raises FlipError."""
        self._permit(who, READ, "read the journal")
        return [one.facts() | {"digest": one.digest}
                for one in await in_own_thread(self._following.stages.history, capability, most)]

    async def flip(self, who: Who, data: Any) -> dict[str, Any]:
        """Make a flip that a request wants, and say what was done. Raises FlipError."""
        following, capabilities = self._following, self._table()
        asked = wanted(data, capabilities)
        if following.copy is None:
            raise BadFlip(NO_FILE)
        stand = following.state.stands.get(asked.capability)
        if stand is None:
            raise OutOfReach(f"the control file does not know {asked.capability} yet: try again")
        flip = asked.flip(who.actor(FLIP), capabilities[asked.capability], stand)
        if not who.may(FLIP):
            error = Refused(f"{who.name} has no role that may flip: see `control.roles.operator` in routes.yaml")
            await in_own_thread(following.stages.refuse, flip, error)
            raise error
        flip = await self._planned(flip, stand, capabilities[asked.capability])
        state, record = await in_own_thread(following.stages.flip, flip)
        following.put(state)
        return {"revision": record.revision, "record": record.facts() | {"digest": record.digest},
                "stand": _shown(state.stands[flip.capability])}

    async def _planned(self, flip: Flip, stand: Stand, capability: Capability) -> Flip:
        """The flip with a summary of what it moves. Raises BadFlip if the capability cannot go there."""
        state = self._following.state
        try:
            after, _ = steps.act(state, replace(flip, revision=None), time.time())
        except FlipError:
            return flip  # the store refuses it too, and records that
        before, at = position(stand), position(after.stands[flip.capability])
        why = lacks(capability, at)
        if why:
            raise BadFlip(f"{flip.capability} cannot be at {steps.words(at)}: {why}")
        detail: dict[str, Any] = dict(flip.detail)
        if _takes_writes(before) and not _takes_writes(at):
            detail["writes_that_legacy_lacks"] = dict(await in_own_thread(self._lacking, flip.capability))
        if flip.kind is Kind.FLIP or flip.kind is Kind.TO_FILE:
            detail["gate"] = "ungated"
        return replace(flip, plan=f"{steps.words(before)} → {steps.words(at)}", detail=detail)

    def _permit(self, who: Who, roles: frozenset[str], what: str) -> None:
        if not who.may(roles):
            raise Refused(f"{who.name} has no role that may {what}: see `control.roles` in routes.yaml")


def state_of(stand: Stand) -> str:
    """What says where a capability is: "latch", "override" or "file"."""
    return "latch" if stand.latch is not None else "override" if stand.override is not None else "file"


def _takes_writes(at: Position) -> bool:
    """Whether modern takes any writes."""
    return at.writes is not Stage.LEGACY and not (at.writes is Stage.CANARY and not at.share)


def _shown(stand: Stand) -> dict[str, Any]:
    return {
        "in_force": position(stand)._asdict(), "file": stand.file._asdict(), "by": state_of(stand),
        "drift": drifts(stand), "changed": stand.changed,
        "override": asdict(stand.override) if stand.override is not None else None,
        "latch": asdict(stand.latch) if stand.latch is not None else None,
    }


