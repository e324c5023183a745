"""Follows the stages of a worker (Following): waits for changes, copies them to the file beside, and tells of faults.

Whatever fails here, the last state stays in force, and traffic goes on.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.flips import copy
from gateway.flips.base import UNASKED, OutOfReach, Position, Stages, State
from gateway.flips.opening import FILE, SLOW, Opened, provisional
from gateway.flips.precedence import drifts
from gateway.own_thread import OwnThread

_SECONDS = 5.0
"""How long a reload waits for the control file."""
_PAUSE = 1.0
"""Seconds between two tries to tell the store of a file that it does not know yet."""


@dataclass(frozen=True, slots=True)
class Control:
    """What there is to tell of the stages: their revision, why they are `stale` ("" if they are not), and how many
    capabilities stand elsewhere than the file says."""

    revision: int
    stale: str
    drifting: int


class Following:
    """The state in force in a worker. It belongs to the worker's event loop."""

    def __init__(
        self, opened: Opened, files: Callable[[], Mapping[str, Position]], changed: Callable[[State], None],
    ) -> None:
        """`files` says where the configuration in force has its capabilities. `changed` is called with each new
        state."""
        self.stages: Stages = opened.stages
        self.state = opened.state
        self.copy = opened.copy
        self._files = files
        self._changed = changed
        # Why the store does not know the file in force yet.
        self._untold = opened.fault
        self._copied = ""
        self._known: Mapping[str, Any] = UNASKED

    async def run(self) -> None:
        """Follow the stages until cancelled."""
        await self._keep_copy()
        while True:
            if self._untold:
                await self.adopt(self._files(), self._known)
                if self._untold:
                    await asyncio.sleep(_PAUSE)
                    continue
            self.put(await self.stages.watch(self.state.revision))
            await self._keep_copy()

    def put(self, state: State) -> None:
        """Put a state in force, unless a later one is."""
        if state.revision >= self.state.revision and state != self.state:
            self.state = state
            self._changed(state)

    async def adopt(self, files: Mapping[str, Position], known: Mapping[str, Any] = UNASKED) -> None:
        """Another file is about to be in force. `known` is the evidence of what the gate found SAFE. If the
        store cannot be told in time, what it would make of the file counts for now, and it is told later."""
        self._known = known
        if self.copy is None:
            # Stages in memory never block, and belong to this event loop.
            self.put(self.stages.adopt(files, FILE, known))
            return
        telling = OwnThread(self.stages.adopt, files, FILE, known)
        why = SLOW
        if await telling.soon(_SECONDS):
            try:
                state = telling.result()
            except OutOfReach as error:
                why = str(error)
            else:
                self._untold = ""
                self.put(state)
                return
        self._untold = why
        state = provisional(self.state, files)
        if state != self.state:
            self.state = state
            self._changed(state)

    def control(self) -> Control:
        """What there is to tell."""
        return Control(max(self.state.revision, 0), self.stale, sum(map(drifts, self.state.stands.values())))

    @property
    def stale(self) -> str:
        """Why the stages in force may not be the latest; "" if they are."""
        return self._untold or self.stages.fault or self._copied

    async def _keep_copy(self) -> None:
        """Write the copy. If that fails, it is tried again with the next change, and shown until then."""
        if self.copy is None or self._untold:
            return
        keeping = OwnThread(copy.keep, self.copy, self.state, self.stages.read)
        if await keeping.soon(_SECONDS):
            try:
                keeping.result()
                self._copied = ""
            except OutOfReach as error:
                self._copied = str(error)
            except OSError as error:
                self._copied = f"{self.copy.name} cannot be written: {error.strerror}"
        else:
            self._copied = f"{self.copy.name} cannot be written in time"
