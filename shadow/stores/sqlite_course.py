"""The table of courses in the SQLite store. All of it runs inside the store's own transactions."""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import orjson

from shadow.evidence.epoch import Epoch
from shadow.evidence.stratum import Stratum
from shadow.ledger.course import BEGINNING, TOGETHER, grown, plus
from shadow.ledger.rows import Course, Point

Place: TypeAlias = tuple[str, Epoch]
"""A capability and its epoch."""

_WHOLE = Stratum("", "", "", "")
_POINTS = """
SELECT points FROM course WHERE (capability, legacy, modern, rules, comparator) = (?, ?, ?, ?, ?)
    AND (operation, status, resource, shape, asked) = (?, ?, ?, ?, ?)
"""
_PUT = "INSERT INTO course VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET points = excluded.points"


Sums: TypeAlias = dict[int, tuple[Point, float]]
"""What a batch adds to a course: by when that came, in parts of TOGETHER seconds, with the time of the first of it."""


def add(sums: dict[Stratum, Sums], stratum: Stratum, more: Point, since: float) -> None:
    """Add sums of a batch to those of a stratum, and of all of its epoch. `since` is when the first was asked."""
    part = int(since // TOGETHER)
    for one in (stratum, _WHOLE):
        own = sums.setdefault(one, {})
        known = own.get(part)
        own[part] = (more, since) if known is None else (plus(known[0], more), min(known[1], since))


def write(connection: sqlite3.Connection, place: Place, sums: Mapping[Stratum, Sums]) -> int:
    """Let the courses of an epoch grow by what a batch adds. Returns how many effective exchanges that is."""
    capability, epoch = place
    for stratum, own in sums.items():
        key = capability, *epoch.stored, *stratum
        row = connection.execute(_POINTS, key).fetchone()
        points = _points(row[0]) if row else BEGINNING
        for _, (more, since) in sorted(own.items()):
            points = grown(points, more, since)
        connection.execute(_PUT, (*key, orjson.dumps([_short(one) for one in points]).decode()))
    return sum(more.effective for more, _ in sums[_WHOLE].values()) if sums else 0


def read(row: Sequence[Any]) -> Course:
    """A row of `course`."""
    stratum = Stratum(*row[5:10])
    return Course(row[0], Epoch.from_stored(*row[1:5]), None if stratum == _WHOLE else stratum, _points(row[10]))


def _points(text: str) -> tuple[Point, ...]:
    return tuple(_point(*numbers) for numbers in orjson.loads(text))


def _point(
    effective: int, wrong: int = 0, first: int = 0, failed: int = 0, after: Sequence[tuple[str, int]] = (),
    at: float = 0.0,
) -> Point:
    return Point(effective, wrong, first, failed, tuple((reason, count) for reason, count in after), at)


def _short(point: Point) -> tuple[Any, ...]:
    """The point without the zeros at its end. A plain tuple, since orjson writes no other."""
    size = len(point)
    while size > 1 and not point[size - 1]:
        size -= 1
    return tuple(point[:size])
