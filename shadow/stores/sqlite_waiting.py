"""The table of what does not count yet, in the SQLite store (shadow.ledger.rows.Waiting). All of it runs inside the
store's own transactions."""

import sqlite3
from collections.abc import Iterable

from shadow.ledger.rows import WAITED, Waiting


def put(connection: sqlite3.Connection, rows: Iterable[Waiting]) -> None:
    """Put these rows in place of those that their workers wrote before."""
    for row in rows:
        if row.exchanges:
            connection.execute("INSERT OR REPLACE INTO waiting VALUES (?, ?, ?, ?, ?)",
                               (row.capability, row.worker, row.exchanges, row.critical, row.at))
        else:
            connection.execute("DELETE FROM waiting WHERE (capability, worker) = (?, ?)", (row.capability, row.worker))


def forget(connection: sqlite3.Connection, now: float) -> None:
    """Drop the rows of workers that are gone."""
    connection.execute("DELETE FROM waiting WHERE at < ?", (now - WAITED,))
