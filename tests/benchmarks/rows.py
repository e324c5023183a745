"""The rows of the benchmark: what is configured, and how it is asked."""

from dataclasses import dataclass

GROUP = 100
TARGETS = 10_000


@dataclass(frozen=True, slots=True)
class Row:
    """One row. `operations` 0 is the default route alone; `mirror` sends every request to a second upstream too,
    which where it `differs` answers a tenth of the targets otherwise, in as many bytes; `policy` puts an admission
    policy before it. `fresh` gives every request a correlation id (which the upstream echoes) and a traceparent of
    its own, so that no head is seen twice, either way. `rate` is requests a second over all connections, 0 for as
    fast as the answers come; a peer's latency takes a little off it. `idle` connections are held and say nothing,
    and then nothing else is measured. `base` is the peer that the others are compared to: Envoy as it does the row
    best."""

    name: str
    title: str
    operations: int = 0
    mirror: bool = False
    differs: bool = False
    policy: bool = False
    fresh: bool = False
    rate: int = 0
    idle: int = 0
    base: str = "envoy"


ROWS = (
    Row("pass-through", "Pass-through at saturation, access log and metrics on"),
    Row("fresh", "Pass-through at saturation, every message with ids of its own", fresh=True),
    Row("paced", "Pass-through at 2,000 requests a second", rate=2_000),
    Row("operations-10", "10 operations at saturation", operations=10, base="envoy-tree"),
    Row("operations-10000", "10,000 operations at saturation", operations=10_000, base="envoy-tree"),
    Row("shadow", "Every request mirrored, at 1,000 requests a second", mirror=True, rate=1_000),
    Row("shadow-differs", "The same, a tenth of the mirrored answers differing", mirror=True, differs=True, rate=1_000),
    Row("policy", "Pass-through at saturation with a rate limit", policy=True),
    Row("idle", "5,000 idle keep-alive connections", idle=5_000),
)


def prefix(operation: int) -> str:
    """What an operation's paths begin with; its template is this and `{id}`. 100 operations share a first segment."""
    return f"/c{operation // GROUP}/r{operation % GROUP}/"


def target(row: Row, number: int) -> str:
    """The path of request `number` below TARGETS (wrk.lua has the same)."""
    return f"{prefix(number % max(row.operations, 1))}{1_000_000 + number}"
