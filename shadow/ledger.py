"""What a store keeps, as values: what the gateway did (Traffic) and what the lane learnt (Finding), in one Ledger."""

from dataclasses import dataclass, field

from shadow.compare import Tally
from shadow.diff import Difference
from shadow.latency import Histogram
from shadow.signatures import Pattern


@dataclass(frozen=True, slots=True)
class Traffic:
    """What went down one arm for one operation since the last row.

    `requests` counts those that clients were answered from this arm, `errors` the calls down the arm that ended in a
    failure or a 5xx, `seconds` how long every call took: the lane's too, which it reports with `requests` 0.
    `stage` is "" where the reporter does not know it. `at` is in seconds since the epoch.
    """

    capability: str
    operation: str
    stage: str
    arm: str
    requests: int
    errors: int
    seconds: Histogram
    at: float


@dataclass(frozen=True, slots=True)
class Finding:
    """One kind of difference in one operation: in how many exchanges, when, and one example of it (the latest)."""

    capability: str
    operation: str
    count: int
    first_seen: float
    last_seen: float
    exemplar: Difference
    trace_id: str


@dataclass(slots=True)
class Ledger:
    """Everything that a store knows of one capability, or of all: in no order, with one row for each key.

    `overflow` counts, by capability, the differences that found the table of signatures full; `patternless` the
    mismatching exchanges that found the table of patterns full.
    """

    tallies: dict[Tally, int] = field(default_factory=dict)
    traffic: list[Traffic] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    overflow: dict[str, int] = field(default_factory=dict)
    patterns: list[Pattern] = field(default_factory=list)
    patternless: dict[str, int] = field(default_factory=dict)
