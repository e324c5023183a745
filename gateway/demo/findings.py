"""Checks the shadow's findings against the seeded defects: it must find each defect, and nothing else."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from gateway.demo.defects import DEFECTS, Defect, spoil
from gateway.demo.traffic import Ask
from shadow.compare.comparison import Outcome
from shadow.ledger.rows import Ledger


class Line(NamedTuple):
    """One kind of difference in one operation, and the number of exchanges that have it. If modern gave no complete
    answer, `kind` is "candidate_error", `path` is the kind of the failure, and `severity` is ""."""

    capability: str
    operation: str
    kind: str
    path: str
    legacy: str
    modern: str
    exchanges: int
    severity: str = ""


@dataclass(frozen=True, slots=True)
class Review:
    """`found` and `seeded` are numbers of exchanges for each defect. `others` are the differences that no defect
    explains. `unjudged` counts, by reason, the exchanges that should have been compared and were not."""

    found: dict[str, int]
    seeded: dict[str, int]
    lines: list[tuple[Line, Defect | None]]
    unjudged: dict[str, int]

    @property
    def others(self) -> list[Line]:
        return [line for line, defect in self.lines if defect is None]

    @property
    def ok(self) -> bool:
        """Whether each defect was found in every exchange that has it, nothing else was found, and all was judged."""
        return self.found == self.seeded and not self.others and not self.unjudged


def lines(ledger: Ledger) -> list[Line]:
    """Every difference and every failure of modern in the ledger, the most frequent first in each operation."""
    found = []
    for finding in ledger.findings:
        kind, path, legacy, modern = finding.exemplar.signature
        found.append(Line(finding.capability, finding.operation, kind, path, legacy, modern, finding.count,
                          str(finding.exemplar.severity)))
    for tally, count in ledger.tallies.items():
        if tally.outcome is Outcome.CANDIDATE_ERROR:
            found.append(Line(
                tally.capability, tally.operation, tally.outcome, tally.reason, "an answer", tally.reason, count))
    return sorted(found, key=lambda line: (line.capability, line.operation, -line.exchanges, line))


def review(ledger: Ledger, asks: Iterable[Ask]) -> Review:
    """The review of a ledger that holds these requests and no others."""
    seeded = Counter(defect.name for ask in asks if not ask.refused
                     for defect in spoil(ask.operation, ask.asked, ask.right)[1])
    known = {(one.capability, one.operation, one.kind, one.path): one for one in DEFECTS}
    judged = [(line, known.get((line.capability, line.operation, line.kind, line.path))) for line in lines(ledger)]
    found: Counter[str] = Counter()
    for line, defect in judged:
        if defect is not None:
            found[defect.name] += line.exchanges
    unjudged: Counter[str] = Counter()
    for tally, count in ledger.tallies.items():
        if tally.outcome in (Outcome.NOT_COMPARABLE, Outcome.SHED, Outcome.SKIPPED):
            unjudged[f"{tally.capability}: {tally.outcome}, {tally.reason}"] += count
    return Review(
        {one.name: found[one.name] for one in DEFECTS}, {one.name: seeded[one.name] for one in DEFECTS},
        judged, dict(unjudged),
    )
