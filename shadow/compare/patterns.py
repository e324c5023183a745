"""Path patterns, and the matcher that finds what rules say of each place in a document.

A pattern is a JSON Pointer (RFC 6901) in which "*" stands for any one token and "**" for any number of tokens, also
none. Items of lists match "*" and "**" only: when order is ignored, an index names nothing. The comparator walks down
a document with all patterns at once, as a lazily built automaton: a step costs one look-up, whatever their number.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from shadow.normalisers.base import Normaliser

T = TypeVar("T")


class PathPattern(tuple[str, ...]):
    """The tokens of a pattern. "*" and "**" are wildcards; a literal asterisk cannot be written."""

    __slots__ = ()

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
    in any pattern: members with other names, and the items of a list, all step to one and the same matcher."""

    __slots__ = ("_next", "_patterns", "_positions", "found", "words")

    def __init__(self, patterns: tuple[tuple[PathPattern, T], ...], words: frozenset[str],
                 positions: frozenset[tuple[int, int]]) -> None:
        self._patterns = patterns
        self.words = words
        self._positions = positions
        self._next: dict[str | None, Matcher[T]] = {}
        ends = {which for which, at in positions if at == len(patterns[which][0])}
        self.found: tuple[T, ...] = tuple(patterns[which][1] for which in sorted(ends))

    @classmethod
    def start(cls, patterns: Iterable[tuple[PathPattern, T]]) -> "Matcher[T]":
        """The matcher at the root of a document, for patterns with their values."""
        every = tuple(patterns)
        words = frozenset(token for pattern, _ in every for token in pattern if token not in ("*", "**"))
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
                     and self._patterns[which][0][at] in ("*", "**", word)}
            positions = _closed(self._patterns, moved)
            known = self if positions == self._positions else Matcher(self._patterns, self.words, positions)
            self._next[word] = known
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
    by `fields`, which are paths inside an item."""

    kind: str = "auto"
    fields: tuple[tuple[str | int, ...], ...] = ()


AUTO = Order()


@dataclass(frozen=True, slots=True)
class Directive:
    """What one rule says of a place: one of `normaliser`, `order`, `ignore`, `crosswalk` and `keys`.

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


PLAIN: Matcher[Directive] = Matcher.start(())
"""The matcher of no rules at all."""
