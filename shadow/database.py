"""A SQLite file (Database): one connection for all threads, transactions, and errors whose messages hold no values.

A file may be deleted or replaced while it is open. SQLite would go on writing to the old file, which has no name any
more. So each use first checks the file at the path (this takes microseconds), and a transaction checks again at its
end. SQLite finds a write-ahead log by its name alone (https://sqlite.org/howtocorrupt.html), so the log of a file that
was replaced must be gone before the new file is opened, and what is in a log that lost its name must be in the file
before anybody opens another log. Processes open and leave a file one at a time (`_alone`). A log says in an extended
attribute which file it is of.
"""

import errno
import fcntl
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import Protocol, TypeAlias, TypeVar

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

_OF = "user.figway.of"
"""The extended attribute of a log that says which file it is of."""

_PAUSE = 0.02
"""Seconds between two tries to open or leave a file that another process holds."""

_LONGEST = 2**31 - 1
"""The most milliseconds that SQLite waits."""

_NO_LOCKS = {errno.EBADF, errno.EINVAL, errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP}
"""The errors of a file system on which a folder cannot be locked."""

_T = TypeVar("_T")


class Proof(Protocol):
    """Shows whether what was written is in a file: a write leaves a mark of its own there."""

    def leave(self, connection: sqlite3.Connection) -> None:
        """Leave a mark, in the transaction of the write."""
        ...

    def keep(self) -> None:
        """The transaction is committed: the mark must be in the file from now on."""
        ...

    def holds(self, connection: sqlite3.Connection) -> bool:
        """Whether the last mark that was kept is in this file."""
        ...

    def begin(self) -> None:
        """Forget the marks: the file that had them is gone."""
        ...


class _Busy(Exception):
    """Another process holds the file."""


class Database:
    """One connection, which threads use in turn. Errors of SQLite and of the file system become the owner's error
    (`fails`) here and nowhere else; its message calls the file `name`. Several processes may have the file open, and
    wait up to `busy` seconds for each other.

    If the file was deleted or replaced, the next use opens the file at the path, or makes a new one. The next
    writing transaction then fails once, with `renewed`: the contents are gone, and what is to be written may depend on
    them. So it does if only the log was deleted, and with it what `proof` was given for. `opened` counts how often a
    file was opened."""

    def __init__(
        self, path: Path | None, prepare: Callable[[sqlite3.Connection], None], *, name: str,
        fails: Callable[[str], Exception], busy: float, private: bool,
        renewed: Callable[[str], Exception] | None = None, proof: Proof | None = None,
    ) -> None:
        """Open the file, or make it if there is none; a `private` one is made for its owner alone to read. Without a
        path, the database is in memory. `prepare` makes the tables. It need not wait for others: while one of them
        holds the file, it is called again."""
        self._path = path
        self._prepare = prepare
        self._name = name
        self._fails = fails
        self._renewed = renewed or fails
        self._busy = busy
        self._private = private
        self._proof = proof
        self._lock = Lock()
        self._connection: sqlite3.Connection | None = None
        self._files: _Files = ()
        self._gone = False
        self.opened = 0
        with self._mapped():
            if path is None or not path.parent.is_dir():
                self._open()  # SQLite says what is wrong with the folder
            else:
                self._renew()

    @contextmanager
    def connection(self) -> Iterator[sqlite3.Connection]:
        """The connection, for single statements."""
        with self._lock, self._mapped():
            yield self._current()

    @contextmanager
    def transaction(self, mode: str = "IMMEDIATE") -> Iterator[sqlite3.Connection]:
        """The connection, in a transaction: all changes of the block are kept, or none."""
        writing = mode != "DEFERRED"
        proof = self._proof if writing else None
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
                if proof is not None:
                    proof.leave(connection)
            if proof is not None:
                proof.keep()
            if writing and _files(self._path)[:1] != self._files[:1]:
                raise self._fails(f"{self._name} was replaced while it was written to")

    def close(self) -> None:
        """Close the file. Nothing may be called afterwards."""
        with self._lock, self._mapped():
            connection = self._connection
            if connection is None:
                return
            try:
                if self._is_moved():
                    # Without this, the log of another file would be removed, or what is in one's own would be lost.
                    with suppress(OSError, sqlite3.Error, _Busy):
                        self._by_itself(self._leave)
            finally:
                connection.close()

    def _current(self) -> sqlite3.Connection:
        """The connection to the file that is at the path now."""
        if self._connection is None or self._is_moved():
            return self._renew()
        return self._connection

    def _renew(self) -> sqlite3.Connection:
        """Open the file that is at the path now."""
        return self._by_itself(self._renew_now)

    def _by_itself(self, does: Callable[[], _T]) -> _T:
        """Call this while no other process opens or leaves a file. It waits for nobody: as long as somebody holds the
        file, it is called again, up to `busy` seconds, and others have their turn in between."""
        assert self._path is not None
        until = time.monotonic() + self._busy
        while True:
            try:
                with _alone(self._path.parent):
                    return does()
            except (sqlite3.OperationalError, _Busy) as error:
                if not _is_busy(error) or time.monotonic() >= until:
                    raise
            time.sleep(_PAUSE)

    def _renew_now(self) -> sqlite3.Connection:
        if self._connection is not None and not self._is_moved():
            return self._connection  # another process was just replacing the log
        if self.opened and _files(self._path)[:1] != self._files[:1]:
            self._gone = True
        self._leave()
        return self._open()

    def _leave(self) -> None:
        """Close the connection, whose files are not all at the path any more. Raises _Busy if this must wait."""
        connection, path = self._connection, self._path
        if connection is None or path is None:
            return
        there = _files(path)
        if there[:1] != self._files[:1]:
            # Whoever still has the former file has it with the same log, so the file may be finished. If it cannot be
            # now, it is gone all the same.
            with suppress(sqlite3.Error, _Busy):
                _finish(connection)
        elif there[2] in (None, self._files[2]):
            # The first process to leave a log. Once others have opened a new one, the file is not written from the
            # former any more.
            _finish(connection)
        self._connection = None
        with _logs_kept(path, self._files), suppress(sqlite3.Error):
            connection.close()
        for log, mine in zip(_logs(path), self._files[1:], strict=True):
            if mine is not None and _file(log) == mine:
                os.unlink(log)

    def _open(self) -> sqlite3.Connection:
        path = self._path
        if path is not None:
            if self._private:
                path.touch(0o600, exist_ok=True)
            _drop_logs_of_another(path)
        connection = sqlite3.connect(
            path or ":memory:", timeout=0, isolation_level=None, check_same_thread=False)
        try:
            self._prepare(connection)
            [mode] = connection.execute("PRAGMA journal_mode").fetchone()
            files = _files(path)
            if path is not None:
                # What is open must be what is at the path. Otherwise later uses could not notice that it is not.
                if not _are_open(files if mode == "wal" else files[:1]):
                    raise self._fails(f"{self._name} is just being replaced")
                if mode == "wal":
                    _say_whose(path, files)
            lost = self._proof is not None and not self._proof.holds(connection)
            connection.execute(f"PRAGMA busy_timeout = {min(int(1_000 * self._busy), _LONGEST)}")
        except BaseException:
            connection.close()
            raise
        self._files, self._connection = files, connection
        self._gone = self._gone or lost
        if self._gone and self._proof is not None:
            self._proof.begin()
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
        except _Busy:
            raise self._fails(f"{self._name} fails: SQLITE_BUSY ({_MEANS['SQLITE_BUSY']})") from None
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


def statements(script: str) -> Iterator[str]:
    """The statements of a migration, one by one: sqlite3's own `executescript` would end the transaction."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Let one process at a time run the block: it locks the folder itself, which leaves no file behind. Raises _Busy
    while another one does. A folder that this user may not read, or that cannot be locked, is not."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except PermissionError:
        yield
        return
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _Busy from None
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
        yield
    finally:
        os.close(descriptor)


def _files(path: Path | None) -> _Files:
    return () if path is None else (_file(path), *map(_file, _logs(path)))


def _file(path: str | Path) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _logs(path: Path) -> tuple[str, str]:
    """The paths of a file's log and of that log's index. SQLite has them beside the file that a link leads to."""
    base = os.path.realpath(path) if os.path.islink(path) else path
    return f"{base}-wal", f"{base}-shm"


def _are_open(files: _Files) -> bool:
    """Whether this process has these files open."""
    try:
        opened = {_file(f"/proc/self/fd/{one}") for one in os.listdir("/proc/self/fd")}
    except OSError:
        return None not in files  # there is no /proc
    return opened.issuperset(files) and None not in files


def _finish(connection: sqlite3.Connection) -> None:
    """Write all of a log into its file. This takes the write lock, so nobody is just writing to the log; and whoever
    has that lock next sees that the log is not at the path any more. Raises _Busy."""
    connection.execute("PRAGMA busy_timeout = 0")
    [busy, *_] = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if busy:
        raise _Busy


def _say_whose(path: Path, files: _Files) -> None:
    """Note at a log which file it is of, unless the file system has no extended attributes."""
    with suppress(OSError):
        os.setxattr(_logs(path)[0], _OF, "|".join((_boot(), *map(str, files[:2]))).encode("ascii"))


def _boot() -> str:
    """A name of this run of the machine: in the next, the devices and inodes of files may be others."""
    return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()


def _drop_logs_of_another(path: Path) -> None:
    """Remove logs at the path that are not of the file that is there: SQLite would take them for its own. A process
    that still has the former file keeps its logs, though they have no name, until it leaves them."""
    main, log, index = _files(path)
    foreign = log is None and index is not None
    if log is not None:
        with suppress(OSError, ValueError):
            boot, of, itself = os.getxattr(_logs(path)[0], _OF).decode("ascii").split("|")
            foreign = of != str(main) and (boot, itself) == (_boot(), str(log))
    if foreign:
        for one in _logs(path):
            Path(one).unlink(missing_ok=True)


@contextmanager
def _logs_kept(path: Path, own: _Files) -> Iterator[None]:
    """Keep the logs at the path, unless they are one's own, while a connection is closed. The last connection to a file
    removes the files that have the names of its logs, and these may belong to another by now."""
    logs = [(Path(log), Path(f"{log}.kept")) for log, mine in zip(_logs(path), own[1:], strict=True)
            if _file(log) not in (None, mine)]
    for log, kept in logs:
        kept.unlink(missing_ok=True)
        with suppress(OSError):  # it is gone, or the file system has no links
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


def _is_busy(error: Exception) -> bool:
    """Whether another process holds the file."""
    return isinstance(error, _Busy) or getattr(error, "sqlite_errorcode", 0) & 0xff == sqlite3.SQLITE_BUSY


def _in_words(error: sqlite3.Error) -> str:
    """SQLite's name of an error (https://sqlite.org/rescode.html) and what it means. SQLite's own text is left out,
    since it may hold values."""
    name: str = getattr(error, "sqlite_errorname", type(error).__name__)
    means = _MEANS.get("_".join(name.split("_")[:2]))
    return f"{name} ({means})" if means else name
