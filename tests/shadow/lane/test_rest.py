"""What the lane costs besides the calls: how often it wakes up, how often it writes, and how many HMACs it makes."""

import asyncio
import sys

import pytest

from shadow.compare.comparison import Outcome
from shadow.compare.tokens import mac
from shadow.custody.sqlite import SqliteCustody
from shadow.judge.child import Child
from shadow.lane.lane import Lane
from shadow.lane.writer import FLUSH, IDLE
from shadow.settings import LaneSettings
from shadow.stores.base import StoreError
from shadow.stores.memory import Memory
from tests.shadow.exchanges import answer, later, mirror
from tests.still_loop import run_still

MINUTE = 60.0


class Counted(Memory):
    """A store that counts what it is asked to write; where it is `broken`, in vain."""

    writes = 0
    broken = False

    def write(self, *batch, **more):
        self.writes += 1
        if self.broken:
            raise StoreError("no")
        return super().write(*batch, **more)


def echo(one, arm, extra, heard):
    """Asks an arm that answers what the mirror's way says."""
    return later(heard, answer(arm, one.way))


def hangs(one, arm, extra, heard):
    """Asks an arm that answers after 20 seconds."""
    return asyncio.get_running_loop().call_later(20, heard, answer(arm, one.way)).cancel


def started(ask=echo, judge=None):
    store = Counted(Memory.Options())
    lane = Lane(ask, store, LaneSettings(), judge, SqliteCustody(None))
    lane.start()
    return lane, store


def test_a_lane_at_rest_wakes_up_for_a_look_at_its_store_and_nothing_else():
    async def scene(loop):
        lane, store = started()
        for _ in range(3):
            lane.offer(mirror(way=b"{}"))
        await lane.idle()
        await asyncio.sleep(MINUTE)
        store.writes = 0
        looks = MINUTE / IDLE
        assert await loop.woken(MINUTE) <= looks
        assert looks - 1 <= store.writes <= looks
        await lane.drain(1)

    run_still(scene)


def test_exchanges_are_written_together_however_many_they_are():
    async def scene(loop):
        lane, store = started()
        for _ in range(500):
            lane.offer(mirror(way=b"{}"))
            await asyncio.sleep(0.02)
        assert store.writes <= 500 * 0.02 / FLUSH + 1
        assert loop.threads.handed <= store.writes + 3, "the first exchange fetches a key"
        await lane.drain(1)
        assert sum(store.read().tallies.values()) == 500

    run_still(scene)


def test_what_a_lane_at_rest_takes_is_written_within_a_second():
    async def scene(loop):
        lane, store = started()
        await asyncio.sleep(MINUTE)
        lane.offer(mirror(way=b"{}"))
        await asyncio.sleep(FLUSH + 0.01)
        assert lane.writer.unwritten() == {}
        assert sum(store.read().tallies.values()) == 1
        lane.skip("results", "read", "not_sampled")
        await asyncio.sleep(FLUSH + 0.01)
        assert sum(store.read().tallies.values()) == 2
        await lane.drain(1)

    run_still(scene)


def test_the_lane_does_not_rest_while_an_exchange_is_not_written():
    async def scene(loop):
        lane, _ = started(hangs)
        lane.offer(mirror(way=b"{}", deadline=30.0))
        await asyncio.sleep(15)
        assert await loop.woken(2) >= 2 / FLUSH - 1
        await asyncio.sleep(5)
        assert lane.writer.unwritten() == {}
        await lane.drain(1)

    run_still(scene)


def test_a_store_that_fails_is_soon_tried_again_though_nothing_waits():
    async def scene(loop):
        lane, store = started()
        await asyncio.sleep(MINUTE)
        store.broken = True
        await asyncio.sleep(IDLE + 0.01)
        assert lane.writer.fault
        store.broken = False
        await asyncio.sleep(FLUSH + 0.01)
        assert lane.writer.fault == ""
        await lane.drain(1)

    run_still(scene)


async def test_what_ends_while_the_last_batch_is_being_written_is_written_too():
    store = Counted(Memory.Options())
    lane = Lane(echo, store, LaneSettings(), None, SqliteCustody(None))
    lane.start()
    lane.offer(mirror(way=b"{}"))
    await lane.idle()
    while not store.writes:  # noqa: ASYNC110 (the writer tells nobody that it begins)
        await asyncio.sleep(0)
    lane.skip("results", "read", "overloaded")
    await lane.writer.close()
    assert lane.writer.unwritten() == {}
    await lane.drain(1)


@pytest.mark.parametrize("same", [b'{"a":1}', b"\x00\xff", b""])
async def test_equal_answers_start_no_judge(same):
    child = Child()
    lane, _ = started(judge=child)
    for _ in range(30):
        lane.offer(mirror(same, way=same))
    await lane.idle()
    assert {tally.outcome for tally in lane.counters()} == {Outcome.MATCH}
    assert child.pid is None
    await lane.drain(1)


async def test_a_mirror_whose_arms_agree_takes_one_hmac():
    lane, _ = started()
    lane.offer(mirror(way=b"{}"))
    await lane.idle()  # the epoch has its key
    made = 0

    def count(frame, event, _):
        nonlocal made
        made += event == "call" and frame.f_code is mac.__code__

    sys.setprofile(count)
    try:
        for _ in range(5):
            lane.offer(mirror(way=b"{}"))
        await lane.idle()
    finally:
        sys.setprofile(None)
    assert made == 5
    await lane.drain(1)
