"""A trie of path templates (literals, parameters, tails) by segment: finds those that fit a path.

`fitting` runs for every request. `met` does the same for a path that can be read in several ways, and `overlapping`
for all paths of a template at once, when a table is made.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Generic, NamedTuple, TypeVar

from gateway.reading import Spelling

T = TypeVar("T")
_MANY = 2000


class Template(NamedTuple):
    """A template's segments, None for a parameter, and whether a tail takes all that is left after them."""

    parts: tuple[bytes | None, ...]
    tail: bool = False

    def covers(self, other: "Template") -> bool:
        """Whether every path that fits `other` fits this too."""
        mine, theirs = len(self.parts), len(other.parts)
        if not self.tail and (other.tail or mine != theirs):
            return False
        return mine <= theirs and all(
            part == there or (part is None and there != b"")
            for part, there in zip(self.parts, other.parts, strict=False))

    def always_fits(self, spelling: Spelling) -> bool:
        """Whether it fits the path however its doubtful segments are read, given that it fits one reading."""
        keys, soft, spare = spelling
        count = len(self.parts)
        if len(keys) < count or any(spare[:count]) or any(soft[1:count]):
            return False
        if any(part is not None and part != key for part, key in zip(self.parts, keys, strict=False)):
            return False
        return self.tail or (all(spare[count:]) and not any(soft[count:]))


class _Node(Generic[T]):
    __slots__ = ("children", "here", "param", "tail")

    def __init__(self) -> None:
        self.children: dict[bytes, _Node[T]] = {}
        self.param: _Node[T] | None = None
        self.here: list[T] = []
        self.tail: list[T] = []


class Trie(Generic[T]):
    """Items by template, found by the paths that fit it."""

    __slots__ = ("_root",)

    def __init__(self) -> None:
        self._root: _Node[T] = _Node()

    def at(self, template: Template) -> list[T]:
        """The list of a template's items. The caller may add to it."""
        node = self._root
        for part in template.parts:
            if part is None:
                node.param = node = node.param or _Node()
            else:
                node = node.children.setdefault(part, _Node())
        return node.tail if template.tail else node.here

    def doubled(self) -> Iterator[tuple[T, T]]:
        """Pairs of neighbours among the items of one template."""
        nodes = [self._root]
        while nodes:
            for node in nodes:
                yield from pairwise(node.here)
                yield from pairwise(node.tail)
            nodes = [one for node in nodes for one in (*node.children.values(), node.param) if one is not None]

    def fitting(self, parts: Sequence[bytes]) -> list[T]:
        """The items whose template fits a path, given as the parts between its slashes (the first part is that before
        the first slash). One descent, unless a literal and a parameter both fit."""
        found: list[T] = []
        node, at, last = self._root, 1, len(parts)
        forks: list[tuple[_Node[T], int]] = []
        while True:
            if node.tail:
                found += node.tail
            if at < last:
                part = parts[at]
                at += 1
                child = node.children.get(part)
                param = node.param if part else None
                if child is not None:
                    if param is not None:
                        forks.append((param, at))
                    node = child
                    continue
                if param is not None:
                    node = param
                    continue
            elif node.here:
                found += node.here
            if not forks:
                return found
            node, at = forks.pop()

    def met(self, spelling: Spelling) -> list[T]:
        """The items whose template fits some reading of a path: a parameter may take several keys that may be one
        segment (`soft`), and a key that a server may overlook (`spare`) may be left out."""
        keys, soft, spare = spelling
        found: list[T] = []
        # The third value: whether a parameter took the key before, since it may take the next one too.
        todo = [(self._root, 0, False)]
        seen = set()
        while todo:
            node, at, open_ = todo.pop()
            if (id(node), at, open_) in seen:
                continue
            seen.add((id(node), at, open_))
            found += node.tail
            if at == len(keys):
                found += node.here
                continue
            key = keys[at]
            if open_ and soft[at]:
                todo.append((node, at + 1, True))
            if spare[at]:
                todo.append((node, at + 1, False))
            child = node.children.get(key)
            if child is not None:
                todo.append((child, at + 1, False))
            if node.param is not None and key:
                todo.append((node.param, at + 1, True))
        return found

    def overlapping(self, template: Template) -> list[T] | None:
        """The items whose template fits a path that this template fits too; None if there are too many to look at."""
        found: list[T] = []
        nodes = [self._root]
        for part in template.parts:
            below: list[_Node[T]] = []
            for node in nodes:
                found += node.tail
                if part is None:
                    below += node.children.values()
                elif (child := node.children.get(part)) is not None:
                    below.append(child)
                if node.param is not None and part != b"":
                    below.append(node.param)
            nodes = below
            if len(nodes) > _MANY:
                return None
        if not template.tail:
            return found + [one for node in nodes for one in (*node.tail, *node.here)]
        while nodes:
            found += [one for node in nodes for one in (*node.tail, *node.here)]
            nodes = [one for node in nodes for one in (*node.children.values(), node.param) if one is not None]
            if len(nodes) > _MANY:
                return None
        return found
