"""Which mismatches are noise: what asking again, and asking legacy twice, says of them. Pure.

Two services that answer alike still differ now and then: one of them lags, an answer changes between two askings, a
field is new each time. A defect stays where that settles, and shows where legacy agrees with itself.

A bracket is legacy, modern and legacy again (P1, C, P2), in that order. Where C differs from both and they agree, the
difference is real; where C agrees with one of them, it was a race; where all three differ, nothing can be said.
Brackets of exchanges that were picked by chance add up to a paired table, path by path: how often modern alone
disagreed (C ≠ P1 = P2), and how often legacy's second answer alone did (P2 ≠ P1 = C). Were modern just another draw
of the same noise, both would be as frequent, and however noisy the path is, a regression shows in the first alone.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from math import exp, lgamma, log, log1p
from types import MappingProxyType
from typing import TypeAlias

from shadow.compare.comparison import AGREED, COMPARED, Comparison, Drift, Outcome
from shadow.compare.diff import IDENTITY, MAX_DIFFERENCES
from shadow.compare.difference import Difference, Shape
from shadow.compare.names import MASKED
from shadow.evidence.epoch import Epoch

ALARM = 20.0
"""The e-value, for each path that is tested, from which on a path counts as worse in modern: α = 5 % over all."""

PROPOSED = 5
"""Exchanges in which legacy disagreed with itself at a path, before a rule is proposed for it."""

EXPIRES = 14 * 86_400.0
"""Seconds after which a proposal is withdrawn where its noise was not seen again."""

DRIFTS = "legacy itself drifts here, in more than its value: a person must write the rule"
"""What a `NoiseReport` that says "drift" says, in words."""

Look: TypeAlias = tuple[str, bool, str]
"""What values of one field have in common, however they drift: see `_look`."""

_FORMS = frozenset({"date", "instant", "local time", "uuid", "url"})
_FLAT = 1e-17
_LARGEST = 700
_LONGEST_NAME = 50


# --- one exchange ---

def settled(found: Comparison, reason: str) -> Comparison:
    """The mismatch as one that went away: `reason` says when. What differed then is let go."""
    return _without(found, Outcome.TRANSIENT, reason)


def unstable(found: Comparison, reason: str = "") -> Comparison:
    """The mismatch as one of which nothing can be said, since legacy disagrees with itself there. `reason` is "noise"
    where that was known from other exchanges."""
    return _without(found, Outcome.UNSTABLE, reason)


def _without(found: Comparison, outcome: Outcome, reason: str) -> Comparison:
    if any(one.kind == IDENTITY for one in found.differences):
        return found  # whoever was taken for another once was: that neither settles nor is it noise
    return replace(found, tally=found.tally._replace(outcome=outcome, reason=reason), differences=(), reproduced=())


def with_bonds(found: Comparison, others: Iterable[Comparison]) -> Comparison:
    """The same comparison, with all bonds that these comparisons have proved too, each of them once."""
    bonds = tuple(dict.fromkeys(bond for one in (found, *others) for bond in one.bonds))
    return found if bonds == found.bonds else replace(found, bonds=bonds)


def seen_again(found: Comparison, again: Comparison, times: int) -> Comparison:
    """The mismatch, once both arms, asked again, differed again; for the `times`th time.

    Its reason counts that; a difference is reproduced only where each asking showed its signature.
    """
    before = found.reproduced if times > 1 else dict.fromkeys(one.signature for one in found.differences)
    there = {one.signature for one in again.differences}
    return replace(found, tally=found.tally._replace(reason=f"reproduced_{times}"),
                   reproduced=tuple(one for one in before if one in there))


def is_noise(found: Comparison, again: Comparison) -> bool:
    """Whether all that differed drifts still, now that the arms were asked `again` in a bracket. What does not, and
    differs no more, has settled."""
    drifting = {(one.kind, one.path) for one in again.drifts}
    return all((one.kind, one.signature.path) in drifting for one in found.differences)


def steady(first: Comparison) -> Comparison:
    """What a bracket says of an exchange where P1 and P2 are the same, byte for byte; `first` compares P1 with C."""
    return bracketed(first, replace(first, tally=first.tally._replace(outcome=Outcome.MATCH), differences=()), first)


def bracketed(first: Comparison, alone: Comparison, again: Comparison) -> Comparison:
    """What a bracket says of an exchange: `first` compares P1 with C, `alone` P1 with P2, `again` P2 with C.

    Where P1 and P2 agree, C differs from both: a mismatch keeps those differences, the real ones; and so where C says
    something of a sort that neither of them does, such as nothing. One that has none is transient (a "race") where C
    agrees with P2, else unstable. Where P2 cannot be compared, or more differs than is kept, it is as it was `first`.
    """
    three = first, alone, again
    if any(one.tally.outcome not in COMPARED or len(one.differences) >= MAX_DIFFERENCES for one in three):
        return first
    found = replace(first, drifts=tuple(_drifts(first.differences, alone.differences)))
    if first.tally.outcome is not Outcome.MISMATCH:
        return found
    own: dict[tuple[str, str, str], set[Look]] = {}
    for one in alone.differences:
        own.setdefault(_where(one), set()).update((_look(one.legacy), _look(one.modern)))
    real = tuple(one for one in first.differences
                 if _is_anywhere(one) or _look(one.modern) not in own.get(_where(one), ()))
    if real:
        return replace(found, differences=real)
    return settled(found, "race") if again.tally.outcome in AGREED else unstable(found)


def _where(one: Difference) -> tuple[str, str, str]:
    return one.kind, one.path, one.key_token


def _is_anywhere(one: Difference) -> bool:
    """Whether nobody knows under which name this is: it is masked, and there was no key to tell it from others."""
    return not one.key_token and MASKED in one.path.split("/")


def _look(one: Shape) -> Look:
    """What noise does not change in a value: its type, whether there is anything in it, whether it is a time, an
    address or a uuid. That a number has a fraction, or a text digits alone, may well be chance."""
    kind = "number" if one.type in ("integer", "decimal") else one.type
    return kind, one.length == 0, one.form if one.form in _FORMS else ""


def _drifts(modern: Iterable[Difference], legacy: Iterable[Difference]) -> Iterable[Drift]:
    by_place: dict[tuple[str, str], list[list[Difference]]] = {}
    for side, differences in enumerate((modern, legacy)):
        for one in differences:
            by_place.setdefault((one.kind, one.signature.path), [[], []])[side].append(one)
    for (kind, path), (new, old) in sorted(by_place.items()):
        yield Drift(kind, path, bool(new), bool(old), all(map(is_plain, (*new, *old))))


def is_plain(one: Difference) -> bool:
    """Whether nothing drifts but a value that keeps its shape, at a place that no list and no map of data is above."""
    path = one.signature.path
    return (one.kind == "value" and one.legacy == one.modern and path.startswith("/")
            and not {"*", MASKED}.intersection(path.split("/")))


# --- many exchanges ---

@dataclass(frozen=True, slots=True)
class Noise:
    """One kind of difference at one index-free path of an operation, over all brackets of an epoch that were picked
    before anything was known of them: in how many `modern` disagreed alone, in how many `legacy`'s second answer did,
    in how many `both` did. `plain` tells that never more than a value drifted. Times are in seconds since the epoch."""

    capability: str
    epoch: Epoch
    operation: str
    kind: str
    path: str
    modern: int
    legacy: int
    both: int
    plain: bool
    first_seen: float
    last_seen: float


Spot = tuple[str, Epoch, str, str, str]
"""Capability, epoch, operation, kind, path."""


def spot(row: Noise) -> Spot:
    """What a row of the paired table is known by."""
    return row.capability, row.epoch, row.operation, row.kind, row.path


def table(comparisons: Iterable[Comparison], epoch: Epoch) -> dict[Spot, Noise]:
    """The paired table of some exchanges of one epoch."""
    found: dict[Spot, Noise] = {}
    for comparison in comparisons:
        for one in comparison.drifts:
            place = comparison.tally.capability, epoch, comparison.tally.operation, one.kind, one.path
            row = Noise(*place, one.modern and not one.legacy, one.legacy and not one.modern, one.legacy and one.modern,
                        one.plain, comparison.at, comparison.at)
            found[place] = added(found[place], row) if place in found else row
    return found


def added(one: Noise, other: Noise) -> Noise:
    """Two rows of one place as one."""
    return replace(
        one, modern=one.modern + other.modern, legacy=one.legacy + other.legacy, both=one.both + other.both,
        plain=one.plain and other.plain, first_seen=min(one.first_seen, other.first_seen),
        last_seen=max(one.last_seen, other.last_seen),
    )


def e_value(modern: int, legacy: int) -> float:
    """How strongly the counts speak against "modern alone disagrees no more often than legacy alone": the mean
    likelihood ratio of all rates over ½ against ½. It may be looked at at any time: under that hypothesis it ever
    exceeds 1/α with a probability of α at most (Ville's inequality).

    ∫ 2·θ^b·(1−θ)^c dθ over (½, 1) / ½^n, with n = b + c, is Σ_{k ≤ b} C(n+1, k) / ((n+1)·C(n, b)).
    """
    # With N = n + 1, that is S / (c + 1), where S adds up C(N, k) / C(N, b): from b downwards, where these fall; else
    # as 2^N / C(N, b) less what is above b, where they fall too.
    size = modern + legacy + 1
    above = 2 * (modern + 1) > size
    term, total, k = 1.0, 0.0 if above else 1.0, modern
    while term > _FLAT * total and (k < size if above else k > 0):
        term *= (size - k) / (k + 1) if above else k / (size - k + 1)
        total += term
        k += 1 if above else -1
    if above:
        whole = size * log(2) - lgamma(size + 1) + lgamma(modern + 1) + lgamma(size - modern + 1)
        exponent = whole + log1p(-total * exp(-whole))
    else:
        exponent = log(total)
    exponent -= log(legacy + 1)
    return exp(min(exponent, _LARGEST))


@dataclass(frozen=True, slots=True)
class NoiseReport:
    """One path on which legacy, asked twice, disagreed with itself or modern with both of its answers; the counts are
    those of `Noise`.

    `e_value` speaks for modern being worse than the noise. `says` is "regression" where that is beyond doubt,
    "proposal" where only values drift and a person may accept that as a rule until it `expires` (seconds since the
    epoch; else 0), "drift" where more than a value does, so that a person must write the rule, or "". It hides nothing
    until it is accepted: `rule` is what to put under `known_differences` of routes.yaml for a proposal, once its owner
    is named; for a drift what to try under `rules`, or "" where none is known.
    """

    operation: str
    kind: str
    path: str
    modern: int
    legacy: int
    both: int
    e_value: float
    says: str
    expires: float
    rule: str
    first_seen: float
    last_seen: float


def weighed(
    rows: Iterable[Noise], now: float, rules: Mapping[tuple[str, str], str] = MappingProxyType({}),
) -> tuple[NoiseReport, ...]:
    """The paired table of one capability, judged at `now` (seconds since the epoch): regressions first, then what is
    noisiest. `rules` may be tried on what drifts, by kind and path."""
    tested = list(rows)
    reports = [_weighed(row, ALARM * len(tested), now, rules.get((row.kind, row.path), "")) for row in tested]
    order = "regression", "proposal", "drift", ""
    return tuple(sorted(reports, key=lambda one: (
        order.index(one.says), -one.both - one.legacy, -one.modern, one.operation, one.path, one.kind)))


def _weighed(row: Noise, alarm: float, now: float, rule: str) -> NoiseReport:
    value, own = e_value(row.modern, row.legacy), row.legacy + row.both
    expires = row.last_seen + EXPIRES
    says = ""
    if value >= alarm:
        # Where legacy never disagrees with itself it is an ordinary mismatch, and listed as such.
        says = "regression" if own else ""
    elif own >= PROPOSED and expires > now:
        says = "proposal" if row.plain else "drift"
    proposed = says == "proposal"
    rule = _rule(row.path, expires) if proposed else rule if says == "drift" else ""
    return NoiseReport(
        row.operation, row.kind, row.path, row.modern, row.legacy, row.both, value, says,
        expires if proposed else 0.0, rule, row.first_seen, row.last_seen,
    )


def _rule(path: str, expires: float) -> str:
    """The proposal in YAML. It covers values alone, as the noise does, and ends by itself."""
    name = re.sub(r"[^A-Za-z0-9]+", "-", path)[:_LONGEST_NAME]
    # A JSON text is a YAML one.
    return (f"{{id: noise{name}, at: {json.dumps(path)}, kind: value, reason: legacy disagrees with itself, "
            f"owner: OWNER, expires: {datetime.fromtimestamp(expires, UTC):%Y-%m-%d}}}")
