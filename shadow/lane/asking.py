"""Asks the arms for the lane: from a mirror to what both arms say.

Asking takes a callback and no task: a task and its coroutines would cost more than everything else that is done for a
mirror whose arms agree. A job takes these calls:

    the first time    the arm that did not serve, then legacy once more if the exchange is bracketed; modern, if it
                      refuses a condition that legacy has met, is asked again without it
    asked again       modern, which is held against what legacy has said
       opted in       legacy, modern, then legacy once more if they differ and did not both repeat themselves

What an arm answers is looked at a little later, together with the answers to other mirrors. After a pause the
processor's caches are cold, and the first of a row takes as much time as five that follow it.

Legacy is in production. Where it is asked beyond what its clients ask (`extra`), a person has opted in to that, each
such call is counted, and sparing.py stops them where they seem to do harm.
"""

import asyncio
import random
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Generic

from shadow.compare.agreement import answers_hash, identical
from shadow.compare.pair import Pair
from shadow.evidence.epoch import build_of
from shadow.lane.deadlines import Deadlines
from shadow.lane.learned_noise import LearnedNoise
from shadow.lane.mirror import Job, Mirror, Way
from shadow.lane.rates import Rates
from shadow.lane.repeats import Repeats, question_of
from shadow.lane.sparing import Sparing, kind_of, waits
from shadow.lane.standing import Standing
from shadow.lane.writer import Writer
from shadow.ledger.rows import BARE, EXTRA, SPARED
from shadow.observation import Failure, Observation
from shadow.settings import LaneSettings

_roll = random.random

LATER = 0.25
"""The most seconds that an answer waits for others. No client waits for that."""

AT_ONCE = 16
"""Answers that are looked at together: so few that they hold up the event loop for a millisecond at most."""

AT_ONCE_BYTES = 1 << 18
"""The same in bytes of their bodies, which count in the lane's memory only when they are looked at."""

_PART = 16
"""Answers wait for others in at most one of this many places of the lane."""

Cancel = Callable[[], object]

Ask = Callable[[Mirror[Way], str, bool, Callable[[Observation | None], None]], Cancel | None]
"""Asks an arm ("legacy" or "modern") what the mirror's client asked.

The callback gets what the arm did, once, and perhaps before this returns. It gets None if the arm was not asked: then
no arm is to blame. The flag is set for a call beyond the one that mirroring takes: the asker may decline such a call,
with None, if the arm should not be loaded. Returns a function that cancels the call, after which the callback need not
be called, or None if there is nothing to cancel. The lane takes care of the mirror's deadline.
"""

Answered = Callable[[Job[Way], Observation | None], None]


class _Pending(Generic[Way]):
    """One call to one arm that is not answered yet. It is counted when it ends, if it is `extra`; else when its answer
    is looked at."""

    __slots__ = ("answered", "arm", "asking", "began", "cancel", "extra", "job")

    def __init__(self, asking: "Asking[Way]", job: Job[Way], arm: str, extra: bool, answered: Answered[Way]) -> None:
        self.asking = asking
        self.job = job
        self.arm = arm
        self.extra = extra
        self.answered = answered
        self.began = time.perf_counter()
        self.cancel: Cancel | None = None

    def answer(self, observation: Observation | None) -> None:
        """The asker's callback. An answer after the end is dropped."""
        if self.asking.deadlines.end(self):
            if observation is not None and self.extra:
                self.asking.count(self.job, self.arm, True, observation)
            self.answered(self.job, observation)

    def overdue(self) -> None:
        """The deadline has passed: the answer is a timeout."""
        if self.cancel is not None:
            self.cancel()
        late = Observation(self.arm, time.perf_counter() - self.began,
                           failure=Failure("total_timeout", source="gateway", sent=True))
        if self.extra:
            self.asking.count(self.job, self.arm, True, late)
        self.answered(self.job, late)

    def end(self) -> None:
        """Cancel the call. Its answer is not needed any more."""
        self.asking.deadlines.end(self)
        if self.cancel is not None:
            self.cancel()


class Asking(Generic[Way]):
    """Asks about the jobs that are put to it, as many at a time as the settings say, in one event loop.

    `spoke` is called with each job and what its arms said: one pair, or the three of a bracket. It gets no pair if an
    arm was not asked. `extra` counts, by capability, how often legacy was asked beyond what its clients ask.
    """

    def __init__(
        self, ask: Ask[Way], settings: LaneSettings, writer: Writer, noise: LearnedNoise, rates: Rates,
        repeats: Repeats, spoke: Callable[[Job[Way], Sequence[Pair]], None],
    ) -> None:
        self.deadlines = Deadlines()
        self.sparing = Sparing()
        self.extra: Counter[str] = Counter()
        self._ask = ask
        self._concurrency = settings.concurrency
        self._at_once = min(AT_ONCE, settings.queue // _PART)
        self._writer = writer
        self._noise = noise
        self._rates = rates
        self._repeats = repeats
        self._spoke = spoke
        self._tasks: set[asyncio.Task[None]] = set()
        self._woken = False
        # A job is in one of these two. The second has the function that cancels what the job waits for.
        self._queue: deque[Job[Way]] = deque()
        self._asking: dict[Job[Way], Cancel] = {}
        # Those of the second whose answer has come, and waits for others.
        self._heard: deque[tuple[Job[Way], Observation]] = deque()
        self._heard_bytes = 0
        self._look_timer: asyncio.TimerHandle | None = None

    def put(self, job: Job[Way]) -> None:
        """Ask about a job: at once if no other call is under way, else once the caller is done, so that what other
        clients wait for goes first. So does what is to be looked at as soon as it is answered."""
        self._queue.append(job)
        if len(self._asking) > len(self._heard) or job.noise:
            self._wake()
        else:
            self._take()

    def hurry(self) -> None:
        """From now on let no answer wait for others."""
        self._at_once = 1
        if self._look_timer is not None:
            self._look_in(0.0)

    async def stop(self) -> list[Job[Way]]:
        """Ask nothing more, and return the jobs whose arms have not spoken. Leaves no task and no call."""
        self.look()
        left, cancels = [*self._queue, *self._asking], list(self._asking.values())
        self._queue.clear()
        self._asking.clear()
        for cancel in cancels:
            cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=1)
        return left

    def count(self, job: Job[Way], arm: str, extra: bool, observation: Observation) -> None:
        """Count a call to an arm."""
        mirror = job.mirror
        called = observation.seconds, observation.failure is not None or observation.status >= 500, mirror.at
        self._writer.call(mirror.capability, mirror.operation, arm, *called)
        if extra and arm == "legacy":
            self.extra[mirror.capability] += 1
            self._writer.call(mirror.capability, mirror.operation, EXTRA, *called)
            self._spare(mirror, mirror.operation, self.sparing.heard(
                mirror.capability, mirror.operation, job.kind, kind_of(observation), time.monotonic()))

    def served(self, mirror: Mirror[Way], modern: Observation | None = None) -> None:
        """Note how a client of legacy fared, which is asked more than its clients ask. To be called when the exchange
        comes, and with modern's answer, which is waited for if it says whether legacy's shows harm."""
        if mirror.ask == "modern" and waits(mirror.served) == (modern is not None):
            now = time.monotonic()
            self._spare(mirror, "", self.sparing.client(mirror.capability, mirror.served, now, modern))

    def _spare(self, mirror: Mirror[Way], operation: str, reason: str) -> None:
        """Write that asking legacy again has been stopped in an operation, or in all (""), if there is a reason."""
        if reason:
            self._writer.call(mirror.capability, operation, SPARED[reason], 0.0, False, mirror.at)

    # --- the calls ---

    def _wake(self) -> None:
        if not self._woken:
            self._woken = True
            asyncio.get_running_loop().call_soon(self._take)

    def _take(self) -> None:
        """Ask about the jobs in the queue, as far as concurrency allows."""
        self._woken = False
        while self._queue and len(self._asking) - len(self._heard) < self._concurrency:
            job = self._queue.popleft()
            if job.found is None:
                self._put_to(job, job.mirror.ask, False, self._other_spoke)
            elif job.control is not None:
                self._put_to(job, "modern", True, partial(self._both_spoke_again, job.control))
            else:
                self._put_to(job, "legacy", True, self._legacy_spoke_again)

    def _put_to(self, job: Job[Way], arm: str, extra: bool, answered: Answered[Way]) -> None:
        """Ask an arm. Legacy is spared what is `extra` if that was stopped."""
        pending = _Pending(self, job, arm, extra, answered)
        self._asking[job] = pending.end
        if extra and arm == "legacy" and not self._may_ask_legacy(job.mirror):
            answered(job, None)
            return
        self.deadlines.set(pending, job.mirror.plan.deadline, pending.overdue)
        try:
            pending.cancel = self._ask(job.mirror, arm, extra, pending.answer)
        except Exception:
            pending.answer(None)

    def _may_ask_legacy(self, mirror: Mirror[Way]) -> bool:
        return self.sparing.may_ask(mirror.capability, mirror.operation, time.monotonic())

    def _other_spoke(self, job: Job[Way], asked: Observation | None) -> None:
        """The first call was answered. Look at the answer later, together with others; but now if legacy may have to be
        asked again because of it."""
        if asked is None:
            self._end(job, ())
            return
        mirror = job.mirror
        if mirror.refuses_tag(asked):
            self.count(job, mirror.ask, False, asked)
            job.mirror = mirror.unconditional()
            self._put_to(job, "modern", False, self._other_spoke)
            return
        if job.noise:
            self._look_at(job, asked)
            return
        self._heard.append((job, asked))
        self._heard_bytes += len(asked.body)
        if len(self._heard) >= self._at_once or self._heard_bytes >= AT_ONCE_BYTES:
            self._look_in(0.0)
        elif self._look_timer is None:
            self._look_in(LATER)
        if self._queue:
            self._wake()

    def _look_in(self, seconds: float) -> None:
        if self._look_timer is not None:
            self._look_timer.cancel()
        self._look_timer = asyncio.get_running_loop().call_later(seconds, self.look)

    def look(self) -> None:
        """Look at the answers that have come."""
        if self._look_timer is not None:
            self._look_timer.cancel()
            self._look_timer = None
        self._heard_bytes = 0
        while self._heard:
            self._look_at(*self._heard.popleft())

    def _look_at(self, job: Job[Way], asked: Observation) -> None:
        """An arm's first answer and the one that the client got are a pair."""
        mirror = job.mirror
        if job.asks_legacy:
            self.served(mirror, asked)
        self._writer.call(mirror.capability, mirror.operation, mirror.ask, asked.seconds,
                          asked.failure is not None or asked.status >= 500, mirror.at)
        control, candidate = (asked, mirror.served) if mirror.ask == "legacy" else (mirror.served, asked)
        pair = self._pair(job, control, candidate)
        if mirror.ask == "modern" and mirror.leaves_credentials_out:
            self._writer.call(mirror.capability, mirror.operation, BARE, 0.0, False, mirror.at)
        standing = self._writer.standing(pair, mirror.plan.basis)
        if standing is not None:
            self._stands(job, pair, standing)
            return
        # It is the first exchange of its epoch, so the epoch's key is made, or read, in a thread.
        task = asyncio.create_task(self._fetch_standing(job, pair))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self._asking[job] = task.cancel

    async def _fetch_standing(self, job: Job[Way], pair: Pair) -> None:
        standing = await self._writer.first_standing(pair, job.mirror.plan.basis)
        if job in self._asking:
            self._stands(job, pair, standing)

    def _stands(self, job: Job[Way], pair: Pair, standing: Standing) -> None:
        job.standing = standing
        self._writer.times(pair, standing.epoch, job.mirror.plan.criteria.slower)
        mirror, control = job.mirror, pair.control
        if mirror.safe and not mirror.condition and control.failure is None and control.complete:
            job.kind = kind_of(control)
            scope, now = job.scope, asyncio.get_running_loop().time()
            if scope is not None and self._noise.awaits_repeat(scope, mirror.request.target, now):
                earlier = self._repeats.earlier(question_of(mirror.request), control, now)
                if earlier is not None and _are_alike(earlier, control, mirror.plan.basis.build):
                    self._noise.repeated(scope)
                    job.earlier = earlier
        self._both_spoke(job, pair)

    def _legacy_spoke_again(self, job: Job[Way], control: Observation | None) -> None:
        """Both arms are asked again, and legacy has answered: ask modern."""
        if control is None:
            self._end(job, ())
        else:
            self._put_to(job, "modern", True, partial(self._both_spoke_again, control))

    def _both_spoke_again(self, control: Observation, job: Job[Way], candidate: Observation | None) -> None:
        if candidate is None:
            self._end(job, ())
        else:
            self._both_spoke(job, self._pair(job, control, candidate))

    def _both_spoke(self, job: Job[Way], pair: Pair) -> None:
        if self._is_bracketed(job, pair):
            self._put_to(job, "legacy", True, partial(self._legacy_spoke_twice, pair))
        else:
            self._end(job, (pair,))

    def _legacy_spoke_twice(self, pair: Pair, job: Job[Way], second: Observation | None) -> None:
        """With legacy's second answer it is a bracket: legacy and modern, legacy and its second, its second and modern.

        If modern served the client, it spoke first, and legacy twice after it. Then a difference may be a lag, even if
        legacy says the same twice. Asking again shows it.
        """
        scope = job.scope
        if job.found is None and scope is not None and second is not None:
            self._noise.asked(scope)
        if second is None or second.failure is not None:
            self._end(job, (pair,))
        else:
            self._end(job, (pair, replace(pair, candidate=second), replace(pair, control=second)))

    def _is_bracketed(self, job: Job[Way], pair: Pair) -> bool:
        """Whether legacy is asked once more.

        It is asked for the first exchanges of an operation, and for others by chance, so that counts are fair. When the
        arms are asked again, it is asked if there is a difference to explain.
        """
        if job.found is None and not job.noise:
            return False
        if pair.control.failure is not None or pair.control.broke or pair.candidate.failure is not None:
            return False
        if job.control is not None:
            return False  # legacy is not asked again
        if job.found is not None:
            # If both repeat themselves word for word, legacy has by now been asked before modern and after it.
            return not identical(pair) and (job.last_hash is None or answers_hash(pair) != job.last_hash)
        scope = job.scope
        return scope is not None and (_roll() < job.noise or self._noise.wants(scope))

    def _pair(self, job: Job[Way], control: Observation, candidate: Observation) -> Pair:
        mirror, rules = job.mirror, job.rules
        # Once modern has served, and is asked again, it is without the condition, as legacy was from the start.
        condition = 0 if job.found is not None and mirror.ask == "legacy" else mirror.condition
        return Pair(mirror.capability, mirror.operation, mirror.request, control, candidate, mirror.trace_id, mirror.at,
                    rules, self._rates.over(mirror.capability, mirror.operation, rules), condition=condition)

    def _end(self, job: Job[Way], pairs: Sequence[Pair]) -> None:
        """All calls of this round have been made and answered: hand over the pairs."""
        if self._asking.pop(job, None) is None:
            return  # it was stopped meanwhile
        if self._queue:
            self._wake()
        self._spoke(job, pairs)


def _are_alike(one: Observation, other: Observation, build: bytes) -> bool:
    """Whether two answers of legacy can be told to drift: of one build, and of one class of statuses."""
    return one.status // 100 == other.status // 100 and (not build or build_of(one, build) == build_of(other, build))
