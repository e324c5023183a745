"""Path patterns, and the matcher that finds what rules say of each place in a document.

A pattern is a JSON Pointer (RFC 6901) in which "*" stands for any one token and "**" for any number of tokens, also
none. Items of lists match "*" and "**" only: when order is ignored, an index names nothing. The comparator walks down
a document with all patterns at once, as a lazily built automaton: a step costs one look-up, whatever their number.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from operator import getitem
from typing import Generic, NamedTuple, TypeVar

from adapters.document import Tree, escape
from shadow.compare.difference import Severity
from shadow.normalisers.base import Normaliser

T = TypeVar("T")


class Condition(str):
    """A token that takes no step: the node must have this text at a path inside it. `path` has names and indexes."""

    __slots__ = ("path", "value")

    path: tuple[str | int, ...]
    value: str

    @classmethod
    def of(cls, path: tuple[str | int, ...], value: str) -> "Condition":
        made = cls(f"[{path}={value}]")
        made.path = path
        made.value = value
        return made

    def holds(self, node: Tree) -> bool:
        """Whether a node meets it."""
        try:
            return bool(reduce(getitem, self.path, node) == self.value)
        except (LookupError, TypeError):
            return False


class PathPattern(tuple[str, ...]):
    """The tokens of a pattern. "*" and "**" are wildcards; a literal asterisk cannot be written."""

    __slots__ = ()

    def __str__(self) -> str:
        return "".join(f"/{escape(token)}" for token in self)

    @classmethod
    def parse(cls, text: str) -> "PathPattern":
        """The pattern that `text` spells. Raises ValueError, whose message quotes nothing, if it is none."""
        if text and not text.startswith("/"):
            raise ValueError("a pattern is empty or starts with a slash")
        if re.search(r"~(?![01])", text):
            raise ValueError('a pattern has "~" only in "~0" and "~1"')
        tokens = cls(token.replace("~1", "/").replace("~0", "~") for token in text.split("/")[1:])
        # Eight digits are no index but an attribute of DICOM (PS3.18 annex F): no list has so many items.
        if any(re.fullmatch(r"(?![0-9]{8}$)[0-9]+", token, re.ASCII) for token in tokens):
            raise ValueError('"*" stands for the items of a list: an index names nothing where order is ignored')
        return tokens


class Matcher(Generic[T]):
    """Patterns matched against the way from the root to one place: a state of the automaton. Immutable for its users.

    `found` holds the values of the patterns that match here, in the patterns' order. `words` are the names that occur
    in any pattern: members with other names, and the items of a list, all step to one and the same matcher. If
    `conditional`, what matches depends on the node here: `given` says what does."""

    __slots__ = ("_given", "_next", "_patterns", "_positions", "conditional", "found", "words")

    def __init__(self, patterns: tuple[tuple[PathPattern, T], ...], words: frozenset[str],
                 positions: frozenset[tuple[int, int]]) -> None:
        self._patterns = patterns
        self.words = words
        self._positions = positions
        self._next: dict[str | None, Matcher[T]] = {}
        self._given: dict[frozenset[tuple[int, int]], Matcher[T]] = {}
        self.conditional = any(
            at < len(patterns[which][0]) and type(patterns[which][0][at]) is Condition for which, at in positions)
        ends = {which for which, at in positions if at == len(patterns[which][0])}
        self.found: tuple[T, ...] = tuple(patterns[which][1] for which in sorted(ends))

    @classmethod
    def start(cls, patterns: Iterable[tuple[PathPattern, T]]) -> "Matcher[T]":
        """The matcher at the root of a document, for patterns with their values."""
        every = tuple(patterns)
        words = frozenset(token for pattern, _ in every for token in pattern
                          if token not in ("*", "**") and type(token) is not Condition)
        return cls(every, words, _closed(every, {(which, 0) for which in range(len(every))}))

    @property
    def is_silent(self) -> bool:
        """Whether no pattern matches here or anywhere below."""
        return not self._positions

    def step(self, token: str | None) -> "Matcher[T]":
        """The matcher one step down: at the member of that name or, if None, at the items of a list."""
        word = token if token in self.words else None
        known = self._next.get(word)
        if known is None:
            moved = {(which, at if self._patterns[which][0][at] == "**" else at + 1)
                     for which, at in self._positions if at < len(self._patterns[which][0])
                     and self._patterns[which][0][at] in ("*", "**", word)
                     and type(self._patterns[which][0][at]) is not Condition}
            positions = _closed(self._patterns, moved)
            known = self if positions == self._positions else Matcher(self._patterns, self.words, positions)
            self._next[word] = known
        return known

    def given(self, *nodes: Tree) -> "Matcher[T]":
        """The matcher at the same place, for one node or for two that are compared: a condition holds if both meet it.
        """
        if not self.conditional:
            return self
        met = frozenset((which, at + 1) for which, at in self._positions if at < len(self._patterns[which][0])
                        and isinstance(condition := self._patterns[which][0][at], Condition)
                        and all(condition.holds(node) for node in nodes))
        known = self._given.get(met)
        if known is None:
            left = {(which, at) for which, at in self._positions if at >= len(self._patterns[which][0])
                    or type(self._patterns[which][0][at]) is not Condition}
            known = self._given[met] = Matcher(self._patterns, self.words, _closed(self._patterns, left | met))
        return known


def _closed(patterns: tuple[tuple[PathPattern, T], ...], positions: set[tuple[int, int]]) -> frozenset[tuple[int, int]]:
    """The positions, with those that are reached by letting "**" stand for no token."""
    todo = list(positions)
    while todo:
        which, at = todo.pop()
        pattern = patterns[which][0]
        if at < len(pattern) and pattern[at] == "**" and (which, at + 1) not in positions:
            positions.add((which, at + 1))
            todo.append((which, at + 1))
    return frozenset(positions)


class Order(NamedTuple):
    """How the items of two lists are paired. `kind` is "auto", "ordered", "multiset" or "keyed"; a keyed list is paired
    by `fields`, which are paths inside an item. "all" is of an element: the order of its children means nothing."""

    kind: str = "auto"
    fields: tuple[tuple[str | int, ...], ...] = ()


AUTO = Order()


@dataclass(frozen=True, slots=True)
class Directive:
    """What one rule says of a place: one of `normaliser`, `order`, `ignore`, `crosswalk`, `keys`, `severity` and
    `reveal`. Of the last two, only what hangs on a condition is said here.

    `id` is the rule's: what it hides is counted under it. `ignore` hides differences here, only of one `kind` and of
    two values of one `shape` if these are given. `crosswalk` says whose identifier stands here: a class, or a constant
    of `shadow.compare.identifiers`. `keys` says what the names of the members here are: "data" or "names"."""

    id: str
    normaliser: Normaliser | None = None
    order: Order | None = None
    ignore: bool = False
    kind: str = ""
    crosswalk: str = ""
    keys: str = ""
    shape: str = ""
    severity: Severity | None = None
    reveal: bool = False


PLAIN: Matcher[Directive] = Matcher.start(())
"""The matcher of no rules at all."""
