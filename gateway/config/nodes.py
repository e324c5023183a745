"""Parses YAML text to a tree of values, each with its file, line and column.

PyYAML composes the tree; what a plain scalar means is decided here, by the core schema of YAML 1.2 (section 10.3.2). So
`on`, `no` and `12:30` are text, and nothing is a date. `010`, which YAML 1.1 reads as 8 and 1.2 as 10, stays text, and
is a problem where a number is wanted. Tags, merge keys and duplicate keys are problems.
"""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from gateway.config.problem import Findings, Place
from gateway.config.yaml_faults import advice

Scalar: TypeAlias = str | int | float | bool | None
Substitute: TypeAlias = Callable[[str, Place], tuple[str | None, bool]]
"""Replaces references in a text as written, given with its place. Returns the new text (None after a problem), and
whether there were references."""

# Aliases can repeat a tree inside itself many times. No ordinary file has this many values for its length.
_MAX_NODES_PER_CHARACTER = 10
# Values of one file, with each alias counted in full: ten thousand capabilities have some 300,000.
_MAX_NODES = 1_000_000
# Events of the parser: a list or a map takes two.
_MAX_EVENTS = 2 * _MAX_NODES
# Our own bound, so that every release of PyYAML refuses the same files with the same message.
_MAX_DEPTH = 100
_TOO_DEEP = "nested too deeply"

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})", re.ASCII)
_BASED = re.compile(r"0o[0-7]{1,20}|0x[0-9a-fA-F]{1,15}", re.ASCII)
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]{1,3})?", re.ASCII)


def without_resolvers(base: type[Any]) -> type[Any]:
    """A PyYAML loader that leaves plain scalars as text: without the rules of YAML 1.1."""
    return type("Loader", (base,), {"yaml_implicit_resolvers": {}})


# A PyYAML built without libyaml makes the same trees, more slowly.
LOADER = without_resolvers(getattr(yaml, "CSafeLoader", yaml.SafeLoader))


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """A value and its place. A map's `keys` are the places of its keys. `raw` is a scalar as written.

    `substituted`: at least a part of the value comes from a "${…}", so no message shows it.
    `broken`: it has a problem already; others that follow from that are not reported.
    """

    place: Place
    value: "Scalar | list[Node] | dict[str, Node]"
    keys: dict[str, Place] = field(default_factory=dict)
    raw: str = ""
    substituted: bool = False
    broken: bool = False

    def data(self, *, as_written: bool = False) -> Any:
        """The tree as plain Python values; `as_written` keeps the text "${…}" instead of its value."""
        if isinstance(self.value, dict):
            return {key: child.data(as_written=as_written) for key, child in self.value.items()}
        if isinstance(self.value, list):
            return [child.data(as_written=as_written) for child in self.value]
        return self.raw if as_written and self.substituted else self.value

    def child(self, name: str) -> "Node | None":
        """The value of a key, or None if this is not a map or has no such key."""
        return self.value.get(name) if isinstance(self.value, dict) else None

    def find(self, *path: str | int) -> "Node":
        """The node at the end of `path`, or the last one on the way there."""
        node = self
        for step in path:
            if isinstance(node.value, dict) and step in node.value:
                node = node.value[str(step)]
            elif isinstance(node.value, list) and isinstance(step, int) and step < len(node.value):
                node = node.value[step]
            else:
                break
        return node

    def key(self, *path: str) -> Place:
        """The place of the last key of `path`, or of the last one on the way there that is written."""
        node, place = self, self.place
        for step in path:
            if not isinstance(node.value, dict) or step not in node.value:
                break
            node, place = node.value[step], node.keys[step]
        return place


def core(text: str) -> Scalar:
    """A plain scalar's value by the YAML 1.2 core schema. Infinities, NaN and numbers with leading zeros stay text."""
    if text in _NULL:
        return None
    if text in _BOOL:
        return _BOOL[text]
    if _INT.fullmatch(text):
        return int(text)
    if _BASED.fullmatch(text):
        return int(text, 0)
    return float(text) if _FLOAT.fullmatch(text) else text


def parse(
    text: str, file: Path, substitute: Substitute, findings: Findings, loader: type[Any] = LOADER
) -> Node | None:
    """The document's root, or None if the text is not a YAML document. Every problem is added to `findings`."""
    try:
        if found := _too_much(text, loader):
            mark, message = found
            findings.problem(Place(file, mark.line + 1, mark.column + 1), message, "bad_yaml")
            return None
        root = yaml.compose(text, Loader=loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(file, mark.line + 1, mark.column + 1) if mark else Place(file)
        why = advice(text, mark.index, error.context_mark.index if error.context_mark else None) if mark else ""
        findings.problem(place, f"not YAML: {why or error.problem or error.context}", "bad_yaml")
    except yaml.reader.ReaderError as error:
        before = text[: int(error.position)]
        place = Place(file, before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)
        findings.problem(place, "not YAML: a control character", "bad_yaml")
    else:
        if root is not None:
            most = min(_MAX_NODES_PER_CHARACTER * len(text), _MAX_NODES)
            return _Tree(file, substitute, findings, most).node(root, ())
        findings.problem(Place(file), "the file is empty", "bad_yaml")
    return None


def _too_much(text: str, loader: type[Any]) -> tuple[Any, str] | None:
    """The mark where maps and lists nest too deeply or values become too many, with the message for it; or None.
    Reading events needs no recursion, and none is kept."""
    depth = read = 0
    try:
        for count, event in enumerate(yaml.parse(text, Loader=loader)):
            if count > _MAX_EVENTS:
                return event.start_mark, "too many values in one file"
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
                if depth > _MAX_DEPTH:
                    return event.start_mark, _TOO_DEEP
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
            read = event.end_mark.index if event.end_mark else read
    except yaml.MarkedYAMLError as error:
        # PyYAML reads some way ahead of its events, and some releases meet a bound of their own there.
        mark = error.problem_mark
        ahead = Counter(text[read : mark.index]) if mark else Counter()
        if depth + ahead["["] + ahead["{"] - ahead["]"] - ahead["}"] > _MAX_DEPTH:
            return mark, _TOO_DEEP
        raise
    return None


class _Tree:
    """Turns PyYAML's nodes into ours."""

    def __init__(self, file: Path, substitute: Substitute, findings: Findings, most: int) -> None:
        self._file = file
        self._substitute = substitute
        self._findings = findings
        self._most = most
        self._count = 0

    def _place(self, node: yaml.Node) -> Place:
        return Place(self._file, node.start_mark.line + 1, node.start_mark.column + 1)

    def _broken(self, node: yaml.Node, message: str, code: str) -> Node:
        place = self._place(node)
        self._findings.problem(place, message, code)
        return Node(place, None, broken=True)

    def node(self, node: yaml.Node, within: tuple[int, ...]) -> Node:
        self._count += 1
        if id(node) in within:
            return self._broken(node, "an alias refers to a value that contains it", "bad_alias")
        if len(within) > _MAX_DEPTH:
            return self._broken(node, _TOO_DEEP, "bad_yaml")
        if self._count > self._most:
            if self._count == self._most + 1:
                message = "this file has too many values; each alias counts as the values that it refers to"
                return self._broken(node, message, "bad_alias")
            return Node(self._place(node), None, broken=True)
        kind = {yaml.MappingNode: "map", yaml.SequenceNode: "seq", yaml.ScalarNode: "str"}[type(node)]
        if node.tag != f"tag:yaml.org,2002:{kind}":
            return self._broken(node, "YAML tags are not supported", "tag")
        if isinstance(node, yaml.MappingNode):
            return self._map(node, (*within, id(node)))
        if isinstance(node, yaml.SequenceNode):
            return Node(self._place(node), [self.node(item, (*within, id(node))) for item in node.value])
        assert isinstance(node, yaml.ScalarNode)
        return self._scalar(node)

    def _map(self, node: yaml.MappingNode, within: tuple[int, ...]) -> Node:
        values: dict[str, Node] = {}
        keys: dict[str, Place] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self._broken(key, "a key must be plain text", "bad_key")
            elif key.value == "<<" and key.style in (None, ""):
                self._broken(key, "merge keys (<<) are not part of YAML 1.2: write the keys out", "merge_key")
            elif "${" in key.value:
                self._broken(key, "${…} is replaced in values only, not in keys", "bad_key")
            elif key.value in values:
                first = keys[key.value]
                self._broken(key, f'"{key.value}" is already at line {first.line}', "duplicate_key")
            else:
                keys[key.value] = self._place(key)
                values[key.value] = self.node(value, within)
        return Node(self._place(node), values, keys)

    def _scalar(self, node: yaml.ScalarNode) -> Node:
        place = self._place(node)
        raw = str(node.value)
        text, substituted = self._substitute(raw, place) if "${" in raw else (raw, False)
        if text is None:
            return Node(place, raw, raw=raw, substituted=True, broken=True)
        # Substituted text stays text: a secret that happens to be all digits must not become a number.
        # Where a number or a boolean is wanted, decode() reads it as one.
        plain = node.style in (None, "") and not substituted
        return Node(place, core(text) if plain else text, raw=raw, substituted=substituted)
