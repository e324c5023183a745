"""Asking legacy again stops by itself where it seems to do harm."""

import asyncio

import pytest

from shadow.compare.comparison import Outcome
from shadow.lane.lane import Lane
from shadow.lane.sparing import BLOCK, LONGEST, OF_THE_REQUEST, PAUSE, Kind, Sparing, Stopped, kind_of
from shadow.ledger.rows import EXTRA, SPARED
from shadow.settings import LaneSettings, Recheck
from shadow.stores.memory import Memory
from tests.shadow.exchanges import answer, later, mirror
from tests.shadow.lane.test_lane import Inline, outcomes

PLACE = "results", "read"
OK = Kind(2, True)
ONE_BY_ONE = LaneSettings(queue=100, memory=64 << 20, concurrency=1, drain=5)


@pytest.mark.parametrize(("first", "again", "stops"), [
    (OK, OK, False), (OK, Kind(4, True), True), (OK, Kind(5, True), True), (OK, Kind(3, False), True),
    (OK, Kind(2, False), True), (OK, Kind(0, False), True),
    (Kind(4, True), OK, False), (Kind(4, True), Kind(4, True), False), (Kind(2, False), OK, False),
])
def test_another_kind_of_answer_stops_it(first, again, stops):
    sparing = Sparing()
    assert sparing.heard(*PLACE, first, again, 0.0) == ("another_kind" if stops else "")
    assert sparing.may_ask(*PLACE, 1.0) is not stops
    assert sparing.may_ask("results", "list", 1.0), "other operations go on"


def test_the_kind_of_an_answer_is_its_class_and_whether_there_is_a_body():
    answers = answer("legacy"), answer("legacy", b"", 204), answer("legacy", failure="reset")
    assert [kind_of(one) for one in answers] == [Kind(2, True), Kind(2, False), Kind(0, True)]


def test_each_stop_is_twice_as_long_as_the_one_before_up_to_a_day():
    sparing, now, pauses = Sparing(), 0.0, []
    for _ in range(7):
        assert sparing.heard(*PLACE, OK, Kind(4, True), now)
        assert not sparing.heard(*PLACE, OK, Kind(4, True), now), "what is stopped is not stopped again"
        pauses.append(sparing.begun[-1].pause)
        now += pauses[-1]
        assert sparing.may_ask(*PLACE, now)
    assert pauses == [PAUSE, 2 * PAUSE, 4 * PAUSE, 8 * PAUSE, 16 * PAUSE, LONGEST, LONGEST]
    assert sparing.begun[0] == Stopped(*PLACE, "another_kind", PAUSE)


def clients(sparing, errors, seen=BLOCK):
    """What is said while that many of the clients' answers are errors, evenly."""
    said = {sparing.client("results", answer("legacy", status=500 if at * errors % seen < errors else 200), 0.0)
            for at in range(seen)}
    return said - {""}


def test_errors_of_clients_that_rise_stop_it_in_the_whole_capability():
    sparing = Sparing()
    assert clients(sparing, 2) == set()
    assert clients(sparing, 3) == set()
    assert clients(sparing, 30) == {"client_errors"}
    assert sparing.stopped(1.0) == [("results", "", "client_errors")]
    assert not sparing.may_ask(*PLACE, 1.0)
    assert sparing.may_ask("patients", "read", 1.0)


@pytest.mark.parametrize("errors", [0, 1, 10, 25, 50])
def test_errors_that_were_always_there_stop_nothing(errors):
    sparing = Sparing()
    assert [clients(sparing, errors) for _ in range(30)] == [set()] * 30


@pytest.mark.parametrize("status", sorted(OF_THE_REQUEST))
def test_a_request_that_both_arms_refuse_is_no_error_of_legacy(status):
    """Clients that ask for what is not there say nothing of what legacy bears."""
    refused = answer("legacy", status=status)
    for modern, said in ((answer("modern", status=status), set()), (answer("modern"), {"client_errors"})):
        sparing = Sparing()
        assert clients(sparing, 0) == set()
        assert {sparing.client("results", refused, 0.0, modern) for _ in range(BLOCK)} - {""} == said


@pytest.mark.parametrize("status", [401, 403, 409, 429, 500, 503])
def test_an_error_that_may_be_harm_counts_whatever_modern_says(status):
    sparing = Sparing()
    assert clients(sparing, 0) == set()
    refused, modern = answer("legacy", status=status), answer("modern", status=status)
    assert "client_errors" in {sparing.client("results", refused, 0.0, modern) for _ in range(BLOCK)}


async def ended(mirrors, ask):
    """The lane and its store, once all is judged."""
    store = Memory(Memory.Options())
    lane = Lane(ask, store, ONE_BY_ONE, Inline())
    lane.start()
    for one in mirrors:
        lane.offer(one)
    await lane.idle()
    spared = lane.spared()
    await lane.drain(5)
    return lane, store.read(), spared


async def test_legacy_is_asked_no_more_once_it_gives_another_kind_of_answer():
    """It gives each thing once: what is asked again finds nothing."""
    asked = []

    def ask(one, arm, extra, heard):
        asked.append((arm, extra))
        return later(heard, answer(arm, b"", 404) if arm == "legacy" else answer(arm, b"{}"))

    lane, ledger, spared = await ended([mirror(noise=1.0) for _ in range(20)], ask)
    assert asked.count(("legacy", True)) == 1
    assert dict(lane.extra) == {"results": 1}
    assert spared == [("results", "read", "another_kind")]
    assert [one.reason for one in lane.newly_spared()] == ["another_kind"]
    assert lane.newly_spared() == []
    rows = {row.arm: row.seconds.total for row in ledger.traffic}
    assert (rows[EXTRA], rows[SPARED["another_kind"]]) == (1, 1)


async def test_a_recheck_that_may_not_ask_legacy_any_more_leaves_the_mismatch():
    def ask(one, arm, extra, heard):
        return later(heard, answer(arm, b"1", 200 if arm == "modern" else 500))

    twice = Recheck((0.001, 0.002), 1.0, True)
    lane, _, _ = await ended([mirror(recheck=twice), mirror(recheck=twice)], ask)
    assert sum(count for (outcome, _), count in outcomes(lane).items() if outcome is Outcome.MISMATCH) == 2
    assert dict(lane.extra) == {"results": 1}


async def test_errors_of_clients_count_only_where_legacy_may_be_asked_again():
    def ask(one, arm, extra, heard):
        return later(heard, answer(arm, b"{}", one.served.status))

    def made(status, **plan):
        one = mirror(**plan)
        one.served = answer("legacy", status=status)
        return one

    for plan, stops in (({"noise": 1e-9}, [("results", "", "client_errors")]), ({}, [])):
        calm, rough = [made(200, **plan) for _ in range(60)], [made(503, **plan) for _ in range(30)]
        _, _, spared = await ended([*calm, *rough], ask)
        assert spared == stops


@pytest.mark.parametrize(("modern", "stops"), [(404, []), (200, [("results", "", "client_errors")])])
async def test_records_that_neither_arm_has_stop_nothing(modern, stops):
    def ask(one, arm, extra, heard):
        return later(heard, answer(arm, b"{}", modern if arm == "modern" and one.served.status == 404
                                   else one.served.status))

    def made(status):
        one = mirror(noise=1e-9)
        one.served = answer("legacy", b"{}", status)
        return one

    _, _, spared = await ended([*(made(200) for _ in range(60)), *(made(404) for _ in range(40))], ask)
    assert spared == stops


async def test_the_default_asks_legacy_nothing_whatever_differs():
    asked = []

    def ask(one, arm, extra, heard):
        asked.append((arm, extra))
        return later(heard, answer(arm, b'{"a": %d}' % len(asked)))

    lane, _, _ = await ended([mirror(recheck=Recheck((0.001, 0.002), 1.0)) for _ in range(5)], ask)
    assert {arm for arm, _ in asked} == {"modern"}
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert outcomes(lane) == {(Outcome.MISMATCH, "reproduced_2"): 5}
