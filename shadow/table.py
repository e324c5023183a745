"""The report for a terminal: rich's one home. Colours and boxes are the console's affair (NO_COLOR, no TTY)."""

from collections.abc import Iterator

from rich import box
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from shadow.report import CapabilityReport, DifferenceReport, Report, milliseconds, reasons

_PIPE_WIDTH = 240


def show(report: Report, console: Console) -> None:
    """Print the capabilities, then the differences of each. The console must not take text for markup."""
    for part in tables(report):
        # Piped output is for grep: a row stays on its line.
        console.print(part, width=None if console.is_terminal else _PIPE_WIDTH)


def tables(report: Report) -> Iterator[RenderableType]:
    """The parts of the report, top to bottom."""
    if not report.capabilities:
        yield Text("Nothing is known of any capability.")
        return
    yield _capabilities(report)
    for one in report.capabilities:
        yield from _capability(one)


def _capabilities(report: Report) -> Table:
    table = Table(title="Capabilities", title_justify="left", box=box.SIMPLE_HEAD)
    for name in ("capability", "stage"):
        table.add_column(name, no_wrap=True)
    for name in ("requests", "eligible", "compared", "mismatching", "failed", "legacy p50", "p99", "modern p50", "p99"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in report.capabilities:
        table.add_row(
            one.capability, one.stage or "–", str(one.requests), str(one.eligible), _compared(one), _mismatching(one),
            str(sum(one.candidate_errors.values())), milliseconds(one.legacy.p50), milliseconds(one.legacy.p99),
            milliseconds(one.modern.p50), milliseconds(one.modern.p99),
        )
    return table


def _compared(one: CapabilityReport) -> Text:
    return Text(str(one.compared)) if one.compared else Text("nothing", style="yellow")


def _mismatching(one: CapabilityReport) -> Text:
    if not one.compared:
        return Text("–", style="yellow")
    share = f"{one.mismatching} ({one.mismatching / one.compared:.1%})"
    return Text(share, style="red" if one.mismatching else "green")


def _capability(one: CapabilityReport) -> Iterator[RenderableType]:
    yield Text.assemble((one.capability, "bold"), f": {one.says}")
    for label, counts in (
        ("candidate errors", one.candidate_errors), ("not comparable", one.not_comparable), ("shed", one.shed),
        ("skipped", one.skipped),
    ):
        if counts:
            yield Text(f"  {label}: {reasons(counts)}")
    if one.differences:
        yield _differences(one.differences)
    if one.overflow:
        yield Text(f"  {one.overflow} more differences found the table of signatures full", style="yellow")


def _differences(found: tuple[DifferenceReport, ...]) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("difference", no_wrap=True)
    table.add_column("path", overflow="fold")
    for name in ("legacy", "modern"):
        table.add_column(name)
    for name in ("count", "share"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("operations")
    table.add_column("trace", overflow="fold")
    for one in found:
        table.add_row(
            one.kind, Text(one.path or "(whole)"), one.legacy, one.modern, str(one.count), f"{one.share:.1%}",
            ", ".join(one.operations), one.trace_id,
        )
    return table
