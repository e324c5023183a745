"""Which mismatches are noise, as shown by asking both arms again and by asking legacy twice. Pure.

Two services that do the same still differ now and then: one of them lags, the data changes between two requests, a
field is new each time. Such differences settle, or legacy has them with itself too. A defect does neither.

A bracket is legacy, modern and legacy again (P1, C, P2), in that order. If P1 and P2 agree and C differs from them, the
difference is real. If C agrees with one of them alone, it was a race. If all three differ, nothing can be said.
Brackets of exchanges that were picked by chance add up to a paired table, path by path: how often modern alone
disagreed (C ≠ P1 = P2), and how often legacy's second answer alone did (P2 ≠ P1 = C). If modern were just another draw
of the same noise, both would be as frequent. However noisy the path is, a regression shows in the first alone.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from math import ceil, exp, lgamma, log, log1p, sqrt
from types import MappingProxyType
from typing import TypeAlias

from shadow.compare.comparison import AGREED, COMPARED, Comparison, Drift, Outcome
from shadow.compare.difference import Difference, Severity, Shape
from shadow.compare.findings import IDENTITY, MAX_DIFFERENCES
from shadow.compare.names import MASKED
from shadow.evidence.epoch import Epoch

ALARM = 20.0
"""This times the number of tested paths is the e-value from which a path counts as worse in modern: α = 5 % in all."""

PROPOSED = 5
"""Exchanges in which legacy must disagree with itself at a path before a rule is proposed for it."""

EXPIRES = 14 * 86_400.0
"""Seconds after which a proposal is withdrawn if its noise was not seen again."""

DRIFTS = "legacy itself drifts here, in more than its value: a person must write the rule"
"""The meaning of a `NoiseReport` of "drift", in words."""

Look: TypeAlias = tuple[str, bool, str]
"""The properties that all values of one field share, even if they drift: see `_look`."""

_FORMS = frozenset({"date", "instant", "local time", "uuid", "url"})
_FLAT = 1e-17
_LARGEST = 700
_LONGEST_NAME = 50


# --- one exchange ---

def settled(found: Comparison, reason: str) -> Comparison:
    """The mismatch as one that went away: `reason` says when. Its differences are dropped; whether one was critical is
    not, since a client would have had that answer."""
    return _without(found, Outcome.TRANSIENT, reason)


def unstable(found: Comparison, reason: str = "") -> Comparison:
    """The mismatch as one that shows nothing, since legacy disagrees with itself there. `reason` is "noise" if that was
    known from other exchanges."""
    return _without(found, Outcome.UNSTABLE, reason)


def _without(found: Comparison, outcome: Outcome, reason: str) -> Comparison:
    if any(one.kind == IDENTITY for one in found.differences):
        return found  # one record was taken for another: that neither settles nor is it noise
    return replace(found, tally=found.tally._replace(outcome=outcome, reason=reason), differences=(), reproduced=(),
                   was_critical=found.was_critical or found.severity is Severity.CRITICAL)


def with_bonds(found: Comparison, others: Iterable[Comparison]) -> Comparison:
    """The same comparison, with the pairs of identifiers (bonds) that these comparisons have proved too, each once."""
    bonds = tuple(dict.fromkeys(bond for one in (found, *others) for bond in one.bonds))
    return found if bonds == found.bonds else replace(found, bonds=bonds)


def seen_again(found: Comparison, again: Comparison, times: int) -> Comparison:
    """The mismatch after both arms were asked again and differed again, for the `times`th time.

    Its reason has the number. A difference is reproduced only if its signature was there each time.
    """
    before = found.reproduced if times > 1 else dict.fromkeys(one.signature for one in found.differences)
    there = {one.signature for one in again.differences}
    return replace(found, tally=found.tally._replace(reason=f"reproduced_{times}"),
                   reproduced=tuple(one for one in before if one in there))


def still_drifts(found: Comparison, again: Comparison) -> bool:
    """Whether every difference still drifts, now that the arms were asked `again` in a bracket. One that neither drifts
    nor differs any more has settled."""
    drifting = {(one.kind, one.path) for one in again.drifts}
    return all((one.kind, one.signature.path) in drifting for one in found.differences)


def steady(first: Comparison) -> Comparison:
    """The result of a bracket whose P1 and P2 are the same, byte for byte. `first` compares P1 with C."""
    return bracketed(first, replace(first, tally=first.tally._replace(outcome=Outcome.MATCH), differences=()), first)


def bracketed(first: Comparison, alone: Comparison, again: Comparison) -> Comparison:
    """The result of a bracket. `first` compares P1 with C, `alone` P1 with P2, `again` P2 with C.

    A mismatch keeps its real differences: those where P1 and P2 agree, and those where C says something of a sort that
    neither of them does, such as nothing. A mismatch without any is transient (a "race") if C agrees with P2, else
    unstable. If one of the three cannot be compared, or more differs than is kept, the result is `first`.
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
    """Whether the name of the field is not known: it is masked, and there was no key to make a token of it."""
    return not one.key_token and MASKED in one.path


def _look(one: Shape) -> Look:
    """What noise does not change in a value: its type, whether it is empty, and whether it is a time, an address or a
    uuid. Whether a number has a fraction, or a text has only digits, may be chance."""
    kind = "number" if one.type in ("integer", "decimal") else one.type
    return kind, one.length == 0, one.form if one.form in _FORMS else ""


def _drifts(modern: Iterable[Difference], legacy: Iterable[Difference]) -> Iterable[Drift]:
    by_place: dict[tuple[str, str], list[list[Difference]]] = {}
    for side, differences in enumerate((modern, legacy)):
        for one in differences:
            by_place.setdefault((one.kind, one.signature.path), [[], []])[side].append(one)
    for (kind, path), (new, old) in sorted(by_place.items()):
        yield Drift(kind, path, bool(new), bool(old), all(map(is_plain, (*new, *old))))


def repeated(found: Comparison, again: Comparison) -> Comparison:
    """The comparison `found`, with what its client's repeated question shows. `again` compares legacy's two answers to
    it. They show where legacy drifts; modern's part in it is unknown, since it was not asked in between."""
    if again.tally.outcome not in COMPARED or len(again.differences) >= MAX_DIFFERENCES:
        return found
    drifts = _drifts((), again.differences)
    return replace(found, drifts=tuple(one._replace(repeat=True) for one in drifts))


def is_plain(one: Difference) -> bool:
    """Whether only a value drifts that keeps its shape, at a path that leads through no list and no map of data."""
    path = one.signature.path
    return (one.kind == "value" and one.legacy == one.modern and path != "" and not one.listed
            and "*" not in path.split("/") and MASKED not in path)


# --- many exchanges ---

@dataclass(frozen=True, slots=True)
class Noise:
    """One kind of difference at one index-free path of an operation, over all brackets of an epoch that were picked by
    chance: in how many `modern` alone disagreed, in how many `legacy`'s second answer alone did, and in how many `both`
    did. `plain` is True if never more than a value drifted. Times are in seconds since 1970.

    In `repeats` other exchanges a client had asked the same seconds before, and legacy's two answers disagreed. They
    say how legacy drifts, and nothing of modern: they are in no e-value."""

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
    repeats: int = 0

    @property
    def own(self) -> int:
        """In how many exchanges legacy disagreed with itself."""
        return self.legacy + self.both + self.repeats


Spot = tuple[str, Epoch, str, str, str]
"""Capability, epoch, operation, kind, path."""


def spot(row: Noise) -> Spot:
    """The key of a row in the paired table."""
    return row.capability, row.epoch, row.operation, row.kind, row.path


def table(comparisons: Iterable[Comparison], epoch: Epoch) -> dict[Spot, Noise]:
    """The paired table of some exchanges of one epoch."""
    found: dict[Spot, Noise] = {}
    for comparison in comparisons:
        for one in comparison.drifts:
            place = comparison.tally.capability, epoch, comparison.tally.operation, one.kind, one.path
            counts = (False, False, False) if one.repeat else (
                one.modern and not one.legacy, one.legacy and not one.modern, one.legacy and one.modern)
            row = Noise(*place, *counts, one.plain, comparison.at, comparison.at, int(one.repeat))
            found[place] = added(found[place], row) if place in found else row
    return found


def added(one: Noise, other: Noise) -> Noise:
    """Two rows of one place, added up."""
    return replace(
        one, modern=one.modern + other.modern, legacy=one.legacy + other.legacy, both=one.both + other.both,
        plain=one.plain and other.plain, first_seen=min(one.first_seen, other.first_seen),
        last_seen=max(one.last_seen, other.last_seen), repeats=one.repeats + other.repeats,
    )


def e_value(modern: int, legacy: int) -> float:
    """How strongly the counts contradict "modern alone disagrees no more often than legacy alone": the mean likelihood
    ratio of all rates above ½ against ½. It is valid at any time: under that hypothesis it ever exceeds 1/α with a
    probability of at most α (Ville's inequality).

    ∫ 2·θ^b·(1−θ)^c dθ over (½, 1) / ½^n, with n = b + c, is Σ_{k ≤ b} C(n+1, k) / ((n+1)·C(n, b)).
    """
    # With N = n + 1, that is S / (c + 1), where S is the sum of C(N, k) / C(N, b): from b downwards where these terms
    # fall; otherwise as 2^N / C(N, b) minus the terms above b, which fall too.
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
    """One path at which legacy, asked twice, disagreed with itself, or modern with both of its answers. The counts are
    those of `Noise`. A high `e_value` shows that modern is worse than the noise.

    `says` is "regression" if that is certain; "proposal" if only values drift, so that a person may accept that as a
    rule until it `expires` (seconds since 1970; otherwise 0); "drift" if more than a value drifts, so that
    a person must write the rule; or "". Nothing is hidden until a rule is accepted. For a proposal, `rule` is what to
    put under `known_differences` of routes.yaml, once its owner is named. For a drift it is what to try under `rules`,
    or "" if none is known.
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
    repeats: int


def most(differing: int, exchanges: int) -> float:
    """An upper bound of a share that was seen in `differing` of some exchanges: Wilson's, at three standard errors."""
    if not exchanges:
        return 1.0
    share, nine = differing / exchanges, 9 / exchanges
    return min(1.0, (share + nine / 2 + 3 * sqrt((share * (1 - share) + nine / 4) / exchanges)) / (1 + nine))


def weighed(
    rows: Iterable[Noise], now: float, rules: Mapping[tuple[str, str], str] = MappingProxyType({}),
    rates: Mapping[str, float] = MappingProxyType({}), shapes: Mapping[tuple[str, str], str] = MappingProxyType({}),
) -> tuple[NoiseReport, ...]:
    """The paired table of one capability, judged at `now` (seconds since 1970): regressions first, then the
    noisiest paths. `rules` are what may be tried where something drifts, by kind and path. A proposal is for no more
    than the share of exchanges that `rates` has of its operation, and for values of the shape that `shapes` has by kind
    and path."""
    tested = list(rows)
    reports = [_weighed(row, ALARM * len(tested), now, rules.get((row.kind, row.path), ""),
                        rates.get(row.operation, 1.0), shapes.get((row.kind, row.path), "")) for row in tested]
    order = "regression", "proposal", "drift", ""
    return tuple(sorted(reports, key=lambda one: (
        order.index(one.says), -one.both - one.legacy - one.repeats, -one.modern, one.operation, one.path, one.kind)))


def _weighed(row: Noise, alarm: float, now: float, rule: str, rate: float, shape: str) -> NoiseReport:
    value, own = e_value(row.modern, row.legacy), row.own
    expires = row.last_seen + EXPIRES
    says = ""
    if value >= alarm:
        # If legacy never disagrees with itself, the path has an ordinary mismatch and is listed as one.
        says = "regression" if own else ""
    elif own >= PROPOSED and expires > now:
        says = "proposal" if row.plain else "drift"
    proposed = says == "proposal"
    rule = _rule(row.path, expires, rate, shape) if proposed else rule if says == "drift" else ""
    return NoiseReport(
        row.operation, row.kind, row.path, row.modern, row.legacy, row.both, value, says,
        expires if proposed else 0.0, rule, row.first_seen, row.last_seen, row.repeats,
    )


def _rule(path: str, expires: float, rate: float, shape: str) -> str:
    """The proposal in YAML. It covers values alone, as the noise does, no more of them than were seen, and expires by
    itself."""
    name = re.sub(r"[^A-Za-z0-9]+", "-", path)[:_LONGEST_NAME]
    of = f"shape: {shape}, " if shape else ""
    # JSON text is also YAML.
    return (f"{{id: noise{name}, at: {json.dumps(path)}, kind: value, {of}reason: legacy disagrees with itself, "
            f"owner: OWNER, max_rate: {ceil(rate * 10_000) / 100:g}%, "
            f"expires: {datetime.fromtimestamp(expires, UTC):%Y-%m-%d}}}")
