"""Draft: a pair whose bodies are trees, taken apart into units. Pure.

A unit is one place of both trees, paired as the comparator pairs them. Shrinking removes or replaces whole units, so
the two sides keep matching each other.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from adapters.document import DocumentError, Path, Tree
from adapters.document import replace as put
from adapters.trees.order import ORDER
from shadow.compare.bodies import UNWRITTEN, Form, Unreadable, form_of, read, write
from shadow.compare.pair import Pair
from shadow.compare.pairing import pair as paired
from shadow.compare.patterns import AUTO, PLAIN, Directive, Matcher
from shadow.compare.prints import Budget, Prints
from shadow.compare.rules import defaults

_LOOKS = 4_000_000
"""Work that pairing one list may take, as in a comparison."""


def with_body(pair: Pair, side: int, body: bytes) -> Pair:
    """The pair with another body on one side: 0 is the control, 1 the candidate."""
    if side:
        return replace(pair, candidate=replace(pair.candidate, body=body))
    return replace(pair, control=replace(pair.control, body=body))


class _Gone:
    """The type of _GONE, which stands for the value on the side that has none. No tree holds it."""


_GONE = _Gone()


class Unit(NamedTuple):
    """One place of both trees: its path in each (None on the side that has none), and the two values there."""

    old_at: Path | None
    new_at: Path | None
    old: Tree
    new: Tree
    matcher: Matcher[Directive]


class Draft(NamedTuple):
    """A pair and its bodies as trees. A body that cannot be read stays in `pair` as it is."""

    pair: Pair
    forms: tuple[Form, Form]
    trees: tuple[Tree | Unreadable, Tree | Unreadable]

    @classmethod
    def of(cls, pair: Pair) -> "Draft | None":
        """The draft of a pair; None if its bodies are compared as bytes or in parts, or if neither can be
        read."""
        forms = form_of(pair.control.headers), form_of(pair.candidate.headers)
        if forms[0] is None or forms[1] is None or forms[0].name != forms[1].name or forms[0].name in UNWRITTEN:
            return None
        trees = read(forms[0], pair.control.body), read(forms[1], pair.candidate.body)
        if all(isinstance(one, Unreadable) for one in trees):
            return None
        return cls(pair, (forms[0], forms[1]), trees)

    def written(self) -> Pair | None:
        """The pair with its bodies written again from the trees; None if one cannot be written."""
        pair = self.pair
        for side, (form, tree) in enumerate(zip(self.forms, self.trees, strict=True)):
            if isinstance(tree, Unreadable):
                continue
            try:
                pair = with_body(pair, side, write(form, tree))
            except DocumentError:
                return None
        return pair

    def level(self, depth: int) -> list[Unit]:
        """All units at one depth, paired as the comparator pairs them."""
        old, new = (_GONE if isinstance(one, Unreadable) else one for one in self.trees)
        form = self.forms[0].name
        known = () if _GONE in (old, new) else defaults(form, old, new)
        directives = self.pair.rules.compiled(self.pair.at, self.pair.over, known, form).directives
        units = [Unit(Path(), Path(), old, new, directives)]
        for _ in range(depth):
            units = [inner for one in units for inner in _inner(one)]
        return units

    def leaves(self) -> Iterator[Unit]:
        """All units that hold no other unit."""
        depth = 0
        while units := self.level(depth):
            yield from (one for one in units if not any(isinstance(half, dict | list) for half in (one.old, one.new)))
            depth += 1

    def without(self, units: Collection[Unit]) -> "Draft":
        """The draft without these units, which are all of one depth."""
        old, new = self.trees
        return self._replace(trees=(_dropped(old, [one.old_at for one in units if one.old_at is not None]),
                                    _dropped(new, [one.new_at for one in units if one.new_at is not None])))

    def having(self, unit: Unit, old: Tree, new: Tree) -> "Draft":
        """The draft with other values in a unit."""
        trees = [tree if at is None or isinstance(tree, Unreadable) else put(tree, at, value)
                 for tree, at, value in zip(self.trees, unit[:2], (old, new), strict=True)]
        return self._replace(trees=(trees[0], trees[1]))


def _inner(unit: Unit) -> Iterator[Unit]:
    """The units directly inside a unit."""
    old_at, new_at, old, new, matcher = unit
    if isinstance(old, dict) and isinstance(new, dict):
        for name in [*old, *(name for name in new if name not in old)]:
            if name == ORDER:
                continue  # It follows what is there.
            yield Unit(_at(old_at, name, name in old), _at(new_at, name, name in new),
                        old.get(name, _GONE), new.get(name, _GONE), matcher.step(name))
        return
    if isinstance(old, list) and isinstance(new, list):
        for i, j in _pairs(old, new, matcher):
            yield Unit(_at(old_at, i, i is not None), _at(new_at, j, j is not None),
                        _GONE if i is None else old[i], _GONE if j is None else new[j], matcher.step(None))
        return
    for token, value in _members(old):
        inside = matcher.step(token if isinstance(token, str) else None)
        yield Unit(_at(old_at, token, True), None, value, _GONE, inside)
    for token, value in _members(new):
        inside = matcher.step(token if isinstance(token, str) else None)
        yield Unit(None, _at(new_at, token, True), _GONE, value, inside)


def _at(unit: Path | None, token: str | int | None, there: bool) -> Path | None:
    return Path((*unit, token)) if there and unit is not None and token is not None else None


def _members(node: Tree) -> Iterable[tuple[str | int, Tree]]:
    return node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()


def _pairs(old: list[Tree], new: list[Tree], matcher: Matcher[Directive]) -> list[tuple[int | None, int | None]]:
    order = next((one.order for one in matcher.found if one.order is not None), AUTO)
    try:
        pairing = paired(old, new, order, matcher.step(None), Prints(_LOOKS))
    except Budget:
        pairing = paired(old, new, AUTO._replace(kind="ordered"), PLAIN, Prints(_LOOKS * 16))
    return [*pairing.pairs, *((i, None) for i in pairing.missing), *((None, j) for j in pairing.extra)]


def _dropped(tree: Tree | Unreadable, paths: Sequence[Path]) -> Tree | Unreadable:
    """The tree without the values at these paths, which all have one length. It shares unchanged parts with `tree`."""
    copies: dict[Path, Tree] = {}
    by_parent: dict[Path, list[str | int]] = {}
    for path in paths:
        by_parent.setdefault(Path(path[:-1]), []).append(path[-1])
    for parent, tokens in by_parent.items():
        node: Tree = copies.setdefault(Path(), _copied(tree))
        for depth, token in enumerate(parent, 1):
            above, here = node, Path(parent[:depth])
            if here not in copies:
                copies[here] = above[token] = _copied(above[token])
            node = copies[here]
        # From the end of a list, so that the indexes still to come stay right.
        for token in sorted(tokens, reverse=True) if isinstance(node, list) else tokens:
            del node[token]
    return copies.get(Path(), tree)


def _copied(node: Tree) -> Tree:
    return dict(node) if isinstance(node, dict) else list(node)
