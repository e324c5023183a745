"""A store that an older release wrote opens with all its evidence, and is added to."""

import sqlite3
from pathlib import Path

import pytest

from shadow.compare.comparison import Outcome
from shadow.evidence.epoch import Epoch, Setup, digest
from shadow.evidence.noise import Noise
from shadow.evidence.stratum import HOUR, Stratum
from shadow.ledger.rows import Binding, Crossed, Declared, Point, Sighting
from shadow.stores.base import Batch
from shadow.stores.sqlite import Sqlite

FILES = Path(__file__).parent / "files"
READ = Stratum("read", "2xx", "Patient", "")
BARE = Epoch("", "", Setup(), "9")
PLAIN = Epoch("1.4", "1.9", Setup("0a1b2c3d4e5f", rules="0123456789abcdef"), "9")
WHOLE = Epoch("1.4", "2.0-rc1", Setup("0a1b2c3d4e5f", "5f4e3d2c1b0a", "0123456789abcdef"), "9", 2, "d00dfeed")


@pytest.fixture
def store(tmp_path):
    path = tmp_path / "figway.db"
    connection = sqlite3.connect(path)
    connection.executescript((FILES / "schema_012.sql").read_text("utf-8"))
    connection.close()
    opened = Sqlite(Sqlite.Options(path))
    yield opened
    opened.close()


def test_epochs_of_schema_12_are_read_with_all_their_fields(store):
    ledger = store.read("results")
    assert {row.epoch: (row.count, row.effective, row.hours) for row in ledger.evidence} == {
        BARE: (3, 3, ((480001, 3),)), PLAIN: (4, 4, ((480005, 4),)), WHOLE: (5, 5, ((480010, 5),))}
    assert {row.epoch: (row.modern, row.legacy, row.both) for row in ledger.noise} == dict.fromkeys(
        (BARE, PLAIN, WHOLE), (1, 2, 3))
    assert {row.epoch: row for row in ledger.declared} == {
        epoch: Declared("results", epoch, "read", "K-1", 2) for epoch in (BARE, PLAIN, WHOLE)}
    assert {row.epoch: row.count for row in ledger.crossings} == {digest(WHOLE): 1}
    assert ledger.findings[0].exemplar.modern_path == "/items/1/code"
    assert [found.count for found in ledger.patterns] == [1]


def test_what_comes_now_is_added_to_the_rows_of_schema_12(store):
    at = 480_010.0 * HOUR
    noise = Noise("results", WHOLE, "read", "value", "/issued", 1, 0, 0, True, at, at)
    known = frozenset((480_010, b"%012d" % number) for number in (4, 5))
    sighting = Sighting("results", WHOLE, READ, Outcome.MATCH, 2, 0, 0, at, at, known, (noise,), (("K-1", 1),))
    split = Binding("results", digest(WHOLE), "Patient", "c" * 24, "e" * 24, False, False, at, "trace")
    store.write(Batch(sightings=[sighting], bindings=[split]))
    ledger = store.read()
    assert {row.epoch: (row.count, row.effective) for row in ledger.evidence} == {
        BARE: (3, 3), PLAIN: (4, 4), WHOLE: (7, 6)}, "a token that was there is no new subject"
    assert {row.epoch: row.modern for row in ledger.noise} == {BARE: 1, PLAIN: 1, WHOLE: 2}
    assert {row.epoch: row.exchanges for row in ledger.declared} == {BARE: 2, PLAIN: 2, WHOLE: 3}
    assert {row.kind for row in ledger.crossings} == {Crossed.PAIR, Crossed.SPLIT}


def test_the_courses_of_schema_12_begin_with_its_sums_and_each_epoch_is_an_attempt(store):
    ledger = store.read()
    assert {(row.epoch, row.stratum): row.points for row in ledger.courses} == {
        (epoch, stratum): (Point(0), Point(count)) for epoch, count in ((BARE, 3), (PLAIN, 4), (WHOLE, 5))
        for stratum in (READ, None)}
    assert {row.epoch: row.hours for row in ledger.calendars} == {
        BARE: ((480001, 3),), PLAIN: ((480005, 4),), WHOLE: ((480010, 5),)}
    assert [(one.number, one.epoch, one.effective, one.closed) for one in sorted(
        ledger.attempts, key=lambda one: one.number)] == [
        (1, BARE, 3, False), (2, PLAIN, 4, False), (3, WHOLE, 5, False)]
