"""The table of clients' habits in the SQLite store. All of it runs inside the store's own transactions."""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

from shadow.ledger.habits import DAY, OTHERS, WATCHED, Habit, Thing
from shadow.stores.base import CLIENTS

_WHERE = "WHERE (kind, name, capability, arm) = (?, ?, ?, ?)"
_AGAIN = """
UPDATE habit SET
    hours = hours + (CAST(max(?1, last_seen) / 3600 AS INTEGER) > CAST(last_seen / 3600 AS INTEGER)),
    first_seen = min(first_seen, ?2), last_seen = max(last_seen, ?1)
WHERE (kind, name, capability, arm, token) = (?3, ?4, ?5, ?6, ?7)
"""
_FIRST = "INSERT INTO habit VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_COUNT = f"SELECT count(*) FROM habit {_WHERE} AND token <> ''"  # noqa: S608
# Whoever came once, some time ago, makes way: scanners do not come again.
_PASSERS_BY = f"""
SELECT token, first_seen, last_seen FROM habit {_WHERE} AND token <> '' AND hours = 1 AND last_seen < ?
ORDER BY last_seen LIMIT 1
"""  # noqa: S608
_DROP = "DELETE FROM habit WHERE (kind, name, capability, arm, token) = (?, ?, ?, ?, ?)"


def add(connection: sqlite3.Connection, rows: Iterable[Habit]) -> None:
    """Add rows, of up to CLIENTS clients for each thing. The others are counted together."""
    counts: dict[Thing, int] = {}
    for row in rows:
        if _again(connection, row):
            continue
        if row.token != OTHERS:
            thing = row.thing
            if thing not in counts:
                [counts[thing]] = connection.execute(_COUNT, _columns(thing)).fetchone()
            if counts[thing] < CLIENTS:
                counts[thing] += 1
            elif (passed := _passer_by(connection, thing, row.last - DAY)) is not None:
                _add_others(connection, passed)
            else:
                _add_others(connection, row)
                continue
        connection.execute(_FIRST, (*_columns(row.thing), row.token, row.first, row.last, row.hours))


def _again(connection: sqlite3.Connection, row: Habit) -> bool:
    return connection.execute(_AGAIN, (row.last, row.first, *_columns(row.thing), row.token)).rowcount > 0


def _passer_by(connection: sqlite3.Connection, thing: Thing, before: float) -> Habit | None:
    """Drop a client that came in one hour alone, before this time. Returns it, None if there is none."""
    found = connection.execute(_PASSERS_BY, (*_columns(thing), before)).fetchone()
    if found is None:
        return None
    connection.execute(_DROP, (*_columns(thing), found[0]))
    return Habit(thing, *found)


def _add_others(connection: sqlite3.Connection, row: Habit) -> None:
    others = row._replace(token=OTHERS)
    if not _again(connection, others):
        connection.execute(_FIRST, (*_columns(row.thing), OTHERS, row.first, row.last, row.hours))


def _columns(thing: Thing) -> tuple[str, str, str, str]:
    return thing.kind, thing.name, thing.capability, thing.arm


def forget(connection: sqlite3.Connection, before: float, held: str) -> None:
    """Drop the habits that ended before this time, but for those of a capability that is held (a JSON list)."""
    connection.execute("DELETE FROM habit WHERE last_seen < ? AND kind <> ? "
                       "AND capability NOT IN (SELECT value FROM json_each(?))", (before, WATCHED, held))


def read(row: Sequence[Any]) -> Habit:
    """A row of `habit`."""
    kind, name, capability, arm, *rest = row
    return Habit(Thing(kind, name, capability, arm), *rest)
