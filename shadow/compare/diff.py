"""The comparator of trees: two trees → their differences by path. Iterative, linear and lossless; it keeps no value.

`shadow.compare.pairing` decides which items of two lists are compared with each other, rules decide what counts as a
difference, and `shadow.compare.names` masks member names that are data, since paths are stored, reported and logged.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple, TypeAlias

from adapters.document import Number, Tree
from shadow.compare.benign import VERSION
from shadow.compare.difference import ABSENT, Difference, Severity, Shape, placed, shape
from shadow.compare.identifiers import Identifier, Identities, Met
from shadow.compare.meaning import Meaning, is_xml, meaning
from shadow.compare.names import LONGEST_NAME, MASKED, Masks, Position, Step
from shadow.compare.pairing import between_ends
from shadow.compare.patterns import AUTO, PLAIN, Directive, Matcher
from shadow.compare.prints import Budget, Prints
from shadow.compare.tokens import of_names, token
from shadow.normalisers.base import Normaliser

MAX_DEPTH = 1024
"""Levels of nesting at most. Differences further down are not named, since their pointers could be of any length."""

_SHALLOW = 16
"""Levels down to which equal parts are told by one look at all below them."""

MAX_DIFFERENCES = 200
"""Differences of one comparison that are kept at most, the worst first. More would change no outcome."""

MAX_FOUND = 5_000
"""Differences of one comparison that are collected at most. After that, only a critical one is looked for."""

IDENTITY = "identity"
"""The kind of a difference that no rule can hide: an identifier is bound to another one. It is always critical."""


class DiffError(ValueError):
    """Two trees cannot be compared within the bounds. `reason` is "too_deep" or "budget"."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


# The way from the root to a place: (the way to the place above, the last step); None is the root. A linked list costs
# one tuple a step; it is turned into a path only for what differs.
# mypyc cannot compile a type that names itself. A plain tuple type would be copied, and `_doubtful` goes by identity.
_Trail: TypeAlias = Any


def _steps(trail: _Trail) -> list[Step] | None:
    """The steps from the root; None if there are more than MAX_DEPTH."""
    steps: list[Step] = []
    while trail is not None:
        trail, step = trail
        steps.append(step)
        if len(steps) > MAX_DEPTH:
            return None
    steps.reverse()
    return steps


def _is_deep(trail: _Trail) -> bool:
    """Whether a place is so deep that to look at all below it, at each level above, would take long."""
    for _ in range(_SHALLOW):
        if trail is None:
            return False
        trail = trail[0]
    return True


def _numbers(legacy: Number, modern: Number) -> str:
    try:
        return "precision" if Decimal(legacy) == Decimal(modern) else "value"
    except InvalidOperation:  # an exponent past what Decimal holds
        return "value"


class _Gone:
    """The type of GONE. No tree holds it."""


GONE = _Gone()
"""Stands for the value on a side that has none."""

_Found: TypeAlias = tuple[str, _Trail, Matcher[Directive], Tree, Tree]
"""Kind, the way to the place, the matcher there, legacy's value and modern's. Kind "" is still to be compared."""


class _Walk:
    """One comparison under way."""

    __slots__ = ("_doubtful", "_identities", "_prints", "hidden")

    def __init__(self, looks: int, identities: Identities | None) -> None:
        self._prints = Prints(looks, identities)
        self._identities = identities
        self._doubtful: dict[int, _Trail] = {}
        self.hidden: Counter[str] = Counter()

    def differences(self, legacy: Tree, modern: Tree, directives: Matcher[Directive]) -> Iterator[_Found]:
        """Every difference, in document order; moved items come after all others of their list. Raises Budget."""
        stack: list[_Found] = [("", None, directives, legacy, modern)]
        while stack:
            kind, trail, matcher, old, new = stack.pop()
            self._prints.spend(1)
            if not kind:
                if isinstance(old, dict) and isinstance(new, dict):
                    stack += reversed(self._members(trail, matcher, old, new))
                    continue
                if isinstance(old, list) and isinstance(new, list):
                    stack += reversed(self._items(trail, matcher, old, new))
                    continue
                if isinstance(old, Identifier) and isinstance(new, Identifier):
                    met = self._meet(trail, old, new)
                    if met is Met.SAME:
                        continue
                    kind = IDENTITY if met is Met.CONFLICT else ""
                old, new = _plain(old), _plain(new)
                if not kind and type(old) is type(new) and old == new:
                    continue
                kind = kind or _kind(old, new)
            if kind == IDENTITY:
                yield kind, trail, matcher, old, new  # No rule can hide it.
            elif (by := hidden_by(kind, matcher, old, new)) is not None:
                self.hidden[by] += 1
            else:
                yield kind, trail, matcher, old, new

    def _meet(self, trail: _Trail, old: Identifier, new: Identifier) -> Met:
        above, certain = trail, True
        while above is not None and certain and self._doubtful:
            certain = id(above) not in self._doubtful
            above = above[0]
        assert self._identities is not None
        met = self._identities.meet(old, new, certain=certain)
        if met is Met.SAME and old.plain != new.plain:
            self.hidden[old.rule] += 1
        return met

    def _members(self, trail: _Trail, matcher: Matcher[Directive], old: Tree, new: Tree) -> list[_Found]:
        """The members of two objects that must be looked at: containers, and leaves that differ."""
        self._prints.spend(len(old))
        found: list[_Found] = []
        for name, before in old.items():
            after = new.get(name, GONE)
            # Scalars of two types are unequal, so `!=` loses nothing. Containers are looked at later.
            if isinstance(before, _LOOKED_AT) or before != after:
                found.append(("", (trail, name), matcher.step(name), before, after))
        if len(old) != len(new) or old.keys() != new.keys():
            found += [("", (trail, name), matcher.step(name), GONE, after)
                      for name, after in new.items() if name not in old]
        return found

    def _items(self, trail: _Trail, matcher: Matcher[Directive], old: Tree, new: Tree) -> list[_Found]:
        """The items of two lists that must be looked at, in pairs or alone."""
        said = next((one for one in matcher.found if one.order is not None), None)
        order = AUTO if said is None or said.order is None else said.order
        inside = matcher.step(None)
        pairing = between_ends(old, new, order, inside, self._prints, deep=_is_deep(trail))
        found: list[tuple[int, _Found]] = [(i, ("", (trail, i if i == j else (i, j)), inside, old[i], new[j]))
                                           for i, j in pairing.pairs]
        found += [(i, ("", (trail, i), inside, old[i], GONE)) for i in pairing.missing]
        found += [(j, ("", (trail, j), inside, GONE, new[j])) for j in pairing.extra]
        found.sort(key=_index)
        steps = [one for _, one in found]
        if pairing.doubtful and self._identities is not None:
            self._doubtful.update((id(one[1]), one[1]) for i, one in found if i in pairing.doubtful)
        if said is not None and order.kind in ("keyed", "multiset"):
            if pairing.moved:
                self.hidden[said.id] += len(pairing.moved)
        else:
            steps += [("moved", (trail, (i, j)), inside, old[i], new[j]) for i, j in pairing.moved]
        return steps


_OF_TWO_VALUES = frozenset({"value", "precision", "header", "trailer"})
"""Kinds of differences that a normaliser may hide."""

_LOOKED_AT = (dict, list, Identifier)
"""Types of values that are looked at even if both sides are equal."""


def _plain(value: Tree) -> Tree:
    return value.plain if isinstance(value, Identifier) else value


def _index(found: tuple[int, _Found]) -> int:
    return found[0]


def _kind(old: Tree, new: Tree) -> str:
    if new is GONE:
        return "missing"
    if old is GONE:
        return "extra"
    if type(old) is not type(new):
        return "type"
    return _numbers(old, new) if isinstance(old, Number) else "value"


def hidden_by(kind: str, matcher: Matcher[Directive], old: Tree, new: Tree) -> str | None:
    """The id of the first rule that hides a difference; None if none does."""
    same = kind in _OF_TWO_VALUES and old is not GONE and new is not GONE
    normalisers = []
    for one in matcher.found:
        if one.ignore and one.kind in ("", kind) and (not one.shape or _both_are(one.shape, old, new)):
            return one.id
        if same and one.normaliser is not None:
            if one.normaliser.alike(old, new):
                return one.id
            normalisers.append((one.id, one.normaliser))
    return _hidden_together(normalisers, old, new) if len(normalisers) > 1 else None


def _both_are(group: str, old: Tree, new: Tree) -> bool:
    """Whether both values have this shape, lengths aside."""
    return old is not GONE and new is not GONE and shape(old).group == shape(new).group == group


def _hidden_together(normalisers: list[tuple[str, Normaliser]], old: Tree, new: Tree) -> str | None:
    """The id of the first of several normalisers if they hide a difference together, such as capitals and spaces."""
    for _, one in normalisers:
        before, after = one.form(old), one.form(new)
        if isinstance(before, str) and isinstance(after, str):
            old, new = before, after
    return normalisers[0][0] if old == new else None


Weigh: TypeAlias = Callable[[str, Sequence[str], Shape, Shape, Meaning], Severity]
"""How much a difference matters: (kind, names on the way, "*" for an index, legacy's shape, modern's, what the place
means) → Severity."""


def _major(kind: str, names: Sequence[str], legacy: Shape, modern: Shape, meant: Meaning) -> Severity:
    return Severity.MAJOR


def _nothing(names: Sequence[str]) -> bool:
    return False


Excuse: TypeAlias = Callable[[Sequence[str], Meaning], str]
"""The id of the default rule by which two values are one, or "": (names on the way, what the place means) → id."""


def _none(names: Sequence[str], meant: Meaning) -> str:
    return ""


def revealed(hidden: Shape, value: Tree) -> Shape:
    """The shape with the value in it, up to LONGEST_NAME characters."""
    return hidden._replace(form=f'"{value[:LONGEST_NAME]}"') if isinstance(value, str) else hidden


class Diff(NamedTuple):
    """The differences of two trees, in document order, at most MAX_DIFFERENCES; and how many each rule hid."""

    differences: tuple[Difference, ...]
    hidden: tuple[tuple[str, int], ...]


class _Weighed(NamedTuple):
    """A difference that still has its values, before it is decided which are kept."""

    kind: str
    steps: list[Step]
    legacy: Shape
    modern: Shape
    severity: Severity
    old: Tree
    new: Tree


def diff(
    legacy: Tree, modern: Tree, directives: Matcher[Directive] = PLAIN, weigh: Weigh = _major,
    reveals: Callable[[Sequence[str]], bool] = _nothing, looks: int = 4_000_000, key: bytes = b"",
    identities: Identities | None = None, maps: bool = False, excuse: Excuse = _none,
) -> Diff:
    """What differs between two trees, without what rules (`directives`) and `excuse` hide. If `reveals` is true for a
    place, the shape shows the scalar there.

    `looks` bounds the work, so that no input takes unbounded time. `key` makes the tokens. With `maps`, objects may be
    maps, whose member names are data. With `identities`, the trees are changed, so they must belong to the caller.
    Raises DiffError if a bound was reached before the first difference, and nothing else.
    """
    refused = ""
    walk = _Walk(looks, identities)
    if identities is not None:
        legacy = identities.mark(legacy, directives, legacy=True)
        modern = identities.mark(modern, directives, legacy=False)
        identities.begin(legacy, modern)
    worth = _Worth(legacy, modern, weigh, reveals, excuse, walk.hidden)
    try:
        for one in walk.differences(legacy, modern, directives):
            steps = _steps(one[1])
            if steps is None:
                refused = "too_deep"
            elif not worth.add(one[0], steps, one[3], one[4]):
                break
        else:
            worth.settle()
    except Budget:
        refused = "budget"
        if len(worth.found) >= MAX_FOUND:
            # Much differs, and the rest is unknown. It may hold something critical, so it counts as critical.
            worth.found[-1] = worth.found[-1]._replace(severity=Severity.CRITICAL)
    if refused and not worth.found:
        raise DiffError(refused)
    masks = Masks(directives, guess=maps)
    root = masks.root(legacy, modern)
    return Diff(tuple(_kept(one, key, masks, root) for one in _worst(worth.found)), tuple(sorted(walk.hidden.items())))


class _Worth:
    """Weighs the differences of one comparison as they are found, and keeps those that count."""

    __slots__ = ("_differing", "_excuse", "_grave", "_hidden", "_in_xml", "_legacy", "_modern", "_reveals", "_versions",
                 "_weigh", "found")

    def __init__(self, legacy: Tree, modern: Tree, weigh: Weigh, reveals: Callable[[Sequence[str]], bool],
                 excuse: Excuse, hidden: Counter[str]) -> None:
        self.found: list[_Weighed] = []
        self._legacy, self._modern = legacy, modern
        self._in_xml = is_xml(legacy) or is_xml(modern)
        self._weigh, self._reveals, self._excuse = weigh, reveals, excuse
        self._hidden = hidden
        self._grave = False
        # Versions of resources, by their index in `found`, and the resources that differ in anything else.
        self._versions: list[tuple[int, int]] = []
        self._differing: set[int] = set()

    def add(self, kind: str, steps: list[Step], old: Tree, new: Tree) -> bool:
        """Weigh a difference. Returns whether others still matter."""
        names = [step if isinstance(step, str) else "*" for step in steps]
        meant = meaning(self._legacy, self._modern, steps, old, new, in_xml=self._in_xml)
        excused = self._excuse(names, meant) if kind == "value" else ""
        if excused and excused != VERSION:
            self._hidden[excused] += 1
            return True
        if not excused:
            self._differing.update(map(id, meant.resources))
        elif len(self.found) < MAX_FOUND:
            self._versions.append((len(self.found), id(meant.resources[-1])))
        before, after = (ABSENT if one is GONE else shape(one) for one in (old, new))
        if self._reveals(names):
            before, after = revealed(before, old), revealed(after, new)
        severity = Severity.CRITICAL if kind == IDENTITY else self._weigh(kind, names, before, after, meant)
        self._grave = self._grave or severity is Severity.CRITICAL
        if len(self.found) < MAX_FOUND or severity is Severity.CRITICAL:
            self.found.append(_Weighed(kind, steps, before, after, severity, old, new))
        return not (self._grave and len(self.found) >= MAX_FOUND)

    def settle(self) -> None:
        """Take out the versions of resources that differ in nothing else, once all differences are known."""
        for at, resource in reversed(self._versions):
            if resource not in self._differing:
                del self.found[at]
                self._hidden[VERSION] += 1


def _worst(found: list[_Weighed]) -> list[_Weighed]:
    """The MAX_DIFFERENCES that matter most, in document order."""
    if len(found) <= MAX_DIFFERENCES:
        return found
    kept = sorted(range(len(found)), key=lambda at: found[at].severity.rank)[:MAX_DIFFERENCES]
    return [found[at] for at in sorted(kept)]


def _kept(one: _Weighed, key: bytes, masks: Masks, root: Position) -> Difference:
    """The difference without its values."""
    at = root
    shown: list[Step] = []
    for step in one.steps:
        shown.append(masks.shown(at, step) if isinstance(step, str) else step)
        at = masks.below(at, step)
    path, modern = (
        "".join(f"/{step[side] if isinstance(step, tuple) else step}" for step in shown) for side in (0, 1))
    masked = [step for step, name in zip(one.steps, shown, strict=True) if name == MASKED and isinstance(step, str)]
    where = placed(path)
    return Difference(
        one.kind, path, one.legacy, one.modern, one.severity, "" if modern == path else modern,
        token(key, where, one.old), token(key, where, one.new), of_names(key, masked),
    )
