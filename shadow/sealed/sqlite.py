"""The vault in a SQLite file (SqliteVault): each record encrypted by AES-256-GCM (NIST SP 800-38D) under its own key.

The columns that are not encrypted are authenticated together with the record: a row that was altered, or swapped for
another, is refused. Several processes may have the file open.
"""

import secrets
import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from adapters.message import Headers, Request
from shadow.custody.base import Custody
from shadow.database import Database, whole
from shadow.observation import Digest, Failure, Observation
from shadow.sealed.base import PURPOSE, Bounds, Captured, Purged, Summary, VaultError

_NONCE = 12
_LENGTH = 4
_FORM = 1

_SCHEMA = """
CREATE TABLE IF NOT EXISTS record (
    id TEXT PRIMARY KEY, at REAL NOT NULL, capability TEXT NOT NULL, operation TEXT NOT NULL, trace_id TEXT NOT NULL,
    pattern TEXT NOT NULL, safe INTEGER NOT NULL, sealed BLOB NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS record_at ON record (at);
"""


class SqliteVault:
    """Sealed records in one file."""

    def __init__(
        self, path: Path, custody: Custody, bounds: Bounds, clock: Callable[[], float] = time.time, busy: float = 5.0,
    ) -> None:
        """Open the file, or make it, for its owner alone, if there is none. The caller still closes custody.
        Raises VaultError."""
        self._custody = custody
        self._bounds = bounds
        self._clock = clock
        self._database = Database(path, _prepare, name="the sealed file", fails=VaultError, busy=busy, private=True)

    def seal(self, captured: Captured) -> None:
        """Keep an exchange. The oldest records that are not held make room for it."""
        clear = _clear(captured)
        key = self._custody.key(PURPOSE, captured.id, captured.at)
        try:
            nonce = secrets.token_bytes(_NONCE)
            sealed = nonce + AESGCM(key).encrypt(nonce, _packed(captured), _associated(clear))
            with self._database.transaction() as connection:
                self._make_room(connection, len(sealed))
                connection.execute("INSERT INTO record VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (*clear, sealed))
        except BaseException:
            self._custody.destroy(PURPOSE, captured.id)
            raise

    def open(self, id: str) -> Captured:
        """A record, unsealed."""
        with self._database.connection() as connection:
            row = connection.execute("SELECT * FROM record WHERE id = ?", (id,)).fetchone()
        if row is None:
            raise VaultError("there is no such record")
        *clear, sealed = row
        key = self._custody.find(PURPOSE, id)
        if key is None:
            raise VaultError("the record's key is destroyed")
        try:
            packed = AESGCM(key).decrypt(sealed[:_NONCE], sealed[_NONCE:], _associated(clear))
        except (InvalidTag, ValueError, TypeError):
            raise VaultError("the record is not as it was sealed") from None
        captured = _unpacked(clear, packed)
        if self._expired(captured.at) and not self._holds(captured.id, captured.capability):
            raise VaultError("the record has expired")
        return captured

    def entries(self, capability: str | None = None) -> list[Summary]:
        """The records that can be opened, the oldest first. Their age is that of their key in custody."""
        with self._database.connection() as connection:
            rows = connection.execute(
                "SELECT id, capability, CAST(operation AS TEXT), CAST(trace_id AS TEXT), CAST(pattern AS TEXT), safe, "
                "length(sealed) FROM record WHERE ?1 IS NULL OR capability = ?1", (capability,)).fetchall()
        keys, holds = self._custody.scopes(PURPOSE), self._custody.holds()
        found = []
        for id, name, operation, trace_id, pattern, safe, size in rows:
            held, at = id in holds or name in holds, keys.get(id)
            if at is not None and (held or not self._expired(at)):
                found.append(Summary(id, at, str(name), operation, trace_id, pattern, bool(safe), size, held,
                                   at + self._bounds.retention))
        return sorted(found, key=lambda entry: (entry.at, entry.id))

    def discard(self, id: str) -> bool:
        """Destroy one record. False if it is held."""
        return not self.purge((id,)).held

    def purge(self, ids: Iterable[str]) -> Purged:
        """Destroy these records, except those that are held."""
        gone: list[str] = []
        held: list[str] = []
        with self._database.transaction() as connection:
            holds = self._custody.holds()
            for id in ids:
                row = connection.execute("SELECT capability FROM record WHERE id = ?", (id,)).fetchone()
                (held if id in holds or (row is not None and row[0] in holds) else gone).append(id)
            self._destroy(connection, gone)
        return Purged(tuple(gone), tuple(held))

    def expire(self) -> int:
        """Destroy records that are past their retention and not held, and those that cannot be read any more. Returns
        how many rows were destroyed.

        Keys without a row are destroyed too, unless they may belong to held data. Such a key remains if a process was
        killed between making the key and the row, or if the file was deleted."""
        with self._database.transaction() as connection:
            rows = dict(connection.execute("SELECT id, capability FROM record"))
            keys, holds = self._custody.scopes(PURPOSE), self._custody.holds()
            over = [id for id, made in keys.items() if self._expired(made)
                    and id not in holds and (rows[id] not in holds if id in rows else not holds)]
            unreadable = [id for id in rows if id not in keys]
            self._destroy(connection, [*over, *unreadable])
        return len(unreadable) + sum(id in rows for id in over)

    def close(self) -> None:
        """Give the file back. Nothing may be called afterwards."""
        self._database.close()

    def _expired(self, at: float) -> bool:
        return at + self._bounds.retention < self._clock()

    def _holds(self, id: str, capability: str) -> bool:
        return not self._custody.holds().keys().isdisjoint((id, capability))

    def _destroy(self, connection: sqlite3.Connection, ids: list[str]) -> None:
        """Destroy records, their keys first: whatever happens then, they cannot be read any more."""
        if ids:
            self._custody.destroy(PURPOSE, *ids)
            connection.executemany("DELETE FROM record WHERE id = ?", [(id,) for id in ids])

    def _make_room(self, connection: sqlite3.Connection, size: int) -> None:
        count, taken = connection.execute("SELECT count(*), coalesce(sum(length(sealed)), 0) FROM record").fetchone()
        count, taken = count + 1 - self._bounds.records, taken + size - self._bounds.size
        if count <= 0 and taken <= 0:
            return
        over, holds = [], self._custody.holds()
        for id, capability, length in connection.execute(
                "SELECT id, capability, length(sealed) FROM record ORDER BY at"):
            if count <= 0 and taken <= 0:
                break
            if id not in holds and capability not in holds:
                over.append(id)
                count, taken = count - 1, taken - length
        if count > 0 or taken > 0:
            raise VaultError("the vault has no room that may be taken")
        self._destroy(connection, over)


def _prepare(connection: sqlite3.Connection) -> None:
    # The file may have been altered, so a text may not be UTF-8. Such a record is listed if possible, and never opened.
    connection.text_factory = lambda text: text.decode(errors="replace")
    connection.execute("PRAGMA secure_delete = ON")
    with whole(connection):
        for statement in _SCHEMA.split(";")[:-1]:
            connection.execute(statement)


def _clear(captured: Captured) -> tuple[Any, ...]:
    """A record's values that are not encrypted, in the order of its columns."""
    return (captured.id, float(captured.at), captured.capability, captured.operation, captured.trace_id,
            captured.pattern, int(captured.safe))


def _associated(clear: Iterable[Any]) -> bytes:
    """The unencrypted values, as associated data: any other value, or type, gives other bytes."""
    return repr((_FORM, *clear)).encode()


def _packed(captured: Captured) -> bytes:
    """The length of a head, the head as JSON, and the three bodies. JSON has bytes as Latin-1 text: none are lost."""
    request, sides = captured.request, (captured.control, captured.candidate)
    bodies = [request.body, *(one.body for one in sides)]
    head = orjson.dumps({
        "request": [request.method, request.target.decode("latin-1"), _fields(request.headers)],
        "sides": [[one.arm, one.seconds, one.status, _fields(one.headers), one.complete,
                   one.failure and [one.failure.kind, one.failure.source, one.failure.detail, one.failure.sent],
                   _fields(one.trailers), one.digest and [one.digest.size, one.digest.sha256.hex(), one.digest.reason]]
                  for one in sides],
        "bodies": [len(body) for body in bodies],
    })
    return b"".join((len(head).to_bytes(_LENGTH), head, *bodies))


def _unpacked(clear: Sequence[Any], packed: bytes) -> Captured:
    """Read what `_packed` wrote: nothing else is ever encrypted under the key."""
    end = _LENGTH + int.from_bytes(packed[:_LENGTH])
    head = orjson.loads(packed[_LENGTH:end])
    bodies = []
    for length in head["bodies"]:
        bodies.append(packed[end:end + length])
        end += length
    method, target, headers = head["request"]
    control, candidate = (_observed(body, *side) for side, body in zip(head["sides"], bodies[1:], strict=True))
    id, at, capability, operation, trace_id, pattern, safe = clear
    request = Request(method, target.encode("latin-1"), _headers(headers), bodies[0])
    return Captured(id, at, capability, operation, trace_id, pattern, bool(safe), request, control, candidate)


def _observed(
    body: bytes, arm: str, seconds: float, status: int, fields: list[tuple[str, str]], complete: bool,
    failure: list[Any] | None, trailers: Sequence[tuple[str, str]] = (), digest: list[Any] | None = None,
) -> Observation:
    """An observation as it was packed. Records of earlier releases have neither trailers nor a digest."""
    return Observation(
        arm, seconds, status, _headers(fields), body, Failure(*failure) if failure else None, complete,
        digest=Digest(digest[0], bytes.fromhex(digest[1]), digest[2]) if digest else None, trailers=_headers(trailers))


def _fields(headers: Headers) -> list[tuple[str, str]]:
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers]


def _headers(fields: Sequence[tuple[str, str]]) -> Headers:
    return Headers((name.encode("latin-1"), value.encode("latin-1")) for name, value in fields)
