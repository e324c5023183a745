"""The comparator of trees: tree × tree → differences by path. Iterative, linear, lossless; it keeps no value.

What is kept of a value is its shape: type, length, format class. Names of members that look like data (a map keyed
by record number) are masked too, since paths are stored, reported and logged. Lists are compared by position; where
their lengths differ, what they share at the head and at the tail is set aside first, so that one entry that was
dropped or inserted is one difference.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import NamedTuple, TypeAlias

from adapters.document import Number, Tree, escape

MAX_DEPTH = 1024
"""Differences further down are too deep to be named: RFC 6901 pointers of theirs would grow without bound."""

MAX_DIFFERENCES = 200
"""Differences kept of one comparison. More of them change no outcome."""

MASKED = "{key}"
"""What stands in a path for a member name that looks like data; no name that is shown has braces."""


class Shape(NamedTuple):
    """What may be known of a value: its type, its length (characters, digits, items; None where it has none) and,
    of a string, its format class."""

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
    """A patient may come to harm, or see what was withheld. One of them, reproduced, blocks."""
    MAJOR = "major"
    MINOR = "minor"


class Signature(NamedTuple):
    """What differences are grouped by: the same disagreement at the same place, whichever the index or the value."""

    kind: str
    path: str
    legacy: str
    modern: str


@dataclass(frozen=True, slots=True)
class Difference:
    """One disagreement at one path.

    `kind` is one of: status, header, coding, syntax, body (of the message); missing (legacy has it, modern has not),
    extra (the reverse), type, value, precision (the same number, written otherwise) (of the document).
    `path` is a JSON Pointer into the document, or a header's lower-case name. The shapes hold no value.
    """

    kind: str
    path: str
    legacy: Shape
    modern: Shape
    severity: Severity = Severity.MAJOR

    @property
    def signature(self) -> Signature:
        """The difference without indexes and lengths: "/entry/3/code" counts as "/entry/*/code"."""
        return Signature(self.kind, _INDEX.sub("/*", self.path), self.legacy.group, self.modern.group)


class DiffError(ValueError):
    """Two trees cannot be told apart within bounds. `reason` is "too_deep" or "budget"."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


ABSENT = Shape("absent")

# A member name that all indexes look like is masked, so digits between slashes are always an index.
_INDEX = re.compile(r"/[0-9]+(?=/|$)")

# camelCase, PascalCase, snake_case and kebab-case, with at most two digits; "@id", "#text", "$ref", "dc:title".
# Anything else (digits, spaces, dots, a capital after a hyphen, non-ASCII) may be a number, a name or an address.
_FIELD = re.compile(r"[@#$_]?(?:[a-z]+:)?(?!(?:[^0-9]*[0-9]){3})[A-Za-z_][A-Za-z0-9_]*(?:-[a-z][a-z0-9]*)*")
_LONGEST_FIELD = 64

_FORMS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("date", re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)),
    ("instant", re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)", re.ASCII)),
    ("local time", re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?", re.ASCII)),
    ("uuid", re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")),
    ("digits", re.compile(r"\d+", re.ASCII)),
    ("decimal", re.compile(r"[+-]?\d*\.\d+", re.ASCII)),
    ("url", re.compile(r"(?:https?|urn|ftp|mailto):\S+", re.IGNORECASE)),
    ("word", re.compile(r"[A-Za-z]+")),
    ("code", re.compile(r"[A-Za-z0-9_.:|/-]+")),
)
_LONGEST_FORM = 256


def shape(value: Tree) -> Shape:
    """The shape of a document's value."""
    if isinstance(value, Number):
        return Shape("decimal" if set(value) & set(".eE") else "integer", sum(map(str.isdigit, value)))
    if isinstance(value, str):
        form = next((form for form, pattern in _FORMS if pattern.fullmatch(value)), "text") \
            if len(value) <= _LONGEST_FORM else "text"
        return Shape("string", len(value), form if value else "")
    if isinstance(value, dict):
        return Shape("object", len(value))
    if isinstance(value, list):
        return Shape("array", len(value))
    return Shape("null" if value is None else "boolean")


# A place on the way down: (the place above, the last token); None is the root. Rendered only where it is needed.
_Place: TypeAlias = tuple["_Place", str | int] | None


def _shown(token: str | int) -> str:
    if isinstance(token, int):
        return str(token)
    return escape(token) if len(token) <= _LONGEST_FIELD and _FIELD.fullmatch(token) else MASKED


def _pointer(place: _Place) -> str | None:
    """None where the place is too deep to be named."""
    tokens: list[str | int] = []
    while place is not None:
        place, token = place
        tokens.append(token)
        if len(tokens) > MAX_DEPTH:
            return None
    return "".join(f"/{_shown(token)}" for token in reversed(tokens))


def _numbers(legacy: Number, modern: Number) -> str:
    try:
        return "precision" if Decimal(legacy) == Decimal(modern) else "value"
    except InvalidOperation:  # an exponent past what Decimal holds
        return "value"


class _Walk:
    """One comparison under way: what is still to be looked at, and how many more looks it may take."""

    __slots__ = ("looks",)

    def __init__(self, looks: int) -> None:
        self.looks = looks

    def differences(self, legacy: Tree, modern: Tree) -> Iterator[tuple[str, _Place, Shape, Shape]]:
        """Every difference, in document order, its path not yet written out."""
        stack: list[tuple[_Place, Tree, Tree]] = [(None, legacy, modern)]
        while stack:
            self.looks -= 1
            if self.looks < 0:
                raise DiffError("budget")
            place, old, new = stack.pop()
            if old is _GONE or new is _GONE:
                yield (("missing", place, shape(old), ABSENT) if new is _GONE else ("extra", place, ABSENT, shape(new)))
            elif type(old) is not type(new):
                yield "type", place, shape(old), shape(new)
            elif isinstance(old, dict):
                names = [*old, *(name for name in new if name not in old)] if old.keys() != new.keys() else list(old)
                stack += [((place, name), old.get(name, _GONE), new.get(name, _GONE)) for name in reversed(names)]
            elif isinstance(old, list):
                stack += reversed(list(self._items(place, old, new)))
            elif old != new:
                kind = _numbers(old, new) if isinstance(old, Number) else "value"
                yield kind, place, shape(old), shape(new)

    def _items(self, place: _Place, old: list[Tree], new: list[Tree]) -> Iterator[tuple[_Place, Tree, Tree]]:
        """The items to compare with each other; _GONE where one list has none."""
        head, tail, shortest = 0, 0, min(len(old), len(new))
        if len(old) != len(new):
            while head < shortest and self._same(old[head], new[head]):
                head += 1
            while tail < shortest - head and self._same(old[-1 - tail], new[-1 - tail]):
                tail += 1
        for at in range(head, max(len(old), len(new)) - tail):
            yield ((place, at), old[at] if at < len(old) - tail else _GONE, new[at] if at < len(new) - tail else _GONE)

    def _same(self, old: Tree, new: Tree) -> bool:
        stack = [(old, new)]
        while stack:
            self.looks -= 1
            if self.looks < 0:
                raise DiffError("budget")
            one, other = stack.pop()
            if type(one) is not type(other):
                return False
            if isinstance(one, dict):
                if one.keys() != other.keys():
                    return False
                stack += ((value, other[name]) for name, value in one.items())
            elif isinstance(one, list):
                if len(one) != len(other):
                    return False
                stack += zip(one, other, strict=True)
            elif one != other:
                return False
        return True


class _Gone:
    """The type of the mark for what is not there: no tree holds it."""


_GONE = _Gone()


def diff(legacy: Tree, modern: Tree, looks: int = 1_000_000) -> tuple[Difference, ...]:
    """What differs between two trees, in document order, at most MAX_DIFFERENCES of it.

    `looks` bounds the pairs of nodes that are looked at, so that no input takes unbounded time.
    Raises DiffError where a bound was met before any difference, and nothing else.
    """
    found: list[Difference] = []
    refused = ""
    try:
        for kind, place, old, new in _Walk(looks).differences(legacy, modern):
            path = _pointer(place)
            if path is None:
                refused = "too_deep"
                continue
            found.append(Difference(kind, path, old, new))
            if len(found) == MAX_DIFFERENCES:
                break
    except DiffError as error:
        refused = error.reason
    if refused and not found:
        raise DiffError(refused)
    return tuple(found)
