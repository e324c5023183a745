"""What a store keeps, as values: what the gateway did (Traffic), what the lane learnt (Finding), and what that proves
(Evidence), in one Ledger."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from shadow.compare.comparison import COMPARED, Comparison, Outcome, Tally
from shadow.compare.difference import Difference
from shadow.evidence.epoch import Epoch
from shadow.evidence.noise import Noise
from shadow.evidence.stratum import Stratum
from shadow.latency import Histogram
from shadow.ledger.groups import Pattern

EPOCHS = 20
"""Epochs kept of each capability: the one that goes on, and the latest before it."""

SUBJECTS = 250_000
"""Tokens kept of one hour, over all capabilities. Exchanges past them are counted, but prove nothing."""

PAIRS = 100_000
"""Pairs of identifiers kept of one epoch of a capability. Of more it is only counted that there are."""

CROSSED_EPOCHS = 4
"""Epochs of a capability of which pairs are kept: two builds of either arm may be at work side by side."""

FASTER, SLOWER = "modern faster", "modern slower"
"""In the place of an arm: by how much modern took less or more than legacy over the same request."""

HOURS = 2
"""Hours for which tokens are kept: the current one, and the one before for what comes late."""

DAY = 24
"""Hours of which it is kept how many exchanges were effective: at which rate evidence comes in."""

JUDGED = COMPARED | {Outcome.CANDIDATE_ERROR}
"""Outcomes that say something of the modern arm. The others leave no evidence, only a share that is left out."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """What went down one arm for one operation ("": for all of them together) since the last row.

    `requests` counts those that clients were answered from this arm, `errors` the calls down the arm that ended in a
    failure or a 5xx, `seconds` how long every call took: the lane's too, which it reports with `requests` 0.
    `stage` is "" where the reporter does not know it. `at` is in seconds since the epoch. `arm` is "legacy" or
    "modern"; or FASTER or SLOWER, and then `seconds` are by how much.
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
    """One kind of difference in one operation: in how many exchanges, when, and one example of it: the latest, but as
    severe as ever where a name in its path is masked. Of `again` of them both arms were asked again, and it was there
    each time in `reproduced`."""

    capability: str
    operation: str
    count: int
    first_seen: float
    last_seen: float
    exemplar: Difference
    trace_id: str
    again: int = 0
    reproduced: int = 0


@dataclass(frozen=True, slots=True)
class Sighting:
    """Exchanges of one stratum with one outcome, on their way to the store: `count` of them, of which `critical` have
    a critical difference that, in `reproduced` of them, was there again each time that both arms were asked again.
    `tokens` are (hour, token) of the subjects asked about, `noise` what brackets among them said. Times are in seconds
    since the epoch. `known` are the ids of known differences, and in how many of these exchanges each hid something."""

    capability: str
    epoch: Epoch
    stratum: Stratum
    outcome: Outcome
    count: int
    critical: int
    reproduced: int
    first: float
    last: float
    tokens: frozenset[tuple[int, bytes]] = frozenset()
    noise: tuple[Noise, ...] = ()
    known: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Evidence:
    """The same as a store tells it: `effective` are the exchanges whose subject was new in its hour; `hours` are
    (hours since the epoch, effective exchanges), oldest first, of the last DAY of them. The stratum of what was never
    asked of both arms has an empty status."""

    capability: str
    epoch: Epoch
    stratum: Stratum
    outcome: Outcome
    count: int
    effective: int
    critical: int
    reproduced: int
    first: float
    last: float
    hours: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Declared:
    """In how many compared exchanges of an operation and an epoch a known difference, by its id, hid something."""

    capability: str
    epoch: Epoch
    operation: str
    known: str
    exchanges: int


@dataclass(frozen=True, slots=True)
class Hidden:
    """What a rule took away before exchanges were judged: so many differences, in so many exchanges."""

    capability: str
    rule: str
    exchanges: int
    differences: int
    last_seen: float


@dataclass(frozen=True, slots=True)
class Binding:
    """Two identifiers of a class that an exchange has proved to be one, on their way to the store, as tokens of their
    `epoch`, which is the digest of one. Where that is known to contradict what was proved before (`split`, `merged`, as
    in `Crossed`), there are no tokens."""

    capability: str
    epoch: str
    name: str
    legacy: str
    modern: str
    split: bool
    merged: bool
    at: float
    trace_id: str


class Reason(StrEnum):
    """Why exchanges are missing from what a store has."""

    STORE_UNAVAILABLE = "store_unavailable"
    """The store was not open: they were shed, and never asked of both arms."""
    KILLED = "killed"
    """A worker came to its end without warning."""
    UNWRITTEN = "unwritten"
    """A worker stopped while the store could not be written."""
    STORE_DELETED = "store_deleted"
    """They were in a file that was deleted; this one has been made since."""
    STORE_REPLACED = "store_replaced"
    """They were in a file in whose place this one was put."""


@dataclass(frozen=True, slots=True)
class Gap:
    """So many exchanges of a capability that are missing, between two times (seconds since the epoch)."""

    capability: str
    reason: Reason
    exchanges: int
    first: float
    last: float


class Crossed(StrEnum):
    """What became of bindings."""

    PAIR = "pair"
    OVERFLOW = "overflow"
    """There was no room for it."""
    SPLIT = "split"
    """Legacy's identifier is bound to another of modern's already: one old record, two new ones."""
    MERGED = "merged"
    """Modern's is bound to another of legacy's already: two old records, one new one."""


@dataclass(frozen=True, slots=True)
class Crossing:
    """How many bindings of a class came to be what, in the epoch of that digest; when the first and the last of them,
    and the latter's trace."""

    capability: str
    epoch: str
    name: str
    kind: Crossed
    count: int
    first_seen: float
    last_seen: float
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
    evidence: list[Evidence] = field(default_factory=list)
    noise: list[Noise] = field(default_factory=list)
    hidden: list[Hidden] = field(default_factory=list)
    crossings: list[Crossing] = field(default_factory=list)
    declared: list[Declared] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)


def conflicts(legacy: bool, modern: bool) -> tuple[Crossed, ...]:
    """What a binding is of which legacy's identifier, or modern's, is bound to another."""
    return (Crossed.SPLIT,) * legacy + (Crossed.MERGED,) * modern


def crossed(one: Crossing, other: Crossing) -> Crossing:
    """Two rows of one kind as one."""
    latest = max(one, other, key=lambda row: row.last_seen)
    return replace(latest, count=one.count + other.count, first_seen=min(one.first_seen, other.first_seen))


def hidden(comparisons: Iterable[Comparison]) -> list[Hidden]:
    """What rules took away in a batch, a row for each capability and rule."""
    found: dict[tuple[str, str], Hidden] = {}
    for comparison in comparisons:
        for rule, count in comparison.hidden:
            row = Hidden(comparison.tally.capability, rule, 1, count, comparison.at)
            key = row.capability, row.rule
            found[key] = joined(found[key], row) if key in found else row
    return list(found.values())


def bridged(one: Gap, other: Gap) -> Gap:
    """Two gaps of one capability and reason as one."""
    return Gap(one.capability, one.reason, one.exchanges + other.exchanges, min(one.first, other.first),
               max(one.last, other.last))


def joined(one: Hidden, other: Hidden) -> Hidden:
    """Two rows of one capability and rule as one."""
    return Hidden(one.capability, one.rule, one.exchanges + other.exchanges, one.differences + other.differences,
                  max(one.last_seen, other.last_seen))


def hourly(known: Iterable[tuple[int, int]], new: Mapping[int, int]) -> tuple[tuple[int, int], ...]:
    """Counts by hour, with those that came; the last DAY of them."""
    counts = Counter(dict(known))
    counts.update({hour: count for hour, count in new.items() if count})
    newest = max(counts, default=0)
    return tuple(sorted((hour, count) for hour, count in counts.items() if hour > newest - DAY))
