"""Crosswalk: pairs of legacy and modern identifiers, one-to-one in each class; and the CSV file that seeds one.

Two systems identify the same record differently. The pairs come from a migration, or are learnt from traffic. An
identifier is never in two pairs of its class: binding it a second time returns a Conflict.
"""

import csv
import hashlib
import io
from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

LIMIT = 1_000_000
"""The most pairs that a crosswalk holds, over all classes, and the most rows of a seed."""

LONGEST = 256
"""The most characters of an identifier, or of a class's name, in a seed."""

FAULTS = 20
"""The most faults of one seed that are reported."""

HEADER = ["class", "legacy", "modern"]


class Bound(StrEnum):
    """The result of binding a pair without a conflict."""

    NEW = "new"
    KNOWN = "known"
    FULL = "full"
    """There is no room for the pair: neither identifier is bound."""


class Conflict(NamedTuple):
    """Two identifiers that cannot be a pair: whether legacy's, and whether modern's, is already bound to another."""

    legacy: bool
    modern: bool


class IdPair(NamedTuple):
    """Legacy's and modern's identifier of one record. `name` is their class."""

    name: str
    legacy: str
    modern: str


class Crosswalk:
    """One-to-one pairs by class, at most `limit` of them. With a `base`, lookups also see the base's pairs; new pairs
    are kept here, and the base never changes."""

    __slots__ = ("_backward", "_base", "_forward", "_limit")

    def __init__(self, base: "Crosswalk | None" = None, limit: int = LIMIT) -> None:
        self._base = base
        self._limit = limit
        self._forward: dict[tuple[str, str], str] = {}
        self._backward: dict[tuple[str, str], str] = {}

    def __len__(self) -> int:
        """How many pairs this crosswalk holds, without its base."""
        return len(self._forward)

    def modern(self, name: str, legacy: str) -> str | None:
        """The modern identifier that a legacy one of this class is bound to, or None."""
        found = self._forward.get((name, legacy))
        return self._base.modern(name, legacy) if found is None and self._base is not None else found

    def legacy(self, name: str, modern: str) -> str | None:
        """The legacy identifier that a modern one of this class is bound to, or None."""
        found = self._backward.get((name, modern))
        return self._base.legacy(name, modern) if found is None and self._base is not None else found

    def bind(self, name: str, legacy: str, modern: str) -> Bound | Conflict:
        """Bind two identifiers of a class to each other. If either is in another pair, nothing changes."""
        other, its = self.modern(name, legacy), self.legacy(name, modern)
        if other == modern:
            return Bound.KNOWN
        if other is not None or its is not None:
            return Conflict(other is not None, its is not None)
        if len(self._forward) >= self._limit:
            return Bound.FULL
        self._forward[name, legacy] = modern
        self._backward[name, modern] = legacy
        return Bound.NEW


class Fault(NamedTuple):
    """A fault of a seed, and its line (from 1). `says` describes it and quotes nothing from the seed."""

    line: int
    says: str


class Seed(NamedTuple):
    """The content of a seed: its pairs, each at most once, and its first FAULTS faults. `digest` is of its bytes."""

    entries: tuple[IdPair, ...]
    faults: tuple[Fault, ...]
    digest: str


def digest(text: bytes) -> str:
    """A digest that differs between seeds: 16 hexadecimal digits."""
    return hashlib.sha256(text).hexdigest()[:16]


def seed(text: bytes) -> Seed:
    """Read a CSV file (RFC 4180, UTF-8) whose first line is "class,legacy,modern". Raises nothing."""
    entries: list[IdPair] = []
    faults: list[Fault] = []
    try:
        lines = io.StringIO(text.decode("utf-8-sig"), newline="")
    except UnicodeDecodeError as error:
        return Seed((), (Fault(text.count(b"\n", 0, error.start) + 1, "not UTF-8 text"),), digest(text))
    for found in _rows(lines):
        if isinstance(found, IdPair):
            entries.append(found)
        elif len(faults) < FAULTS:
            faults.append(found)
    return Seed(tuple(entries), tuple(faults), digest(text))


def _rows(lines: io.StringIO) -> Iterator[IdPair | Fault]:
    reader = csv.reader(lines, strict=True)
    known = Crosswalk()
    first: dict[tuple[str, str, str], int] = {}
    try:
        if [one.strip() for one in next(reader, [])] != HEADER:
            yield Fault(1, f'the first line is not "{",".join(HEADER)}"')
            return
        for row in reader:
            cells = [one.strip() for one in row]
            if not any(cells):
                continue
            yield _row(cells, reader.line_num, known, first)
    except csv.Error:
        yield Fault(reader.line_num, "not CSV: a quote that does not end, or stands in the middle")


def _row(cells: list[str], line: int, known: Crosswalk, first: dict[tuple[str, str, str], int]) -> IdPair | Fault:
    if len(cells) != len(HEADER):
        return Fault(line, f"{len(cells)} cells instead of {len(HEADER)}")
    for column, cell in zip(HEADER, cells, strict=True):
        if not cell or len(cell) > LONGEST:
            return Fault(line, f"the {column} is {'empty' if not cell else f'longer than {LONGEST} characters'}")
    name, legacy, modern = cells
    result = known.bind(name, legacy, modern)
    if result is Bound.NEW:
        first[name, "legacy", legacy] = first[name, "modern", modern] = line
        return IdPair(name, legacy, modern)
    if result is Bound.FULL:
        return Fault(line, f"more than {LIMIT:,} pairs")
    if result is Bound.KNOWN:
        return Fault(line, f"repeats the pair of line {first[name, 'legacy', legacy]}")
    # One of the two identifiers is in another pair, or both are, perhaps on two lines.
    side, value = ("legacy", legacy) if result.legacy else ("modern", modern)
    return Fault(line, f"the {side} identifier is bound to another one in line {first[name, side, value]}")
