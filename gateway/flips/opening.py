"""Opens the stages at a worker's start: from the control file, else from its copy, and never from routes.yaml alone."""

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from gateway.flips import copy, steps
from gateway.flips.base import Actor, OutOfReach, Position, Stages, State
from gateway.flips.memory import MemoryStages
from gateway.flips.sqlite import SqliteStages
from gateway.own_thread import OwnThread
from shadow.custody.base import CustodyError
from shadow.custody.sqlite import SqliteCustody

START = Actor("start", source="start")
FILE = Actor("file", source="file")
SLOW = "the control file does not answer in time"


@dataclass(frozen=True, slots=True)
class Opened:
    """The stages with their first state. `copy` is the file of the copy, None if stages are in memory alone. `fault`
    says why the store does not know this state yet; "" if it does."""

    stages: Stages
    state: State
    copy: Path | None = None
    fault: str = ""


def opened(
    path: Path | None, files: Mapping[str, Position], seconds: float, custody: Path | None = None,
) -> Opened:
    """Open the control file at `path` (None: there is none) within `seconds`. `files` is what routes.yaml says. The
    journal takes over what it lacks of the trail in `custody`; no start waits for that."""
    if path is None:
        memory = MemoryStages(files)
        return Opened(memory, memory.read())
    stages, beside = SqliteStages(path), copy.beside(path)
    known = copy.read(beside)

    def begin() -> State:
        stages.begin(known)
        return stages.adopt(files, START)

    attempt = OwnThread(begin)
    fault = SLOW
    if attempt.within(seconds):
        try:
            state = attempt.result()
            OwnThread(_take_over, stages, custody)
            return Opened(stages, state, beside)
        except OutOfReach as error:
            fault = str(error)
    return Opened(stages, provisional(known or State("", -1, {}), files), beside, fault)


def _take_over(stages: SqliteStages, custody: Path | None) -> None:
    # Reading must not make a custody where there is none.
    if custody is None or not custody.is_file():
        return
    with suppress(CustodyError, OutOfReach):
        trail = SqliteCustody(custody)
        try:
            stages.take_over(trail.name, trail.lines())
        finally:
            trail.close()


def provisional(state: State, files: Mapping[str, Position]) -> State:
    """What a state becomes with another file, as long as no store can say it. The revision and the head of the journal
    stay: nothing is recorded yet."""
    after, _ = steps.adopt(state, files, FILE, time.time())
    return replace(after, revision=state.revision, length=state.length, head=state.head)
