"""The gate on latency: whether modern is slower than legacy, by counts of pairs (pace.py). Pure.

Two hypotheses are tested for each operation, each for the time to the answer's head and for the time to its end: that
at most half of the pairs are slower, and that modern is the arm with the tail in at most 60 % of the pairs that have
one. Both hold for a server beside itself, however its times are distributed, since either of two equals is as likely to
be the slower one. Each test is an e-process, mixed over starts so that a modern that has become slow need not outweigh
all its pairs of before (eprocess.py); all together err with a probability of at most 1 − confidence. Blocks are spaced
as starts must be: no two begin within BLOCK pairs.
"""

import math
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import NamedTuple

from shadow.evidence.criteria import Criteria, Gate, State, percent
from shadow.evidence.eprocess import Since, against, most_in, weight_against
from shadow.evidence.pace import BLOCK, TAIL, Held, Moment, Pace
from shadow.settings import Slower
from shadow.words import figures, noun

NAME = "slower"

HALF = 0.5
"""The share of an operation's pairs that may be slower."""

TAIL_SHARE = 0.6
"""The share of the pairs with a tail in which modern may be the arm that has it."""

_STEADY = 10
"""Of a modern that is twice as slow, all pairs but one in so many are slower."""

_LISTED = 5


def slower(criteria: Criteria, rows: Iterable[Pace]) -> tuple[Gate, ...]:
    """The gate on the rows of one epoch of a capability; none if the criteria do not ask for it."""
    return () if criteria.slower is None else (_gate(criteria, criteria.slower, rows),)


def _gate(criteria: Criteria, by: Slower, rows: Iterable[Pace]) -> Gate:
    own, others = [], 0
    for row in rows:
        if (row.ratio, row.plus) == by:
            own.append(row)
        elif row.moment is Moment.FIRST:
            others += row.total.pairs
    beside = f"; {others:,} {noun(others, 'pair')} by another `gate.slower` do not count" if others else ""
    operations = dict.fromkeys((*criteria.operations, *sorted({row.operation for row in own})))
    wanted = math.log(max(len(operations), 1) * len(_TESTS) * len(Moment) / (1 - criteria.confidence))
    shown = [found for row in own for test in _TESTS if (found := _shown(row, test, wanted)) is not None]
    if shown:
        worst = max(shown, key=lambda one: one.weight)
        limit = worst.test.limit
        return Gate(NAME, State.FAIL, worst.since.bad / worst.since.n, limit, 0,
                    f"{worst.says(by)}; at most {percent(limit)} may be{beside}")
    return _unshown(criteria, by, own, list(operations), max(criteria.minimum, _enough(wanted)), beside)


def _unshown(
    criteria: Criteria, by: Slower, rows: Iterable[Pace], operations: list[str], enough: int, beside: str,
) -> Gate:
    """The gate where nothing is shown: it passes if `enough` pairs of every operation could have shown it."""
    totals = {(row.operation, row.moment): row.total for row in rows}
    most = max((one.slower / one.pairs for one in totals.values()), default=None)
    pairs = {one: totals.get((one, Moment.FIRST), Held()).pairs for one in operations}
    short = [one for one in operations if pairs[one] < enough]
    if not short and operations:
        return Gate(NAME, State.PASS, most, HALF, 0,
                    f"no operation is shown to take over {_bar(by.ratio, by.plus)} in most of its pairs, nor to have "
                    f"the longer tail; at most {percent(most or 0.0)} of an operation's pairs did{beside}")
    listed = [f"{pairs[one]:,} of {enough:,} in {one}" for one in short[:_LISTED]]
    if len(short) > _LISTED:
        listed.append(f"{len(short) - _LISTED:,} more operations")
    says = f"too few timed pairs: {', '.join(listed)}" if short else "no operations are declared, so nothing is timed"
    return Gate(NAME, State.MISSING, most, HALF, sum(enough - pairs[one] for one in short), says + beside)


# --- one test ---

class _Test(NamedTuple):
    """Of how many pairs (`n`), how many count against modern (`bad`), and the share of them that may."""

    bad: Callable[[Held], int]
    n: Callable[[Held], int]
    limit: float
    tail: bool


_TESTS = (
    _Test(lambda one: one.slower, lambda one: one.pairs, HALF, tail=False),
    _Test(lambda one: one.tail_modern, lambda one: one.tail_modern + one.tail_legacy, TAIL_SHARE, tail=True),
)


class _Shown(NamedTuple):
    """A row and a test that fails, most clearly by the pairs since one start, the latest `pairs`; `weight` says how
    clearly."""

    row: Pace
    test: _Test
    weight: float
    since: Since
    pairs: int

    def says(self, by: Slower) -> str:
        """In words."""
        until = "to the answer's head" if self.row.moment is Moment.FIRST else "to the answer's end"
        latest = f"the latest {self.pairs:,}" if self.pairs < self.row.total.pairs else f"{self.pairs:,}"
        many = f"{latest} {noun(self.pairs, 'pair')}"
        if self.test.tail:
            return (f"{self.row.operation}: in {self.since.n:,} of {many} one arm took over "
                    f"{_bar(TAIL, by.plus, 'the other')} {until}, and in {self.since.bad:,} of them it was modern")
        return (f"{self.row.operation}: modern took over {_bar(by.ratio, by.plus)} {until} in {self.since.bad:,} of "
                f"{many}")


def _shown(row: Pace, test: _Test, wanted: float) -> _Shown | None:
    """The start from which a test fails most clearly, if it fails."""
    bad = n = pairs = 0
    before = row.total.pairs
    starts: list[tuple[int, Since]] = []
    for block in reversed(row.blocks):
        bad, n, pairs, before = bad + test.bad(block), n + test.n(block), pairs + block.pairs, before - block.pairs
        if n:
            starts.append((pairs, Since(before // BLOCK + 1, bad, n)))
    if against([since for _, since in starts], test.limit, wanted) < wanted:
        return None
    weight, pairs, since = max((most_in([since], test.limit), pairs, since) for pairs, since in starts)
    return _Shown(row, test, weight, since, pairs)


@lru_cache(maxsize=64)
def _enough(wanted: float) -> int:
    """The fewest pairs that show a modern that is twice as slow."""
    pairs = 1
    while weight_against(pairs - pairs // _STEADY, pairs, HALF) - math.log(2) < wanted:
        pairs += 1
    return pairs


def _bar(ratio: float, plus: float, what: str = "legacy") -> str:
    """The bar that an arm must not pass: "1.2 × legacy + 5 ms"."""
    return f"{ratio:g} × {what} + {figures(plus * 1000, 6)} ms"
