"""Asking the arms, for the lane: from a mirror to what both arms say of it.

An asking takes a callback, where the asker can do without more: a task and its coroutines cost more than all else that
is done about a mirror whose arms agree.
"""

import asyncio
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import replace
from functools import partial
from typing import Generic

from shadow.compare.comparison import fingerprint, identical
from shadow.compare.pair import Pair
from shadow.lane.deadlines import Deadlines
from shadow.lane.learned_noise import Learnt, Place
from shadow.lane.mirror import Job, Mirror, Target
from shadow.lane.rates import Rates
from shadow.lane.writer import Sight, Writer
from shadow.observation import Failure, Observation

_roll = random.random

Ask = Callable[[Mirror[Target], str, bool], Awaitable[Observation | None]]
"""Asks an arm ("legacy" or "modern") what the mirror's client asked. Where the flag is set, that is beyond the one
asking that mirroring takes: the asker may decline, with None, where the arm is not to be loaded."""

Cancel = Callable[[], object]

Begin = Callable[[Mirror[Target], str, bool, Callable[[Observation], None]], Cancel | None]
"""Asks an arm as an Ask does, and returns at once how to cancel that, or None where only an Ask can do it. What the arm
did is told to the callback, once: perhaps before this returns."""

Heard = Callable[[Job[Target], Observation | None], None]


class _Open(Generic[Target]):
    """An asking that is not answered yet, without a task."""

    __slots__ = ("arm", "asking", "began", "cancel", "heard", "job")

    def __init__(self, asking: "Asking[Target]", job: Job[Target], arm: str, heard: Heard[Target]) -> None:
        self.asking = asking
        self.job = job
        self.arm = arm
        self.heard = heard
        self.began = time.perf_counter()
        self.cancel: Cancel | None = None

    def answered(self, observation: Observation) -> None:
        self.asking.deadlines.met(self)
        self.asking.note(self.job.mirror, self.arm, observation)
        self.heard(self.job, observation)

    def overdue(self) -> None:
        self.end()
        self.answered(_late(self.arm, self.began))

    def end(self) -> None:
        """Have it answered no more."""
        self.asking.deadlines.met(self)
        if self.cancel is not None:
            self.cancel()


class Asking(Generic[Target]):
    """Asks what is put to it, about so many (`concurrency`) at a time, in one event loop; `spoke` is told of each what
    the arms said. None of that is said where one did not speak, and no arm is to blame."""

    def __init__(
        self, ask: Ask[Target], begin: Begin[Target] | None, concurrency: int, writer: Writer, learnt: Learnt,
        rates: Rates, spoke: Callable[[Job[Target], Sequence[Pair]], None],
    ) -> None:
        self.deadlines = Deadlines()
        self._ask = ask
        self._begin = begin
        self._concurrency = concurrency
        self._writer = writer
        self._learnt = learnt
        self._rates = rates
        self._spoke = spoke
        self._tasks: set[asyncio.Task[None]] = set()
        self._woken = False
        # Where an job is: one of these two. The second tells how to cancel what it waits for.
        self._queue: deque[Job[Target]] = deque()
        self._asking: dict[Job[Target], Cancel] = {}

    def put(self, job: Job[Target]) -> None:
        """Have it asked about, once whoever calls this is done: a client's answer goes out first."""
        self._queue.append(job)
        self._wake()

    async def stop(self) -> list[Job[Target]]:
        """Ask nothing more; returns what was still to be asked. Leaves no task."""
        left = [*self._queue]
        self._queue.clear()
        for cancel in self._asking.values():
            cancel()
        if self._tasks:
            # An asker may ignore that it is cancelled; nobody waits for it for ever.
            await asyncio.wait(self._tasks, timeout=1)
        left += self._asking
        self._asking.clear()
        return left

    def _wake(self) -> None:
        if not self._woken:
            self._woken = True
            asyncio.get_running_loop().call_soon(self._take)

    def _take(self) -> None:
        """Ask about what is in the queue, about so many at a time."""
        self._woken = False
        while self._queue and len(self._asking) < self._concurrency:
            job = self._queue.popleft()
            if job.found is None:
                self._put_to(job, job.mirror.ask, False, self._heard)
            else:
                self._put_to(job, "legacy", True, self._heard_again)

    def _put_to(self, job: Job[Target], arm: str, extra: bool, heard: Heard[Target]) -> None:
        """Ask an arm: without a task, where that can be."""
        one = _Open(self, job, arm, heard)
        self._asking[job] = one.end
        if self._begin is not None:
            self.deadlines.set(one, job.mirror.plan.deadline, one.overdue)
            try:
                one.cancel = self._begin(job.mirror, arm, extra, one.answered)
            except Exception:
                if self.deadlines.met(one):
                    heard(job, None)
                return
        if one.cancel is None:
            self.deadlines.met(one)
            self._go_on(job, self._wait_for(job, arm, extra, heard))

    async def _wait_for(self, job: Job[Target], arm: str, extra: bool, heard: Heard[Target]) -> None:
        heard(job, await self._asked(job.mirror, arm, extra=extra))

    def _go_on(self, job: Job[Target], work: Coroutine[None, None, None]) -> None:
        """By a task from here on."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self._asking[job] = task.cancel

    def _heard_again(self, job: Job[Target], control: Observation | None) -> None:
        """Where both arms are asked again, legacy is first."""
        if control is None or job not in self._asking:
            self._end(job, ())
        else:
            self._put_to(job, "modern", True, partial(self._heard_both_again, control))

    def _heard_both_again(self, control: Observation, job: Job[Target], candidate: Observation | None) -> None:
        if candidate is None or job not in self._asking:
            self._end(job, ())
        else:
            self._both_spoke(job, self._pair(job, control, candidate))

    def _heard(self, job: Job[Target], asked: Observation | None) -> None:
        """What the first asking came to; nothing, where no arm is to blame for that."""
        mirror = job.mirror
        if asked is None or job not in self._asking:  # it may have been stopped meanwhile
            return self._end(job, ())
        control, candidate = (asked, mirror.served) if mirror.ask == "legacy" else (mirror.served, asked)
        pair = self._pair(job, control, candidate)
        self._writer.gap(pair)
        sight = self._writer.sight(pair, mirror.plan.basis)
        if sight is None:
            return self._go_on(job, self._sight(job, pair))
        return self._sighted(job, pair, sight)

    async def _sight(self, job: Job[Target], pair: Pair) -> None:
        self._sighted(job, pair, await self._writer.first_sight(pair, job.mirror.plan.basis))

    def _sighted(self, job: Job[Target], pair: Pair, sight: Sight) -> None:
        job.sight = sight
        if job.mirror.noise:
            job.place = Place(pair.capability, pair.operation, pair.control.status // 100, sight.epoch)
        self._both_spoke(job, pair)

    def _both_spoke(self, job: Job[Target], pair: Pair) -> None:
        """Both arms have answered: the client's and the other arm's, or two fresh ones where this is asked again."""
        if self._is_bracketed(job, pair):
            self._put_to(job, "legacy", True, partial(self._heard_twice, pair))
        else:
            self._end(job, (pair,))

    def _heard_twice(self, pair: Pair, job: Job[Target], second: Observation | None) -> None:
        """With legacy's second answer it is a bracket: legacy and modern, legacy and its second, that and modern.
        Where modern had served, it spoke first, and what legacy says twice alike after it may yet be a lag, as asking
        again tells."""
        if job.found is None and job.place is not None and second is not None:
            self._learnt.asked(job.place)
        if second is None or second.failure is not None:
            self._end(job, (pair,))
        else:
            self._end(job, (pair, replace(pair, candidate=second), replace(pair, control=second)))

    def _pair(self, job: Job[Target], control: Observation, candidate: Observation) -> Pair:
        mirror, rules = job.mirror, job.rules
        return Pair(mirror.capability, mirror.operation, mirror.request, control, candidate, mirror.trace_id, mirror.at,
                    rules, self._rates.over(mirror.capability, mirror.operation, rules))

    def _is_bracketed(self, job: Job[Target], pair: Pair) -> bool:
        """The first of an operation and then by chance, so that counts are fair; when asked again, wherever there is a
        difference to be explained."""
        if pair.control.failure is not None or pair.candidate.failure is not None:
            return False
        if job.found is not None:
            # Where both say what they said word for word, legacy has been asked before modern and after it by now.
            return not identical(pair) and (job.said is None or fingerprint(pair) != job.said)
        return job.place is not None and (_roll() < job.mirror.noise or self._learnt.wants(job.place))

    def _end(self, job: Job[Target], pairs: Sequence[Pair]) -> None:
        """All has been asked that is to be asked for now."""
        if self._asking.pop(job, None) is None:  # it was stopped meanwhile
            return
        if self._queue:
            self._wake()
        self._spoke(job, pairs)

    async def _asked(self, mirror: Mirror[Target], arm: str, *, extra: bool) -> Observation | None:
        """What an arm did, or None where the asker declined or failed: that must not count against an arm."""
        began = time.perf_counter()
        try:
            asked = await self.deadlines.within(mirror.plan.deadline, self._ask(mirror, arm, extra))
        except TimeoutError:
            asked = _late(arm, began)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            return None  # the asker cancelled itself
        except Exception:
            return None
        if asked is not None:
            self.note(mirror, arm, asked)
        return asked

    def note(self, mirror: Mirror[Target], arm: str, asked: Observation) -> None:
        """Count a call down an arm."""
        self._writer.call(mirror.capability, mirror.operation, arm, asked.seconds,
                           asked.failure is not None or asked.status >= 500, mirror.at)


def _late(arm: str, began: float) -> Observation:
    failure = Failure("total_timeout", source="gateway", sent=True)
    return Observation(arm, time.perf_counter() - began, failure=failure)
