"""Crosswalk: pairs of legacy and modern identifiers, one-to-one in each class; and the CSV file that seeds one.

Two systems name the same record differently. Which name is whose is known from a migration, or learnt; either way
no identifier is ever in two pairs of its class. Whoever asks for that is told, as a value: a Conflict.
"""

import csv
import hashlib
import io
from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

LIMIT = 1_000_000
"""Pairs that a crosswalk holds, over all classes; and rows that a seed may have."""

LONGEST = 256
"""Characters of an identifier, or of a class's name, in a seed."""

FAULTS = 20
"""Faults of one seed that are told."""

HEADER = ["class", "legacy", "modern"]


class Bound(StrEnum):
    """What became of a pair that is no conflict."""

    ANEW = "anew"
    KNOWN = "known"
    FULL = "full"
    """There is no room for it: neither of the two is bound."""


class Conflict(NamedTuple):
    """Two identifiers that are no pair: whether legacy's, and whether modern's, is bound to another."""

    legacy: bool
    modern: bool


class IdPair(NamedTuple):
    """Legacy's and modern's identifier of one record. `name` is the class of both."""

    name: str
    legacy: str
    modern: str


class Crosswalk:
    """One-to-one pairs by class, at most `limit` of them. Over a `base` it holds what it is told itself, and knows what
    the base does; the base stays as it is."""

    __slots__ = ("_backward", "_base", "_forward", "_limit")

    def __init__(self, base: "Crosswalk | None" = None, limit: int = LIMIT) -> None:
        self._base = base
        self._limit = limit
        self._forward: dict[tuple[str, str], str] = {}
        self._backward: dict[tuple[str, str], str] = {}

    def __len__(self) -> int:
        """How many pairs this one holds itself."""
        return len(self._forward)

    def modern(self, name: str, legacy: str) -> str | None:
        """What a legacy identifier of a class is bound to."""
        found = self._forward.get((name, legacy))
        return self._base.modern(name, legacy) if found is None and self._base is not None else found

    def legacy(self, name: str, modern: str) -> str | None:
        """What a modern identifier of a class is bound to."""
        found = self._backward.get((name, modern))
        return self._base.legacy(name, modern) if found is None and self._base is not None else found

    def bind(self, name: str, legacy: str, modern: str) -> Bound | Conflict:
        """Make two identifiers of a class a pair, unless either is in another: then nothing changes."""
        other, its = self.modern(name, legacy), self.legacy(name, modern)
        if other == modern:
            return Bound.KNOWN
        if other is not None or its is not None:
            return Conflict(other is not None, its is not None)
        if len(self._forward) >= self._limit:
            return Bound.FULL
        self._forward[name, legacy] = modern
        self._backward[name, modern] = legacy
        return Bound.ANEW


class Fault(NamedTuple):
    """What is wrong with a seed, at which line (from 1). `says` quotes nothing out of it."""

    line: int
    says: str


class Seed(NamedTuple):
    """What a seed holds: its pairs, each at most once, and its first FAULTS faults. `digest` is of its bytes."""

    entries: tuple[IdPair, ...]
    faults: tuple[Fault, ...]
    digest: str


def digest(text: bytes) -> str:
    """What tells one seed from another: 16 hexadecimal digits."""
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
        return Fault(line, f"{len(cells)} cells, where there are {len(HEADER)}")
    for column, cell in zip(HEADER, cells, strict=True):
        if not cell or len(cell) > LONGEST:
            return Fault(line, f"the {column} is {'empty' if not cell else f'longer than {LONGEST} characters'}")
    name, legacy, modern = cells
    result = known.bind(name, legacy, modern)
    if result is Bound.ANEW:
        first[name, "legacy", legacy] = first[name, "modern", modern] = line
        return IdPair(name, legacy, modern)
    if result is Bound.FULL:
        return Fault(line, f"more than {LIMIT:,} pairs")
    if result is Bound.KNOWN:
        return Fault(line, f"the pair of line {first[name, 'legacy', legacy]} again")
    # One of the two is elsewhere, or both are, perhaps on two lines.
    side, value = ("legacy", legacy) if result.legacy else ("modern", modern)
    return Fault(line, f"the {side} identifier is bound to another one in line {first[name, side, value]}")
