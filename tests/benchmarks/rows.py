"""The rows of the benchmark: what is configured, and how it is asked."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

GROUP = 100
TARGETS = 10_000
CONNECTIONS = 32


@dataclass(frozen=True, slots=True)
class Row:
    """One row. `operations` 0 is the default route alone; `mirror` sends every request to a second upstream too, which
    where it `differs` answers a tenth of the targets otherwise, in as many bytes; `policy` puts an admission policy
    before it. `fresh` gives every request a correlation id (which the upstream echoes) and a traceparent of its own, so
    that no head is seen twice, either way.

    `rate` is requests a second over all `connections`, 0 for as fast as the answers come. `share`, if set, makes `rate`
    that share of what Figway reaches at saturation. `stretch` makes each spell so many times as long.

    In a row that is `alone` each peer is started without the others, and nothing but its memory is measured, since
    pages of files are shared by all that run them; `idle` connections are held then and say nothing. `workers` is the
    number of processes (threads, where the peer has those) that serve. Rows of one `group` are measured together, in
    the same rounds, so that they can be compared. `peers` are those that are measured, () for all that can do the row.
    A row that is `few` is measured in three rounds at most."""

    name: str
    title: str
    operations: int = 0
    mirror: bool = False
    differs: bool = False
    policy: bool = False
    fresh: bool = False
    rate: float = 0
    share: float = 0
    stretch: float = 1
    connections: int = CONNECTIONS
    alone: bool = False
    idle: int = 0
    workers: int = 1
    group: str = ""
    peers: tuple[str, ...] = ()
    few: bool = False


FIGWAYS = ("figway", "figway-compiled")
RIVALS = (*FIGWAYS, "envoy", "nginx")

ROWS = (
    Row("pass-through", "Pass-through at saturation, access log and metrics on"),
    Row("fresh", "Pass-through at saturation, every message with ids of its own", fresh=True),
    Row("half", "Pass-through at half of Figway's saturation", share=0.5),
    Row("operations-10", "10 operations at saturation", operations=10, group="operations", peers=RIVALS, few=True),
    Row("operations-10000", "10,000 operations at saturation", operations=10_000, group="operations", peers=RIVALS,
        few=True),
    Row("shadow-50", "Every request mirrored, at 50 requests a second", mirror=True, rate=50, stretch=2, peers=RIVALS),
    Row("shadow", "Every request mirrored, at 1,000 requests a second", mirror=True, rate=1_000),
    Row("shadow-saturated", "Every request mirrored, at saturation", mirror=True, peers=RIVALS),
    Row("shadow-differs", "Every request mirrored, at 1,000 requests a second, a tenth of the answers differing",
        mirror=True, differs=True, rate=1_000, peers=(*FIGWAYS, "envoy"), few=True),
    Row("policy", "Pass-through at saturation with a rate limit", policy=True, peers=(*FIGWAYS, "envoy"), few=True),
    Row("workers-1", "One worker, 16 connections at saturation", connections=16, group="workers", peers=FIGWAYS),
    Row("workers-4", "Four workers on the one core, 16 connections at saturation", connections=16, workers=4,
        group="workers", peers=FIGWAYS),
    Row("memory-1", "Memory of one worker", alone=True, few=True),
    Row("memory-4", "Memory of four workers", alone=True, workers=4, peers=RIVALS, few=True),
    Row("idle", "5,000 idle keep-alive connections", alone=True, idle=5_000, few=True),
)


def groups(rows: Iterable[Row]) -> list[list[Row]]:
    """The rows that are measured together."""
    return [list(found) for _, found in groupby(rows, key=lambda row: row.group or row.name)]


def prefix(operation: int) -> str:
    """What an operation's paths begin with; its template is this and `{id}`. 100 operations share a first segment."""
    return f"/c{operation // GROUP}/r{operation % GROUP}/"


def target(row: Row, number: int) -> str:
    """The path of request `number` below TARGETS (wrk.lua has the same)."""
    return f"{prefix(number % max(row.operations, 1))}{1_000_000 + number}"
