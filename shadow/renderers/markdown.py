"""The report, or one capability's verdict, as GitHub-flavoured Markdown. Pure."""

from collections.abc import Iterator, Sequence

from shadow.compare.dicom import named
from shadow.evidence.noise import DRIFTS
from shadow.renderers.phrases import (
    EARLIER,
    RESTARTS,
    begun_anew,
    bounded,
    build,
    identified,
    likelihood,
    measured,
    milliseconds,
    outstanding,
    overflowed,
    reasons,
    reproduced,
    standing,
    tried,
    unversioned,
)
from shadow.report.differences import DifferenceReport
from shadow.report.evidence import EpochReport, EvidenceReport
from shadow.report.report import CapabilityReport, Report
from shadow.report.wording import kind, told
from shadow.words import moment, noun


def to_markdown(report: Report) -> str:
    """The report: a section for each capability, with the verdict, the counts, the differences and their causes."""
    return "\n".join(_report(report)) + "\n"


def evidence(found: EvidenceReport) -> str:
    """The verdict on one capability: its gates, the evidence that is missing, and the evidence that it rests on."""
    return "\n".join(_evidence(found))


def _report(report: Report) -> Iterator[str]:
    yield "# Shadow report"
    if not report.capabilities:
        yield from ("", "There is no data on any capability yet.")
    if note := outstanding(report.unfinished):
        yield from ("", f"Note: {note}.")
    for one in report.capabilities:
        yield from ("", f"## {_cell(one.capability)}", "", f"**{one.says}.**", "")
        if one.judged:
            yield from (*_evidence(one.evidence), "")
        elif one.shadowed is False:
            yield from (f"Not shadowed at the stage {one.stage}, owner {_cell(one.owner)}.", "")
        yield from _counts(one)
        yield from _differences(one)
        yield from _causes(one)
        yield from _hints(one)
        yield from _noise(one)
        yield from notes(one)
        if one.overflow:
            yield from ("", f"{overflowed(one)}.")


def _counts(one: CapabilityReport) -> Iterator[str]:
    yield from ("| | |", "|---|---|")
    for label, value in (
        ("Stage", one.stage or "not known"), ("Requests", str(one.requests)), ("Eligible", str(one.eligible)),
        ("Compared", str(one.compared)), ("Mismatching", str(one.mismatching)),
        ("Match once normalised", str(one.normalised)), ("Known differences", str(one.known)),
        ("Unstable", str(one.unstable)), ("Transient", str(one.transient)),
        ("Candidate errors", reasons(one.candidate_errors)), ("Not comparable", reasons(one.not_comparable)),
        ("Shed", reasons(one.shed)), ("Skipped", reasons(one.skipped)), ("Lost", reasons(one.lost)),
        ("Hidden by rules", ", ".join(f"{rule.differences} by {rule.rule}" for rule in one.rules) or "nothing"),
        ("Legacy p50 / p99", f"{milliseconds(one.legacy.p50)} / {milliseconds(one.legacy.p99)}"),
        ("Modern p50 / p99", f"{milliseconds(one.modern.p50)} / {milliseconds(one.modern.p99)}"),
    ):
        yield _row((label, value))


def _differences(one: CapabilityReport) -> Iterator[str]:
    current = [found for found in one.differences if not found.earlier]
    earlier = [found for found in one.differences if found.earlier]
    yield from _table(current)
    if earlier:
        yield from ("", f"{EARLIER}:")
        yield from _table(earlier)


def _table(differences: Sequence[DifferenceReport]) -> Iterator[str]:
    if differences:
        yield from ("", "| Severity | Difference | Path | Legacy | Modern | Count | Share | Reproduced | Operations "
                    "| Last seen | Trace |", "|---|---|---|---|---|---:|---:|---:|---|---|---|")
    for found in differences:
        yield _row((str(found.severity), found.kind, _path(found.path), found.legacy, found.modern, str(found.count),
                    f"{found.share:.1%}", reproduced(found), ", ".join(found.operations), moment(found.last_seen),
                    found.trace_id))


def _causes(one: CapabilityReport) -> Iterator[str]:
    if one.causes:
        yield from ("", "| Cause | Severity | Path | Exchanges | Alone | Explained so far | Settled so far |",
                    "|---|---|---|---:|---:|---:|---:|")
    for cause in one.causes:
        yield _row((cause.kind, str(cause.severity), _path(cause.path), str(cause.exchanges), str(cause.alone),
                    f"{cause.share:.1%}", str(cause.settled)))
    for cause in one.causes:
        if cause.drifts:
            yield from ("", f"{_path(cause.path)}: {DRIFTS}.")


def _hints(one: CapabilityReport) -> Iterator[str]:
    lines = [f"- {pattern.operation}: {hint}" for pattern in one.patterns for hint in pattern.hints]
    if lines:
        yield from ("", "What examples have in common:", "", *lines)


def _noise(one: CapabilityReport) -> Iterator[str]:
    if one.noise:
        yield from ("", "| Noise | Path | Operation | Modern alone | Legacy alone | Both | Repeats | E-value | "
                    "Finding |", "|---|---|---|---:|---:|---:|---:|---:|---|")
    for noisy in one.noise:
        says = f"{noisy.says}: {DRIFTS}" if noisy.says == "drift" else noisy.says
        yield _row((noisy.kind, _path(noisy.path), noisy.operation, str(noisy.modern), str(noisy.legacy),
                    str(noisy.both), str(noisy.repeats), likelihood(noisy.e_value), says))
    for noisy in one.noise:
        if noisy.rule:
            yield from ("", f"{'To try' if noisy.says == 'drift' else 'Proposed'}: `{noisy.rule}`")


def notes(one: CapabilityReport) -> Iterator[str]:
    """What to change in routes.yaml: a paragraph each."""
    for line in one.advice:
        yield from ("", f"Note: {_cell(line)}.")


def _evidence(found: EvidenceReport) -> Iterator[str]:
    yield from (f"**{_cell(found.says)}.**", "", f"Next: {_cell(found.action)}.", "", f"_{_cell(standing(found))}_", "",
                "| Gate | State | Number | |", "|---|---|---:|---|")
    for gate in found.gates:
        yield _row((gate.name, gate.state, measured(gate), told(gate)))
    if found.wanted:
        yield from ("", "Still missing:", "", *(f"- {_cell(line)}" for line in found.wanted))
    if found.coverage:
        yield from ("", "| Operation | Stratum | Effective | Minimum | Criticals below |", "|---|---|---:|---:|---:|")
    for one in found.coverage:
        yield _row((one.operation, kind(one) or "all", f"{one.seen:,}", f"{one.wanted:,}", bounded(one)))
    if attempts := tried(found):
        yield from ("", f"{attempts}.")
    if found.identities:
        yield from ("", "Identifiers of", "", *(f"- {_cell(identified(one))}" for one in found.identities))
    if found.unmirrored:
        yield from ("", f"Never mirrored, so not judged: {_cell(', '.join(found.unmirrored))}.")
    if found.epoch is not None:
        yield from ("", f"{_cell(_basis(found.epoch))}.")
        if warning := unversioned(found.epoch):
            yield from ("", f"Note: {warning}.")
    for epoch in found.history:
        yield from ("", f"Before: {_cell(_basis(epoch))}.")
    for restart in found.restarts[:RESTARTS]:
        yield from ("", f"Evidence was {_cell(begun_anew(restart))}.")


def _basis(epoch: EpochReport) -> str:
    return (f"{epoch.exchanges:,} {noun(epoch.exchanges, 'exchange')}, {epoch.effective:,} of them effective, on "
            f"legacy build {build(epoch.legacy)}, modern build {build(epoch.modern)}, arms "
            f"{epoch.arms or 'not known'}, rules {epoch.rules or 'none'}, comparator {epoch.comparator}")


def _path(path: str) -> str:
    return f"`{named(path)}`"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(map(_cell, cells))} |"


def _cell(text: str) -> str:
    """Text that cannot break a table's row."""
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ")
