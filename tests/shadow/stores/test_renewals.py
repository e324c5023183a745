"""Several processes have a store open that is deleted, replaced, or loses its log. Whatever was told as written is in
the file at the path, or is told as gone (StoreRenewed) with the next write of whoever wrote it."""

import json
import os
import sqlite3
import subprocess
import sys
import time
from contextlib import ExitStack, closing
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shadow.custody.sqlite import SqliteCustody
from shadow.stores.base import StoreError, StoreRenewed
from shadow.stores.sqlite import Sqlite
from tests.backends.processes import LONG, started

DONE = "done"
BUSY = 0.3


class Keeper:
    """A process with a store: see tests.shadow.stores.keeper."""

    def __init__(self, process):
        self._process = process

    def tell(self, *words):
        self._process.stdin.write(" ".join(map(str, words)) + "\n")
        self._process.stdin.flush()

    def says(self):
        return self._process.stdout.readline().strip()

    def does(self, *words):
        self.tell(*words)
        return self.says()

    def opens(self, path, busy=BUSY):
        assert self.does("open", path, busy) == DONE
        return self

    def writes(self, name, number):
        assert self.does("write", name, number) == DONE

    def is_told(self, name):
        """What it wrote is gone. The next write is written."""
        assert self.does("write", name, 1_000).startswith("StoreRenewed: ")

    def counts(self):
        return json.loads(self.does("read"))


@pytest.fixture(scope="module")
def keepers():
    """Three processes, without a store yet."""
    with ExitStack() as stack:
        command = [sys.executable, "-m", "tests.shadow.stores.keeper"]
        yield [Keeper(stack.enter_context(started(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)))
               for _ in range(3)]


@pytest.fixture
def path(tmp_path, keepers):
    yield tmp_path / "figway.db"
    for one in keepers:
        one.does("open", tmp_path / "another.db", BUSY)  # whatever it had is closed


def replaced(path):
    spare = path.with_name("spare.db")
    Sqlite(Sqlite.Options(spare)).close()
    spare.replace(path)


def without(path, *parts):
    for part in parts:
        path.with_name(path.name + part).unlink(missing_ok=True)


def is_whole(path):
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_a_newcomer_does_not_use_the_log_of_the_store_that_was_replaced(keepers, path):
    one, newcomer, _ = keepers
    one.opens(path).writes("one", 1)
    replaced(path)
    newcomer.opens(path).writes("newcomer", 1)
    assert newcomer.counts() == {"newcomer": 1}
    one.is_told("one")
    one.writes("one", 10)
    newcomer.writes("newcomer", 10)
    assert one.counts() == newcomer.counts() == {"one": 10, "newcomer": 11}
    assert is_whole(path)


def test_a_store_that_is_moved_away_has_all_that_was_written(keepers, path):
    one, other, newcomer = keepers
    one.opens(path).writes("one", 1)
    other.opens(path).writes("other", 2)
    away = path.rename(path.with_name("away.db"))
    newcomer.opens(path).writes("newcomer", 3)
    one.is_told("one")
    other.is_told("other")
    with closing(sqlite3.connect(away)) as connection:
        found = dict(connection.execute("SELECT capability, count FROM tally"))
    assert found == {"one": 1, "other": 2}
    assert newcomer.counts() == {"newcomer": 3}


def test_whoever_leaves_a_log_that_was_deleted_waits_for_a_write_to_it(keepers, path):
    one, other, _ = keepers
    one.opens(path).writes("one", 1)
    other.opens(path).writes("other", 1)
    other.tell("slowly", "other", 10)
    assert other.says() == "within"
    without(path, "-wal")
    assert "SQLITE_BUSY" in one.does("write", "one", 10)
    assert other.does("go") == DONE
    one.writes("one", 10)
    other.writes("other", 100)
    assert one.counts() == other.counts() == {"one": 11, "other": 111}
    assert is_whole(path)


@pytest.mark.parametrize("parts", [("-wal",), ("-wal", "-shm")])
def test_what_was_in_a_log_that_a_newcomer_cannot_find_is_told(keepers, path, parts):
    one, other, newcomer = keepers
    one.opens(path).writes("one", 1)
    other.opens(path)
    without(path, *parts)
    newcomer.opens(path).writes("newcomer", 1)
    one.is_told("one")
    other.writes("other", 1)  # it had written nothing
    one.writes("one", 10)
    newcomer.writes("newcomer", 10)
    assert newcomer.counts() == {"one": 10, "other": 1, "newcomer": 11}
    assert is_whole(path)


def test_a_log_that_is_deleted_costs_nothing_where_nobody_came_in_between(keepers, path):
    for number, one in enumerate(keepers):
        one.opens(path).writes(f"k{number}", 1)
    for parts in (("-wal",), ("-shm",), ("-wal", "-shm")):
        without(path, *parts)
        for number, one in enumerate(keepers):
            one.writes(f"k{number}", 1)
    assert keepers[0].counts() == {"k0": 4, "k1": 4, "k2": 4}


def test_a_store_that_is_replaced_while_it_could_not_be_opened_is_told_as_gone(tmp_path):
    path, log = tmp_path / "figway.db", tmp_path / "figway.db-wal"
    with closing(Sqlite(Sqlite.Options(path, busy=BUSY))) as store:
        store.restart("results", 1.0, "who", "why")
        log.unlink()
        log.mkdir()
        with pytest.raises(StoreError, match="SQLITE_CANTOPEN"):
            store.restart("results", 1.0, "who", "why")
        log.rmdir()
        replaced(path)
        with pytest.raises(StoreRenewed):
            store.restart("results", 1.0, "who", "why")
        assert store.restart("results", 1.0, "who", "why") == 1


def test_whoever_closes_a_store_that_was_replaced_leaves_the_logs_of_the_new_one(keepers, path):
    one, other, _ = keepers
    one.opens(path).writes("one", 1)
    other.opens(path).writes("other", 1)
    replaced(path)
    one.is_told("one")
    one.writes("one", 10)
    logs = [os.stat(f"{path}{part}").st_ino for part in ("-wal", "-shm")]
    assert other.does("close") == DONE
    assert [os.stat(f"{path}{part}").st_ino for part in ("-wal", "-shm")] == logs
    assert one.counts() == {"one": 10}


def test_whoever_closes_a_store_whose_log_was_deleted_loses_nothing(keepers, path):
    one, other, _ = keepers
    one.opens(path).writes("one", 1)
    other.opens(path).writes("other", 1)
    without(path, "-wal")
    assert one.does("close") == DONE
    other.writes("other", 1)
    assert other.counts() == {"one": 1, "other": 2}


def test_a_store_may_be_reached_by_a_link(keepers, path):
    one, other, _ = keepers
    (path.parent / "real").mkdir()
    path.symlink_to(path.parent / "real" / "store.db")
    one.opens(path).writes("one", 1)
    other.opens(path).writes("other", 1)
    assert one.counts() == {"one": 1, "other": 1}


def test_a_store_that_waits_for_its_lock_holds_up_no_other_file_of_its_folder(keepers, path):
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        keepers[0].tell("open", path, LONG)
        time.sleep(0.2)  # it waits by now, or will soon
        SqliteCustody(path.with_name("custody"), busy=LONG / 8).close()
    assert keepers[0].says() == DONE


HAPPENS = st.sampled_from([
    *(("write", number) for number in range(3)), *(("write", number) for number in range(3)),
    *(("again", number) for number in range(3)), ("replaced",), ("deleted", "", "-wal", "-shm"), ("deleted", ""),
    ("deleted", "-wal"), ("deleted", "-shm"), ("deleted", "-wal", "-shm"),
])


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(HAPPENS, max_size=14))
def test_what_is_told_as_written_is_there_or_is_told_as_gone(keepers, tmp_path, happens):
    path = tmp_path / f"{next(NUMBERS)}.db"
    # By process: as whom it writes now, and how much it was told that is written.
    names, written = {}, {}

    def writes(number):
        said = keepers[number].does("write", names[number], 1)
        if said == DONE:
            written[number] += 1
        elif said.startswith("StoreRenewed: "):
            written[number] = 0
            # Of a store that is still there, what is gone may be a part.
            names[number] = f"k{next(NUMBERS)}"
        return said

    def opens(number):
        keepers[number].opens(path)
        names[number], written[number] = f"k{next(NUMBERS)}", 0

    for number in range(3):
        opens(number)
    for what, *more in happens:
        if what == "write":
            writes(*more)
        elif what == "again":
            keepers[more[0]].does("close")
            opens(*more)
        elif what == "replaced":
            replaced(path)
        else:
            without(path, *more)
    for number in (0, 1, 2, 0, 1, 2):
        writes(number)
    for number in range(3):
        assert writes(number) == DONE
    for one in keepers:
        found = one.counts()
        assert {names[number]: found.get(names[number], 0) for number in range(3)} == {
            names[number]: written[number] for number in range(3)}
    assert is_whole(path)


NUMBERS = count()
