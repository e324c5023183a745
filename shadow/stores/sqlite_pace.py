"""The table of paces in the SQLite store. All of it runs inside the store's own transactions."""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from shadow.evidence.epoch import Epoch
from shadow.evidence.pace import Held, Moment, Pace, grown

BARS = 4
"""Pairs of `ratio` and `plus` whose rows are kept of one operation, epoch and moment: the latest."""

_PLACE = "(capability, legacy_build, modern_build, rules, comparator, operation, moment) = (?, ?, ?, ?, ?, ?, ?)"
_KNOWN = f"SELECT blocks, last_seen FROM pace WHERE {_PLACE} AND (ratio, plus) = (?, ?)"  # noqa: S608 (fixed text)
_PUT = "INSERT OR REPLACE INTO pace VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_SURPLUS = f"SELECT ratio, plus FROM pace WHERE {_PLACE} ORDER BY last_seen DESC LIMIT -1 OFFSET ?"  # noqa: S608
_DROP_ONE = f"DELETE FROM pace WHERE {_PLACE} AND (ratio, plus) = (?, ?)"  # noqa: S608
_DROP = "DELETE FROM pace WHERE (capability, legacy_build, modern_build, rules, comparator) = (?, ?, ?, ?, ?)"


def add(connection: sqlite3.Connection, rows: Iterable[Pace]) -> None:
    """Add the pairs of these rows after those that are known."""
    for row in rows:
        place = row.capability, *row.epoch.stored, row.operation, row.moment
        known = connection.execute(_KNOWN, (*place, row.ratio, row.plus)).fetchone()
        blocks, last = _blocks(known[0]) if known else (), known[1] if known else row.last
        text = orjson.dumps([tuple(one) for one in grown(blocks, row.total)]).decode()
        connection.execute(_PUT, (*place, row.ratio, row.plus, text, max(last, row.last)))
        if known is None:
            surplus = connection.execute(_SURPLUS, (*place, BARS)).fetchall()
            connection.executemany(_DROP_ONE, [(*place, *one) for one in surplus])


def drop(connection: sqlite3.Connection, epochs: Iterable[tuple[str, Epoch]]) -> None:
    """Drop the rows of epochs that are no longer kept."""
    connection.executemany(_DROP, [(capability, *epoch.stored) for capability, epoch in epochs])


def read(row: Sequence[Any]) -> Pace:
    """A row of `pace`."""
    operation, moment, ratio, plus, blocks, last = row[5:]
    return Pace(row[0], Epoch.from_stored(*row[1:5]), operation, Moment(moment), ratio, plus, _blocks(blocks), last)


def _blocks(text: str) -> tuple[Held, ...]:
    return tuple(Held(*one) for one in orjson.loads(text))
