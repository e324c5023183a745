"""Trials through the lane: exchanges are offered to the unmodified lane, which writes to an unmodified store.

The clock is StillLoop's, so that rechecks and batches come when they would, and nobody waits for them.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from adapters.message import Headers, Request
from shadow.compare.comparison import compare
from shadow.custody.sqlite import SqliteCustody
from shadow.evidence.criteria import Answer, Criteria
from shadow.lane.lane import Lane
from shadow.lane.mirror import Mirror
from shadow.observation import Observation
from shadow.plan import ShadowPlan
from shadow.report.evidence import EvidenceReport
from shadow.report.report import fold
from shadow.settings import LaneSettings
from shadow.stores.base import Store
from shadow.stores.memory import Memory
from tests.evidence.drawn import CAPABILITY, Told, Watch
from tests.shadow.exchanges import answer
from tests.still_loop import run_still

SETTINGS = LaneSettings(queue=4_000, memory=64 << 20, concurrency=8, drain=5)
BATCH = 0.5
"""Seconds between two looks: the writer's."""

MONDAY = 4 * 86_400.0 + 8 * 3_600.0
"""A Monday morning at eight (UTC), in seconds since 1970."""


@dataclass
class Asked:
    """One question of a client: about which `subject`, and what each arm says to it, the first time and when asked
    again (the last for ever). An answer is a body or an observation. `at` is in seconds since 1970; None: by the clock.
    """

    subject: str
    legacy: Sequence[bytes | Observation] = (b'{"a":1}',)
    modern: Sequence[bytes | Observation] = (b'{"a":1}',)
    operation: str = "read"
    method: str = "GET"
    fields: tuple[tuple[bytes, bytes], ...] = ()
    who: tuple[tuple[str, str], ...] = ()
    condition: int = 0
    plan: ShadowPlan | None = None
    heard: dict[str, int] = field(default_factory=dict)

    def says(self, arm: str) -> Observation:
        """What an arm says now."""
        answers = self.legacy if arm == "legacy" else self.modern
        turn = self.heard.get(arm, 0)
        self.heard[arm] = turn + 1
        said = answers[min(turn, len(answers) - 1)]
        return said if isinstance(said, Observation) else answer(arm, said)


def ask(mirror, arm, extra, heard):
    """Asks an arm, which answers at once."""
    heard(mirror.way.says(arm))


class Inline:
    """A judge in this process."""

    async def judge(self, pairs, seconds):
        return [compare(pair) for pair in pairs]

    async def close(self):
        pass


def mirror(asked: Asked, plan: ShadowPlan, at: float) -> Mirror:
    """The question as the gateway would offer it, answered by legacy."""
    request = Request(asked.method, f"/{asked.operation}/{asked.subject}".encode(), Headers(asked.fields))
    return Mirror(CAPABILITY, asked.operation, request, asked.says("legacy"), "modern", "trace", at, asked,
                  asked.plan or plan, condition=asked.condition, who=asked.who)


@dataclass
class Laned:
    """How to run a trial through the lane: `each` gives the questions of the batch that begins at a time (seconds since
    the start), an empty list at the end. `workers` lanes share the store, and take turns."""

    each: Callable[[float], Sequence[Asked]]
    plan: ShadowPlan = field(default_factory=lambda: ShadowPlan(1.0))
    store: Callable[[], Store] = lambda: Memory(Memory.Options())
    workers: int = 1
    judge: Callable[[], object] = Inline
    every: float = BATCH
    settings: LaneSettings = SETTINGS
    begin: float = MONDAY
    now: bool = False


def laned(trial: Laned, criteria: Criteria, *, until: Answer | None = None,
          looks: Callable[[EvidenceReport], None] | None = None) -> Told:
    """Run a trial, and look at the verdict after each batch. Ends as drawn.trial does."""
    watch = Watch(criteria, until)

    async def scene(loop):
        store = trial.store()
        custody = SqliteCustody(None)
        lanes = [Lane(ask, store, trial.settings, trial.judge(), custody) for _ in range(trial.workers)]
        for lane in lanes:
            lane.start()
        offered = 0
        while True:
            batch = trial.each(loop.time())
            if not batch:
                break
            for number, asked in enumerate(batch):
                at = trial.begin + loop.time() + BATCH * number / len(batch)
                lanes[offered % len(lanes)].offer(mirror(asked, trial.plan, at))
                offered += 1
            await asyncio.sleep(trial.every)
            found = look(store, criteria)
            if looks is not None:
                looks(found)
            if watch.sees(found, found.effective):
                break
        for lane in lanes:
            await lane.idle()
            await lane.drain(5)
        found = look(store, criteria)
        watch.sees(found, found.effective)
        store.close()

    run_still(scene)
    return watch.told


def look(store: Store, criteria: Criteria) -> EvidenceReport:
    """The verdict on what a store has."""
    [found] = fold(store.read(CAPABILITY), {CAPABILITY: criteria}).capabilities
    return found.evidence
