"""Answers are looked at together: the lane wakes up seldom, and nothing waits that must not."""

import asyncio

import pytest

from shadow.compare.comparison import Outcome
from shadow.custody.sqlite import SqliteCustody
from shadow.lane.asking import AT_ONCE, AT_ONCE_BYTES, LATER
from shadow.lane.lane import Lane
from shadow.lane.writer import FLUSH
from shadow.settings import LaneSettings
from shadow.stores.memory import Memory
from tests.shadow.exchanges import answer, mirror
from tests.shadow.lane.test_lane import Inline, outcomes
from tests.still_loop import run_still

MOMENT = 1e-3


class Arms:
    """Arms that answer a moment after they were asked. `asked` has what they were asked: when, and which arm."""

    def __init__(self):
        self.asked = []

    def ask(self, one, arm, extra, heard):
        loop = asyncio.get_running_loop()
        self.asked.append((loop.time(), arm))
        return loop.call_later(MOMENT, heard, answer(arm, one.way)).cancel


async def started(arms, **settings):
    """A lane whose epoch has its key."""
    lane = Lane(arms.ask, Memory(Memory.Options()), LaneSettings(**settings), Inline(), SqliteCustody(None))
    lane.start()
    lane.offer(mirror(way=b"{}"))
    await lane.idle()
    arms.asked.clear()
    return lane


def done(lane):
    """How many exchanges have an outcome."""
    return sum(outcomes(lane).values()) - 1


def test_a_trickle_of_answers_wakes_the_lane_up_a_few_times_a_second():
    async def scene(loop):
        lane = await started(Arms())
        before = loop.wakes
        for _ in range(200):
            lane.offer(mirror(way=b"{}"))
            await asyncio.sleep(0.05)
        seconds, calls = 200 * 0.05, 2 * 200  # the sleep before each call, and the call
        assert loop.wakes - before - calls <= seconds / LATER + seconds / FLUSH + 2
        await lane.drain(1)
        assert outcomes(lane) == {(Outcome.MATCH, ""): 201}

    run_still(scene)


def test_an_answer_waits_for_no_longer_than_a_part_of_a_second():
    async def scene(loop):
        lane = await started(Arms())
        lane.offer(mirror(way=b"{}"))
        await asyncio.sleep(LATER - MOMENT)
        assert done(lane) == 0
        await asyncio.sleep(3 * MOMENT)
        assert done(lane) == 1
        await lane.drain(1)

    run_still(scene)


@pytest.mark.parametrize(("count", "body", "settings"), [
    (AT_ONCE, b"{}", {"concurrency": AT_ONCE}),
    (2, bytes(AT_ONCE_BYTES // 2), {}),
    (3, b"{}", {"queue": 3 * 16}),
    (1, b"{}", {"queue": 5}),
], ids=["as many as may be", "long ones", "a part of a small lane", "a tiny lane"])
def test_no_more_answers_wait_than_may(count, body, settings):
    async def scene(loop):
        lane = await started(Arms(), **settings)
        for _ in range(count - 1):
            lane.offer(mirror(body, way=body))
        await asyncio.sleep(10 * MOMENT)
        assert done(lane) == 0
        lane.offer(mirror(body, way=body))
        await asyncio.sleep(10 * MOMENT)
        assert done(lane) == count
        await lane.drain(1)

    run_still(scene)


def test_answers_that_wait_take_no_other_mirror_s_place():
    async def scene(loop):
        arms = Arms()
        lane = await started(arms, concurrency=1)
        for _ in range(AT_ONCE - 1):
            lane.offer(mirror(way=b"{}"))
        await asyncio.sleep(2 * AT_ONCE * MOMENT)
        assert (len(arms.asked), done(lane)) == (AT_ONCE - 1, 0)
        await lane.drain(1)

    run_still(scene)


def test_legacy_s_second_answer_of_a_bracket_is_asked_for_without_waiting():
    async def scene(loop):
        arms = Arms()
        lane = await started(arms)
        began = loop.time()
        lane.offer(mirror(way=b"{}"))
        lane.offer(mirror(way=b"{}", noise=1.0))
        await asyncio.sleep(10 * MOMENT)
        assert [(arm, at - began < 3 * MOMENT) for at, arm in arms.asked] == [
            ("modern", True), ("modern", True), ("legacy", True)]
        await lane.drain(1)

    run_still(scene)


def test_a_mirror_is_asked_about_at_once_only_if_no_other_is():
    async def scene(loop):
        arms = Arms()
        lane = await started(arms)
        lane.offer(mirror(way=b"{}"))
        assert len(arms.asked) == 1
        lane.offer(mirror(way=b"{}"))
        assert len(arms.asked) == 1
        await asyncio.sleep(0)
        assert len(arms.asked) == 2
        await lane.drain(1)

    run_still(scene)


def test_a_drain_lets_no_answer_wait():
    async def scene(loop):
        lane = await started(Arms())
        for _ in range(3):
            lane.offer(mirror(way=b"{}"))
        await asyncio.sleep(2 * MOMENT)
        lane.offer(mirror(way=b"{}"))
        began = loop.time()
        await lane.drain(LATER / 2)
        assert loop.time() - began < LATER / 2
        assert outcomes(lane) == {(Outcome.MATCH, ""): 5}

    run_still(scene)
