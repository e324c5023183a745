"""The anytime-valid gate: counts of exchanges → SAFE, NOT SAFE or NOT ENOUGH EVIDENCE, with every number behind it.

People look at the result daily, and a test that is meant for one look would soon be wrong. This gate is an e-process,
which may be looked at after every exchange (Ville's inequality). With x bad exchanges of n and a limit p0, it weighs
every rate below the limit (a Beta(a, b) prior cut off at p0; a = 1/2, b = 2a/p0) against the limit itself:

    E = [I_p0(a+x, b+n−x) · B(a+x, b+n−x)] / [I_p0(a, b) · B(a, b) · p0^x · (1−p0)^(n−x)]

If the true rate is p0 or more, the probability that E ever reaches 1/α is at most α. Rates above the limit are weighed
likewise: by the same prior cut off from below, averaged with a flat one, which soon shows a broken modern arm.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from shadow.evidence.epoch import Setup
from shadow.evidence.stratum import STRATA, Stratum
from shadow.settings import Slower
from shadow.words import noun

_A = 0.5
_TINY = 1e-300

_NEVER = 1e-9
"""Stands for a share of 0, since 0 has no logarithm."""

_LISTED = 5
"""Known differences that a gate lists with their shares, those first that are most certainly above their limit."""


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


@dataclass(frozen=True, slots=True)
class Criteria:
    """When a capability counts as safe. `operations` are those that are mirrored. Each must be seen `minimum` times,
    and each of its strata `stratum_minimum` times. `unmirrored` are the others, which are not judged.

    `limit` is the share of exchanges that may differ, and also the share that modern may fail on; `confidence` is how
    sure that must be. `excluded` is the share of the eligible exchanges that may be left out for any reason but
    sampling. `seeded` are the classes of identifiers, each with the number of pairs that it is seeded with. `known` are
    the ids of known differences, each with its declared share of an operation's compared exchanges. `setup` is how
    the capability is configured now, with the arms' endpoints if the caller knows them. Evidence by another setup
    proves nothing. None means that the setup is not known. `slower` says when modern counts as slower than legacy (see
    pace.py); None: it may be as slow as it likes.
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
    setup: Setup | None = None
    slower: Slower | None = None


UNDECLARED = Criteria()
"""The criteria if none are configured. They are never met, since no operation is declared."""


class Numbers(NamedTuple):
    """The counts of a stratum. Of its effective exchanges, `asked` were sent to both arms, `mismatching` differ, and in
    `failing` modern failed and legacy answered. Of `all` its exchanges, effective or not, `nothing` have an outcome
    that is no evidence, and `critical` have a critical difference, which in `reproduced` was there again each time."""

    asked: int
    mismatching: int
    failing: int
    nothing: int = 0
    all: int = 0
    critical: int = 0
    reproduced: int = 0


class Hid(NamedTuple):
    """In how many of an operation's `compared` exchanges a known difference hid something."""

    known: str
    operation: str
    exchanges: int
    compared: int


@dataclass(frozen=True, slots=True)
class Gate:
    """One condition. `value` is the number behind it, or None if there is none, and `limit` is its limit. Both are
    shares or counts, as `says` words them. `needs` is how many more effective exchanges are enough if all are good."""

    name: str
    state: State
    value: float | None
    limit: float
    needs: int
    says: str


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


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer, the gates that it comes from, and the coverage: each operation, then its strata."""

    answer: Answer
    gates: tuple[Gate, ...]
    coverage: tuple[Coverage, ...]


def weight(bad: int, n: int, limit: float) -> float:
    """ln E: how strongly `bad` of `n` exchanges show a rate below `limit` (0 < limit < 1)."""
    prior = 2 * _A / limit
    return _log_below(limit, _A + bad, prior + n - bad) - _log_below(limit, _A, prior) - _log_at(bad, n, limit)


def weight_against(bad: int, n: int, limit: float) -> float:
    """ln of the mirrored E: how strongly `bad` of `n` exchanges show a rate above `limit`."""
    # One prior expects rates near the limit, the other (Jeffreys') any. The mean of two e-processes is an e-process.
    near, far = (
        _log_above(limit, _A + bad, prior + n - bad) - _log_above(limit, _A, prior) for prior in (2 * _A / limit, _A)
    )
    high = max(near, far)
    return high + math.log((math.exp(near - high) + math.exp(far - high)) / 2) - _log_at(bad, n, limit)


@lru_cache(maxsize=1024)
def needed(bad: int, limit: float, alpha: float) -> int:
    """The fewest exchanges that show a rate below `limit` at level `alpha` if `bad` of them are bad."""
    wanted = -math.log(alpha)
    low, high = bad, max(bad, 1)
    while weight(bad, high, limit) < wanted:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if weight(bad, middle, limit) >= wanted else (middle, high)
    return high


def assess(
    criteria: Criteria, strata: Mapping[Stratum, Numbers], *, eligible: int, excluded: int, conflicts: int = 0,
    hid: Sequence[Hid] = (),
) -> Verdict:
    """The verdict on one epoch. `excluded` of its `eligible` exchanges were left out though they were to be compared.
    `conflicts` is how often exchanges contradicted each other about who is who. `hid` is what known differences hid.
    """
    total = Numbers(*map(sum, zip(*strata.values(), strict=True))) if strata else Numbers(0, 0, 0)
    coverage = tuple(_coverage(criteria, strata))
    gates: tuple[Gate, ...] = (
        _rate("mismatches", "differ", total.mismatching, total.asked, criteria),
        _rate("candidate errors", "got no answer from modern", total.failing, total.asked, criteria),
        _critical(total, max((one.critical for one in strata.values()), default=0), conflicts),
        _strata(criteria, strata),
        _covered(criteria, coverage),
        _excluded(criteria, strata, eligible, excluded),
    )
    if criteria.known:
        gates += (_known(criteria, hid),)
    states = {gate.state for gate in gates}
    answer = Answer.NOT_SAFE if State.FAIL in states else Answer.NOT_ENOUGH if State.MISSING in states else Answer.SAFE
    return Verdict(answer, gates, coverage)


def percent(share: float) -> str:
    """A share for people, to three digits: "0.1%"."""
    return f"{share * 100:.3g}%"


# --- gates ---

def _rate(name: str, verb: str, bad: int, n: int, criteria: Criteria) -> Gate:
    alpha = 1 - criteria.confidence
    wanted = -math.log(alpha)
    found = f"{bad:,} of {n:,} effective {noun(n, 'exchange')} {verb}"
    held = f"{percent(criteria.limit)} at {percent(criteria.confidence)} confidence"
    value = bad / n if n else None
    if weight(bad, n, criteria.limit) >= wanted:
        return Gate(name, State.PASS, value, criteria.limit, 0, f"{found}: below {held}")
    if weight_against(bad, n, criteria.limit) >= wanted:
        return Gate(name, State.FAIL, value, criteria.limit, 0, f"{found}: above {held}")
    more = needed(bad, criteria.limit, alpha) - n
    return Gate(name, State.MISSING, value, criteria.limit, more,
                f"{found}: ≈ {more:,} more without one show a rate below {held}")


def _critical(total: Numbers, most: int, conflicts: int) -> Gate:
    """A critical difference fails the gate once it is reproduced: if both arms were asked again and it was there again,
    or if a second exchange of its stratum has one too, since not everything may be asked again. A single one leaves the
    gate open. Contradictions about who is who fail the gate by themselves."""
    # An exchange that agreed when both arms were asked again is transient, and not counted here.
    found = total.critical
    if conflicts:
        says = f"exchanges contradicted each other {conflicts:,} {noun(conflicts, 'time')} about who is who"
        says += f"; {found:,} had a critical difference" if found else ""
        return Gate("criticals", State.FAIL, float(found + conflicts), 0.0, 0, says)
    if not found:
        says = "no exchange with a critical difference" if total.asked else "nothing compared"
        return Gate("criticals", State.PASS if total.asked else State.MISSING, 0.0, 0.0, 0, says)
    says = f"{found:,} {noun(found, 'exchange')} with a critical difference, reproduced in {total.reproduced:,} of them"
    if total.reproduced or most > 1:
        return Gate("criticals", State.FAIL, float(found), 0.0, 0, says)
    return Gate("criticals", State.MISSING, float(found), 0.0, 0, f"{says}, and seen once in its kind of exchange")


def _strata(criteria: Criteria, strata: Mapping[Stratum, Numbers]) -> Gate:
    """No stratum may be above the limit by itself: a rare stratum that always differs would not show in the total."""
    # All strata together may be wrong with a probability of alpha, however many there are in the end.
    wanted = math.log(STRATA / (1 - criteria.confidence))
    bad = {stratum: numbers.mismatching + numbers.failing for stratum, numbers in strata.items()}
    against = {one: weight_against(bad[one], strata[one].asked, criteria.limit) for one in strata}
    # Strata without an effective exchange show nothing. If there are no others, the gate lacks evidence.
    worst = max((one for one in strata if strata[one].asked), key=lambda one: (against[one], one), default=None)
    if worst is None:
        return Gate("strata", State.MISSING, None, criteria.limit, 0, "nothing compared")
    n = strata[worst].asked
    value = bad[worst] / n
    if against[worst] >= wanted:
        return Gate("strata", State.FAIL, value, criteria.limit, 0,
                    f"above {percent(criteria.limit)} in {worst}: {bad[worst]:,} of {n:,} effective "
                    f"{noun(n, 'exchange')} are bad")
    few = f"; {bad[worst]:,} of {n:,} in {worst} are too few to show it" if value > criteria.limit else ""
    return Gate("strata", State.PASS, value, criteria.limit, 0,
                f"none of {len(strata):,} is shown to be above {percent(criteria.limit)}{few}")


def _coverage(criteria: Criteria, strata: Mapping[Stratum, Numbers]) -> Iterator[Coverage]:
    declared = dict.fromkeys((*criteria.operations, *sorted({stratum.operation for stratum in strata})))
    for operation in declared:
        own = sorted(stratum for stratum in strata if stratum.operation == operation)
        yield Coverage(operation, None, sum(strata[one].asked for one in own), criteria.minimum)
        yield from (Coverage(operation, one, strata[one].asked, criteria.stratum_minimum) for one in own)


def _covered(criteria: Criteria, coverage: Sequence[Coverage]) -> Gate:
    if not criteria.operations:
        return Gate("coverage", State.MISSING, None, 1.0, 0, "no operations are declared, so coverage is unknown")
    operations = [one for one in coverage if one.stratum is None]
    short = [one for one in coverage if one.needs]
    value = 1 - len(short) / len(coverage)
    if not short:
        many = len(coverage) - len(operations)
        return Gate("coverage", State.PASS, value, 1.0, 0,
                    f"{len(operations):,} {noun(len(operations), 'operation')} and {many:,} "
                    f"{noun(many, 'stratum', 'strata')}, each often enough")
    unseen = [one.operation for one in operations if not one.seen]
    # The exchanges that an operation still needs may also be those that its strata need.
    needs = sum(max(one.needs for one in short if one.operation == operation)
                for operation in {one.operation for one in short})
    says = f"{len(short):,} of {len(coverage):,} operations and strata were seen too seldom"
    return Gate("coverage", State.MISSING, value, 1.0, needs, f"{says}; never: {', '.join(unseen)}" if unseen else says)


def _excluded(criteria: Criteria, strata: Mapping[Stratum, Numbers], eligible: int, excluded: int) -> Gate:
    """The share left out must be within its limit, in total and in each stratum by itself: a rare stratum that is all
    noise would not show in the total."""
    share = excluded / eligible if eligible else None
    enough = share is not None and share <= criteria.excluded
    says = f"{excluded:,} of {eligible:,} eligible {noun(eligible, 'exchange')} were left out"
    says += f"; at most {percent(criteria.excluded)} may be"
    if enough and 0 < criteria.excluded < 1:
        wanted = math.log(STRATA / (1 - criteria.confidence))
        against = {one: weight_against(numbers.nothing, numbers.all, criteria.excluded)
                   for one, numbers in strata.items()}
        worst = max(against, key=lambda one: (against[one], one), default=None)
        if worst is not None and against[worst] >= wanted:
            enough = False
            says += f", in each stratum too: in {worst} it is {strata[worst].nothing:,} of {strata[worst].all:,}"
    return Gate("excluded", State.PASS if enough else State.MISSING, share, criteria.excluded, 0, says)


def _known(criteria: Criteria, hid: Sequence[Hid]) -> Gate:
    """No known difference may hide something in more exchanges than it was declared for. Every exchange counts here,
    effective or not, since that is how the share was declared."""
    declared = dict(criteria.known)
    seen = {one: _beyond(one, declared[one.known]) for one in hid if one.known in declared and one.compared}
    if not seen:
        return Gate("known differences", State.PASS, None, 1.0, 0, f"none of {len(declared):,} hid anything")
    # All known differences together may be wrong with a probability of alpha.
    wanted = math.log(len(seen) / (1 - criteria.confidence))
    worst, *_ = ranked = sorted(seen, key=lambda one: (-seen[one], -one.exchanges / one.compared, one))
    over = seen[worst] >= wanted
    listed = [f"{one.known} in {percent(one.exchanges / one.compared)} of {one.compared:,} compared exchanges of "
            f"{one.operation} (declared: {percent(declared[one.known])})" for one in ranked[:_LISTED]]
    if len(ranked) > _LISTED:
        listed.append(f"{len(ranked) - _LISTED:,} more")
    says = "above what was declared" if over else "none is shown to be above what was declared"
    return Gate("known differences", State.FAIL if over else State.PASS, worst.exchanges / worst.compared,
                declared[worst.known], 0, f"{says}: {', '.join(listed)}")


def _beyond(one: Hid, declared: float) -> float:
    """How strongly a known difference shows a share above the declared one: as `weight_against`."""
    return -math.inf if declared >= 1 else weight_against(one.exchanges, one.compared, max(declared, _NEVER))


# --- numbers: the incomplete beta function, as logarithms throughout ---

def _log_at(bad: int, n: int, limit: float) -> float:
    return bad * math.log(limit) + (n - bad) * math.log1p(-limit)


def _log_below(limit: float, a: float, b: float) -> float:
    """ln of the integral of t^(a−1)·(1−t)^(b−1) from 0 to `limit`."""
    return _log_part(limit, 1 - limit, math.log(limit), math.log1p(-limit), a, b)


def _log_above(limit: float, a: float, b: float) -> float:
    """The same, from `limit` to 1."""
    return _log_part(1 - limit, limit, math.log1p(-limit), math.log(limit), b, a)


def _log_part(x: float, y: float, log_x: float, log_y: float, a: float, b: float) -> float:
    """ln of the integral of t^(a−1)·(1−t)^(b−1) from 0 to x, y = 1 − x. Up to the mean the fraction converges fast;
    beyond it, the other side is subtracted from the whole."""
    if x < (a + 1) / (a + b + 2):
        return a * log_x + b * log_y - math.log(a) - math.log(_fraction(x, a, b))
    whole = math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
    other = b * log_y + a * log_x - math.log(b) - math.log(_fraction(y, b, a))
    return whole + math.log1p(-min(math.exp(other - whole), 1 - 1e-16))


def _fraction(x: float, a: float, b: float) -> float:
    """The continued fraction of the incomplete beta function (DLMF 8.17.22) by Lentz's method: 1 + d1/(1 + d2/(1 + …)).
    Some √max(a, b) steps at worst."""
    value, c, d = 1.0, 1.0, 0.0
    for step in range(1, 100_000):
        m, odd = divmod(step, 2)
        if odd:
            term = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        else:
            term = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        d = 1 / (1 + term * d or _TINY)
        c = 1 + term / c or _TINY
        value *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return value
