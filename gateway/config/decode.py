"""Decodes a tree of nodes to a value of a pydantic model. pydantic's errors become problems at the nodes' own places.

Validation runs on JSON, in strict mode: lists may become tuples and text a Path, but "5" is no number and "on" no
boolean. A wrong value becomes a problem and is then cut out, so that the rest is checked in the same run. Decoding
always ends: every round changes something that no later round undoes, and the first that changes nothing is the last.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Generic, NamedTuple, TypeVar

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.errors import PydanticInvalidForJsonSchema, PydanticSchemaGenerationError
from pydantic_core import ErrorDetails

from gateway.config.nodes import Node, core
from gateway.config.problem import Findings, Place, did_you_mean

T = TypeVar("T")
Steps = tuple[str | int, ...]

_EXTRA = frozenset({"extra_forbidden", "unexpected_keyword_argument"})
_MISSING = frozenset({"missing", "missing_argument", "missing_keyword_only_argument"})
_YAML_11 = {"on": "true", "yes": "true", "y": "true", "off": "false", "no": "false", "n": "false"}
# Substituted text is read as a number or a boolean only if one is wanted.
_READ_AGAIN = frozenset({"int_type", "float_type", "bool_type"})


class Decoded(NamedTuple, Generic[T]):
    """The value, or None. `broken` are the paths that were cut out of it: the values there now are not as written."""

    value: T | None
    broken: frozenset[Steps] = frozenset()


@dataclass(frozen=True, slots=True)
class Repair:
    """How decoding goes on after a problem: how many steps of its path to keep when cutting (0: give up), and what
    to put where a required value was cut or is missing ("*" in a path stands for any key)."""

    depth: Callable[[Steps], int] = lambda path: 0
    stubs: Mapping[Steps, Any] = field(default_factory=dict)

    def stub(self, path: Steps) -> Any:
        """The stub for `path`, or None."""
        for pattern, stub in self.stubs.items():
            if len(pattern) == len(path) and all(p in ("*", step) for p, step in zip(pattern, path, strict=True)):
                return stub
        return None


class Schema(Generic[T]):
    """Decodes trees to values of one type. With `wrap`, the adapter validates a list that holds the value alone."""

    def __init__(self, adapter: TypeAdapter[Any], wrap: bool = False) -> None:
        self.adapter = adapter
        self.wrap = wrap

    @classmethod
    def of_model(cls, model: type[T]) -> "Schema[T]":
        """For a pydantic model."""
        return cls(TypeAdapter(model))

    @classmethod
    def of_options(cls, options: type[T]) -> "Schema[T]":
        """For a plugin's `Options`. Raises TypeError if its fields have no schema."""
        try:
            # pydantic applies a configuration from outside to a dataclass only if it is inside a tuple.
            config = ConfigDict(extra="forbid", strict=True)
            return cls(TypeAdapter(tuple[options], config=config), wrap=True)  # type: ignore[valid-type]
        except PydanticSchemaGenerationError as error:
            raise TypeError("the plugin's options have no schema") from error

    def validate(self, data: Any) -> T:
        """Validate plain data. Raises ValidationError."""
        text = json.dumps([data] if self.wrap else data)
        value = self.adapter.validate_json(text)
        return value[0] if self.wrap else value  # type: ignore[no-any-return]

    @cached_property
    def _json(self) -> Mapping[str, Any]:
        try:
            return self.adapter.json_schema(by_alias=True)
        except PydanticInvalidForJsonSchema:
            return {}

    def fields(self, path: Steps) -> list[str]:
        """The fixed keys that a map at `path` may have."""
        return sorted(_properties(self._json, self._json, (0, *path) if self.wrap else path))


def decode(
    schema: Schema[T], root: Node, findings: Findings, repair: Repair | None = None, *, show: bool = True,
) -> Decoded[T]:
    """Decode `root`, adding to `findings`. With `show`, messages may quote values as written, but
    never the value of a "${…}"."""
    repair = repair or Repair()
    data = root.data()
    cuts = _Cuts()
    found: dict[tuple[Place, str, Steps], list[str]] = {}
    value: T | None = None
    while True:
        try:
            value = schema.validate(data)
            break
        except ValidationError as error:
            errors = error.errors(include_url=False, include_input=False)
        faults = [_Fault.of(one, root, data, schema.wrap) for one in errors]
        for fault in faults:
            if not fault.node.broken and not cuts.touch(fault.path) and not fault.readable(data):
                message, code = fault.message(schema, show)
                messages = found.setdefault((fault.place, code, fault.path), [])
                messages += [message] if message not in messages else []
        if not cuts.mend(faults, data, repair):
            break  # the next round would find the same faults
    # Several messages about one value come from the members of a union: it is enough to follow one of them.
    for (place, code, _), messages in found.items():
        findings.problem(place, " or ".join(messages), code)
    return Decoded(value, frozenset(cuts.paths))


class _Fault(NamedTuple):
    """One error of pydantic's: the path to the value (or the missing key), its node and its place."""

    error: ErrorDetails
    path: Steps
    node: Node
    place: Place

    @classmethod
    def of(cls, error: ErrorDetails, root: Node, data: Any, wrapped: bool) -> "_Fault":
        """The fault at its place in `data`, which is the part of `root` that is not cut out."""
        node, place, path = root, root.place, list[str | int]()
        in_key = False
        for step in error["loc"][int(wrapped):]:
            if isinstance(data, dict) and step in data:
                # A stub may have keys that were never written.
                if isinstance(node.value, dict) and step in node.value:
                    place, node = node.keys[str(step)], node.value[str(step)]
                in_key = True
            elif isinstance(data, list) and isinstance(step, int) and step < len(data):
                if isinstance(node.value, list) and step < len(node.value):
                    node = node.value[step]
                    place = node.place
                in_key = False
            else:
                continue  # a union's member, or the missing key
            data = data[step]
            path.append(step)
        if error["type"] in _MISSING:
            path.append(error["loc"][-1])
        elif in_key and error["type"] not in _EXTRA and error["loc"][-1] != "[key]":
            place = node.place
        return cls(error, tuple(path), node, place)

    def readable(self, data: Any) -> bool:
        """Whether this is the text of a "${…}" that can be read as the number or the boolean that is wanted."""
        if self.error["type"] not in _READ_AGAIN or not self.node.substituted or not self.path:
            return False
        text = _parent(data, self.path)[self.path[-1]]
        return isinstance(text, str) and not isinstance(core(text), str | None)

    def message(self, schema: Schema[Any], show: bool) -> tuple[str, str]:
        """The problem's message and its code."""
        kind, context = self.error["type"], self.error.get("ctx", {})
        name = str(self.path[-1]) if self.path else ""
        if kind in _EXTRA:
            known = schema.fields(self.path[:-1])
            if (key := name.partition(":")[0]) != name and key in known:
                return f'unknown key "{name}": write a blank after the colon, "{key}: …"', "unknown_key"
            return f'unknown key "{name}"{did_you_mean(name, known)}', "unknown_key"
        if kind in _MISSING:
            return f'"{name}" is missing', "missing"
        if kind in _WANTS:
            return f"wants {_WANTS[kind]}{self._but(show, kind)}", "wrong_type"
        if kind in ("literal_error", "enum"):
            wanted = context["expected"].replace("'", "").replace("True", "true").replace("False", "false")
            return f"wants {wanted}{self._unlike(wanted, show) or self._near(show)}", "bad_value"
        if kind == "value_error":
            return str(context["error"]), "bad_value"
        if kind in ("too_short", "string_too_short") and context["min_length"] == 1:
            return "must not be empty", "bad_value"
        if kind in _MUST:
            return f"must {_MUST[kind].format(**context)}", "bad_value"
        message = self.error["msg"]
        if "meant" in context and self._shown(show):
            return f"{message}{self._but(show, kind)}; did you mean {context['meant']}?", kind
        if kind.startswith(("bad_", "wrong_", "unreachable")):
            return f"{message}{self._but(show, kind)}", kind
        return message.removeprefix("Input "), "bad_value"

    def _unlike(self, wanted: str, show: bool) -> str:
        """The end of a message about a scalar that is nearly one of those that are wanted: in quotes, or in words of
        YAML 1.1."""
        raw = self._shown(show)
        plain = raw and _YAML_11.get(raw.lower(), raw.lower() if raw.lower() in ("true", "false") else raw)
        if not plain or plain not in wanted.replace(" or ", ", ").split(", "):
            return ""
        return f": write {plain} without quotes" if raw == plain and isinstance(self.node.value, str) else (
            f': "{raw}" is text in YAML 1.2, write {plain}' if raw != plain else "")

    def _shown(self, show: bool) -> str:
        is_scalar = not isinstance(self.node.value, dict | list)
        return self.node.raw if show and is_scalar and not self.node.substituted and self.node.raw.isprintable() else ""

    def _but(self, show: bool, kind: str) -> str:
        raw = self._shown(show)
        if not raw:
            return ""
        if kind == "bool_type" and raw.lower() in _YAML_11:
            return f': "{raw}" is text in YAML 1.2, write {_YAML_11[raw.lower()]}'
        if kind == "int_type" and raw.lstrip("+-").isdigit() and raw.lstrip("+-").startswith("0"):
            return f', and "{raw}" is read as 8s by some and as 10s by others: write it without the leading zero'
        if kind == "string_type":
            return f': write "{raw}" in quotes'
        if kind in _READ_AGAIN and isinstance(self.node.value, str) and type(core(raw)) in _READ_AS[kind]:
            return f": write {raw} without quotes"
        return f', not "{raw}"'

    def _near(self, show: bool) -> str:
        raw = self._shown(show)
        known = [one.strip(" '") for one in self.error.get("ctx", {})["expected"].replace(" or ", ",").split(",")]
        return did_you_mean(raw, known).partition(" (")[0] if raw else ""


# The types of plain scalars that are what an error of that kind asks for.
_READ_AS: dict[str, tuple[type, ...]] = {"int_type": (int,), "float_type": (int, float), "bool_type": (bool,)}
_WANTS = {
    "int_type": "a whole number", "int_from_float": "a whole number", "float_type": "a number",
    "bool_type": "true or false", "string_type": "text", "list_type": "a list", "tuple_type": "a list",
    "set_type": "a list", "frozen_set_type": "a list", "dict_type": "a map", "mapping_type": "a map",
    "model_type": "a map", "dataclass_type": "a map", "model_attributes_type": "a map", "path_type": "a path",
    "date_type": "a date",
}
# Our words for every bound that our settings have, since pydantic's change with its releases.
_MUST = {
    "greater_than": "be more than {gt}", "greater_than_equal": "be at least {ge}",
    "less_than": "be less than {lt}", "less_than_equal": "be at most {le}",
    "too_short": "have at least {min_length} of them", "too_long": "have at most {max_length} of them",
    "string_too_short": "have at least {min_length} characters",
    "string_too_long": "have at most {max_length} characters",
    **dict.fromkeys(("date_parsing", "date_from_datetime_parsing", "date_from_datetime_inexact"),
                    "be a date such as 2026-12-31"),
}


class _Cuts:
    """The parts that were cut out of the data. Every change deletes a key, puts a stub where none was put before, or
    turns text into a number or a boolean; so there are at most as many changes as the data has values."""

    def __init__(self) -> None:
        self.paths: set[Steps] = set()
        self._above: set[Steps] = set()

    def touch(self, path: Steps) -> bool:
        """Whether `path`, something above it or something below it was cut."""
        return path in self._above or _is_within(path, self.paths)

    def mend(self, faults: Iterable[_Fault], data: Any, repair: Repair) -> bool:
        """Do one round: change what each fault is about. Returns False if nothing could be changed."""
        now: set[Steps] = set()
        read = False
        for fault in faults:
            if _is_within(fault.path, now):
                continue  # it was cut with something larger
            if fault.readable(data):
                parent, step = _parent(data, fault.path), fault.path[-1]
                parent[step] = core(parent[step])
                read = True
            elif path := self._cut(fault, data, repair):
                now.add(path)
        return read or bool(now)

    def _cut(self, fault: _Fault, data: Any, repair: Repair) -> Steps:
        """Cut out the faulty value, or put a stub in its place. Returns its path, or () if nothing can be cut."""
        path = fault.path if fault.error["type"] in _EXTRA else fault.path[: repair.depth(fault.path)]
        while path:
            parent = _parent(data, path)
            stub = repair.stub(path) if path not in self.paths else None
            if stub is not None:
                # A copy, since later rounds may change it.
                parent[path[-1]] = deepcopy(stub)
            elif isinstance(parent, dict) and path[-1] in parent:
                del parent[path[-1]]
            else:
                path = path[:-1]
                continue
            self.paths.add(path)
            self._above.update(path[:length] for length in range(len(path)))
            break
        return path


def _is_within(path: Steps, cut: set[Steps]) -> bool:
    return bool(cut) and any(path[:length] in cut for length in range(len(path) + 1))


def _parent(data: Any, path: Steps) -> Any:
    for step in path[:-1]:
        data = data[step]
    return data


def _properties(schema: Mapping[str, Any], root: Mapping[str, Any], path: Steps) -> Iterable[str]:
    """The `properties` of a JSON Schema's part at `path`, references and alternatives followed."""
    if "$ref" in schema:
        target: Any = root
        for step in schema["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        yield from _properties(target, root, path)
    for keyword in ("anyOf", "oneOf", "allOf"):
        for member in schema.get(keyword, ()):
            yield from _properties(member, root, path)
    if not path:
        yield from schema.get("properties", ())
        return
    step, rest = path[0], path[1:]
    inner = [schema.get("properties", {}).get(step), schema.get("additionalProperties"), schema.get("items")]
    inner += schema.get("patternProperties", {}).values()
    inner += schema.get("prefixItems", ()) if isinstance(step, int) else ()
    for one in inner:
        if isinstance(one, dict):
            yield from _properties(one, root, rest)
