"""Marks: what a worker has taken and not written is found by whoever comes after it."""

import subprocess
import sys
from contextlib import closing
from functools import partial

import pytest

from shadow.compare.comparison import Outcome, Tally
from shadow.stores.base import Batch, StoreRenewed, last_of, number_of, prove, writer_of
from shadow.stores.marks import SLOTS, Left, Marks, left, seat
from shadow.stores.sqlite import Sqlite
from tests.backends.processes import LONG


@pytest.fixture
def store(tmp_path):
    return tmp_path / "figway.db"


def wrote(marks, capability, exchanges, at, writer=0):
    marks.writes({capability: exchanges}, writer)
    marks.wrote(at, writer)


def life(store, *, taken, written, ends=False):
    """A worker that takes and writes so many, and is killed, or comes to its end."""
    marks = Marks()
    found = marks.adopt(seat(store))
    for _ in range(taken):
        marks.take("results")
    marks.tick(10.0)
    if written:
        wrote(marks, "results", written, 12.0)
    marks.tick(15.0)
    if ends:
        marks.close()
    return marks, found


def killed(store, taken, written):
    """The same in a process of its own, so that its lock ends with it."""
    script = ("import sys, pathlib; from tests.shadow.stores.test_marks import life; "
              f"life(pathlib.Path(sys.argv[1]), taken={taken}, written={written}); "
              "import os; os.kill(os.getpid(), 9)")
    assert subprocess.run([sys.executable, "-c", script, str(store)], check=False, timeout=LONG).returncode == -9


def test_a_worker_that_has_written_all_leaves_no_file(store):
    marks, _ = life(store, taken=3, written=3, ends=True)
    assert marks.pending() == {}
    assert list(store.parent.iterdir()) == []


def test_what_a_killed_worker_has_not_written_is_found_once(store):
    killed(store, 5, 2)
    assert left(store) == [Left("results", 3, 12.0, 15.0, False)]
    marks, found = life(store, taken=1, written=1)
    assert found == [Left("results", 3, 12.0, 15.0, False)]
    assert marks.pending() == {"results": 3}, "it is kept until it is written"
    assert left(store) == [], "what a living worker has is its own"
    wrote(marks, "results", 3, 20.0)
    marks.close()
    assert list(store.parent.iterdir()) == []


def test_who_stops_with_something_unwritten_says_that_it_stopped(store):
    life(store, taken=2, written=0, ends=True)
    assert left(store) == [Left("results", 2, 10.0, 15.0, True)]
    _, found = life(store, taken=0, written=0)
    assert found == [Left("results", 2, 10.0, 15.0, True)]


def test_one_worker_gathers_what_several_have_left(store):
    first, _ = life(store, taken=1, written=0)
    killed(store, 4, 1)
    first.close()
    marks, found = life(store, taken=0, written=0)
    assert sorted(found) == [Left("results", 1, 10.0, 15.0, True), Left("results", 3, 12.0, 15.0, False)]
    assert marks.pending() == {"results": 4}
    assert [one.name for one in store.parent.iterdir()] == ["figway.db.worker-0"]
    assert marks.forget() == [Left("results", 1, 12.0, 12.0, True)], "what one of them had written may be lost later"
    marks.close()


def test_what_was_marked_before_there_was_a_file_is_carried_into_it(store):
    marks = Marks()
    marks.take("results")
    marks.take("booking")
    wrote(marks, "booking", 1, 5.0)
    marks.adopt(seat(store))
    marks.take("results")
    assert marks.pending() == {"results": 2}
    marks.close()
    assert [one.exchanges for one in left(store)] == [2]


def test_a_store_that_is_gone_takes_with_it_all_that_was_written(store):
    marks, _ = life(store, taken=7, written=4)
    assert marks.forget() == [Left("results", 4, 12.0, 12.0, True)]
    assert marks.forget() == []
    assert marks.pending() == {"results": 7}
    marks.close()


def test_capabilities_past_the_bound_are_not_told_apart(store):
    marks = Marks()
    marks.adopt(seat(store))
    for number in range(SLOTS + 3):
        marks.take(f"capability-{number}")
    assert len(marks.pending()) == SLOTS
    marks.close()


@pytest.mark.parametrize("content", [b"", b"\xff" * 50_000, b"cut"])
def test_a_file_that_somebody_else_wrote_harms_nobody(store, content):
    store.with_name("figway.db.worker-0").write_bytes(content)
    left(store)
    marks = Marks()
    marks.adopt(seat(store))
    marks.take("results")
    assert marks.pending().get("results", 0) <= 1
    marks.close()


def writes(store, name):
    store.write(Batch(tallies={Tally(name, "read", Outcome.MATCH): 1}))


def test_the_next_worker_asks_whether_the_store_has_what_the_former_one_wrote(store):
    with closing(Sqlite(Sqlite.Options(store))) as former:
        assert writer_of(former) == 0, "it has written nothing"
        writes(former, "results")
        marks = Marks()
        marks.adopt(seat(store))
        assert not marks.unproven, "nobody wrote before"
        marks.take("results")
        marks.take("results")
        wrote(marks, "results", 1, 2.0, writer_of(former))
        marks.tick(3.0)
        marks.close()

    again = Marks()
    again.adopt(seat(store))
    with closing(Sqlite(Sqlite.Options(store))) as same:
        prove(same, again.unproven)
        writes(same, "results")
        assert writer_of(same) not in {0, *again.unproven}, "each has its own"
    store.unlink()
    with closing(Sqlite(Sqlite.Options(store))) as another:
        writes(another, "results")
        with pytest.raises(StoreRenewed):
            prove(another, again.unproven)
    assert again.forget() == [Left("results", 1, 2.0, 2.0, True)]
    assert not again.unproven, "it is told once"
    wrote(again, "results", 2, 4.0)
    again.close()


def killed_while_it_writes(store, moment):
    """A worker with three exchanges, of which the store has one, and which writes the other two; it is killed
    `before` the store has them, `after` that, or `later`, when the marks say so."""
    database, marks = Sqlite(Sqlite.Options(store)), Marks()
    marks.adopt(seat(store))
    marks.tick(1.0)
    for number in (1, 2):
        for _ in range(number):
            marks.take("results")
        marks.writes({"results": number}, last_of(database)[0])
        if (number, moment) != (2, "before"):
            database.write(Batch(tallies={Tally("results", "read", Outcome.MATCH): number}))
        if number == 1 or moment == "later":
            marks.wrote(float(number), *last_of(database))


@pytest.mark.parametrize(("moment", "lost"), [("before", 2), ("after", 0), ("later", 0)])
def test_what_a_worker_was_writing_when_it_was_killed_is_in_the_store_or_lost_and_never_both(store, moment, lost):
    script = ("import sys, pathlib; from tests.shadow.stores.test_marks import killed_while_it_writes; "
              f"killed_while_it_writes(pathlib.Path(sys.argv[1]), {moment!r}); import os; os.kill(os.getpid(), 9)")
    assert subprocess.run([sys.executable, "-c", script, str(store)], check=False, timeout=LONG).returncode == -9
    with closing(Sqlite(Sqlite.Options(store))) as database:
        numbers = partial(number_of, database)
        expected = [Left("results", lost, 1.0, 1.0, False)] if lost else []
        assert left(store, numbers) == expected
        assert sum(database.read().tallies.values()) + lost == 3
        marks = Marks()
        assert marks.adopt(seat(store, numbers)) == expected
        assert marks.pending() == ({"results": lost} if lost else {})
        [writer] = marks.unproven
        assert number_of(database, writer) > 0, "by this the next worker sees whether the store is still the same"
    marks.close()


def test_a_store_that_cannot_say_what_it_has_leaves_what_was_being_written_as_lost(store):
    marks = Marks()
    marks.adopt(seat(store))
    marks.take("results")
    marks.writes({"results": 1}, 7)
    assert marks.pending() == {"results": 1}
    marks.close()
    assert [one.exchanges for one in left(store)] == [1]
    assert left(store, lambda writer: 1 if writer == 7 else 0) == [], "the worker had not written before"


def test_a_file_that_comes_while_something_is_being_written_takes_that_up(store):
    marks = Marks()
    marks.take("results")
    marks.take("results")
    marks.writes({"results": 1}, 7)
    marks.adopt(seat(store))
    marks.take("results")
    marks.wrote(2.0, 7, 1)
    assert marks.pending() == {"results": 2}
    marks.close()


def test_the_marks_of_the_figway_before_are_taken_up(store):
    life(store, taken=5, written=2, ends=True)
    file = store.with_name("figway.db.worker-0")
    file.write_bytes(file.read_bytes()[:64 + (SLOTS + 1) * 80])
    assert left(store) == [Left("results", 3, 12.0, 15.0, True)]
    _, found = life(store, taken=0, written=0)
    assert found == [Left("results", 3, 12.0, 15.0, True)]
