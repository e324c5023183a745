"""The table of noise in the SQLite store. All of it runs inside the store's own transactions."""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

from shadow.evidence.epoch import Epoch
from shadow.evidence.noise import Noise

_SEEN_AGAIN = """
UPDATE noise SET
    modern = modern + ?, legacy = legacy + ?, both = both + ?, plain = min(plain, ?),
    first_seen = min(first_seen, ?), last_seen = max(last_seen, ?), repeats = repeats + ?
WHERE (capability, legacy_build, modern_build, rules, comparator, operation, kind, path) = (?, ?, ?, ?, ?, ?, ?, ?)
"""
_KEPT = """
SELECT count(*) FROM noise WHERE (capability, legacy_build, modern_build, rules, comparator) = (?, ?, ?, ?, ?)
"""
_DROP = "DELETE FROM noise WHERE (capability, legacy_build, modern_build, rules, comparator) = (?, ?, ?, ?, ?)"


def add(connection: sqlite3.Connection, rows: Iterable[Noise], limit: int) -> None:
    """Add rows, up to `limit` of each epoch of a capability."""
    for row in rows:
        place = row.capability, *row.epoch.stored, row.operation, row.kind, row.path
        seen = row.modern, row.legacy, row.both, row.plain, row.first_seen, row.last_seen, row.repeats
        if connection.execute(_SEEN_AGAIN, (*seen, *place)).rowcount:
            continue
        [kept] = connection.execute(_KEPT, place[:5]).fetchone()
        if kept < limit:
            connection.execute(
                "INSERT INTO noise VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", (*place, *seen))


def drop(connection: sqlite3.Connection, epochs: Iterable[tuple[str, Epoch]]) -> None:
    """Drop the noise of epochs that are no longer kept."""
    connection.executemany(_DROP, [(capability, *epoch.stored) for capability, epoch in epochs])


def read(row: Sequence[Any]) -> Noise:
    """A row of `noise`."""
    operation, kind, path, modern, legacy, both, plain, first_seen, last_seen, repeats = row[5:]
    return Noise(row[0], Epoch.from_stored(*row[1:5]), operation, kind, path, modern, legacy, both, bool(plain),
                 first_seen, last_seen, repeats)
