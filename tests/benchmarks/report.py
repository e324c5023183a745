"""The report: the run's facts, every row as a table, what was disturbed; as text, as Markdown and as JSON."""

import os
import platform
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.benchmarks.figures import Found, Of, checks, worded
from tests.benchmarks.quiet import Machine
from tests.benchmarks.rows import Row
from tests.benchmarks.run import Plan

# Heading, field of Sample, and what the field is multiplied by. Memory is in KiB there.
COLUMNS = (
    ("CPU µs/request", "cpu", 1.0),
    ("KiB/connection", "connection", 1.0),
    ("PSS MiB", "pss", 1 / 1024),
    ("PSS MiB/worker", "worker", 1 / 1024),
    ("requests/s", "rps", 1.0),
    ("p50 ms", "p50", 1.0),
    ("p99 ms", "p99", 1.0),
    ("core busy %", "busy", 100.0),
    ("calls/request", "calls", 1.0),
    ("compared/request", "compared", 1.0),
    ("most connections/mean", "unevenness", 1.0),
    ("RSS MiB", "rss", 1 / 1024),
)
BASE = "envoy"


def facts(
    versions: Mapping[str, str], absent: Sequence[str], failures: list[str], plan: Plan, machine: Machine
) -> dict[str, Any]:
    """What the numbers depend on; nothing that tells where on a disk they were made."""
    return {
        "kernel": platform.release(),
        "cpu": cpu_model(Path("/proc/cpuinfo").read_text()),
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version() + (" of the system" if sys.base_prefix == "/usr" else ""),
        "commit": commit(),
        "peers": dict(versions),
        "absent": list(absent),
        "failures": failures,
        "plan": asdict(plan),
        "machine": machine.stored() | {"said": machine.said()},
    }


def cpu_model(cpuinfo: str) -> str:
    named = (text.partition(":")[2].strip() for text in cpuinfo.splitlines() if text.startswith("model name"))
    return next(named, platform.machine())


def commit() -> str:
    done = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def trust(rows: Iterable[Row], found: Found, machine: Mapping[str, Any]) -> list[str]:
    """Whether the run can be trusted: first the machine before it, then each row with disturbed spells, and why."""
    said = [machine["said"] + "."]
    shaky = []
    for row in rows:
        disturbed = found.disturbed(row.name)
        if disturbed:
            spells = sum(sample.row == row.name for sample in found.samples)
            count = sum(map(len, disturbed.values()))
            peer, doubts = next(iter(disturbed.items()))
            shaky.append(f"{row.name}: {count} of {spells} spells were disturbed; of {peer}: {doubts[0]}.")
    if not shaky:
        return [*said, "No spell was disturbed."]
    return [*said, *shaky, "Figures are of the other spells; do not trust one with a `?`, which has too few of those."]


def unmeasured(rows: Iterable[Row], found: Found) -> list[str]:
    """Which rows nobody was measured in: the time was up, or a peer failed."""
    return [f"{row.name}: not measured." for row in rows if not found.peers(row.name)]


def as_json(rows: Sequence[Row], facts: Mapping[str, Any], found: Found) -> dict[str, Any]:
    lines = []
    for row in rows:
        for peer in found.peers(row.name):
            figures = {what: found.figure(Of(row.name, peer, what)) for _, what, _ in COLUMNS}
            ratio = found.ratio(*to_base(row, peer))
            line = {"row": row.name, "peer": peer, "ratio": ratio.stored() if ratio else None}
            lines.append(line | {what: spread.stored() for what, spread in figures.items() if spread})
    return {
        "facts": dict(facts),
        "trust": trust(rows, found, facts["machine"]) + unmeasured(rows, found),
        "checks": checks(found),
        "lines": lines,
        "samples": [asdict(sample) for sample in found.samples],
    }


def to_base(row: Row, peer: str) -> tuple[Of, Of]:
    """The cost of this peer, and Envoy's: memory in the rows for that, CPU a request in the others."""
    what = "connection" if row.idle else "pss" if row.alone else "cpu"
    return Of(row.name, peer, what), Of(row.name, BASE, what)


def table(row: Row, found: Found) -> tuple[list[str], list[list[str]]]:
    """Heading and cells of one row's table; columns that nobody has anything for are left out."""
    peers = found.peers(row.name)
    cells = [(heading, [worded(found.figure(Of(row.name, peer, what)), scale) for peer in peers])
             for heading, what, scale in COLUMNS]
    cells.insert(0, ("× Envoy", [worded(found.ratio(*to_base(row, peer))) for peer in peers]))
    mine = [sample for sample in found.samples if sample.row == row.name]
    if not row.alone:
        cells.append(("errors", [str(sum(one.errors for one in mine if one.peer == peer)) for peer in peers]))
        cells.append(("disturbed", [str(sum(bool(one.doubt) for one in mine if one.peer == peer)) for peer in peers]))
    cells.append(("PSS MiB of each process", [processes(found, row, peer) for peer in peers]))
    cells = [(heading, column) for heading, column in cells if set(column) != {"–"}]
    body = [list(line) for line in zip(peers, *(column for _, column in cells), strict=True)]
    return ["peer", *(heading for heading, _ in cells)], body


def processes(found: Found, row: Row, peer: str) -> str:
    """The PSS of each process in the last round, parents first."""
    last = [sample for sample in found.samples if (sample.row, sample.peer) == (row.name, peer)][-1]
    return " ".join(f"{share / 1024:.1f}" for share in last.each) or "–"


def as_text(row: Row, found: Found) -> str:
    """One row as a table for the terminal."""
    heading, body = table(row, found)
    widths = [max(map(len, column)) for column in zip(heading, *body, strict=True)]

    def aligned(cells: Iterable[str]) -> str:
        first, *rest = zip(cells, widths, strict=True)
        return "  ".join([first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in rest)])

    return "\n".join([row.title, *map(aligned, (heading, *body))])


def markdown_table(heading: Sequence[str], body: Iterable[Sequence[str]], words: int = 1) -> str:
    """A table of Markdown whose first `words` columns are words and the rest numbers."""
    rule = [*["---"] * words, *["--:"] * (len(heading) - words)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (heading, rule, *body))


def as_markdown(rows: Sequence[Row], facts: Mapping[str, Any], found: Found, summary: str) -> str:
    """The whole report as Markdown, with the README's part first."""
    doubts = [*trust(rows, found, facts["machine"]), *unmeasured(rows, found), *facts["failures"], *facts["absent"]]
    parts = ["# Benchmark", summary, bullets(doubts), MEANING, fact_list(facts)]
    if said := checks(found):
        parts += ["## What the contract asks", bullets(said)]
    for row in rows:
        if found.peers(row.name):
            parts += [f"## {row.title}", markdown_table(*table(row, found))]
    return "\n\n".join(parts) + "\n"


MEANING = """\
One core for the proxy, one for load and upstream; 32 keep-alive connections ask for an answer of 1 KiB. CPU is user and
system time of all the proxy's processes, from the kernel, for everything that the load caused. Every round measures
every peer, and begins with another one. A figure is the median of its rounds, with the lowest and the highest; a ratio
is taken within each round. `core busy` under 100 at saturation means that the load or something else held the peer
back: its requests a second are then too low, and its CPU a request is a little high. `calls/request` is what the
upstream saw for each request: 2.00 when every request is mirrored; `compared/request` is how many exchanges Figway
compared. Load asks for 10,000 different paths; header fields are the same every time but in the row whose messages have
ids of their own. At a set rate, requests come at moments of chance, and the load generator corrects p99 for requests
that a late answer has put off. Half of saturation is half of Figway's, the same rate for every peer.

Operations are prefixes in a tree in Envoy, nginx and HAProxy. In the rows with mirrors `figway-unmirrored` is Figway
with the shadow off, under the same load; where a tenth of the answers differ, Figway asks again about as many of them
as by default, but after 0.1 and 0.2 s, so that it is done before the measuring is. Envoy's and nginx's mirrors compare
nothing. Under the rate limit Figway and HAProxy count by client, Envoy for all clients together. `floor` is two bare
asyncio protocols under uvicorn that do nothing but pass on. All peers write one JSON line of access log for each
request. Memory is the processes' own: what the kernel keeps for a socket is in
nobody's figure. PSS counts a page that several processes have by each one's part; each peer runs alone for that, beside
the benchmark. Four workers have the
one core together, so what they cost beside one is not what several cores would gain."""


def bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def fact_list(facts: Mapping[str, Any]) -> str:
    plan = facts["plan"]
    told = {
        "kernel": facts["kernel"],
        "CPU": f"{facts['cpu']}, {facts['cores']} cores",
        "Python": facts["python"],
        "commit": facts["commit"],
        "peers": ", ".join(f"{name} {version}" for name, version in facts["peers"].items()),
        "plan": f"{plan['rounds']} rounds of {plan['seconds']:g} s after {plan['warm']:g} s of warm-up",
    }
    return bullets(f"{name}: {value}" for name, value in told.items())
