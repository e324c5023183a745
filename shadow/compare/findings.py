"""What a comparison has found, how much it matters, and what of it is kept: differences without their values."""

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

from adapters.document import Tree
from shadow.compare import places
from shadow.compare.benign import VERSION
from shadow.compare.difference import ABSENT, Difference, Severity, Shape, placed, shape
from shadow.compare.meaning import Meaning, Meanings
from shadow.compare.names import LONGEST_NAME, MASKED, Masks, Step
from shadow.compare.names import Position as Place
from shadow.compare.patterns import Directive, Matcher
from shadow.compare.prints import Budget, Prints
from shadow.compare.tokens import of_names, token

MAX_DIFFERENCES = 200
"""Differences of one comparison that are kept at most, the worst first. More would change no outcome."""

MAX_FOUND = 5_000
"""Differences of one comparison that are collected at most. After that, only a critical one is looked for."""

IDENTITY = "identity"
"""The kind of a difference that no rule can hide: an identifier is bound to another one. It is always critical."""

_ALONE = frozenset({"missing", "extra"})
"""Kinds of differences of which two may become one: a child that moved."""

SHUFFLED, AWAY, ELSEWHERE = "shuffled", "away", "elsewhere"
"""What `Weigh` is asked about children that moved: among others where order means something; to another owner, such as
a result to another patient; and into an element of another kind. As a difference they are `moved`."""


class _Gone:
    """The type of GONE."""


GONE = _Gone()
"""Stands for the value on the side that has none. No tree holds it."""


class Position:
    """In the place of a child that moved: its position among all children of its element. `means` says that the order
    of these children means something, since their names come back after each other."""

    def __init__(self, at: int, *, means: bool) -> None:
        self.at = at
        self.means = means


def shape_of(value: Tree) -> Shape:
    """The shape of what stands on one side of a difference."""
    if value is GONE:
        return ABSENT
    return Shape("child", value.at + 1) if isinstance(value, Position) else shape(value)


Weigh: TypeAlias = Callable[[str, Sequence[str], Shape, Shape, Meaning], Severity]
"""How much a difference matters: (kind, names on the way, "*" for an index, legacy's shape, modern's, what the place
means) → Severity."""

Excuse: TypeAlias = Callable[[Sequence[str], Meaning], str]
"""The id of the default rule by which two values are one, or "": (names on the way, what the place means) → id."""


def major(kind: str, names: Sequence[str], legacy: Shape, modern: Shape, meant: Meaning) -> Severity:
    """Weighs everything alike."""
    return Severity.MAJOR


def nothing(names: Sequence[str]) -> bool:
    """Is true of no place."""
    return False


def none(names: Sequence[str], meant: Meaning) -> str:
    """Excuses nothing."""
    return ""


class Weighed(NamedTuple):
    """A difference that still has its values. `modern_steps` lead to the place in modern's document if it is in another
    element."""

    kind: str
    steps: list[Step]
    legacy: Shape
    modern: Shape
    severity: Severity
    old: Tree
    new: Tree
    matcher: Matcher[Directive]
    modern_steps: list[Step] | None = None


class Worth:
    """Weighs the differences of one comparison as they are found, and keeps those that count."""

    __slots__ = ("_count", "_differing", "_excuse", "_grave", "_hidden", "_kept", "_meanings", "_reveals", "_versions",
                 "_weigh", "found")

    def __init__(self, meanings: Meanings, weigh: Weigh, reveals: Callable[[Sequence[str]], bool], excuse: Excuse,
                 hidden: Counter[str]) -> None:
        self.found: list[Weighed] = []
        self._meanings = meanings
        self._weigh, self._reveals, self._excuse = weigh, reveals, excuse
        self._hidden = hidden
        self._grave = False
        # The differences that there are, up to MAX_FOUND, and the critical ones among them that are sure to be kept.
        self._count = self._kept = 0
        # Versions of resources, by their index in `found`, and the resources that differ in anything else.
        self._versions: list[tuple[int, int]] = []
        self._differing: set[int] = set()

    def add(self, kind: str, steps: list[Step], matcher: Matcher[Directive], old: Tree, new: Tree) -> bool:
        """Weigh a difference. Returns whether others still matter."""
        names = _names(steps)
        meant = self._meanings.of(steps, old, new)
        excused = self._excuse(names, meant) if kind == "value" else ""
        if excused and excused != VERSION:
            self._hidden[excused] += 1
            return True
        if not excused:
            self._differing.update(map(id, meant.resources))
        elif self._count < MAX_FOUND:
            self._versions.append((len(self.found), id(meant.resources[-1])))
        if self._kept >= MAX_DIFFERENCES and not excused and kind not in _ALONE:
            # However much this one matters, others are kept in its place.
            self._count += 1
            return self._count < MAX_FOUND
        before, after = shape_of(old), shape_of(new)
        if self._reveals(names) or (matcher.found and any(one.reveal for one in matcher.found)):
            before, after = revealed(before, old), revealed(after, new)
        weighed = SHUFFLED if isinstance(old, Position) and old.means else kind
        severity = Severity.CRITICAL if kind == IDENTITY else _said(matcher, kind) or self._weigh(
            weighed, names, before, after, meant)
        grave = severity is Severity.CRITICAL
        self._grave = self._grave or grave
        self._kept += grave and not excused and kind not in _ALONE
        if self._count < MAX_FOUND or grave:
            self.found.append(Weighed(kind, steps, before, after, severity, old, new, matcher))
            self._count += 1
        return not (self._grave and self._count >= MAX_FOUND)

    def settle(self) -> None:
        """Take out the versions of resources that differ in nothing else, once all differences are known."""
        for at, resource in reversed(self._versions):
            if resource not in self._differing:
                del self.found[at]
                self._hidden[VERSION] += 1

    def give_up(self) -> None:
        """If much differs, and the rest is unknown, it may hold something critical: so it counts as critical."""
        if self._count >= MAX_FOUND:
            self.found[-1] = self.found[-1]._replace(severity=Severity.CRITICAL)

    def reunite(self, form: str, prints: Prints) -> None:
        """Make one difference of a child that is missing in one element and extra in another one: it moved. It then
        belongs to something else, such as a result to another patient."""
        lost: dict[tuple[str, int], deque[int]] = defaultdict(deque)
        gained: dict[tuple[str, int], deque[int]] = defaultdict(deque)
        try:
            for at, one in enumerate(self.found):
                name, value = one.steps[-2:-1], one.old if one.kind == "missing" else one.new
                if one.kind in _ALONE and name and isinstance(name[0], str) \
                        and isinstance(value, dict) and places.is_child(form, name[0]):
                    side = lost if one.kind == "missing" else gained
                    side[name[0], prints.of(value, one.matcher)].append(at)
        except Budget:
            pass  # Those that were not looked at stay two differences.
        gone: set[int] = set()
        for key, before in lost.items():
            for at, other in zip(before, gained.get(key, ()), strict=False):
                self.found[at] = self._away(self.found[at], self.found[other], form)
                gone.add(other)
        if gone:
            self.found = [one for at, one in enumerate(self.found) if at not in gone]

    def _away(self, one: Weighed, its: Weighed, form: str) -> Weighed:
        meant = self._meanings.of(one.steps, one.old, its.new)
        names = _names(one.steps)
        kind = AWAY if form == "hl7v2" or names == _names(its.steps) else ELSEWHERE
        severity = _said(one.matcher, "moved") or self._weigh(kind, names, one.legacy, its.modern, meant)
        return one._replace(kind="moved", modern=its.modern, severity=severity, new=its.new, modern_steps=its.steps)


def _names(steps: Sequence[Step]) -> list[str]:
    return [step if isinstance(step, str) else "*" for step in steps]


def _said(matcher: Matcher[Directive], kind: str) -> Severity | None:
    """What a rule with a condition says of how much a difference matters."""
    if not matcher.found:
        return None
    return next((one.severity for one in matcher.found if one.severity and one.kind in ("", kind)), None)


def revealed(hidden: Shape, value: Tree) -> Shape:
    """The shape with the value in it, up to LONGEST_NAME characters."""
    return hidden._replace(form=f'"{value[:LONGEST_NAME]}"') if isinstance(value, str) else hidden


def worst(found: list[Weighed]) -> list[Weighed]:
    """The MAX_DIFFERENCES that matter most, in the order in which they were found."""
    if len(found) <= MAX_DIFFERENCES:
        return found
    kept = sorted(range(len(found)), key=lambda at: found[at].severity.rank)[:MAX_DIFFERENCES]
    return [found[at] for at in sorted(kept)]


class Paths:
    """Writes the paths of differences in two documents, as they may be shown. Two differences after each other mostly
    have the beginning of their ways in common: it is written once."""

    __slots__ = ("_form", "_key", "_listed", "_masks", "_places", "_shown", "_steps")

    def __init__(self, form: str, key: bytes, masks: Masks, root: Place) -> None:
        self._form = form
        self._key = key
        self._masks = masks
        self._steps: list[Step] = []
        self._shown: list[Step] = []
        # Of the root and of the place after each step: where it is, and whether there are several of something on the
        # way to what is in it.
        self._places = [root]
        self._listed = [_has_several(root)]

    def stripped(self, one: Weighed) -> Difference:
        """The difference without its values."""
        shown = self._of(one.steps)
        listed = any(self._listed[:-1])
        masked = [step for step, name in zip(one.steps, shown, strict=True)
                  if isinstance(step, str) and isinstance(name, str) and MASKED in name]
        path = places.spelled(self._form, shown, 0)
        elsewhere = one.modern_steps is not None or any(isinstance(step, tuple) for step in shown)
        other = shown if one.modern_steps is None else self._of(one.modern_steps)
        modern = places.spelled(self._form, other, 1) if elsewhere else path
        where = placed(path)
        return Difference(
            one.kind, path, one.legacy, one.modern, one.severity, "" if modern == path else modern,
            token(self._key, where, one.old), token(self._key, where, one.new), of_names(self._key, masked), listed,
        )

    def _of(self, steps: list[Step]) -> list[Step]:
        """The steps as a path may show them."""
        same = 0
        for step, known in zip(steps, self._steps, strict=False):
            if step != known:
                break
            same += 1
        del self._shown[same:], self._places[same + 1:], self._listed[same + 1:]
        at = self._places[same]
        for step in steps[same:]:
            self._shown.append(self._masks.shown(at, step) if isinstance(step, str) else step)
            at = self._masks.below(at, step)
            self._places.append(at)
            self._listed.append(_has_several(at))
        self._steps = steps
        return list(self._shown)


def _has_several(place: Place) -> bool:
    return max([len(side) for side in place.sides if isinstance(side, list)], default=0) > 1
