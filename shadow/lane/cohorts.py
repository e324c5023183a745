"""Cohorts: evidence is written in the order in which exchanges came, however late their outcomes are known.

What is wrong is often known later than what is right: a mismatch is asked again after seconds, and a call that is not
answered ends at its deadline. If the rest were written meanwhile, a verdict that is asked for at that moment, or after
the worker was killed, would rest on what is right alone. And what is wrong would come last, as if modern had just
broken.

So exchanges that come about at the same time form a cohort. The evidence of a cohort is written once all its exchanges,
and all those before them, have their outcome.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import TypeAlias

from shadow.compare.comparison import Outcome
from shadow.evidence.epoch import Epoch
from shadow.evidence.stratum import Stratum
from shadow.lane.unwritten import Exchanges

Place: TypeAlias = tuple[str, Epoch, Stratum, Outcome, str]
"""What exchanges are added up by: capability, epoch, stratum, outcome and reason."""

Evidence: TypeAlias = dict[Place, Exchanges]


@dataclass(slots=True, eq=False)
class Cohort:
    """Exchanges of one capability that came about at the same time: how many have no outcome yet (`open`), how many
    have one (`settled`), and what these prove."""

    open: int = 0
    settled: int = 0
    evidence: Evidence = field(default_factory=dict)

    def at(self, place: Place, at: float) -> Exchanges:
        """The exchanges of one place, of which one was seen at a time in seconds since 1970."""
        found = self.evidence.get(place)
        if found is None:
            found = self.evidence[place] = Exchanges(at, at)
        elif at > found.last:
            found.last = at
        elif at < found.first:
            found.first = at
        return found

    def take(self, other: "Cohort") -> None:
        """Add a cohort without open exchanges to this one."""
        self.settled += other.settled
        for place, exchanges in other.evidence.items():
            known = self.evidence.setdefault(place, exchanges)
            if known is not exchanges:
                known.add(exchanges.sighting(*place, swept=False))


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

    def due(self) -> dict[str, Cohort]:
        """What may be written, by capability; it waits no more. From now on a new cohort is the present one."""
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
                waiting.append(Cohort())
            if whole.settled:
                found[capability] = whole
        return found

    def put_back(self, capability: str, whole: Cohort) -> None:
        """Let what was not written wait again, before all others."""
        self._waiting[capability].appendleft(whole)
