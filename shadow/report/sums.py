"""From the rows of one epoch to what the gate counts (Numbers, Seen): each row by what it counts as. Pure."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from shadow.compare.comparison import COMPARED, Outcome
from shadow.evidence.counting import BAD, EFFECTIVE, RACE, SHOWS_NOTHING, Counts, counts_as, shows_nothing
from shadow.evidence.criteria import Criteria, Lag
from shadow.evidence.numbers import Hid, Numbers, Past, Seen, Used
from shadow.evidence.stratum import Stratum
from shadow.ledger.rows import START, Course, Declared, Evidence, Point
from shadow.words import figures

MONTH = 30 * 86_400.0
"""Seconds in which a stratum must have been asked for so as not to be forgotten."""

_LEAST_SPAN = 3600.0
_AFTER = "after_"
_UNNAMED = "unstable"
"""What a person signs for exchanges that were left out without a reason: those are unstable."""


@dataclass(slots=True)
class _Signed:
    """What persons have declared or signed, as far as it was seen (`used`). By operation, `lagging` exchanges settled
    in time; a part of these that is `lag` counts as right. Of those left out for a reason, a part of `accept` does."""

    used: list[Used] = field(default_factory=list)
    lagging: Counter[str] = field(default_factory=Counter)
    lag: dict[str, float] = field(default_factory=dict)
    accept: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sums:
    """The sums of an epoch: of each stratum, and what was left out of how many exchanges before modern answered."""

    strata: Mapping[Stratum, Numbers]
    left: int
    eligible: int
    seen: Seen


def sums(
    rows: Sequence[Evidence], every: Iterable[Evidence], courses: Iterable[Course], criteria: Criteria, now: float,
) -> Sums:
    """The sums of the rows of one epoch. `every` are the capability's rows of all epochs, which say what clients ask
    for; `courses` are those of the epoch. `now` is in seconds since 1970."""
    strata: dict[Stratum, list[Evidence]] = defaultdict(list)
    unasked: dict[Stratum, list[Evidence]] = defaultdict(list)
    for row in rows:
        inside = row.stratum.status or (_counts(row) in EFFECTIVE and row.effective)
        (strata if inside else unasked)[row.stratum].append(row)
    signed = _signed(rows, criteria, now)
    asked_for, span = _asked_for(every, now)
    found = {stratum: _numbers(stratum, some, signed, criteria, now) for stratum, some in strata.items()}
    rare = frozenset(stratum for stratum in {*found, *asked_for} if stratum.status
                     and asked_for[stratum] / (criteria.sample or 1.0) * MONTH / span < criteria.stratum_minimum)
    for stratum in asked_for.keys() - found.keys() - rare:
        found[stratum] = Numbers(0, 0, 0)
    left = sum(map(_left, rows))
    own = [replace(row, effective=row.effective - row.swept) for row in rows]
    seen = Seen(courses=_courses(courses, found, strata, signed, criteria, now), rare=rare, used=signed.used, now=now,
                left_out=_left_out(unasked, found),
                clients=_from_rows(own, signed, criteria, now) if any(row.swept for row in rows) else None)
    return Sums(found, left, sum(one.asked for one in found.values()) + left, seen)


def hid(declared: Iterable[Declared], rows: Iterable[Evidence]) -> list[Hid]:
    """In how many of an operation's compared exchanges each known difference hid something."""
    compared: Counter[str] = Counter()
    for row in rows:
        if row.outcome in COMPARED:
            compared[row.stratum.operation] += row.count
    return [Hid(one.known, one.operation, one.exchanges, compared[one.operation]) for one in declared]


def _counts(row: Evidence) -> Counts:
    return counts_as(row.outcome, row.reason)


def _reason(row: Evidence) -> str:
    return row.reason or _UNNAMED


def _left(row: Evidence) -> int:
    """How many exchanges of a row were left out. A store of before counted only what was compared as effective: what
    it holds of others says nothing of modern, and is left out too."""
    counts = _counts(row)
    if counts is Counts.BEFORE:
        return row.effective or row.count
    return row.count if counts in (Counts.FIRST, Counts.AFTER) and not row.effective else 0


def _numbers(stratum: Stratum, rows: Sequence[Evidence], signed: _Signed, criteria: Criteria, now: float) -> Numbers:
    by: Counter[Counts] = Counter()
    critical = reproduced = unsettled = 0
    for row in rows:
        counts = _counts(row)
        by[counts] += row.effective
        if counts is Counts.AFTER:
            by[counts] -= math.floor(row.effective * signed.accept.get(_reason(row), 0.0))
        elif counts is Counts.FIRST and _lagging(row, criteria, now):
            by[counts] -= math.floor(row.effective * signed.lag[stratum.operation])
        if row.outcome is Outcome.MISMATCH:
            critical, reproduced = critical + row.critical, reproduced + row.reproduced
        elif row.outcome is Outcome.TRANSIENT and row.reason != RACE and not _lagging(row, criteria, now):
            unsettled += row.critical
    asked = sum(row.effective for row in rows if _counts(row) in EFFECTIVE)
    unread = sum(row.effective for row in rows if _counts(row) is Counts.AFTER)
    nothing = sum(map(_left, rows))
    return Numbers(asked, by[Counts.WRONG] + by[Counts.AFTER], by[Counts.FAILED], nothing, asked + nothing, critical,
                   reproduced, by[Counts.FIRST], unsettled, by[Counts.AFTER], unread)


def _left_out(unasked: Mapping[Stratum, Sequence[Evidence]], found: Mapping[Stratum, Numbers]) -> dict[
        Stratum, tuple[int, int]]:
    """The exchanges that legacy was not asked in, and all of the same operation and parameters."""
    counts = {}
    for stratum, rows in unasked.items():
        if some := sum(map(_left, rows)):
            same = sum(numbers.all for one, numbers in found.items()
                       if (one.operation, one.shape) == (stratum.operation, stratum.shape) or (not stratum.shape
                       and one.operation == stratum.operation))
            counts[stratum] = some, some + same
    return counts


def _asked_for(rows: Iterable[Evidence], now: float) -> tuple[Counter[Stratum], float]:
    """How often clients were seen to ask for each stratum in the last 30 days, and the seconds of that time that are
    known."""
    counts: Counter[Stratum] = Counter()
    first = now
    for row in rows:
        first = min(first, row.first)
        if row.stratum.status and row.last > now - MONTH:
            counts[row.stratum] += row.count
    return counts, min(MONTH, max(now - first, _LEAST_SPAN))


# --- what persons have declared or signed ---

def _lag(operation: str, criteria: Criteria, now: float) -> Lag | None:
    return next((one for one in criteria.lags if one.operation == operation and now < one.expires), None)


def _lagging(row: Evidence, criteria: Criteria, now: float) -> bool:
    """Whether a transient exchange settled within the lag that is declared for its operation."""
    lag = _lag(row.stratum.operation, criteria, now)
    try:
        return (lag is not None and row.outcome is Outcome.TRANSIENT and row.reason.startswith(_AFTER)
                and float(row.reason.removeprefix(_AFTER).removesuffix("s")) <= lag.within)
    except ValueError:
        return False


def _signed(rows: Sequence[Evidence], criteria: Criteria, now: float) -> _Signed:
    found = _Signed()
    asked: Counter[str] = Counter()
    left: Counter[str] = Counter()
    for row in rows:
        counts = _counts(row)
        if counts in EFFECTIVE:
            asked[row.stratum.operation] += row.effective
        if counts is Counts.FIRST and _lagging(row, criteria, now):
            found.lagging[row.stratum.operation] += row.effective
        elif counts is Counts.AFTER:
            left[_reason(row)] += row.effective
    for operation in dict.fromkeys(one.operation for one in criteria.lags):
        lag = _lag(operation, criteria, now)
        if lag is not None:
            found.lag[operation] = _part(found.lagging[operation], asked[operation], lag.max_rate)
            found.used.append(Used(f"lag of `{operation}` up to {figures(lag.within, 6)} s, declared by {lag.owner}",
                                   found.lagging[operation], asked[operation], lag.max_rate))
    for one in criteria.accepted:
        if now < one.expires and one.reason not in found.accept:
            found.accept[one.reason] = _part(left[one.reason], asked.total(), one.max_rate)
            found.used.append(Used(f"{one.reason}, accepted by {one.owner}", left[one.reason], asked.total(),
                                   one.max_rate))
    return found


def _part(exchanges: int, asked: int, max_rate: float) -> float:
    """The part of some exchanges that is within its share of those asked."""
    return min(1.0, max_rate * asked / exchanges) if exchanges else 1.0


# --- courses ---

def _courses(
    courses: Iterable[Course], found: Mapping[Stratum, Numbers], strata: Mapping[Stratum, Sequence[Evidence]],
    signed: _Signed, criteria: Criteria, now: float,
) -> dict[Stratum | None, Sequence[Past]]:
    """The sums since each start. The start at 0 takes the sums of the rows, so that no store can lose any by it."""
    begun = {stratum: _from_rows(some, signed, criteria, now) for stratum, some in strata.items()}
    every: dict[Stratum | None, list[Past]] = {stratum: [past] for stratum, past in begun.items() if stratum in found}
    every[None] = [Past(1, *(sum(column) for column in zip(*(past[1:] for past in begun.values()), strict=True)))
                   if begun else Past(1, 0, 0, 0, 0)]
    for one in courses:
        if one.stratum in every and len(one.points) > 1:
            # A lag has no reason in a course, so that all of it may have come since any start.
            lagging = sum(row.effective for stratum, some in strata.items() if one.stratum in (None, stratum)
                          for row in some if _lagging(row, criteria, now)) if criteria.lags else 0
            every[one.stratum] += _pasts(one.points, lagging, signed)
    return {stratum: tuple({past.number: past for past in reversed(pasts)}.values())
            for stratum, pasts in every.items()}


def _from_rows(rows: Iterable[Evidence], signed: _Signed, criteria: Criteria, now: float) -> Past:
    by: Counter[Counts] = Counter()
    asked = 0
    for row in rows:
        counts = _counts(row)
        if counts in EFFECTIVE:
            asked += row.effective
        excused = shows_nothing(row.outcome, row.reason) or (
            counts is Counts.AFTER and _reason(row) in signed.accept) or _lagging(row, criteria, now)
        if counts in BAD and not excused:
            by[counts] += row.effective
    return Past(1, asked, by[Counts.WRONG] + by[Counts.AFTER], by[Counts.FAILED], by[Counts.FIRST])


def _pasts(points: Sequence[Point], lagging: int, signed: _Signed) -> Iterable[Past]:
    now = points[-1]
    for point in points[:-1]:
        if 0 < point.effective < now.effective:
            yield Past(point.effective // START + 1, now.effective - point.effective,
                       _wrong(now, signed) - _wrong(point, signed), now.failed - point.failed,
                       max(0, now.first - point.first - lagging))


def _wrong(point: Point, signed: _Signed) -> int:
    return point.wrong + sum(count for reason, count in point.after
                             if reason not in SHOWS_NOTHING and reason not in signed.accept)
