"""What a comparison has found, how much it matters, and what of it is kept: differences without their values."""

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

from adapters.document import Tree
from shadow.compare import places
from shadow.compare.benign import VERSION
from shadow.compare.difference import ABSENT, Difference, Severity, Shape, placed, shape
from shadow.compare.meaning import Meaning, is_xml, meaning
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
    """Reveals nothing."""
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

    __slots__ = ("_differing", "_excuse", "_grave", "_hidden", "_in_xml", "_legacy", "_modern", "_reveals", "_versions",
                 "_weigh", "found")

    def __init__(self, legacy: Tree, modern: Tree, weigh: Weigh, reveals: Callable[[Sequence[str]], bool],
                 excuse: Excuse, hidden: Counter[str]) -> None:
        self.found: list[Weighed] = []
        self._legacy, self._modern = legacy, modern
        self._in_xml = is_xml(legacy) or is_xml(modern)
        self._weigh, self._reveals, self._excuse = weigh, reveals, excuse
        self._hidden = hidden
        self._grave = False
        # Versions of resources, by their index in `found`, and the resources that differ in anything else.
        self._versions: list[tuple[int, int]] = []
        self._differing: set[int] = set()

    def add(self, kind: str, steps: list[Step], matcher: Matcher[Directive], old: Tree, new: Tree) -> bool:
        """Weigh a difference. Returns whether others still matter."""
        names = _names(steps)
        meant = meaning(self._legacy, self._modern, steps, old, new, in_xml=self._in_xml)
        excused = self._excuse(names, meant) if kind == "value" else ""
        if excused and excused != VERSION:
            self._hidden[excused] += 1
            return True
        if not excused:
            self._differing.update(map(id, meant.resources))
        elif len(self.found) < MAX_FOUND:
            self._versions.append((len(self.found), id(meant.resources[-1])))
        before, after = shape_of(old), shape_of(new)
        if self._reveals(names) or any(one.reveal for one in matcher.found):
            before, after = revealed(before, old), revealed(after, new)
        weighed = SHUFFLED if isinstance(old, Position) and old.means else kind
        severity = Severity.CRITICAL if kind == IDENTITY else _said(matcher, kind) or self._weigh(
            weighed, names, before, after, meant)
        self._grave = self._grave or severity is Severity.CRITICAL
        if len(self.found) < MAX_FOUND or severity is Severity.CRITICAL:
            self.found.append(Weighed(kind, steps, before, after, severity, old, new, matcher))
        return not (self._grave and len(self.found) >= MAX_FOUND)

    def settle(self) -> None:
        """Take out the versions of resources that differ in nothing else, once all differences are known."""
        for at, resource in reversed(self._versions):
            if resource not in self._differing:
                del self.found[at]
                self._hidden[VERSION] += 1

    def give_up(self) -> None:
        """If much differs, and the rest is unknown, it may hold something critical: so it counts as critical."""
        if len(self.found) >= MAX_FOUND:
            self.found[-1] = self.found[-1]._replace(severity=Severity.CRITICAL)

    def reunite(self, form: str, prints: Prints) -> None:
        """Make one difference of a child that is missing in one element and extra in another one: it moved. It then
        belongs to something else, such as a result to another patient."""
        lost: dict[tuple[str, int], deque[int]] = defaultdict(deque)
        gained: dict[tuple[str, int], deque[int]] = defaultdict(deque)
        try:
            for at, one in enumerate(self.found):
                name, value = one.steps[-2:-1], one.old if one.kind == "missing" else one.new
                if one.kind in ("missing", "extra") and name and isinstance(name[0], str) \
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
        meant = meaning(self._legacy, self._modern, one.steps, one.old, its.new, in_xml=self._in_xml)
        names = _names(one.steps)
        kind = AWAY if form == "hl7v2" or names == _names(its.steps) else ELSEWHERE
        severity = _said(one.matcher, "moved") or self._weigh(kind, names, one.legacy, its.modern, meant)
        return one._replace(kind="moved", modern=its.modern, severity=severity, new=its.new, modern_steps=its.steps)


def _names(steps: Sequence[Step]) -> list[str]:
    return [step if isinstance(step, str) else "*" for step in steps]


def _said(matcher: Matcher[Directive], kind: str) -> Severity | None:
    """What a rule with a condition says of how much a difference matters."""
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


def stripped(one: Weighed, form: str, key: bytes, masks: Masks, root: Place) -> Difference:
    """The difference without its values. `key` makes the tokens."""
    shown, masked, listed = _shown(one.steps, masks, root)
    other = shown if one.modern_steps is None else _shown(one.modern_steps, masks, root)[0]
    path, modern = places.spelled(form, shown, 0), places.spelled(form, other, 1)
    where = placed(path)
    return Difference(
        one.kind, path, one.legacy, one.modern, one.severity, "" if modern == path else modern,
        token(key, where, one.old), token(key, where, one.new), of_names(key, masked), listed,
    )


def _shown(steps: list[Step], masks: Masks, root: Place) -> tuple[list[Step], list[str], bool]:
    """The steps as a path may show them, the names that it masks, and whether there are several of something."""
    at = root
    shown: list[Step] = []
    masked = []
    listed = False
    for step in steps:
        listed = listed or any(isinstance(side, list) and len(side) > 1 for side in at.sides)
        name = masks.shown(at, step) if isinstance(step, str) else step
        if isinstance(step, str) and isinstance(name, str) and MASKED in name:
            masked.append(step)
        shown.append(name)
        at = masks.below(at, step)
    return shown, masked, listed
