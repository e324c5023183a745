"""9: the smallest group: one client or facility whose answers are wrong, hidden in the mean."""

import hashlib
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from shadow.evidence.criteria import Answer
from shadow.lane.members import Members
from shadow.ledger.rows import Member
from shadow.stores.base import Batch
from shadow.stores.memory import Memory
from tests.evidence.drawn import CAPABILITY, EPOCH, Book, Told, Watch, World, trial
from tests.evidence.laned import Asked
from tests.evidence.situations.common import BAD, GOOD, RATES, SMALL, through
from tests.evidence.table import FALSE_NOT_SAFE, FOUND, Bound, Case

KEY = b"k" * 32


@dataclass
class Shared:
    """Exchanges that fall to groups at random; those that are bad fall to the `worst` first ones alone, if that is not
    0."""

    groups: int
    dimension: str = "client"
    worst: int = 0
    counts: Counter[int] = field(default_factory=Counter)
    bad: Counter[int] = field(default_factory=Counter)

    def __call__(self, book: Book, rng: random.Random, exchanges: int, bad: int) -> None:
        self.counts.update(rng.choices(range(self.groups), k=exchanges - bad))
        for _ in range(bad):
            one = rng.randrange(self.worst or self.groups)
            self.counts[one] += 1
            self.bad[one] += 1
        book.rest = book.rest._replace(members=[
            Member(CAPABILITY, EPOCH, self.dimension, token(one), count, self.bad[one])
            for one, count in self.counts.items()])


def token(number: int) -> str:
    """A token, as digests are spread."""
    return hashlib.sha256(b"%d" % number).hexdigest()[:24]


def shared(name: str, rate: float, bound: Bound, make: Callable[[], Shared], most: int) -> Case:
    """A case in which a share of all is bad, and falls to groups."""
    def run(seed: str) -> Told:
        until = Answer.NOT_SAFE if bound is FOUND else None
        return trial(World(rate, beside=make()), RATES, f"{name} {seed}", most, until=until)

    return Case(9, name, bound, run)


def thinned(rate: float, facility: float, most: int, seed: str) -> Told:
    """Through the lane's counts and the store: 20,000 clients, of whom a share is kept, and 20 facilities. Modern is
    wrong in a share of all, or of the exchanges of one facility."""
    rng, store, members, book = random.Random(seed), Memory(Memory.Options()), Members(), Book()
    watch = Watch(RATES, Answer.NOT_SAFE)
    for done in range(500, most + 1, 500):
        wrong = 0
        for _ in range(500):
            place = rng.randrange(20)
            bad = rng.random() < (facility if facility and not place else rate)
            who = ("client", str(rng.randrange(20_000))), ("facility", str(place))
            members.count(CAPABILITY, EPOCH, KEY, who, bad=bad)
            wrong += bad
        store.write(Batch(members=members.take()))
        book.add([(World().clean[0], 500 - wrong), *([(World().bad[0], wrong)] if wrong else [])])
        book.rest = book.rest._replace(members=store.read().members)
        if watch.sees(book.look(RATES), done):
            break
    store.close()
    return watch.told


def clinics(rng: random.Random, number: int) -> list[Asked]:
    """One of ten clinics gets wrong answers in 8 % of its exchanges, which is 0.8 % of all."""
    clinic = number % 10
    wrong = clinic == 3 and rng.random() < 0.08
    return [Asked(str(number), modern=(BAD,) if wrong else (GOOD,), who=(("facility", f"clinic {clinic}"),))]


CASES = [
    shared("wrong for one facility of twenty in 1.8 %, which is 0.09 % of all", 0.0009, FOUND,
           lambda: Shared(20, "facility", 1), 20_000),
    shared("wrong for one client of a thousand in 90 %, which is 0.09 % of all", 0.0009, FOUND,
           lambda: Shared(1_000, worst=1), 20_000),
    shared("wrong at a tenth of the limit, for any of a thousand clients", RATES.limit / 10, FALSE_NOT_SAFE,
           lambda: Shared(1_000), 10_000),
    Case(9, "wrong at a tenth of the limit, 20,000 clients thinned", FALSE_NOT_SAFE,
         partial(thinned, RATES.limit / 10, 0.0, 8_000), "lane"),
    Case(9, "wrong for one facility of twenty in 1.8 %, 20,000 clients thinned", FOUND,
         partial(thinned, 0.0, 0.018, 20_000), "lane"),
    through(9, "wrong for one clinic of ten in 8 %, which is 0.8 % of all", clinics, FOUND, SMALL, most=3_000),
]

