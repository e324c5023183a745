"""11: two workers with one store, whoever is asked."""

from shadow.plan import ShadowPlan
from shadow.settings import Recheck
from tests.evidence.laned import Asked
from tests.evidence.situations.common import BAD, GOOD, SMALL, through, wrong_in
from tests.evidence.situations.first_answers import ONCE, first_wrong
from tests.evidence.table import FALSE_NOT_SAFE, FALSE_SAFE, FOUND


def of_the_second(rng, number):
    """The second of two workers, which take turns, sees wrong answers in a tenth of its exchanges."""
    wrong = number % 2 and rng.random() < 0.1
    return [Asked(str(number), modern=(BAD,) if wrong else (GOOD,))]


WAITING = ShadowPlan(1.0, recheck=Recheck((2.0, 30.0), 0.5))
"""Mismatches are asked again, and wait as long as they do by default."""

CASES = [
    through(11, "two workers, wrong at the limit", wrong_in(SMALL.limit), FALSE_SAFE, workers=2),
    through(11, "two workers, first answers wrong, nine polls beside each to either, at the limit",
            first_wrong(SMALL.limit), FALSE_SAFE, plan=ONCE, most=700, workers=2, every=5.0),
    through(11, "eight workers, wrong at the limit, while mismatches wait to be asked again",
            wrong_in(SMALL.limit), FALSE_SAFE, plan=WAITING, most=4_000, workers=8),
    through(11, "two workers, wrong at a tenth of the limit", wrong_in(SMALL.limit / 10), FALSE_NOT_SAFE, workers=2),
    through(11, "two workers, a tenth of what the second sees is wrong", of_the_second, FOUND, workers=2, batch=10),
]
