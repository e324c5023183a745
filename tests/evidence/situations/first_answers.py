"""1: answers that are wrong at first, and right when asked again, however often clients poll beside them."""

from dataclasses import replace

from shadow.compare.comparison import Outcome
from shadow.evidence.criteria import Lag
from shadow.plan import ShadowPlan
from shadow.settings import Recheck
from tests.evidence.drawn import Kind, World
from tests.evidence.laned import Asked
from tests.evidence.situations.common import BAD, GOOD, RATES, SMALL, Draw, drawn, three, through
from tests.evidence.table import FALSE_NOT_SAFE, FALSE_SAFE, FOUND, RIGHT

LATE = Kind(Outcome.TRANSIENT, "after_2s")
CRITICAL = Kind(Outcome.TRANSIENT, "after_2s", critical=True)
POLLS = 10
"""How often each subject is asked about in an hour."""

LAG = Lag("read", 5.0, 0.02, "Ada", "replication", 9e9)
LAGGING = replace(RATES, lags=(LAG,))
ONCE = ShadowPlan(1.0, recheck=Recheck((2.0,), 1.0))


def first_wrong(rate: float, polls: int = POLLS - 1) -> Draw:
    """Subjects whose first answer is wrong in a share of them, and that are polled."""
    def draw(rng, number):
        late = rng.random() < rate
        yield Asked(str(number), modern=(BAD, GOOD) if late else (GOOD,))
        yield from (Asked(str(number)) for _ in range(polls))
    return draw


CASES = [
    *three(1, "first answers wrong, nine polls beside each", World(bad=(LATE,), times=POLLS)),
    drawn(1, "first answers wrong for a third, nine polls beside each", World(1 / 3, (LATE,), times=POLLS), FOUND),
    drawn(1, "a lag in 1 %, where 2 % is declared", World(0.01, (LATE,)), RIGHT, LAGGING),
    drawn(1, "a lag in 2 %, where 2 % is declared", World(0.02, (LATE,)), FALSE_NOT_SAFE, LAGGING, 4_000),
    drawn(1, "a lag in 4 %, where 2 % is declared", World(0.04, (LATE,)), FOUND, LAGGING),
    drawn(1, "critical first answers, at the limit, no lag declared", World(RATES.limit, (CRITICAL,)), FALSE_SAFE),
    through(1, "first answers wrong, nine polls beside each, at the limit", first_wrong(SMALL.limit), FALSE_SAFE,
            plan=ONCE, most=700),
    through(1, "first answers wrong, nine polls beside each, at a tenth of the limit", first_wrong(SMALL.limit / 10),
            FALSE_NOT_SAFE, plan=ONCE, most=700),
    through(1, "first answers wrong for a third, nine polls beside each", first_wrong(1 / 3), FOUND, plan=ONCE,
            most=700, batch=10),
    through(1, "first answers wrong in 1 %, where a lag of 5 % is declared", first_wrong(0.01, 0), RIGHT,
            replace(SMALL, lags=(LAG._replace(max_rate=0.05),)), plan=ONCE, most=600),
    through(1, "wrong in 2 % while mismatches wait to be asked again", lambda rng, number: [
        Asked(str(number), modern=(BAD,) if rng.random() < 0.02 else (GOOD,))], FOUND,
            plan=ShadowPlan(1.0, recheck=Recheck((2.0, 30.0), 0.05)), most=7_000),
]
