"""One trial: exchanges of the noisy service, a share of them spoilt, judged and weighed until there is a verdict.

Each exchange is judged by the real comparator, and each look at the evidence takes the real gate. Since the comparator
has no chance in it, the judgements of some hundred exchanges are made once, and trials draw from them.
"""

import copy
import random
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import NamedTuple

from shadow.compare.comparison import Comparison, Outcome, compare
from shadow.compare.difference import Severity
from shadow.evidence.criteria import Answer, Criteria
from shadow.evidence.epoch import Epoch, Setup
from shadow.evidence.eprocess import needed, spent
from shadow.evidence.stratum import Stratum, subject
from shadow.ledger.rows import Evidence
from shadow.report.verdict import verdict
from tests.evidence.mutators import MUTATORS, Mutator
from tests.evidence.service import exchanges, noisy, pair

RATE = 0.01
EVERY = 50
"""Exchanges between two looks."""

SAMPLES = 240
OPERATIONS = ("patient", "observations", "medications", "allergies", "appointment", "document")
CRITERIA = Criteria(OPERATIONS, minimum=50, critical_limit=0.001)
ENOUGH = needed(0, CRITERIA.limit, spent(CRITERIA.confidence, 1))
"""Exchanges by which a service without a mismatch is told safe: a defect must be found before."""

NOTHING_TO_SPOIL = (KeyError, IndexError, TypeError, AttributeError)
_EPOCH = Epoch("", "", Setup(), "")


class Judged(NamedTuple):
    """An exchange as the gate takes it."""

    stratum: Stratum
    outcome: Outcome
    critical: bool


@dataclass(frozen=True)
class Pool:
    """Judgements to draw from: of exchanges as they are, and of those that a mutator spoilt."""

    clean: Sequence[Judged]
    spoilt: Sequence[Judged]

    @property
    def seen(self) -> float:
        """The share of the spoilt ones that the comparator sees, beyond what it sees in the clean ones."""
        return sum(_bad(one) for one in self.spoilt) / len(self.spoilt) if self.spoilt else 0.0


def _bad(one: Judged) -> bool:
    return one.outcome in (Outcome.MISMATCH, Outcome.CANDIDATE_ERROR)


def pool(mutator: Mutator | None, seed: int = 1) -> Pool:
    """Judge some exchanges of all kinds, clean and, where the mutator finds something to spoil, spoilt."""
    rng = random.Random(seed)
    clean, spoilt = [], []
    for asked in exchanges(seed, SAMPLES):
        clean.append(_judge(pair(asked, noisy(asked.answer, rng))))
        if mutator is not None:
            answer = copy.deepcopy(noisy(asked.answer, rng))
            try:
                mutator(answer)
            except NOTHING_TO_SPOIL:
                continue
            spoilt.append(_judge(pair(asked, answer)))
    return Pool(clean, spoilt)


def _judge(made) -> Judged:
    found: Comparison = compare(made)
    critical = found.tally.outcome is Outcome.MISMATCH and found.severity is Severity.CRITICAL
    return Judged(subject(made, b"", _EPOCH).stratum, found.tally.outcome, critical)


class Trial(NamedTuple):
    """How a trial ended: with which answer, after how many exchanges."""

    answer: Answer
    exchanges: int


def trial(drawn_from: Pool, rate: float, seed: str, most: int = 2 * ENOUGH) -> Trial:
    """Draw exchanges, a share `rate` of them spoilt, and look every now and then, until there is an answer."""
    rng = random.Random(seed)
    counts: Counter[Judged] = Counter()
    for done in range(1, most + 1):
        spoil = rng.random() < rate
        counts[rng.choice(drawn_from.spoilt if spoil else drawn_from.clean)] += 1
        if done % EVERY == 0:
            answer = verdict((_row(one, count) for one, count in counts.items()), CRITERIA).answer
            if answer is not Answer.NOT_ENOUGH:
                return Trial(answer, done)
    return Trial(Answer.NOT_ENOUGH, most)


def _row(one: Judged, count: int) -> Evidence:
    return Evidence("clinic", _EPOCH, one.stratum, one.outcome, count, count, count if one.critical else 0, 0, 0.0, 0.0)


class Line(NamedTuple):
    """One line of the table: of all seeds, the share that found the defect within `ENOUGH` exchanges, that was wrongly
    told safe, and after how many exchanges it was found (median, and nine of ten)."""

    name: str
    rate: float
    seen: float
    found: float
    safe: float
    median: float
    ninth: int


def line(name: str, drawn_from: Pool, rate: float, seeds: int) -> Line:
    """All seeds of one mutator."""
    trials = [trial(drawn_from, rate, f"{name} {seed}") for seed in range(seeds)]
    after = sorted(one.exchanges for one in trials if one.answer is Answer.NOT_SAFE)
    ninth = after[min(len(after) - 1, int(0.9 * len(after)))] if after else 0
    return Line(
        name, rate, drawn_from.seen, bisect_left(after, ENOUGH) / seeds,
        sum(one.answer is Answer.SAFE for one in trials) / seeds, median(after) if after else 0, ninth,
    )


def defect(seeds: int, name: str) -> Line:
    """All seeds of the mutator of a name, at 1 %."""
    return line(name, pool(MUTATORS[name]), RATE, seeds)


def lines(
    seeds: int, names: Sequence[str] = tuple(MUTATORS), each: Callable[..., Iterable[Line]] = map,
) -> list[Line]:
    """The table: each mutator at 1 %, then a service with nothing wrong, and one exactly at the limit. `each` is `map`,
    or one that works in several processes."""
    table = list(each(partial(defect, seeds), names))
    table.append(line("(nothing wrong)", pool(None), 0.0, seeds))
    table.append(line("(trim a text, at the limit)", pool(MUTATORS["trim a text"]), CRITERIA.limit, seeds))
    return table
