"""The tables of evidence and tokens in the SQLite store. All of it runs inside the store's own transactions."""

import sqlite3
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from shadow.compare.comparison import Outcome
from shadow.evidence.epoch import Epoch
from shadow.evidence.stratum import Stratum, placed, share
from shadow.ledger.course import point
from shadow.ledger.rows import EPOCHS, HOURS, SUBJECTS, Declared, Evidence, Sighting, hourly
from shadow.stores import sqlite_attempts, sqlite_course, sqlite_coverage
from shadow.stores.base import Held
from shadow.stores.sqlite_course import Place, Sums

_ADD = """
INSERT INTO evidence VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET
    count = count + excluded.count, effective = effective + excluded.effective,
    critical = critical + excluded.critical, reproduced = reproduced + excluded.reproduced,
    first = min(first, excluded.first), last = max(last, excluded.last),
    hours = excluded.hours, swept = swept + excluded.swept
"""
_HOURS = """
SELECT hours FROM evidence WHERE (capability, legacy, modern, rules, comparator) = (?, ?, ?, ?, ?)
    AND (operation, status, resource, shape, asked, outcome, reason) = (?, ?, ?, ?, ?, ?, ?)
"""
_KNOWN = """
SELECT EXISTS (SELECT 1 FROM evidence WHERE (capability, legacy, modern, rules, comparator) = (?, ?, ?, ?, ?)
    AND (operation, status, resource, shape, asked) = (?, ?, ?, ?, ?))
"""
_STRATA = """
SELECT DISTINCT operation, status, resource, shape, asked FROM evidence
WHERE (capability, legacy, modern, rules, comparator) = (?, ?, ?, ?, ?)
"""
_EPOCHS = """
SELECT legacy, modern, rules, comparator FROM evidence WHERE capability = ?
GROUP BY legacy, modern, rules, comparator ORDER BY max(last) DESC LIMIT -1 OFFSET ?
"""
_DROP = (
    "DELETE FROM evidence WHERE (capability, legacy, modern, rules, comparator) = (?, ?, ?, ?, ?)",
    "DELETE FROM declared WHERE (capability, legacy, modern, rules, comparator) = (?, ?, ?, ?, ?)",
    "DELETE FROM course WHERE (capability, legacy, modern, rules, comparator) = (?, ?, ?, ?, ?)",
    "DELETE FROM calendar WHERE (capability, legacy, modern, rules, comparator) = (?, ?, ?, ?, ?)",
    "DELETE FROM size WHERE (capability, legacy, modern, rules, comparator) = (?, ?, ?, ?, ?)",
    "DELETE FROM member WHERE (capability, legacy, modern, rules, comparator) = (?, ?, ?, ?, ?)",
    "DELETE FROM members WHERE (capability, legacy, modern, rules, comparator) = (?, ?, ?, ?, ?)",
)
_DECLARE = """
INSERT INTO declared VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET exchanges = exchanges + excluded.exchanges
"""
_DIGITS = 3
"""Digits of a second in the times of a course."""

_TOKENS = "SELECT tokens, halvings FROM hour WHERE (hour, capability) = (?, ?)"
_HOUR = "INSERT OR REPLACE INTO hour VALUES (?, ?, ?, ?)"


@dataclass(slots=True)
class _Growth:
    """What a batch adds to one epoch: its sightings, the sums of strata and of all, and effective exchanges by hour."""

    sightings: list[Sighting] = field(default_factory=list)
    sums: dict[Stratum, Sums] = field(default_factory=dict)
    hours: Counter[int] = field(default_factory=Counter)


def add(connection: sqlite3.Connection, sightings: Sequence[Sighting], held: Held) -> set[tuple[str, Epoch]]:
    """Add sightings, and let what rests on them grow. Drops epochs past their bound, but none of a held capability.
    Returns the dropped epochs."""
    dropped: set[Place] = set()
    growing: dict[Place, _Growth] = {}
    for one in sightings:
        stratum, known = _stratum(connection, one)
        place = one.capability, one.epoch
        if not known and place not in growing and held is not None and one.capability not in held:
            for over in connection.execute(_EPOCHS, (one.capability, EPOCHS - 1)).fetchall():
                gone = one.capability, Epoch.from_stored(*over)
                if gone in growing:
                    _grow(connection, gone, growing.pop(gone))
                _drop(connection, [(one.capability, *over)])
                dropped.add(gone)
        dropped.discard(place)
        growth = growing.setdefault(place, _Growth())
        growth.sightings.append(one)
        new = _new(connection, one)
        key = one.capability, *one.epoch.stored, *stratum, one.outcome, one.reason
        [hours] = connection.execute(_HOURS, key).fetchone() or ("[]",)
        effective = new.total()
        # What was swept says nothing about when the capability is used.
        used = Counter[int]() if one.swept else new
        connection.execute(_ADD, (*key, one.count, effective, one.critical, one.reproduced, one.first, one.last,
                                  orjson.dumps(hourly(orjson.loads(hours), used)).decode(),
                                  effective if one.swept else 0))
        connection.executemany(_DECLARE, [(*key[:6], name, count) for name, count in one.known])
        if (more := point(one.outcome, one.reason, effective, round(one.last, _DIGITS))).effective:
            sqlite_course.add(growth.sums, stratum, more, round(one.first, _DIGITS))
            growth.hours.update(used)
    for place, growth in growing.items():
        _grow(connection, place, growth)
    return dropped


def _grow(connection: sqlite3.Connection, place: Place, growth: _Growth) -> None:
    effective = sqlite_course.write(connection, place, growth.sums)
    sqlite_attempts.write(connection, growth.sightings, effective)
    sqlite_coverage.write(connection, growth.sightings, growth.hours)


def _stratum(connection: sqlite3.Connection, one: Sighting) -> tuple[Stratum, bool]:
    """The stratum that a sighting counts under, and whether there is anything of its epoch yet."""
    epoch = one.capability, *one.epoch.stored
    if connection.execute(_KNOWN, (*epoch, *one.stratum)).fetchone() == (1,):
        return one.stratum, True
    known = {Stratum(*row) for row in connection.execute(_STRATA, epoch)}
    return placed(one.stratum, known), bool(known)


def _new(connection: sqlite3.Connection, one: Sighting) -> Counter[int]:
    """Remember the tokens of a sighting, as far as they count. Returns how many of them were new, by hour."""
    found: Counter[int] = Counter()
    for hour in {hour for hour, _ in one.tokens}:
        known, halvings = connection.execute(_TOKENS, (hour, one.capability)).fetchone() or (0, 0)
        left = [row for row in one.tokens if row[0] == hour]
        while left:
            below = share(halvings)
            room = (SUBJECTS // 2 if halvings else SUBJECTS) - known
            some = [row for row in left if row[1] < below] if halvings else left
            some, left = some[:room], some[room:]
            new = connection.executemany("INSERT OR IGNORE INTO token VALUES (?, ?)", some).rowcount if some else 0
            found[hour] += new
            known += new
            if left and new == room:
                known, halvings = 0, halvings + 1
        connection.execute(_HOUR, (hour, one.capability, known, halvings))
    return found


def forget_subjects(connection: sqlite3.Connection, hour: int) -> None:
    """Drop the tokens of past hours."""
    for table in ("token", "hour"):
        connection.execute(f"DELETE FROM {table} WHERE hour <= ?", (hour - HOURS,))  # noqa: S608 (two fixed names)


def forget(connection: sqlite3.Connection, before: float, held: str) -> set[tuple[str, Epoch]]:
    """Drop epochs that were not seen since `before`, but not for capabilities in `held`, a JSON list. Returns the
    dropped epochs."""
    over = connection.execute("""
        SELECT capability, legacy, modern, rules, comparator FROM evidence
        WHERE capability NOT IN (SELECT value FROM json_each(?2))
        GROUP BY capability, legacy, modern, rules, comparator HAVING max(last) < ?1
    """, (before, held)).fetchall()
    _drop(connection, over)
    return {(capability, Epoch.from_stored(*epoch)) for capability, *epoch in over}


def _drop(connection: sqlite3.Connection, epochs: Sequence[Sequence[str]]) -> None:
    sqlite_attempts.close(connection, epochs)
    for statement in _DROP:
        connection.executemany(statement, epochs)


def read_declared(row: Sequence[Any]) -> Declared:
    """A row of `declared`."""
    return Declared(row[0], Epoch.from_stored(*row[1:5]), *row[5:])


def read(row: Sequence[Any]) -> Evidence:
    """A row of `evidence`."""
    outcome, reason, count, effective, critical, reproduced, first, last, hours, swept = row[10:]
    return Evidence(row[0], Epoch.from_stored(*row[1:5]), Stratum(*row[5:10]), Outcome(outcome), count, effective,
                    critical, reproduced, first, last, hourly(orjson.loads(hours), {}), reason, swept)
