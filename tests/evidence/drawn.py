"""Trials by drawn judgements: exchanges fall to kinds by chance, and the verdict is looked at whenever it can change.

A Book holds them as a store would: in rows, and with the course of their sums. Nothing but the exchanges themselves is
made up here: how they count, and what they show, is the verdict's own doing.
"""

import math
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from shadow.compare.comparison import Outcome
from shadow.evidence.criteria import Answer, Criteria, State
from shadow.evidence.epoch import Epoch, Setup
from shadow.evidence.eprocess import needed
from shadow.evidence.stratum import Stratum
from shadow.ledger.course import BEGINNING, grown, plus, point
from shadow.ledger.rows import START, Course, Declared, Evidence, Gap, Point
from shadow.report.evidence import EvidenceReport
from shadow.report.verdict import Rest, verdict

CAPABILITY = "clinic"
READ = Stratum("read", "2xx", "Patient", "")
EPOCH = Epoch("", "", Setup(), "")

MOST = 500
"""Exchanges between two looks, where nothing that is bad comes between them."""


class Kind(NamedTuple):
    """What a drawn exchange was found to be."""

    outcome: Outcome = Outcome.MATCH
    reason: str = ""
    stratum: Stratum = READ
    critical: bool = False
    reproduced: bool = False


CLEAN = Kind()
WRONG = Kind(Outcome.MISMATCH)


class Told(NamedTuple):
    """What a trial told: after how many effective exchanges it first said SAFE, and NOT SAFE; None if it never did.
    `gate` is what failed first. `before` is after how many exchanges the verdict of the release before would have said
    SAFE of the rates alone. `first_line` is what SAFE began with. `share` is the chance of SAFE, if it was computed for
    all trials at once."""

    safe: int | None = None
    not_safe: int | None = None
    gate: str = ""
    before: int | None = None
    first_line: str = ""
    share: float | None = None


@dataclass
class Book:
    """What a store holds of one capability. Drawn exchanges come one a second, from `now` on."""

    epoch: Epoch = EPOCH
    now: float = 1_000_000.0
    rows: dict[Kind, list[float]] = field(default_factory=dict)
    points: dict[Stratum | None, tuple[Point, ...]] = field(default_factory=lambda: defaultdict(lambda: BEGINNING))
    rest: Rest = field(default_factory=Rest)
    declared: dict[tuple[str, str], int] = field(default_factory=Counter)
    gaps: Sequence[Gap] = ()
    history: list[Evidence] = field(default_factory=list)
    swept: bool = False

    def add(self, counts: Iterable[tuple[Kind, int]], times: int = 1, every: float = 1.0) -> None:
        """Add one batch of effective exchanges, each of which was asked `times` times, `every` seconds apart."""
        sums: dict[Stratum | None, Point] = {}
        for kind, count in counts:
            row = self.rows.setdefault(kind, [0, 0, self.now, self.now])
            row[0] += count * times if kind.outcome is Outcome.MATCH else count
            row[1] += count
            self.now += count * every
            row[3] = self.now
            if kind.outcome is Outcome.KNOWN_DIFFERENCE:
                self.declared[kind.stratum.operation, kind.reason] += count
            if (more := point(kind.outcome, kind.reason, count)).effective:
                for place in (kind.stratum, None):
                    sums[place] = plus(sums[place], more) if place in sums else more
        for place, more in sums.items():
            self.points[place] = grown(self.points[place], more)

    def look(self, criteria: Criteria) -> EvidenceReport:
        """The verdict now."""
        evidence = [
            Evidence(CAPABILITY, self.epoch, kind.stratum, kind.outcome, count, effective,
                     count if kind.critical else 0, count if kind.reproduced else 0, first, last, (), kind.reason,
                     effective if self.swept else 0)
            for kind, (count, effective, first, last) in self.rows.items()]
        courses = [Course(CAPABILITY, self.epoch, place, points) for place, points in self.points.items()]
        declared = [Declared(CAPABILITY, self.epoch, operation, known, exchanges)
                    for (operation, known), exchanges in self.declared.items()]
        return verdict([*evidence, *self.history], criteria, (), declared, self.gaps,
                       self.rest._replace(courses=courses), self.now)


@dataclass(frozen=True)
class World:
    """A service to draw from. A share `rate` of its exchanges is of a `bad` kind, the others of a `clean` one; each
    comes as often as its number says. Each subject is asked about `times` times an hour. `beside` adds what else a
    store holds: it gets the book, the chance, and the exchanges since it was last called, the bad ones among them."""

    rate: float = 0.0
    bad: Sequence[Kind] = (WRONG,)
    clean: Sequence[Kind] = (CLEAN,)
    times: int = 1
    beside: Callable[[Book, random.Random, int, int], None] | None = None


def trial(
    world: World, criteria: Criteria, seed: str, most: int, book: Book | None = None, *, until: Answer | None = None,
) -> Told:
    """Draw `most` effective exchanges, and look whenever the verdict can change: after each bad exchange, and when the
    gates say that enough are there. It ends where both answers were given, or the one that is waited for."""
    rng, book = random.Random(seed), book if book is not None else Book()
    watch = Watch(criteria, until)
    done, bad, next_bad = 0, 0, gap(rng, world.rate)
    old = needed(0, criteria.limit, 1 - criteria.confidence)
    while done < most:
        step = min(next_bad - done, watch.next - done, most - done)
        is_bad = done + step == next_bad
        for size in _parts(step - is_bad):
            book.add(Counter(rng.choices(world.clean, k=size)).items() if len(world.clean) > 1
                     else [(world.clean[0], size)], world.times)
        if is_bad:
            book.add([(rng.choice(world.bad), 1)])
            next_bad += gap(rng, world.rate)
        done += step
        if watch.before is None and old < done:
            watch.before = old
        bad += is_bad
        if is_bad and watch.before is None:
            old = max(done, needed(bad, criteria.limit, 1 - criteria.confidence))
        if world.beside is not None:
            world.beside(book, rng, step, int(is_bad))
        if watch.sees(book.look(criteria), done):
            break
    return watch.told


class Watch:
    """Looks at verdicts, and remembers when each answer was first given. `next` is when to look again."""

    def __init__(self, criteria: Criteria, until: Answer | None) -> None:
        self.next = 1
        self.before: int | None = None
        self._until = until
        self._told = Told()

    def sees(self, found: EvidenceReport, done: int) -> bool:
        """Look at a verdict after so many exchanges. Returns whether there is nothing more to see."""
        told = self._told
        if found.answer is Answer.SAFE and told.safe is None:
            told = told._replace(safe=done, first_line=found.says)
        if found.answer is Answer.NOT_SAFE and told.not_safe is None:
            told = told._replace(not_safe=done, gate=next(
                gate.name for gate in found.gates if gate.state is State.FAIL))
        self._told = told
        needs = max((gate.needs if gate.waits else max(gate.needs, START) for gate in found.gates if gate.needs),
                    default=MOST)
        self.next = done + min(needs, MOST)
        if self._until is not None:
            return (told.safe if self._until is Answer.SAFE else told.not_safe) is not None
        return told.safe is not None and told.not_safe is not None

    @property
    def told(self) -> Told:
        """What was seen."""
        return self._told._replace(before=self.before)


def gap(rng: random.Random, rate: float) -> int:
    """Exchanges up to the next one of a kind that comes at a rate, that one included."""
    return 1 + int(math.log(1 - rng.random()) / math.log1p(-rate)) if rate else 1 << 60


def _parts(count: int) -> Iterable[int]:
    """Batches, none of them so large that a start of the course gets lost."""
    yield from (START,) * (count // START)
    if count % START:
        yield count % START
