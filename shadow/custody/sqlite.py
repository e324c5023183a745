"""Custody in a SQLite file of its own (SqliteCustody).

Destroying a key is final: deleted rows are overwritten (`secure_delete`), and there is no write-ahead log in which a
key could remain. Several processes may have the file open.

Each file has a random name of its own. If a file is lost, so are its keys. The new file has another name, so data that
its keys link is never mixed with data that was linked before.
"""

import hashlib
import secrets
import sqlite3
from dataclasses import astuple
from pathlib import Path

from shadow.custody.base import KEY, LONGEST, CustodyError, CustodyRenewed, Deed, Hold, Line
from shadow.database import Database, whole

_SCHEMA = """
CREATE TABLE IF NOT EXISTS key (
    purpose TEXT NOT NULL, scope TEXT NOT NULL, made REAL NOT NULL, key BLOB NOT NULL, PRIMARY KEY (purpose, scope)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS hold (
    scope TEXT PRIMARY KEY, at REAL NOT NULL, actor TEXT NOT NULL, reason TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS trail (
    number INTEGER PRIMARY KEY, at REAL NOT NULL, actor TEXT NOT NULL, role TEXT NOT NULL, action TEXT NOT NULL,
    subject TEXT NOT NULL, reason TEXT NOT NULL, chain TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS name (name TEXT NOT NULL);
"""


class SqliteCustody:
    """Keys, holds and the trail in one file. Without a path they are in memory, for as long as the process lives."""

    def __init__(self, path: Path | None, busy: float = 5.0) -> None:
        """Open the file, or make it, for its owner alone, if there is none. Raises CustodyError."""
        self.name = ""
        """The name of the file. It is empty for a file in memory, and for one that was made before files had names."""

        def prepare(connection: sqlite3.Connection) -> None:
            self.name = _prepared(connection, named=path is not None)

        self._database = Database(path, prepare, name="the custody file", fails=CustodyError, renewed=CustodyRenewed,
                                  busy=busy, private=True)

    # --- keys ---

    def key(self, purpose: str, scope: str, at: float) -> bytes:
        """The key of a scope, made now (`at`, in seconds since 1970) if there is none. Raises CustodyError."""
        if (known := self.find(purpose, scope)) is not None:
            return known
        with self._database.transaction() as connection:
            connection.execute("INSERT OR IGNORE INTO key VALUES (?, ?, ?, ?)",
                               (purpose, scope, at, secrets.token_bytes(KEY)))
            made: bytes
            [made] = connection.execute("SELECT key FROM key WHERE (purpose, scope) = (?, ?)",
                                        (purpose, scope)).fetchone()
            return made

    def find(self, purpose: str, scope: str) -> bytes | None:
        """The key of a scope; None if there is none, or it was destroyed. Raises CustodyError."""
        with self._database.connection() as connection:
            row = connection.execute("SELECT key FROM key WHERE (purpose, scope) = (?, ?)",
                                           (purpose, scope)).fetchone()
        return None if row is None else row[0]

    def scopes(self, purpose: str) -> dict[str, float]:
        """The scopes that have a key, and when it was made. Raises CustodyError."""
        with self._database.connection() as connection:
            return dict(connection.execute("SELECT scope, made FROM key WHERE purpose = ?", (purpose,)))

    def destroy(self, purpose: str, *scopes: str) -> bool:
        """Destroy these keys for ever. True if there was any. Raises CustodyError."""
        with self._database.transaction() as connection:
            done = connection.executemany("DELETE FROM key WHERE (purpose, scope) = (?, ?)",
                                          [(purpose, scope) for scope in scopes])
            return done.rowcount > 0

    @property
    def generation(self) -> tuple[int, int]:
        """A number that changes when another process writes, or when the file is replaced. Raises CustodyError."""
        with self._database.connection() as connection:
            [number] = connection.execute("PRAGMA data_version").fetchone()
            return self._database.opened, number

    # --- holds ---

    def hold(self, hold: Hold) -> None:
        """Begin a hold: keep all data of its scope. Raises CustodyError."""
        with self._database.transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO hold VALUES (?, ?, ?, ?)", astuple(hold))

    def release(self, scope: str) -> bool:
        """End a hold. True if there was one. Raises CustodyError."""
        with self._database.transaction() as connection:
            return connection.execute("DELETE FROM hold WHERE scope = ?", (scope,)).rowcount > 0

    def holds(self) -> dict[str, Hold]:
        """All holds, by scope. Raises CustodyError."""
        with self._database.connection() as connection:
            return {row[0]: Hold(*row) for row in connection.execute("SELECT * FROM hold ORDER BY at")}

    # --- the trail ---

    def record(self, deed: Deed) -> None:
        """Add a line to the trail, before the deed is done. Raises CustodyError."""
        cut = Deed(deed.at, *(text[:LONGEST] for text in astuple(deed)[1:]))
        with self._database.transaction() as connection:
            last = connection.execute("SELECT chain FROM trail ORDER BY number DESC LIMIT 1").fetchone()
            connection.execute(
                "INSERT INTO trail (at, actor, role, action, subject, reason, chain) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (*astuple(cut), _link(last[0] if last else "", cut)))

    def trail(self) -> tuple[tuple[Deed, ...], bool]:
        """Every line, the oldest first; and whether the trail is whole: no line was changed, or removed from within.
        Raises CustodyError."""
        lines = self.lines()
        return tuple(line.deed for line in lines), all(line.fits for line in lines)

    def lines(self) -> tuple[Line, ...]:
        """The trail with its chain, the oldest line first. Raises CustodyError."""
        with self._database.connection() as connection:
            rows = connection.execute(
                "SELECT number, at, actor, role, action, subject, reason, chain FROM trail ORDER BY number").fetchall()
        lines, before = [], ""
        for number, *columns, link in rows:
            deed = Deed(*columns)
            lines.append(Line(number, deed, link, link == _link(before, deed)))
            before = link
        return tuple(lines)

    def close(self) -> None:
        """Close the file. Nothing may be called afterwards."""
        self._database.close()


def _link(before: str, deed: Deed) -> str:
    return hashlib.sha256(repr((before, astuple(deed))).encode()).hexdigest()


def _prepared(connection: sqlite3.Connection, *, named: bool) -> str:
    """Make the tables that are missing. Returns the name of the file, or "" if it has none."""
    connection.execute("PRAGMA secure_delete = ON")
    with whole(connection):
        is_new = not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'key'").fetchone()
        for statement in _SCHEMA.split(";")[:-1]:
            connection.execute(statement)
        if is_new and named:
            connection.execute("INSERT INTO name VALUES (?)", (secrets.token_hex(4),))
        found = connection.execute("SELECT name FROM name").fetchone()
    return found[0] if found else ""
