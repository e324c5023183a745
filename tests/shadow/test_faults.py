"""Faults of SQLite in words: what they mean, and never what the statement was about."""

import sqlite3

import pytest

from shadow.faults import in_words


def test_a_fault_is_named_and_explained(tmp_path):
    with pytest.raises(sqlite3.OperationalError) as found:
        sqlite3.connect(tmp_path)
    assert in_words(found.value).startswith("SQLITE_CANTOPEN")
    assert "it cannot be opened" in in_words(found.value)


def test_what_nobody_foresaw_is_named_without_its_text():
    connection = sqlite3.connect(":memory:")
    with pytest.raises(sqlite3.OperationalError) as found:
        connection.execute("SELECT * FROM canary")
    connection.close()
    assert in_words(found.value) == "SQLITE_ERROR"
    assert in_words(sqlite3.ProgrammingError("canary")) == "ProgrammingError"
