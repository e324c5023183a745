"""A SQLite file as everything here uses one: a connection that threads take in turn, transactions that are whole or
nothing, and faults in words that hold no value."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

_MEANS = {
    "SQLITE_BUSY": "another process is writing to it",
    "SQLITE_CANTOPEN": "it cannot be opened: look at its folder, and at who may read it",
    "SQLITE_CORRUPT": "it is damaged",
    "SQLITE_FULL": "the disk is full",
    "SQLITE_IOERR": "the disk fails",
    "SQLITE_NOTADB": "it is damaged, or no SQLite file",
    "SQLITE_READONLY": "this user may not write to it",
}


class Database:
    """One connection. What SQLite or the file system raise becomes an error of the owner's (`fails`) here and nowhere
    else; `name` is what its message calls the file. Several processes may have the file open, and wait `busy` seconds
    for each other."""

    def __init__(
        self, path: Path | None, prepare: Callable[[sqlite3.Connection], None], *, name: str,
        fails: Callable[[str], Exception], busy: float, private: bool,
    ) -> None:
        """Opens the file, and makes it where there is none: for its owner alone, where it is `private`. It is in memory
        where there is no path. `prepare` makes what is to be in it."""
        self._name = name
        self._fails = fails
        self._lock = Lock()
        with self._mapped():
            if private and path is not None:
                path.touch(0o600, exist_ok=True)
            self._connection = sqlite3.connect(
                path or ":memory:", timeout=busy, isolation_level=None, check_same_thread=False)
            try:
                prepare(self._connection)
            except BaseException:
                self._connection.close()
                raise

    @contextmanager
    def connection(self) -> Iterator[sqlite3.Connection]:
        """The connection, for statements that each stand alone."""
        with self._lock, self._mapped():
            yield self._connection

    @contextmanager
    def transaction(self, mode: str = "IMMEDIATE") -> Iterator[sqlite3.Connection]:
        """The connection, for what is done wholly or not at all."""
        with self.connection() as connection, whole(connection, mode):
            yield connection

    def close(self) -> None:
        """Give the file back. Nothing may be called afterwards."""
        with self.connection() as connection:
            connection.close()

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
        connection.rollback()
        raise


def _in_words(error: sqlite3.Error) -> str:
    """SQLite's name of an error (https://sqlite.org/rescode.html) and what it means. Its own text is left off, for it
    may hold values."""
    name: str = getattr(error, "sqlite_errorname", type(error).__name__)
    means = _MEANS.get("_".join(name.split("_")[:2]))
    return f"{name} ({means})" if means else name
