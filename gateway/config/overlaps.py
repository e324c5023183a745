"""Finds ties: two operations of equal rank that both fit some request. The order of lines must not decide between them.

The more specific operation always wins, so one can hide another only by a tie. The operations seen so far are kept in a
trie for each rank, and at its nodes by their conditions, so that ten thousand of them are checked in about the time
that it takes to read them, whatever tells them apart.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from gateway.capability import Operation, rank
from gateway.config.problem import Place
from gateway.reading import canonical, segments

ANY = ""
Name: TypeAlias = tuple[str, str]
"""A condition's kind, "header" or "query", and its name."""
Wanted: TypeAlias = Mapping[Name, str]


@dataclass(frozen=True, slots=True, eq=False)
class Met:
    """An operation and its place."""

    capability: str
    operation: Operation
    place: Place


@dataclass(slots=True)
class _Alike:
    """Operations with conditions on the same names, each with values of its own."""

    names: tuple[Name, ...]
    every: list[tuple[Wanted, Met]] = field(default_factory=list)
    # For some of the names, the first operation by its values of them. Each index is made when first needed.
    indexes: dict[tuple[Name, ...], dict[tuple[str, ...], Met]] = field(default_factory=dict)

    def fitting(self, wanted: Wanted) -> Met | None:
        """The first operation whose values equal those of `wanted`, for all names that both have conditions on."""
        common = tuple(name for name in self.names if name in wanted)
        index = self.indexes.get(common)
        if index is None:
            index = self.indexes[common] = {}
            for its, met in self.every:
                index.setdefault(tuple(its[name] for name in common), met)
        return index.get(tuple(wanted[name] for name in common))

    def add(self, wanted: Wanted, new: Met) -> None:
        self.every.append((wanted, new))
        for common, index in self.indexes.items():
            index.setdefault(tuple(wanted[name] for name in common), new)


@dataclass(slots=True)
class _Node:
    children: dict[str, "_Node"] = field(default_factory=dict)
    # The operations that end here, by each of their methods (ANY for any), then by the names of their conditions.
    here: dict[str, dict[tuple[Name, ...], _Alike]] = field(default_factory=dict)

    def fitting(self, part: str) -> "list[_Node]":
        """The children that one segment can fit together with `part`."""
        if part == ANY:
            return list(self.children.values())
        return [self.children[key] for key in (part, ANY) if key in self.children]

    def below(self, parts: Sequence[str]) -> "Iterator[_Node]":
        """The nodes where operations end whose paths one request can fit together with `parts`."""
        found = [(self, 0)]
        while found:
            node, depth = found.pop()
            if depth == len(parts):
                yield node
            else:
                found += [(child, depth + 1) for child in reversed(node.fitting(parts[depth]))]


class Ties:
    """Finds ties among operations that are added one by one."""

    def __init__(self) -> None:
        self._ranks: dict[tuple[int, ...], _Node] = {}

    def add(self, new: Met) -> Met | None:
        """Add `new`. Returns an operation that it ties with, the first of its path and method, or None."""
        parts, wanted = _shape(new.operation), _wanted(new.operation)
        methods = sorted(new.operation.methods) or [ANY]
        node = self._ranks.setdefault(rank(new.operation), _Node())
        # Operations of one rank all have methods, or none has.
        ties = (alike.fitting(wanted) for end in node.below(parts) for method in methods
                for alike in end.here.get(method, {}).values())
        tie = next((old for old in ties if old is not None), None)
        for part in parts:
            node = node.children.setdefault(part, _Node())
        names = tuple(sorted(wanted))
        for method in methods:
            node.here.setdefault(method, {}).setdefault(names, _Alike(names)).add(wanted, new)
        return tie


def _shape(operation: Operation) -> list[str]:
    """The path's segments in canonical form, ANY for a parameter or a tail: rank tells these two apart."""
    parts = segments(operation.path) if operation.path is not None else []
    return [ANY if part.startswith("{") else "/" + canonical(part.encode()).decode() for part in parts]


def _wanted(operation: Operation) -> Wanted:
    """The conditions that require a value, each with it. A condition on a name alone agrees with all others."""
    return {(kind, name.lower() if kind == "header" else name): value
            for kind, conditions in (("header", operation.headers), ("query", operation.query))
            for name, value in conditions if value is not None}
