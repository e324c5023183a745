"""A SQLite file (Database): one connection for all threads, transactions, and errors whose messages hold no values.

A file may be deleted or replaced while it is open. SQLite would go on writing to the old file, which has no name any
more. So each use first checks the file at the path (this takes microseconds), and a transaction checks again at its
end. SQLite finds a write-ahead log by its name alone (https://sqlite.org/howtocorrupt.html), so the log of a file that
was replaced must be gone before the new file is opened.
"""

import fcntl
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import TypeAlias

_MEANS = {
    "SQLITE_BUSY": "another process is writing to it",
    "SQLITE_CANTOPEN": "it cannot be opened: look at its folder, and at who may read it",
    "SQLITE_CORRUPT": "it is damaged",
    "SQLITE_FULL": "the disk is full",
    "SQLITE_IOERR": "the disk fails",
    "SQLITE_NOTADB": "it is damaged, or no SQLite file",
    "SQLITE_READONLY": "this user may not write to it",
}

_Files: TypeAlias = tuple[tuple[int, int] | None, ...]
"""Device and inode of the file, of its write-ahead log and of that log's index; None for each that is missing."""

_PARTS = "", "-wal", "-shm"


class Database:
    """One connection, which threads use in turn. Errors of SQLite and of the file system become the owner's error
    (`fails`) here and nowhere else; its message calls the file `name`. Several processes may have the file open, and
    wait up to `busy` seconds for each other.

    If the file was deleted or replaced, the next use opens the file at the path, or makes a new one. The next
    writing transaction then fails once, with `renewed`: the contents are gone, and what is to be written may depend on
    them. `opened` counts how often a file was opened."""

    def __init__(
        self, path: Path | None, prepare: Callable[[sqlite3.Connection], None], *, name: str,
        fails: Callable[[str], Exception], busy: float, private: bool,
        renewed: Callable[[str], Exception] | None = None,
    ) -> None:
        """Open the file, or make it if there is none; a `private` one is made for its owner alone to read. Without a
        path, the database is in memory. `prepare` makes the tables."""
        self._path = path
        self._prepare = prepare
        self._name = name
        self._fails = fails
        self._renewed = renewed or fails
        self._busy = busy
        self._private = private
        self._lock = Lock()
        self._connection: sqlite3.Connection | None = None
        self._files: _Files = ()
        self._gone = False
        self.opened = 0
        with self._mapped():
            self._open()

    @contextmanager
    def connection(self) -> Iterator[sqlite3.Connection]:
        """The connection, for single statements."""
        with self._lock, self._mapped():
            yield self._current()

    @contextmanager
    def transaction(self, mode: str = "IMMEDIATE") -> Iterator[sqlite3.Connection]:
        """The connection, in a transaction: all changes of the block are kept, or none."""
        writing = mode != "DEFERRED"
        with self._lock, self._mapped():
            connection = self._current()
            if writing and self._gone:
                self._gone = False
                raise self._renewed(f"{self._name} was deleted or replaced: what it held is gone")
            with whole(connection, mode):
                # Check this under the write lock: while it is held, no other process removes the log.
                if writing and self._is_moved():
                    raise self._fails(f"{self._name} is just being replaced")
                yield connection
            if writing and _files(self._path)[:1] != self._files[:1]:
                raise self._fails(f"{self._name} was replaced while it was written to")

    def close(self) -> None:
        """Close the file. Nothing may be called afterwards."""
        with self._lock, self._mapped():
            if self._connection is not None:
                self._connection.close()

    def _current(self) -> sqlite3.Connection:
        """The connection to the file that is at the path now."""
        if self._connection is None or self._is_moved():
            return self._renew()
        return self._connection

    def _renew(self) -> sqlite3.Connection:
        """Open the file that is at the path now. One process does so at a time, so that none removes another's logs."""
        assert self._path is not None
        with _alone(self._path.parent):
            if self._connection is not None:
                if not self._is_moved():
                    return self._connection  # another process was just replacing the log
                known, self._connection = self._connection, None
                there = _files(self._path)
                self._gone = self._gone or there[:1] != self._files[:1]
                _leave(known, self._path, self._files, there)
            return self._open()

    def _open(self) -> sqlite3.Connection:
        if self._private and self._path is not None:
            self._path.touch(0o600, exist_ok=True)
        connection = sqlite3.connect(
            self._path or ":memory:", timeout=self._busy, isolation_level=None, check_same_thread=False)
        try:
            before = _files(self._path)[:1]
            self._prepare(connection)
            self._files = _files(self._path)
            [mode] = connection.execute("PRAGMA journal_mode").fetchone()
            if before not in ((), (None,), self._files[:1]) or (mode == "wal" and None in self._files):
                # The file at the path is not the one that is open, and later uses could not notice it.
                raise self._fails(f"{self._name} is just being replaced")
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        self.opened += 1
        return connection

    def _is_moved(self) -> bool:
        return self._path is not None and _files(self._path) != self._files

    @contextmanager
    def _mapped(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise self._fails(f"{self._name} fails: {_in_words(error)}") from None
        except OSError as error:
            raise self._fails(f"{self._name} cannot be made: {error.strerror}") from None


@contextmanager
def whole(connection: sqlite3.Connection, mode: str = "IMMEDIATE") -> Iterator[None]:
    """A transaction: all changes of the block are kept, or none."""
    connection.execute(f"BEGIN {mode}")
    try:
        yield
        connection.commit()
    except BaseException:
        # SQLite has already ended the transaction if the disk is full or fails
        # (https://sqlite.org/lang_transaction.html).
        with suppress(sqlite3.Error):
            connection.rollback()
        raise


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Let one process at a time run the block: it locks the folder itself, which leaves no file behind."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _files(path: Path | None) -> _Files:
    return () if path is None else tuple(_file(f"{path}{part}") for part in _PARTS)


def _file(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _leave(connection: sqlite3.Connection, path: Path, own: _Files, there: _Files) -> None:
    """Close a connection whose files are not all at the path any more. The first process to do so writes the log into
    the old file and removes the log: SQLite must not take it for the log of the file that is at the path now."""
    first = own[2] is not None and there[2] in (None, own[2])
    if not first:
        with _logs_kept(path):
            return _close(connection)
    with suppress(sqlite3.Error):
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    _close(connection)
    for part, mine, now in zip(_PARTS, own, _files(path), strict=True):
        if part and now is not None and now == mine:
            os.unlink(f"{path}{part}")
    return None


def _close(connection: sqlite3.Connection) -> None:
    with suppress(sqlite3.Error):
        connection.close()


@contextmanager
def _logs_kept(path: Path) -> Iterator[None]:
    """Keep the logs at the path while a connection to the former file is closed. The last such connection removes the
    files that have the names of its logs, and these now belong to the new file."""
    logs = [(Path(f"{path}{part}"), Path(f"{path}{part}.kept")) for part in _PARTS[1:]]
    for log, kept in logs:
        kept.unlink(missing_ok=True)
        with suppress(FileNotFoundError):
            os.link(log, kept)
    try:
        yield
    finally:
        for log, kept in logs:
            with suppress(FileNotFoundError):
                if log.exists():
                    kept.unlink()
                else:
                    kept.rename(log)


def _in_words(error: sqlite3.Error) -> str:
    """SQLite's name of an error (https://sqlite.org/rescode.html) and what it means. SQLite's own text is left out,
    since it may hold values."""
    name: str = getattr(error, "sqlite_errorname", type(error).__name__)
    means = _MEANS.get("_".join(name.split("_")[:2]))
    return f"{name} ({means})" if means else name
