"""Writes stages and shares into the text of routes.yaml, and leaves every other byte as it is. Pure.

YAML that is read and written again loses its comments, quotes and line ends. Here only the scalars are replaced, at the
marks that PyYAML gives them: a stage keeps its quotes, and its file its byte order mark. `writes` is the one key that
may have to be added: it gets a line of its own after `stage`, or stands behind it in a map in braces.

An anchor makes one text stand in several places. An alias (`*one`) in place of a stage is replaced by the stage. Where
the stage has the anchor, the aliases of it elsewhere are replaced by what they have said so far. A stage inside a map
that has an alias cannot be changed for one capability alone, and neither can one that comes from a "${…}": both are
refused. At the end the new text is read again: it must say what was wanted, and else what it said before.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import yaml

from gateway.config.nodes import LOADER, parse
from gateway.config.problem import Findings

Keys: TypeAlias = tuple[str, ...]
"""The keys on the way to a value."""

_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_PROPERTIES = re.compile(r"(?:[&!]\S*\s+)*")


class Unpatchable(Exception):
    """A value that cannot be replaced where it stands. The message says why, for people."""


class Wanted(NamedTuple):
    """What one value of a file shall be: the path of its keys, and the plain text that is written for it."""

    path: Keys
    text: str


@dataclass(slots=True)
class _Value:
    """A value in a text: where it begins and ends, with its properties, and its anchor, "" for none. `raw` is the value
    of a scalar, `style` how it is quoted. `children` are a map's values, `keys` its keys; `flow` says that it is in
    braces. An alias is a value of its own, with the value that it stands for as `target`."""

    start: int
    end: int
    anchor: str = ""
    raw: str = ""
    style: str = ""
    is_scalar: bool = False
    flow: bool = False
    children: "dict[str, _Value]" = field(default_factory=dict)
    keys: "dict[str, _Value]" = field(default_factory=dict)
    items: "list[_Value]" = field(default_factory=list)
    target: "_Value | None" = None


class _Edit(NamedTuple):
    start: int
    end: int
    text: str


def patched(text: str, wanted: list[Wanted]) -> str:
    """The text with all wanted values. Raises Unpatchable; then nothing is changed. `text` is one YAML document that
    `gateway.config.nodes.parse` takes, without a byte order mark."""
    before = _data(text)
    reading = _Reading(text)
    edits: dict[int, _Edit] = {}
    for one in wanted:
        for edit in _edits(text, reading, one):
            if edits.setdefault(edit.start, edit) != edit:
                raise Unpatchable(f"{'.'.join(one.path)} shares its text with another value")
    result = text
    for edit in sorted(edits.values(), reverse=True):
        result = result[:edit.start] + edit.text + result[edit.end:]
    for path, said in wanted:
        _put(before, path, said)
    if _data(result) != before:
        raise Unpatchable("the file would say something else too")
    return result


def _edits(text: str, reading: "_Reading", wanted: Wanted) -> Iterator[_Edit]:
    """The edits by which one value becomes what is wanted."""
    *above, name = wanted.path
    holder = reading.root
    for key in above:
        holder = holder.children.get(key) or _missing(wanted)
        if holder.target is not None or (holder.anchor and holder.anchor in reading.aliased):
            raise Unpatchable(f"{'.'.join(wanted.path)} stands in a map that an anchor and aliases use several times: "
                              "write that map out first")
    value = holder.children.get(name)
    if value is None:
        yield _added(text, holder, wanted)
        return
    scalar = value.target or value
    if not scalar.is_scalar:
        raise Unpatchable(f"{'.'.join(wanted.path)} is no plain value")
    if "${" in scalar.raw:
        raise Unpatchable(f"{'.'.join(wanted.path)} comes from a reference, {scalar.raw}: set that instead")
    if value.target is not None:
        yield _Edit(value.start, value.end, wanted.text)
        return
    for alias in reading.aliases:
        if alias.target is value:
            yield _Edit(alias.start, alias.end, _written(value))
    yield _Edit(value.start, value.end, _replaced(text[value.start:value.end], value, wanted.text))


def _missing(wanted: Wanted) -> "_Value":
    raise Unpatchable(f"{'.'.join(wanted.path)} is not in the file")


def _written(value: "_Value") -> str:
    """A scalar as an alias of it may be replaced: plain where it was plain, else in quotes."""
    if not value.style:
        return value.raw
    return "'" + value.raw.replace("'", "''") + "'"


def _replaced(written: str, value: "_Value", to: str) -> str:
    """A scalar's text, with its properties and quotes, that says something else."""
    found = _PROPERTIES.match(written)
    properties = found[0] if found is not None else ""
    at = written.rfind(value.raw) if value.raw else -1
    if at >= len(properties):
        return written[:at] + to + written[at + len(value.raw):]
    if value.style in ("|", ">"):
        raise Unpatchable("a value in a block of several lines cannot be replaced")
    # What it says is not what is written: it has escapes, or nothing is written at all.
    return properties + to


def _added(text: str, holder: "_Value", wanted: Wanted) -> _Edit:
    """The edit that adds a key after `stage`."""
    name = wanted.path[-1]
    after, key = holder.children.get("stage"), holder.keys.get("stage")
    if after is None or key is None:
        raise Unpatchable(f"{'.'.join(wanted.path)} is not in the file")
    if holder.flow:
        quote = key.style
        return _Edit(after.end, after.end, f", {quote}{name}{quote}: {quote}{wanted.text}{quote}")
    begins = max((found.end() for found in _BREAK.finditer(text, 0, key.start)), default=0)
    indent = text[begins:key.start]
    if indent.strip(" "):
        raise Unpatchable(f"{'.'.join(wanted.path)} is not in the file, and `stage` does not begin its line")
    if text[after.start:after.end].endswith(("\n", "\r")):
        first = _BREAK.search(text)
        return _Edit(after.end, after.end, f"{indent}{name}: {wanted.text}{first[0] if first is not None else chr(10)}")
    ends = _BREAK.search(text, after.end)
    newline = ends or _BREAK.search(text)
    at = ends.start() if ends is not None else len(text)
    return _Edit(at, at, f"{newline[0] if newline is not None else chr(10)}{indent}{name}: {wanted.text}")


def _put(data: Any, path: Keys, text: str) -> None:
    for key in path[:-1]:
        data = data[key]
    data[path[-1]] = text


def _data(text: str) -> Any:
    """What a text says, as plain values that nothing shares."""
    findings = Findings()
    root = parse(text, Path(), lambda raw, place: (raw, False), findings)
    if root is None or findings.problems:
        raise Unpatchable("the file cannot be read as YAML")
    return root.data()


class _Reading:
    """The values of a text with their marks. `aliases` are all aliases in it, `aliased` the anchors that have one."""

    def __init__(self, text: str) -> None:
        self._events = iter(yaml.parse(text, Loader=LOADER))
        self._anchors: dict[str, _Value] = {}
        self.aliases: list[_Value] = []
        self.aliased: set[str] = set()
        self.root = _Value(0, 0)
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                self.root = self._value(next(self._events))

    def _value(self, event: Any) -> _Value:
        value = _Value(event.start_mark.index, event.end_mark.index, event.anchor or "")
        if isinstance(event, yaml.AliasEvent):
            value.target = self._anchors[value.anchor]
            self.aliases.append(value)
            self.aliased.add(value.anchor)
            return value
        if value.anchor:
            self._anchors[value.anchor] = value
        if isinstance(event, yaml.ScalarEvent):
            value.raw, value.style, value.is_scalar = event.value, event.style or "", True
        elif isinstance(event, yaml.SequenceStartEvent):
            while not isinstance(inside := next(self._events), yaml.SequenceEndEvent):
                value.items.append(self._value(inside))
        elif isinstance(event, yaml.MappingStartEvent):
            value.flow = bool(event.flow_style)
            while not isinstance(inside := next(self._events), yaml.MappingEndEvent):
                key = self._value(inside)
                value.children[(key.target or key).raw] = self._value(next(self._events))
                value.keys[(key.target or key).raw] = key
        return value
