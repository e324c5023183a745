"""The verdict on a capability: rows of the ledger and its criteria, folded into an EvidenceReport. Pure.

The verdict rests on one epoch alone, the one that was seen last. If another epoch goes on beside it, as when two builds
are in use, the verdict rests on the worse of the two. Earlier epochs are history. If the last epoch had other arms,
rules or comparator than the present ones, it is history too, and the verdict has nothing to rest on yet. So it is if a
known difference that was hidden in it has expired since, and so is every epoch before the latest restart.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from math import inf
from typing import NamedTuple

from shadow.compare.comparison import VERSION
from shadow.evidence.counting import EFFECTIVE, Counts, counts_as
from shadow.evidence.criteria import Answer, Coverage, Criteria
from shadow.evidence.epoch import Epoch, digest
from shadow.evidence.eprocess import needed, part_spent, spent
from shadow.evidence.gate import Verdict, assess
from shadow.evidence.gates import none_below
from shadow.evidence.numbers import Doubt, Group, Seen
from shadow.evidence.pace import Pace
from shadow.evidence.slower import slower
from shadow.evidence.stratum import HOUR, Stratum
from shadow.ledger.rows import (
    DAY,
    WAITED,
    Attempt,
    Calendar,
    Course,
    Crossed,
    Crossing,
    Declared,
    Evidence,
    Gap,
    Member,
    Reason,
    Restart,
    Sizes,
    Traffic,
    Waiting,
)
from shadow.report.evidence import (
    AttemptReport,
    CoverageReport,
    EpochReport,
    EvidenceReport,
    GapReport,
    IdentityReport,
    RestartReport,
)
from shadow.report.sums import Sums, hid, sums
from shadow.report.wording import kind, missing, notes, span, worded
from shadow.words import moment

__all__ = ["AttemptReport", "CoverageReport", "EpochReport", "EvidenceReport", "GapReport", "IdentityReport", "Rest",
           "RestartReport",
           "kind", "missing", "span", "verdict"]

_FORTNIGHT = 14 * 24
"""Hours in which modern's other builds count, `across_builds`."""

_BESIDE = 600.0
"""An epoch that was seen within this many seconds before the latest exchange goes on beside the latest epoch."""

_SELDOM = 10
"""So does one that was seen within so many times the time that usually lies between two of its exchanges."""

_OVERLAP = 60.0
"""Seconds after the start of a new epoch in which late exchanges of the epoch before it are expected."""

_DIGITS = 6
"""Digits of what attempts count, so that it can be read."""

_WORST = Answer.NOT_SAFE, Answer.NOT_ENOUGH, Answer.SAFE


class Rest(NamedTuple):
    """The rows of a capability that a store of before does not have."""

    courses: Sequence[Course] = ()
    attempts: Sequence[Attempt] = ()
    calendars: Sequence[Calendar] = ()
    sizes: Sequence[Sizes] = ()
    members: Sequence[Member] = ()
    restarts: Sequence[Restart] = ()
    paces: Sequence[Pace] = ()
    waiting: Sequence[Waiting] = ()
    bare: Sequence[Traffic] = ()


class _Seen(NamedTuple):
    """An epoch, its rows, and its report."""

    epoch: Epoch
    rows: Sequence[Evidence]
    report: EpochReport


def verdict(
    evidence: Iterable[Evidence], criteria: Criteria, crossings: Iterable[Crossing] = (),
    declared: Iterable[Declared] = (), gaps: Iterable[Gap] = (), rest: Rest | None = None, now: float | None = None,
) -> EvidenceReport:
    """The verdict on a capability, from all of its rows. `now` is in seconds since 1970; None: the time of the latest
    exchange."""
    epochs: dict[Epoch, list[Evidence]] = defaultdict(list)
    for row in evidence:
        epochs[row.epoch].append(row)
    known = [_Seen(epoch, rows, _report(epoch, rows)) for epoch, rows in epochs.items()]
    if now is None:
        now = max((one.report.last for one in known), default=0.0)
    # A clock that stood wrong for a moment makes no epoch the latest one from then on.
    seen = sorted(known, key=lambda one: -min(one.report.last, now))
    beside = _Beside([row for one in seen for row in one.rows], list(crossings), list(declared), list(gaps),
                     rest or Rest(), now)
    reports = [one.report for one in seen]
    number = max((one.number for one in beside.rest.restarts), default=0)
    found = [_on(one, reports, criteria, beside)
             for one in _going_on([one for one in seen if one.epoch.restarts == number], criteria, now)]
    if not found:
        return _on(None, reports, criteria, beside)
    # The latest of the worst: `min` takes the first of equals.
    return min(found, key=lambda one: _WORST.index(one.answer))


def _going_on(seen: Sequence[_Seen], criteria: Criteria, now: float) -> list[_Seen]:
    """The epochs that the verdict may rest on, the latest first: the latest one, and those that go on beside it. There
    are none if the setup or the comparator has changed since: what was hidden then need not be hidden now."""
    if not seen or not _holds(seen[0].epoch, criteria, now):
        return []
    latest = seen[0].report
    last, begun = min(latest.last, now), latest.first + _OVERLAP if latest.first <= now else -inf
    return [seen[0], *(one for one in seen[1:] if _holds(one.epoch, criteria, now)
                       and one.report.last > begun and last - one.report.last < _pause(one.report))]


def _pause(epoch: EpochReport) -> float:
    """The seconds without an exchange after which an epoch is over. A build that few requests reach is seen seldom."""
    usual = (epoch.last - epoch.first) / (epoch.exchanges - 1) if epoch.exchanges > 1 else 0.0
    return max(_BESIDE, _SELDOM * usual)


def _holds(epoch: Epoch, criteria: Criteria, now: float) -> bool:
    """Whether an epoch rests on the present setup and comparator, and on the known differences that hold now."""
    return criteria.setup is None or (
        criteria.setup in (epoch.setup, epoch.setup.anywhere()) and epoch.comparator == VERSION
        and epoch.expired >= sum(expires <= now for expires in criteria.expiries))


class _Beside(NamedTuple):
    """The other rows of a capability, of all epochs, and when the verdict is made."""

    every: Sequence[Evidence]
    crossings: Sequence[Crossing]
    declared: Sequence[Declared]
    gaps: Sequence[Gap]
    rest: Rest
    now: float


def _on(
    seen: _Seen | None, reports: Sequence[EpochReport], criteria: Criteria, beside: _Beside,
) -> EvidenceReport:
    """The verdict on one of the epochs, or on none."""
    epoch, current, report = seen or (None, (), None)
    now = beside.now
    found = sums(current, beside.every, [one for one in beside.rest.courses if one.epoch == epoch], criteria, now)
    identities = _identities(epoch, beside.crossings, dict(criteria.seeded))
    gaps = _gaps(report, beside.gaps, _since_when(report, reports, beside.rest.restarts))
    lost = sum(one.exchanges for one in gaps)
    attempt, attempts = _attempts(epoch, reports, criteria, beside.rest.attempts, beside.every)
    swept = sum(row.swept for row in current if counts_as(row.outcome, row.reason) in EFFECTIVE)
    rest = _rest(epoch, criteria, beside.rest, holds_hours=bool(beside.rest.calendars or swept))
    assessed = assess(
        criteria, found.strata, eligible=found.eligible + lost, excluded=found.left + lost,
        seen=replace(found.seen, attempt=attempt, conflicts=sum(one.split + one.merged for one in identities),
                     waiting=_waiting(beside, found.seen),
                     hid=hid([row for row in beside.declared if row.epoch == epoch], current), hours=rest.hours,
                     traffic=rest.traffic, sizes=rest.sizes, groups=rest.groups),
        more=slower(criteria, [one for one in beside.rest.paces if one.epoch == epoch]),
    )
    latest = max((row.last for row in current), default=0.0)
    asked = sum(one.asked for one in found.strata.values())
    made = EvidenceReport(
        answer=assessed.answer,
        says="",
        scope="",
        cause="",
        action="",
        owner=criteria.owner,
        made=now,
        uncovered="",
        notes=notes(criteria, assessed, now, swept, asked),
        wanted=(),
        gates=assessed.gates,
        coverage=_covered(assessed, found, current, latest, spent(criteria.confidence, attempt)),
        unseen=tuple(one.operation for one in assessed.coverage if one.stratum is None and not one.seen),
        unmirrored=criteria.unmirrored,
        effective=asked,
        swept=swept,
        per_hour=_per_hour(current, latest),
        epoch=report,
        history=tuple(one for one in reports if one is not report),
        attempt=attempt,
        anew=_anew(criteria, attempt, asked),
        attempts=attempts,
        identities=identities,
        gaps=gaps,
        restarts=tuple(RestartReport(one.number, one.at, one.who, one.reason)
                       for one in sorted(beside.rest.restarts, key=lambda one: -one.number)),
    )
    return worded(made, criteria, signed=assessed.signed, since=_since(made) if epoch is None else "",
                  left=_left_after(current), bare=_bare(report, beside.rest.bare))


def _bare(epoch: EpochReport | None, rows: Iterable[Traffic]) -> tuple[str, int]:
    """The capability, and how many of its mirrors carried none of their client's credentials, as long as some did so in
    this epoch: whether they carry them belongs to the epoch."""
    late = [row for row in rows if epoch is not None and row.at >= epoch.first]
    return (late[0].capability if late else "", sum(row.seconds.total for row in late))


def _since(found: EvidenceReport) -> str:
    """What made all known epochs history; "" if there are none."""
    if not found.history:
        return ""
    if found.restarts and all(one.restarts != found.restarts[0].number for one in found.history):
        latest = found.restarts[0]
        return f"{latest.who} began evidence anew at {moment(latest.at)} ({latest.reason})"
    return "the arms, the rules or the comparator changed"


def _left_after(rows: Iterable[Evidence]) -> dict[str, int]:
    """How many exchanges were left out after modern had answered, by reason, the most frequent first."""
    found: dict[str, int] = defaultdict(int)
    for row in rows:
        if counts_as(row.outcome, row.reason) is Counts.AFTER:
            found[row.reason or str(row.outcome)] += row.effective or row.count
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def _covered(
    assessed: Verdict, found: Sums, rows: Sequence[Evidence], latest: float, alpha: float,
) -> tuple[CoverageReport, ...]:
    by: dict[Stratum | str, list[Evidence]] = defaultdict(list)
    for row in rows:
        by[row.stratum].append(row)
        by[row.stratum.operation].append(row)
    return tuple(_coverage(one, _per_hour(by[one.stratum or one.operation], latest), _critical_below(one, found, alpha))
                 for one in assessed.coverage)


def _critical_below(one: Coverage, found: Sums, alpha: float) -> float | None:
    numbers = [numbers for stratum, numbers in found.strata.items()
               if stratum == one.stratum or (one.stratum is None and stratum.operation == one.operation)]
    if any(some.critical or some.unsettled for some in numbers):
        return None
    return none_below(sum(some.read for some in numbers), alpha)


def _attempts(
    epoch: Epoch | None, reports: Sequence[EpochReport], criteria: Criteria, attempts: Iterable[Attempt],
    rows: Iterable[Evidence],
) -> tuple[float, tuple[AttemptReport, ...]]:
    """The number of this attempt at SAFE, and the attempts before it, the latest first. Each counts by the exchanges
    that it had, so that trying a rule for a while costs next to nothing. A store that keeps no attempts has them in its
    epochs."""
    every = sorted(attempts, key=lambda one: one.number)
    own = max((one.number for one in every if one.epoch == epoch), default=None)
    before = [AttemptReport(one.number, one.epoch.legacy, one.epoch.modern, one.first, one.last, one.effective, 0.0)
              for one in every if own is None or one.number < own]
    if not every:
        began = min((row.first for row in rows if row.epoch == epoch), default=None)
        before = [AttemptReport(number, one.legacy, one.modern, one.first, one.last, one.effective, 0.0)
                  for number, one in enumerate(sorted(reports, key=lambda one: one.first), 1)
                  if began is None or one.first < began]
    counted = [replace(one, spent=round(part_spent(one.effective, criteria.limit), _DIGITS)) for one in before]
    return round(1.0 + sum(one.spent for one in counted), _DIGITS), tuple(reversed(counted))


def _anew(criteria: Criteria, attempt: float, asked: int) -> int:
    """How many effective exchanges without a bad one SAFE takes if evidence begins anew."""
    alpha = spent(criteria.confidence, attempt + part_spent(asked, criteria.limit))
    return max(needed(0, criteria.limit, alpha), needed(0, criteria.critical_rate, alpha))


def _rest(epoch: Epoch | None, criteria: Criteria, rest: Rest, *, holds_hours: bool) -> Seen:
    """What calendars, sizes and members say of an epoch. `holds_hours`: the store holds the hours of exchanges, though
    there may be none, as where all were swept."""
    latest = max((hour for one in rest.calendars for hour, _ in one.hours), default=0)
    hours = {hour for one in rest.calendars if _same_time(one.epoch, epoch, criteria) for hour, _ in one.hours
             if one.epoch == epoch or hour > latest - _FORTNIGHT}
    traffic = [hour for one in rest.calendars if one.epoch is None for hour, _ in one.hours]
    return Seen(
        hours=tuple(sorted(hours)) if holds_hours else None,
        traffic=tuple(traffic),
        sizes=next((one.buckets for one in rest.sizes if one.epoch == epoch), None),
        groups=tuple(Group(one.dimension, one.token, one.effective, one.bad) for one in rest.members
                     if one.epoch == epoch),
    )


def _same_time(one: Epoch | None, epoch: Epoch | None, criteria: Criteria) -> bool:
    """Whether the hours of `one` count for an epoch: its own, and `across_builds` those of modern's other builds."""
    if one is None or epoch is None:
        return False
    return one == epoch or (criteria.across_builds and one._replace(modern=epoch.modern) == epoch)


def _waiting(beside: _Beside, seen: Seen) -> Doubt:
    """What may be wrong and does not count yet, except for what persons have declared or signed and was not seen so
    far. Which epoch it belongs to is not known."""
    rows = [one for one in beside.rest.waiting if one.at > beside.now - WAITED]
    expected = sum(max(0, int(one.max_rate * one.asked) - one.exchanges) for one in seen.used)
    exchanges = max(0, sum(one.exchanges for one in rows) - expected)
    return Doubt(exchanges, min(exchanges, sum(one.critical for one in rows)))


def _since_when(epoch: EpochReport | None, reports: Sequence[EpochReport], restarts: Iterable[Restart]) -> float:
    """The time (seconds since 1970) after which a lost exchange could have been one of this epoch: the last exchange of
    the epoch before it, or the restart that it came after. An epoch is known by what was written of it, and what was
    lost may have come before that."""
    if epoch is None:
        return inf
    before = [one.last for one in reports if one.first < epoch.first]
    before += [one.at for one in restarts if one.number == epoch.restarts]
    return min(max(before, default=-inf), epoch.first)


def _gaps(epoch: EpochReport | None, gaps: Iterable[Gap], since: float) -> tuple[GapReport, ...]:
    """The gaps of an epoch: exchanges that were lost after `since`. A deleted store leaves no gap in any epoch, since
    new evidence began after it."""
    found: dict[str, GapReport] = {}
    for gap in gaps:
        if epoch is None or gap.reason is Reason.STORE_DELETED or (gap.last <= since and gap.last < epoch.first):
            continue
        known = found.get(gap.reason, GapReport(str(gap.reason), 0, gap.first, gap.last))
        found[gap.reason] = GapReport(str(gap.reason), known.exchanges + gap.exchanges, min(known.first, gap.first),
                                      max(known.last, gap.last))
    return tuple(found[reason] for reason in sorted(found))


def _identities(
    epoch: Epoch | None, crossings: Iterable[Crossing], seeded: Mapping[str, int]
) -> tuple[IdentityReport, ...]:
    current = digest(epoch) if epoch is not None else ""
    rows = [row for row in crossings if row.epoch == current]
    return tuple(_identity(name, [row for row in rows if row.name == name], seeded.get(name, 0))
                 for name in sorted({*seeded, *(row.name for row in rows)}))


def _identity(name: str, rows: Sequence[Crossing], seeded: int) -> IdentityReport:
    counts = {row.kind: row.count for row in rows}
    against = [row for row in rows if row.kind in (Crossed.SPLIT, Crossed.MERGED)]
    return IdentityReport(
        name=name,
        seeded=seeded,
        learnt=counts.get(Crossed.PAIR, 0),
        overflow=counts.get(Crossed.OVERFLOW, 0),
        split=counts.get(Crossed.SPLIT, 0),
        merged=counts.get(Crossed.MERGED, 0),
        first_seen=min((row.first_seen for row in against), default=None),
        last_seen=max((row.last_seen for row in against), default=None),
        trace_id=max(against, key=lambda row: row.last_seen).trace_id if against else "",
    )


def _report(epoch: Epoch, rows: Sequence[Evidence]) -> EpochReport:
    return EpochReport(
        epoch.legacy, epoch.modern, epoch.arms, epoch.rules, epoch.comparator, min(row.first for row in rows),
        max(row.last for row in rows), sum(row.count for row in rows),
        sum(row.effective for row in rows if counts_as(row.outcome, row.reason) in EFFECTIVE), epoch.restarts,
    )


def _per_hour(rows: Sequence[Evidence], now: float) -> float | None:
    """Effective exchanges an hour, today. The first hour counts as a whole one even if it is not over: each subject
    counts once in an hour, so the rate of the first minutes does not last."""
    began = int(now // HOUR) - DAY + 1
    counted = [row for row in rows if row.effective and counts_as(row.outcome, row.reason) in EFFECTIVE]
    seen = sum(count for row in counted for hour, count in row.hours if hour >= began)
    if not seen:
        return None
    since = max(began * HOUR, min(row.first for row in counted))
    return seen / max((now - since) / HOUR, 1.0)


def _coverage(one: Coverage, rate: float | None, critical_below: float | None) -> CoverageReport:
    stratum = one.stratum or Stratum(one.operation, "", "", "")
    hours = 0.0 if not one.needs else one.needs / rate if rate else None
    return CoverageReport(**stratum._asdict(), seen=one.seen, wanted=one.wanted, needs=one.needs, hours=hours,
                          critical_below=critical_below)
