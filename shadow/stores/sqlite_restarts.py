"""The table of restarts in the SQLite store: who began the evidence of a capability anew, when and why.

All of it runs inside the store's own transactions. Rows are never dropped: a person makes each, and with each the
number of an epoch grows.
"""

import sqlite3

_ADD = """
INSERT INTO restart SELECT ?1, 1 + coalesce(max(number), 0), ?2, ?3, ?4 FROM restart WHERE capability = ?1
RETURNING number
"""


def add(connection: sqlite3.Connection, capability: str, at: float, who: str, reason: str) -> int:
    """Record a restart. Returns its number."""
    [(number,)] = connection.execute(_ADD, (capability, at, who, reason)).fetchall()
    return int(number)


def numbers(connection: sqlite3.Connection) -> dict[str, int]:
    """The number of the latest restart of each capability that has one."""
    return dict(connection.execute("SELECT capability, max(number) FROM restart GROUP BY capability"))
