"""Holds a case against an answer of today: which of its differences are gone, and which are there again. Pure.

The values of a case are invented, so the answer of a service cannot equal them. What it can be held against is their
structure: whether something is there, of which type, and of which format. A difference between two values of one
format cannot be told in this way; it can if legacy's answer to the same request is there too.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from adapters.message import Headers, Request
from shadow.compare.comparison import Comparison, Outcome, compare
from shadow.compare.difference import Severity, Signature
from shadow.compare.pair import Pair
from shadow.compare.places import is_below
from shadow.compare.rules import Rules
from shadow.observation import Observation


class Case(NamedTuple):
    """What a case file holds: legacy's answer, the rules, and what must be found, each with its severity."""

    legacy: Observation
    rules: Rules
    found: frozenset[tuple[Signature, Severity]]


class State(StrEnum):
    """What became of a difference."""

    GONE = "gone"
    AGAIN = "again"
    UNKNOWN = "not known"
    """The answer does not tell: see `Now.why`."""


class Now(NamedTuple):
    """A difference of a case, what became of it, and why that is not known ("" if it is)."""

    signature: Signature
    severity: Severity
    state: State
    why: str = ""


INVENTED = "the case's values are invented, so these cannot be compared: name legacy's URL too"
ABOVE = "the answers differ above that place already"
UNLIKE = "the answers cannot be compared: "

_HIDING = frozenset({"status", "body", "coding", "syntax"})
"""Kinds of differences that leave the documents uncompared."""

_FIELDS = frozenset({"header", "trailer"})


def against(case: Case, answer: Observation, legacy: Observation | None = None) -> tuple[Comparison, tuple[Now, ...]]:
    """The comparison of an answer with the case, and what became of each difference, the worst first. `legacy` is
    legacy's answer to the same request, if it is known: it takes the place of the one in the case."""
    control = case.legacy if legacy is None else legacy
    comparison = compare(Pair("case", "case", Request("GET", b"/", Headers()), control, answer, "", 0.0, case.rules))
    found = sorted(case.found, key=lambda one: (one[1].rank, one[0]))
    if comparison.tally.outcome in (Outcome.NOT_COMPARABLE, Outcome.CANDIDATE_ERROR):
        why = UNLIKE + comparison.tally.reason
        return comparison, tuple(Now(signature, severity, State.UNKNOWN, why) for signature, severity in found)
    there = [one.signature for one in comparison.differences]
    judge = _real if legacy is not None else _structural
    return comparison, tuple(Now(signature, severity, *judge(signature, there)) for signature, severity in found)


def _real(wanted: Signature, there: Sequence[Signature]) -> tuple[State, str]:
    """By legacy's own answer: a difference is gone if the answers agree there."""
    if _at(wanted, there):
        return State.AGAIN, ""
    return _above(wanted, there) or (State.GONE, "")


def _structural(wanted: Signature, there: Sequence[Signature]) -> tuple[State, str]:
    """By the answer in the case, whose values are invented."""
    if above := _above(wanted, there):
        return above
    same = _at(wanted, there)
    if not same:
        return State.GONE, ""
    if wanted.kind in ("missing", "extra"):
        return (State.AGAIN if any(one.kind == wanted.kind for one in same) else State.GONE), ""
    if wanted.kind == "type":
        # A value of legacy's type, whatever its format, is what was missing.
        mended = all(_type(one.modern) == _type(wanted.legacy) for one in same)
        return (State.GONE if mended else State.AGAIN), ""
    if wanted.kind in ("value", "precision"):
        if wanted.legacy == wanted.modern:
            return State.UNKNOWN, INVENTED
        return (State.GONE if all(one.modern == wanted.legacy for one in same) else State.AGAIN), ""
    if wanted.kind in _HIDING or wanted.kind in _FIELDS:
        return State.AGAIN, ""
    return State.UNKNOWN, INVENTED


def _at(wanted: Signature, there: Sequence[Signature]) -> list[Signature]:
    """The differences at the same place: in a document, or outside of it."""
    outside = wanted.kind in _HIDING or wanted.kind in _FIELDS
    return [one for one in there if one.path == wanted.path and (
        one.kind == wanted.kind if outside else one.kind not in _HIDING and one.kind not in _FIELDS)]


def _above(wanted: Signature, there: Sequence[Signature]) -> tuple[State, str] | None:
    """That a difference is not known since another one, above its place, leaves it uncompared; None if none does."""
    for one in there:
        if one.kind in _HIDING and one.kind != wanted.kind and _hides(one):
            return State.UNKNOWN, f"{UNLIKE}{one.kind} {one.legacy} → {one.modern}"
        if one.kind in ("missing", "extra", "type", "moved") and is_below(wanted.path, one.path):
            return State.UNKNOWN, ABOVE
    return None


def _hides(one: Signature) -> bool:
    """Whether a difference outside of the documents leaves them uncompared. A status of the same class does not."""
    return one.kind != "status" or one.legacy[:1] != one.modern[:1]


def _type(group: str) -> str:
    """The type of a shape, without its format. An integer is as good as a decimal."""
    name = group.partition(" ")[0]
    return "number" if name in ("integer", "decimal") else name
