"""The rows of a store, in one Ledger: what the gateway did (Traffic), what the lane learnt (Finding), and what that
proves (Evidence)."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from shadow.compare.comparison import COMPARED, Comparison, Outcome, Tally
from shadow.compare.difference import Difference
from shadow.evidence.epoch import Epoch
from shadow.evidence.noise import Noise
from shadow.evidence.pace import Pace
from shadow.evidence.stratum import Stratum
from shadow.latency import Histogram
from shadow.ledger.groups import Pattern

EPOCHS = 20
"""Epochs kept of each capability: the present one and the latest before it."""

SUBJECTS = 250_000
"""Tokens of one hour and capability, after which only every second further subject counts. After half as many again, it
is every second of those, and so on. Tokens choose the subjects, so that what is good and what is bad are thinned alike.
"""

MEMBERS = 10_000
"""Members kept of one dimension of an epoch. If there are more, every second counts, then every fourth, and so on;
their tokens choose them."""

DAYS = 31
"""Days of which it is known in which hours there was traffic."""

PAIRS = 100_000
"""Pairs of identifiers kept of one epoch of a capability. Excess pairs are only counted."""

CROSSED_EPOCHS = 4
"""Epochs of a capability whose pairs are kept: two builds of either arm may be at work side by side."""

FASTER, SLOWER = "modern faster", "modern slower"
"""Used instead of an arm: by how much modern took less, or more, than legacy over the same request."""

EXTRA = "legacy again"
"""Used instead of an arm: the calls to legacy beyond what its clients asked. They are among those of "legacy" too."""

SPARED = {"another_kind": "legacy spared: another kind", "client_errors": "legacy spared: client errors"}
"""Used instead of an arm: how often such calls were stopped, by the reason (shadow.lane.sparing)."""

BARE = "mirrors without credentials"
"""Used instead of an arm: the mirrors to modern that carried none of the credentials that their client sent."""

HOURS = 2
"""Hours for which tokens are kept: the current one, and the one before it for late exchanges."""

START = 50
"""Effective exchanges between two possible starts of a Course."""

ATTEMPTS = 2_000
"""Attempts kept of a capability. Past that, the closed ones with the fewest effective exchanges go first."""

DAY = 24
"""Hours whose effective exchanges are counted hour by hour, for the rate at which evidence comes in."""

JUDGED = COMPARED | {Outcome.CANDIDATE_ERROR}
"""Outcomes that say something about the modern arm. All others are no evidence: they add to the excluded share."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """The calls to one arm for one operation ("": for all operations together) since the last row.

    `requests` counts the client requests that this arm answered. `errors` counts the calls that ended in a failure or
    a 5xx. `seconds` are how long each call took, those of the lane too, whose rows have 0 `requests`. `stage` is ""
    if the reporter does not know it. `at` is in seconds since 1970. `arm` is "legacy" or "modern"; or it is
    FASTER or SLOWER, and then `seconds` are by how much.
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
    """One kind of difference in one operation: in how many exchanges it was, when, and one example.

    The example is the latest one; if a name in its path is masked, its severity is the worst so far. In `again` of
    the exchanges both arms were asked again, and in `reproduced` of these the difference was there each time."""

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
    """Exchanges of one stratum with one outcome and reason, on their way to the store.

    There are `count` of them. `critical` of them have a critical difference; in `reproduced` of these it was there
    again each time that both arms were asked again. `tokens` are (hour, token) of the subjects asked about. `noise` is
    what brackets among them showed. `known` are the ids of known differences, each with the number of these exchanges
    in which it hid something. `swept` ones were asked by `figway sweep`. `sizes` are (bucket, exchanges, effective ones
    by the worker's own count), as in Sizes. Times are in seconds since 1970."""

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
    reason: str = ""
    swept: bool = False
    sizes: tuple[tuple[int, int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Evidence:
    """Exchanges of one stratum with one outcome and reason, as a store has them: a Sighting without its tokens.

    `effective` counts the exchanges whose subject was new in its hour, and `swept` those among them that `figway sweep`
    asked. `hours` are (hours since 1970, effective exchanges that were not swept), the oldest first, of the last DAY
    hours. The stratum has an empty status if the exchanges were not
    sent to both arms."""

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
    reason: str = ""
    swept: int = 0


class Point(NamedTuple):
    """The sums of a Course up to one moment: effective exchanges in all, and of them those that were `wrong`, wrong on
    `first` answer alone, `failed`, and left out `after` modern had answered, by reason (see evidence.counting). `at` is
    when the latest of them was asked, in seconds since 1970, 0 if that is unknown."""

    effective: int
    wrong: int = 0
    first: int = 0
    failed: int = 0
    after: tuple[tuple[str, int], ...] = ()
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class Course:
    """How the sums of one stratum, or of the whole epoch (`stratum` None), grew in the order in which exchanges came.

    The last of the `points` is now. The points before it are START effective exchanges apart or more, and their
    distance from now grows geometrically, so that there are few of them. The first is at 0."""

    capability: str
    epoch: Epoch
    stratum: Stratum | None
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Attempt:
    """One beginning of evidence: an epoch from its first exchange until its evidence is dropped (`closed`).

    It outlives its evidence, since every attempt is one more chance to be told SAFE by mistake. `number` orders the
    attempts of a capability by their beginning. `effective` counts its effective exchanges; times are in seconds since
    1970."""

    capability: str
    number: int
    epoch: Epoch
    effective: int
    first: float
    last: float
    closed: bool


@dataclass(frozen=True, slots=True)
class Calendar:
    """The hours of a capability with traffic, of the last 31 days: (hours since 1970, exchanges), the oldest first.

    With an epoch these are its effective exchanges; without one, all exchanges that were eligible, compared or not: 0
    in an hour in which clients asked, in whatever stage, and nothing was eligible."""

    capability: str
    epoch: Epoch | None
    hours: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Sizes:
    """The sizes of legacy's bodies in one epoch, as far as they are known: (bucket, eligible exchanges, effective
    ones), in ascending order. Bucket b holds bodies of fewer than 2**b bytes and at least 2**(b−1); the last, 63, those
    too large to be kept. Each worker counts by itself what is effective."""

    capability: str
    epoch: Epoch
    buckets: tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, slots=True)
class Member:
    """The exchanges of one client, or of one facility. `dimension` is its kind ("client", or the
    name of a declared dimension), `token` stands for its name. Of its `effective` exchanges, `bad` were not right. Each
    worker counts by itself what is effective."""

    capability: str
    epoch: Epoch
    dimension: str
    token: str
    effective: int
    bad: int


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
    """What a rule hid before exchanges were judged: how many differences, in how many exchanges."""

    capability: str
    rule: str
    exchanges: int
    differences: int
    last_seen: float


@dataclass(frozen=True, slots=True)
class Binding:
    """Two identifiers that an exchange has proved to name one thing, on their way to the store.

    `name` is their class. `legacy` and `modern` are tokens made with the key of the epoch whose digest is `epoch`.
    They are empty if the pair is known to contradict an earlier one (`split` or `merged`, as in Crossed)."""

    capability: str
    epoch: str
    name: str
    legacy: str
    modern: str
    split: bool
    merged: bool
    at: float
    trace_id: str


WAITED = 120.0
"""Seconds for which a Waiting is believed. Its worker says it again before they are over."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Exchanges of a capability that are wrong, or may be, and that one worker does not count yet, since they or others
    before them have no outcome: `critical` of them have a critical difference. `worker` is a name by chance. `at` is
    when it said so, in seconds since 1970. Other workers go on counting meanwhile."""

    capability: str
    worker: str
    exchanges: int
    critical: int
    at: float


class Restart(NamedTuple):
    """A person has begun the evidence of a capability anew: the `number`th time, at a time in seconds since 1970. `who`
    is a user of the machine. Exchanges count for the epoch with the latest number (Epoch.restarts)."""

    capability: str
    number: int
    at: float
    who: str
    reason: str


class Reason(StrEnum):
    """Why exchanges are missing from a store."""

    STORE_UNAVAILABLE = "store_unavailable"
    """The store was not open: the exchanges were shed, and not sent to both arms."""
    KILLED = "killed"
    """A worker ended without warning."""
    UNWRITTEN = "unwritten"
    """A worker stopped while the store could not be written."""
    STORE_DELETED = "store_deleted"
    """The exchanges were in a file that was deleted. The present file was made after that."""
    STORE_REPLACED = "store_replaced"
    """The exchanges were in a file that was replaced by the present one."""
    UNLINKED = "unlinked"
    """There was no key for the tokens of the exchanges, as custody failed: they have an outcome, and prove nothing."""


NOT_LOST = frozenset({Reason.STORE_UNAVAILABLE, Reason.UNLINKED})
"""Reasons of gaps whose exchanges have an outcome: they are missing from the verdict alone."""


@dataclass(frozen=True, slots=True)
class Gap:
    """How many exchanges of a capability are missing, and between which times (seconds since 1970)."""

    capability: str
    reason: Reason
    exchanges: int
    first: float
    last: float


class Crossed(StrEnum):
    """The result of a binding."""

    PAIR = "pair"
    OVERFLOW = "overflow"
    """There was no room for the pair."""
    SPLIT = "split"
    """Legacy's identifier already belongs to another of modern's: one old record is two new ones."""
    MERGED = "merged"
    """Modern's identifier already belongs to another of legacy's: two old records are one new one."""


@dataclass(frozen=True, slots=True)
class Crossing:
    """How many bindings of a class ended as `kind` in the epoch whose digest is `epoch`. `first_seen` and `last_seen`
    are in seconds since 1970, and `trace_id` is that of the last."""

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
    """Everything that a store has on one capability, or on all: in no order, with one row for each key.

    By capability, `overflow` counts the differences that found no room in the table of signatures, and `patternless`
    the mismatching exchanges that found none in the table of patterns.
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
    courses: list[Course] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)
    calendars: list[Calendar] = field(default_factory=list)
    sizes: list[Sizes] = field(default_factory=list)
    members: list[Member] = field(default_factory=list)
    restarts: list[Restart] = field(default_factory=list)
    paces: list[Pace] = field(default_factory=list)
    waiting: list[Waiting] = field(default_factory=list)


def conflicts(legacy: bool, modern: bool) -> tuple[Crossed, ...]:
    """What a binding ends as if legacy's identifier (`legacy`), or modern's (`modern`), already belongs to another."""
    return (Crossed.SPLIT,) * legacy + (Crossed.MERGED,) * modern


def hidden(comparisons: Iterable[Comparison]) -> list[Hidden]:
    """What rules hid in a batch: a row for each capability and rule."""
    found: dict[tuple[str, str], Hidden] = {}
    for comparison in comparisons:
        for rule, count in comparison.hidden:
            row = Hidden(comparison.tally.capability, rule, 1, count, comparison.at)
            key = row.capability, row.rule
            found[key] = joined(found[key], row) if key in found else row
    return list(found.values())


def bridged(one: Gap, other: Gap) -> Gap:
    """Two gaps of one capability and reason, added up."""
    return Gap(one.capability, one.reason, one.exchanges + other.exchanges, min(one.first, other.first),
               max(one.last, other.last))


def joined(one: Hidden, other: Hidden) -> Hidden:
    """Two rows of one capability and rule, added up."""
    return Hidden(one.capability, one.rule, one.exchanges + other.exchanges, one.differences + other.differences,
                  max(one.last_seen, other.last_seen))


def hourly(known: Iterable[tuple[int, int]], new: Mapping[int, int]) -> tuple[tuple[int, int], ...]:
    """Counts by hour: those known and the new ones together, of the last DAY hours."""
    counts = Counter(dict(known))
    counts.update({hour: count for hour, count in new.items() if count})
    newest = max(counts, default=0)
    return tuple(sorted((hour, count) for hour, count in counts.items() if hour > newest - DAY))
