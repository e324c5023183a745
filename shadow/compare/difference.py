"""Difference: one disagreement at one path. It holds the shapes of the two values and their tokens, never the values.

Paths, shapes and tokens are stored, reported and logged, so nothing here may hold a value.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from adapters.document import Number, Tree


class Shape(NamedTuple):
    """What may be shown of a value: its type, its length (characters, digits or items; None if it has none) and, of
    a string, its format class."""

    type: str
    length: int | None = None
    form: str = ""

    def __str__(self) -> str:
        length = "" if self.length is None else f"({self.length})"
        return f"{self.type}{length} {self.form}".rstrip()

    @property
    def group(self) -> str:
        """The shape without its length."""
        return f"{self.type} {self.form}".rstrip()


class Severity(StrEnum):
    """How much a difference matters, the worst first."""

    CRITICAL = "critical"
    """It may harm a patient, or show data that was withheld. One that is reproduced makes a flip unsafe."""
    MAJOR = "major"
    MINOR = "minor"

    @property
    def rank(self) -> int:
        """Its place in the order: 0 is the worst."""
        return _ORDER.index(self)


_ORDER = tuple(Severity)


def worst_of(severities: Iterable[Severity]) -> Severity:
    """The worst of one severity or more."""
    return min(severities, key=_ORDER.index)


class Signature(NamedTuple):
    """What differences are grouped by: kind, index-free path and the two shapes without lengths. Two exchanges that
    disagree in the same way have the same signature, whatever the index or the value."""

    kind: str
    path: str
    legacy: str
    modern: str


@dataclass(frozen=True, slots=True)
class Difference:
    """One disagreement at one path.

    `kind` is one of: status, header, trailer, coding, syntax, body (of the message); missing (legacy has it, modern has
    not), extra (the reverse), moved (an item of a list is elsewhere in it), type, value, precision (the same number,
    written otherwise), identity (an identifier is bound to another one: always critical), renamed (records have other
    identifiers in each answer, consistently; `path` is a pattern) (of the document). `path` is the place in legacy's
    document, as `shadow.compare.places` writes it, or a field's lower-case name; `modern_path` is the one in modern's,
    if it is another one, else empty. On a side that has nothing there, the last step is the other side's.

    The shapes hold no value. The tokens stand for scalars: at one place of one epoch they are equal if the values are;
    `key_token` stands for the member names that `path` masks. `listed` says that there are several of something on the
    way, so that the index-free path is not the place of one value alone; it is not stored.
    """

    kind: str
    path: str
    legacy: Shape
    modern: Shape
    severity: Severity = Severity.MAJOR
    modern_path: str = ""
    legacy_token: str = ""
    modern_token: str = ""
    key_token: str = ""
    listed: bool = False

    @property
    def signature(self) -> Signature:
        """The difference without indexes and lengths: "/entry/3/code" counts as "/entry/*/code"."""
        return Signature(self.kind, placed(self.path), self.legacy.group, self.modern.group)


ABSENT = Shape("absent")
"""The shape of the side that has nothing there."""

# `shadow.compare.names` masks a member name of digits alone or with brackets, so these are an index. Eight digits are
# an attribute of DICOM: no list has so many items.
_INDEX = re.compile(r"/(?![0-9]{8}(?:/|$))[0-9]+(?=/|$)")
_NUMBER = re.compile(r"\[[0-9]+\]")


def placed(path: str) -> str:
    """The index-free path: "/entry/*/code" for "/entry/3/code", "PID/OBR/OBX-5" for "PID/OBR[2]/OBX-5"."""
    return _NUMBER.sub("", _INDEX.sub("/*", path))


_FORMS = {
    "date": r"(?a:\d{4}-\d\d-\d\d)",
    "instant": r"(?a:\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d))",
    "local time": r"(?a:\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?)",
    "uuid": r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}",
    "digits": r"(?a:\d+)",
    "decimal": r"(?a:[+-]?\d*\.\d+)",
    "url": r"(?i:(?:https?|urn|ftp|mailto):\S+)",
    "word": r"[A-Za-z]+",
    "code": r"[A-Za-z0-9_.:|/-]+",
}
_NAMES = ("text", *_FORMS)
# One pattern with a group for each form, of which the first that fits counts: to try them one by one takes four times
# as long.
_FORM = re.compile("|".join(f"({one})" for one in _FORMS.values()))
_LONGEST_FORM = 256
_NO_INTEGER = frozenset(".eE")


def shape(value: Tree) -> Shape:
    """The shape of a document's value."""
    if isinstance(value, Number):
        return Shape("integer" if _NO_INTEGER.isdisjoint(value) else "decimal", sum(map(str.isdigit, value)))
    if isinstance(value, str):
        found = _FORM.fullmatch(value) if len(value) <= _LONGEST_FORM else None
        form = _NAMES[found.lastindex or 0] if found is not None else "text"
        return Shape("string", len(value), form if value else "")
    if isinstance(value, bytes):
        return Shape("bytes", len(value))
    if isinstance(value, dict):
        return Shape("object", len(value))
    if isinstance(value, list):
        return Shape("array", len(value))
    return Shape("null" if value is None else "boolean")
