"""The declarative field map (tree → tree) that adapters share: it says how to build the contract's JSON.

    id: Result/@Id                                            # a text, at this path
    value: {path: Result/Value, type: decimal}                # 72.50 stays 72.50
    flag: {path: Result/Flag, values: {H: high, L: low}}      # a code, by a closed table
    note: {path: Result/Note, missing: omit}
    patient: {path: Result/Patient, fields: {mrn: Mrn}}       # an object; its paths start at its own
    items: {path: Result, list: true, fields: {…}}            # always a list: none, one or many

Each format implements a Source, which defines how paths look and how its trees are read. Nothing is guessed: a value
that is missing, found twice, not in the table or not of its type is an error, unless the map says how to handle it.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Generic, Literal, Protocol, TypeAlias, TypeVar

from adapters.base import AdapterError
from adapters.document import Number, Path, Tree

Node = TypeVar("Node")
Scalar: TypeAlias = str | int | bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One value of the target. A plain string instead of a Field is its `path`, with the type string.

    `type` is string (unchanged), integer, decimal (a number that keeps its digits), boolean, date (YYYY-MM-DD),
    datetime (RFC 3339, offset optional) or instant (offset required). `values` translates texts by a closed table.
    `fields` makes an object. `list` makes a list of everything that the path finds. `missing` says what to do if the
    value is missing; except for strings, an empty text counts as missing. `literal` is a constant, without a path.
    """

    path: str = "."
    type: Literal["string", "integer", "decimal", "boolean", "date", "datetime", "instant"] = "string"
    list: bool = False
    missing: Literal["error", "null", "omit"] = "error"
    values: Mapping[str, Scalar] | None = None
    literal: Scalar | None = None
    fields: Mapping[str, "Field | str"] | None = None


class Source(Protocol[Node]):
    """How the trees of one format are read."""

    def path(self, text: str) -> Callable[[Node], Sequence[Node]]:
        """A function that finds all nodes at a path, seen from a node. Raises ValueError for a bad path."""
        ...

    def text(self, node: Node) -> str | None:
        """A node's text, or None if the node is marked as null. Raises ValueError if it is not a leaf."""
        ...

    def null(self, node: Node) -> bool:
        """Whether the node is marked as null."""
        ...


class _Absent:
    """The type of `_ABSENT`, which stands for a field that is left out."""


_ABSENT = _Absent()


class FieldMap(Generic[Node]):
    """A Field compiled for one Source. `side` is the message that AdapterErrors blame: "request" or "response".

    Raises ValueError, with the field's place (a JSON Pointer into the target), if the field contradicts itself.
    """

    __slots__ = ("_convert", "_fields", "_list", "_literal", "_missing", "_place", "_select", "_side", "_source",
                 "_text", "_type")

    def __init__(
        self, field: Field | str, source: Source[Node], *, side: str = "response", place: Path | None = None
    ) -> None:
        field = Field(path=field) if isinstance(field, str) else field
        place = Path() if place is None else place
        _check(field, place)
        try:
            self._select = source.path(field.path)
        except ValueError as error:
            raise ValueError(f"{_named(place)}: path: {error}") from error
        self._place, self._side, self._source = place, side, source
        self._list, self._missing, self._literal = field.list, field.missing, field.literal
        self._convert = CONVERSIONS[field.type] if field.values is None else _table(field.values)
        self._text = field.type == "string"
        self._type = "in its table of values" if field.values is not None else f"of type {field.type}"
        self._fields = None if field.fields is None else {
            name: FieldMap(inner, source, side=side, place=Path((*place, name)))
            for name, inner in field.fields.items()
        }

    def read(self, node: Node) -> Tree:
        """The field's value, read from the tree at `node`. Raises AdapterError, which names the place but no value."""
        value = self._read(node)
        return None if value is _ABSENT else value

    def _read(self, node: Node) -> Tree | _Absent:
        if self._literal is not None:
            return self._literal
        found = self._select(node)
        if self._list:
            items = [self._one(each) for each in found]
            return [None if item is _ABSENT else item for item in items]
        if len(found) > 1:
            raise self._error("is there more than once")
        value = self._one(found[0]) if found else _ABSENT
        if value is not _ABSENT or self._missing == "omit":
            return value
        if self._missing == "error":
            raise self._error("is missing")
        return None

    def _one(self, node: Node) -> Tree | _Absent:
        if self._fields is not None:
            if self._source.null(node):
                return None
            members = ((name, inner._read(node)) for name, inner in self._fields.items())
            return {name: value for name, value in members if value is not _ABSENT}
        try:
            text = self._source.text(node)
        except ValueError:
            raise self._error("is not a single value") from None
        if text is None:
            return None
        if not self._text and not text.strip():
            return _ABSENT
        try:
            return self._convert(text)
        except (ValueError, LookupError):
            raise self._error(f"is not {self._type}") from None

    def _error(self, what: str) -> AdapterError:
        return AdapterError(self._side, f"{_named(self._place)} {what}")


def _check(field: Field, place: Path) -> None:
    if field.fields is not None and (field.values is not None or field.type != "string"):
        raise ValueError(f"{_named(place)}: fields: an object has no type and no values")
    if field.values is not None and field.type != "string":
        raise ValueError(f"{_named(place)}: values: a table is for type string")
    if field.literal is not None and field != Field(literal=field.literal):
        raise ValueError(f"{_named(place)}: literal: a constant has nothing else")
    if field.list and field.missing != "error":
        raise ValueError(f"{_named(place)}: missing: a list with nothing in it is empty, never missing")


def _named(place: Path) -> str:
    return str(place) or "the document"


def _table(values: Mapping[str, Scalar]) -> Callable[[str], Tree]:
    return values.__getitem__


_INTEGER = re.compile(r"\s*([+-]?)0*([0-9]+)\s*", re.ASCII)
_DECIMAL = re.compile(r"\s*([+-]?)(?=\.?[0-9])0*([0-9]*)(\.[0-9]*)?([eE][+-]?[0-9]+)?\s*", re.ASCII)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_DATETIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?(?P<offset>Z|[+-][0-9]{2}:[0-9]{2})?", re.ASCII)
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


def _integer(text: str) -> Number:
    """An XSD integer as JSON writes it: without a plus sign or leading zeros (RFC 8259 section 6)."""
    return _number(_INTEGER, text)


def _decimal(text: str) -> Number:
    """An XSD decimal or double as JSON writes it. The digits after the point stay as they are, trailing zeros too."""
    return _number(_DECIMAL, text)


def _number(form: re.Pattern[str], text: str) -> Number:
    found = form.fullmatch(text)
    if found is None:
        raise ValueError("not a number")
    sign, whole, *rest = (group or "" for group in found.groups())
    fraction = rest[0] if rest and rest[0] != "." else ""
    exponent = rest[1] if rest else ""
    return Number(f"{'-' if sign == '-' else ''}{whole or '0'}{fraction}{exponent}")


def _boolean(text: str) -> bool:
    return _BOOLEANS[text.strip()]


def _date(text: str) -> str:
    text = text.strip()
    if _DATE.fullmatch(text) is None:
        raise ValueError("not a date")
    date.fromisoformat(text)
    return text


def _datetime(text: str) -> str:
    text = text.strip()
    if _DATETIME.fullmatch(text) is None:
        raise ValueError("not a date and time")
    datetime.fromisoformat(text[:19])
    return text


def _instant(text: str) -> str:
    text = _datetime(text)
    if "+" not in text[19:] and "-" not in text[19:] and not text.endswith("Z"):
        raise ValueError("no offset")
    return text


CONVERSIONS: dict[str, Callable[[str], Tree]] = {
    "string": str, "integer": _integer, "decimal": _decimal, "boolean": _boolean, "date": _date,
    "datetime": _datetime, "instant": _instant,
}
