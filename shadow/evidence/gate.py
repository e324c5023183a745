"""The anytime-valid gate: counts of exchanges → SAFE, NOT SAFE or NOT ENOUGH EVIDENCE, with every number behind it.

Each condition is a gate of its own (shadow.evidence.gates, shadow.evidence.coverage). Their statistics are in
shadow.evidence.eprocess.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from shadow.evidence.coverage import calendar_gate, coverage_gate, covered, groups_gate, sizes_gate
from shadow.evidence.criteria import UNDECLARED, Answer, Coverage, Criteria, Gate, State, percent
from shadow.evidence.eprocess import needed, weight, weight_against
from shadow.evidence.gates import critical, excluded_gate, known_gate, of_clients, rate, signed_gate, strata_gate
from shadow.evidence.numbers import Hid, Numbers, Seen, added, course
from shadow.evidence.stratum import Stratum

__all__ = ["UNDECLARED", "Answer", "Coverage", "Criteria", "Gate", "Hid", "Numbers", "State", "Verdict", "assess",
           "needed", "percent", "weight", "weight_against"]

NOTHING = Seen()


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer, the gates that it comes from, and the coverage: each operation, then its strata. `signed`: it rests
    on a person's signature where numbers are missing."""

    answer: Answer
    gates: tuple[Gate, ...]
    coverage: tuple[Coverage, ...]
    signed: bool = False


def assess(
    criteria: Criteria, strata: Mapping[Stratum, Numbers], *, eligible: int, excluded: int, seen: Seen = NOTHING,
    more: Sequence[Gate] = (),
) -> Verdict:
    """The verdict on one epoch. `excluded` of its `eligible` exchanges were left out before modern had answered, though
    they were to be compared. `more` are gates that were made elsewhere."""
    coverage = tuple(covered(criteria, strata, seen.rare))
    rare = len(seen.rare & strata.keys())
    gates = (
        *_rates(criteria, strata, seen),
        strata_gate(criteria, strata, seen),
        *more,
        coverage_gate(criteria, coverage, rare),
        *_optional(criteria, seen),
        excluded_gate(criteria, strata, seen, eligible, excluded),
    )
    if criteria.known:
        gates += (known_gate(criteria, seen.hid),)
    if seen.used:
        gates += (signed_gate(criteria, seen.used),)
    signed = _may_sign(criteria, seen.now) and any(map(_is_a_matter_of_numbers, gates))
    if signed:
        gates = tuple(_signed(one) if _is_a_matter_of_numbers(one) else one for one in gates)
    states = {gate.state for gate in gates}
    if State.FAIL in states:
        # Nothing may suggest that waiting helps.
        return Verdict(Answer.NOT_SAFE, tuple(replace(one, needs=0, waits="") for one in gates), coverage)
    return Verdict(Answer.NOT_ENOUGH if State.MISSING in states else Answer.SAFE, gates, coverage, signed)


def _rates(criteria: Criteria, strata: Mapping[Stratum, Numbers], seen: Seen) -> Iterator[Gate]:
    total = added(strata)
    pasts = course(total, seen.courses.get(None, ()))
    also = ", or could not be compared" if total.after else ""
    yield rate("mismatches", (f"differs{also}", f"differ{also}"), total.mismatching, total.asked,
               [one.since(one.mismatching) for one in pasts], criteria, seen)
    yield of_clients(rate("first answers", ("was wrong on first answer", "were wrong on first answer"), total.bad,
                          total.asked, [one.all_bad for one in pasts], criteria, seen), seen.clients, criteria.limit)
    yield rate("candidate errors", ("got no answer from modern",) * 2, total.failing, total.asked,
               [one.since(one.failing) for one in pasts], criteria, seen)
    yield critical(total, max((one.critical for one in strata.values()), default=0), criteria, seen)


def _optional(criteria: Criteria, seen: Seen) -> Iterator[Gate]:
    """The gates that depend on what is configured, and on what the store holds."""
    if criteria.calendar is not None:
        yield calendar_gate(criteria.calendar, seen)
    if seen.sizes:
        yield sizes_gate(criteria, seen.sizes)
    if seen.groups:
        yield groups_gate(criteria, seen.groups)


def _may_sign(criteria: Criteria, now: float) -> bool:
    sign = criteria.sign
    return sign is not None and criteria.share <= sign.up_to and now < sign.until


def _signed(gate: Gate) -> Gate:
    return replace(gate, state=State.PASS, needs=0, waits="too few to show it, and signed for")


def _is_a_matter_of_numbers(gate: Gate) -> bool:
    """Whether nothing but exchanges is missing to a rate that is not above its limit so far: that is what a person may
    answer for."""
    return gate.state is State.MISSING and bool(gate.waits) and (gate.value or 0.0) <= gate.limit
