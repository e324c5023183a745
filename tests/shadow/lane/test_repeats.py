"""Clients that ask the same thing twice show how legacy drifts, and cost it nothing."""

import asyncio

import pytest

from adapters.message import Headers, Request
from shadow.compare.comparison import Outcome
from shadow.evidence.noise import PROPOSED, weighed
from shadow.lane.lane import Lane
from shadow.lane.repeats import LARGEST, WITHIN, Repeats, question_of
from shadow.settings import LaneSettings, Recheck
from shadow.stores.memory import Memory
from tests.shadow.exchanges import answer, later, mirror
from tests.shadow.lane.test_lane import Inline, outcomes

ONE_BY_ONE = LaneSettings(queue=100, memory=64 << 20, concurrency=1, drain=5)
READ = Request("GET", b"/results/7", Headers([(b"Authorization", b"Basic eDp5"), (b"X-Request-Id", b"1")]))


def read(method="GET", target=b"/results/7", body=b"", **fields):
    lines = {"Authorization": "Basic eDp5", "X-Request-Id": "2", **fields}
    return Request(method, target, Headers([(name.replace("_", "-").encode(), value.encode())
                                            for name, value in lines.items()]), body)


def test_the_same_question_has_the_same_hash_and_no_other():
    assert question_of(read()) == question_of(READ)
    others = [read(target=b"/results/8"), read("HEAD"), read(body=b"x"), read(Authorization="Basic other"),
              read(Accept="text/plain"), read(Range="bytes=0-1"), read(X_Auth_Token="t")]
    assert len({question_of(one) for one in (READ, *others)}) == 1 + len(others)


def test_an_answer_is_kept_for_seconds_and_within_bytes():
    repeats, one, other = Repeats(10_000), answer("legacy", b"1"), answer("legacy", b"2")
    assert repeats.earlier(1, one, 0.0) is None
    assert repeats.earlier(1, other, WITHIN) is one
    assert repeats.earlier(1, one, 2 * WITHIN + 1) is None
    for number in range(20):
        repeats.earlier(number, answer("legacy", bytes(1000)), 30.0)
    latest_first = reversed(range(20))
    assert [number for number in latest_first if repeats.earlier(number, one, 30.0) is not None] == [19, 18, 17, 16]
    assert repeats.expire(30.0) == 30.0 + WITHIN
    assert repeats.expire(31.0 + WITHIN) is None
    large = Repeats(10 * LARGEST)
    large.earlier(1, answer("legacy", bytes(LARGEST + 1)), 0.0)
    assert large.earlier(1, one, 0.0) is None


async def run(bodies, modern, **plan):
    """Outcomes and ledger where clients ask the same again and again, and legacy says one body after the other."""
    store = Memory(Memory.Options())
    lane = Lane(lambda one, arm, extra, heard: later(heard, answer(arm, modern())), store, ONE_BY_ONE, Inline())
    lane.start()
    for body in bodies:
        lane.offer(mirror(body, **plan))
    await lane.idle()
    await lane.drain(5)
    assert (lane.held, dict(lane.extra)) == (0, {})
    assert asyncio.all_tasks() == {asyncio.current_task()}
    return outcomes(lane), store.read()


def stamps(start):
    """A function that gives a new time at each call."""
    count = iter(range(start, start + 1000))
    return lambda: b'{"id": 1, "at": "2026-01-01T00:00:%02dZ"}' % (next(count) % 60)


async def test_a_field_that_is_new_each_time_is_known_for_noise_without_asking_legacy():
    legacy = stamps(0)
    found, ledger = await run([legacy() for _ in range(30)], stamps(30), recheck=Recheck((0.001,), 1.0))
    assert found[Outcome.UNSTABLE, "noise"] >= 20
    [row] = ledger.noise
    assert (row.path, row.modern, row.legacy, row.both, row.plain) == ("/at", 0, 0, 0, True)
    assert row.repeats >= 20
    [shown] = weighed([row], row.last_seen)
    assert (shown.says, shown.repeats) == ("proposal", row.repeats)


async def test_a_legacy_that_repeats_itself_makes_nothing_noise():
    legacy = b'{"id": 1, "at": "2026-01-01T00:00:00Z"}'
    found, ledger = await run([legacy] * 30, stamps(1))
    assert found == {(Outcome.MISMATCH, ""): 30}
    assert ledger.noise == []


async def test_repeats_are_in_no_e_value():
    """Modern was not asked in between, so they say nothing of whether it is worse."""
    legacy = stamps(0)
    _, ledger = await run([legacy() for _ in range(30)], stamps(30))
    [shown] = weighed(ledger.noise, 1.0)
    assert shown.e_value == pytest.approx(1.0)
    assert shown.repeats > PROPOSED


async def test_exchanges_that_agree_teach_noise_as_well():
    legacy = stamps(0)
    bodies = [legacy() for _ in range(10)]
    said = iter(bodies)
    found, ledger = await run(bodies, lambda: next(said))
    assert found == {(Outcome.MATCH, ""): 10}
    assert [row.repeats for row in ledger.noise] == [9]


async def test_answers_of_two_kinds_are_no_noise():
    store = Memory(Memory.Options())
    lane = Lane(lambda one, arm, extra, heard: later(heard, answer(arm, b"{}", one.served.status)), store, ONE_BY_ONE,
                Inline())
    lane.start()
    for status in (200, 404, 200, 404):
        one = mirror()
        one.served = answer("legacy", b'{"a": %d}' % status, status)
        lane.offer(one)
    await lane.idle()
    await lane.drain(5)
    assert store.read().noise == []
