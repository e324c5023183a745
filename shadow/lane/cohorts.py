"""Cohorts: evidence is written in the order in which exchanges came, however late their outcomes are known.

What is wrong is often known later than what is right: a mismatch is asked again after seconds, and a call that is not
answered ends at its deadline. If the rest were written meanwhile, a verdict that is asked for at that moment, or after
the worker was killed, would rest on what is right alone. And what is wrong would come last, as if modern had just
broken.

So exchanges that come about at the same time form a cohort. The evidence of a cohort is written once all its exchanges,
and all those before them, have their outcome. Other workers do not wait for that. So each says how many of the
exchanges that it holds back are wrong, or may be: they stand in the way of SAFE at once.
"""

from collections import deque
from dataclasses import dataclass, field
from math import inf
from typing import TypeAlias

from shadow.compare.comparison import Comparison, Outcome
from shadow.compare.difference import Severity
from shadow.evidence.counting import BAD, counts_as
from shadow.evidence.epoch import Epoch
from shadow.evidence.stratum import Stratum
from shadow.lane.unwritten import Exchanges
from shadow.ledger.course import TOGETHER

Place: TypeAlias = tuple[str, Epoch, Stratum, Outcome, str]
"""What exchanges are added up by: capability, epoch, stratum, outcome and reason."""

Evidence: TypeAlias = dict[tuple[Place, int], Exchanges]
"""Exchanges by place, and by when they came, in parts of TOGETHER seconds: whoever is late with them must still be able
to say when that was."""


SLOW = 5.0
"""Seconds after which an exchange without an outcome may well be one that modern does not answer."""


@dataclass(slots=True, eq=False)
class Cohort:
    """Exchanges of one capability that came about at the same time: how many have no outcome yet (`open`), how many
    have one (`settled`), and what these prove. `differ` of those that are open differed when they were compared, and
    wait to be asked again, `critical` of them with a critical difference. None has come since `closed`, a time of the
    event loop."""

    open: int = 0
    settled: int = 0
    evidence: Evidence = field(default_factory=dict)
    differ: int = 0
    critical: int = 0
    closed: float = inf

    def wait(self, found: Comparison, one: int = 1) -> None:
        """Count an exchange that differed, and waits; or, with -1, one that does not wait any more."""
        self.differ += one
        self.critical += one if found.severity is Severity.CRITICAL else 0

    def doubtful(self, now: float) -> tuple[int, int]:
        """How many of these exchanges are wrong, or may be, and how many of them have a critical difference."""
        wrong = [one for ((*_, outcome, reason), _), one in self.evidence.items() if counts_as(outcome, reason) in BAD]
        slow = self.open - self.differ if now - self.closed >= SLOW else 0
        return (sum(one.count for one in wrong) + self.differ + slow,
                sum(one.critical for one in wrong) + self.critical)

    def at(self, place: Place, at: float) -> Exchanges:
        """The exchanges of one place, of which one was seen at a time in seconds since 1970."""
        key = place, int(at // TOGETHER)
        found = self.evidence.get(key)
        if found is None:
            found = self.evidence[key] = Exchanges(at, at)
        elif at > found.last:
            found.last = at
        elif at < found.first:
            found.first = at
        return found

    def take(self, other: "Cohort") -> None:
        """Add a cohort without open exchanges to this one."""
        self.settled += other.settled
        for key, exchanges in other.evidence.items():
            known = self.evidence.setdefault(key, exchanges)
            if known is not exchanges:
                known.add(exchanges.sighting(*key[0], swept=False))


class Cohorts:
    """The cohorts of all capabilities. Each capability has its own, so that none waits for another."""

    def __init__(self) -> None:
        self._waiting: dict[str, deque[Cohort]] = {}

    def present(self, capability: str) -> Cohort:
        """The cohort of the exchanges that come about now."""
        waiting = self._waiting.get(capability)
        if waiting is None:
            waiting = self._waiting[capability] = deque([Cohort()])
        return waiting[-1]

    def join(self, capability: str) -> Cohort:
        """Let an exchange be one of the present cohort. It must leave it once it has its outcome."""
        cohort = self.present(capability)
        cohort.open += 1
        return cohort

    def due(self, now: float) -> dict[str, Cohort]:
        """What may be written, by capability; it waits no more. From now on, a time of the event loop, a new cohort is
        the present one."""
        found: dict[str, Cohort] = {}
        for capability, waiting in self._waiting.items():
            whole = Cohort()
            while waiting and not waiting[0].open:
                whole.take(waiting.popleft())
            if len(waiting) > 1 and not (waiting[-1].open or waiting[-2].open):
                # What waits for the same exchange is written together.
                last = waiting.pop()
                waiting[-1].take(last)
            if not waiting or waiting[-1].open or waiting[-1].settled:
                for last in waiting:
                    last.closed = min(last.closed, now)
                waiting.append(Cohort())
            if whole.settled:
                found[capability] = whole
        return found

    def doubtful(self, now: float) -> dict[str, tuple[int, int]]:
        """By capability, how many of the exchanges that wait are wrong, or may be, and how many of them have a critical
        difference; only if there are any."""
        found = {capability: [cohort.doubtful(now) for cohort in waiting]
                 for capability, waiting in self._waiting.items() if len(waiting) > 1 or waiting[0].open}
        return {capability: (many, sum(critical for _, critical in each)) for capability, each in found.items()
                if (many := sum(exchanges for exchanges, _ in each))}

    def put_back(self, capability: str, whole: Cohort) -> None:
        """Let what was not written wait again, before all others."""
        self._waiting[capability].appendleft(whole)
