"""A SQLite file as everything here uses one: a connection that threads take in turn, transactions that are whole or
nothing, and faults in words that hold no value.

A file may be deleted, or replaced by another, while it is open: SQLite would write on into what nobody can find any
more. So each use looks at what is at the path first (some microseconds), and a transaction looks again once it is done.
A write-ahead log is known by its name alone (https://sqlite.org/howtocorrupt.html), so that of a file which was
replaced must be gone before the other is opened.
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
"""Device and number of the file, of its write-ahead log, and of that log's index; None of what is not there."""

_PARTS = "", "-wal", "-shm"


class Database:
    """One connection. What SQLite or the file system raise becomes an error of the owner's (`fails`) here and nowhere
    else; `name` is what its message calls the file. Several processes may have the file open, and wait `busy` seconds
    for each other.

    Where the file was deleted or replaced, the next use opens what is there, made anew where nothing is, and the next
    writing transaction fails once, by `renewed`: what was in the file is gone, and what is to be written may rest on
    it. `opened` counts the times that it was opened."""

    def __init__(
        self, path: Path | None, prepare: Callable[[sqlite3.Connection], None], *, name: str,
        fails: Callable[[str], Exception], busy: float, private: bool,
        renewed: Callable[[str], Exception] | None = None,
    ) -> None:
        """Opens the file, and makes it where there is none: for its owner alone, where it is `private`. It is in memory
        where there is no path. `prepare` makes what is to be in it."""
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
        """The connection, for statements that each stand alone."""
        with self._lock, self._mapped():
            yield self._current()

    @contextmanager
    def transaction(self, mode: str = "IMMEDIATE") -> Iterator[sqlite3.Connection]:
        """The connection, for what is done wholly or not at all."""
        writing = mode != "DEFERRED"
        with self._lock, self._mapped():
            connection = self._current()
            if writing and self._gone:
                self._gone = False
                raise self._renewed(f"{self._name} was deleted or replaced: what it held is gone")
            with whole(connection, mode):
                # Looked at under the write lock: nobody takes the log away from now on.
                if writing and self._is_moved():
                    raise self._fails(f"{self._name} is just being replaced")
                yield connection
            if writing and _files(self._path)[:1] != self._files[:1]:
                raise self._fails(f"{self._name} was replaced while it was written to")

    def close(self) -> None:
        """Give the file back. Nothing may be called afterwards."""
        with self._lock, self._mapped():
            if self._connection is not None:
                self._connection.close()

    def _current(self) -> sqlite3.Connection:
        """The connection to what is at the path now."""
        if self._connection is None or self._is_moved():
            return self._renew()
        return self._connection

    def _renew(self) -> sqlite3.Connection:
        """Open what is at the path now. One process at a time: it must leave the logs of others alone."""
        assert self._path is not None
        with _alone(self._path.parent):
            if self._connection is not None:
                if not self._is_moved():
                    return self._connection  # another was just at work there
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
                # What is open is not what is there, and nobody would ever notice.
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
    """A transaction: what is done in the block is done wholly or not at all."""
    connection.execute(f"BEGIN {mode}")
    try:
        yield
        connection.commit()
    except BaseException:
        # SQLite has ended it already where the disk is full or fails (https://sqlite.org/lang_transaction.html).
        with suppress(sqlite3.Error):
            connection.rollback()
        raise


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One process at a time, by a lock on the folder itself, which leaves no file behind."""
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
    """Close a connection to what is not all at the path any more. Whoever comes first writes the log into its own file
    and takes it away: it must not be taken for the log of the file that is there now."""
    first = own[2] is not None and there[2] in (None, own[2])
    if not first:
        with _kept(path):
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
def _kept(path: Path) -> Iterator[None]:
    """Keep the logs that are at the path through the end of a connection to what was there before: the last of these
    takes away what has the names of its logs, and they are others' by now."""
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
    """SQLite's name of an error (https://sqlite.org/rescode.html) and what it means. Its own text is left off, for it
    may hold values."""
    name: str = getattr(error, "sqlite_errorname", type(error).__name__)
    means = _MEANS.get("_".join(name.split("_")[:2]))
    return f"{name} ({means})" if means else name
