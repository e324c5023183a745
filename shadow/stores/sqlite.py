"""The store in one SQLite file (Sqlite), shared by all workers of a machine: WAL, and one short transaction a batch.

The schema is made by the numbered scripts in `migrations/`; `user_version` holds the number of the last one.
"""

import json
import sqlite3
import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import astuple, dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import orjson

from shadow.compare.comparison import Comparison, Outcome, Tally
from shadow.compare.difference import Difference, Severity, Shape, Signature
from shadow.database import Database, statements, whole
from shadow.evidence.epoch import Epoch
from shadow.evidence.stratum import HOUR
from shadow.latency import Histogram
from shadow.ledger.groups import Pattern, decode, encode, merged, patterns, worst
from shadow.ledger.habits import Habit
from shadow.ledger.rows import Finding, Gap, Hidden, Ledger, Reason, Restart, Traffic, Waiting, hidden
from shadow.ledger.unlink import Tokens, Trace, Unlinked, about, unlinked
from shadow.stores import (
    sqlite_attempts,
    sqlite_course,
    sqlite_coverage,
    sqlite_crosswalk,
    sqlite_evidence,
    sqlite_habits,
    sqlite_members,
    sqlite_noise,
    sqlite_pace,
    sqlite_receipts,
    sqlite_restarts,
    sqlite_waiting,
)
from shadow.stores.base import NONE_HELD, RETENTION, SIGNATURES, Batch, Held, StoreError, StoreRenewed, is_held

_TALLY = """
INSERT INTO tally VALUES (?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET count = count + excluded.count
"""
# See `severity_now`. In alphabetical order the words for severities are also in order of rank.
_SEEN_AGAIN = """
UPDATE finding SET
    count = count + 1, first_seen = min(first_seen, :at), last_seen = max(last_seen, :at), path = :path,
    legacy_length = :legacy_length, modern_length = :modern_length, trace_id = :trace_id,
    severity = iif(instr(signature_path, '{key}'), min(severity, :severity), :severity),
    modern_path = :modern_path, legacy_token = :legacy_token, modern_token = :modern_token, key_token = :key_token,
    again = again + :again, reproduced = reproduced + :reproduced
WHERE capability = :capability AND operation = :operation AND kind = :kind AND signature_path = :signature_path
    AND legacy_group = :legacy_group AND modern_group = :modern_group
"""
_SEEN_FIRST = """
INSERT INTO finding VALUES (
    :capability, :operation, :kind, :signature_path, :legacy_group, :modern_group, 1, :at, :at, :path,
    :legacy_type, :legacy_length, :legacy_form, :modern_type, :modern_length, :modern_form, :trace_id, :severity,
    :modern_path, :legacy_token, :modern_token, :key_token, :again, :reproduced
)
"""
_UNLINK = """
UPDATE finding SET legacy_token = '', modern_token = '', key_token = '' WHERE (capability, trace_id) = (?, ?)
"""
_OVERFLOW = "INSERT INTO overflow VALUES (?, 1) ON CONFLICT DO UPDATE SET count = count + 1"
_PATTERN = """
INSERT INTO pattern VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET folded = excluded.folded
"""
_PATTERNLESS = """
INSERT INTO patternless VALUES (?, ?) ON CONFLICT DO UPDATE SET count = count + excluded.count
"""
_HIDDEN = """
INSERT INTO hidden VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
    exchanges = exchanges + excluded.exchanges, differences = differences + excluded.differences,
    last_seen = max(last_seen, excluded.last_seen)
"""
_GAP = """
INSERT INTO gap VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
    exchanges = exchanges + excluded.exchanges, first_seen = min(first_seen, excluded.first_seen),
    last_seen = max(last_seen, excluded.last_seen)
"""
_TRAFFIC = """
INSERT INTO traffic VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET
    requests = requests + excluded.requests, errors = errors + excluded.errors, seconds = excluded.seconds,
    at = max(at, excluded.at)
"""
_FINDINGS = """
SELECT capability, operation, count, first_seen, last_seen, trace_id, again, reproduced, kind, path,
    legacy_type, legacy_length, legacy_form, modern_type, modern_length, modern_form, severity,
    modern_path, legacy_token, modern_token, key_token
FROM finding
"""

IN_MEMORY = Path(":memory:")
"""SQLite's name for a database in memory (https://sqlite.org/inmemorydb.html), which is gone once it is closed."""

_SCRIPTS = sorted((entry for entry in (files("shadow.stores") / "migrations").iterdir() if entry.name.endswith(".sql")),
                  key=lambda entry: entry.name)


class Sqlite:
    """A Store in a file. Several processes may have it open; each has one connection."""

    @dataclass(frozen=True, slots=True)
    class Options:
        """`path` of the file; `signatures`: kinds of differences, and patterns of them, kept of each capability;
        `retention`: days after which rows that were not seen again are dropped; `busy`: seconds to wait while another
        worker writes."""

        path: Path
        signatures: int = SIGNATURES
        retention: float = RETENTION
        busy: float = 5.0

    def __init__(self, options: Options) -> None:
        self._limit = options.signatures
        self._retention = options.retention * 86_400
        self._hour = 0
        self._made = 0.0

        def prepare(connection: sqlite3.Connection) -> None:
            if not _is_current(connection):
                connection.execute("PRAGMA journal_mode = WAL")  # has no effect in memory
                _migrate(connection)
            connection.execute("PRAGMA synchronous = NORMAL")
            [self._made] = connection.execute("SELECT total(made) FROM origin").fetchone()
            self._hour = 0

        self._receipts = sqlite_receipts.Receipts()
        self._database = Database(
            None if options.path == IN_MEMORY else options.path, prepare, name="the SQLite store", fails=StoreError,
            busy=options.busy, private=False, renewed=lambda text: StoreRenewed(text, self._made),
            proof=self._receipts)

    def write(self, batch: Batch, held: Held = NONE_HELD) -> Collection[tuple[str, Epoch]]:
        counts = Counter(batch.tallies) + Counter(comparison.tally for comparison in batch.comparisons)
        with self._database.transaction() as connection:
            connection.executemany(_TALLY, [(*tally, count) for tally, count in counts.items()])
            kept: dict[str, int] = {}
            for comparison in batch.comparisons:
                # A signature counts once for each exchange, however often it occurs there.
                for signature, found in worst(comparison.differences).items():
                    self._find(connection, comparison, signature, found, kept)
            for place, pattern in patterns(batch.comparisons).items():
                self._fold(connection, place, pattern)
            connection.executemany(_HIDDEN, map(astuple, hidden(batch.comparisons)))
            for row in batch.traffic:
                _add(connection, row)
            connection.executemany(_GAP, [(one.capability, one.reason, int(one.last) // HOUR, one.exchanges, one.first,
                                           one.last) for one in batch.gaps])
            sqlite_coverage.add_eligible(connection, batch.eligible)
            sqlite_crosswalk.add(connection, batch.bindings, held)
            sqlite_members.add(connection, batch.members)
            dropped = sqlite_evidence.add(connection, batch.sightings, held)
            sqlite_noise.add(connection, (row for one in batch.sightings for row in one.noise), self._limit)
            sqlite_noise.drop(connection, dropped)
            sqlite_pace.add(connection, batch.paces)
            sqlite_pace.drop(connection, dropped)
            sqlite_waiting.put(connection, batch.waiting)
            sqlite_habits.add(connection, batch.habits)
            return dropped | self._forget(connection, batch.latest, held)

    def _find(
        self, connection: sqlite3.Connection, comparison: Comparison, signature: Signature, found: Difference,
        kept: dict[str, int],
    ) -> None:
        """Count one difference. For one transaction, `kept` remembers how many signatures each capability has."""
        capability = comparison.tally.capability
        row = {
            "capability": capability, "operation": comparison.tally.operation, "kind": found.kind,
            "signature_path": signature.path, "legacy_group": signature.legacy, "modern_group": signature.modern,
            "at": comparison.at, "path": found.path, "trace_id": comparison.trace_id,
            "legacy_type": found.legacy.type, "legacy_length": found.legacy.length, "legacy_form": found.legacy.form,
            "modern_type": found.modern.type, "modern_length": found.modern.length, "modern_form": found.modern.form,
            "severity": found.severity, "modern_path": found.modern_path, "legacy_token": found.legacy_token,
            "modern_token": found.modern_token, "key_token": found.key_token,
            "again": comparison.asked_again, "reproduced": signature in comparison.reproduced,
        }
        if connection.execute(_SEEN_AGAIN, row).rowcount:
            return
        if capability not in kept:
            [kept[capability]] = connection.execute(
                "SELECT count(*) FROM finding WHERE capability = ?", (capability,)
            ).fetchone()
        if kept[capability] < self._limit:
            connection.execute(_SEEN_FIRST, row)
            kept[capability] += 1
        else:
            connection.execute(_OVERFLOW, (capability,))

    def _fold(self, connection: sqlite3.Connection, place: tuple[str, str, str], found: Pattern) -> None:
        row = connection.execute(
            "SELECT folded FROM pattern WHERE (capability, operation, key) = (?, ?, ?)", place
        ).fetchone()
        if row is None:
            [kept] = connection.execute(
                "SELECT count(*) FROM pattern WHERE capability = ?", (found.capability,)
            ).fetchone()
            if kept >= self._limit:
                connection.execute(_PATTERNLESS, (found.capability, found.count))
                return
        connection.execute(_PATTERN, (*place, encode(merged(decode(row[0]), found) if row else found)))

    def _forget(self, connection: sqlite3.Connection, now: float, held: Held) -> set[tuple[str, Epoch]]:
        """Once an hour, drop rows that are too old. Returns the dropped epochs."""
        hour, before = int(now) // HOUR, now - self._retention
        if hour <= self._hour:
            return set()
        self._hour = hour
        sqlite_evidence.forget_subjects(connection, hour)
        sqlite_coverage.forget(connection, hour)
        sqlite_waiting.forget(connection, now)
        if held is None:
            return set()
        old = before, json.dumps(sorted(held))
        for place, last in (("noise", "last_seen"), ("finding", "last_seen"), ("gap", "last_seen"),
                            ("pace", "last_seen"), ("pattern", "json_extract(folded, '$.last_seen')")):
            connection.execute(
                f"DELETE FROM {place} WHERE {last} < ? AND capability NOT IN (SELECT value FROM json_each(?))",  # noqa: S608
                old)
        sqlite_crosswalk.forget(connection, *old)
        sqlite_habits.forget(connection, *old)
        return sqlite_evidence.forget(connection, *old)

    def read(self, capability: str | None = None) -> Ledger:
        with self._database.transaction("DEFERRED") as connection:
            def rows(query: str) -> list[Any]:
                return connection.execute(f"{query} WHERE ?1 IS NULL OR capability = ?1", (capability,)).fetchall()

            return Ledger(
                {Tally(name, operation, Outcome(outcome), reason): count
                 for name, operation, outcome, reason, count in rows("SELECT * FROM tally")},
                [Traffic(name, operation, stage, arm, requests, errors, Histogram(json.loads(seconds)), at)
                 for name, operation, stage, arm, requests, errors, seconds, at in rows("SELECT * FROM traffic")],
                [_finding(*row) for row in rows(_FINDINGS)],
                dict(rows("SELECT * FROM overflow")),
                [decode(folded) for [folded] in rows("SELECT folded FROM pattern")],
                dict(rows("SELECT * FROM patternless")),
                [sqlite_evidence.read(row) for row in rows("SELECT * FROM evidence")],
                [sqlite_noise.read(row) for row in rows("SELECT * FROM noise")],
                [Hidden(*row) for row in rows("SELECT * FROM hidden")],
                [sqlite_crosswalk.read(row) for row in rows("SELECT * FROM crossing")],
                [sqlite_evidence.read_declared(row) for row in rows("SELECT * FROM declared")],
                [Gap(name, Reason(reason), exchanges, first, last)
                 for name, reason, _, exchanges, first, last in rows("SELECT * FROM gap")],
                [sqlite_course.read(row) for row in rows("SELECT * FROM course")],
                [sqlite_attempts.read(row) for row in rows("SELECT * FROM attempt")],
                sqlite_coverage.read_calendars(rows("SELECT * FROM calendar")),
                sqlite_coverage.read_sizes(rows("SELECT * FROM size")),
                [sqlite_members.read(row) for row in rows("SELECT * FROM member")],
                restarts=[Restart(*row) for row in rows("SELECT * FROM restart")],
                paces=[sqlite_pace.read(row) for row in rows("SELECT * FROM pace")],
                waiting=[Waiting(*row) for row in rows("SELECT * FROM waiting")],
            )

    def unlink(self, tokens: Tokens, traces: Collection[Trace], held: Held = NONE_HELD) -> Unlinked:
        with self._database.connection() as connection:
            # Deleted data is overwritten, and so is the log, unless a process is reading it at that moment.
            connection.execute("PRAGMA secure_delete = ON")
        with self._database.transaction() as connection:
            findings = [_finding(*row) for row in connection.execute(_FINDINGS)]
            patterns = [decode(folded) for [folded] in connection.execute("SELECT folded FROM pattern")]
            every = about(findings, patterns, tokens, traces)
            found = {one for one in every if not is_held(one[0], held)}
            bindings, kept = sqlite_crosswalk.unlink(connection, tokens, held)
            connection.executemany(_UNLINK, found)
            connection.executemany(_PATTERN, [
                (one.capability, one.operation, one.key, encode(unlinked(one, found))) for one in patterns])
        with self._database.connection() as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return Unlinked(len(found), bindings, len(every) - len(found) + kept)

    @property
    def writer(self) -> int:
        return self._receipts.writer

    @property
    def last(self) -> tuple[int, int]:
        return self._receipts.last

    def number(self, writer: int) -> int:
        with self._database.connection() as connection:
            return sqlite_receipts.number(connection, writer)

    def prove(self, writer: int) -> None:
        if not self.number(writer):
            raise StoreRenewed("the SQLite store was deleted or replaced: what another worker wrote is gone",
                               self._made)

    def restart(self, capability: str, at: float, who: str, reason: str) -> int:
        with self._database.transaction() as connection:
            return sqlite_restarts.add(connection, capability, at, who, reason)

    def restarts(self) -> Mapping[str, int]:
        with self._database.transaction("DEFERRED") as connection:
            return sqlite_restarts.numbers(connection)

    def habits(self) -> Sequence[Habit]:
        with self._database.transaction("DEFERRED") as connection:
            return [sqlite_habits.read(row) for row in connection.execute("SELECT * FROM habit")]

    def close(self) -> None:
        self._database.close()


def _is_current(connection: sqlite3.Connection) -> bool:
    """Whether the file has the present schema and mode. Does not wait for a process that writes to it. Raises
    StoreError if a newer Figway wrote the file, and leaves the file as it is."""
    [done] = connection.execute("PRAGMA user_version").fetchone()
    if done > len(_SCRIPTS):
        raise StoreError("the SQLite store was written by a newer Figway")
    [mode] = connection.execute("PRAGMA journal_mode").fetchone()
    return (done, mode) == (len(_SCRIPTS), "wal")


def _migrate(connection: sqlite3.Connection) -> None:
    """Run the scripts that this file has not had yet, under the write lock, so that each runs once."""
    with whole(connection):
        [done] = connection.execute("PRAGMA user_version").fetchone()
        for script in _SCRIPTS[done:]:
            for statement in statements(script.read_text("utf-8")):
                connection.execute(statement)
        if not done:
            connection.execute("INSERT INTO origin VALUES (?)", (time.time(),))
        connection.execute(f"PRAGMA user_version = {len(_SCRIPTS)}")


def _add(connection: sqlite3.Connection, row: Traffic) -> None:
    key = row.capability, row.operation, row.stage, row.arm
    seconds = Histogram(row.seconds.counts)
    known = connection.execute(
        "SELECT seconds FROM traffic WHERE (capability, operation, stage, arm) = (?, ?, ?, ?)", key
    ).fetchone()
    if known is not None:
        seconds.merge(Histogram(orjson.loads(known[0])))
    connection.execute(_TRAFFIC, (*key, row.requests, row.errors, orjson.dumps(seconds.counts).decode(), row.at))


def _finding(  # one parameter for each column of _FINDINGS
    capability: str, operation: str, count: int, first_seen: float, last_seen: float, trace_id: str,
    again: int, reproduced: int, kind: str, path: str, *rest: Any,
) -> Finding:
    exemplar = Difference(kind, path, Shape(*rest[:3]), Shape(*rest[3:6]), Severity(rest[6]), *rest[7:])
    return Finding(capability, operation, count, first_seen, last_seen, exemplar, trace_id, again, reproduced)
