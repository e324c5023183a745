"""Stages in the memory of one process: where no file keeps overrides, and for tests, which flip them."""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from gateway.flips import steps
from gateway.flips.base import UNASKED, Actor, Already, Conflict, Flip, FlipError, Position, State
from gateway.flips.held import Held
from gateway.flips.record import Record

NAME = "memory"
"""The name of stages in memory, which no control file has."""


class MemoryStages:
    """Stages that are forgotten when the process ends. It belongs to one event loop."""

    fault = ""

    def __init__(self, files: Mapping[str, Position] | None = None, clock: Callable[[], float] = time.time) -> None:
        """`files` are the positions of routes.yaml, `clock` gives the time in seconds since 1970."""
        self._clock = clock
        self._records: list[Record] = []
        self._taken: Counter[tuple[str, str]] = Counter()
        self._held = Held(State(NAME, 0, {}))
        if files is not None:
            self.adopt(files, Actor("start", source="start"))

    def read(self) -> State:
        """See Stages."""
        state = self._held.state
        ends = [one.override.expires for one in state.stands.values()
                if one.override is not None and one.override.expires is not None]
        return replace(state, next=max(min(ends) - self._clock(), 0.0) if ends else None)

    def flip(self, flip: Flip) -> tuple[State, Record]:
        """See Stages."""
        try:
            taken = {operation: count for (name, operation), count in self._taken.items() if name == flip.capability}
            state, record = steps.act(self._held.state, flip, self._clock(), taken)
        except Already:
            raise
        except FlipError as error:
            refused = self._explained(error, flip)
            self.refuse(flip, refused)
            raise refused from None
        if steps.TAKEN in record.detail:
            self._taken = Counter({key: count for key, count in self._taken.items() if key[0] != flip.capability})
        self._put(state, [record])
        return state, record

    def took(self, writes: Mapping[tuple[str, str], int]) -> None:
        """See Stages."""
        self._taken.update(writes)

    def refuse(self, flip: Flip, error: FlipError) -> Record:
        """See Stages."""
        state, record = steps.refuse(self._held.state, flip, error, self._clock())
        self._put(state, [record])
        return record

    def adopt(
        self, files: Mapping[str, Position], actor: Actor, known: Mapping[str, Any] = UNASKED,
    ) -> State:
        """See Stages."""
        return self._put(*steps.adopt(self._held.state, files, actor, self._clock(), known))

    def expire(self) -> State:
        """See Stages."""
        return self._put(*steps.expire(self._held.state, self._clock()))

    def history(self, capability: str | None = None, most: int = 100) -> list[Record]:
        """See Stages."""
        return [one for one in reversed(self._records) if capability in (None, one.capability)][:most]

    async def watch(self, revision: int) -> State:
        """See Stages."""
        return await self._held.other_than(revision)

    def close(self) -> None:
        """See Stages."""

    def _put(self, state: State, records: list[Record]) -> State:
        self._records += records
        self._held.put(state)
        return state

    def _explained(self, error: FlipError, flip: Flip) -> FlipError:
        changed = self._held.state.stands[flip.capability].changed if isinstance(error, Conflict) else -1
        made = [one for one in self.history(flip.capability) if (one.revision, one.action != "refusal") == (
            changed, True)]
        return steps.conflict(flip, made[0]) if made else error
