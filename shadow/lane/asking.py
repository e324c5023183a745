"""Asking the arms, for the lane: from a mirror to what both arms say of it.

An asking takes a callback, where the asker can do without more: a task and its coroutines cost more than all else that
is done about a mirror whose arms agree.
"""

import asyncio
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain

from adapters.message import Request
from shadow.compare.comparison import Comparison, fingerprint, identical
from shadow.compare.pair import Pair
from shadow.compare.rules import NONE, Rules
from shadow.evidence.epoch import Basis
from shadow.lane.deadlines import Deadlines
from shadow.lane.learned_noise import Learnt, Place
from shadow.lane.rates import Rates
from shadow.lane.writer import Sight, Writer
from shadow.observation import Failure, Observation
from shadow.settings import NEVER, UNSEALED, Recheck, Sealing

_OVERHEAD = 2_048
"""Bytes that a mirror takes beside its bodies and heads."""

_roll = random.random

Ask = Callable[["Mirror", str, bool], Awaitable[Observation | None]]
"""Asks an arm ("legacy" or "modern") what the mirror's client asked. Where the flag is set, that is beyond the one
asking that mirroring takes: the asker may decline, with None, where the arm is not to be loaded."""

Cancel = Callable[[], object]

Begin = Callable[["Mirror", str, bool, Callable[[Observation], None]], Cancel | None]
"""Asks an arm as an Ask does, and returns at once how to cancel that, or None where only an Ask can do it. What the arm
did is told to the callback, once: perhaps before this returns."""

Heard = Callable[["Entry", Observation | None], None]


@dataclass(slots=True)
class Mirror:
    """One exchange to be shadowed: what was asked, what the client was answered, and which arm is yet to be asked.

    `request` is in the capability's contract, its body whole. `ask` is "legacy" or "modern", `deadline` the seconds
    that asking may take, `at` seconds since the epoch. `target` is the asker's own, handed back as it came.
    `recheck` says when a mismatch is asked again, `noise` (0 to 1) how often legacy is asked twice: never where asking
    changes something. `basis` is what evidence rests on, `rules` are those by which the arms
    are compared. `sealing` says how often a mismatch is kept whole, and `safe` goes with it: whether asking again
    changes nothing.
    """

    capability: str
    operation: str
    request: Request
    served: Observation
    ask: str
    trace_id: str
    at: float
    target: object
    deadline: float
    recheck: Recheck = NEVER
    basis: Basis = field(default_factory=Basis)
    rules: Rules = NONE
    noise: float = 0.0
    sealing: Sealing = UNSEALED
    safe: bool = True

    def cost(self) -> int:
        """The bytes that this mirror holds, near enough."""
        request, served = self.request, self.served
        fields = sum(map(len, chain.from_iterable((*request.headers, *served.headers))))
        return _OVERHEAD + len(request.target) + len(request.body) + len(served.body) + fields


class Entry:
    """A mirror on its way, the room that it holds, and what is to be compared once both arms have spoken: one pair, or
    the three of a bracket, of which one is enough where it is `steady`: legacy said the same twice. `place` is where
    its noise is learnt. Where that came to a mismatch: `found` at which time of the loop's, of what `said`, asked again
    for the `round`th time, seen again `times`. `sealed` is the id it was captured under."""

    __slots__ = (
        "at", "cost", "found", "mirror", "pairs", "place", "round", "said", "sealed", "sight", "steady", "times",
    )

    def __init__(self, mirror: Mirror, cost: int) -> None:
        self.mirror = mirror
        self.cost = cost
        self.pairs: Sequence[Pair] = ()
        self.steady = False
        self.said: int | None = None
        self.sight: Sight | None = None
        self.place: Place | None = None
        self.found: Comparison | None = None
        self.at = 0.0
        self.round = 0
        self.times = 0
        self.sealed = ""


class _Open:
    """An asking that is not answered yet, without a task."""

    __slots__ = ("arm", "asking", "began", "cancel", "entry", "heard")

    def __init__(self, asking: "Asking", entry: Entry, arm: str, heard: Heard) -> None:
        self.asking = asking
        self.entry = entry
        self.arm = arm
        self.heard = heard
        self.began = time.perf_counter()
        self.cancel: Cancel | None = None

    def answered(self, observation: Observation) -> None:
        self.asking.deadlines.met(self)
        self.asking.note(self.entry.mirror, self.arm, observation)
        self.heard(self.entry, observation)

    def overdue(self) -> None:
        self.end()
        self.answered(_late(self.arm, self.began))

    def end(self) -> None:
        """Have it answered no more."""
        self.asking.deadlines.met(self)
        if self.cancel is not None:
            self.cancel()


class Asking:
    """Asks what is put to it, about so many (`concurrency`) at a time, in one event loop; `spoke` is told of each what
    the arms said. None of that is said where one did not speak, and no arm is to blame."""

    def __init__(
        self, ask: Ask, begin: Begin | None, concurrency: int, writer: Writer, learnt: Learnt, rates: Rates,
        spoke: Callable[[Entry, Sequence[Pair]], None],
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
        # Where an entry is: one of these two. The second tells how to cancel what it waits for.
        self._queue: deque[Entry] = deque()
        self._asking: dict[Entry, Cancel] = {}

    def put(self, entry: Entry) -> None:
        """Have it asked about, once whoever calls this is done: a client's answer goes out first."""
        self._queue.append(entry)
        self._wake()

    async def stop(self) -> list[Entry]:
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
            entry = self._queue.popleft()
            if entry.found is None:
                self._put_to(entry, entry.mirror.ask, False, self._heard)
            else:
                self._put_to(entry, "legacy", True, self._heard_again)

    def _put_to(self, entry: Entry, arm: str, extra: bool, heard: Heard) -> None:
        """Ask an arm: without a task, where that can be."""
        one = _Open(self, entry, arm, heard)
        self._asking[entry] = one.end
        if self._begin is not None:
            self.deadlines.set(one, entry.mirror.deadline, one.overdue)
            try:
                one.cancel = self._begin(entry.mirror, arm, extra, one.answered)
            except Exception:
                if self.deadlines.met(one):
                    heard(entry, None)
                return
        if one.cancel is None:
            self.deadlines.met(one)
            self._go_on(entry, self._wait_for(entry, arm, extra, heard))

    async def _wait_for(self, entry: Entry, arm: str, extra: bool, heard: Heard) -> None:
        heard(entry, await self._asked(entry.mirror, arm, extra=extra))

    def _go_on(self, entry: Entry, work: Coroutine[None, None, None]) -> None:
        """By a task from here on."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self._asking[entry] = task.cancel

    def _heard_again(self, entry: Entry, control: Observation | None) -> None:
        """Where both arms are asked again, legacy is first."""
        if control is None or entry not in self._asking:
            self._end(entry, ())
        else:
            self._put_to(entry, "modern", True, partial(self._heard_both_again, control))

    def _heard_both_again(self, control: Observation, entry: Entry, candidate: Observation | None) -> None:
        if candidate is None or entry not in self._asking:
            self._end(entry, ())
        else:
            self._both_spoke(entry, self._pair(entry.mirror, control, candidate))

    def _heard(self, entry: Entry, asked: Observation | None) -> None:
        """What the first asking came to; nothing, where no arm is to blame for that."""
        mirror = entry.mirror
        if asked is None or entry not in self._asking:  # it may have been stopped meanwhile
            return self._end(entry, ())
        control, candidate = (asked, mirror.served) if mirror.ask == "legacy" else (mirror.served, asked)
        pair = self._pair(mirror, control, candidate)
        self._writer.gap(pair)
        sight = self._writer.sight(pair, mirror.basis)
        if sight is None:
            return self._go_on(entry, self._sight(entry, pair))
        return self._sighted(entry, pair, sight)

    async def _sight(self, entry: Entry, pair: Pair) -> None:
        self._sighted(entry, pair, await self._writer.first_sight(pair, entry.mirror.basis))

    def _sighted(self, entry: Entry, pair: Pair, sight: Sight) -> None:
        entry.sight = sight
        if entry.mirror.noise:
            entry.place = Place(pair.capability, pair.operation, pair.control.status // 100, sight.epoch)
        self._both_spoke(entry, pair)

    def _both_spoke(self, entry: Entry, pair: Pair) -> None:
        """Both arms have answered: the client's and the other arm's, or two fresh ones where this is asked again."""
        if self._is_bracketed(entry, pair):
            self._put_to(entry, "legacy", True, partial(self._heard_twice, pair))
        else:
            self._end(entry, (pair,))

    def _heard_twice(self, pair: Pair, entry: Entry, second: Observation | None) -> None:
        """With legacy's second answer it is a bracket: legacy and modern, legacy and its second, that and modern.
        Where modern had served, it spoke first, and what legacy says twice alike after it may yet be a lag, as asking
        again tells."""
        if entry.found is None and entry.place is not None and second is not None:
            self._learnt.asked(entry.place)
        if second is None or second.failure is not None:
            self._end(entry, (pair,))
        else:
            self._end(entry, (pair, replace(pair, candidate=second), replace(pair, control=second)))

    def _pair(self, mirror: Mirror, control: Observation, candidate: Observation) -> Pair:
        return Pair(mirror.capability, mirror.operation, mirror.request, control, candidate, mirror.trace_id, mirror.at,
                    mirror.rules, self._rates.over(mirror.capability, mirror.operation, mirror.rules))

    def _is_bracketed(self, entry: Entry, pair: Pair) -> bool:
        """The first of an operation and then by chance, so that counts are fair; when asked again, wherever there is a
        difference to be explained."""
        if pair.control.failure is not None or pair.candidate.failure is not None:
            return False
        if entry.found is not None:
            # Where both say what they said word for word, legacy has been asked before modern and after it by now.
            return not identical(pair) and (entry.said is None or fingerprint(pair) != entry.said)
        return entry.place is not None and (_roll() < entry.mirror.noise or self._learnt.wants(entry.place))

    def _end(self, entry: Entry, pairs: Sequence[Pair]) -> None:
        """All has been asked that is to be asked for now."""
        if self._asking.pop(entry, None) is None:  # it was stopped meanwhile
            return
        if self._queue:
            self._wake()
        self._spoke(entry, pairs)

    async def _asked(self, mirror: Mirror, arm: str, *, extra: bool) -> Observation | None:
        """What an arm did, or None where the asker declined or failed: that must not count against an arm."""
        began = time.perf_counter()
        try:
            asked = await self.deadlines.within(mirror.deadline, self._ask(mirror, arm, extra))
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

    def note(self, mirror: Mirror, arm: str, asked: Observation) -> None:
        """Count a call down an arm."""
        self._writer.call(mirror.capability, mirror.operation, arm, asked.seconds,
                           asked.failure is not None or asked.status >= 500, mirror.at)


def _late(arm: str, began: float) -> Observation:
    failure = Failure("total_timeout", source="gateway", sent=True)
    return Observation(arm, time.perf_counter() - began, failure=failure)
