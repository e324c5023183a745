"""The whole verdict: all gates that can fail, each at a tenth of its limit or beside itself, at once."""

import random
from dataclasses import replace

from shadow.compare.comparison import Outcome
from shadow.evidence.criteria import Accepted, Lag
from shadow.evidence.pace import Blocks, Moment, Pace, Sums, grown
from tests.evidence.drawn import CAPABILITY, EPOCH, READ, Book, Kind, World, trial
from tests.evidence.situations.common import RATES
from tests.evidence.situations.groups import Shared
from tests.evidence.situations.latency import BY, TIMED, ordinary
from tests.evidence.table import FALSE_NOT_SAFE, TOLD, Bound, Case

STRATA = [READ._replace(shape=f"p{number}") for number in range(8)]
LIMIT = RATES.limit
SHARE = 0.02
"""What is declared of each of the lag, the reason, and the known difference."""

ALL = replace(TIMED, known=(("K-1", SHARE),), lags=(Lag("read", 5.0, SHARE, "Ada", "replication", 9e9),),
              accepted=(Accepted("syntax", SHARE, "Ada", "letters", 9e9),), stratum_minimum=10)

WRONG = tuple(Kind(*one) for one in (
    (Outcome.MISMATCH, ""), (Outcome.CANDIDATE_ERROR, "reset"), (Outcome.TRANSIENT, "after_30s"),
    (Outcome.SHED, "comparer_lost")))
DECLARED = tuple(Kind(*one) for one in (
    (Outcome.KNOWN_DIFFERENCE, "K-1"), (Outcome.TRANSIENT, "after_2s"), (Outcome.NOT_COMPARABLE, "syntax")))


def _over_strata(kinds: tuple[Kind, ...]) -> tuple[Kind, ...]:
    return tuple(kind._replace(stratum=one) for kind in kinds for one in STRATA)


class Beside:
    """Groups, and times of a server beside itself."""

    def __init__(self) -> None:
        self._shared = Shared(40)
        self._blocks: Blocks = ()

    def __call__(self, book: Book, rng: random.Random, exchanges: int, bad: int) -> None:
        self._shared(book, rng, exchanges, bad)
        new = Sums()
        for _ in range(exchanges):
            new.add((ordinary(rng), ordinary(rng)), BY, 0.0)
        self._blocks = grown(self._blocks, new.held)
        book.rest = book.rest._replace(paces=[
            Pace(CAPABILITY, EPOCH, "read", moment, *BY, self._blocks, 0.0) for moment in Moment])


def together(name: str, part: float, bound: Bound, most: int) -> Case:
    """A case with every gate at a part of its limit."""
    # A share of LIMIT is wrong in any way, and one of SHARE is declared in each.
    bad = _over_strata(WRONG + DECLARED * round(len(WRONG) * SHARE / LIMIT))
    rate = part * (LIMIT + SHARE * len(DECLARED))
    return Case(0, name, bound, lambda seed: trial(
        World(rate, bad, _over_strata((Kind(),)), beside=Beside()), ALL, f"{name} {seed}", most))


CASES = [
    together("every gate at once, each at a tenth of its limit, times of a server beside itself", 0.1, FALSE_NOT_SAFE,
             6_000),
    together("every gate at once, each exactly at its limit", 1.0, TOLD, 1_500),
]
