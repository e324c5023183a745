"""An arm is asked by a callback, whenever and whatever it answers."""

import asyncio

import pytest

from shadow.compare.comparison import Outcome
from shadow.lane.lane import Lane
from shadow.settings import LaneSettings, Recheck
from shadow.stores.memory import Memory
from tests.shadow.exchanges import answer, mirror
from tests.shadow.lane.test_lane import Inline, outcomes

SETTINGS = LaneSettings(queue=100, memory=64 << 20, concurrency=3, drain=5)


class Arm:
    """An arm. A mirror's way says how it answers: at once, later, never, or twice; or that the asker fails or
    declines. `open` are the calls that it has not answered, `most` how many those ever were."""

    def __init__(self):
        self.open = []
        self.most = self.cancelled = 0

    def ask(self, one, arm, extra, heard):
        way, body = one.way
        if way == "fails":
            raise RuntimeError("secret")
        said = None if way == "declines" else spoken(arm, body)
        if way in ("at once", "declines", "twice", "answers and fails"):
            heard(said)
            if way == "twice":
                heard(answer(arm, b"another"))
            if way == "answers and fails":
                raise RuntimeError("secret")
            return None

        def later():
            self.open.remove(later)
            heard(said)

        def cancel():
            self.cancelled += 1
            self.open.remove(later)
            timer.cancel()
            heard(said)  # as one that was on its way: nobody listens any more

        self.open.append(later)
        self.most = max(self.most, len(self.open))
        timer = asyncio.get_running_loop().call_later(600 if way == "never" else 0.001, later)
        return cancel


def spoken(arm, said):
    """What an arm says: an observation, a body, or one for each arm."""
    said = said[arm] if isinstance(said, dict) else said
    return answer(arm, said) if isinstance(said, bytes) else said


async def run(arm, mirrors, drain=5.0, waits=False):
    """The outcomes and the store, after a drain; where it `waits`, once all that is asked again has been."""
    store = Memory(Memory.Options())
    lane = Lane(arm.ask, store, SETTINGS, Inline())
    lane.start()
    for one in mirrors:
        lane.offer(one)
    if waits:
        await lane.idle()
    await lane.drain(drain)
    assert (lane.unfinished, lane.held, arm.open) == (0, 0, [])
    assert store.read().tallies == lane.counters()
    assert asyncio.all_tasks() == {asyncio.current_task()}
    return outcomes(lane), store


def calls(store, *arms):
    return sum(row.seconds.total for row in store.read().traffic if row.arm in arms)


@pytest.mark.parametrize("way", ["at once", "later", "twice", "answers and fails"])
@pytest.mark.parametrize(("body", "expected"), [
    (b"{}", (Outcome.MATCH, "")),
    (b"1", (Outcome.MISMATCH, "")),
])
async def test_what_an_arm_answers_counts_once_whenever_it_comes(way, body, expected):
    found, store = await run(Arm(), [mirror(way=(way, body)) for _ in range(10)])
    assert found == {expected: 10}
    assert calls(store, "modern") == 10


@pytest.mark.parametrize("way", ["at once", "later"])
async def test_an_arm_that_fails_was_observed_to_do_so(way):
    failed = answer("modern", failure="reset")
    found, store = await run(Arm(), [mirror(way=(way, failed))])
    assert found == {(Outcome.CANDIDATE_ERROR, "reset"): 1}
    assert [row.errors for row in store.read().traffic if row.arm == "modern"] == [1]


@pytest.mark.parametrize("way", ["fails", "declines"])
async def test_an_asker_that_fails_or_declines_is_no_arms_fault(way):
    found, store = await run(Arm(), [mirror(way=(way, b"{}")), mirror(way=("later", b"{}"))])
    assert found == {(Outcome.SHED, "asker_failed"): 1, (Outcome.MATCH, ""): 1}
    assert calls(store, "modern") == 1


async def test_an_arm_that_takes_too_long_is_cancelled():
    arm = Arm()
    found, _ = await run(arm, [mirror(way=("never", b"{}"), deadline=0.02), mirror(way=("later", b"{}"))])
    assert found == {(Outcome.CANDIDATE_ERROR, "total_timeout"): 1, (Outcome.MATCH, ""): 1}
    assert arm.cancelled == 1


async def test_a_drain_cancels_what_is_being_asked():
    arm = Arm()
    found, _ = await run(arm, [mirror(way=("never", b"{}"), deadline=600)] * 10, drain=0.05)
    assert found == {(Outcome.SHED, "drained"): 10}
    assert arm.cancelled == SETTINGS.concurrency


async def test_no_more_is_asked_at_a_time_than_is_configured():
    arm = Arm()
    ways = ["later", "at once", "later"] * 10
    found, _ = await run(arm, [mirror(way=(way, b"{}")) for way in ways])
    assert found == {(Outcome.MATCH, ""): len(ways)}
    assert arm.most == SETTINGS.concurrency


@pytest.mark.parametrize("way", ["at once", "later"])
async def test_legacy_is_asked_twice_whenever_it_answers(way):
    found, store = await run(Arm(), [mirror(way=(way, b"1"), noise=1.0)])
    assert found == {(Outcome.TRANSIENT, "race"): 1}
    assert (calls(store, "legacy"), calls(store, "modern")) == (1, 1)


@pytest.mark.parametrize("way", ["at once", "later"])
@pytest.mark.parametrize(("said", "asked", "expected"), [
    ({"legacy": b"{}", "modern": b"1"}, 5, (Outcome.MISMATCH, "reproduced_2")),
    ({"legacy": b"1", "modern": b"1"}, 3, (Outcome.TRANSIENT, "after_0.01s")),
])
async def test_both_are_asked_again_whenever_they_answer(way, said, asked, expected):
    found, store = await run(
        Arm(), [mirror(way=(way, said), recheck=Recheck((0.01, 0.02), 1.0, True))], waits=True)
    assert found == {expected: 1}
    assert calls(store, "legacy", "modern") == asked
