"""The report for a terminal, by rich. The console decides about colours and boxes (NO_COLOR, no TTY)."""

import os
from collections.abc import Iterator
from typing import IO

from rich import box
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from shadow.evidence.criteria import Answer, State
from shadow.evidence.noise import DRIFTS
from shadow.renderers.phrases import (
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
from shadow.report.evidence import CoverageReport, EvidenceReport
from shadow.report.report import CapabilityReport, DifferenceReport, Report
from shadow.report.wording import kind, told
from shadow.words import noun

_ANSWERS = {Answer.SAFE: "bold green", Answer.NOT_SAFE: "bold red", Answer.NOT_ENOUGH: "bold yellow"}
_STATES = {State.PASS: "green", State.FAIL: "red", State.MISSING: "yellow"}

PIPE_WIDTH = 240
"""Columns if the output is no terminal: wide enough that each row stays on one line, for grep."""

WIDE = 120
"""A console of at least this many columns shows trace ids, which are 32 characters long."""


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
    for part in _parts(report, traces=console.width >= WIDE):
        console.print(part)


def _parts(report: Report, *, traces: bool) -> Iterator[RenderableType]:
    if not report.capabilities:
        yield Text("There is no data on any capability yet.")
        return
    yield _capabilities(report)
    for one in report.capabilities:
        yield from _capability(one, traces)
    yield Text(f"note: {outstanding(report.unfinished)}", style="dim")


def _capabilities(report: Report) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=0, pad_edge=False)
    table.add_column("capability", overflow="fold", min_width=12)
    table.add_column("stage", no_wrap=True)
    for name in ("requests", "compared", "mismatching"):
        table.add_column(name, justify="right", no_wrap=True)
    for name in ("legacy p50 / p99", "modern p50 / p99"):
        table.add_column(name, justify="right")
    for one in report.capabilities:
        table.add_row(
            one.capability, one.stage or "–", str(one.requests), _compared(one), _mismatching(one),
            *(f"{milliseconds(arm.p50)} / {milliseconds(arm.p99)}" for arm in (one.legacy, one.modern)),
        )
    return table


def _compared(one: CapabilityReport) -> Text:
    return Text(str(one.compared)) if one.compared else Text("nothing", style="yellow")


def _mismatching(one: CapabilityReport) -> Text:
    if not one.compared:
        return Text("–", style="yellow")
    share = f"{one.mismatching} ({one.mismatching / one.compared:.1%})"
    return Text(share, style="red" if one.mismatching else "green")


def _capability(one: CapabilityReport, traces: bool) -> Iterator[RenderableType]:
    yield Text.assemble((one.capability, "bold"), f": {one.says}")
    if one.judged:
        yield from evidence(one.evidence)
    for label, counts in (
        ("candidate errors", one.candidate_errors), ("not comparable", one.not_comparable), ("shed", one.shed),
        ("skipped", one.skipped), ("lost", one.lost),
    ):
        if counts:
            yield Text(f"  {label}: {reasons(counts)}")
    if one.differences:
        yield _differences(one.differences, traces)
    for cause in one.causes:
        if cause.drifts:
            yield Text(f"  {cause.path}: {DRIFTS}", style="yellow")
    for pattern in one.patterns:
        for hint in pattern.hints:
            yield Text(f"  {pattern.operation}: {hint.replace('`', '')}")
    if one.overflow:
        yield Text(f"  {overflowed(one)}", style="yellow")


def evidence(found: EvidenceReport) -> Iterator[RenderableType]:
    """The verdict, its gates, the evidence that is missing, and the operations and strata that were covered."""
    yield Text.assemble("  ", (found.answer, _ANSWERS[found.answer]), found.says.removeprefix(found.answer))
    yield Text.assemble("  next: ", (found.action, "bold"))
    yield Text(f"  {standing(found)}", style="dim")
    gates = Table(box=None, padding=(0, 1), pad_edge=False, show_header=False)
    for _ in range(3):
        gates.add_column(no_wrap=True)
    gates.add_column(overflow="fold")
    for gate in found.gates:
        gates.add_row(f"  {gate.name}", Text(gate.state, style=_STATES[gate.state]), measured(gate), told(gate))
    yield gates
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


def _coverage(coverage: tuple[CoverageReport, ...]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=0, pad_edge=False)
    table.add_column("operation", no_wrap=True)
    table.add_column("stratum", overflow="fold")
    for name in ("effective", "minimum", "criticals below"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in coverage:
        seen = Text(f"{one.seen:,}", style="yellow" if one.needs else "green")
        table.add_row(one.operation, kind(one) or "all", seen, f"{one.wanted:,}", bounded(one))
    return table


def _differences(found: tuple[DifferenceReport, ...], traces: bool) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=0, pad_edge=False)
    table.add_column("difference", no_wrap=True)
    table.add_column("path", overflow="fold", min_width=14)
    for name in ("legacy", "modern"):
        table.add_column(name)
    for name in ("count", "share", "reproduced"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("operations", overflow="fold")
    if traces:
        table.add_column("trace", no_wrap=True)
    for one in found:
        table.add_row(
            one.kind, Text(one.path or "(whole)"), one.legacy, one.modern, str(one.count), f"{one.share:.1%}",
            reproduced(one), ", ".join(one.operations), *([one.trace_id] if traces else []),
        )
    return table
