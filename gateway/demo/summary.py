"""The demo's last page: the capabilities, what differs between their two services, and the verdict."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from rich import box
from rich.table import Table
from rich.text import Text

from gateway.demo.defects import DEFECTS
from gateway.demo.findings import Review
from gateway.demo.rest import BY_NAME
from gateway.demo.traffic import Tally
from shadow.compare import Outcome
from shadow.latency import Histogram
from shadow.ledger import Ledger

ORDER = ("legacy", "shadow", "canary", "verify", "modern", "retired")
COLOURS = {"legacy": "white", "shadow": "cyan", "canary": "yellow", "verify": "magenta", "modern": "green",
           "retired": "bright_black"}


@dataclass(slots=True)
class Row:
    """One capability, in one stage: its writes have a row of their own where they are in another."""

    capability: str
    stage: str
    reads: bool
    requests: int = 0
    compared: int = 0
    mismatching: int = 0
    failed: int = 0
    seconds: dict[str, Histogram] = field(default_factory=lambda: {"legacy": Histogram(), "modern": Histogram()})


def rows(ledger: Ledger) -> list[Row]:
    """The capabilities that had traffic, in the order of their stages; a capability's writes come after its reads."""
    stages = {(one.capability, one.operation): one.stage for one in ledger.traffic if one.stage}
    found: dict[tuple[str, str, bool], Row] = {}

    def row(capability: str, operation: str) -> Row | None:
        known = BY_NAME.get((capability, operation))
        stage = stages.get((capability, operation))
        if known is None or stage is None:
            return None
        key = capability, stage, known.method == "GET"
        return found.setdefault(key, Row(*key))

    for traffic in ledger.traffic:
        if (one := row(traffic.capability, traffic.operation)) and traffic.arm in one.seconds:
            one.requests += traffic.requests
            one.seconds[traffic.arm].merge(traffic.seconds)
    for tally, count in ledger.tallies.items():
        if one := row(tally.capability, tally.operation):
            one.compared += count if tally.outcome in (Outcome.MATCH, Outcome.MISMATCH) else 0
            one.mismatching += count if tally.outcome is Outcome.MISMATCH else 0
            one.failed += count if tally.outcome is Outcome.CANDIDATE_ERROR else 0
    moved = {one.capability: ORDER.index(one.stage) for one in found.values() if one.reads}
    return sorted(found.values(), key=lambda one: (moved.get(one.capability, 0), one.capability, not one.reads))


def _table(title: str) -> Table:
    return Table(title=title, title_style="bold", title_justify="left", box=box.SIMPLE_HEAD, show_edge=False,
                 pad_edge=False, padding=0, header_style="dim")


def capabilities(ledger: Ledger) -> Table:
    """The table of capabilities. Latencies are in milliseconds."""
    table = _table("Capabilities")
    table.add_column("\ncapability", no_wrap=True)
    table.add_column("\nstage", no_wrap=True)
    numbers = "\nrequests", "\ncompared", "mis-\nmatching", "modern\nfailed", "legacy ms\np50/p99", "modern ms\np50/p99"
    for name in numbers:
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows(ledger):
        compared = row.compared + row.failed > 0
        table.add_row(
            row.capability if row.reads else "  its writes", Text(row.stage, COLOURS[row.stage]),
            f"{row.requests:,}", f"{row.compared:,}" if compared else "–",
            _count(row.mismatching) if compared else "–", _count(row.failed) if compared else "–",
            _milliseconds(row.seconds["legacy"]), _milliseconds(row.seconds["modern"]),
        )
    return table


def _count(number: int) -> Text:
    return Text(f"{number:,}", "bold red" if number else "green")


def _milliseconds(seconds: Histogram) -> str:
    p50, p99 = seconds.quantile(0.5), seconds.quantile(0.99)
    return "–" if p50 is None or p99 is None else "/".join(
        f"{one * 1000:.{1 if one < 0.0995 else 0}f}" for one in (p50, p99))


def differences(review: Review) -> Table:
    """Everything that the shadow found, each kind with the defect that explains it."""
    table = _table("What the shadow found")
    table.add_column("operation", no_wrap=True)
    table.add_column("exchanges", justify="right", no_wrap=True)
    table.add_column("difference, and the seeded defect behind it")
    for line, defect in review.lines:
        cause = Text(defect.says, "dim") if defect else Text("nobody seeded this", "bold red")
        change = f"  {line.legacy} → {line.modern}"
        table.add_row(
            f"{line.capability}.{line.operation}", f"{line.exchanges:,}",
            Text.assemble((line.kind.replace("_", " "), "bold"), " ", (line.path, "cyan"), change, "\n", cause),
        )
    return table


def verdict(review: Review, tally: Tally) -> Table:
    """Whether all is as it should be, in a few lines."""
    met, found = sum(review.seeded.values()), sum(review.found.values())
    whole = sum(review.found[one.name] == review.seeded[one.name] for one in DEFECTS)
    page = Table.grid(padding=(0, 1))
    _check(page, whole == len(DEFECTS),
           f"{whole} of {len(DEFECTS)} seeded defects found, in {found} of the {met} exchanges that met one")
    _check(page, not review.others,
           "nothing else differs" if not review.others else f"found beside them: {len(review.others)}")
    _check(page, not tally.wrong,
           f"of {tally.total:,} clients' requests, {tally.right:,} were answered as legacy always did, "
           f"{tally.refused} refused for want of a key, and {tally.spoilt} met a defect, where modern serves"
           + (f"; {len(tally.wrong)} were answered wrongly" if tally.wrong else ""))
    for reason, count in review.unjudged.items():
        _check(page, False, f"not judged: {reason} ({count})")
    for what, count in Counter(tally.wrong).most_common(5):
        _check(page, False, f"wrong: {what} ({count})")
    return page


def _check(page: Table, good: bool, text: str) -> None:
    page.add_row(Text("✔", "bold green") if good else Text("✘", "bold red"), text)


def next_steps(steps: Iterable[tuple[str, str]]) -> Table:
    """Commands, and what each is for."""
    table = Table(title="Where to look next", title_style="bold", title_justify="left", box=None, show_header=False,
                  pad_edge=False)
    table.add_column(style="cyan", no_wrap=True)
    table.add_column()
    for command, purpose in steps:
        table.add_row(command, purpose)
    return table
