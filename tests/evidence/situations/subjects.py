"""5: more subjects in an hour than are remembered one by one, and defects that only come then."""

import asyncio
import random
from collections import Counter
from functools import partial

from shadow.compare.comparison import Outcome
from shadow.custody.sqlite import SqliteCustody
from shadow.evidence.criteria import Answer, Criteria
from shadow.evidence.epoch import Basis
from shadow.evidence.stratum import HOUR
from shadow.lane.epoch_keys import EpochKeys
from shadow.lane.restarts import Restarts
from shadow.lane.standing import Standings
from shadow.ledger.rows import SUBJECTS, Sighting
from shadow.stores.base import Batch
from shadow.stores.memory import Memory
from tests.evidence.drawn import CAPABILITY, CLEAN, EPOCH, READ, WRONG, Book, Kind, Told, Watch
from tests.evidence.laned import MONDAY, Asked, Laned, laned, look
from tests.evidence.situations.common import BAD, GOOD, RATES, SMALL, questions, waited_for
from tests.evidence.table import FALSE_SAFE, Bound, Case
from tests.shadow.lane.test_writer import pair

BY_WORKER = 50_000
"""Subjects of an hour and a capability that a worker remembers one by one."""

FEW = 500
"""Subjects that are remembered here."""

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
    for done in range(0, most, 100):
        _write(store, rng, 100, rate)
        if watch.sees(look(store, criteria), done + 100):
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


async def _standings() -> Standings:
    restarts = Restarts()
    restarts.look(Memory(Memory.Options()))
    made = Standings(EpochKeys(SqliteCustody(None), fresh=1e9), restarts, FEW)
    await made.first(pair("first", at=0.0), Basis())
    return made


def thinned(late: int, rate: float, bound: Bound, seed: str) -> Told:
    """By the lane's own standings, which remember few subjects here: modern is wrong in a share of the subjects that
    come after so many others. Those that are thinned count for nothing, whatever they are."""
    rng, standings, book = random.Random(seed), asyncio.run(_standings()), Book()
    watch = Watch(SMALL, waited_for(bound))
    effective = 0
    for done in range(0, 3_000, 20):
        counts: Counter[Kind] = Counter()
        for number in range(done, done + 20):
            standing = standings.of(pair(f"{seed}-{number}", at=HOUR), Basis())
            wrong = number >= late and rng.random() < rate
            if standing.token and (wrong or standing.first):
                counts[WRONG if wrong else CLEAN] += 1
        book.add(counts.items())
        effective += counts.total()
        if watch.sees(book.look(SMALL), effective):
            break
    return watch.told


CASES = [
    Case(5, "wrong at the limit, six times as many subjects in an hour as are remembered", FALSE_SAFE,
         partial(thinned, 0, SMALL.limit, FALSE_SAFE)),
    Case(5, "a tenth wrong, once twice as many subjects came in an hour as are remembered", AFTER,
         partial(thinned, 2 * FEW, 0.1, AFTER)),
    Case(5, "a tenth wrong after 50,000 clean subjects in one hour and worker", AFTER, partial(late, 0.1), "lane",
         is_quick=False),
    Case(5, "a tenth wrong after 250,000 clean subjects in one hour", AFTER,
         partial(written, SUBJECTS, 5_000, 0.1, RATES, Answer.NOT_SAFE), "lane", is_quick=False),
]
