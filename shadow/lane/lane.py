"""The lane: the bounded queue in which shadow work happens, off the way of every client.

    offer → queue → ask the other arm → Pair → equal bytes? → else the judge's process → store, in batches
              ↑                                                      │
              └── wait, then ask both arms again ←── a mismatch ─────┘

Of a few exchanges, the first of each operation among them, legacy is asked twice: where legacy disagrees with itself, a
difference is noise (shadow.evidence.noise). So it is whenever both arms are asked again, unless both say word for word
what they said. The noise that an operation is known to have is held against its other mismatches
(shadow.lane.learned_noise).

Nothing here can change, delay or fail a client's answer: `offer` takes no time and raises nothing, whatever goes
wrong afterwards is an outcome, and every mirror ends in exactly one. A mirror holds its room, in count and in bytes,
until its outcome is known. What was once judged is never shed: whatever goes wrong when the arms are asked again,
or a drain, ends it as the mismatch that it was found to be.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Generic

from shadow.compare.comparison import AGREED, Comparison, Outcome, Tally, fingerprint, identical
from shadow.compare.difference import Severity
from shadow.compare.pair import Pair
from shadow.custody.sqlite import Custody
from shadow.evidence.noise import bound, bracketed, is_noise, seen_again, settled, steady, unstable
from shadow.judge.child import Child, Judge, JudgeSlow
from shadow.lane.asking import Ask, Asking, Begin
from shadow.lane.learned_noise import Learnt
from shadow.lane.mirror import Job, Mirror, Target
from shadow.lane.rates import Rates
from shadow.lane.writer import NOT_SAMPLED, Writer
from shadow.ledger.rows import Traffic
from shadow.observation import Observation
from shadow.sealed.capture import Capture
from shadow.settings import LaneSettings
from shadow.stores.base import Store

BATCH_PAIRS = 64
BATCH_BYTES = 1 << 20
"""What goes to the judge at once: little enough to pickle without holding up the event loop."""

PAUSE = 0.1
"""Seconds between two batches, at the least: a batch costs what some pairs do, and nobody waits for one."""

BUDGET = 20.0
"""Seconds that the judge may take over one batch."""

_DIFFERENCE = 512
"""Bytes that a difference takes."""

_WAITING = 4
"""One in so many places of the queue is for what waits to be asked again."""

_SAVED = 20.0
"""Rechecks that a capability can save up, so that a bad minute after a good day is no burst."""

_LENT = 5.0
"""Rechecks that a capability may take before it has earned them: for what is critical, and where legacy is known to
disagree with itself."""

_ROUNDING = 1e-9


class Lane(Generic[Target]):
    """One worker's lane. `start` and all after it belong to one event loop.

    `on` is the kill switch: while it is False, offers are shed. So they are, as `store_unavailable`, until there is a
    store: given here, or by `use`. `eligible` counts all that was offered or skipped,
    `unfinished` and `held` (bytes) what has no outcome yet: eligible = sum(counters().values()) + unfinished.
    """

    def __init__(
        self, ask: Ask[Target], store: Store | None, settings: LaneSettings, judge: Judge | None = None,
        custody: Custody | None = None, capture: Capture | None = None, begin: Begin[Target] | None = None,
    ) -> None:
        self.on = True
        self.capture = capture
        self.eligible = 0
        self.unfinished = 0
        self.held = 0
        self.writer = Writer(store, custody or (Custody(None) if store is not None else None))
        self._settings = settings
        self._judge = judge or Child()
        self._open = False
        self._shut = "stopped" if store is not None else "store_unavailable"
        self._counts: Counter[Tally] = Counter()
        self._task: asyncio.Task[None] | None = None
        self._saved: dict[str, float] = {}
        self._rates = Rates()
        self._learnt = Learnt()
        self._resumes = 0.0
        self._called: asyncio.TimerHandle | None = None
        # Where an unfinished mirror is: exactly one of these four.
        self._asking = Asking(
            ask, begin, settings.concurrency, self.writer, self._learnt, self._rates, self._settle)
        self._pairs: deque[Job[Target]] = deque()
        self._comparing: list[Job[Target]] = []
        self._waiting: dict[Job[Target], asyncio.TimerHandle] = {}
        self._paired = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    # --- the side that clients' requests touch: no await, no exception ---

    def offer(self, mirror: Mirror[Target]) -> None:
        """Take a mirror, or shed it where there is no room. Takes constant time."""
        self.eligible += 1
        self.writer.take(mirror.capability)
        cost = mirror.cost()
        if reason := self._no_room(cost):
            return self._count(Tally(mirror.capability, mirror.operation, Outcome.SHED, reason))
        self.unfinished += 1
        self.held += cost
        self._idle.clear()
        return self._asking.put(Job(mirror, cost))

    def skip(self, capability: str, operation: str, reason: str) -> None:
        """Count an exchange that was eligible but is not mirrored. `reason` is one of a few fixed words."""
        self.eligible += 1
        if reason != NOT_SAMPLED:
            self.writer.take(capability)
        self._count(Tally(capability, operation, Outcome.SKIPPED, reason))

    def record(self, rows: Iterable[Traffic]) -> None:
        """Have the gateway's traffic written with the next batch."""
        for row in rows:
            self.writer.add(row)

    def counters(self) -> Mapping[Tally, int]:
        """How many exchanges have ended in which outcome, since the start."""
        return dict(self._counts)

    def _no_room(self, cost: int) -> str:
        if not self.on:
            return "switched_off"
        if not self._open:
            return self._shut
        if self.unfinished >= self._settings.queue:
            return "queue_full"
        return "memory_full" if self.held + cost > self._settings.memory else ""

    # --- the side that works ---

    def use(self, store: Store, custody: Custody) -> None:
        """Keep what is found here from now on. Before `start`, and once."""
        self.writer.use(store, custody)

    def seal(self, capture: Capture) -> None:
        """Have mismatches sealed from now on. After `start`, and once."""
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

    async def settled(self) -> None:
        """Wait until every mirror that was taken has its outcome, those that wait to be asked again too."""
        await self._idle.wait()

    async def drain(self, seconds: float) -> None:
        """Take nothing more, finish what is there within `seconds`, shed the rest, write all of it down: for as long as
        the store takes it, or until that time is over. What it did not take is `writer.unwritten`.
        Nothing is waited for that is only to be asked again: it ends as found. Leaves no task and no process.
        It may be called again."""
        self._open = False
        self._shut = "stopped"
        until = asyncio.get_running_loop().time() + seconds
        for job, timer in self._waiting.items():
            timer.cancel()
            self._give_up(job, "drained")
        self._waiting.clear()
        try:
            async with asyncio.timeout(seconds):
                await self.settled()
        except TimeoutError:
            pass
        if self._task is not None:
            self._task.cancel()
        for job in await self._asking.stop():
            self._give_up(job, "drained")
        if self._task is not None:
            await asyncio.wait([self._task], timeout=1)
            self._task = None
        for room in (self._pairs, self._comparing):
            for job in room:
                self._give_up(job, "drained")
            room.clear()
        await self._judge.close()
        await self.writer.close(until)
        if self.capture is not None:
            await self.capture.close()

    def _settle(self, job: Job[Target], pairs: Sequence[Pair]) -> None:
        """Finish a mirror whose arms said the same; hand the others on."""
        if not pairs:
            return self._give_up(job, "asker_failed")
        mirror, job.pairs = job.mirror, pairs
        if all(map(identical, pairs)):
            tally = Tally(mirror.capability, mirror.operation, Outcome.MATCH)
            return self._judged(job, Comparison(tally, mirror.trace_id, mirror.at))
        before, job.said, job.steady = job.said, None, len(pairs) > 1 and identical(pairs[1])
        if job.steady or len(pairs) == 1:
            pairs = pairs[:1]
            job.said = fingerprint(pairs[0])
            if job.found is not None and job.said is not None and job.said == before:
                return self._judged(job, job.found)
        spoken = {id(one): one for pair in pairs for one in (pair.control, pair.candidate) if one is not mirror.served}
        fresh = sum(len(one.body) for one in spoken.values())
        key = self.writer.key(mirror.capability, job.sight)
        job.pairs = [replace(pair, key=key) for pair in pairs]
        job.cost += fresh
        self.held += fresh
        self._pairs.append(job)
        return self._hand_over(job)

    def _hand_over(self, last: Job[Target]) -> None:
        """Have the judge take what is there: not before its pause is over, but for a bracket, which teaches what
        the others are judged by."""
        loop = asyncio.get_running_loop()
        if last.steady or len(last.pairs) > 1 or len(self._pairs) >= BATCH_PAIRS or loop.time() >= self._resumes:
            self._paired.set()
        elif self._called is None:
            self._called = loop.call_at(self._resumes, self._paired.set)

    async def _compare(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._paired.wait()
            self._resumes = loop.time() + PAUSE
            pairs = self._take_batch()
            try:
                comparisons = await self._judge.judge(pairs, BUDGET)
                lost = "" if len(comparisons) == len(pairs) else "comparer_lost"
            except JudgeSlow:
                lost = "comparer_slow"
            except Exception:
                lost = "comparer_lost"
            batch, self._comparing = self._comparing, []
            if lost:
                for job in batch:
                    self._give_up(job, lost)
            else:
                judged = iter(comparisons)
                for job in batch:
                    first, *rest = of_job = [next(judged) for _ in job.pairs]
                    whole = bracketed(first, *rest) if rest else steady(first) if job.steady else first
                    self._judged(job, bound(whole, of_job))

    def _take_batch(self) -> list[Pair]:
        pairs: list[Pair] = []
        size = 0
        while self._pairs and len(pairs) < BATCH_PAIRS and size < BATCH_BYTES:
            job = self._pairs.popleft()
            self._comparing.append(job)
            size += job.cost
            pairs += job.pairs
        if not self._pairs:
            self._paired.clear()
            if self._called is not None:
                self._called.cancel()
                self._called = None
        return pairs

    # --- asking again: a mismatch may settle ---

    def _judged(self, job: Job[Target], comparison: Comparison) -> None:
        """Both arms have been compared, for the first time or again."""
        found, after = job.found, job.mirror.recheck.after
        if found is None:
            if job.place is not None and (job.steady or len(job.pairs) > 1):
                self._learnt.add(job.place, comparison)
            self._save(job.mirror)
            if comparison.tally.outcome is not Outcome.MISMATCH:
                return self._end(job, comparison)
            if self._is_noise(job, comparison):
                return self._end(job, unstable(comparison, "noise"))
            if self.capture is not None and job.mirror.plan.sealing.share:
                # The bodies are there only now. What settles is taken out again.
                job.sealed = self.capture.take(job.pairs[0], comparison, job.mirror.plan.sealing,
                                                 safe=job.mirror.safe)
            if not self._may_ask_again(job, comparison):
                return self._end(job, comparison)
            self._saved[job.mirror.capability] -= 1
            job.found = comparison
            job.at = asyncio.get_running_loop().time()
            return self._wait(job)
        job.found = found = bound(found, (comparison,))
        if comparison.tally.outcome is Outcome.UNSTABLE and is_noise(found, comparison):
            return self._end(job, unstable(found))
        if comparison.tally.outcome in (*AGREED, Outcome.TRANSIENT, Outcome.UNSTABLE):
            return self._end(job, settled(found, f"after_{after[job.round]:g}s"))
        if comparison.tally.outcome is Outcome.MISMATCH:
            job.times += 1
            job.found = found = seen_again(found, comparison, job.times)
        else:
            job.said = None
        if self._is_noise(job, found):  # which was not known when it was found
            return self._end(job, unstable(found, "noise"))
        job.round += 1
        if job.round < len(after) and self.on and self._open:
            return self._wait(job)
        return self._end(job, found)

    def _is_noise(self, job: Job[Target], found: Comparison) -> bool:
        return (found.tally.outcome is Outcome.MISMATCH and job.place is not None
                and self._learnt.explains(job.place, found))

    def _save(self, mirror: Mirror[Target]) -> None:
        """Each exchange earns its capability a share of a recheck."""
        if budget := mirror.recheck.budget:
            self._saved[mirror.capability] = min(_SAVED, self._saved.get(mirror.capability, 0.0) + budget)

    def _may_ask_again(self, job: Job[Target], found: Comparison) -> bool:
        """Whether there is reason, budget and room for it: what waits leaves room for what comes."""
        mirror = job.mirror
        urgent = found.severity is Severity.CRITICAL or (job.place is not None and self._learnt.drifts(job.place))
        return (bool(mirror.recheck.after) and mirror.recheck.budget > 0 and self.on and self._open
                and self._saved[mirror.capability] + (_LENT if urgent else 0.0) >= 1 - _ROUNDING
                and len(self._waiting) < self._settings.queue // _WAITING
                and self.held <= self._settings.memory // 2)

    def _wait(self, job: Job[Target]) -> None:
        """Hold only what asking again takes, until its time."""
        job.pairs = ()
        job.mirror = mirror = replace(job.mirror, served=Observation(job.mirror.served.arm, 0.0))
        self.held -= job.cost
        job.cost = mirror.cost() + (_DIFFERENCE * len(job.found.differences) if job.found else 0)
        self.held += job.cost
        due = job.at + mirror.recheck.after[job.round]
        self._waiting[job] = asyncio.get_running_loop().call_at(due, self._due, job)

    def _due(self, job: Job[Target]) -> None:
        del self._waiting[job]
        if not self.on:
            return self._give_up(job, "switched_off")
        return self._asking.put(job)

    # --- outcomes: every mirror ends in exactly one ---

    def _give_up(self, job: Job[Target], reason: str) -> None:
        """End a mirror that goes no further: as it was found, or shed where nothing is known of it."""
        tally = Tally(job.mirror.capability, job.mirror.operation, Outcome.SHED, reason)
        self._end(job, job.found or Comparison(tally, job.mirror.trace_id, job.mirror.at))

    def _end(self, job: Job[Target], comparison: Comparison) -> None:
        if job.sealed and self.capture is not None and comparison.tally.outcome is not Outcome.MISMATCH:
            self.capture.drop(job.sealed)
        self._rates.count(job.rules, comparison)
        self.writer.keep(comparison, job.sight, job.rules)
        self._finish(job, comparison.tally)

    def _finish(self, job: Job[Target], tally: Tally) -> None:
        """The one end of a mirror that had found room; the writer has it already."""
        self._counts[tally] += 1
        self.unfinished -= 1
        self.held -= job.cost
        if not self.unfinished:
            self._idle.set()

    def _count(self, tally: Tally) -> None:
        self._counts[tally] += 1
        self.writer.count(tally)
