"""Marks: what a worker has taken and not written is found by whoever comes after it."""

import subprocess
import sys
from contextlib import closing

import pytest

from shadow.compare.comparison import Outcome, Tally
from shadow.stores.base import Batch, StoreRenewed, prove, writer_of
from shadow.stores.marks import SLOTS, Left, Marks, left, seat
from shadow.stores.sqlite import Sqlite
from tests.backends.processes import LONG


@pytest.fixture
def store(tmp_path):
    return tmp_path / "figway.db"


def life(store, *, taken, written, ends=False):
    """A worker that takes and writes so many, and is killed, or comes to its end."""
    marks = Marks()
    found = marks.adopt(seat(store))
    for _ in range(taken):
        marks.take("results")
    marks.tick(10.0)
    if written:
        marks.wrote("results", written, 12.0)
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
    marks.wrote("results", 3, 20.0)
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
    marks.wrote("booking", 1, 5.0)
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
        marks.wrote_as(writer_of(former))
        marks.wrote("results", 1, 2.0)
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
    again.wrote("results", 2, 4.0)
    again.close()
