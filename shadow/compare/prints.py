"""Fingerprints of trees: two trees that differ only in what rules hide have the same fingerprint, a number.

The order of lists does not count. Unequal trees may share a fingerprint, so it only decides which items are paired.
"""

import re
from collections.abc import Hashable, Sequence
from typing import TypeAlias

import orjson

from adapters.document import Number, Tree
from adapters.trees.order import ORDER
from shadow.compare import spellings
from shadow.compare.identifiers import Identifier, Identities
from shadow.compare.patterns import Directive, Matcher
from shadow.compare.tokens import canonical

MAX_LEAVES = 128
"""Leaves of an item that are looked at to find the item most like it."""

_SHALLOW = 100
"""Levels of nesting up to which recursion is used, which is quicker than a stack of our own."""

_CONTAINERS = (dict, list)

Key: TypeAlias = tuple[tuple[str | int, ...], ...]
"""What items of a list are paired by: paths inside an item, whose values together make its key."""


class Budget(Exception):
    """The comparison takes more work than is allowed."""


class Prints:
    """Makes fingerprints, and counts the work. `looks` is the work that is left; the caller spends from it too. With
    `identities`, open identifiers are left out of fingerprints."""

    def __init__(self, looks: int, identities: Identities | None = None) -> None:
        self.looks = looks
        self.identities = identities
        self._known: dict[tuple[int, int], int] = {}
        self._loose: dict[tuple[str, str], int] = {}
        self._quick = True
        self._varying: dict[tuple[Key, Matcher[Directive]], bool] = {}

    def vary(self, fields: Key, matcher: Matcher[Directive]) -> bool:
        """Whether rules expect the values of a key to differ, so that it identifies nothing."""
        known = self._varying.get((fields, matcher))
        if known is None:
            known = self._varying[fields, matcher] = _vary(fields, matcher)
        return known

    def spend(self, looks: int) -> None:
        """Subtract some work from the budget. Raises Budget if too little is left."""
        self.looks -= looks
        if self.looks < 0:
            raise Budget

    def of(self, tree: Tree, matcher: Matcher[Directive]) -> int:
        """The fingerprint of a tree at the place of a matcher. It is made once for each container and matcher, since
        one object may stand at several places."""
        return self._part(tree, matcher, _SHALLOW)

    def each(self, trees: Sequence[Tree], matcher: Matcher[Directive]) -> list[int]:
        """The fingerprints of trees that are held against each other. Where no rule concerns their place, here or
        below, they are made in a tenth of the time, and the order of lists counts."""
        if matcher.is_silent and self._quick:
            try:
                return [self._written(tree) for tree in trees]
            except TypeError:  # nested too deep, half of a surrogate pair, or bytes
                self._quick = False  # what is inside would be tried again and again
        return [self.of(tree, matcher) for tree in trees]

    def _written(self, tree: Tree) -> int:
        written = orjson.dumps(tree, _number, orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_SUBCLASS)
        self.spend(1 + len(written) // 64)
        return hash(written)

    def _part(self, node: Tree, matcher: Matcher[Directive], levels: int) -> int:
        """The fingerprint of a node. It recurses for this many `levels`; `_deep` handles deeper nesting."""
        if matcher.conditional:
            matcher = matcher.given(node)
        if not isinstance(node, _CONTAINERS):
            return _leaf(node, matcher) if matcher.found else hash((type(node), node))
        key = id(node), id(matcher)
        known = self._known.get(key)
        if known is not None:
            return known
        if not levels:
            return self._deep(node, matcher)
        self.spend(1 + len(node))
        parts: list[Hashable] = []
        if isinstance(node, dict):
            words, other = matcher.words, matcher.step(None)
            for name, one in node.items():
                at = matcher.step(name) if name in words else other
                if not at.found:
                    # Most leaves have no rule: these are hashed here, without a call.
                    parts.append((name, self._part(one, at, levels - 1) if isinstance(one, _CONTAINERS)
                                  else hash((type(one), one))))
                elif not _ignored(at):
                    parts.append((name, self._part(one, at, levels - 1)))
            made = hash(frozenset(parts))
        else:
            inside = matcher.step(None)
            made = hash(("list", *sorted([self._part(one, inside, levels - 1) for one in node])))
        self._known[key] = made
        return made

    def _deep(self, tree: Tree, matcher: Matcher[Directive]) -> int:
        """The fingerprint without recursion: containers are done after all that is nested in them."""
        stack: list[tuple[Tree, Matcher[Directive], bool]] = [(tree, matcher, False)]
        while stack:
            node, at, ready = stack.pop()
            if ready:
                self._part(node, at, 1)
                continue
            at = at.given(node)
            if (id(node), id(at)) not in self._known:
                self.spend(len(node))
                stack.append((node, at, True))
                if isinstance(node, dict):
                    stack += [(one, at.step(name), False) for name, one in node.items() if isinstance(one, _CONTAINERS)]
                else:
                    inside = at.step(None)
                    stack += [(one, inside, False) for one in node if isinstance(one, _CONTAINERS)]
        return self._known[id(tree), id(matcher.given(tree))]

    def leaves(self, tree: Tree, matcher: Matcher[Directive]) -> frozenset[int]:
        """The loose fingerprints of a tree's leaves with their names, at most MAX_LEAVES of them: they leave out how
        numbers are written, and whether a number is one or text."""
        found: set[int] = set()
        if matcher.is_silent:
            self._add_leaves(tree, found)
            return frozenset(found)
        stack: list[tuple[Tree, Matcher[Directive], str]] = [(tree, matcher, "")]
        looks = 0
        while stack and looks < 2 * MAX_LEAVES and len(found) < MAX_LEAVES:
            looks += 1
            node, at, name = stack.pop()
            at = at.given(node)
            if isinstance(node, dict):
                self.spend(len(node))
                stack += [(one, at.step(key), key) for key, one in node.items() if key != ORDER]
            elif isinstance(node, list):
                self.spend(len(node))
                inside = at.step(None)
                stack += [(one, inside, name) for one in node]
            else:
                found.add(hash((name, _loose_leaf(node, at))))
        self.spend(looks)
        return frozenset(found)

    def _add_leaves(self, tree: Tree, found: set[int]) -> None:
        """The same where no rule concerns the place, in a third of the time."""
        loose = self._loose
        stack: list[tuple[str, Tree]] = [("", tree)]
        looks = spent = 0
        while stack and looks < 2 * MAX_LEAVES and len(found) < MAX_LEAVES:
            leaf = stack.pop()
            name, node = leaf
            if name == ORDER:
                continue
            looks += 1
            if isinstance(node, str):
                # The same values stand in many items.
                known = loose.get(leaf)
                if known is None:
                    known = loose[leaf] = hash((name, loosely(node)))
                found.add(known)
            elif isinstance(node, dict):
                spent += len(node)
                stack += node.items()
            elif isinstance(node, list):
                spent += len(node)
                stack += [(name, one) for one in node]
            else:
                found.add(hash((name, loosely(node))))
        self.spend(looks + spent)


def _number(value: object) -> orjson.Fragment:
    if not isinstance(value, Number):  # bytes
        raise TypeError
    return orjson.Fragment(str(value))


def _vary(fields: Key, matcher: Matcher[Directive]) -> bool:
    for path in fields:
        at = matcher
        for token in path:
            at = at.step(token if isinstance(token, str) else None)
            if any(one.normaliser is not None or one.ignore for one in at.found):
                return True
    return False


def _ignored(matcher: Matcher[Directive]) -> bool:
    return any(one.ignore and not one.kind for one in matcher.found)


def _leaf(value: Tree, matcher: Matcher[Directive]) -> int:
    known = _by_rule(value, matcher)
    return hash((type(value), value)) if known is None else known


def _loose_leaf(value: Tree, matcher: Matcher[Directive]) -> int:
    known = _by_rule(value, matcher)
    return hash(loosely(value)) if known is None else known


def _by_rule(value: Tree, matcher: Matcher[Directive]) -> int | None:
    """The fingerprint of a scalar by the first rule that has a form of it; None if none has."""
    if type(value) is Identifier and value.open:
        return hash((Identifier, value.name))
    for one in matcher.found:
        form: Hashable = one.normaliser.form(value) if one.normaliser is not None else None
        if form is not None:
            return hash((one.id, form))
    return None


# A number as JSON writes one. Its length is bounded, so that arithmetic with it is quick.
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,30})(?:\.[0-9]{1,30})?(?:[eE][-+]?[0-9]{1,4})?", re.ASCII)


def loosely(value: Tree) -> Hashable:
    """What a scalar says, however it is written: equal for 2.50, 2.5 and "2.5", for true and "true", and for texts that
    are spelt in two ways."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str) and (isinstance(value, Number) or value[:1] in _DIGITS) and _NUMBER.fullmatch(value):
        return canonical(value), 0
    return spellings.form(str(value)) if isinstance(value, str) else value


_DIGITS = frozenset("-0123456789")
