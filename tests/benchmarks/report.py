"""The report: medians, ratios to Envoy pair by pair, as a table, as JSON and as Markdown."""

import os
import platform
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from tests.benchmarks.rows import ROWS, Row
from tests.benchmarks.run import Plan, Sample

BASES = {row.name: row.base for row in ROWS}
HIGHEST_RATIO = 1.0
AIM_RATIO = 0.7
HIGHEST_GROWTH = 1.2
HIGHEST_MIRRORED = {"shadow": 1.0, "shadow-differs": 1.5}


@dataclass(frozen=True, slots=True)
class Line:
    """One peer in one row: medians of its rounds. `ratio` is the median, over the rounds, of its cost divided by
    Envoy's in the same round (CPU a request, or memory a connection); None without Envoy."""

    row: str
    peer: str
    cpu: float
    ratio: float | None
    rps: float
    p50: float
    p99: float
    busy: float
    others: float
    calls: float
    errors: int
    rss: float
    pss: float | None
    connection: float


def lines(samples: Iterable[Sample]) -> list[Line]:
    """The samples of each row and peer as one line, in the order in which they were first seen."""
    groups: dict[tuple[str, str], list[Sample]] = {}
    for sample in samples:
        groups.setdefault((sample.row, sample.peer), []).append(sample)
    return [line(group, groups.get((row, BASES[row]), [])) for (row, _), group in groups.items()]


def line(group: Sequence[Sample], base: Sequence[Sample]) -> Line:
    def middle(name: str) -> float:
        return float(median(getattr(sample, name) for sample in group))

    costs = {sample.round: cost(sample) for sample in base}
    ratios = [cost(sample) / costs[sample.round] for sample in group if costs.get(sample.round)]
    shares = [sample.pss for sample in group if sample.pss is not None]
    names = ("cpu", "rps", "p50", "p99", "busy", "others", "calls", "rss", "connection")
    return Line(
        row=group[0].row,
        peer=group[0].peer,
        ratio=median(ratios) if ratios else None,
        errors=sum(sample.errors for sample in group),
        pss=median(shares) if shares else None,
        **{name: middle(name) for name in names},
    )


def cost(sample: Sample) -> float:
    return sample.connection or sample.cpu


def facts(versions: Mapping[str, str], plan: Plan) -> dict[str, Any]:
    """What the numbers depend on; nothing that tells where on a disk they were made."""
    return {
        "kernel": platform.release(),
        "cpu": cpu_model(Path("/proc/cpuinfo").read_text()),
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "commit": commit(),
        "peers": dict(versions),
        "plan": asdict(plan),
    }


def cpu_model(cpuinfo: str) -> str:
    named = (text.partition(":")[2].strip() for text in cpuinfo.splitlines() if text.startswith("model name"))
    return next(named, platform.machine())


def commit() -> str:
    done = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def as_json(facts: Mapping[str, Any], samples: Sequence[Sample]) -> dict[str, Any]:
    found = lines(samples)
    return {
        "facts": dict(facts),
        "checks": checks(found),
        "lines": [asdict(line) for line in found],
        "samples": [asdict(sample) for sample in samples],
    }


def checks(found: Sequence[Line]) -> list[str]:
    """What the contract asks of the figures, each with the figure."""
    by_name = {(line.row, line.peer): line for line in found}
    said = []
    for row in ("pass-through", "fresh"):
        through = by_name.get((row, "figway"))
        if through is not None and through.ratio is not None:
            word = "meets" if through.ratio <= HIGHEST_RATIO else "MISSES"
            aim = "meets" if through.ratio <= AIM_RATIO else "misses"
            against = f"{word} {HIGHEST_RATIO}, {aim} the aim of {AIM_RATIO}"
            said.append(f"{row}: {through.ratio:.2f} x Envoy's CPU a request; {against}")
    for row, highest in HIGHEST_MIRRORED.items():
        mirrored, alone = by_name.get((row, "figway")), by_name.get((row, "figway-unmirrored"))
        if mirrored is not None and mirrored.ratio is not None:
            word = "meets" if mirrored.ratio <= highest else "MISSES"
            said.append(f"{row}: {mirrored.ratio:.2f} x the CPU a request of Envoy's mirror; {word} {highest}")
        if mirrored is not None and alone is not None:
            said.append(f"{row}: the client's p50 is {mirrored.p50:.2f} ms, with the shadow off {alone.p50:.2f} ms")
    few, many = by_name.get(("operations-10", "figway")), by_name.get(("operations-10000", "figway"))
    if few is not None and many is not None and few.cpu:
        growth = many.cpu / few.cpu
        word = "meets" if growth <= HIGHEST_GROWTH else "MISSES"
        said.append(f"10 to 10,000 operations: {growth:.2f} x the CPU a request; {word} {HIGHEST_GROWTH}")
    return said


LOADED = (
    "peer",
    "CPU µs/request",
    "× Envoy",
    "requests/s",
    "p50 ms",
    "p99 ms",
    "core busy",
    "others",
    "calls/request",
    "RSS MiB",
    "PSS MiB",
    "errors",
)
IDLE = ("peer", "KiB/connection", "× Envoy", "RSS MiB", "PSS MiB")


def table(row: Row, found: Iterable[Line]) -> tuple[tuple[str, ...], list[list[str]]]:
    """Heading and cells of one row's table."""
    mine = [line for line in found if line.row == row.name]
    return (IDLE, [idle_cells(line) for line in mine]) if row.idle else (LOADED, [loaded_cells(line) for line in mine])


def loaded_cells(line: Line) -> list[str]:
    return [
        line.peer,
        f"{line.cpu:.1f}",
        ratio(line),
        f"{line.rps:,.0f}",
        f"{line.p50:.2f}",
        f"{line.p99:.2f}",
        f"{line.busy:.0%}",
        f"{line.others:.0%}",
        f"{line.calls:.2f}",
        *memory_cells(line),
        str(line.errors),
    ]


def idle_cells(line: Line) -> list[str]:
    return [line.peer, f"{line.connection / 1024:.2f}", ratio(line), *memory_cells(line)]


def memory_cells(line: Line) -> list[str]:
    return [f"{line.rss / 1024:.1f}", "–" if line.pss is None else f"{line.pss / 1024:.1f}"]


def ratio(line: Line) -> str:
    return "–" if line.ratio is None else f"{line.ratio:.2f}"


def as_text(row: Row, found: Iterable[Line]) -> str:
    """One row as a table for the terminal."""
    heading, body = table(row, found)
    widths = [max(map(len, column)) for column in zip(heading, *body, strict=True)]

    def aligned(cells: Iterable[str]) -> str:
        first, *rest = zip(cells, widths, strict=True)
        return "  ".join([first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in rest)])

    return "\n".join([row.title, *map(aligned, (heading, *body))])


def as_markdown(rows: Iterable[Row], facts: Mapping[str, Any], samples: Sequence[Sample]) -> str:
    """The whole report as Markdown."""
    found = lines(samples)
    parts = ["# Benchmark", MEANING, fact_list(facts)]
    parts += ["\n".join(f"- {said}" for said in checks(found))] if checks(found) else []
    for row in rows:
        heading, body = table(row, found)
        rule = ["---", *["--:"] * (len(heading) - 1)]
        parts.append(f"## {row.title}\n\n" + "\n".join(f"| {' | '.join(cells)} |" for cells in (heading, rule, *body)))
    return "\n\n".join(parts) + "\n"


MEANING = """\
One core for the proxy, one for load and upstream; 32 keep-alive connections ask for an answer of 1 KiB. CPU is user and
system time of all the proxy's processes, from /proc, for everything that the load caused. Figures are medians of the
rounds; `× Envoy` is the median of the ratios to Envoy (1.00) in the same round. `core busy` under 100 % at saturation
means that the load or something else on the machine (`others`: what that took of the peer's core) held the peer back:
its requests a second are then too low, and its CPU a request is a little high. `calls/request` is what the upstream saw
for each request: 2.00 when every request is mirrored. Load asks for 10,000 different paths; header fields are the same
every time but in the row whose messages have ids of their own.

`envoy` has its operations as path templates in a list, `envoy-tree` and `nginx` as prefixes in a tree; with operations
the ratios are to `envoy-tree`. In the rows with mirrors `figway-unmirrored` is Figway with the shadow off, under the
same load; where a tenth of the answers differ, Figway asks again about as many of them as by default, but after 0.1 and
0.2 s, so that it is done before the measuring is. Envoy's and nginx's mirrors compare nothing. Under the rate limit
Figway counts by client, Envoy for all clients together. `floor` is two bare asyncio protocols under uvicorn that do
nothing but pass on. Memory is the processes' own: what the kernel keeps for a socket is in nobody's figure."""


def fact_list(facts: Mapping[str, Any]) -> str:
    peers = ", ".join(f"{name} {version}" for name, version in facts["peers"].items())
    plan = facts["plan"]
    told = {
        "kernel": facts["kernel"],
        "CPU": f"{facts['cpu']}, {facts['cores']} cores",
        "Python": facts["python"],
        "commit": facts["commit"],
        "peers": peers,
        "plan": f"{plan['rounds']} rounds of {plan['seconds']:g} s after {plan['warm']:g} s of warm-up",
    }
    return "\n".join(f"- {name}: {value}" for name, value in told.items())
