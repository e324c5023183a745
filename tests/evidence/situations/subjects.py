"""5: more subjects in an hour than are remembered one by one, and defects that only come then."""

import random
from functools import partial

from shadow.compare.comparison import Outcome
from shadow.evidence.criteria import Answer, Criteria
from shadow.evidence.stratum import HOUR
from shadow.ledger.rows import SUBJECTS, Sighting
from shadow.stores.base import Batch
from shadow.stores.memory import Memory
from tests.evidence.drawn import CAPABILITY, EPOCH, READ, Told, Watch
from tests.evidence.laned import MONDAY, Asked, Laned, laned, look
from tests.evidence.situations.common import BAD, GOOD, RATES, questions
from tests.evidence.table import FALSE_SAFE, Bound, Case

BY_WORKER = 50_000
"""Subjects of an hour and a capability that a worker remembers one by one."""

AFTER = Bound(least_not_safe=0.95)


def late(rate: float, seed: str) -> Told:
    """Through the lane: modern is wrong in a share of the subjects that come after those."""
    def draw(rng, number):
        wrong = number >= BY_WORKER and rng.random() < rate
        return [Asked(str(number), modern=(BAD,) if wrong else (GOOD,))]

    return laned(Laned(questions(f"late {seed}", draw, BY_WORKER + 4_000, 2_000)), RATES, until=Answer.NOT_SAFE)


def written(before: int, most: int, rate: float, criteria: Criteria, until: Answer | None, seed: str) -> Told:
    """Into the store: `before` clean subjects of one hour, as several workers would write them, and `most` more, of
    which a share is wrong. Exchanges are counted from then on, whether or not they are kept."""
    rng, store, watch = random.Random(seed), Memory(Memory.Options()), Watch(criteria, until)
    for part in range(0, before, 10_000):
        _write(store, rng, min(10_000, before - part), 0.0)
    batch = 100 if before else 2_000
    for done in range(0, most, batch):
        _write(store, rng, batch, rate)
        if watch.sees(look(store, criteria), done + batch):
            break
    store.close()
    return watch.told


def _write(store: Memory, rng: random.Random, count: int, rate: float) -> None:
    wrong = sum(rng.random() < rate for _ in range(count))
    store.write(Batch(sightings=[_sighting(rng, outcome, some) for outcome, some in (
        (Outcome.MATCH, count - wrong), (Outcome.MISMATCH, wrong)) if some]))


def _sighting(rng: random.Random, outcome: Outcome, count: int) -> Sighting:
    # Each exchange is about a subject of its own, of which nothing but a digest comes to the store.
    end = b"" if outcome is Outcome.MATCH else b"!"
    hour = int(MONDAY) // HOUR
    tokens = frozenset((hour, rng.randbytes(12) + end) for _ in range(count))
    return Sighting(CAPABILITY, EPOCH, READ, outcome, count, 0, 0, MONDAY, MONDAY, tokens)


CASES = [
    Case(5, "a tenth wrong after 50,000 clean subjects in one hour and worker", AFTER, partial(late, 0.1), "lane"),
    Case(5, "a tenth wrong after 250,000 clean subjects in one hour", AFTER,
         partial(written, SUBJECTS, 5_000, 0.1, RATES, Answer.NOT_SAFE), "lane"),
    Case(5, "wrong at the limit, 300,000 subjects in one hour", FALSE_SAFE,
         partial(written, 0, 300_000, RATES.limit, RATES, Answer.SAFE), "lane"),
]
