"""When a mismatch is asked again, what that costs its capability, and what comes of it."""

import asyncio
from dataclasses import replace

import pytest

from shadow.compare.comparison import Comparison, Drift, Outcome, Tally
from shadow.compare.difference import Difference, Severity, Shape
from shadow.lane.cohorts import Cohort
from shadow.lane.mirror import Job
from shadow.lane.recheck import Rechecks, ended
from shadow.settings import NEVER, LaneSettings, Recheck
from tests.shadow.exchanges import mirror

SETTINGS = LaneSettings(queue=8, memory=1000)
HALF = Recheck((0.01, 600.0), 0.5, True)
ROOM = 0


def differs(*paths, severity=Severity.MINOR):
    shape = Shape("string", 1)
    found = tuple(Difference("value", path, shape, shape, severity=severity) for path in paths)
    return Comparison(Tally("results", "read", Outcome.MISMATCH), "trace", 1.0, found)


def comes_to(outcome, *drifting):
    """A comparison when the arms were asked again, with the paths at which legacy drifts."""
    drifts = tuple(Drift("value", path, True, True, True) for path in drifting)
    return Comparison(Tally("results", "read", outcome), "trace", 1.0, drifts=drifts)


def job(found=None, recheck=HALF):
    one = Job(mirror(recheck=recheck), 0, Cohort())
    one.found = found
    return one


def spends(rechecks, found=None, recheck=HALF, held=ROOM, drifts=False):
    return rechecks.may_ask_again(job(recheck=recheck), found or differs("/a"), held, drifts=drifts)


def earned(exchanges, recheck=HALF):
    rechecks = Rechecks(SETTINGS, lambda job: None)
    for _ in range(exchanges):
        rechecks.earn(job(recheck=recheck))
    return rechecks


def test_two_exchanges_earn_one_recheck_where_each_earns_half():
    assert not spends(earned(1))
    rechecks = earned(2)
    assert [spends(rechecks) for _ in range(2)] == [True, False]


def test_some_are_lent_for_what_is_critical_and_where_legacy_drifts():
    rechecks = earned(1)
    critical = differs("/a", severity=Severity.CRITICAL)
    assert [spends(rechecks, critical) for _ in range(6)] == [True] * 5 + [False]
    rechecks = earned(1)
    assert [spends(rechecks, drifts=True) for _ in range(6)] == [True] * 5 + [False]


def test_not_too_many_can_be_saved_up():
    rechecks = earned(1000)
    assert sum(spends(rechecks) for _ in range(1000)) == 20


def test_nothing_is_asked_again_where_it_is_not_planned_or_would_change_something():
    rechecks = earned(10)
    assert not spends(rechecks, recheck=NEVER)
    assert not spends(rechecks, recheck=Recheck((0.01,), 0.0, True))
    unsafe = Job(replace(mirror(recheck=HALF), safe=False), 0, Cohort())
    assert not rechecks.may_ask_again(unsafe, differs("/a"), ROOM, drifts=True)


def test_what_waits_leaves_half_of_the_memory_to_what_comes():
    assert spends(earned(10), held=SETTINGS.memory // 2)
    assert not spends(earned(10), held=SETTINGS.memory // 2 + 1)


async def test_what_waits_takes_a_quarter_of_the_places():
    rechecks = earned(40)
    for _ in range(SETTINGS.queue // 4):
        assert spends(rechecks)
        rechecks.wait(job(differs("/a"), Recheck((600.0,), 0.5, True)))
    assert not spends(rechecks)
    assert len(rechecks.stop()) == SETTINGS.queue // 4
    assert spends(rechecks)


async def test_a_job_is_due_after_its_time_and_one_that_was_stopped_never():
    due = asyncio.Queue()
    rechecks = Rechecks(SETTINGS, due.put_nowait)
    soon, late = job(differs("/a")), job(differs("/a"))
    late.round = 1
    for one in (late, soon):
        one.at = asyncio.get_running_loop().time()
        rechecks.wait(one)
    assert await due.get() is soon
    assert rechecks.stop() == [late]
    assert due.empty()


@pytest.mark.parametrize("outcome", [Outcome.MATCH, Outcome.MATCH_NORMALISED, Outcome.KNOWN_DIFFERENCE,
                                     Outcome.TRANSIENT])
def test_what_agrees_when_asked_again_was_transient(outcome):
    end = ended(job(differs("/a")), comes_to(outcome))
    assert (end.tally.outcome, end.tally.reason, end.differences) == (Outcome.TRANSIENT, "after_0.01s", ())


def test_what_only_drifts_is_unstable_and_what_differed_beside_it_was_transient():
    assert ended(job(differs("/a")), comes_to(Outcome.UNSTABLE, "/a")).tally.outcome is Outcome.UNSTABLE
    assert ended(job(differs("/a", "/b")), comes_to(Outcome.UNSTABLE, "/a")).tally.outcome is Outcome.TRANSIENT


def test_what_differs_again_counts_the_times_and_keeps_what_was_reproduced_each_time():
    one = job(differs("/a", "/b", "/c"))
    assert ended(one, differs("/a", "/b", "/d")) is None
    assert ended(one, differs("/b")) is None
    assert one.found.tally.reason == "reproduced_2"
    assert [found.path for found in one.found.differences] == ["/a", "/b", "/c"]
    assert [signature.path for signature in one.found.reproduced] == ["/b"]


def test_an_arm_that_fails_when_asked_again_shows_nothing():
    one = job(differs("/a"))
    one.last_hash = 1
    assert ended(one, comes_to(Outcome.CANDIDATE_ERROR)) is None
    assert (one.times, one.last_hash, one.found.tally.reason) == (0, None, "")
