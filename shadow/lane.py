"""The lane: the bounded queue in which shadow work happens, off the way of every client.

    offer → queue → ask the other arm → Pair → equal bytes? → else the comparer's process → store, in batches

Nothing here can change, delay or fail a client's answer: `offer` takes no time and raises nothing, whatever goes
wrong afterwards is an outcome, and every mirror ends in exactly one. A mirror holds its room, in count and in bytes,
until its outcome is known.
"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass

from adapters.message import Request
from shadow.compare import Outcome, Tally, identical
from shadow.comparer import Child, Comparer, ComparerSlow
from shadow.journal import Journal
from shadow.ledger import Traffic
from shadow.observation import Failure, Observation, Pair
from shadow.settings import LaneSettings
from shadow.stores.base import Store

BATCH_PAIRS = 64
BATCH_BYTES = 1 << 20
"""What goes to the comparer at once: little enough to pickle without holding up the event loop."""

BUDGET = 20.0
"""Seconds that the comparer may take over one batch."""

_OVERHEAD = 2_048
"""Bytes that a mirror takes beside its bodies and heads."""


@dataclass(slots=True)
class Mirror:
    """One exchange to be shadowed: what was asked, what the client was answered, and which arm is yet to be asked.

    `request` is in the capability's contract, its body whole. `ask` is "legacy" or "modern", `deadline` the seconds
    that asking may take, `at` seconds since the epoch. `target` is the asker's own, handed back as it came.
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

    def cost(self) -> int:
        """The bytes that this mirror holds, near enough."""
        fields = sum(len(name) + len(value) for name, value in (*self.request.headers, *self.served.headers))
        return _OVERHEAD + len(self.request.target) + len(self.request.body) + len(self.served.body) + fields


class _Entry:
    """A mirror on its way, the room that it holds, and its pair once both arms have spoken."""

    __slots__ = ("cost", "mirror", "pair")

    def __init__(self, mirror: Mirror, cost: int) -> None:
        self.mirror = mirror
        self.cost = cost
        self.pair: Pair | None = None


class Lane:
    """One worker's lane. `start` and all after it belong to one event loop.

    `on` is the kill switch: while it is False, offers are shed. `eligible` counts all that was offered or skipped,
    `unfinished` and `held` (bytes) what has no outcome yet: eligible = sum(counters().values()) + unfinished.
    """

    def __init__(
        self, ask: Callable[[Mirror], Awaitable[Observation]], store: Store, settings: LaneSettings,
        comparer: Comparer | None = None,
    ) -> None:
        self.on = True
        self.eligible = 0
        self.unfinished = 0
        self.held = 0
        self.journal = Journal(store)
        self._ask = ask
        self._settings = settings
        self._comparer = comparer or Child()
        self._open = False
        self._counts: Counter[Tally] = Counter()
        self._tasks: list[asyncio.Task[None]] = []
        # Where an unfinished mirror is: exactly one of these four.
        self._queue: deque[_Entry] = deque()
        self._asking: set[_Entry] = set()
        self._pairs: deque[_Entry] = deque()
        self._comparing: list[_Entry] = []
        self._offered = asyncio.Semaphore(0)
        self._paired = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    # --- the side that clients' requests touch: no await, no exception ---

    def offer(self, mirror: Mirror) -> None:
        """Take a mirror, or shed it where there is no room. Takes constant time."""
        self.eligible += 1
        cost = mirror.cost()
        if reason := self._no_room(cost):
            return self._count(Tally(mirror.capability, mirror.operation, Outcome.SHED, reason))
        self.unfinished += 1
        self.held += cost
        self._idle.clear()
        self._queue.append(_Entry(mirror, cost))
        return self._offered.release()

    def skip(self, capability: str, operation: str, reason: str) -> None:
        """Count an exchange that was eligible but is not mirrored. `reason` is one of a few fixed words."""
        self.eligible += 1
        self._count(Tally(capability, operation, Outcome.SKIPPED, reason))

    def record(self, rows: Iterable[Traffic]) -> None:
        """Have the gateway's traffic written with the next batch."""
        for row in rows:
            self.journal.add(row)

    def counters(self) -> Mapping[Tally, int]:
        """How many exchanges have ended in which outcome, since the start."""
        return dict(self._counts)

    def _no_room(self, cost: int) -> str:
        if not self.on:
            return "switched_off"
        if not self._open:
            return "stopped"
        if self.unfinished >= self._settings.queue:
            return "queue_full"
        return "memory_full" if self.held + cost > self._settings.memory else ""

    # --- the side that works ---

    def start(self) -> None:
        """Begin to work. Must be called in the event loop, once."""
        self._open = True
        self._tasks = [asyncio.create_task(self._work()) for _ in range(self._settings.concurrency)]
        self._tasks.append(asyncio.create_task(self._compare()))
        self.journal.start()

    async def settled(self) -> None:
        """Wait until every mirror that was taken has its outcome."""
        await self._idle.wait()

    async def drain(self, seconds: float) -> None:
        """Take nothing more, finish what is there within `seconds`, shed the rest, write all of it down.
        Leaves no task and no process. It may be called again."""
        self._open = False
        try:
            async with asyncio.timeout(seconds):
                await self.settled()
        except TimeoutError:
            pass
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        if tasks:
            # An asker may ignore that it is cancelled; the drain does not wait for it for ever.
            await asyncio.wait(tasks, timeout=1)
        for room in (self._queue, self._asking, self._pairs, self._comparing):
            for entry in room:
                self._shed(entry, "drained")
            room.clear()
        await self._comparer.close()
        await self.journal.close()

    async def _work(self) -> None:
        while True:
            await self._offered.acquire()
            if self._queue:
                entry = self._queue.popleft()
                self._asking.add(entry)
                asked = await self._asked(entry.mirror)
                if entry in self._asking:  # else it was drained meanwhile
                    self._asking.remove(entry)
                    self._settle(entry, asked)

    async def _asked(self, mirror: Mirror) -> Observation | None:
        """What the other arm did, or None where the asker itself failed: that must not count against an arm."""
        began = time.perf_counter()
        try:
            async with asyncio.timeout(mirror.deadline):
                return await self._ask(mirror)
        except TimeoutError:
            failure = Failure("total_timeout", source="gateway", sent=True)
            return Observation(mirror.ask, time.perf_counter() - began, failure=failure)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            return None  # the asker cancelled itself
        except Exception:
            return None

    def _settle(self, entry: _Entry, asked: Observation | None) -> None:
        """Finish a mirror whose arms said the same; hand the others on."""
        mirror = entry.mirror
        if asked is None:
            return self._shed(entry, "asker_failed")
        self.journal.call(mirror.capability, mirror.operation, mirror.ask, asked.seconds,
                          asked.failure is not None or asked.status >= 500, mirror.at)
        control, candidate = (asked, mirror.served) if mirror.ask == "legacy" else (mirror.served, asked)
        pair = Pair(mirror.capability, mirror.operation, mirror.request, control, candidate, mirror.trace_id, mirror.at)
        if identical(pair):
            tally = Tally(mirror.capability, mirror.operation, Outcome.MATCH)
            self.journal.count(tally)
            return self._finish(entry, tally)
        entry.pair = pair
        entry.cost += len(asked.body)
        self.held += len(asked.body)
        self._pairs.append(entry)
        return self._paired.set()

    async def _compare(self) -> None:
        while True:
            await self._paired.wait()
            pairs = self._take_batch()
            try:
                comparisons = await self._comparer.compare(pairs, BUDGET)
                lost = "" if len(comparisons) == len(pairs) else "comparer_lost"
            except ComparerSlow:
                lost = "comparer_slow"
            except Exception:
                lost = "comparer_lost"
            batch, self._comparing = self._comparing, []
            if lost:
                for entry in batch:
                    self._shed(entry, lost)
            else:
                for entry, comparison in zip(batch, comparisons, strict=True):
                    self.journal.keep(comparison)
                    self._finish(entry, comparison.tally)

    def _take_batch(self) -> list[Pair]:
        pairs: list[Pair] = []
        size = 0
        while self._pairs and len(pairs) < BATCH_PAIRS and size < BATCH_BYTES:
            entry = self._pairs.popleft()
            self._comparing.append(entry)
            size += entry.cost
            if entry.pair is not None:
                pairs.append(entry.pair)
        if not self._pairs:
            self._paired.clear()
        return pairs

    # --- outcomes: every mirror ends in exactly one ---

    def _shed(self, entry: _Entry, reason: str) -> None:
        tally = Tally(entry.mirror.capability, entry.mirror.operation, Outcome.SHED, reason)
        self.journal.count(tally)
        self._finish(entry, tally)

    def _finish(self, entry: _Entry, tally: Tally) -> None:
        """The one end of a mirror that had found room; the journal has it already."""
        self._counts[tally] += 1
        self.unfinished -= 1
        self.held -= entry.cost
        if not self.unfinished:
            self._idle.set()

    def _count(self, tally: Tally) -> None:
        self._counts[tally] += 1
        self.journal.count(tally)
