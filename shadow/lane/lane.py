"""The lane: the bounded queue in which shadow work happens, where no client waits for it.

    offer → queue → ask the other arm → Pair → equal bytes? → else the judge's process → store, in batches
              ↑                                                      │
              └── wait, then ask modern again ←────── a mismatch ────┘

asking.py says which arm is asked when; recheck.py says when a mismatch is asked again, and at what price. Legacy is
asked by its clients alone. Where they ask the same twice (repeats.py), its two answers show its noise
(learned_noise.py). A person may opt in to asking legacy again as well: for a few exchanges, among them the first of
each operation, and for those that are asked again. That is a bracket: legacy, modern and legacy. sparing.py stops it
where it does harm. writer.py writes to the store.

A mirror that was taken is a Job (mirror.py), until it has its outcome.

Nothing here can change, delay or fail a client's answer. `offer` takes constant time and raises nothing; whatever goes
wrong afterwards is an outcome, and every mirror ends in exactly one. A mirror keeps its room, in count and in bytes,
until its outcome is known. A mirror that was once judged is never shed: if anything goes wrong when its arms are asked
again, or the lane is drained, it ends as the mismatch that it was found to be.
"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Generic

from shadow.compare.agreement import agreement, answers_hash, identical
from shadow.compare.comparison import NO_CREDENTIALS, Comparison, Outcome, Tally, compare_condition
from shadow.compare.pair import Pair
from shadow.custody.base import Custody
from shadow.custody.sqlite import SqliteCustody
from shadow.evidence.counting import NOT_SAMPLED
from shadow.evidence.noise import bracketed, repeated, steady, unstable, with_bonds
from shadow.evidence.stratum import LeftOut
from shadow.judge.child import Child, Judge, JudgeSlow
from shadow.lane.asking import Ask, Asking
from shadow.lane.learned_noise import LearnedNoise
from shadow.lane.mirror import Job, Mirror, Way
from shadow.lane.rates import Rates
from shadow.lane.recheck import Rechecks, ended
from shadow.lane.repeats import PART, Repeats
from shadow.lane.sparing import Stopped
from shadow.lane.writer import Writer
from shadow.ledger.rows import Traffic
from shadow.observation import Observation
from shadow.sealed.capture import Capture
from shadow.settings import LaneSettings
from shadow.stores.base import Store

BATCH_PAIRS = 64
BATCH_BYTES = 1 << 20
"""The pairs and bytes that go to the judge at once: few enough to be pickled without holding up the event loop."""

PAUSE = 0.1
"""The fewest seconds between two batches. A batch by itself costs as much as some pairs, and no client waits for it."""

BUDGET = 20.0
"""Seconds that the judge may take over one batch."""

_DIFFERENCE = 512
"""Bytes that a difference takes."""


class Lane(Generic[Way]):
    """One worker's lane. `start` and all that comes after it belong to one event loop.

    `on` is the kill switch: while it is False, offers are shed. They are also shed, as `store_unavailable`, until there
    is a store: given here, or by `use`. `eligible` counts all mirrors that were offered or skipped. `unfinished` counts
    those that have no outcome yet, and `held` their bytes: eligible = sum(counters().values()) + unfinished.
    """

    def __init__(
        self, ask: Ask[Way], store: Store | None, settings: LaneSettings, judge: Judge | None = None,
        custody: Custody | None = None, capture: Capture | None = None,
        ended: Callable[[str, Tally], None] | None = None, *, swept: bool = False,
    ) -> None:
        """`ended` is called with the trace id and the outcome of each mirror that had found room. `swept`: what is
        offered is no client's, but a sweep's."""
        self.on = True
        self.capture = capture
        self.eligible = 0
        self.unfinished = 0
        self.held = 0
        self.writer = Writer(store, custody or (SqliteCustody(None) if store is not None else None), swept=swept,
                             before=lambda: self._asking.look())
        self._settings = settings
        self._ended = ended
        self._judge = judge or Child()
        self._open = False
        self._shut = "stopped" if store is not None else "store_unavailable"
        self._counts: Counter[Tally] = Counter()
        self._task: asyncio.Task[None] | None = None
        self._rates = Rates()
        self._noise = LearnedNoise()
        self._judge_not_before = 0.0
        self._judge_timer: asyncio.TimerHandle | None = None
        self._repeats = Repeats(settings.memory // PART)
        self._forget: asyncio.TimerHandle | None = None
        # A job that is not finished is in exactly one of these four.
        self._asking = Asking(
            ask, settings, self.writer, self._noise, self._rates, self._repeats, self._spoke)
        self._to_judge: deque[Job[Way]] = deque()
        self._at_judge: list[Job[Way]] = []
        self._rechecks = Rechecks(settings, self._due)
        self._judge_wake = asyncio.Event()
        # Set when all jobs have ended, if somebody waits for that.
        self._idle: asyncio.Event | None = None

    # --- the side that clients' requests touch: no await, no exception ---

    def offer(self, mirror: Mirror[Way]) -> None:
        """Take a mirror, or shed it if there is no room. Constant time."""
        self.eligible += 1
        self.writer.take(mirror.capability)
        reason = self._no_place()
        cost = 0 if reason else mirror.cost()
        if reason or (reason := self._no_memory(cost)):
            return self._count(Tally(mirror.capability, mirror.operation, Outcome.SHED, reason), mirror.left_out())
        self.unfinished += 1
        self.held += cost
        job = Job(mirror, cost, self.writer.join(mirror.capability))
        if job.asks_legacy:
            self._asking.served(mirror)
        return self._asking.put(job)

    def skip(self, capability: str, operation: str, reason: str, left_out: LeftOut | None = None) -> None:
        """Count an exchange that was eligible but is not mirrored. `reason` is one of a few fixed words. `left_out`
        says what is known of it; it is of no use if the sample left the exchange out."""
        self.eligible += 1
        if reason != NOT_SAMPLED:
            self.writer.take(capability)
        self._count(Tally(capability, operation, Outcome.SKIPPED, reason), left_out)

    def record(self, rows: Iterable[Traffic]) -> None:
        """Write the gateway's traffic with the next batch. To be called about once a second, if only to say that this
        worker is alive."""
        self.writer.live()
        for row in rows:
            self.writer.add(row)

    def counters(self) -> Mapping[Tally, int]:
        """How many exchanges have ended in which outcome, since the start."""
        return dict(self._counts)

    @property
    def extra(self) -> Mapping[str, int]:
        """How often legacy was asked beyond what its clients asked, by capability, since the start."""
        return self._asking.extra

    def spared(self) -> list[tuple[str, str, str]]:
        """Where asking legacy again is stopped now: capability, operation ("" for all), reason. Any thread may ask."""
        return self._asking.sparing.stopped(time.monotonic())

    def newly_spared(self) -> list[Stopped]:
        """The stops that have begun since the last call."""
        begun, self._asking.sparing.begun = self._asking.sparing.begun, []
        return begun

    def _no_place(self) -> str:
        if not self.on:
            return "switched_off"
        if not self._open:
            return self._shut
        return "queue_full" if self.unfinished >= self._settings.queue else ""

    def _no_memory(self, cost: int) -> str:
        return "memory_full" if self.held + cost > self._settings.memory - self._settings.memory // PART else ""

    # --- the side that works ---

    def use(self, store: Store, custody: Custody) -> None:
        """Write to this store from now on. Must be called before `start`, and once."""
        self.writer.use(store, custody)

    def seal(self, capture: Capture) -> None:
        """Seal mismatches from now on. Must be called after `start`, and once."""
        self.capture = capture
        capture.start()

    def start(self) -> None:
        """Begin to work. Must be called in the event loop, once."""
        self._open = True
        self._shut = "stopped"
        self._task = asyncio.create_task(self._compare())
        self.writer.start()
        if self.capture is not None:
            self.capture.start()

    async def idle(self) -> None:
        """Wait until every mirror that was taken has its outcome, including those that wait to be asked again."""
        while self.unfinished:
            self._idle = self._idle or asyncio.Event()
            await self._idle.wait()

    async def drain(self, seconds: float) -> None:
        """Take nothing more, finish what is there within `seconds`, shed the rest, and write all of it to the store.

        A mirror that waits to be asked again ends at once, as it was found. A store that fails is tried again until the
        time is over; what it did not take is `writer.unwritten`. Leaves no task and no process. May be called again.
        """
        self._open = False
        self._shut = "stopped"
        until = asyncio.get_running_loop().time() + seconds
        for job in self._rechecks.stop():
            self._give_up(job, "drained")
        self._asking.hurry()
        try:
            async with asyncio.timeout(seconds):
                await self.idle()
        except TimeoutError:
            pass
        if self._task is not None:
            self._task.cancel()
        for job in await self._asking.stop():
            self._give_up(job, "drained")
        if self._task is not None:
            await asyncio.wait([self._task], timeout=1)
            self._task = None
        self._repeats.clear()
        if self._forget is not None:
            self._forget.cancel()
            self._forget = None
        for jobs in (self._to_judge, self._at_judge):
            for job in jobs:
                self._give_up(job, "drained")
            jobs.clear()
        await self._judge.close()
        await self.writer.close(until)
        if self.capture is not None:
            await self.capture.close()

    # --- comparing ---

    def _spoke(self, job: Job[Way], pairs: Sequence[Pair]) -> None:
        """The arms have spoken: finish a job whose arms said the same, and hand the others to the judge."""
        if not pairs:
            return self._give_up(job, "asker_failed")
        mirror, job.pairs, first = job.mirror, pairs, pairs[0]
        asked, served = first.candidate, first.control
        if mirror.ask == "legacy":
            asked, served = served, asked
        if not first.control.broke and mirror.wants_credentials(asked, served):
            tally = Tally(mirror.capability, mirror.operation, Outcome.NOT_COMPARABLE, NO_CREDENTIALS)
            return self._judged(job, Comparison(tally, mirror.trace_id, mirror.at))
        if first.condition:
            return self._judged(job, compare_condition(first, asked))
        repeat = self._repeat_of(job, pairs)
        if not repeat and all(map(identical, pairs[1:])) and (agreed := agreement(first)) is not None:
            return self._judged(job, agreed)
        before, job.last_hash = job.last_hash, None
        job.steady = len(pairs) > 1 and identical(pairs[1])
        if job.steady or len(pairs) == 1:
            pairs = pairs[:1]
            job.last_hash = answers_hash(pairs[0])
            if job.found is not None and job.last_hash is not None and job.last_hash == before:
                # Both arms repeat themselves word for word: the result stands.
                return self._judged(job, job.found)
        return self._have_judged(job, [*pairs, *repeat])

    def _have_judged(self, job: Job[Way], pairs: Sequence[Pair]) -> None:
        """Have the pairs of a job judged, once the pause between batches is over. A bracket is judged at once: what it
        teaches is applied to the other pairs."""
        mirror = job.mirror
        spoken = {id(one): one for pair in pairs for one in (pair.control, pair.candidate)
                  if one is not mirror.served and one is not job.control}
        fresh = sum(len(one.body) for one in spoken.values())
        key = self.writer.key(mirror.capability, job.standing)
        job.pairs = [replace(pair, key=key) for pair in pairs]
        job.cost += fresh
        self.held += fresh
        self._to_judge.append(job)
        loop = asyncio.get_running_loop()
        at_once = job.steady or len(job.pairs) > 1 or len(self._to_judge) >= BATCH_PAIRS
        if at_once or loop.time() >= self._judge_not_before:
            self._judge_wake.set()
        elif self._judge_timer is None:
            self._judge_timer = loop.call_at(self._judge_not_before, self._judge_wake.set)

    def _repeat_of(self, job: Job[Way], pairs: Sequence[Pair]) -> Sequence[Pair]:
        """The pair of legacy's two answers to a client that asked twice, if they must be compared; else none. A bracket
        shows more, so no repeat is taken beside it."""
        if self._forget is None and self._repeats.held:
            self._forget_repeats()
        earlier, job.earlier = job.earlier, None
        if earlier is None or len(pairs) > 1 or (scope := job.scope) is None:
            return ()
        pair = replace(pairs[0], candidate=earlier)
        if identical(pair):
            tally = Tally(scope.capability, scope.operation, Outcome.MATCH)
            self._noise.add(scope, Comparison(tally, job.mirror.trace_id, job.mirror.at))
            return ()
        job.earlier = earlier
        return (pair,)

    def _forget_repeats(self) -> None:
        """Keep no answer longer than it is of use."""
        loop = asyncio.get_running_loop()
        at = self._repeats.expire(loop.time())
        self._forget = None if at is None else loop.call_at(at + 1, self._forget_repeats)

    async def _compare(self) -> None:
        """Have the pairs judged, batch by batch, for ever."""
        loop = asyncio.get_running_loop()
        while True:
            await self._judge_wake.wait()
            self._judge_not_before = loop.time() + PAUSE
            pairs = self._take_batch()
            try:
                comparisons = await self._judge.judge(pairs, BUDGET)
                lost = "" if len(comparisons) == len(pairs) else "comparer_lost"
            except JudgeSlow:
                lost = "comparer_slow"
            except Exception:
                lost = "comparer_lost"
            batch, self._at_judge = self._at_judge, []
            if lost:
                for job in batch:
                    self._give_up(job, lost)
                continue
            judged = iter(comparisons)
            for job in batch:
                first, *rest = of_job = [next(judged) for _ in job.pairs]
                if job.earlier is not None:
                    whole, job.earlier = repeated(first, rest[0]), None
                else:
                    whole = bracketed(first, *rest) if rest else steady(first) if job.steady else first
                self._judged(job, with_bonds(whole, of_job))

    def _take_batch(self) -> list[Pair]:
        pairs: list[Pair] = []
        size = 0
        while self._to_judge and len(pairs) < BATCH_PAIRS and size < BATCH_BYTES:
            job = self._to_judge.popleft()
            self._at_judge.append(job)
            size += job.cost
            pairs += job.pairs
        if not self._to_judge:
            self._judge_wake.clear()
            if self._judge_timer is not None:
                self._judge_timer.cancel()
                self._judge_timer = None
        return pairs

    # --- judged: the end of a job, unless it is a mismatch that is asked again ---

    def _judged(self, job: Job[Way], comparison: Comparison) -> None:
        """Both arms have been compared, for the first time or again."""
        if job.found is not None:
            return self._judged_again(job, comparison)
        mirror = job.mirror
        if (job.steady or len(job.pairs) > 1) and (scope := job.scope) is not None:
            self._noise.add(scope, comparison)
        self._rechecks.earn(job)
        if comparison.tally.outcome is not Outcome.MISMATCH:
            return self._conclude(job, comparison)
        if self._is_known_noise(job, comparison):
            return self._conclude(job, unstable(comparison, "noise"))
        if self.capture is not None and mirror.plan.sealing.share:
            # Seal it now, while the bodies are in memory. If the mismatch settles, its record is dropped again.
            job.sealed = self.capture.take(job.pairs[0], comparison, mirror.plan.sealing, safe=mirror.safe)
        drifts = (scope := job.scope) is not None and self._noise.drifts(scope)
        if not (self._may_ask and self._rechecks.may_ask_again(job, comparison, self.held, drifts=drifts)):
            return self._conclude(job, comparison)
        job.found = comparison
        job.at = asyncio.get_running_loop().time()
        job.cohort.wait(comparison)
        return self._postpone(job)

    def _judged_again(self, job: Job[Way], comparison: Comparison) -> None:
        end = ended(job, comparison)
        assert job.found is not None
        if end is None and self._is_known_noise(job, job.found):  # that was not known when the mismatch was found
            end = unstable(job.found, "noise")
        if end is not None:
            return self._conclude(job, end)
        job.round += 1
        if job.round < len(job.recheck.after) and self._may_ask:
            return self._postpone(job)
        return self._conclude(job, job.found)

    def _is_known_noise(self, job: Job[Way], found: Comparison) -> bool:
        return (found.tally.outcome is Outcome.MISMATCH and (scope := job.scope) is not None
                and self._noise.explains(scope, found))

    @property
    def _may_ask(self) -> bool:
        """Whether arms may be asked again: neither switched off nor stopped."""
        return self.on and self._open

    def _postpone(self, job: Job[Way]) -> None:
        """Have a mismatch asked again later. Until then the job keeps only what that takes."""
        job.control = None if job.recheck.legacy and not job.mirror.condition else job.pairs[0].control
        job.pairs = ()
        served = job.mirror.served
        job.mirror = mirror = replace(job.mirror, served=Observation(served.arm, 0.0, served.status))
        self.held -= job.cost
        job.cost = mirror.cost() + (_DIFFERENCE * len(job.found.differences) if job.found else 0)
        job.cost += len(job.control.body) if job.control is not None else 0
        self.held += job.cost
        self._rechecks.wait(job)

    def _due(self, job: Job[Way]) -> None:
        """The time of a job has come: ask its arms again."""
        if not self.on:
            return self._give_up(job, "switched_off")
        return self._asking.put(job)

    # --- outcomes: every mirror ends in exactly one ---

    def _give_up(self, job: Job[Way], reason: str) -> None:
        """End a job that goes no further: as the mismatch that it was found to be, else as shed."""
        tally = Tally(job.mirror.capability, job.mirror.operation, Outcome.SHED, reason)
        self._conclude(job, job.found or Comparison(tally, job.mirror.trace_id, job.mirror.at))

    def _conclude(self, job: Job[Way], comparison: Comparison) -> None:
        if job.found is not None:
            job.cohort.wait(job.found, -1)
        if job.sealed and self.capture is not None and comparison.tally.outcome is not Outcome.MISMATCH:
            self.capture.drop(job.sealed)
        self._rates.count(job.rules, comparison)
        left_out = job.mirror.left_out() if job.standing is None else None
        if job.standing is not None and job.mirror.who:
            self.writer.count_members(comparison.tally, job.standing, job.mirror.who)
        self.writer.keep(comparison, job.standing, job.rules, left_out, job.cohort)
        self._free(job, comparison.tally)

    def _free(self, job: Job[Way], tally: Tally) -> None:
        """Free the room of a job. Every job that had found room ends here, and the writer has it already."""
        self._counts[tally] += 1
        self.unfinished -= 1
        self.held -= job.cost
        if self._ended is not None:
            self._ended(job.mirror.trace_id, tally)
        if not self.unfinished and self._idle is not None:
            self._idle.set()
            self._idle = None

    def _count(self, tally: Tally, left_out: LeftOut | None) -> None:
        self._counts[tally] += 1
        self.writer.count(tally, left_out)
