"""Sparing legacy: when it may be asked beyond what its clients ask, and when that stops by itself. Pure.

Legacy is in production, and there are reads that change something: a queue gives each item once, a long poll ends the
one before. A person opts in to asking legacy again; this is the safety net below. It is stopped for an operation if
legacy, asked again, gives another kind of answer, and for a capability if its clients' errors rise. A stop lasts an
hour, and each next one twice as long, up to a day.
"""

from collections import deque
from dataclasses import dataclass, field
from functools import lru_cache
from math import sqrt
from typing import NamedTuple

from shadow.observation import Observation

PAUSE, LONGEST = 3600.0, 86_400.0
"""Seconds of the first stop, and of the longest."""

BLOCK = 50
"""Clients' exchanges that are looked at together."""

BLOCKS = 20
"""Blocks that say what is usual."""

SURE = 4.0
"""Standard deviations by which errors must exceed what is usual."""

OF_THE_REQUEST = frozenset({400, 404, 405, 406, 410, 412, 413, 414, 415, 416, 422})
"""Statuses of a request that is wrong, or asks for what is not there. Where modern gives the same one, it is no harm
that legacy has come to."""

ANOTHER_KIND, CLIENT_ERRORS = "another_kind", "client_errors"
"""Why asking legacy again was stopped."""


class Kind(NamedTuple):
    """What kind of answer one is: the class of its status (0 for none), and whether it has a body."""

    status: int
    body: bool


UNKNOWN = Kind(0, False)


def kind_of(one: Observation) -> Kind:
    """The kind of an answer."""
    return _kind(0 if one.failure is not None else one.status // 100, bool(one.body))


_kind = lru_cache(maxsize=32)(Kind)


def waits(served: Observation) -> bool:
    """Whether modern's answer says if the one that a client got from legacy shows harm."""
    return served.status in OF_THE_REQUEST and served.failure is None


class Stop(NamedTuple):
    """Legacy is not asked again `until` that time, in monotonic seconds, after `pause` seconds."""

    reason: str
    until: float
    pause: float


class Stopped(NamedTuple):
    """A stop that has just begun: of one operation, or of a whole capability (""). `pause` is in seconds."""

    capability: str
    operation: str
    reason: str
    pause: float


@dataclass(slots=True)
class _Clients:
    """How clients of a capability fare: the present block, and the errors in those before it."""

    seen: int = 0
    errors: int = 0
    before: deque[int] = field(default_factory=lambda: deque(maxlen=BLOCKS))

    def rises(self, failed: bool) -> bool:
        """Count one exchange. Returns whether errors have risen above what is usual."""
        self.seen += 1
        self.errors += failed
        usual = sum(self.before) / len(self.before) if self.before else float(BLOCK)
        rises = self.errors > usual + SURE * sqrt(usual + 1)
        if rises or self.seen == BLOCK:
            self.before.append(self.errors)
            self.seen = self.errors = 0
        return rises


class Sparing:
    """One worker's knowledge of what legacy can bear. `begun` are the stops that nobody has reported yet."""

    def __init__(self) -> None:
        self.begun: list[Stopped] = []
        self._stops: dict[tuple[str, str], Stop] = {}
        self._clients: dict[str, _Clients] = {}

    def may_ask(self, capability: str, operation: str, now: float) -> bool:
        """Whether legacy may be asked again in this operation."""
        return not any(place in self._stops and now < self._stops[place].until
                       for place in ((capability, operation), (capability, "")))

    def heard(self, capability: str, operation: str, first: Kind, again: Kind, now: float) -> str:
        """Legacy was asked again. Returns why that is stopped from now on, or ""."""
        worse = not again.status or again.status > first.status or (first.body and not again.body)
        return self._stop(capability, operation, ANOTHER_KIND, now) if worse else ""

    def client(self, capability: str, served: Observation, now: float, modern: Observation | None = None) -> str:
        """A client of legacy has its answer, and modern has given its own, if it was waited for. Returns why asking
        again is stopped from now on, or ""."""
        clients = self._clients.get(capability)
        if clients is None:
            clients = self._clients[capability] = _Clients()
        failed = served.failure is not None or served.status >= 400
        if clients.rises(failed and not (waits(served) and modern is not None and modern.status == served.status)):
            return self._stop(capability, "", CLIENT_ERRORS, now)
        return ""

    def stopped(self, now: float) -> list[tuple[str, str, str]]:
        """What is stopped now: capability, operation ("" for all), reason."""
        return [(*place, stop.reason) for place, stop in list(self._stops.items()) if now < stop.until]

    def _stop(self, capability: str, operation: str, reason: str, now: float) -> str:
        known = self._stops.get((capability, operation))
        if known is not None and now < known.until:
            return ""
        pause = PAUSE if known is None else min(2 * known.pause, LONGEST)
        self._stops[capability, operation] = Stop(reason, now + pause, pause)
        self.begun.append(Stopped(capability, operation, reason, pause))
        return reason
