"""2: exchanges that modern, or the gateway itself, leaves out: bounded if that was settled before modern answered, and
wrong if it was not."""

from dataclasses import replace

from shadow.compare.comparison import Outcome
from shadow.evidence.criteria import Accepted
from shadow.evidence.stratum import Stratum
from shadow.judge.child import JudgeLost, JudgeSlow
from shadow.plan import ShadowPlan
from shadow.settings import LaneSettings
from tests.evidence.drawn import CLEAN, Kind, World
from tests.evidence.laned import SETTINGS, Asked, Inline
from tests.evidence.situations.common import BAD, GOOD, RATES, SMALL, drawn, three, through
from tests.evidence.table import FALSE_NOT_SAFE, FALSE_SAFE, FOUND, OPEN, RIGHT

AFTER = tuple(Kind(*one) for one in (
    (Outcome.NOT_COMPARABLE, "syntax"), (Outcome.NOT_COMPARABLE, "unknown_coding"),
    (Outcome.NOT_COMPARABLE, "too_large"), (Outcome.NOT_COMPARABLE, "crosswalk_full"),
    (Outcome.SHED, "comparer_slow"), (Outcome.SHED, "comparer_lost")))
UNSTABLE = Kind(Outcome.UNSTABLE, "noise")
FULL = Kind(Outcome.SHED, "queue_full")
SEARCH = Stratum("read", "2xx", "Bundle", "date")
SIGNED = replace(RATES, accepted=(Accepted("syntax", 0.02, "Ada", "letters", 9e9),))
UNREADABLE = b'{"a":'


class Unwell(Inline):
    """A judge that is lost, or too slow, with each batch that has a pair with a certain answer of modern."""

    def __init__(self):
        self._slow = False

    async def judge(self, pairs, seconds):
        if any(pair.candidate.body == BAD for pair in pairs):
            self._slow = not self._slow
            raise JudgeSlow if self._slow else JudgeLost
        return await super().judge(pairs, seconds)


def sometimes(rate, **said):
    """Subjects of their own, in a share of which the arms say something else."""
    return lambda rng, number: [Asked(str(number), **said) if rng.random() < rate else Asked(str(number))]


def _with(kind: Kind, of_hundred: int) -> tuple[Kind, ...]:
    return (kind,) * of_hundred + (CLEAN,) * (100 - of_hundred)


CASES = [
    *three(2, "left out after modern had answered, for six reasons", World(bad=AFTER)),
    drawn(2, "legacy disagrees with itself in 2 %", World(0.02, (UNSTABLE,)), OPEN, most=6_000),
    drawn(2, "left out before modern answered: 10 % for a full lane", World(clean=_with(FULL, 10)), OPEN, most=8_000),
    drawn(2, "left out before modern answered: 1 % for a full lane", World(clean=_with(FULL, 1)), RIGHT, most=8_000),
    drawn(2, "3 % of all, of one kind, all left out before modern answered", World(
        clean=(*_with(CLEAN, 32)[:32], FULL._replace(stratum=SEARCH))), OPEN, most=8_000),
    drawn(2, "1 % unreadable, where 2 % is signed", World(0.01, AFTER[:1]), RIGHT, SIGNED),
    drawn(2, "2 % unreadable, where 2 % is signed", World(0.02, AFTER[:1]), FALSE_NOT_SAFE, SIGNED, 4_000),
    drawn(2, "4 % unreadable, where 2 % is signed", World(0.04, AFTER[:1]), FOUND, SIGNED),
    through(2, "neither answer can be read, at the limit",
            sometimes(SMALL.limit, legacy=(UNREADABLE,), modern=(GOOD,)), FALSE_SAFE),
    through(2, "neither answer can be read, at a tenth of the limit",
            sometimes(SMALL.limit / 10, legacy=(UNREADABLE,), modern=(b"{",)), FALSE_NOT_SAFE),
    through(2, "the comparer is slow or lost, in a twentieth", sometimes(0.05, modern=(BAD,)), FOUND,
            judge=Unwell, batch=10),
    through(2, "the lane is full for a sixth of all", lambda rng, number: [Asked(str(number))], OPEN,
            settings=LaneSettings(queue=50, memory=SETTINGS.memory, concurrency=8, drain=5), batch=60,
            plan=ShadowPlan(1.0)),
]
