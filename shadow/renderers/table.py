"""The report for a terminal, by rich. The console decides about colours and boxes (NO_COLOR, no TTY)."""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from shadow.compare.dicom import named
from shadow.compare.difference import Severity
from shadow.evidence.criteria import Answer, Gate, State
from shadow.evidence.noise import DRIFTS
from shadow.renderers.fitted import Column, Fitted
from shadow.renderers.phrases import (
    EARLIER,
    RESTARTS,
    begun_anew,
    bounded,
    build,
    identified,
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
from shadow.report.evidence import CoverageReport, EvidenceReport
from shadow.report.report import CapabilityReport, Report
from shadow.report.wording import kind, told
from shadow.words import noun

_ANSWERS = {Answer.SAFE: "bold green", Answer.NOT_SAFE: "bold red", Answer.NOT_ENOUGH: "bold yellow"}
_STATES = {State.PASS: "green", State.FAIL: "red", State.MISSING: "yellow"}

PIPE_WIDTH = 240
"""Columns if the output is no terminal: wide enough that each row stays on one line, for grep."""

SPACIOUS = 160
"""A console of at least this many columns shows each number of a difference in a column of its own, and trace ids."""

SEVERITIES = {Severity.CRITICAL: "bold red", Severity.MAJOR: "yellow", Severity.MINOR: ""}


class Terminal(Console):
    """A console that lets the command handle a broken pipe. Rich would exit with 1, which means an answer here."""

    def on_broken_pipe(self) -> None:
        raise


def terminal(file: IO[str] | None = None) -> Console:
    """A console on `file` (standard output if None) that reads no text as markup. It honours NO_COLOR if that is not
    empty (no-color.org), and writes escape codes only to a terminal."""
    console = Terminal(file=file, markup=False, highlight=False, no_color=bool(os.environ.get("NO_COLOR")))
    if not console.is_terminal:
        console.width = PIPE_WIDTH
    return console


def show(report: Report, console: Console) -> None:
    """Print the list of capabilities and then the details of each, on a console as `terminal` makes it."""
    for part in _parts(report):
        console.print(part)


def show_evidence(found: EvidenceReport, console: Console, advice: Iterable[str] = ()) -> None:
    """Print a verdict with what it rests on, and advice."""
    for part in _indented([*_evidence(found), *_advice(advice)]):
        console.print(part)


def _indented(parts: Iterable[RenderableType]) -> Iterator[RenderableType]:
    """The same, where lines that begin with two blanks go on below these."""
    for part in parts:
        if isinstance(part, Text) and part.plain.startswith("  "):
            yield Padding(part[2:], (0, 0, 0, 2), expand=False)
        else:
            yield part


def _parts(report: Report) -> Iterator[RenderableType]:
    if not report.capabilities:
        yield Text("There is no data on any capability yet.")
        return
    yield _capabilities(report)
    for one in report.capabilities:
        yield from _indented(_capability(one))
    if note := outstanding(report.unfinished):
        yield Text(f"note: {note}", style="dim")


_CAPABILITIES = (
    Column("capability", part=2), Column("stage"), Column("requests", number=True), Column("compared", number=True),
    Column("mismatching", number=True), Column("legacy\np50 / p99", number=True, part=1),
    Column("modern\np50 / p99", number=True, part=1),
)


def _capabilities(report: Report) -> Fitted:
    return Fitted(_CAPABILITIES, [(
        one.capability, one.stage or "–", str(one.requests), _compared(one), _mismatching(one),
        *(f"{milliseconds(arm.p50)} / {milliseconds(arm.p99)}" for arm in (one.legacy, one.modern)),
    ) for one in report.capabilities])


def _compared(one: CapabilityReport) -> Text:
    return Text(str(one.compared)) if one.compared else Text("nothing", style="yellow")


def _mismatching(one: CapabilityReport) -> Text:
    if not one.compared:
        return Text("–", style="yellow")
    share = f"{one.mismatching} ({one.mismatching / one.compared:.1%})"
    return Text(share, style="red" if one.mismatching else "green")


def _advice(advice: Iterable[str]) -> Iterator[Text]:
    for line in advice:
        yield Text(f"  note: {line.replace('`', '')}", style="yellow")


def _capability(one: CapabilityReport) -> Iterator[RenderableType]:
    yield Text.assemble((one.capability, "bold"), f": {one.says}")
    if one.judged:
        yield from _evidence(one.evidence)
    elif one.shadowed is False:
        yield Text(f"  not shadowed at the stage {one.stage}, owner {one.owner}")
    yield from _advice(one.advice)
    for label, counts in (
        ("candidate errors", one.candidate_errors), ("not comparable", one.not_comparable), ("shed", one.shed),
        ("skipped", one.skipped), ("lost", one.lost),
    ):
        if counts:
            yield Text(f"  {label}: {reasons(counts)}")
    if current := [found for found in one.differences if not found.earlier]:
        yield _Differences(current)
    if earlier := [found for found in one.differences if found.earlier]:
        yield Text(f"  {EARLIER}:")
        yield _Differences(earlier)
    for cause in one.causes:
        if cause.drifts:
            yield Text(f"  {named(cause.path)}: {DRIFTS}", style="yellow")
    for pattern in one.patterns:
        for hint in pattern.hints:
            yield Text(f"  {pattern.operation}: {hint.replace('`', '')}")
    if one.overflow:
        yield Text(f"  {overflowed(one)}", style="yellow")


def _evidence(found: EvidenceReport) -> Iterator[RenderableType]:
    """The verdict, its gates, the evidence that is missing, and the operations and strata that were covered."""
    yield Text.assemble("  ", (found.answer, _ANSWERS[found.answer]), found.says.removeprefix(found.answer))
    yield Text.assemble("  next: ", (found.action, "bold"))
    yield Text(f"  {standing(found)}", style="dim")
    yield _Gates(found.gates)
    for line in found.wanted:
        yield Text(f"  {line}")
    if found.coverage:
        yield _coverage(found.coverage)
    if attempts := tried(found):
        yield Text(f"  {attempts}")
    for one in found.identities:
        yield Text(f"  identifiers of {identified(one)}", style="red" if one.split or one.merged else "")
    if found.unmirrored:
        yield Text(f"  never mirrored, so not judged: {', '.join(found.unmirrored)}")
    before = sum(one.effective for one in found.history)
    epochs = f"{len(found.history):,} earlier {noun(len(found.history), 'one')}"
    earlier = f"; {before:,} effective {noun(before, 'exchange')} on {epochs}" if before else ""
    if found.epoch is None and earlier:
        yield Text(f"  no evidence yet{earlier}")
    if found.epoch is not None:
        epoch = found.epoch
        yield Text(f"  on builds {build(epoch.legacy)} (legacy) and {build(epoch.modern)} (modern), "
                   f"arms {epoch.arms or 'not known'}, rules {epoch.rules or 'none'}, comparator {epoch.comparator}"
                   f"{earlier}")
        if warning := unversioned(epoch):
            yield Text(f"  note: {warning.replace('`', '')}", style="yellow")
    for restart in found.restarts[:RESTARTS]:
        yield Text(f"  evidence was {begun_anew(restart)}")


@dataclass(frozen=True, slots=True)
class _Gates:
    """The gates, a row each. A console of less than SPACIOUS columns has no column for numbers that the words say."""

    gates: Sequence[Gate]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        spacious = options.max_width >= SPACIOUS
        table = Table(box=None, padding=(0, 1), pad_edge=False, show_header=False)
        for _ in range(3 if spacious else 2):
            table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        for gate in self.gates:
            numbers = [measured(gate)] if spacious else []
            table.add_row(f"  {gate.name}", Text(gate.state, style=_STATES[gate.state]), *numbers, told(gate))
        yield table


_COVERAGE = (Column("operation", part=1), Column("stratum", part=2), Column("effective", number=True),
             Column("minimum", number=True), Column("criticals\nbelow", number=True))


def _coverage(coverage: tuple[CoverageReport, ...]) -> Fitted:
    return Fitted(_COVERAGE, [(
        one.operation, kind(one) or "all", Text(f"{one.seen:,}", style="yellow" if one.needs else "green"),
        f"{one.wanted:,}", bounded(one),
    ) for one in coverage])


_ALL = (
    Column("severity"), Column("difference"), Column("path", part=2), Column("legacy", part=1),
    Column("modern", part=1), Column("count", number=True), Column("share", number=True),
    Column("reproduced", number=True), Column("operations", part=1), Column("trace"),
)
_FEWER = (
    Column("severity\ndifference"), Column("path", part=3), Column("legacy → modern", part=3),
    Column("count", number=True), Column("repro-\nduced", number=True), Column("operations", part=2),
)


@dataclass(frozen=True, slots=True)
class _Differences:
    """The table of differences. A console of less than SPACIOUS columns shows the same in fewer of them."""

    found: Sequence[DifferenceReport]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Fitted(_ALL, [(
            _severity(one.severity), one.kind, named(one.path), one.legacy, one.modern, str(one.count),
            f"{one.share:.1%}", reproduced(one), ", ".join(one.operations), one.trace_id,
        ) for one in self.found]) if options.max_width >= SPACIOUS else Fitted(_FEWER, [(
            Text.assemble(_severity(one.severity), f"\n{one.kind}"), named(one.path),
            f"{one.legacy} → {one.modern}", f"{one.count}\n{one.share:.1%}", reproduced(one),
            ", ".join(one.operations),
        ) for one in self.found])


def _severity(severity: Severity) -> Text:
    return Text(str(severity), style=SEVERITIES[severity])
