"""Each wait ends by its own deadline, and only if it is not over by then."""

import asyncio

import pytest

from shadow.lane.deadlines import Deadlines


@pytest.fixture
def overdue():
    """The names of waits, in the order in which they were overdue."""
    return asyncio.Queue()


async def test_a_wait_that_ends_in_time_is_never_overdue(overdue):
    deadlines = Deadlines()
    deadlines.set("in time", 0.01, lambda: overdue.put_nowait("in time"))
    deadlines.set("late", 0.02, lambda: overdue.put_nowait("late"))
    assert deadlines.end("in time")
    assert await overdue.get() == "late"
    assert overdue.empty()


async def test_a_wait_ends_once(overdue):
    deadlines = Deadlines()
    deadlines.set("ended", 60, lambda: overdue.put_nowait("ended"))
    assert deadlines.end("ended")
    assert not deadlines.end("ended")
    deadlines.set("late", 0.01, lambda: overdue.put_nowait("late"))
    assert await overdue.get() == "late"
    assert not deadlines.end("late"), "it was overdue"


async def test_each_of_several_waits_has_its_own_deadline(overdue):
    deadlines = Deadlines()
    for name, seconds in (("last", 0.06), ("first", 0.01), ("never", 60), ("second", 0.03)):
        deadlines.set(name, seconds, lambda name=name: overdue.put_nowait(name))
    assert [await overdue.get() for _ in range(3)] == ["first", "second", "last"]
    assert deadlines.end("never")


async def test_a_short_wait_need_not_wait_for_a_long_one_nor_end_it(overdue):
    deadlines = Deadlines()
    deadlines.set("long", 60, lambda: overdue.put_nowait("long"))
    for seconds in (0.02, 0.01):
        deadlines.set("short", seconds, lambda: overdue.put_nowait("short"))
        assert await overdue.get() == "short"
    assert deadlines.end("long")


async def test_one_that_is_overdue_may_end_another_that_is(overdue):
    deadlines = Deadlines()

    def first():
        overdue.put_nowait(deadlines.end("second"))

    deadlines.set("first", 0.01, first)
    deadlines.set("second", 0.01, lambda: overdue.put_nowait("second"))
    assert await overdue.get() is True
    deadlines.set("third", 0.01, lambda: overdue.put_nowait("third"))
    assert await overdue.get() == "third"
