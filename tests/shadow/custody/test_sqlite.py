"""Custody: keys that are made once and destroyed for good, holds, and a trail that shows where it was cut."""

import sqlite3
import stat

import pytest

from shadow.custody.base import LONGEST, CustodyError, Deed, Hold
from shadow.custody.sqlite import SqliteCustody
from shadow.testing import check_custody


@pytest.fixture
def path(tmp_path):
    return tmp_path / "figway.custody"


@pytest.mark.parametrize("in_memory", [True, False])
def test_custody_keeps_the_contract(path, in_memory):
    custody = SqliteCustody(None if in_memory else path)
    check_custody(custody)
    custody.close()


def test_a_key_is_made_once_and_shared_by_all_that_open_the_file(path):
    one, other = SqliteCustody(path), SqliteCustody(path)
    key = one.key("epoch", "results a", 1.0)
    assert len(key) == 32
    assert other.key("epoch", "results a", 2.0) == key
    assert other.key("epoch", "results b", 2.0) != key
    assert other.key("record", "results a", 2.0) != key
    assert one.scopes("epoch") == {"results a": 1.0, "results b": 2.0}
    one.close()
    other.close()


def test_a_key_that_is_destroyed_leaves_no_byte_in_any_file(path, tmp_path):
    custody = SqliteCustody(path)
    kept, gone = custody.key("epoch", "kept", 1.0), custody.key("epoch", "gone", 1.0)
    assert gone in path.read_bytes()
    assert custody.destroy("epoch", "gone")
    assert not custody.destroy("epoch", "gone")
    assert custody.find("epoch", "gone") is None
    custody.close()
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    assert gone not in path.read_bytes()
    assert kept in path.read_bytes()


def test_a_process_sees_that_another_has_destroyed_a_key(path):
    one, other = SqliteCustody(path), SqliteCustody(path)
    one.key("epoch", "a", 1.0)
    before = one.generation
    assert one.generation == before
    other.destroy("epoch", "a")
    assert one.generation != before
    one.close()
    other.close()


def test_the_file_is_its_owners_alone(path):
    SqliteCustody(path).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_holds_are_kept_until_they_are_released(path):
    custody = SqliteCustody(path)
    hold = Hold("results", 5.0, "jo", "inquiry 7")
    custody.hold(hold)
    assert custody.holds() == {"results": hold}
    assert custody.release("results")
    assert not custody.release("results")
    assert custody.holds() == {}
    custody.close()


def test_the_trail_tells_every_deed_in_order(path):
    custody = SqliteCustody(path)
    deeds = [Deed(float(at), "jo", "reviewer", "view", f"record {at}", "why") for at in range(3)]
    for deed in deeds:
        custody.record(deed)
    assert custody.trail() == (tuple(deeds), True)
    custody.record(Deed(9.0, "jo", "", "view", "x", "r" * 10_000))
    (*_, last), whole = custody.trail()
    assert (len(last.reason), whole) == (LONGEST, True)
    custody.close()


@pytest.mark.parametrize("change", [
    "UPDATE trail SET reason = 'another' WHERE number = 2",
    "DELETE FROM trail WHERE number = 2",
    "DELETE FROM trail WHERE number = 1",
])
@pytest.mark.proves(39)
def test_a_trail_that_was_tampered_with_says_so(path, change):
    custody = SqliteCustody(path)
    for at in range(3):
        custody.record(Deed(float(at), "jo", "reviewer", "view", f"record {at}", "why"))
    custody.close()
    with sqlite3.connect(path) as connection:
        connection.execute(change)
    connection.close()
    custody = SqliteCustody(path)
    assert custody.trail()[1] is False
    custody.close()


def test_without_a_path_it_lives_in_memory():
    custody = SqliteCustody(None)
    assert custody.key("epoch", "a", 1.0) == custody.key("epoch", "a", 2.0)
    custody.close()


def test_what_cannot_be_opened_says_so_without_a_value(tmp_path):
    with pytest.raises(CustodyError, match="cannot be made"):
        SqliteCustody(tmp_path / "nowhere" / "figway.custody")
    (tmp_path / "text").write_text("this is no database, but a text that is long enough to be taken for one" * 20)
    with pytest.raises(CustodyError, match="SQLITE_NOTADB"):
        SqliteCustody(tmp_path / "text")
