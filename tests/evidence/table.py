"""The rows of `make evidence`: each a situation that is tried with many seeds, and the bounds that it must keep."""

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple

from tests.evidence.drawn import Told

OFTEN = 0.95
"""The share of seeds in which what is right must be told."""

SOME = 3
"""Seeds of a row in the quick form."""

SELDOM = 0.05
"""The share of seeds in which what is wrong may be told, at any time of looking."""


class Bound(NamedTuple):
    """What a row must keep: the most seeds that may be told SAFE or NOT SAFE, the fewest that must be (shares), and
    after how many exchanges NOT SAFE must come, as the median and in 95 % of seeds."""

    safe: float = 1.0
    not_safe: float = 1.0
    least_safe: float = 0.0
    least_not_safe: float = 0.0
    median: int = 0
    most: int = 0

    def says(self) -> str:
        """In words."""
        parts = [f"SAFE ≤ {self.safe:.0%}"] if self.safe < 1 else []
        parts += [f"NOT SAFE ≤ {self.not_safe:.0%}"] if self.not_safe < 1 else []
        parts += [f"SAFE ≥ {self.least_safe:.0%}"] if self.least_safe else []
        parts += [f"NOT SAFE ≥ {self.least_not_safe:.0%}"] if self.least_not_safe else []
        parts += [f"after {self.median:,}, 95 %: {self.most:,}"] if self.most else []
        return ", ".join(parts) or "none"


FALSE_SAFE = Bound(safe=SELDOM)
"""Modern is not better than the limit."""

FALSE_NOT_SAFE = Bound(not_safe=SELDOM)
"""Modern is well below the limit."""

RIGHT = Bound(not_safe=SELDOM, least_safe=OFTEN)
"""Modern is well below the limit, and enough exchanges come."""

FOUND = Bound(safe=SELDOM, least_not_safe=OFTEN)
"""Modern has a defect that shows."""

SHOWN = Bound(least_not_safe=OFTEN)
"""Modern has a defect that shows, and a person answers for what is told before."""

OPEN = Bound(safe=SELDOM, not_safe=SELDOM)
"""Something is missing, and nothing is shown."""

TOLD = Bound()
"""There is nothing to keep: the row is there to be read."""


@dataclass(frozen=True)
class Case:
    """One row: the number of its situation in issue 10, its name, its bound, and the trial of one seed. `way` says how
    exchanges are judged: "drawn", "lane", or "computed" for all trials at once. One that is not quick takes seconds for
    each seed."""

    number: int
    name: str
    bound: Bound
    run: Callable[[str], Told]
    way: str = "drawn"
    is_quick: bool = True

    def seeds(self, drawn: int, lane: int) -> int:
        """How many seeds it is tried with."""
        return {"lane": lane, "computed": 1}.get(self.way, drawn)


class Row(NamedTuple):
    """What came of one case. `safe_after`, `before` and `after` are medians, `most` is the exchange by which 95 % of
    the seeds that told NOT SAFE had done so; None where there is none."""

    case: Case
    seeds: int
    safe: float
    not_safe: float
    safe_after: float | None
    before: float | None
    after: float | None
    most: int | None
    gates: tuple[str, ...]
    unworded: int

    @property
    def holds(self) -> bool:
        """Whether it keeps its bound. One seed of few may be unlucky."""
        one, bound = (1 / self.seeds if self.case.way != "computed" else 0.0), self.case.bound
        return (
            self.safe <= max(bound.safe, one) and self.not_safe <= max(bound.not_safe, one)
            and self.safe >= min(bound.least_safe, 1 - one) and self.not_safe >= min(bound.least_not_safe, 1 - one)
            and (not bound.most or (self.after is not None and self.most is not None and self.after <= bound.median
                                    and self.most <= bound.most)))


def row(case: Case, told: Sequence[Told]) -> Row:
    """The row of a case, by what its seeds have told."""
    safe = [one.safe for one in told if one.safe is not None]
    wrong = sorted(one.not_safe for one in told if one.not_safe is not None)
    before = [one.before for one in told if one.before is not None and one.safe is not None]
    gates = sorted({one.gate for one in told if one.gate})
    return Row(
        case, len(told), len(safe) / len(told) if told[0].share is None else told[0].share, len(wrong) / len(told),
        *(median(some) if some else None for some in (safe, before, wrong)),
        wrong[min(len(wrong) - 1, int(OFTEN * len(wrong)))] if wrong else None, tuple(gates),
        sum(one.safe is not None and not _is_worded(one.first_line) for one in told))


def _is_worded(first_line: str) -> bool:
    """Whether SAFE says what it is about, and what it does not cover."""
    return first_line.startswith("SAFE for reads") and "not judged" in first_line.split(". ")[1]


def rows(cases: Sequence[Case], drawn: int, lane: int, processes: int) -> Iterator[Row]:
    """The rows of all cases, in their order."""
    tasks = [(at, seed) for at, case in enumerate(cases) for seed in range(case.seeds(drawn, lane))]
    with multiprocessing.get_context("fork").Pool(processes, _use, (cases,)) as pool:
        found = pool.imap(_run, tasks, chunksize=1)
        for case in cases:
            yield row(case, [next(found) for _ in range(case.seeds(drawn, lane))])


_cases: Sequence[Case] = ()


def _use(cases: Sequence[Case]) -> None:
    global _cases
    _cases = cases


def _run(task: tuple[int, int]) -> Told:
    at, seed = task
    return _cases[at].run(str(seed))


def markdown(table: Sequence[Row]) -> Iterator[str]:
    """The table as Markdown."""
    yield "| § | Situation | Seeds | SAFE | NOT SAFE | SAFE after | before | NOT SAFE after | 95 % | Bound | |"
    yield "|---:|---|---:|---:|---:|---:|---:|---:|---:|---|---|"
    for one in table:
        case = one.case
        seeds = {"computed": "computed", "lane": f"{one.seeds:,} (lane)"}.get(case.way, f"{one.seeds:,}")
        numbers = " | ".join(_number(value) for value in (one.safe_after, one.before, one.after, one.most))
        yield (f"| {case.number or ''} | {case.name} | {seeds} | {one.safe:.1%} | {one.not_safe:.1%} | {numbers} | "
               f"{case.bound.says()} | {'held' if one.holds else '**missed**'} |")


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}"
