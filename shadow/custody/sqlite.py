"""Custody of what the shadow stores: the keys that data is read or linked by, holds that keep it, and the audit trail.

It is a SQLite file apart from the data, so that a copy of the data alone reads nothing, and destroying a key is final:
deleted rows are overwritten (`secure_delete`), and there is no write-ahead log in which one could linger. Several
processes may have it open.

Each file has a name of its own by chance, so that what is linked by the keys of one is not taken for what is linked by
those of another: a file that is lost takes its keys with it, and the one that is made in its place knows none of them.
"""

import hashlib
import secrets
import sqlite3
from dataclasses import astuple, dataclass
from pathlib import Path

from shadow.database import Database, whole

KEY = 32
"""Bytes of a key."""

LONGEST = 500
"""Characters of a reason, or of any other text, that the trail keeps."""

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


class CustodyError(Exception):
    """The custody file cannot be opened, read or written now. The message names the fault and no value."""


class CustodyRenewed(CustodyError):
    """The file was deleted or replaced, and another is in its place: its keys, holds and trail are gone. Raised once,
    by what would have written."""


@dataclass(frozen=True, slots=True)
class Hold:
    """What is kept past its retention, and may not be purged: of `scope` (a capability, or one record's id)."""

    scope: str
    at: float
    actor: str
    reason: str


@dataclass(frozen=True, slots=True)
class Deed:
    """One line of the trail: who (`actor`, in which `role`) did what (`action`: view, purge, hold …) to what
    (`subject`: an id or a capability, never a patient's) and why. `at` is in seconds since the epoch."""

    at: float
    actor: str
    role: str
    action: str
    subject: str
    reason: str


class Custody:
    """Keys, holds and the trail in one file; in memory, for as long as the process lives, where there is no path."""

    def __init__(self, path: Path | None, busy: float = 5.0) -> None:
        """Opens the file, made (for its owner alone) where there is none. Raises CustodyError."""
        self.name = ""
        """Of the file; empty of one in memory, and of one that was made before files had names."""

        def prepare(connection: sqlite3.Connection) -> None:
            self.name = _prepared(connection, named=path is not None)

        self._database = Database(path, prepare, name="the custody file", fails=CustodyError, renewed=CustodyRenewed,
                                  busy=busy, private=True)

    # --- keys ---

    def key(self, purpose: str, scope: str, at: float) -> bytes:
        """The key of a scope, made now (`at`, in seconds since the epoch) if there is none. Raises CustodyError."""
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
        """The key of a scope, or None where there is none, or no more. Raises CustodyError."""
        with self._database.connection() as connection:
            row = connection.execute("SELECT key FROM key WHERE (purpose, scope) = (?, ?)",
                                           (purpose, scope)).fetchone()
        return None if row is None else row[0]

    def scopes(self, purpose: str) -> dict[str, float]:
        """The scopes that have a key, and since when. Raises CustodyError."""
        with self._database.connection() as connection:
            return dict(connection.execute("SELECT scope, made FROM key WHERE purpose = ?", (purpose,)))

    def destroy(self, purpose: str, *scopes: str) -> bool:
        """Whether there was any such key; there is none now. What they sealed or linked is so no more.
        Raises CustodyError."""
        with self._database.transaction() as connection:
            done = connection.executemany("DELETE FROM key WHERE (purpose, scope) = (?, ?)",
                                          [(purpose, scope) for scope in scopes])
            return done.rowcount > 0

    @property
    def generation(self) -> tuple[int, int]:
        """Others once any other process has written, or the file is another. Raises CustodyError."""
        with self._database.connection() as connection:
            [number] = connection.execute("PRAGMA data_version").fetchone()
            return self._database.opened, number

    # --- holds ---

    def hold(self, hold: Hold) -> None:
        """Keep what is of a scope. Raises CustodyError."""
        with self._database.transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO hold VALUES (?, ?, ?, ?)", astuple(hold))

    def release(self, scope: str) -> bool:
        """Whether it was held. Raises CustodyError."""
        with self._database.transaction() as connection:
            return connection.execute("DELETE FROM hold WHERE scope = ?", (scope,)).rowcount > 0

    def holds(self) -> dict[str, Hold]:
        """All holds, by scope. Raises CustodyError."""
        with self._database.connection() as connection:
            return {row[0]: Hold(*row) for row in connection.execute("SELECT * FROM hold ORDER BY at")}

    # --- the trail ---

    def record(self, deed: Deed) -> None:
        """Add a line, before what it tells of is done. Raises CustodyError."""
        told = Deed(deed.at, *(text[:LONGEST] for text in astuple(deed)[1:]))
        with self._database.transaction() as connection:
            last = connection.execute("SELECT chain FROM trail ORDER BY number DESC LIMIT 1").fetchone()
            connection.execute(
                "INSERT INTO trail (at, actor, role, action, subject, reason, chain) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (*astuple(told), _link(last[0] if last else "", told)))

    def trail(self) -> tuple[tuple[Deed, ...], bool]:
        """Every line, the oldest first; and whether none was changed or taken out from among them.
        Raises CustodyError."""
        with self._database.connection() as connection:
            rows = connection.execute(
                "SELECT at, actor, role, action, subject, reason, chain FROM trail ORDER BY number").fetchall()
        deeds, chain, whole = [], "", True
        for *told, link in rows:
            deeds.append(Deed(*told))
            chain = _link(chain, deeds[-1])
            whole = whole and chain == link
        return tuple(deeds), whole

    def close(self) -> None:
        """Give the file back. Nothing may be called afterwards."""
        self._database.close()


def _link(before: str, deed: Deed) -> str:
    return hashlib.sha256(repr((before, astuple(deed))).encode()).hexdigest()


def _prepared(connection: sqlite3.Connection, *, named: bool) -> str:
    """Make what is to be in the file; its name."""
    connection.execute("PRAGMA secure_delete = ON")
    with whole(connection):
        is_new = not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'key'").fetchone()
        for statement in _SCHEMA.split(";")[:-1]:
            connection.execute(statement)
        if is_new and named:
            connection.execute("INSERT INTO name VALUES (?)", (secrets.token_hex(4),))
        found = connection.execute("SELECT name FROM name").fetchone()
    return found[0] if found else ""
