"""Waits end in time, each by its own deadline, and nobody else's cancelling is taken for a deadline."""

import asyncio

import pytest

from shadow.lane.deadlines import Deadlines


async def test_what_comes_in_time_is_handed_on():
    async def work():
        await asyncio.sleep(0)
        return "done"

    assert await Deadlines().within(60, work()) == "done"


async def test_what_takes_too_long_is_cancelled():
    ended = []

    async def work():
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    with pytest.raises(TimeoutError):
        await Deadlines().within(0.01, work())
    assert ended == [True]
    assert asyncio.current_task().cancelling() == 0


async def test_a_short_wait_need_not_wait_for_a_long_one_nor_end_it():
    deadlines, go = Deadlines(), asyncio.Event()
    long = asyncio.create_task(deadlines.within(60, go.wait()))
    await asyncio.sleep(0)
    for seconds in (0.02, 0.01):
        with pytest.raises(TimeoutError):
            await deadlines.within(seconds, asyncio.Event().wait())
    go.set()
    assert await long is True


async def test_each_of_several_waits_has_its_own_deadline():
    deadlines, order = Deadlines(), []

    async def wait(name, seconds):
        with pytest.raises(TimeoutError):
            await deadlines.within(seconds, asyncio.Event().wait())
        order.append(name)

    await asyncio.gather(wait("last", 0.06), wait("first", 0.01), wait("second", 0.03))
    assert order == ["first", "second", "last"]


async def test_work_that_swallows_its_cancelling_is_still_heard():
    async def work():
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return "late"

    assert await Deadlines().within(0.01, work()) == "late"
    assert asyncio.current_task().cancelling() == 0


async def test_somebody_else_s_cancelling_is_no_deadline():
    task = asyncio.create_task(Deadlines().within(60, asyncio.Event().wait()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_what_cancels_itself_or_fails_is_handed_on():
    async def work(error):
        raise error

    for error in (asyncio.CancelledError(), ValueError("x")):
        with pytest.raises(type(error)):
            await Deadlines().within(60, work(error))
    assert asyncio.current_task().cancelling() == 0
