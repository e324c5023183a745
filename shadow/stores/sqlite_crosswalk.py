"""The tables of the crosswalk in the SQLite store. All of it runs inside the store's own transactions."""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

from shadow.ledger import CROSSED_EPOCHS, PAIRS, Binding, Crossed, Crossing, conflicts

_ADD = """
INSERT INTO crossing VALUES (?, ?, ?, ?, 1, ?, ?, ?)
ON CONFLICT DO UPDATE SET
    count = count + 1, first_seen = min(first_seen, excluded.first_seen),
    trace_id = iif(excluded.last_seen >= last_seen, excluded.trace_id, trace_id),
    last_seen = max(last_seen, excluded.last_seen)
"""
_OVER = """
SELECT epoch FROM crossing WHERE capability = ? GROUP BY epoch ORDER BY max(last_seen) DESC LIMIT -1 OFFSET ?
"""
_RECOUNT = """
UPDATE crossing SET count = (
    SELECT count(*) FROM crosswalk
    WHERE (capability, epoch, class) = (crossing.capability, crossing.epoch, crossing.class)
) WHERE kind = ?
"""


def add(connection: sqlite3.Connection, bindings: Iterable[Binding]) -> None:
    """Add pairs to what is known, or count that they contradict it. Drops epochs past their bound."""
    kept: dict[tuple[str, str], int] = {}
    for one in bindings:
        place = one.capability, one.epoch
        if place not in kept:
            kept[place] = _room(connection, *place)
        key = *place, one.name
        of_legacy = connection.execute(
            "SELECT modern FROM crosswalk WHERE (capability, epoch, class, legacy) = (?, ?, ?, ?)",
            (*key, one.legacy)).fetchone()
        of_modern = connection.execute(
            "SELECT legacy FROM crosswalk WHERE (capability, epoch, class, modern) = (?, ?, ?, ?)",
            (*key, one.modern)).fetchone()
        if of_legacy == (one.modern,):
            connection.execute(
                "UPDATE crosswalk SET last_seen = max(last_seen, ?) "
                "WHERE (capability, epoch, class, legacy) = (?, ?, ?, ?)", (one.at, *key, one.legacy))
            continue
        kinds = conflicts(of_legacy is not None, of_modern is not None)
        if not kinds:
            kinds = (Crossed.PAIR if kept[place] < PAIRS else Crossed.OVERFLOW,)
            if kept[place] < PAIRS:
                kept[place] += 1
                connection.execute("INSERT INTO crosswalk VALUES (?, ?, ?, ?, ?, ?)",
                                   (*key, one.legacy, one.modern, one.at))
        connection.executemany(_ADD, [(*key, kind, one.at, one.at, one.trace_id) for kind in kinds])


def _room(connection: sqlite3.Connection, capability: str, epoch: str) -> int:
    """How many pairs an epoch has. Makes room for one that is new."""
    kept: int
    [known, kept] = connection.execute(
        "SELECT count(*), coalesce(sum(count) FILTER (WHERE kind = ?), 0) FROM crossing "
        "WHERE (capability, epoch) = (?, ?)", (Crossed.PAIR, capability, epoch)).fetchone()
    if not known:
        for [over] in connection.execute(_OVER, (capability, CROSSED_EPOCHS - 1)).fetchall():
            for table in ("crosswalk", "crossing"):
                connection.execute(
                    f"DELETE FROM {table} WHERE (capability, epoch) = (?, ?)", (capability, over))  # noqa: S608
    return kept


def forget(connection: sqlite3.Connection, before: float) -> None:
    """Drop what was not seen since `before`."""
    if connection.execute("DELETE FROM crosswalk WHERE last_seen < ?", (before,)).rowcount:
        connection.execute(_RECOUNT, (Crossed.PAIR,))
    connection.execute("DELETE FROM crossing WHERE last_seen < ? AND (count = 0 OR kind != ?)", (before, Crossed.PAIR))


def read(row: Sequence[Any]) -> Crossing:
    """A row of `crossing`."""
    capability, epoch, name, kind, *rest = row
    return Crossing(capability, epoch, name, Crossed(kind), *rest)
