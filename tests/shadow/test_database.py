"""Faults of a SQLite file in words: what they mean, and never what the statement was about."""

import sqlite3
from contextlib import closing

import pytest

from shadow.database import Database


class Trouble(Exception):
    """What the owner of a file raises."""


def opened(path, prepare=lambda connection: None):
    return Database(path, prepare, name="the file", fails=Trouble, busy=0.1, private=False)


def test_a_fault_is_named_and_explained(tmp_path):
    with pytest.raises(Trouble, match=r"the file fails: SQLITE_CANTOPEN.*it cannot be opened"):
        opened(tmp_path)


def test_what_nobody_foresaw_is_named_without_its_text():
    database = opened(None)
    with pytest.raises(Trouble) as found, database.connection() as connection:
        connection.execute("SELECT * FROM canary")
    assert str(found.value) == "the file fails: SQLITE_ERROR"
    database.close()
    with pytest.raises(Trouble) as found, database.connection() as connection:
        connection.execute("SELECT * FROM canary")
    assert str(found.value) == "the file fails: ProgrammingError"


def test_a_transaction_that_breaks_off_leaves_nothing():
    database = opened(None)
    with database.transaction() as connection:
        connection.execute("CREATE TABLE kept (one)")
    statements = ["INSERT INTO kept VALUES (1)", "SELECT * FROM canary"]
    with pytest.raises(Trouble), database.transaction() as connection:
        list(map(connection.execute, statements))
    with database.connection() as connection:
        assert connection.execute("SELECT * FROM kept").fetchall() == []
    database.close()


@pytest.mark.parametrize("mode", ["WAL", "DELETE"])
@pytest.mark.parametrize("happens", ["deleted", "replaced"])
def test_a_file_that_is_gone_while_it_is_opened_is_not_written_to(tmp_path, mode, happens):
    path = tmp_path / "file"
    first = True

    def prepare(connection):
        nonlocal first
        connection.execute(f"PRAGMA journal_mode = {mode}")
        connection.execute("CREATE TABLE IF NOT EXISTS kept (one)")
        if first:
            first = False
            path.unlink()
            if happens == "replaced":
                path.write_bytes(b"")

    with pytest.raises(Trouble, match="just being replaced"):
        opened(path, prepare)
    database = opened(path, prepare)
    with database.transaction() as connection:
        connection.execute("INSERT INTO kept VALUES (1)")
    database.close()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT * FROM kept").fetchall() == [(1,)]
