"""The gates on what was covered: operations and strata, hours and days, large bodies, and each group by itself."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, tzinfo
from typing import NamedTuple

from shadow.evidence.criteria import Coverage, Criteria, Gate, Hours, State, percent
from shadow.evidence.eprocess import most_against, weight_against
from shadow.evidence.numbers import Group, Numbers, Seen
from shadow.evidence.stratum import HOUR, Stratum
from shadow.words import noun

RARE = "(rare)"
"""The status of the strata of an operation that clients hardly ask for, taken together."""

_DAY_HOURS = 24

_FORTNIGHT = 14
"""Days whose traffic says in which hours a capability has clients."""

_SATURDAY = 5
_TENTH = 10
_NAMED = 3
"""Groups that are worst off and named."""

_TOKEN = 12
"""Digits of a token that are shown: enough to tell one group from another."""

_UNKEPT = 63
"""The bucket of bodies that were too large to be kept."""


def covered(criteria: Criteria, strata: Mapping[Stratum, Numbers], rare: frozenset[Stratum]) -> Iterator[Coverage]:
    """Each operation, followed by its strata. Those that are `rare` count together, and need nothing."""
    declared = dict.fromkeys((*criteria.operations, *sorted({stratum.operation for stratum in strata})))
    for operation in declared:
        own = sorted(stratum for stratum in strata if stratum.operation == operation)
        yield Coverage(operation, None, sum(strata[one].asked for one in own), criteria.minimum)
        yield from (Coverage(operation, one, strata[one].asked, criteria.stratum_minimum)
                    for one in own if one not in rare)
        if few := [one for one in own if one in rare]:
            yield Coverage(operation, few[0]._replace(status=RARE, resource="", shape=""),
                           sum(strata[one].asked for one in few), 0)


def coverage_gate(criteria: Criteria, coverage: Sequence[Coverage], rare: int) -> Gate:
    """Whether every operation and stratum was seen often enough."""
    if not criteria.operations:
        return Gate("coverage", State.MISSING, None, 1.0, 0, "no operations are declared, so coverage is unknown")
    operations = [one for one in coverage if one.stratum is None]
    short = [one for one in coverage if one.needs]
    value = 1 - len(short) / len(coverage)
    seldom = f"; {rare:,} more {noun(rare, 'stratum is', 'strata are')} too rare to be proven" if rare else ""
    if not short:
        many = sum(one.stratum is not None and one.stratum.status != RARE for one in coverage)
        return Gate("coverage", State.PASS, value, 1.0, 0,
                    f"{len(operations):,} {noun(len(operations), 'operation')} and {many:,} "
                    f"{noun(many, 'stratum', 'strata')}, each often enough{seldom}")
    unseen = [one.operation for one in operations if not one.seen]
    # The exchanges that an operation still needs may also be those that its strata need.
    needs = sum(max(one.needs for one in short if one.operation == operation)
                for operation in {one.operation for one in short})
    says = f"{len(short):,} of {len(coverage):,} operations and strata were seen too seldom{seldom}"
    return Gate("coverage", State.MISSING, value, 1.0, needs, f"{says}; never: {', '.join(unseen)}" if unseen else says)


class Spread(NamedTuple):
    """The days, hours of the day, and weekend days in which there was something."""

    days: int
    hours: int
    weekend: bool


def spread(hours: Iterable[int], zone: tzinfo) -> Spread:
    """How hours since 1970 spread over days and hours of the day, in the time of a zone."""
    moments = [datetime.fromtimestamp(hour * HOUR, zone) for hour in hours]
    return Spread(len({one.date() for one in moments}), len({one.hour for one in moments}),
                  any(one.weekday() >= _SATURDAY for one in moments))


def wanted_of(wanted: Hours, traffic: Sequence[int]) -> Hours:
    """What may be wanted of a capability, given the hours of all its traffic: never more hours than it had in the last
    14 days, nor a weekend where it had none. That takes having seen 14 days: an hour of which nothing is known yet is
    not one without clients."""
    if not traffic:
        return wanted
    latest = max(traffic)
    first, last = (datetime.fromtimestamp(hour * HOUR, wanted.zone).date() for hour in (min(traffic), latest))
    if (last - first).days + 1 < _FORTNIGHT:
        return wanted
    known = spread((hour for hour in traffic if hour > latest - _FORTNIGHT * _DAY_HOURS), wanted.zone)
    return wanted._replace(hours=min(wanted.hours, known.hours), weekend=wanted.weekend and known.weekend)


def calendar_gate(wanted: Hours, seen: Seen) -> Gate:
    """Whether exchanges were compared on enough days, at enough hours of the day, and on a weekend."""
    if seen.hours is None:
        return Gate("calendar", State.MISSING, None, 1.0, 0, "the store does not hold the hours of exchanges")
    now = wanted_of(wanted, seen.traffic)
    found = spread(seen.hours, wanted.zone)
    parts = [f"{found.days:,} of {now.days:,} {noun(now.days, 'day')}",
             f"{found.hours:,} of {now.hours:,} {noun(now.hours, 'hour')} of the day"]
    if wanted.weekend:
        parts.append("a weekend" if found.weekend else "no weekend yet" if now.weekend
                     else "no weekend, and clients have none")
    if now.hours < wanted.hours:
        parts[1] += " that clients use"
    shares = [min(1.0, found.days / now.days) if now.days else 1.0,
              min(1.0, found.hours / now.hours) if now.hours else 1.0,
              float(found.weekend or not now.weekend)]
    enough = min(shares) >= 1
    return Gate("calendar", State.PASS if enough else State.MISSING, sum(shares) / len(shares), 1.0, 0,
                f"compared on {', '.join(parts)}")


def sizes_gate(criteria: Criteria, sizes: Sequence[tuple[int, int, int]]) -> Gate:
    """Whether enough exchanges were compared of those with the largest tenth of legacy's bodies."""
    every = sum(eligible for _, eligible, _ in sizes)
    eligible = effective = least = 0
    for bucket, some, proven in reversed(sizes):
        least, eligible, effective = bucket, eligible + some, effective + proven
        if eligible * _TENTH >= every:
            break
    wanted = criteria.stratum_minimum
    which = ("the largest tenth of bodies, which do not fit into `max_body`," if least == _UNKEPT
             else f"the largest bodies, of {2 ** (least - 1) if least else 0:,} bytes and more,")
    says = f"of exchanges with {which} {effective:,} were compared"
    if effective >= wanted:
        return Gate("sizes", State.PASS, float(effective), float(wanted), 0, says)
    return Gate("sizes", State.MISSING, float(effective), float(wanted), 0, f"{says}; {wanted:,} are wanted")


def groups_gate(criteria: Criteria, groups: Sequence[Group]) -> Gate:
    """Whether no client and no facility is shown to be above the limit by itself: it would not show in the mean. What
    persons have declared or signed is added to the limit, since what is bad of a group is not known by its reason."""
    signed = max((one.max_rate for one in criteria.lags), default=0.0) + sum(one.max_rate for one in criteria.accepted)
    limit = min(criteria.limit + signed, 0.999)
    wanted = math.log(max(len(groups), 1) / (1 - criteria.confidence))
    ranked = sorted(groups, key=lambda one: (
        -most_against(one.bad, one.asked, limit), -one.bad / one.asked if one.asked else 0.0, one))
    failed = next((one for one in ranked if most_against(one.bad, one.asked, limit) >= wanted
                   and weight_against(one.bad, one.asked, limit) >= wanted), None)
    if failed is not None:
        return Gate("groups", State.FAIL, failed.bad / failed.asked, limit, 0,
                    f"above {percent(limit)} for {failed.dimension} {failed.token[:_TOKEN]}: {failed.bad:,} of "
                    f"{failed.asked:,} effective {noun(failed.asked, 'exchange is', 'exchanges are')} bad")
    worst = ranked[0]
    worse = ", ".join(f"{one.dimension} {one.token[:_TOKEN]} with {one.bad:,} of {one.asked:,}"
                      for one in ranked[:_NAMED] if one.bad)
    none = f"none of {len(groups):,} clients and groups is" if len(groups) > 1 else "the only client is not"
    return Gate("groups", State.PASS, worst.bad / worst.asked if worst.asked else None, limit, 0,
                f"{none} shown to be above {percent(limit)} by itself"
                + (f"; worst off: {worse}" if worse else ""))
