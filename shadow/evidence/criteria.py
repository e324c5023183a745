"""What a capability must meet to be safe (Criteria), and what an answer consists of: Answer, State, Gate, Coverage."""

from dataclasses import dataclass, replace
from datetime import UTC, tzinfo
from enum import StrEnum
from typing import NamedTuple

from shadow.evidence.epoch import Setup
from shadow.evidence.stratum import Stratum
from shadow.settings import Slower
from shadow.words import figures

WHOLE = 0.999
"""The largest rate that is tested. A step to few clients may expose more than that, which needs no evidence."""


class State(StrEnum):
    """The state of a gate."""

    PASS = "pass"  # noqa: S105 (no password)
    FAIL = "fail"
    """It counts against the modern arm."""
    MISSING = "missing"
    """There is not enough evidence to decide."""


class Answer(StrEnum):
    """SAFE if every gate passes, NOT SAFE if any fails, and otherwise NOT ENOUGH EVIDENCE."""

    SAFE = "SAFE"
    NOT_SAFE = "NOT SAFE"
    NOT_ENOUGH = "NOT ENOUGH EVIDENCE"


class Lag(NamedTuple):
    """A lag that a person has declared for an operation: modern may be wrong on first answer if it is right within
    `within` seconds, in a share of `max_rate` of the operation's effective exchanges. It holds until `expires` (seconds
    since 1970)."""

    operation: str
    within: float
    max_rate: float
    owner: str
    why: str
    expires: float


class Accepted(NamedTuple):
    """A reason for which exchanges may be left out after modern had answered, as a person has signed: a share of
    `max_rate` of all effective exchanges. It holds until `expires` (seconds since 1970)."""

    reason: str
    max_rate: float
    owner: str
    why: str
    expires: float


class Signature(NamedTuple):
    """Where a person answers for what too few exchanges can show: a step to a share of clients of at most `up_to`,
    `until` a time (seconds since 1970)."""

    up_to: float
    by: str
    why: str
    until: float


class Hours(NamedTuple):
    """When a capability must have been compared: on so many days, at so many hours of the day, and, if `weekend`, on a
    Saturday or Sunday; all in the time of the `zone`."""

    days: int = 3
    hours: int = 12
    weekend: bool = True
    zone: tzinfo = UTC


@dataclass(frozen=True, slots=True)
class Criteria:
    """When a capability counts as safe. `operations` are those that are mirrored. Each must be seen `minimum` times,
    and each of its strata `stratum_minimum` times. `unmirrored` are the others, which are not judged.

    `limit` is the share of exchanges that may differ, and also the share that modern may fail on; `confidence` is how
    sure that must be. `excluded` is the share of the eligible exchanges that may be left out for a cause that was
    settled before modern answered. `seeded` are the classes of identifiers, each with the number of pairs that it is
    seeded with. `known` are the ids of known differences, each with its declared share of an operation's compared
    exchanges, and `expiries` are when they end (seconds since 1970). `setup` is how the capability is configured now,
    with the arms' endpoints if the caller knows them. Evidence by another setup proves nothing. None means that the
    setup is not known.

    `share` is the share of clients that the next step shall expose to modern. `critical_limit` is the share of all
    requests that may then get a critical difference. `lags` and `accepted` are what persons have declared, `sign` what
    one has signed. `calendar` says when exchanges must have been compared; None: at any time. With `across_builds` time
    counts over modern's builds. `owner` is who answers for the capability. `slower` says when modern counts as slower
    than legacy over one request; None: it may take as long as it likes. `sample` is the share of exchanges that are
    mirrored.
    """

    operations: tuple[str, ...] = ()
    unmirrored: tuple[str, ...] = ()
    limit: float = 0.001
    confidence: float = 0.95
    minimum: int = 100
    stratum_minimum: int = 10
    excluded: float = 0.05
    seeded: tuple[tuple[str, int], ...] = ()
    known: tuple[tuple[str, float], ...] = ()
    expiries: tuple[float, ...] = ()
    setup: Setup | None = None
    critical_limit: float = 0.0001
    share: float = 1.0
    lags: tuple[Lag, ...] = ()
    accepted: tuple[Accepted, ...] = ()
    sign: Signature | None = None
    calendar: Hours | None = None
    across_builds: bool = False
    owner: str = ""
    sample: float = 1.0
    slower: Slower | None = None

    @property
    def critical_rate(self) -> float:
        """The rate of critical differences, of the exchanges that modern answers, that the next step may have."""
        return min(self.critical_limit / self.share, WHOLE) if self.share else WHOLE

    def anywhere(self) -> "Criteria":
        """The same without the arms' endpoints: the gateway may take those from an environment that is not the
        caller's."""
        return self if self.setup is None else replace(self, setup=self.setup.anywhere())


UNDECLARED = Criteria()
"""The criteria if none are configured. They are never met, since no operation is declared."""


@dataclass(frozen=True, slots=True)
class Gate:
    """One condition. `value` is the number behind it, or None if there is none, and `limit` is its limit. Both are
    shares or counts, as `says` words them. `needs` is how many more effective exchanges are enough if all are good, and
    `waits` says so in words; 0 and "" where waiting does not help."""

    name: str
    state: State
    value: float | None
    limit: float
    needs: int
    says: str
    waits: str = ""


@dataclass(frozen=True, slots=True)
class Coverage:
    """How often an operation, or one stratum of it, was seen in effective exchanges, and how often it must be seen."""

    operation: str
    stratum: Stratum | None
    seen: int
    wanted: int

    @property
    def needs(self) -> int:
        """How many more effective exchanges it must be seen in."""
        return max(0, self.wanted - self.seen)


def percent(share: float) -> str:
    """A share for people, to three digits: "0.1%"."""
    return f"{figures(share * 100)}%"
