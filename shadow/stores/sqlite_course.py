"""The table of courses in the SQLite store. All of it runs inside the store's own transactions."""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import orjson

from shadow.evidence.epoch import Epoch
from shadow.evidence.stratum import Stratum
from shadow.ledger.course import BEGINNING, grown, plus
from shadow.ledger.rows import Course, Point

Place: TypeAlias = tuple[str, Epoch]
"""A capability and its epoch."""

_WHOLE = Stratum("", "", "", "")
_POINTS = """
SELECT points FROM course WHERE (capability, legacy, modern, rules, comparator) = (?, ?, ?, ?, ?)
    AND (operation, status, resource, shape, asked) = (?, ?, ?, ?, ?)
"""
_PUT = "INSERT INTO course VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET points = excluded.points"


def add(sums: dict[Stratum, Point], stratum: Stratum, more: Point) -> None:
    """Add sums of a batch to those of a stratum, and of all of its epoch."""
    for one in (stratum, _WHOLE):
        sums[one] = plus(sums[one], more) if one in sums else more


def write(connection: sqlite3.Connection, place: Place, sums: Mapping[Stratum, Point]) -> int:
    """Let the courses of an epoch grow by what a batch adds. Returns how many effective exchanges that is."""
    capability, epoch = place
    for stratum, more in sums.items():
        key = capability, *epoch.stored, *stratum
        row = connection.execute(_POINTS, key).fetchone()
        points = grown(_points(row[0]) if row else BEGINNING, more)
        connection.execute(_PUT, (*key, orjson.dumps([_short(one) for one in points]).decode()))
    return sums[_WHOLE].effective if sums else 0


def read(row: Sequence[Any]) -> Course:
    """A row of `course`."""
    stratum = Stratum(*row[5:10])
    return Course(row[0], Epoch.from_stored(*row[1:5]), None if stratum == _WHOLE else stratum, _points(row[10]))


def _points(text: str) -> tuple[Point, ...]:
    return tuple(_point(*numbers) for numbers in orjson.loads(text))


def _point(
    effective: int, wrong: int = 0, first: int = 0, failed: int = 0, after: Sequence[tuple[str, int]] = (),
) -> Point:
    return Point(effective, wrong, first, failed, tuple((reason, count) for reason, count in after))


def _short(point: Point) -> tuple[Any, ...]:
    """The point without the zeros at its end. A plain tuple, since orjson writes no other."""
    size = len(point)
    while size > 1 and not point[size - 1]:
        size -= 1
    return tuple(point[:size])
