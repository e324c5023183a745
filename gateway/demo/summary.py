"""The demo's last page: the capabilities, the differences between the two services, and the verdict."""

from collections import Counter
from collections.abc import Iterable

from rich import box
from rich.table import Table
from rich.text import Text

from gateway.capability import DEFAULT
from gateway.demo.defects import DEFECTS
from gateway.demo.findings import Review
from gateway.demo.traffic import Tally
from shadow.compare.difference import Severity
from shadow.evidence.criteria import Answer
from shadow.renderers.table import SEVERITIES
from shadow.report.report import ArmReport, CapabilityReport, Report

COLOURS = {"legacy": "white", "shadow": "cyan", "canary": "yellow", "verify": "magenta", "modern": "green",
           "retired": "bright_black"}
ORDER = list(COLOURS)


def _table(title: str) -> Table:
    return Table(title=title, title_style="bold", title_justify="left", box=box.SIMPLE_HEAD, show_edge=False,
                 pad_edge=False, padding=0, header_style="dim")


def capabilities(report: Report) -> Table:
    """The table of capabilities, in the order of their stages. Latencies are in milliseconds."""
    table = _table("Capabilities")
    table.add_column("\ncapability", no_wrap=True)
    table.add_column("\nstage", no_wrap=True)
    numbers = "\nrequests", "\ncompared", "mis-\nmatching", "modern\nfailed", "legacy ms\np50/p99", "modern ms\np50/p99"
    for name in numbers:
        table.add_column(name, justify="right", no_wrap=True)
    for one in sorted(report.capabilities, key=_by_stage):
        failed = sum(one.candidate_errors.values())
        judged = one.compared + failed > 0
        table.add_row(
            "(all the rest)" if one.capability == DEFAULT else one.capability,
            Text(one.stage, COLOURS.get(one.stage, "")),
            f"{one.requests:,}", f"{one.compared:,}" if judged else "–",
            _count(one.mismatching) if judged else "–", _count(failed) if judged else "–",
            _milliseconds(one.legacy), _milliseconds(one.modern),
        )
    return table


def _by_stage(one: CapabilityReport) -> tuple[bool, int, str]:
    place = ORDER.index(one.stage) if one.stage in ORDER else len(ORDER)
    return one.capability == DEFAULT, place, one.capability


def _count(number: int) -> Text:
    return Text(f"{number:,}", "bold red" if number else "green")


def _milliseconds(arm: ArmReport) -> str:
    if arm.p50 is None or arm.p99 is None:
        return "–"
    return "/".join(f"{one * 1000:.{1 if one < 0.0995 else 0}f}" for one in (arm.p50, arm.p99))


def differences(review: Review) -> Table:
    """Everything that the shadow found: each kind of difference, with the defect that explains it."""
    table = _table("What the shadow found")
    table.add_column("operation", no_wrap=True)
    table.add_column("exchanges", justify="right", no_wrap=True)
    table.add_column("difference, and the seeded defect behind it")
    for line, defect in review.lines:
        severity = (f"{line.severity} ", SEVERITIES[Severity(line.severity)]) if line.severity else ""
        what = Text.assemble(severity, (line.kind.replace("_", " "), "bold"), " ", (line.path or "(whole)", "cyan"))
        what.append(f"  {line.legacy} → {line.modern}\n")
        what.append_text(Text(defect.says, "dim") if defect else Text("not a seeded defect", "bold red"))
        table.add_row(f"{line.capability}.{line.operation}", f"{line.exchanges:,}", what)
    return table


def verdict(review: Review, tally: Tally) -> Table:
    """Whether everything is as expected, in a few lines."""
    met, found = sum(review.seeded.values()), sum(review.found.values())
    whole = sum(review.found[one.name] == review.seeded[one.name] for one in DEFECTS)
    page = Table.grid(padding=(0, 1))
    _check(page, whole == len(DEFECTS),
           f"{whole} of {len(DEFECTS)} seeded defects found, in {found} of the {met} exchanges that met one")
    _check(page, not review.others,
           "nothing else differs" if not review.others else f"other differences found: {len(review.others)}")
    _check(page, not tally.wrong,
           f"of {tally.total:,} clients' requests, {tally.right:,} were answered as legacy always did, "
           f"{tally.refused} refused for want of a key, and {tally.spoilt} met a defect, where modern serves"
           + (f"; {len(tally.wrong)} were answered wrongly" if tally.wrong else ""))
    for reason, count in review.unjudged.items():
        _check(page, False, f"not judged: {reason} ({count})")
    _wrong(page, tally)
    return page


def complaints(readiness: str) -> Table:
    """What the gateway complains of, given what /readyz?verbose says: it may be why something is not as expected."""
    page = Table.grid(padding=(0, 1))
    for line in readiness.splitlines():
        if line.startswith("[-] "):
            _check(page, False, f"the gateway says: {line.removeprefix('[-] ')}")
    return page


def conclusion(one: CapabilityReport, build: str, tally: Tally) -> Table:
    """Whether a capability is safe on modern's mended build, and what its gate relaxes."""
    found, page = one.evidence, Table.grid(padding=(0, 1))
    _check(page, found.answer is Answer.SAFE, f"{one.capability}, on modern's build {build}: {found.says}")
    _check(page, not tally.wrong,
           f"of {tally.total:,} clients' requests, {tally.right:,} were answered as legacy always did")
    _wrong(page, tally)
    page.add_row("", Text("so few exchanges can show that because the gate of this demo says limit: 1%, "
                          "critical_limit: 1%, calendar: off. The defaults ask for more: 0.1%, 0.01%, and three "
                          "days. And modern, just started, may take 250 ms more than legacy, not 5 ms", "dim"))
    return page


def _wrong(page: Table, tally: Tally) -> None:
    """The most frequent of the wrong answers that clients got."""
    for what, count in Counter(tally.wrong).most_common(5):
        _check(page, False, f"wrong: {what} ({count})")


def _check(page: Table, good: bool, text: str) -> None:
    page.add_row(Text("✔", "bold green") if good else Text("✘", "bold red"), text)


def next_steps(steps: Iterable[tuple[str, str]]) -> Text:
    """Commands and the purpose of each. Print them without wrapping, so that they can be copied."""
    page = Text.assemble(("Where to look next", "bold"))
    for command, purpose in steps:
        page.append(f"\n  {command}", "cyan").append(f"\n    {purpose}", "dim")
    return page
