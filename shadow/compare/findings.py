"""What a comparison has found, until it is decided which differences are kept, and they lose their values."""

from collections import defaultdict, deque
from typing import NamedTuple

from adapters.document import Tree
from shadow.compare import places
from shadow.compare.difference import Difference, Severity, Shape, placed, worst_of
from shadow.compare.names import MASKED, Masks, Position, Step
from shadow.compare.patterns import Directive, Matcher
from shadow.compare.prints import Budget, Prints
from shadow.compare.tokens import of_names, token

MAX_DIFFERENCES = 200
"""Differences of one comparison that are kept at most, the worst first. More would change no outcome."""


class Weighed(NamedTuple):
    """A difference that still has its values. `modern_steps` lead to the place in modern's document if it is another
    one, in another element."""

    kind: str
    steps: list[Step]
    legacy: Shape
    modern: Shape
    severity: Severity
    old: Tree
    new: Tree
    matcher: Matcher[Directive]
    modern_steps: list[Step] | None = None


def reunited(found: list[Weighed], form: str, prints: Prints) -> list[Weighed]:
    """The differences, in which a child that is missing in one element and extra in another one is one difference:
    it moved. It then belongs to something else, such as a result to another patient."""
    lost: dict[tuple[str, int], deque[int]] = defaultdict(deque)
    gained: dict[tuple[str, int], deque[int]] = defaultdict(deque)
    try:
        for at, one in enumerate(found):
            name, value = one.steps[-2:-1], one.old if one.kind == "missing" else one.new
            if one.kind in ("missing", "extra") and name and isinstance(name[0], str) \
                    and isinstance(value, dict) and places.is_child(form, name[0]):
                (lost if one.kind == "missing" else gained)[name[0], prints.of(value, one.matcher)].append(at)
    except Budget:
        pass  # Those that were not looked at stay two differences.
    gone: set[int] = set()
    whole = list(found)
    for key, before in lost.items():
        for at, other in zip(before, gained.get(key, ()), strict=False):
            one, its = found[at], found[other]
            severity = Severity.CRITICAL if form == "hl7v2" else worst_of((one.severity, its.severity))
            whole[at] = one._replace(kind="moved", modern=its.modern, severity=severity, new=its.new,
                                     modern_steps=its.steps)
            gone.add(other)
    return [one for at, one in enumerate(whole) if at not in gone] if gone else found


def worst(found: list[Weighed]) -> list[Weighed]:
    """The MAX_DIFFERENCES that matter most, in the order in which they were found."""
    if len(found) <= MAX_DIFFERENCES:
        return found
    kept = sorted(range(len(found)), key=lambda at: found[at].severity.rank)[:MAX_DIFFERENCES]
    return [found[at] for at in sorted(kept)]


def stripped(one: Weighed, form: str, key: bytes, masks: Masks, root: Position) -> Difference:
    """The difference without its values. `key` makes the tokens."""
    shown, masked, listed = _shown(one.steps, masks, root)
    other = shown if one.modern_steps is None else _shown(one.modern_steps, masks, root)[0]
    path, modern = places.spelled(form, shown, 0), places.spelled(form, other, 1)
    where = placed(path)
    return Difference(
        one.kind, path, one.legacy, one.modern, one.severity, "" if modern == path else modern,
        token(key, where, one.old), token(key, where, one.new), of_names(key, masked), listed,
    )


def _shown(steps: list[Step], masks: Masks, root: Position) -> tuple[list[Step], list[str], bool]:
    """The steps as a path may show them, the names that it masks, and whether there are several of something."""
    at = root
    shown: list[Step] = []
    masked = []
    listed = False
    for step in steps:
        listed = listed or any(isinstance(side, list) and len(side) > 1 for side in at.sides)
        name = masks.shown(at, step) if isinstance(step, str) else step
        if name == MASKED and isinstance(step, str):
            masked.append(step)
        shown.append(name)
        at = masks.below(at, step)
    return shown, masked, listed
