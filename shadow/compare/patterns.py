"""What rules say of a place in a document, as the comparator asks on its way down: patterns, compiled.

A pattern is a JSON Pointer (RFC 6901) in which "*" stands for any one token and "**" for any number of them, none
included. Items of lists are met by "*" and "**" only: where order is ignored, an index names nothing. All patterns
of a guide are walked at once, as a lazy automaton: a step costs one look-up, however many patterns there are.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from shadow.normalisers.base import Normaliser

T = TypeVar("T")


class Pattern(tuple[str, ...]):
    """A pattern's tokens; "*" and "**" are wildcards, a literal asterisk cannot be written."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> "Pattern":
        """Raises ValueError, which quotes nothing, where `text` is no pattern."""
        if text and not text.startswith("/"):
            raise ValueError("a pattern is empty or starts with a slash")
        if re.search(r"~(?![01])", text):
            raise ValueError('a pattern has "~" only in "~0" and "~1"')
        tokens = cls(token.replace("~1", "/").replace("~0", "~") for token in text.split("/")[1:])
        if any(re.fullmatch(r"[0-9]+", token, re.ASCII) for token in tokens):
            raise ValueError('"*" stands for the items of a list: an index names nothing where order is ignored')
        return tokens


class State(Generic[T]):
    """A place, as far as the patterns can tell it from others. `found` holds what is said of it, in order; to members
    whose names are not among `words`, a step is what it is to the items of a list."""

    __slots__ = ("_next", "_patterns", "_positions", "found", "words")

    def __init__(self, patterns: tuple[tuple[Pattern, T], ...], words: frozenset[str],
                 positions: frozenset[tuple[int, int]]) -> None:
        self._patterns = patterns
        self.words = words
        self._positions = positions
        self._next: dict[str | None, State[T]] = {}
        ends = {which for which, at in positions if at == len(patterns[which][0])}
        self.found: tuple[T, ...] = tuple(patterns[which][1] for which in sorted(ends))

    @classmethod
    def start(cls, patterns: Iterable[tuple[Pattern, T]]) -> "State[T]":
        """The root of a document."""
        every = tuple(patterns)
        words = frozenset(token for pattern, _ in every for token in pattern if token not in ("*", "**"))
        return cls(every, words, _closed(every, {(which, 0) for which in range(len(every))}))

    def step(self, token: str | None) -> "State[T]":
        """A member of that name; None for the items of a list."""
        word = token if token in self.words else None
        known = self._next.get(word)
        if known is None:
            moved = {(which, at if self._patterns[which][0][at] == "**" else at + 1)
                     for which, at in self._positions if at < len(self._patterns[which][0])
                     and self._patterns[which][0][at] in ("*", "**", word)}
            positions = _closed(self._patterns, moved)
            known = self if positions == self._positions else State(self._patterns, self.words, positions)
            self._next[word] = known
        return known


def _closed(patterns: tuple[tuple[Pattern, T], ...], positions: set[tuple[int, int]]) -> frozenset[tuple[int, int]]:
    """With what "**" allows to skip."""
    todo = list(positions)
    while todo:
        which, at = todo.pop()
        pattern = patterns[which][0]
        if at < len(pattern) and pattern[at] == "**" and (which, at + 1) not in positions:
            positions.add((which, at + 1))
            todo.append((which, at + 1))
    return frozenset(positions)


class Order(NamedTuple):
    """How the items of a list find each other. `kind`: "auto", "ordered", "multiset" or "keyed", by `fields`: paths
    of names inside an item."""

    kind: str = "auto"
    fields: tuple[tuple[str | int, ...], ...] = ()


AUTO = Order()


@dataclass(frozen=True, slots=True)
class Directive:
    """What one rule says of a place; one of `normaliser`, `order`, `ignore`, `crosswalk` and `keys`. `id` is the
    rule's, under which it counts what it hides. `ignore` hides what differs here, of one `kind` where that is given.
    `crosswalk` says whose identifier stands here: a class, or one of the words of `shadow.compare.identity`. `keys`
    says what the names of the members here are: "data" or "names"."""

    id: str
    normaliser: Normaliser | None = None
    order: Order | None = None
    ignore: bool = False
    kind: str = ""
    crosswalk: str = ""
    keys: str = ""


PLAIN: State[Directive] = State.start(())
"""No rules."""
