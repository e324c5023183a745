"""The table of receipts in the SQLite store: the number of the last write of each process that has written to it.

A process that has opened the file anew finds its own receipt there, or else knows that something it wrote is lost. So
does one that goes on with the marks of another (shadow.stores.marks).
"""

import secrets
import sqlite3

WRITERS = 1_000
"""Processes whose receipts are kept: those that wrote last."""

# Numbers are those of the store, not of the process: the larger, the later.
_LEAVE = """
INSERT INTO receipt SELECT ?, 1 + coalesce(max(number), 0) FROM receipt WHERE true
ON CONFLICT DO UPDATE SET number = excluded.number
RETURNING number
"""
_FORGET = """
DELETE FROM receipt WHERE number <= (SELECT number FROM receipt ORDER BY number DESC LIMIT 1 OFFSET ?)
"""


class Receipts:
    """The receipts of this process: a shadow.database.Proof. `writer` is the number of its receipt, another one for
    each file; 0 as long as it has written nothing to the file."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """See Proof.begin."""
        self._own = 1 + secrets.randbits(62)
        self._left = self._kept = 0

    @property
    def writer(self) -> int:
        """See the class."""
        return self._own if self._kept else 0

    @property
    def last(self) -> tuple[int, int]:
        """The number of its next receipt, and that of its last write; 0 if it has written nothing to the file."""
        return self._own, self._kept

    def leave(self, connection: sqlite3.Connection) -> None:
        """See Proof.leave."""
        [(self._left,)] = connection.execute(_LEAVE, (self._own,)).fetchall()
        if not self._kept:
            connection.execute(_FORGET, (WRITERS,))

    def keep(self) -> None:
        """See Proof.keep."""
        self._kept = self._left

    def holds(self, connection: sqlite3.Connection) -> bool:
        """See Proof.holds."""
        return not self._kept or number(connection, self._own) >= self._kept


def number(connection: sqlite3.Connection, writer: int) -> int:
    """The number of a process's last write; 0 if there is none."""
    found = connection.execute("SELECT number FROM receipt WHERE writer = ?", (writer,)).fetchone()
    return int(found[0]) if found else 0
