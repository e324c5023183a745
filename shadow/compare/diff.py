"""The comparator of trees: two trees → their differences by path. Iterative, linear and lossless; it keeps no value.

`shadow.compare.pairing` decides which items of two lists are compared with each other, rules decide what counts as a
difference, and `shadow.compare.names` masks member names that are data, since paths are stored, reported and logged.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple, TypeAlias

from adapters.document import Number, Tree
from adapters.trees.order import ORDER
from shadow.compare import children
from shadow.compare.difference import Difference
from shadow.compare.findings import (
    GONE,
    IDENTITY,
    Excuse,
    Paths,
    Position,
    Weigh,
    Worth,
    major,
    none,
    nothing,
    shape_of,
    worst,
)
from shadow.compare.identifiers import Identifier, Identities, Met
from shadow.compare.meaning import Meanings
from shadow.compare.names import FORMS, Masks, Step
from shadow.compare.pairing import Pairing, belong, pair, unequal
from shadow.compare.patterns import AUTO, PLAIN, Directive, Matcher
from shadow.compare.prints import Budget, Prints
from shadow.normalisers.base import Normaliser

MAX_DEPTH = 1024
"""Levels of nesting at most. Differences further down are not named, since their pointers could be of any length."""

_SHALLOW = 16
"""Levels down to which equal parts are told by one look at all below them."""


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


def _are_equal(old: Tree, new: Tree) -> bool:
    try:
        return bool(old == new)
    except RecursionError:
        return False  # It is looked at level by level.


def _numbers(legacy: Number, modern: Number) -> str:
    try:
        return "precision" if Decimal(legacy) == Decimal(modern) else "value"
    except InvalidOperation:  # an exponent past what Decimal holds
        return "value"


_Found: TypeAlias = tuple[str, _Trail, Matcher[Directive], Tree, Tree]
"""Kind, the way to the place, the matcher there, legacy's value and modern's. Kind "" is still to be compared."""


class _Walk:
    """One comparison under way. `form` is how the bodies were read: in some forms, elements have children in order."""

    __slots__ = ("_doubtful", "_form", "_identities", "_ordered", "hidden", "prints")

    def __init__(self, looks: int, identities: Identities | None, form: str) -> None:
        self.prints = Prints(looks, identities)
        self._identities = identities
        self._form = form
        self._ordered = form in children.ORDERED
        self._doubtful: dict[int, _Trail] = {}
        self.hidden: Counter[str] = Counter()

    def differences(self, legacy: Tree, modern: Tree, directives: Matcher[Directive]) -> Iterator[_Found]:
        """Every difference, in document order; moved items come after all others of their list. Raises Budget."""
        stack: list[_Found] = [("", None, directives, legacy, modern)]
        while stack:
            kind, trail, matcher, old, new = stack.pop()
            self.prints.spend(1)
            if matcher.conditional:
                matcher = matcher.given(*(one for one in (old, new) if one is not GONE))
            if not kind:
                if isinstance(old, dict) and isinstance(new, dict):
                    ordered = self._ordered and (ORDER in old or ORDER in new)
                    stack += reversed((self._element if ordered else self._members)(trail, matcher, old, new))
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
        self.prints.spend(len(old))
        found: list[_Found] = []
        whole = self._identities is None and not _is_deep(trail)
        for name, before in old.items():
            after = new.get(name, GONE)
            # One object that is in both documents was read once, as equal parts of them. Scalars of two types are
            # unequal, so `==` loses nothing.
            if before is after or (_are_equal(before, after) if whole else
                                   not isinstance(before, _LOOKED_AT) and before == after):
                continue
            found.append(("", (trail, name), matcher.step(name), before, after))
        if len(old) != len(new) or old.keys() != new.keys():
            found += [("", (trail, name), matcher.step(name), GONE, after)
                      for name, after in new.items() if name not in old]
        return found

    def _element(self, trail: _Trail, matcher: Matcher[Directive], old: Tree, new: Tree) -> list[_Found]:
        """The members of two elements that must be looked at: also children, in pairs or alone, and those that moved.
        """
        named = children.names(old, new)
        found = self._members(trail, matcher, *({name: value for name, value in one.items()
                                                 if name not in named and name != ORDER} for one in (old, new)))
        pairs: dict[str, list[tuple[int, int]]] = {}
        free: dict[str, str] = {}
        same = old.get(ORDER) == new.get(ORDER)
        for name in named:
            at = matcher.step(name)
            before, after = children.called(old, name), children.called(new, name)
            said = _order(at)
            inside = at.step(None)
            if said is None and len(before) == len(after) == 1:
                pairs[name] = _FIRST
                if before[0] is not after[0]:
                    found.append(("", ((trail, name), 0), inside, before[0], after[0]))
                continue
            if said is None or said.order is None or said.order.kind == "auto":
                pairing = children.paired(before, after, name, self._form, inside, self.prints)
            else:
                pairing = pair(before, after, said.order, inside, self.prints)
                if said.order.kind in ("keyed", "multiset"):
                    free[name] = said.id
            found += self._paired((trail, name), inside, before, after, pairing)
            pairs[name] = pairing.pairs
            same = same and len(before) == len(after) == len(pairing.pairs) and all(i == j for i, j in pairing.pairs)
        if not same:
            found += self._moved(trail, matcher, old, new, pairs, free)
        return found

    def _moved(
        self, trail: _Trail, matcher: Matcher[Directive], old: Tree, new: Tree,
        pairs: dict[str, list[tuple[int, int]]], free: dict[str, str],
    ) -> list[_Found]:
        """The children of two elements that are out of order. Those of `free` names may be, by the rules of these ids;
        if a rule says `all` of the element, all may."""
        every = children.moved(old, new, pairs)
        by = next((one.id for one in matcher.found if one.order is not None and one.order.kind == "all"), "")
        bound = every if not free or by else children.moved(
            old, new, {name: some for name, some in pairs.items() if name not in free})
        if by or len(bound) < len(every):
            self.hidden[by or next(iter(free.values()))] += len(every) if by else len(every) - len(bound)
        if by:
            return []
        means = children.mixed(old) or children.mixed(new)
        return [("moved", ((trail, one.name), one.old if one.old == one.new else (one.old, one.new)),
                 matcher.step(one.name).step(None), Position(one.old_position, means=means),
                 Position(one.new_position, means=means)) for one in bound]

    def _items(self, trail: _Trail, matcher: Matcher[Directive], old: Tree, new: Tree) -> list[_Found]:
        """The items of two lists that must be looked at, in pairs or alone."""
        said = _order(matcher)
        inside = matcher.step(None)
        if said is None and len(old) == len(new) == 1 and belong(old[0], new[0]):
            return [] if old[0] is new[0] else [("", (trail, 0), inside, old[0], new[0])]
        order = AUTO if said is None or said.order is None else said.order
        pairing = unequal(old, new, order, inside, self.prints, deep=_is_deep(trail))
        steps = self._paired(trail, inside, old, new, pairing)
        if said is not None and order.kind in ("keyed", "multiset", "all"):
            if pairing.moved:
                self.hidden[said.id] += len(pairing.moved)
        else:
            steps += [("moved", (trail, (i, j)), inside, old[i], new[j]) for i, j in pairing.moved]
        return steps

    def _paired(
        self, trail: _Trail, inside: Matcher[Directive], old: list[Tree], new: list[Tree], pairing: Pairing,
    ) -> list[_Found]:
        """The items of two lists, in pairs or alone, in order. Those that are one object need no look."""
        found: list[tuple[int, _Found]] = [(i, ("", (trail, i if i == j else (i, j)), inside, old[i], new[j]))
                                           for i, j in pairing.pairs if old[i] is not new[j]]
        found += [(i, ("", (trail, i), inside, old[i], GONE)) for i in pairing.missing]
        found += [(j, ("", (trail, j), inside, GONE, new[j])) for j in pairing.extra]
        found.sort(key=_index)
        if pairing.doubtful and self._identities is not None:
            self._doubtful.update((id(one[1]), one[1]) for i, one in found if i in pairing.doubtful)
        return [one for _, one in found]


_OF_TWO_VALUES = frozenset({"value", "precision", "header", "trailer"})
"""Kinds of differences that a normaliser may hide."""

_FIRST = [(0, 0)]
"""The pairs of two lists of one item each."""

_LOOKED_AT = (dict, list, Identifier)
"""Types of values that are looked at even if both sides are equal."""


def _plain(value: Tree) -> Tree:
    return value.plain if isinstance(value, Identifier) else value


def _order(matcher: Matcher[Directive]) -> Directive | None:
    """What the first rule about order says of a place."""
    if not matcher.found:
        return None
    return next((one for one in matcher.found if one.order is not None), None)


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
    if not matcher.found:
        return None
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
    return old is not GONE and new is not GONE and shape_of(old).group == shape_of(new).group == group


def _hidden_together(normalisers: list[tuple[str, Normaliser]], old: Tree, new: Tree) -> str | None:
    """The id of the first of several normalisers if they hide a difference together, such as capitals and spaces."""
    for _, one in normalisers:
        before, after = one.form(old), one.form(new)
        if isinstance(before, str) and isinstance(after, str):
            old, new = before, after
    return normalisers[0][0] if old == new else None


class Diff(NamedTuple):
    """The differences of two trees, in document order, at most MAX_DIFFERENCES; and how many each rule hid."""

    differences: tuple[Difference, ...]
    hidden: tuple[tuple[str, int], ...]


def diff(
    legacy: Tree, modern: Tree, directives: Matcher[Directive] = PLAIN, weigh: Weigh = major,
    reveals: Callable[[Sequence[str]], bool] = nothing, looks: int = 4_000_000, key: bytes = b"",
    identities: Identities | None = None, form: str = "", excuse: Excuse = none,
) -> Diff:
    """What differs between two trees, without what rules (`directives`) and `excuse` hide. If `reveals` is true for a
    place, the shape shows the scalar there.

    `looks` bounds the work, so that no input takes unbounded time. `key` makes the tokens. `form` is how the bodies
    were read ("json", "xml" …). With `identities`, the trees are changed, so they must belong to the caller.
    Raises DiffError if a bound was reached before the first difference, and nothing else.
    """
    refused = ""
    walk = _Walk(looks, identities, form)
    if identities is not None:
        legacy = identities.mark(legacy, directives, legacy=True)
        modern = identities.mark(modern, directives, legacy=False)
        identities.begin(legacy, modern)
    worth = Worth(Meanings(legacy, modern, form), weigh, reveals, excuse, walk.hidden)
    try:
        for kind, trail, matcher, old, new in walk.differences(legacy, modern, directives):
            steps = _steps(trail)
            if steps is None:
                refused = "too_deep"
            elif not worth.add(kind, steps, matcher, old, new):
                break
        else:
            worth.settle()
    except Budget:
        refused = "budget"
        worth.give_up()
    if refused and not worth.found:
        raise DiffError(refused)
    if form in children.FORMS:
        worth.reunite(form, walk.prints)
    masks = Masks(directives, guess=form in FORMS)
    paths = Paths(form, key, masks, masks.root(legacy, modern))
    return Diff(tuple(map(paths.stripped, worst(worth.found))), tuple(sorted(walk.hidden.items())))
