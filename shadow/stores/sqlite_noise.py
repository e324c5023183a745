"""The table of noise in the SQLite store. All of it runs inside the store's own transactions."""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

from shadow.noise import Noise

_SEEN_AGAIN = """
UPDATE noise SET
    modern = modern + ?, legacy = legacy + ?, both = both + ?, plain = min(plain, ?),
    first_seen = min(first_seen, ?), last_seen = max(last_seen, ?)
WHERE (capability, operation, kind, path) = (?, ?, ?, ?)
"""


def add(connection: sqlite3.Connection, rows: Iterable[Noise], limit: int) -> None:
    """Add rows to what is known, up to `limit` of a capability."""
    for row in rows:
        place = row.capability, row.operation, row.kind, row.path
        seen = row.modern, row.legacy, row.both, row.plain, row.first_seen, row.last_seen
        if connection.execute(_SEEN_AGAIN, (*seen, *place)).rowcount:
            continue
        [kept] = connection.execute("SELECT count(*) FROM noise WHERE capability = ?", place[:1]).fetchone()
        if kept < limit:
            connection.execute("INSERT INTO noise VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", (*place, *seen))


def read(row: Sequence[Any]) -> Noise:
    """A row of `noise`."""
    capability, operation, kind, path, modern, legacy, both, plain, first_seen, last_seen = row
    return Noise(capability, operation, kind, path, modern, legacy, both, bool(plain), first_seen, last_seen)
