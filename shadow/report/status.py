"""The status of all capabilities: one line for each, the worst first. Pure.

A capability whose stage has no shadow has no verdict: its line says that it is not shadowed, and not that evidence is
missing, since none is gathered.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from shadow.compare.difference import Severity
from shadow.evidence.gate import Answer
from shadow.report.differences import DifferenceReport
from shadow.report.report import CapabilityReport, Report

NOT_SHADOWED = "not shadowed"
"""Stands for the verdict at a stage without a shadow."""

NOT_CONFIGURED = "not configured"
"""Stands for the verdict on a capability that the store knows and the configuration does not."""

ORDER = (*(str(one) for one in (Answer.NOT_SAFE, Answer.NOT_ENOUGH, Answer.SAFE)), NOT_SHADOWED, NOT_CONFIGURED)
"""The verdicts, the worst first."""


@dataclass(frozen=True, slots=True)
class WorstDifference:
    """The worst difference of a capability, among these the most frequent one: `count` exchanges have it."""

    severity: Severity
    kind: str
    path: str
    count: int


@dataclass(frozen=True, slots=True)
class StatusLine:
    """One capability. `verdict` is one of ORDER. `says` is the verdict as a sentence, "" if there is no verdict.
    `worst` is None if no difference was seen since the evidence of the verdict began. `effective` exchanges count for
    the verdict, and `per_hour` of them came an hour in the last 24 hours, None if none did."""

    capability: str
    owner: str
    stage: str
    verdict: str
    says: str
    worst: WorstDifference | None
    effective: int
    per_hour: float | None


def status(report: Report) -> tuple[StatusLine, ...]:
    """A line for each capability, the worst first. The default route, which is no capability, has none."""
    return tuple(sorted(_lines(report.capabilities), key=lambda one: (
        ORDER.index(one.verdict), one.worst.severity.rank if one.worst is not None else len(Severity),
        one.capability)))


def _lines(found: Iterable[CapabilityReport]) -> Iterator[StatusLine]:
    for one in found:
        if one.shadowed is None and not one.judged:
            continue
        evidence = one.evidence
        if one.shadowed:
            began = evidence.epoch.first if evidence.epoch is not None else None
            yield StatusLine(one.capability, one.owner, one.stage, str(evidence.answer), evidence.says,
                             _worst(one.differences, began), evidence.effective, evidence.per_hour)
        else:
            verdict = NOT_CONFIGURED if one.shadowed is None else NOT_SHADOWED
            yield StatusLine(one.capability, one.owner, one.stage, verdict, "", None, 0, None)


def _worst(differences: Iterable[DifferenceReport], began: float | None) -> WorstDifference | None:
    """The worst difference that was seen since the evidence began; None if no evidence has begun."""
    if began is None:
        return None
    seen = (one for one in differences if one.last_seen >= began)
    worst = min(seen, key=lambda one: (one.severity.rank, -one.count), default=None)
    return None if worst is None else WorstDifference(worst.severity, worst.kind, worst.path, worst.count)
