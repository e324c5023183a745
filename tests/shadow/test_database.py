"""Faults of a SQLite file in words: what they mean, and never what the statement was about."""

import pytest

from shadow.database import Database


class Trouble(Exception):
    """What the owner of a file raises."""


def opened(path):
    return Database(path, lambda connection: None, name="the file", fails=Trouble, busy=0.1, private=False)


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
