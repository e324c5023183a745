"""The vault: what is sealed is read by nobody but through it, bounded, and gone for good once its key is."""

import multiprocessing
import sqlite3
import stat
from dataclasses import replace

import pytest

from adapters.message import Headers, Request
from shadow.custody.base import Hold
from shadow.custody.sqlite import SqliteCustody
from shadow.observation import Digest, Failure
from shadow.sealed.base import PURPOSE, Bounds, Captured, VaultError
from shadow.sealed.sqlite import SqliteVault
from shadow.testing import check_vault
from tests.backends.processes import LONG
from tests.shadow.exchanges import answer

HOUR = 3600.0
COLUMNS = ["id", "at", "capability", "operation", "trace_id", "pattern", "safe", "sealed"]


class Clock:
    def __init__(self):
        self.now = 1_000_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def custody(tmp_path):
    custody = SqliteCustody(tmp_path / "figway.custody")
    yield custody
    custody.close()


@pytest.fixture
def vault(tmp_path, custody, clock):
    vault = SqliteVault(tmp_path / "figway.sealed", custody, Bounds(72 * HOUR, 5, 1 << 20), clock)
    yield vault
    vault.close()


def captured(number, at=1_000_000.0, capability="results", body=b'{"name": "Wren"}'):
    request = Request("POST", b"/results/\xff?name=W%72en", Headers([(b"X-Odd", b"\xe9\x00")]), b"asked " + body)
    return Captured(f"{number:016x}", at, capability, "read", f"trace{number}", "pattern", True, request,
                    replace(answer("legacy", body), digest=Digest(9, b"\xff" * 32, "corrupt"),
                            trailers=Headers([(b"X-Sum", b"\xe9")])),
                    answer("modern", failure="reset", body=b"", complete=False))


def ids(vault, capability=None):
    return [int(entry.id, 16) for entry in vault.entries(capability)]


def test_the_sealed_file_keeps_the_contract(tmp_path):
    custody = SqliteCustody(None)
    check_vault(lambda *given: SqliteVault(tmp_path / "figway.sealed", *given), custody)
    custody.close()


def test_what_is_sealed_opens_as_it_was(vault):
    one, other = captured(1), replace(captured(2, body=bytes(range(256))), safe=False)
    vault.seal(one)
    vault.seal(other)
    assert (vault.open(one.id), vault.open(other.id)) == (one, other)
    assert vault.open(one.id).candidate.failure == Failure("reset")
    assert isinstance(vault.open(one.id).request.headers, Headers)


def test_entries_tell_what_may_be_told(vault, custody):
    vault.seal(captured(2, at=1_000_002.0, capability="booking"))
    vault.seal(captured(1))
    custody.hold(Hold("booking", 0.0, "jo", "inquiry"))
    first, second = vault.entries()
    assert (first.id, first.at, first.capability, first.operation, first.trace_id, first.pattern, first.safe) == (
        captured(1).id, 1_000_000.0, "results", "read", "trace1", "pattern", True)
    assert (first.held, first.expires) == (False, 1_000_000.0 + 72 * HOUR)
    assert (second.capability, second.held) == ("booking", True)
    assert 100 < first.bytes < 1000
    assert ids(vault, "booking") == [2]
    assert ids(vault, "other") == []


def test_no_byte_of_an_exchange_is_in_any_file(vault, tmp_path):
    canaries = [b"CANARY-BODY-4711", b"asked ", b"X-Odd", b"W%72en"]
    for number in range(9):
        vault.seal(captured(number, body=b"CANARY-BODY-4711" * 9_000))
    for file in tmp_path.iterdir():
        held = file.read_bytes()
        assert [canary for canary in canaries if canary in held] == [], file.name


def test_the_file_is_its_owners_alone(vault, tmp_path):
    assert stat.S_IMODE((tmp_path / "figway.sealed").stat().st_mode) == 0o600


@pytest.mark.parametrize("column", COLUMNS[1:])
@pytest.mark.parametrize("value", ["another", b"\xff\xfe", 7, 7.5, "", "\x1b[2J"])
def test_a_row_that_was_altered_is_refused(vault, tmp_path, column, value):
    vault.seal(captured(1))
    tampered(tmp_path, column, value)
    with pytest.raises(VaultError, match=r"not as it was sealed|expired"):
        vault.open(captured(1).id)
    vault.entries()
    vault.expire()


def tampered(folder, column, value):
    """Writes what it likes, as somebody with an editor can: without the types that the table asks for."""
    with sqlite3.connect(folder / "figway.sealed") as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("UPDATE sqlite_schema SET sql = replace(sql, ') STRICT', ')') WHERE name = 'record'")
        connection.execute("PRAGMA writable_schema = RESET")
        connection.execute(f"UPDATE record SET {column} = ?", (value,))
    connection.close()


@pytest.mark.parametrize("at", [0, 11, 12, 40, -17, -1])
def test_a_blob_with_another_bit_is_refused(vault, tmp_path, at):
    vault.seal(captured(1))
    with sqlite3.connect(tmp_path / "figway.sealed") as connection:
        [sealed] = connection.execute("SELECT sealed FROM record").fetchone()
        changed = bytearray(sealed)
        changed[at] ^= 1
        connection.execute("UPDATE record SET sealed = ?", (bytes(changed),))
    connection.close()
    with pytest.raises(VaultError, match="not as it was sealed"):
        vault.open(captured(1).id)


@pytest.mark.parametrize("columns", [["sealed"], COLUMNS[1:], ["id"]])
def test_rows_that_were_swapped_are_refused(vault, tmp_path, columns):
    vault.seal(captured(1))
    vault.seal(captured(2, capability="booking"))
    with sqlite3.connect(tmp_path / "figway.sealed") as connection:
        rows = connection.execute(f"SELECT rowid, {', '.join(columns)} FROM record").fetchall()
        connection.execute("UPDATE record SET id = 'x' || id")
        for (place, *_), (_, *values) in zip(rows, reversed(rows), strict=True):
            whole = dict(zip(columns, values, strict=True))
            whole.setdefault("id", f"{place:016x}")
            connection.execute(f"UPDATE record SET {', '.join(f'{name} = ?' for name in whole)} WHERE rowid = ?",
                               (*whole.values(), place))
    connection.close()
    for number in (1, 2):
        with pytest.raises(VaultError, match="not as it was sealed"):
            vault.open(captured(number).id)


def test_a_record_whose_key_is_destroyed_is_unreadable_for_ever(vault, custody):
    vault.seal(captured(1))
    custody.destroy(PURPOSE, captured(1).id)
    with pytest.raises(VaultError, match="key is destroyed"):
        vault.open(captured(1).id)
    assert vault.entries() == []
    assert vault.expire() == 1
    with pytest.raises(VaultError, match="no such record"):
        vault.open(captured(1).id)


def test_discarding_destroys_the_key_and_the_row(vault, custody, tmp_path):
    vault.seal(captured(1))
    with sqlite3.connect(tmp_path / "figway.sealed") as connection:
        [sealed] = connection.execute("SELECT sealed FROM record").fetchone()
    connection.close()
    assert vault.discard(captured(1).id)
    assert custody.scopes(PURPOSE) == {}
    assert vault.entries() == []
    assert sealed[:16] not in (tmp_path / "figway.sealed").read_bytes()


def test_the_oldest_makes_room_and_its_key_is_destroyed(vault, custody):
    for number in (3, 1, 2, 5, 4, 7, 6):
        vault.seal(captured(number, at=1_000_000.0 + number))
    assert ids(vault) == [3, 4, 5, 6, 7]
    assert sorted(int(one, 16) for one in custody.scopes(PURPOSE)) == [3, 4, 5, 6, 7]


def test_bytes_are_bounded_too(vault):
    for number in range(4):
        vault.seal(captured(number, at=1_000_000.0 + number, body=bytes(150_000)))
    assert ids(vault) == [1, 2, 3]
    with pytest.raises(VaultError, match="no room"):
        vault.seal(captured(9, body=bytes(600_000)))
    assert ids(vault) == [1, 2, 3]


def test_what_is_held_is_never_what_makes_room(vault, custody):
    for number in range(5):
        vault.seal(captured(number, at=1_000_000.0 + number, capability="held" if number < 2 else "results"))
    custody.hold(Hold("held", 0.0, "jo", "inquiry"))
    custody.hold(Hold(captured(2).id, 0.0, "jo", "inquiry"))
    vault.seal(captured(5, at=1_000_005.0))
    assert ids(vault) == [0, 1, 2, 4, 5]
    custody.hold(Hold("results", 0.0, "jo", "inquiry"))
    with pytest.raises(VaultError, match="no room"):
        vault.seal(captured(6))
    assert len(custody.scopes(PURPOSE)) == 5


def test_what_has_expired_is_neither_shown_nor_kept(vault, custody, clock):
    vault.seal(captured(1))
    vault.seal(captured(2, at=1_000_000.0 + HOUR))
    clock.now += 72 * HOUR + 1
    assert ids(vault) == [2]
    with pytest.raises(VaultError, match="expired"):
        vault.open(captured(1).id)
    assert vault.expire() == 1
    assert list(custody.scopes(PURPOSE)) == [captured(2).id]


@pytest.mark.parametrize("scope", ["results", captured(1).id])
def test_what_is_held_does_not_expire_until_it_is_released(vault, custody, clock, scope):
    vault.seal(captured(1))
    custody.hold(Hold(scope, 0.0, "jo", "inquiry"))
    clock.now += 1000 * HOUR
    assert vault.expire() == 0
    assert vault.open(captured(1).id) == captured(1)
    assert ids(vault) == [1]
    custody.release(scope)
    assert vault.expire() == 1
    assert custody.scopes(PURPOSE) == {}


def test_a_row_that_was_made_younger_expires_all_the_same(vault, custody, clock, tmp_path):
    vault.seal(captured(1))
    tampered(tmp_path, "at", 9e9)
    clock.now += 72 * HOUR + 1
    assert vault.expire() == 1
    assert custody.scopes(PURPOSE) == {}


def test_a_key_without_a_row_expires_but_not_while_something_is_held(vault, custody, clock):
    custody.key(PURPOSE, "lost", clock.now)
    custody.hold(Hold("results", 0.0, "jo", "inquiry"))
    clock.now += 73 * HOUR
    assert vault.expire() == 0
    assert custody.scopes(PURPOSE) != {}
    custody.release("results")
    vault.expire()
    assert custody.scopes(PURPOSE) == {}


def test_a_purge_destroys_all_but_what_is_held(vault, custody):
    for number in range(4):
        vault.seal(captured(number, capability="booking" if number == 3 else "results"))
    custody.hold(Hold("booking", 0.0, "jo", "inquiry"))
    custody.hold(Hold(captured(0).id, 0.0, "jo", "inquiry"))
    purged = vault.purge([entry.id for entry in vault.entries()])
    assert [sorted(int(one, 16) for one in part) for part in purged] == [[1, 2], [0, 3]]
    assert sorted(ids(vault)) == [0, 3]
    assert not vault.discard(captured(0).id)


def test_a_file_that_is_none_is_said_to_be_so(tmp_path, custody):
    (tmp_path / "text").write_text("this is no database, but a text that is long enough to be taken for one" * 20)
    with pytest.raises(VaultError, match="SQLITE_NOTADB"):
        SqliteVault(tmp_path / "text", custody, Bounds())
    with pytest.raises(VaultError, match="cannot be made"):
        SqliteVault(tmp_path / "nowhere" / "sealed", custody, Bounds())


def seal_many(folder, first):
    custody = SqliteCustody(folder / "figway.custody", busy=60)
    vault = SqliteVault(folder / "figway.sealed", custody, Bounds(records=20), lambda: 1_000_000.0, busy=60)
    for number in range(first, first + 25):
        vault.seal(captured(number))


def test_two_processes_seal_at_once(tmp_path):
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=seal_many, args=(tmp_path, first)) for first in (0, 100)]
    try:
        for process in processes:
            process.start()
        for process in processes:
            process.join(LONG)
        assert [process.exitcode for process in processes] == [0, 0]
    finally:
        for process in (one for one in processes if one.is_alive()):
            process.kill()
            process.join()
    custody = SqliteCustody(tmp_path / "figway.custody")
    vault = SqliteVault(tmp_path / "figway.sealed", custody, Bounds(records=20), lambda: 1_000_000.0)
    assert len({vault.open(entry.id).trace_id for entry in vault.entries()}) == 20
    assert len(custody.scopes(PURPOSE)) == 20
    vault.close()
    custody.close()
