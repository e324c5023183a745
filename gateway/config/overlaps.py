"""Two operations of equal rank that some request fits both: a tie, which no order of lines may decide.

More specific always wins, so one operation can hide another only by a tie. The operations met so far are kept in a
trie for each rank, so that ten thousand of them are checked in about the time that they take to read.
"""

from dataclasses import dataclass, field

from gateway.capability import Operation, rank
from gateway.config.problem import Place
from gateway.reading import canonical, segments

ANY = ""


@dataclass(frozen=True, slots=True, eq=False)
class Met:
    """An operation and where it stands."""

    capability: str
    operation: Operation
    place: Place


@dataclass(slots=True)
class _Node:
    children: dict[str, "_Node"] = field(default_factory=dict)
    # By one header condition (name, value): operations of one path that want different values never tie.
    here: dict[tuple[str, str | None], list[Met]] = field(default_factory=dict)

    def fitting(self, part: str) -> "list[_Node]":
        """The children that share a segment with `part`."""
        if part == ANY:
            return list(self.children.values())
        return [self.children[key] for key in (part, ANY) if key in self.children]


class Ties:
    """Add operations one by one; each is told the first of those before that it ties with."""

    def __init__(self) -> None:
        self._ranks: dict[tuple[int, ...], _Node] = {}

    def add(self, new: Met) -> Met | None:
        """The first operation that `new` ties with, or None."""
        parts = _shape(new.operation)
        root = self._ranks.setdefault(rank(new.operation), _Node())
        nodes = [root]
        for part in parts:
            nodes = [child for node in nodes for child in node.fitting(part)]
        tie = next((old for node in nodes for old in _near(node, new.operation)
                    if _overlap(old.operation, new.operation)), None)
        node = root
        for part in parts:
            node = node.children.setdefault(part, _Node())
        node.here.setdefault(_first(new.operation), []).append(new)
        return tie


def _shape(operation: Operation) -> list[str]:
    """The path's segments in their one spelling, ANY for a parameter; a tail is as good as its rank says."""
    parts = segments(operation.path) if operation.path is not None else []
    return [ANY if part.startswith("{") else "/" + canonical(part.encode()).decode() for part in parts]


def _first(operation: Operation) -> tuple[str, str | None]:
    return min(((name.lower(), value) for name, value in operation.headers if value is not None), default=("", None))


def _near(node: _Node, operation: Operation) -> list[Met]:
    """Those at a node that may tie: all but those that surely want another value of the same header."""
    wanted = {name.lower(): value for name, value in operation.headers}
    first = _first(operation)
    if first[1] is not None and all(key[0] == first[0] for key in node.here):
        return node.here.get(first, [])
    return [old for (name, value), olds in node.here.items()
            if wanted.get(name) is None or value is None or wanted[name] == value for old in olds]


def _overlap(one: Operation, other: Operation) -> bool:
    """Whether one request can satisfy both, given that their paths overlap and their ranks are equal."""
    if one.methods and not one.methods & other.methods:
        return False
    return _together(one.headers, other.headers, fold=True) and _together(one.query, other.query, fold=False)


def _together(
    one: tuple[tuple[str, str | None], ...], other: tuple[tuple[str, str | None], ...], *, fold: bool
) -> bool:
    wanted = {name.lower() if fold else name: value for name, value in one}
    for name, value in other:
        first = wanted.get(name.lower() if fold else name)
        if first is not None and value is not None and first != value:
            return False
    return True
