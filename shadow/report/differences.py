"""What differs, as a report lists it: kinds of differences, patterns of them, and what rules hid. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from shadow.compare.difference import Severity, Signature, worst_of
from shadow.ledger.groups import Exemplar, Pattern
from shadow.ledger.rows import Finding, Hidden
from shadow.report.evidence import EvidenceReport
from shadow.report.hints import hints

PATTERNS = 20
"""Patterns of a capability that are reported at most: the worst first, then the most frequent."""


@dataclass(frozen=True, slots=True)
class DifferenceReport:
    """One kind of difference at one index-free `path`, over all operations.

    `count` exchanges have it, a `share` of those compared. It was last seen in the exchange of `trace_id`, at `example`
    in legacy's answer and at `modern_example` in modern's; the tokens stand for the two values there. For `again` of
    the exchanges both arms were asked again, and in `reproduced` of those it was there each time. Times are in seconds
    since 1970. `earlier`: it was not seen since the evidence of the verdict began, as by an earlier build.
    """

    kind: str
    severity: Severity
    path: str
    legacy: str
    modern: str
    count: int
    share: float
    operations: tuple[str, ...]
    first_seen: float
    last_seen: float
    example: str
    modern_example: str
    legacy_token: str
    modern_token: str
    trace_id: str
    again: int
    reproduced: int
    earlier: bool


@dataclass(frozen=True, slots=True)
class PatternReport:
    """Exchanges of one operation that differ in the same way: `count` of them, a `share` of all that mismatch.
    `smallest` is the one with the smallest bodies, `others` a sample of the rest. `hints` are sentences about what they
    have in common. `again`, `reproduced` and `earlier` are as in DifferenceReport, for the pattern as a whole."""

    key: str
    operation: str
    severity: Severity
    count: int
    share: float
    first_seen: float
    last_seen: float
    smallest: Exemplar
    others: tuple[Exemplar, ...]
    hints: tuple[str, ...]
    again: int
    reproduced: int
    earlier: bool


@dataclass(frozen=True, slots=True)
class RuleReport:
    """How many differences one rule hid, and in how many exchanges."""

    rule: str
    exchanges: int
    differences: int
    last_seen: float


def reported_differences(
    findings: Sequence[Finding], compared: int, evidence: EvidenceReport,
) -> tuple[DifferenceReport, ...]:
    """The kinds of differences among `findings` of `compared` exchanges: the worst first, then the most frequent."""
    groups: dict[Signature, list[Finding]] = defaultdict(list)
    for finding in findings:
        groups[finding.exemplar.signature].append(finding)
    reports = [_difference(signature, group, compared, evidence) for signature, group in groups.items()]
    return tuple(sorted(reports, key=lambda one: (
        one.severity.rank, -one.count, one.path, one.kind, one.legacy, one.modern)))


def _difference(
    signature: Signature, group: Sequence[Finding], compared: int, evidence: EvidenceReport,
) -> DifferenceReport:
    count = sum(finding.count for finding in group)
    latest = max(group, key=lambda finding: (finding.last_seen, finding.operation))
    return DifferenceReport(
        kind=signature.kind,
        severity=worst_of(finding.exemplar.severity for finding in group),
        path=signature.path,
        legacy=str(latest.exemplar.legacy),
        modern=str(latest.exemplar.modern),
        count=count,
        share=count / compared if compared else 0.0,
        operations=tuple(sorted({finding.operation for finding in group})),
        first_seen=min(finding.first_seen for finding in group),
        last_seen=latest.last_seen,
        example=latest.exemplar.path,
        modern_example=latest.exemplar.modern_path or latest.exemplar.path,
        legacy_token=latest.exemplar.legacy_token,
        modern_token=latest.exemplar.modern_token,
        trace_id=latest.trace_id,
        again=sum(finding.again for finding in group),
        reproduced=sum(finding.reproduced for finding in group),
        earlier=evidence.was_before(latest.last_seen),
    )


def reported_rules(rows: Iterable[Hidden]) -> tuple[RuleReport, ...]:
    """What each rule hid, the rules that hid most first."""
    reports = [RuleReport(row.rule, row.exchanges, row.differences, row.last_seen) for row in rows]
    return tuple(sorted(reports, key=lambda one: (-one.exchanges, -one.differences, one.rule)))


def reported_patterns(
    patterns: Sequence[Pattern], mismatching: int, evidence: EvidenceReport,
) -> tuple[PatternReport, ...]:
    """The patterns to report: those that are seen now first, the worst before the most frequent."""
    reports = [PatternReport(
        key=one.key,
        operation=one.operation,
        severity=worst_of(one.severities),
        count=one.count,
        share=one.count / mismatching if mismatching else 0.0,
        first_seen=one.first_seen,
        last_seen=one.last_seen,
        smallest=one.smallest,
        others=(others := tuple(found for found in one.exemplars if found != one.smallest)),
        hints=hints((one.smallest, *others)),
        again=one.again,
        reproduced=one.reproduced,
        earlier=evidence.was_before(one.last_seen),
    ) for one in patterns]
    reports.sort(key=lambda one: (one.earlier, one.severity.rank, -one.count, one.operation, one.key))
    return tuple(reports[:PATTERNS])
