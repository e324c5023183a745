"""Sweeping: asks both arms about each key at a bounded rate, and puts what they say through a lane.

Legacy is asked first, as if it had answered a client. Then its answer is offered to the lane as a mirror, and the lane
asks modern and compares, as for any mirror.

Legacy is production. If it fails, or refuses, several keys in a row, the sweep stops, and at once if it says that it is
asked too often. Such answers are held back until legacy answers well again: two arms that both refuse an expired token
agree, but that proves nothing.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from adapters.message import Headers
from gateway.call import Arrival
from gateway.capability import Capability, Match, Target
from gateway.cli.keys import Key
from gateway.config.compile import Configuration
from gateway.edges.arrival import Arrivals
from gateway.mirroring import Way, ask_mirror
from gateway.routing import Ambiguous
from gateway.telemetry.trace import new_trace_id
from gateway.wire.heads import Malformed, fields
from shadow.compare.comparison import Tally
from shadow.credentials import is_refusal
from shadow.custody.base import Custody
from shadow.evidence.counting import BAD, Counts, counts_as
from shadow.lane.asking import Cancel
from shadow.lane.lane import Lane
from shadow.lane.mirror import Mirror
from shadow.observation import Failure, Observation
from shadow.plan import ShadowPlan
from shadow.sealed.capture import Capture
from shadow.settings import LaneSettings
from shadow.stores.base import Store

PATIENCE = 10
"""Keys in a row that legacy may fail or refuse before the sweep stops."""

INTERRUPTED = "interrupted"
"""Why a sweep stopped: somebody wanted it."""

_PROXY_REFUSES = 407
_TOO_MANY = 429


class Sent(NamedTuple):
    """The header fields of the requests: `plain` ones for both arms, and `secret` ones for legacy. Modern gets the
    secret ones too if the capability passes credentials."""

    plain: Headers
    secret: Headers


class Pace(NamedTuple):
    """How hard legacy is asked: at most `rate` keys a second, and `concurrency` of them at once."""

    rate: float
    concurrency: int


class Files(NamedTuple):
    """Where the evidence goes, and the keys that link it; `capture` seals mismatches, if any are to be sealed."""

    store: Store
    custody: Custody
    capture: Capture | None


class Unfit(Exception):
    """A key that cannot be asked about. The text says why, and quotes nothing of it."""


class Requests:
    """The requests of a sweep of one capability, of its operation called `operation` (None for any)."""

    def __init__(
        self, built: Configuration, capability: Capability, plan: ShadowPlan, operation: str | None, sent: Sent,
    ) -> None:
        self._built = built
        self._capability = capability
        self._operation = operation
        host = Headers() if sent.plain.get(b"host") is not None else Headers([(b"Host", b"localhost")])
        self._bare = fields(Headers([*host, *sent.plain]))
        self._whole = fields(Headers([*host, *sent.plain, *sent.secret]))
        self._strips = bool(sent.secret) and not plan.pass_credentials
        # As legacy is asked: an operator's credentials are for it, whatever a mirror of a client's request may carry.
        self._trusting = replace(capability, shadow=replace(plan, pass_credentials=True))
        secrets = plan.sealing.secrets | {name.lower() for name, _ in sent.secret}
        self._plan = replace(plan, sealing=replace(plan.sealing, secrets=secrets))

    def check_fields(self) -> None:
        """Raise Unfit if the header fields are not those of a read, whatever its target."""
        head = self._arrival(b"/", self._whole).head
        if head.length or head.upgrade or head.expects_continue or head.logs_in:
            raise Unfit("they are not those of a plain read")

    def way(self, target: bytes) -> Way:
        """The request for a target, and the operation that it matches. Raises Unfit."""
        arrival = self._arrival(target, self._whole)
        try:
            match = self._built.table.match(arrival.request, arrival.head.overrides)
        except Ambiguous as ambiguous:
            raise Unfit(f"it could be read in two ways ({ambiguous.code})") from None
        found, operation = match.target.capability, match.target.operation
        if found.name != self._capability.name or self._operation not in (None, operation.name):
            wanted = f"{self._capability.name}.{self._operation}" if self._operation else self._capability.name
            raise Unfit(f"it is no request of {wanted}")
        if not operation.is_safe("GET"):
            raise Unfit(f"{found.name}.{operation.name} changes something")
        return Way(match, arrival)

    def _arrival(self, target: bytes, head: bytes) -> Arrival:
        try:
            arrival = Arrivals("", "http").judged(b"GET %b HTTP/1.1\r\n%b\r\n" % (target, head), self._built.edge)
        except Malformed as malformed:
            raise Unfit(f"the edge refuses it ({malformed.code})") from None
        return arrival._replace(trace_id=new_trace_id())

    def mirror(self, target: bytes) -> Mirror[Way]:
        """The mirror for a target, which legacy has not answered yet. Raises Unfit."""
        way = self.way(target)
        return Mirror(self._capability.name, way.match.target.operation.name, way.arrival.request,
                      Observation("legacy", 0.0), "modern", way.arrival.trace_id, time.time(), way, self._plan)

    def ask(
        self, mirror: Mirror[Way], arm: str, extra: bool, heard: Callable[[Observation | None], None],
    ) -> Cancel | None:
        """Ask an arm, for the lane: see shadow.lane.asking.Ask."""
        way = mirror.way
        if arm == "legacy":
            target = Target(self._trusting, way.match.target.operation, way.match.target.names)
            mirror = replace(mirror, way=way._replace(match=Match(target, way.match.captures)))
        elif self._strips:
            bare = self._arrival(mirror.request.target, self._bare)._replace(trace_id=mirror.trace_id)
            mirror = replace(mirror, request=bare.request, way=way._replace(arrival=bare))
        return ask_mirror(mirror, arm, extra, heard)


@dataclass(slots=True)
class Tallied:
    """How far a sweep has come. `asked` counts the keys about which legacy was asked, and `ended` those that have an
    outcome. `lines` are the lines of those that do not count as right, by what they count as. `stopped` says why the
    sweep stopped early; it is "" if it did not."""

    asked: int = 0
    ended: int = 0
    lines: dict[Counts, list[int]] = field(default_factory=dict)
    stopped: str = ""

    @property
    def bad(self) -> int:
        """How many keys modern did not answer as legacy did."""
        return sum(len(lines) for counts, lines in self.lines.items() if counts in BAD)


class Sweep:
    """One sweep over keys. It belongs to one event loop. `tallied` says how far it has come."""

    def __init__(
        self, requests: Requests, keys: Sequence[Key], pace: Pace, settings: LaneSettings, files: Files,
    ) -> None:
        self.tallied = Tallied()
        self._requests = requests
        self._keys = keys
        self._pace = pace
        self._settings = settings
        self._lane = Lane(requests.ask, files.store, settings, None, files.custody, files.capture, self._ended,
                          swept=True)
        # The lines of the keys that are in the lane, by trace id.
        self._lines: dict[str, int] = {}
        self._asking: set[asyncio.Task[None]] = set()
        # Mirrors whose answer of legacy says little, with their lines: see the head of this file.
        self._held_back: list[tuple[Mirror[Way], int]] = []
        self._in_a_row = 0
        self._seen_well = False
        self._stopped = asyncio.Event()
        self._interrupted = asyncio.Event()
        self._changed = asyncio.Event()

    @property
    def outcomes(self) -> Mapping[Tally, int]:
        """How many keys have which outcome."""
        return self._lane.counters()

    @property
    def unwritten(self) -> int:
        """How many outcomes the store did not take. They are known once `run` has ended."""
        return sum(self._lane.writer.unwritten().values())

    @property
    def fault(self) -> str:
        """Why the store or the custody could not be used the last time, or ""."""
        return self._lane.writer.fault or self._lane.writer.keys.fault

    def interrupt(self) -> None:
        """Stop, and do not wait for what is to be asked again."""
        self._interrupted.set()
        self._stop(INTERRUPTED)

    def _stop(self, why: str) -> None:
        """Ask about no further key, and give up what legacy has not answered."""
        self.tallied.stopped = self.tallied.stopped or why
        self._stopped.set()
        self._changed.set()
        for task in self._asking:
            task.cancel()

    async def run(self) -> None:
        """Ask about all keys, unless something stops it, and write what came of it."""
        self._lane.start()
        await self._ask_all()
        if self._asking:
            await asyncio.wait(self._asking)
        self._end_held_back()
        idle, cut = (asyncio.create_task(one) for one in (self._lane.idle(), self._interrupted.wait()))
        await asyncio.wait([idle, cut], return_when=asyncio.FIRST_COMPLETED)
        for one in (idle, cut):
            one.cancel()
        await asyncio.wait([idle, cut])
        await self._lane.drain(self._settings.drain)

    async def _ask_all(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        for key in self._keys:
            while self._is_full and not self._stopped.is_set():
                self._changed.clear()
                await self._changed.wait()
            try:
                async with asyncio.timeout_at(due):
                    await self._stopped.wait()
                return
            except TimeoutError:
                due = max(due, loop.time()) + 1 / self._pace.rate
            task = loop.create_task(self._ask(key))
            self._asking.add(task)
            task.add_done_callback(self._answered)

    def _answered(self, task: asyncio.Task[None]) -> None:
        self._asking.discard(task)
        self._changed.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            self._stop(f"it fails: {type(error).__name__}")  # its text may hold a value

    @property
    def _is_full(self) -> bool:
        """Whether legacy is asked as much as it may be, or the lane holds half of what it may."""
        return (len(self._asking) >= self._pace.concurrency or self._lane.unfinished >= self._settings.queue // 2
                or self._lane.held > self._settings.memory // 2)

    async def _ask(self, key: Key) -> None:
        """Ask legacy about a key, and offer its answer to the lane."""
        mirror = self._requests.mirror(key.target)
        said = await self._legacy(mirror)
        self.tallied.asked += 1
        if said is not None:
            self._lane.writer.call(mirror.capability, mirror.operation, "legacy", said.seconds,
                                   said.failure is not None or said.status >= 500, mirror.at)
            if said.status == _TOO_MANY:
                self._stop("legacy is asked too often (429): sweep the rest with a lower --rate")
                return
            self._held_back.append((replace(mirror, served=said, at=time.time()), key.line))
        if said is not None and _is_well(said):
            self._in_a_row = 0
            self._seen_well = True
            self._offer_held_back()
            return
        self._in_a_row += 1
        if self._in_a_row >= PATIENCE:
            self._stop(_unwell(said, f"{PATIENCE} keys in a row"))

    async def _legacy(self, mirror: Mirror[Way]) -> Observation | None:
        """What legacy says; None if it is out, and so was not asked."""
        said: asyncio.Future[Observation | None] = asyncio.get_running_loop().create_future()
        began = time.perf_counter()
        cancel = self._requests.ask(mirror, "legacy", True, lambda one: None if said.done() else said.set_result(one))
        try:
            await asyncio.wait([said], timeout=mirror.plan.deadline)
        finally:
            if not said.done() and cancel is not None:
                cancel()
        if said.done():
            return said.result()
        return Observation("legacy", time.perf_counter() - began,
                           failure=Failure("total_timeout", source="gateway", sent=True))

    def _offer_held_back(self) -> None:
        for mirror, line in self._held_back:
            self._lines[mirror.trace_id] = line
            self._lane.offer(mirror)
        self._held_back.clear()

    def _end_held_back(self) -> None:
        """Offer what was held back at the end, unless that stopped the sweep, or legacy answered nothing well."""
        if not (self._seen_well or self._stopped.is_set()):
            self._stop(_unwell(self._held_back[-1][0].served if self._held_back else None, "every key"))
        if self._in_a_row < PATIENCE and self._seen_well:
            self._offer_held_back()

    def _ended(self, trace_id: str, tally: Tally) -> None:
        """The lane's callback: a key has its outcome."""
        line = self._lines.pop(trace_id, 0)
        self.tallied.ended += 1
        counts = counts_as(tally.outcome, tally.reason)
        if counts is not Counts.RIGHT:
            self.tallied.lines.setdefault(counts, []).append(line)
        self._changed.set()


def _is_well(said: Observation) -> bool:
    return said.failure is None and said.status < 500 and not _is_refused(said)


def _is_refused(said: Observation) -> bool:
    """Whether an arm wants credentials, or others: also by a redirect to a login."""
    return said.failure is None and (said.status == _PROXY_REFUSES or is_refusal(said.status, said.headers))


def _unwell(said: Observation | None, what: str) -> str:
    if said is not None and _is_refused(said):
        return f"legacy refused {what} with {said.status}: give its credentials with --header-file"
    last = "out" if said is None else said.failure.kind if said.failure is not None else str(said.status)
    return f"legacy failed {what}; the last time it was: {last}"
