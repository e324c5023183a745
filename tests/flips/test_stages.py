"""Where stages are kept: what every implementation does, and what is particular to each."""

from dataclasses import replace

import pytest

from gateway.flips import copy
from gateway.flips.base import Actor, Flip, Kind, OutOfReach, Position, State
from gateway.flips.memory import MemoryStages
from gateway.flips.opening import opened
from gateway.flips.precedence import position
from gateway.flips.sqlite import SqliteStages
from gateway.flips.testing import check_stages
from gateway.stage import Stage

FILE = {"labs": Position(Stage.SHADOW, Stage.LEGACY)}
START = Actor("start", source="start")
FLIP = Flip(Kind.FLIP, "labs", Actor("ann", "operator", "socket"), "why", reads=Stage.VERIFY)


async def test_stages_in_memory_keep_the_contract():
    await check_stages(MemoryStages)


async def test_stages_in_a_file_keep_the_contract(tmp_path):
    await check_stages(lambda: SqliteStages(tmp_path / "figway.db.control"))


def test_a_file_is_for_its_owner_alone_and_remembers(tmp_path):
    file = tmp_path / "figway.db.control"
    stages = SqliteStages(file)
    stages.adopt(FILE, START)
    state, _ = stages.flip(FLIP)
    stages.close()
    assert file.stat().st_mode & 0o077 == 0
    again = SqliteStages(file)
    assert again.begin(None) == state
    again.close()


def test_two_processes_see_each_others_flips(tmp_path):
    one, other = (SqliteStages(tmp_path / "control") for _ in range(2))
    one.adopt(FILE, START)
    other.flip(FLIP)
    assert position(one.read().stands["labs"]).reads is Stage.VERIFY
    one.close()
    other.close()


def test_a_deleted_file_is_not_taken_for_an_empty_one(tmp_path):
    file = tmp_path / "control"
    stages = SqliteStages(file)
    stages.adopt(FILE, START)
    known, _ = stages.flip(FLIP)
    file.unlink()
    for act in (stages.read, lambda: stages.flip(FLIP), stages.expire):
        with pytest.raises(OutOfReach, match="deleted or replaced"):
            act()
    stages.close()
    again = SqliteStages(file)
    state = again.begin(known)
    assert state.stands == known.stands
    assert state.revision > known.revision
    [record] = again.history()
    assert (record.action, record.detail["head"]) == ("recovery", known.head)
    again.close()


def test_a_file_of_a_newer_figway_is_left_alone(tmp_path):
    file = tmp_path / "control"
    stages = SqliteStages(file)
    stages.adopt(FILE, START)
    with stages._writing.connection() as connection:
        connection.execute("PRAGMA user_version = 99")
    stages.close()
    with pytest.raises(OutOfReach, match="newer Figway"):
        SqliteStages(file).read()


def test_a_full_disk_leaves_the_record_and_the_override_or_neither(tmp_path):
    stages = SqliteStages(tmp_path / "control")
    before = stages.adopt(FILE, START)
    with stages._writing.connection() as connection:
        [pages] = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")
    made = [before.revision]

    def flips():
        for _ in range(1_000):
            for one in (replace(FLIP, reason="why" * 100), replace(FLIP, kind=Kind.ROLLBACK, reads=Stage.LEGACY)):
                made.append(stages.flip(one)[0].revision)

    with pytest.raises(OutOfReach, match="disk is full"):
        flips()
    after = stages.read()
    assert after.revision == made[-1]
    [last] = stages.history(most=1)
    assert (last.revision, last.digest) == (after.revision, after.head)
    assert last.after == position(after.stands["labs"])._asdict()
    stages.close()


def test_a_copy_is_read_as_it_was_written(tmp_path):
    stages = SqliteStages(tmp_path / "control")
    stages.adopt(FILE, START)
    stages.flip(FLIP)
    state, _ = stages.flip(Flip(Kind.TRIP, "labs", Actor("guard", source="guard"), "errors", reads=Stage.LEGACY))
    file = copy.beside(stages.path)
    copy.keep(file, state, stages.read)
    assert copy.read(file) == state
    assert file.stat().st_mode & 0o077 == 0
    stages.close()


def test_a_copy_follows_until_it_is_the_latest(tmp_path):
    states = [State("name", revision, {}) for revision in range(4)]
    file = tmp_path / "copy"
    later = iter(states[2:] + states[3:])
    copy.keep(file, states[1], lambda: next(later))
    assert copy.read(file).revision == 3


def test_no_copy_is_read_from_something_else(tmp_path):
    file = tmp_path / "copy"
    assert copy.read(file) is None
    file.write_text('{"name": "x"}')
    assert copy.read(file) is None


def test_a_start_that_cannot_read_the_file_takes_the_copy(tmp_path):
    file = tmp_path / "control"
    began = opened(file, FILE, 60)
    state, _ = began.stages.flip(FLIP)
    copy.keep(began.copy, state, began.stages.read)
    began.stages.close()
    file.write_bytes(b"this is no SQLite file, and long enough to be none at all" * 20)
    again = opened(file, FILE, 60)
    assert position(again.state.stands["labs"]).reads is Stage.VERIFY
    assert "damaged" in again.fault
    again.stages.close()


def test_without_a_file_stages_are_those_of_routes_yaml():
    began = opened(None, FILE, 60)
    assert {name: position(one) for name, one in began.state.stands.items()} == FILE
    assert began.copy is None
