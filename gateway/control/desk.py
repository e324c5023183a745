"""The desk of a worker: shows stages and the journal, and makes flips for those who may.

Any worker can do it: they share the control file. The worker that made a flip has it in force when it answers; the
others see it within a tenth of a second.
"""

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from gateway.admin.base import Reports
from gateway.capability import Capability
from gateway.config.controlling import Controls
from gateway.control.wanted import wanted
from gateway.control.who import FLIP, READ, SEE, Who
from gateway.flips import gates, steps
from gateway.flips.base import Already, BadFlip, Flip, FlipError, Kind, OutOfReach, Refused
from gateway.flips.fitting import lacks
from gateway.flips.following import Following
from gateway.flips.precedence import position
from gateway.flips.shown import shown, shown_stand
from gateway.flips.snapshot import snapshot
from gateway.own_thread import in_own_thread

NO_FILE = ("this gateway keeps its evidence in memory, so there is no file to keep flips in: write `store: {sqlite: "
           "{path: figway.db}}` in routes.yaml, and restart it")


class Desk:
    """One worker's desk. It belongs to the worker's event loop."""

    def __init__(
        self, following: Following, controls: Callable[[], Controls], table: Callable[[], Mapping[str, Capability]],
        told: Callable[[], Awaitable[None]], reports: Reports,
    ) -> None:
        """`table` has the capabilities as the file in force writes them. `told` ends when the store knows which writes
        modern took in this worker. `reports` says what is known of a capability that moves forward."""
        self.controls = controls
        self._following = following
        self._table = table
        self._told = told
        self._reports = reports

    def stages(self, who: Who) -> dict[str, Any]:
        """All stages, as JSON-ready values. Raises Refused."""
        self._permit(who, SEE, "see stages")
        return shown(self._following.state) | {"stale": self._following.stale}

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
            if who.is_known:
                # Nobody else may make the journal grow.
                await in_own_thread(following.stages.refuse, flip, error)
            raise error
        flip = await self._checked(flip, capabilities[asked.capability], who if asked.forces else None)
        await self._told()
        try:
            state, record = await in_own_thread(following.stages.flip, flip)
        except Already as already:
            if flip.kind is not Kind.ROLLBACK:
                raise
            # Whoever presses twice has what they want.
            return {"revision": following.state.revision, "record": None, "says": str(already),
                    "stand": shown_stand(stand)}
        following.put(state)
        return {"revision": record.revision, "record": record.facts() | {"digest": record.digest},
                "stand": shown_stand(state.stands[flip.capability])}

    async def _checked(self, flip: Flip, capability: Capability, forcing: Who | None) -> Flip:
        """The flip, as the gate lets it pass, bound to the revision at which it was decided. `forcing` is who wants it
        whatever the gate says. Raises BadFlip if the capability cannot go there, Refused and NoEvidence by the gate."""
        # What another worker has just made counts too. A rollback waits for nothing.
        state = self._following.state if flip.kind is Kind.ROLLBACK else await in_own_thread(
            self._following.stages.read)
        try:
            after, _ = steps.act(state, flip, time.time())
        except FlipError:
            return flip  # the store refuses it too, and records that
        was, at = position(state.stands[flip.capability]), position(after.stands[flip.capability])
        why = lacks(capability, at)
        if why:
            raise BadFlip(f"{flip.capability} cannot be at {steps.words(at)}: {why}")
        step = gates.step(was, at)
        if step is None:
            return flip
        decided = state.revision if flip.revision is None else min(flip.revision, state.revision)
        known = await snapshot(self._reports, flip.capability, step)
        flip = replace(flip, evidence=known, revision=decided)
        error = gates.objection(step, known)
        if error is None or (forcing is not None and forcing.may_force):
            return replace(flip, detail={**flip.detail, "gate": gates.SAFE if error is None else gates.FORCED})
        if forcing is not None:
            error = Refused(f"{forcing.name} may not force a step (see `control.force` in routes.yaml), and the gate "
                            f"says: {error}")
        await in_own_thread(self._following.stages.refuse, flip, error)
        raise error

    def _permit(self, who: Who, roles: frozenset[str], what: str) -> None:
        if not who.may(roles):
            raise Refused(f"{who.name} has no role that may {what}: see `control.roles` in routes.yaml")
