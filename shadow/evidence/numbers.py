"""What the gates count: the sums of a stratum (Numbers), and all else that the verdict on an epoch rests on (Seen)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from shadow.evidence.eprocess import Since
from shadow.evidence.stratum import Stratum


class Numbers(NamedTuple):
    """The counts of a stratum. `asked` are its effective exchanges. `mismatching` of them were wrong, and again when
    asked again, or (`after` of them) were left out after modern had answered. `first` were wrong on first answer alone.
    In `failing` modern failed and legacy answered. What persons have declared or signed is in none of these, up to its
    share.

    `nothing` exchanges were left out for a cause settled before modern answered, of `all` together. Of all exchanges,
    effective or not, `critical` have a critical difference, which in `reproduced` was there again each time, and
    `unsettled` had one that settled and that no declared lag covers. In `unread` effective exchanges, signed for or
    not, none could be seen, since they were left out after modern had answered."""

    asked: int
    mismatching: int
    failing: int
    nothing: int = 0
    all: int = 0
    critical: int = 0
    reproduced: int = 0
    first: int = 0
    unsettled: int = 0
    after: int = 0
    unread: int = 0

    @property
    def bad(self) -> int:
        """How many exchanges a client would have had a wrong answer in, or none."""
        return self.mismatching + self.failing + self.first

    @property
    def read(self) -> int:
        """The effective exchanges in which a critical difference would have been seen."""
        return self.asked - self.unread


class Past(NamedTuple):
    """The sums since one start of a course: as Numbers, but nothing in it is bad that a person has declared or signed,
    however much of it there is, since a gate of its own holds that to its share; nor what is unstable, since that
    does not show that modern is wrong. `number` is that of the start."""

    number: int
    asked: int
    mismatching: int
    failing: int
    first: int

    def since(self, bad: int) -> Since:
        """So many of them bad."""
        # A store that lost a write may hold more bad ones than exchanges.
        return Since(self.number, min(bad, self.asked), self.asked)

    @property
    def all_bad(self) -> Since:
        """Those that are bad in any way."""
        return self.since(self.mismatching + self.failing + self.first)


class Hid(NamedTuple):
    """In how many of an operation's `compared` exchanges a known difference hid something."""

    known: str
    operation: str
    exchanges: int
    compared: int


class Used(NamedTuple):
    """How much of what a person has declared or signed was seen: in `exchanges` of `asked` effective ones. `says` is
    what it is, and `max_rate` its declared share."""

    says: str
    exchanges: int
    asked: int
    max_rate: float


class Group(NamedTuple):
    """The effective exchanges of one client, or of one facility, `bad` of them not right. `dimension` is its kind."""

    dimension: str
    token: str
    asked: int
    bad: int


class Doubt(NamedTuple):
    """Exchanges that may be wrong and do not count yet: some worker still waits for an outcome. `critical` of them have
    a critical difference."""

    exchanges: int = 0
    critical: int = 0


NO_DOUBT = Doubt()


@dataclass(frozen=True, slots=True)
class Seen:
    """What the verdict on an epoch rests on beside the sums of its strata.

    `courses` are the sums since several starts, by stratum, and of all exchanges under None. One that is not there has
    one start, at 0. `attempt` is the number of this attempt at SAFE, from 1; attempts that were given up early count in
    part. `left_out` counts exchanges that legacy was not asked in, and all of their kind. `rare` are strata that
    clients hardly ask for. `used` is what was seen of what persons have declared. `clients` are the sums of the
    exchanges that clients asked, None if nothing was swept. `hours` are the hours since 1970 with effective exchanges,
    `traffic` those in which clients asked, of all that is known, `sizes` as in ledger.rows.Sizes; None where a store
    does not hold it. `waiting` stands in the way of SAFE. `now` is in seconds since 1970.
    """

    courses: Mapping[Stratum | None, Sequence[Past]] = field(default_factory=dict)
    attempt: float = 1.0
    left_out: Mapping[Stratum, tuple[int, int]] = field(default_factory=dict)
    rare: frozenset[Stratum] = frozenset()
    used: Sequence[Used] = ()
    clients: Past | None = None
    hours: Sequence[int] | None = None
    traffic: Sequence[int] = ()
    sizes: Sequence[tuple[int, int, int]] | None = None
    groups: Sequence[Group] = ()
    conflicts: int = 0
    waiting: Doubt = NO_DOUBT
    hid: Sequence[Hid] = ()
    now: float = 0.0


def added(strata: Mapping[Stratum, Numbers]) -> Numbers:
    """The sums of all strata."""
    return Numbers(*map(sum, zip(*strata.values(), strict=True))) if strata else Numbers(0, 0, 0)


def course(sums: Numbers, pasts: Sequence[Past]) -> Sequence[Past]:
    """A course; that of one start at 0 if none is known."""
    return pasts or (Past(1, sums.asked, sums.mismatching, sums.failing, sums.first),)
