"""The tables of the crosswalk in the SQLite store. All of it runs inside the store's own transactions."""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

from shadow.compare.tokens import crosswalk_place
from shadow.ledger.rows import CROSSED_EPOCHS, PAIRS, Binding, Crossed, Crossing, conflicts
from shadow.ledger.unlink import Tokens
from shadow.stores.base import Held, is_held

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


def add(connection: sqlite3.Connection, bindings: Iterable[Binding], held: Held) -> None:
    """Add pairs, or count that they contradict known ones. Drops epochs past their bound."""
    kept: dict[tuple[str, str], int] = {}
    for one in bindings:
        place = one.capability, one.epoch
        if place not in kept:
            kept[place] = _room(connection, *place, held)
        key = *place, one.name
        kinds = conflicts(one.split, one.merged)
        if not kinds:
            kinds, new = _kinds(connection, one, kept[place])
            kept[place] += new
        connection.executemany(_ADD, [(*key, kind, one.at, one.at, one.trace_id) for kind in kinds])


def _kinds(connection: sqlite3.Connection, one: Binding, kept: int) -> tuple[tuple[Crossed, ...], bool]:
    """What a pair ends as, or nothing if it is known; and whether it is new. The epoch has `kept` pairs already."""
    key = one.capability, one.epoch, one.name
    of_legacy = connection.execute(
        "SELECT modern FROM crosswalk WHERE (capability, epoch, class, legacy) = (?, ?, ?, ?)",
        (*key, one.legacy)).fetchone()
    of_modern = connection.execute(
        "SELECT legacy FROM crosswalk WHERE (capability, epoch, class, modern) = (?, ?, ?, ?)",
        (*key, one.modern)).fetchone()
    if of_legacy == (one.modern,):
        connection.execute(
            "UPDATE crosswalk SET last_seen = max(last_seen, ?) "
            "WHERE (capability, epoch, class, legacy) = (?, ?, ?, ?)",
            (one.at, *key, one.legacy))
        return (), False
    if kinds := conflicts(of_legacy is not None, of_modern is not None):
        return kinds, False
    if kept >= PAIRS:
        return (Crossed.OVERFLOW,), False
    connection.execute("INSERT INTO crosswalk VALUES (?, ?, ?, ?, ?, ?)", (*key, one.legacy, one.modern, one.at))
    return (Crossed.PAIR,), True


def _room(connection: sqlite3.Connection, capability: str, epoch: str, held: Held) -> int:
    """How many pairs an epoch has. If the epoch is new, makes room for it."""
    kept: int
    [known, kept] = connection.execute(
        "SELECT count(*), coalesce(sum(count) FILTER (WHERE kind = ?), 0) FROM crossing "
        "WHERE (capability, epoch) = (?, ?)", (Crossed.PAIR, capability, epoch)).fetchone()
    if not known and not is_held(capability, held):
        for [over] in connection.execute(_OVER, (capability, CROSSED_EPOCHS - 1)).fetchall():
            for table in ("crosswalk", "crossing"):
                connection.execute(
                    f"DELETE FROM {table} WHERE (capability, epoch) = (?, ?)", (capability, over))  # noqa: S608
    return kept


def forget(connection: sqlite3.Connection, before: float, held: str) -> None:
    """Drop pairs and counts that were not seen since `before`, but not for capabilities in `held`, a JSON list."""
    kept = "capability NOT IN (SELECT value FROM json_each(?2))"
    if connection.execute(f"DELETE FROM crosswalk WHERE last_seen < ?1 AND {kept}", (before, held)).rowcount:  # noqa: S608
        connection.execute(_RECOUNT, (Crossed.PAIR,))
    connection.execute(
        f"DELETE FROM crossing WHERE last_seen < ?1 AND (count = 0 OR kind != ?3) AND {kept}",  # noqa: S608
        (before, held, Crossed.PAIR))


def unlink(connection: sqlite3.Connection, tokens: Tokens, held: Held) -> tuple[int, int]:
    """Drop every pair with an identifier that has one of these tokens. Returns how many were dropped, how many held."""
    gone = kept = 0
    theirs = ("(capability, class) = (?, ?) AND (legacy IN (SELECT value FROM json_each(?)) "
              "OR modern IN (SELECT value FROM json_each(?)))")
    for place in connection.execute("SELECT DISTINCT capability, class FROM crosswalk").fetchall():
        capability, name = place
        both = (json.dumps(sorted(tokens(capability, crosswalk_place(name, arm)))) for arm in ("legacy", "modern"))
        if is_held(capability, held):
            kept += connection.execute(f"SELECT count(*) FROM crosswalk WHERE {theirs}", (*place, *both)).fetchone()[0]  # noqa: S608
        else:
            gone += connection.execute(f"DELETE FROM crosswalk WHERE {theirs}", (*place, *both)).rowcount  # noqa: S608
    if gone:
        connection.execute(_RECOUNT, (Crossed.PAIR,))
    return gone, kept


def read(row: Sequence[Any]) -> Crossing:
    """A row of `crossing`."""
    capability, epoch, name, kind, *rest = row
    return Crossing(capability, epoch, name, Crossed(kind), *rest)
