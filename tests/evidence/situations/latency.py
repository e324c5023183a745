"""8: a modern that is right and slow, in most requests or in the tail, and servers beside themselves."""

import math
import random
from collections.abc import Callable
from dataclasses import replace

from shadow.evidence.criteria import Criteria
from shadow.evidence.pace import Moment, Pace, Sums, grown
from shadow.plan import ShadowPlan
from shadow.report.verdict import Rest
from shadow.settings import Slower
from tests.evidence.drawn import CAPABILITY, CLEAN, EPOCH, Book, Told, Watch
from tests.evidence.laned import Asked
from tests.evidence.situations.common import GOOD, RATES, SMALL, through, waited_for
from tests.evidence.table import FOUND, RIGHT, TOLD, Bound, Case
from tests.shadow.exchanges import answer

BY = Slower()
TIMED = replace(RATES, slower=BY)
TIMED_SMALL = replace(SMALL, slower=BY)

Draw = Callable[[random.Random], float]


def ordinary(rng: random.Random) -> float:
    """Some 200 ms, give or take 30 %."""
    return 0.2 * math.exp(rng.gauss(0.0, 0.3))


def heavy(rng: random.Random) -> float:
    """Times without a mean to speak of."""
    return 0.01 * rng.paretovariate(1.1)


def cached(rng: random.Random) -> float:
    """A cache answers every second request."""
    return (0.002 if rng.random() < 0.5 else 0.3) * math.exp(rng.gauss(0.0, 0.3))


def stalling(rng: random.Random) -> float:
    """Three seconds now and then."""
    return 3.0 * math.exp(rng.gauss(0.0, 0.5)) if rng.random() < 0.03 else ordinary(rng)


def timed(
    name: str, legacy: Draw, modern: Draw, bound: Bound, *, every: int = 10, most: int = 6_000,
    criteria: Criteria = TIMED,
) -> Case:
    """A case by drawn times, looked at after each `every` pairs. Nothing else is wrong."""
    def run(seed: str) -> Told:
        rng, watch, book, blocks = random.Random(f"{name} {seed}"), Watch(criteria, waited_for(bound)), Book(), ()
        for done in range(every, most + 1, every):
            new = Sums()
            for _ in range(every):
                new.add((legacy(rng), modern(rng)), BY, 0.0)
            blocks = grown(blocks, new.held)
            book.add([(CLEAN, every)])
            book.rest = Rest(paces=[Pace(CAPABILITY, EPOCH, "read", moment, *BY, blocks, 0.0) for moment in Moment])
            if watch.sees(book.look(criteria), done):
                break
        return watch.told

    return Case(8, name, bound, run)


def times(factor: float, draw: Draw = ordinary) -> Draw:
    """So many times as long."""
    return lambda rng: factor * draw(rng)


def at_the_bar(rng: random.Random) -> float:
    """Exactly as slow as modern may be: it is over the bar in half of the pairs."""
    return BY.ratio * ordinary(rng) + BY.plus


def asks(factor: float):
    """Questions to arms of which modern takes so many times as long."""
    def draw(rng, number):
        return [Asked(str(number), *((replace(answer(arm, GOOD), first=seconds, last=seconds),) for arm, seconds in (
            ("legacy", ordinary(rng)), ("modern", factor * ordinary(rng)))))]
    return draw


CASES = [
    timed("modern takes 1.3 × as long", ordinary, times(1.3), FOUND, every=20),
    timed("modern takes 1.5 × as long", ordinary, times(1.5), FOUND, every=5),
    timed("modern takes 2 × as long", ordinary, times(2.0), FOUND, every=1, most=500),
    timed("modern stalls in 3 %", ordinary, stalling, FOUND, every=20),
    timed("modern is at the bar, 1.2 × + 5 ms: its tail is longer than legacy's", ordinary, at_the_bar, TOLD, every=50,
          most=3_000),
    *(timed(f"a server beside itself, {what}", draw, draw, RIGHT, every=50, most=4_500) for what, draw in (
        ("with ordinary times", ordinary), ("with heavy tails", heavy), ("with a cache", cached),
        ("that stalls in 3 %", stalling))),
    through(8, "modern takes 2 × as long", asks(2.0), FOUND, TIMED_SMALL, batch=10,
            plan=ShadowPlan(1.0, criteria=TIMED_SMALL)),
    through(8, "a server beside itself", asks(1.0), RIGHT, TIMED_SMALL, plan=ShadowPlan(1.0, criteria=TIMED_SMALL)),
]
