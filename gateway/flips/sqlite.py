"""Stages in a SQLite file (SqliteStages): for all workers of a host, and nothing else is needed.

The file has the overrides, the latches, the journal and the outbox, and lies beside the store of the evidence, so that
no lock or damage of that touches a flip. A flip with its record and its line of the outbox is one transaction under the
write lock (BEGIN IMMEDIATE). Workers see a commit of any process by `PRAGMA data_version`, which a thread of their own
asks for ten times a second.

The file may be deleted or replaced while it is open. What stands in its place then is not taken for the truth unless
its revision is later: otherwise a lost file would undo every rollback. `begin` makes it whole again at a start.
"""

import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.resources import files
from math import inf
from pathlib import Path
from typing import Any, TypeVar

from gateway.flips import deeds, steps
from gateway.flips.base import (
    UNASKED,
    Actor,
    Already,
    Conflict,
    Flip,
    FlipError,
    Latch,
    OutOfReach,
    Override,
    Position,
    Stand,
    State,
)
from gateway.flips.record import ORIGIN, Record, parsed
from gateway.own_thread import OwnThread
from gateway.stage import Stage
from shadow.custody.base import Line
from shadow.database import Database, statements, whole

_SCRIPTS = sorted((entry for entry in (files("gateway.flips") / "migrations").iterdir() if entry.name.endswith(".sql")),
                  key=lambda entry: entry.name)
# Seconds since 1970, to the millisecond, by the store's clock.
_NOW = "SELECT (julianday('now') - 2440587.5) * 86400.0"
_TAKE = "INSERT INTO taken VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET writes = writes + excluded.writes"

_T = TypeVar("_T")


class SqliteStages:
    """Stages in one file. It is opened when it is first used, and made if there is none."""

    def __init__(self, path: Path, *, busy: float = 5.0, every: float = 0.1) -> None:
        """`busy` is how many seconds to wait while another process writes, `every` how often `watch` looks."""
        self.path = path
        self._busy = busy
        self._every = every
        self._fault = ""
        self._lock = threading.Lock()
        # One connection reads and one writes: `data_version` does not see the commits of its own connection.
        self._reading: Database | None = None
        self._writing: Database | None = None
        self._known = State("", -1, {})

    @property
    def fault(self) -> str:
        """See Stages."""
        return self._fault

    def read(self) -> State:
        """See Stages."""
        with self._reader().transaction("DEFERRED") as connection:
            return self._learnt(state_in(connection))

    def begin(self, copy: State | None) -> State:
        """Read the state at a start. If the last known state, `copy`, is later than what the file has, then the file
        was lost, or an older one is in its place: take over the copy, and record that."""
        with self._writer().transaction() as connection:
            state = state_in(connection)
            if copy is not None and copy.revision > state.revision:
                why = "the control file was lost" if state.revision == 0 else "the control file is an older one"
                state, record = steps.recover(copy, state, why, _now(connection))
                for name, stand in state.stands.items():
                    _put(connection, name, stand)
                _end(connection, state, [record])
            return self._learnt(state)

    def flip(self, flip: Flip) -> tuple[State, Record]:
        """See Stages."""
        refused: FlipError | None = None
        with self._changing() as (connection, state, now):
            try:
                taken = dict(connection.execute("SELECT operation, writes FROM taken WHERE capability = ?",
                                                (flip.capability,)).fetchall())
                after, record = steps.act(state, flip, now, taken)
                if steps.TAKEN in record.detail:
                    connection.execute("DELETE FROM taken WHERE capability = ?", (flip.capability,))
            except Already:
                raise
            except FlipError as error:
                refused = _explained(connection, state, error, flip)
                after, record = steps.refuse(state, flip, refused, now)
            _keep(connection, state, after, [record])
        if refused is not None:
            raise refused
        return self._learnt(after), record

    def refuse(self, flip: Flip, error: FlipError) -> Record:
        """See Stages."""
        with self._changing() as (connection, state, now):
            after, record = steps.refuse(state, flip, error, now)
            _keep(connection, state, after, [record])
        return record

    def adopt(
        self, files: Mapping[str, Position], actor: Actor, known: Mapping[str, Any] = UNASKED,
    ) -> State:
        """See Stages."""
        with self._changing() as (connection, state, now):
            after, records = steps.adopt(state, files, actor, now, known)
            _keep(connection, state, after, records)
        return self._learnt(after)

    def expire(self) -> State:
        """See Stages."""
        with self._changing() as (connection, state, now):
            after, records = steps.expire(state, now)
            _keep(connection, state, after, records)
        return self._learnt(after)

    def took(self, writes: Mapping[tuple[str, str], int]) -> None:
        """See Stages."""
        with self._changing() as (connection, _, _):
            connection.executemany(_TAKE, [(*key, count) for key, count in writes.items()])

    def take_over(self, custody: str, lines: Sequence[Line]) -> int:
        """Record the lines of a custody's trail that the journal does not have yet. Returns how many. Raises
        OutOfReach."""
        if not lines:
            return 0
        with self._changing() as (connection, state, _):
            known = {link for [link] in connection.execute("SELECT link FROM journal WHERE link <> ''")}
            after, records = deeds.taken(state, custody, [line for line in lines if line.link not in known])
            _keep(connection, state, after, records)
        return len(records)

    def history(self, capability: str | None = None, most: int = 100) -> list[Record]:
        """See Stages."""
        with self._reader().connection() as connection:
            rows = connection.execute(
                "SELECT body FROM journal WHERE ?1 IS NULL OR capability = ?1 ORDER BY number DESC LIMIT ?2",
                (capability, most)).fetchall()
        return [parsed(body) for [body] in rows]

    async def watch(self, revision: int) -> State:
        """See Stages. The thread that looks ends when this does."""
        over = threading.Event()
        looking = OwnThread(self._wait, revision, over)
        try:
            await looking.soon()
            return looking.result()
        finally:
            over.set()

    def close(self) -> None:
        """See Stages."""
        with self._lock:
            for database in (self._reading, self._writing):
                if database is not None:
                    database.close()

    # --- how the file is used --------------------------------------------------------------------------------------

    def _wait(self, revision: int, over: threading.Event) -> State:
        """Look until the state has another revision, or `over` is set. Ends overrides that expire meanwhile."""
        version, due = (-1, -1), inf
        while True:
            try:
                database = self._reader()
                with database.connection() as connection:
                    seen = database.opened, connection.execute("PRAGMA data_version").fetchone()[0]
                if seen != version:
                    state = self.read()
                    if state.revision < revision:
                        raise self._replaced()
                    version, due = seen, inf if state.next is None else time.monotonic() + state.next
                    if state.revision != revision:
                        self._fault = ""
                        return state
                if time.monotonic() >= due:
                    self.expire()
                self._fault = ""
            except OutOfReach as error:
                self._fault, version = str(error), (-1, -1)
            if over.wait(self._every):
                return self._known

    def _learnt(self, state: State) -> State:
        """Note a state as the last known one. Raises OutOfReach if it is of another file, and not later."""
        known = self._known
        if known.name and state.name != known.name and state.revision <= known.revision:
            raise self._replaced()
        if state.revision >= known.revision or state.name != known.name:
            self._known = state
        return state

    def _replaced(self) -> OutOfReach:
        return OutOfReach(f"{self.path.name} was deleted or replaced: restart the gateway, which makes it whole from "
                          f"{self.path.name}.stages")

    @contextmanager
    def _changing(self) -> Iterator[tuple[sqlite3.Connection, State, float]]:
        """A transaction under the write lock, with the state at its beginning and the store's time."""
        with self._writer().transaction() as connection:
            state = state_in(connection)
            if state.revision < self._known.revision:
                raise self._replaced()
            yield connection, self._learnt(state), _now(connection)

    def _reader(self) -> Database:
        with self._lock:
            self._reading = self._reading or self._database()
            return self._reading

    def _writer(self) -> Database:
        with self._lock:
            self._writing = self._writing or self._database()
            return self._writing

    def _database(self) -> Database:
        return Database(self.path, _prepare, name="the control file", fails=OutOfReach, busy=self._busy, private=True)


def _prepare(connection: sqlite3.Connection) -> None:
    [done] = connection.execute("PRAGMA user_version").fetchone()
    if done > len(_SCRIPTS):
        raise OutOfReach("the control file was written by a newer Figway")
    [mode] = connection.execute("PRAGMA journal_mode").fetchone()
    if (done, mode) != (len(_SCRIPTS), "wal"):
        connection.execute("PRAGMA journal_mode = WAL")
        with whole(connection):
            [done] = connection.execute("PRAGMA user_version").fetchone()
            for script in _SCRIPTS[done:]:
                for statement in statements(script.read_text("utf-8")):
                    connection.execute(statement)
            if not done:
                connection.execute("INSERT INTO control VALUES (?, 0)", (secrets.token_hex(8),))
            connection.execute(f"PRAGMA user_version = {len(_SCRIPTS)}")
    # A flip that was answered for must outlive a loss of power.
    connection.execute("PRAGMA synchronous = FULL")


def _now(connection: sqlite3.Connection) -> float:
    now: float
    [now] = connection.execute(_NOW).fetchone()
    return now


def state_in(connection: sqlite3.Connection) -> State:
    """Everything that is in force, as the file has it."""
    [name, revision] = connection.execute("SELECT name, revision FROM control").fetchone()
    overrides = _by_name(connection, "override", lambda row: Override(_stage(row[0]), _stage(row[1]), *row[2:]))
    latches = _by_name(connection, "latch", lambda row: Latch(_stage(row[0]), _stage(row[1]), *row[2:]))
    stands = {
        one: Stand(Position(Stage(reads), Stage(writes), share), overrides.get(one), latches.get(one), changed)
        for one, reads, writes, share, changed in connection.execute(
            "SELECT capability, reads, writes, share, changed FROM stand ORDER BY capability")
    }
    last = connection.execute("SELECT number, digest FROM journal ORDER BY number DESC LIMIT 1").fetchone()
    ends = [one.expires for one in overrides.values() if one.expires is not None]
    length, head = last or (0, ORIGIN)
    return State(name, revision, stands, length, head,
                 next=max(min(ends) - _now(connection), 0.0) if ends else None)


def _by_name(connection: sqlite3.Connection, table: str, make: Callable[[tuple[Any, ...]], _T]) -> dict[str, _T]:
    return {row[0]: make(row[1:]) for row in connection.execute(f"SELECT * FROM {table}")}  # noqa: S608 - our own names


def _stage(value: object) -> Stage | None:
    return None if value is None else Stage(str(value))


def _keep(connection: sqlite3.Connection, before: State, after: State, records: Iterable[Record]) -> None:
    """Write the changes between two states, and the records."""
    for name in before.stands.keys() | after.stands.keys():
        if after.stands.get(name) is not before.stands.get(name):
            _put(connection, name, after.stands.get(name))
    _end(connection, after, records)


def _put(connection: sqlite3.Connection, name: str, stand: Stand | None) -> None:
    for table in ("stand", "override", "latch"):
        connection.execute(f"DELETE FROM {table} WHERE capability = ?", (name,))  # noqa: S608 - our own names
    if stand is None:
        return
    at, override, latch = stand.file, stand.override, stand.latch
    connection.execute("INSERT INTO stand VALUES (?, ?, ?, ?, ?)", (name, at.reads, at.writes, at.share, stand.changed))
    if override is not None:
        connection.execute("INSERT INTO override VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", (
            name, override.reads, override.writes, override.share, override.author, override.reason, override.at,
            override.expires, override.revision))
    if latch is not None:
        connection.execute("INSERT INTO latch VALUES (?, ?, ?, ?, ?, ?, ?)", (
            name, latch.reads, latch.writes, latch.guard, latch.reason, latch.at, latch.revision))


def _end(connection: sqlite3.Connection, state: State, records: Iterable[Record]) -> None:
    connection.execute("UPDATE control SET revision = ?", (state.revision,))
    for one in records:
        connection.execute("INSERT INTO journal VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", (
            one.number, one.body().decode(), one.digest, one.time, one.actor, one.action, one.capability, one.revision,
            one.detail.get("link", "")))
        connection.execute("INSERT INTO outbox VALUES (?)", (one.number,))


def _explained(connection: sqlite3.Connection, state: State, error: FlipError, flip: Flip) -> FlipError:
    """A conflict with what the other changed."""
    if not isinstance(error, Conflict):
        return error
    changed = state.stands[flip.capability].changed
    row = connection.execute("SELECT body FROM journal WHERE (capability, revision) = (?, ?) AND action <> 'refusal' "
                             "ORDER BY number", (flip.capability, changed)).fetchone()
    return error if row is None else steps.conflict(flip, parsed(row[0]))
