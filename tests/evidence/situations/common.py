"""Criteria and cases that the situations share."""

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from shadow.evidence.criteria import Answer, Criteria
from shadow.plan import ShadowPlan
from tests.evidence.drawn import Book, Told, World, trial
from tests.evidence.laned import Asked, Laned, laned
from tests.evidence.table import FALSE_NOT_SAFE, FALSE_SAFE, FOUND, Bound, Case

RATES = Criteria(("read",), minimum=50, critical_limit=0.001)
"""What the default limit of 0.1 % takes, for a step that exposes as much to critical differences."""

SMALL = Criteria(("read",), limit=0.01, critical_limit=0.01, minimum=50)
"""The limits of a small capability: 434 exchanges."""

HORIZON = 10_000
"""Exchanges of a drawn trial: more than twice as many as SAFE takes."""

LANE = 1_200
"""Exchanges of a trial through the lane, by the limits of a small capability."""

GOOD, BAD = b'{"a":1}', b'{"a":2}'


def drawn(
    number: int, name: str, world: World, bound: Bound, criteria: Criteria = RATES, most: int = HORIZON, *,
    book: Callable[[], Book] = Book,
) -> Case:
    """A case by drawn judgements."""
    until = waited_for(bound)
    return Case(number, name, bound,
                lambda seed: trial(world, criteria, f"{name} {seed}", most, book(), until=until))


def waited_for(bound: Bound) -> Answer | None:
    """The answer after which nothing more is to be seen of a bound; None if both matter."""
    if bound.least_not_safe:
        return Answer.NOT_SAFE
    return Answer.SAFE if bound.safe < 1 and bound.not_safe == 1 else None


def three(number: int, what: str, kinds: World, criteria: Criteria = RATES) -> list[Case]:
    """What is bad at a rate equal to the limit, at a tenth of it, and in a twentieth of all exchanges."""
    limit = criteria.limit
    return [
        drawn(number, f"{what}, at the limit", replace(kinds, rate=limit), FALSE_SAFE, criteria),
        drawn(number, f"{what}, at a tenth of the limit", replace(kinds, rate=limit / 10), FALSE_NOT_SAFE, criteria),
        drawn(number, f"{what}, in a twentieth", replace(kinds, rate=0.05), FOUND, criteria),
    ]


Draw = Callable[[random.Random, int], Iterable[Asked]]
"""The questions of one client, the `n`th effective one first."""


def through(
    number: int, name: str, draw: Draw, bound: Bound, criteria: Criteria = SMALL, *, plan: ShadowPlan | None = None,
    most: int = LANE, batch: int = 100, **more,
) -> Case:
    """A case through the lane: `most` draws, `batch` of them at a time."""
    until = waited_for(bound)

    def run(seed: str) -> Told:
        return laned(Laned(questions(f"{name} {seed}", draw, most, batch), plan or ShadowPlan(1.0), **more), criteria,
                     until=until)

    return Case(number, name, bound, run, "lane")


def questions(seed: str, draw: Draw, most: int, batch: int) -> Callable[[float], Sequence[Asked]]:
    """The questions of each batch, until `most` were drawn."""
    rng, done = random.Random(seed), 0

    def each(_: float) -> Sequence[Asked]:
        nonlocal done
        found: list[Asked] = []
        for number in range(done, min(done + batch, most)):
            found += draw(rng, number)
        done = min(done + batch, most)
        return found

    return each


def wrong_in(rate: float) -> Draw:
    """Subjects of their own, of whose answers a share is wrong."""
    return lambda rng, number: [Asked(str(number), modern=(BAD,) if rng.random() < rate else (GOOD,))]


