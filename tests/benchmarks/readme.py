"""The table of the README's section "How fast it is": made from a run, and put between the README's markers."""

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks.figures import Found, Of, worded
from tests.benchmarks.report import markdown_table

BEGIN, END = "<!-- made by make bench; make bench-readme puts it here -->", "<!-- until here -->"
TITLES = {"figway": "Figway", "figway-compiled": "compiled", "envoy": "Envoy", "nginx": "nginx", "haproxy": "HAProxy"}
OURS = ("figway", "figway-compiled")
BASE = "envoy"


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the table: its words, and the figure in each peer's cell (see Sample), multiplied by `scale`."""

    said: str
    row: str
    what: str
    scale: float = 1.0


LINES = (
    Line("pass-through, CPU µs a request", "pass-through", "cpu"),
    Line("… with ids that differ in every message, so that no head repeats", "fresh", "cpu"),
    Line("10 operations", "operations-10", "cpu"),
    Line("10,000 operations, all of them in use", "operations-10000", "cpu"),
    Line("with a rate limit", "policy", "cpu"),
    Line("every request mirrored, at 50 requests a second; Figway also compares the answers", "shadow-50", "cpu"),
    Line("… at 1,000 requests a second", "shadow", "cpu"),
    Line("… at 1,000, where a tenth of the answers differ", "shadow-differs", "cpu"),
    Line("… as fast as the answers come", "shadow-saturated", "cpu"),
    Line("… of which Figway compared, exchanges a request", "shadow-saturated", "compared"),
    Line("pass-through at half of Figway's saturation, p99 in ms", "half", "p99"),
    Line("pass-through at saturation, p99 in ms", "pass-through", "p99"),
    Line("every request mirrored, at 50 requests a second, p99 in ms", "shadow-50", "p99"),
    Line("… at 1,000 requests a second", "shadow", "p99"),
    Line("… as fast as the answers come", "shadow-saturated", "p99"),
    Line("one worker, 16 connections, CPU µs a request", "workers-1", "cpu"),
    Line("four workers on the same core", "workers-4", "cpu"),
    Line("… the most connections of a worker, to the mean", "workers-4", "unevenness"),
    Line("PSS of one worker and its helpers in MiB", "memory-1", "pss", 1 / 1024),
    Line("PSS of each of four workers in MiB", "memory-4", "worker", 1 / 1024),
    Line("PSS of four workers and their helpers in MiB", "memory-4", "pss", 1 / 1024),
    Line("memory for an idle connection in KiB", "idle", "connection"),
)


def summary(facts: Mapping[str, Any], found: Found) -> str:
    """The table with what it rests on, between the markers."""
    peers = [peer for peer in TITLES if any(sample.peer == peer for sample in found.samples)]
    ours = [peer for peer in OURS if peer in peers and BASE in peers]
    heading = ["", *(TITLES[peer] for peer in peers), *(f"{TITLES[peer]} ÷ {TITLES[BASE]}" for peer in ours)]
    body = []
    for line in LINES:
        cells = [worded(found.figure(Of(line.row, peer, line.what)), line.scale) for peer in peers]
        cells += [worded(found.ratio(Of(line.row, peer, line.what), Of(line.row, BASE, line.what))) for peer in ours]
        body.append([line.said, *cells])
    return "\n\n".join((BEGIN, basis(facts, found), markdown_table(heading, body), END))


def basis(facts: Mapping[str, Any], found: Found) -> str:
    """The sentences above the table: the machine, the versions, what a cell is, and whether the run can be trusted."""
    plan = facts["plan"]
    versions = ", ".join(f"{TITLES[name]} {version}" for name, version in facts["peers"].items()
                         if name in TITLES and name not in OURS)
    said = [
        f"Measured on {facts['cores']} cores ({facts['cpu']}), with CPython {facts['python']}"
        + (f", {versions}" if versions else "") + f", at commit {facts['commit']}.",
        f"Each cell is the median of up to {plan['rounds']} rounds, with the lowest and the highest; "
        "a ratio is taken within each round. Less is better.",
        *facts["absent"],
    ]
    if facts["machine"]["doubt"] or any(sample.doubt for sample in found.samples):
        said.append("The machine was not quiet all the time: do not trust a cell with a `?`.")
    return "\n".join(textwrap.wrap(" ".join(said), 120))


def part(text: str) -> str:
    """What stands from one marker to the other, markers included. Raises ValueError if they are not there once."""
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        raise ValueError(f"it needs the lines {BEGIN!r} and {END!r}, once each")
    return text[text.index(BEGIN) : text.index(END) + len(END)]


def put(report: Path, page: Path) -> None:
    """Puts the part between the markers of `report` into `page`, in the place of what is there between them."""
    new = part(report.read_text())
    text = page.read_text()
    page.write_text(text.replace(part(text), new))
