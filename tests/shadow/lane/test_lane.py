"""The lane: every eligible exchange ends in exactly one outcome, whatever fails, and clients never wait."""

import asyncio
import os
import random
import signal
import sqlite3

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.message import Headers, Request
from shadow.compare.comparison import Outcome, compare
from shadow.compare.rules import Known, Rules
from shadow.evidence.criteria import Criteria, State
from shadow.judge.child import Child, JudgeLost, JudgeSlow
from shadow.lane.lane import Lane
from shadow.lane.learned_noise import FIRST
from shadow.latency import Histogram
from shadow.ledger.rows import BARE, Traffic
from shadow.report.report import fold
from shadow.settings import NEVER, LaneSettings, Recheck
from shadow.stores.memory import Memory
from shadow.stores.sqlite import Sqlite
from tests.shadow.exchanges import answer, later, mirror

SETTINGS = LaneSettings(queue=1000, memory=64 << 20, concurrency=4, drain=5)


class Inline:
    """A judge in this process; `fails` tells, batch by batch, which exception it raises. `batches` holds how many
    pairs each had."""

    def __init__(self, fails=lambda: None):
        self.fails = fails
        self.closed = False
        self.batches = []

    async def judge(self, pairs, seconds):
        await asyncio.sleep(0)
        self.batches.append(len(pairs))
        if error := self.fails():
            raise error
        return [compare(pair) for pair in pairs]

    async def close(self):
        self.closed = True


def echo(one, arm, extra, heard):
    """Asks an arm that answers what the mirror's way says: a body, an observation, or None where the asker
    declines; or it raises what the way says, or never answers. A list has one of these for each call, the last of
    them for ever."""
    said = one.way
    if isinstance(said, list):
        said = said.pop(0) if len(said) > 1 else said[0]
    if isinstance(said, Exception):
        raise said
    if said == "hang":
        return asyncio.get_running_loop().call_later(600, heard, None).cancel
    return later(heard, answer(arm, said) if isinstance(said, bytes) else said)


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
async def test_a_known_difference_is_counted_over_all_workers_and_their_restarts(tmp_path, kind):
    """Each of ten lives is too short to tell that a tenth differs where a fiftieth may."""
    store = Memory(Memory.Options()) if kind == "memory" else Sqlite(Sqlite.Options(tmp_path / "learnt.db"))
    known = Known("K-1", "/name", "spelling", "results-team", expires=9e9, max_rate=0.02)
    rules = Rules(known=(known,))
    for _ in range(10):
        life = [mirror(b'{"name":1}', way=b'{"name":%d}' % (2 if at % 10 == 0 else 1), rules=rules)
                for at in range(100)]
        lane = Lane(echo, store, SETTINGS, Inline())
        lane.start()
        for one in life:
            lane.offer(one)
        await lane.drain(30)
    criteria = Criteria(("read",), known=((known.id, known.max_rate),))
    [found] = fold(store.read(), {"results": criteria}).capabilities
    assert (found.known, found.mismatching) == (100, 0)
    [gate] = [one for one in found.evidence.gates if one.name == "known differences"]
    assert (gate.state, gate.value, gate.limit) == (State.FAIL, 0.1, 0.02)
    store.close()


def outcomes(lane):
    """Counts by (outcome, reason), held to what must always be true of them."""
    counts = lane.counters()
    assert lane.eligible == sum(counts.values()) + lane.unfinished
    return {(tally.outcome, tally.reason): count for tally, count in counts.items()}


class Kept(Memory):
    """A store that remembers the comparisons themselves."""

    def __init__(self, options):
        super().__init__(options)
        self.comparisons = []

    def write(self, batch, held=frozenset()):
        self.comparisons += batch.comparisons
        return super().write(batch, held)


async def run(mirrors, ask=echo, settings=SETTINGS, judge=None, store=None, drain=30.0):
    store = store or Memory(Memory.Options())
    lane = Lane(ask, store, settings, judge or Inline())
    lane.start()
    for one in mirrors:
        lane.offer(one)
    await lane.drain(drain)
    assert (lane.unfinished, lane.held) == (0, 0)
    assert store.read().tallies == lane.counters()
    return outcomes(lane)


async def checked(mirrors, ask=echo, settings=SETTINGS, judge=None, store=None):
    """The outcomes once all that is asked again has been, without a drain that ends it."""
    store = store or Memory(Memory.Options())
    lane = Lane(ask, store, settings, judge or Inline())
    lane.start()
    for one in mirrors:
        lane.offer(one)
    await lane.idle()
    await lane.drain(5)
    assert (lane.unfinished, lane.held) == (0, 0)
    return outcomes(lane)


async def test_control_is_legacy_whichever_arm_served():
    store = Memory(Memory.Options())
    mirrors = [mirror(b'{"a":1}', ask="modern", way=b"{}"), mirror(b"{}", ask="legacy", way=b'{"a":1}')]
    assert await run(mirrors, store=store) == {(Outcome.MISMATCH, ""): 2}
    [finding] = store.read().findings
    assert (finding.exemplar.kind, finding.count, finding.trace_id) == ("missing", 2, "trace")
    asked = {(row.arm, row.requests, row.seconds.total) for row in store.read().traffic
             if row.arm in ("legacy", "modern")}
    assert asked == {("modern", 0, 1), ("legacy", 0, 1)}


async def test_equal_bytes_need_no_judge():
    assert await run([mirror(b"{}", way=b"{}")], judge=Inline(lambda: JudgeLost())) == {(Outcome.MATCH, ""): 1}


@pytest.mark.parametrize(("ask", "way", "expected"), [
    ("modern", RuntimeError("secret"), (Outcome.SHED, "asker_failed")),
    ("modern", None, (Outcome.SHED, "asker_failed")),
    ("modern", "hang", (Outcome.CANDIDATE_ERROR, "total_timeout")),
    ("legacy", "hang", (Outcome.NOT_COMPARABLE, "legacy_total_timeout")),
    ("modern", answer("modern", failure="reset"), (Outcome.CANDIDATE_ERROR, "reset")),
])
async def test_an_asker_that_fails_is_an_outcome(ask, way, expected):
    assert await run([mirror(ask=ask, way=way, deadline=0.05)]) == {expected: 1}


async def test_a_full_lane_sheds_and_frees_what_it_finished():
    few = LaneSettings(queue=2, memory=64 << 20, concurrency=1, drain=5)
    mirrors = [mirror(way=b"{}")] * 5
    assert await run(mirrors, settings=few) == {(Outcome.MATCH, ""): 2, (Outcome.SHED, "queue_full"): 3}
    small = LaneSettings(queue=100, memory=10_000, concurrency=1, drain=5)
    mirrors = [mirror(b" " * 5_000, way=b" " * 5_000)] * 3
    assert await run(mirrors, settings=small) == {(Outcome.MATCH, ""): 1, (Outcome.SHED, "memory_full"): 2}
    lane = Lane(echo, Memory(Memory.Options()), few, Inline())
    lane.start()
    for _ in range(10):
        lane.offer(mirror(way=b"1"))
        await lane.idle()
    await lane.drain(5)
    assert outcomes(lane) == {(Outcome.MISMATCH, ""): 10}


async def test_the_kill_switch_and_the_end_shed():
    lane = Lane(echo, Memory(Memory.Options()), SETTINGS, Inline())
    lane.offer(mirror(way=b"{}"))
    lane.start()
    lane.on = False
    lane.offer(mirror(way=b"{}"))
    lane.on = True
    lane.offer(mirror(way=b"{}"))
    lane.skip("results", "read", "not_sampled")
    await lane.drain(5)
    lane.offer(mirror(way=b"{}"))
    await lane.drain(5)
    assert outcomes(lane) == {
        (Outcome.MATCH, ""): 1, (Outcome.SHED, "switched_off"): 1, (Outcome.SHED, "stopped"): 2,
        (Outcome.SKIPPED, "not_sampled"): 1,
    }


async def test_a_drain_finishes_what_it_can_and_sheds_the_rest():
    judge = Inline()
    mirrors = [mirror(way=b"{}"), mirror(way=b"1")] + [mirror(way="hang", deadline=600)] * 10
    assert await run(mirrors, judge=judge, drain=0.2) == {
        (Outcome.MATCH, ""): 1, (Outcome.MISMATCH, ""): 1, (Outcome.SHED, "drained"): 10,
    }
    assert judge.closed
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_lost_judge_loses_one_batch_and_no_more():
    failing = iter([JudgeLost(), None, JudgeSlow(), None])
    lane = Lane(echo, Memory(Memory.Options()), SETTINGS, Inline(lambda: next(failing)))
    lane.start()
    for _ in range(4):
        lane.offer(mirror(way=b"1"))
        await lane.idle()
    await lane.drain(5)
    assert outcomes(lane) == {
        (Outcome.MISMATCH, ""): 2, (Outcome.SHED, "comparer_lost"): 1, (Outcome.SHED, "comparer_slow"): 1,
    }


@pytest.mark.slow
async def test_the_real_judge_killed_in_the_middle_is_counted_and_replaced():
    child = Child()
    lane = Lane(echo, Memory(Memory.Options()), SETTINGS, child)
    lane.start()
    slow = b"[" + b"1," * 200_000 + b"1]"
    lane.offer(mirror(b"1", way=b"2"))
    await lane.idle()
    for _ in range(5):
        lane.offer(mirror(slow, way=slow + b" "))
    await asyncio.sleep(0.05)
    os.kill(child.pid, signal.SIGKILL)
    await lane.idle()
    lane.offer(mirror(b"1", way=b"2"))
    await lane.drain(60)
    counts = outcomes(lane)
    assert counts[Outcome.SHED, "comparer_lost"] >= 1
    assert counts[Outcome.MISMATCH, ""] == 2
    assert sum(counts.values()) == 7
    assert child.pid is None


async def test_a_mismatch_that_settles_is_transient():
    store = Memory(Memory.Options())
    soon = Recheck((0.001, 0.002), 1.0, True)
    first, second = [b"1", b"{}", b"{ }"], [b"1", b"{}", b"2", b"{}", b"3", b"3"]
    assert await checked([mirror(way=first, recheck=soon)], store=store) == {(Outcome.TRANSIENT, "after_0.001s"): 1}
    assert await checked([mirror(way=second, recheck=soon)], store=store) == {
        (Outcome.TRANSIENT, "after_0.002s"): 1}
    assert store.read().findings == [], "what settled is no finding"


async def test_a_mismatch_that_stays_is_counted_as_reproduced():
    seen = []

    def ask(one, arm, extra, heard):
        seen.append((arm, extra))
        modern = b'{"a": 2}' if extra else b'{"a": 2, "c": 3}'
        return later(heard, answer(arm, modern if arm == "modern" else b'{"a": 1, "b": 2}'))

    store = Kept(Memory.Options())
    one = mirror(b'{"a": 1, "b": 2}', recheck=Recheck((0.001, 0.002), 1.0, True))
    assert await checked([one], ask=ask, store=store) == {(Outcome.MISMATCH, "reproduced_2"): 1}
    assert seen == [("modern", False), ("legacy", True), ("modern", True), ("legacy", True), ("legacy", True),
                    ("modern", True)], "the last time both say what they said, and legacy has spoken on either side"
    [comparison] = store.comparisons
    assert [found.path for found in comparison.differences] == ["/a", "/b", "/c"]
    assert [signature.path for signature in comparison.reproduced] == ["/a", "/b"]


async def test_what_is_said_again_word_for_word_is_not_compared_again():
    soon, judge = Recheck((0.001, 0.002, 0.003), 1.0, True), Inline()
    said = [b"1", b"{}", b"1", b"{}", b"2", b"{}", b"{}"]  # … and from then on legacy says what modern does
    assert await checked([mirror(way=said, recheck=soon)], judge=judge) == {
        (Outcome.TRANSIENT, "after_0.003s"): 1}
    assert judge.batches == [1, 1], "the first, and the second that modern gave"
    stays = Inline()
    said = [b"1", b"{}", b"1", b"{}", b"1", b"nothing more is asked"]
    one = mirror(way=said, recheck=Recheck((0.001, 0.002), 1.0, True))
    store = Kept(Memory.Options())
    assert await checked([one], judge=stays, store=store) == {(Outcome.MISMATCH, "reproduced_2"): 1}
    assert stays.batches == [1]
    [comparison] = store.comparisons
    assert comparison.reproduced == (comparison.differences[0].signature,)


async def test_a_failure_that_repeats_is_no_mismatch_seen_again():
    soon, reset = Recheck((0.001, 0.002), 1.0, True), answer("modern", failure="reset")
    assert await checked([mirror(way=[b"1", b"{}", reset, b"{}", reset], recheck=soon)]) == {
        (Outcome.MISMATCH, ""): 1}


async def test_what_differs_at_once_is_compared_at_once():
    judge = Inline()
    await checked([mirror(way=b"%d" % number) for number in range(20)], judge=judge)
    assert sum(judge.batches) == 20
    assert len(judge.batches) <= 3


async def test_a_mismatch_that_legacy_has_with_itself_is_unstable():
    soon = Recheck((0.001,), 1.0, True)
    volatile = [b'{"at": 1}', b'{"at": 2}', b'{"at": 3}', b'{"at": 4}']
    assert await checked([mirror(b'{"at": 0}', way=volatile, recheck=soon)]) == {(Outcome.UNSTABLE, ""): 1}
    lagging = [b'{"at": 1, "late": 1}', *volatile[1:]]
    assert await checked([mirror(b'{"at": 0}', way=lagging, recheck=soon)]) == {
        (Outcome.TRANSIENT, "after_0.001s"): 1}, "what differed beside the noise has settled"


@pytest.mark.parametrize(("modern", "legacy", "expected"), [
    (b'{"a": 1}', b'{"a": 1}', (Outcome.MATCH, "")),
    (b'{"a": 1}', b'{"a": 2}', (Outcome.MATCH, "")),
    (b'{"a": 2}', b'{"a": 1}', (Outcome.MISMATCH, "")),
    (b'{"a": 2}', b'{"a": 2}', (Outcome.TRANSIENT, "race")),
    (b'{"a": 2}', b'{"a": 3}', (Outcome.UNSTABLE, "")),
    (b'{"a": 2}', RuntimeError(), (Outcome.MISMATCH, "")),
    (b'{"a": 2}', answer("legacy", failure="reset"), (Outcome.MISMATCH, "")),
    (answer("modern", failure="reset"), b"never asked", (Outcome.CANDIDATE_ERROR, "reset")),
])
async def test_legacy_asked_again_after_modern_tells_noise_from_difference(modern, legacy, expected):
    store = Memory(Memory.Options())
    assert await checked([mirror(b'{"a": 1}', way=[modern, legacy], noise=1.0)], store=store) == {expected: 1}
    heard = [(row.path, row.modern, row.legacy, row.both) for row in store.read().noise]
    assert heard == {
        (b'{"a": 1}', b'{"a": 2}'): [("/a", 0, 1, 0)],
        (b'{"a": 2}', b'{"a": 1}'): [("/a", 1, 0, 0)],
        (b'{"a": 2}', b'{"a": 2}'): [("/a", 0, 0, 1)],
        (b'{"a": 2}', b'{"a": 3}'): [("/a", 0, 0, 1)],
    }.get((modern, legacy), []) if isinstance(modern, bytes) and isinstance(legacy, bytes) else heard == []


async def test_legacy_is_asked_twice_of_the_first_exchanges_and_then_by_chance():
    asked = []

    def ask(one, arm, extra, heard):
        asked.append((arm, extra))
        # Legacy repeats itself: where it drifts, it is asked more often until the drift is judged.
        return later(heard, answer(arm, b'{"a": 2}' if arm == "modern" else b"{}"))

    await checked([mirror(ask="legacy", noise=0.01)], ask=ask)
    assert asked == [("legacy", False), ("legacy", True)]
    asked.clear()
    await checked([mirror(noise=1e-9) for _ in range(400)], ask=ask)
    assert FIRST <= asked.count(("legacy", True)) < FIRST + SETTINGS.concurrency
    asked.clear()
    await checked([mirror(noise=0.25) for _ in range(400)], ask=ask)
    assert 50 < asked.count(("legacy", True)) < 170
    asked.clear()
    await checked([mirror(noise=0.0) for _ in range(40)], ask=ask)
    assert ("legacy", True) not in asked


async def test_what_cannot_be_asked_again_stays_a_mismatch():
    def declines(one, arm, extra, heard):
        return later(heard, None if extra else answer(arm, b"1"))

    soon = Recheck((0.001,), 1.0, True)
    assert await checked([mirror(recheck=soon)], ask=declines) == {(Outcome.MISMATCH, ""): 1}
    for failing in (RuntimeError(), None, "hang", answer("modern", failure="reset")):
        one = mirror(way=[b"1", b"{}", failing], recheck=soon, deadline=0.05)
        assert await checked([one]) == {(Outcome.MISMATCH, ""): 1}
    lost = iter([None, JudgeLost()])
    one = mirror(way=[b"1", b"{}", b"2"], recheck=soon)
    assert await checked([one], judge=Inline(lambda: next(lost))) == {(Outcome.MISMATCH, ""): 1}


async def test_rechecks_are_earned_by_exchanges():
    quarter = Recheck((0.001,), 0.25, True)
    mirrors = [mirror(way=[b"1", b"{}", b"{}"], recheck=quarter) for _ in range(12)]
    one_by_one = LaneSettings(queue=1000, memory=64 << 20, concurrency=1, drain=5)
    assert await checked(mirrors, settings=one_by_one) == {
        (Outcome.TRANSIENT, "after_0.001s"): 3, (Outcome.MISMATCH, ""): 9}


async def test_some_rechecks_are_lent_for_what_is_critical_and_where_legacy_is_known_to_drift():
    quarter = Recheck((0.001,), 0.25, True)
    one_by_one = LaneSettings(queue=1000, memory=64 << 20, concurrency=1, drain=5)
    modern = b'{"patientId": 2}'
    critical = [mirror(b'{"patientId": 1}', way=[modern, b"{}", b"{}"], recheck=quarter) for _ in range(32)]
    assert await checked(critical, settings=one_by_one) == {
        (Outcome.TRANSIENT, "after_0.001s"): 13, (Outcome.MISMATCH, ""): 19}, "five are lent, and a quarter earned"
    # Legacy's second answer is another in the first exchange alone; later both its answers are what they were.
    drifting = [mirror(b'{"a": 1}', way=[b'{"a": 1}', b'{"a": 2}'], recheck=quarter, noise=1e-9)]
    drifting += [mirror(b'{"a": 1}', way=[b'{"b": 1}', b'{"a": 1}', b"{}", b"{}"], recheck=quarter, noise=1e-9)
                 for _ in range(31)]
    found = await checked(drifting, settings=one_by_one)
    assert found == {(Outcome.MATCH, ""): 1, (Outcome.TRANSIENT, "after_0.001s"): 13, (Outcome.MISMATCH, ""): 18}


async def test_what_waits_takes_a_part_of_the_room_and_a_drain_ends_it():
    narrow = LaneSettings(queue=8, memory=64 << 20, concurrency=1, drain=5)
    judge = Inline()
    lane = Lane(echo, Memory(Memory.Options()), narrow, judge)
    lane.start()
    lane.offer(mirror(way=b"{}"))
    await lane.idle()  # what comes first waits for its epoch's key
    for number in range(1, 6):
        lane.offer(mirror(b" " * 5_000, way=b"1", recheck=Recheck((600.0,), 1.0, True)))
        while len(judge.batches) < number:  # noqa: ASYNC110 (nobody tells of the end of a batch)
            await asyncio.sleep(0.001)
        await asyncio.sleep(0)
        assert lane.unfinished == min(number, 2)
    assert outcomes(lane) == {(Outcome.MATCH, ""): 1, (Outcome.MISMATCH, ""): 3}
    assert lane.held < 8_000, "bodies that have been compared are let go"
    await lane.drain(5)
    assert outcomes(lane) == {(Outcome.MATCH, ""): 1, (Outcome.MISMATCH, ""): 5}
    assert (lane.unfinished, lane.held) == (0, 0)


async def test_a_lane_that_is_switched_off_asks_nothing_again():
    lane = Lane(echo, Memory(Memory.Options()), SETTINGS, Inline())
    lane.start()
    lane.offer(mirror(way=[b"1", RuntimeError()], recheck=Recheck((0.01,), 1.0, True)))
    await asyncio.sleep(0)
    lane.on = False
    await lane.idle()
    await lane.drain(5)
    assert outcomes(lane) == {(Outcome.MISMATCH, ""): 1}


ASKED = st.sampled_from([
    b"{}", b"{}", b"{ }", b"1", b"not json", RuntimeError(), None, "hang",
    answer("modern", failure="reset"), answer("modern", status=500),
])
RECHECKS = st.sampled_from([NEVER, Recheck((0.001,), 1.0), Recheck((0.001,), 1.0, True),
                            Recheck((0.001, 0.003), 0.3, True), Recheck((0.001, 600.0), 1.0, True)])


@settings(max_examples=25)
@given(
    st.lists(st.tuples(st.lists(ASKED, min_size=1, max_size=5), st.sampled_from(["legacy", "modern"]), RECHECKS),
             max_size=40),
    st.lists(st.sampled_from("xy"), max_size=5),
    st.integers(0), st.sampled_from([0.0, 0.02, 30.0]), st.integers(1, 40),
)
def test_outcomes_add_up_whatever_fails(asked, skips, seed, drain, queue):
    roll = random.Random(seed)
    judge = Inline(lambda: roll.choice([None, None, JudgeLost(), JudgeSlow(), ValueError()]))

    async def scenario():
        store = Memory(Memory.Options())
        lane = Lane(echo, store, LaneSettings(queue, 200_000, roll.randint(1, 5), 1), judge)
        lane.start()
        for said, ask, recheck in asked:
            lane.offer(mirror(ask=ask, way=[*said], deadline=0.01, recheck=recheck, noise=0.5))
            if roll.random() < 0.3:
                await asyncio.sleep(0)
        for reason in skips:
            lane.skip("results", "read", reason)
        outcomes(lane)
        await lane.drain(drain)
        assert lane.eligible == len(asked) + len(skips) == sum(outcomes(lane).values())
        assert store.read().tallies == lane.counters()

    asyncio.run(scenario())


class Broken(Memory):
    """A store that cannot be written for a while."""

    broken = True

    def write(self, *batch, **more):
        if self.broken:
            raise sqlite3.OperationalError("disk full")
        return super().write(*batch, **more)


async def test_a_store_that_fails_loses_no_outcome():
    store = Broken(Memory.Options())
    lane = Lane(echo, store, SETTINGS, Inline())
    lane.start()
    lane.offer(mirror(way=b"1"))
    lane.offer(mirror(way=b"{}"))
    lane.record([Traffic("results", "read", "shadow", "legacy", 2, 0, Histogram(), 1.0)] * 2)
    await lane.idle()
    await lane.drain(0)
    assert lane.writer.failures >= 1
    assert store.read().tallies == {}
    assert lane.writer.unwritten() == {"results": 2}
    store.broken = False
    await lane.drain(5)
    assert lane.writer.unwritten() == {}
    assert store.read().tallies == lane.counters()
    assert [row.requests for row in store.read("results").traffic if row.arm == "legacy"] == [4]
    assert len(store.read().findings) == 1


async def test_no_value_is_in_the_file_of_the_store(tmp_path):
    canary = "Zebulon-Quick-19331204"
    store = Sqlite(Sqlite.Options(tmp_path / "figway.db"))
    mirrors = [
        mirror(f'{{"name": "{canary}", "{canary}": {{"a": 1}}}}'.encode(), way=way)
        for way in (b'{"name": "x"}', f'["{canary}"]'.encode(), canary.encode(), answer("modern", location=canary),
                       RuntimeError(canary))
    ]
    lane = Lane(echo, store, SETTINGS)
    lane.start()
    for one in mirrors:
        one.request.target = f"/patients/{canary}?name={canary}".encode()
        lane.offer(one)
    await lane.drain(60)
    assert outcomes(lane) == {(Outcome.MISMATCH, ""): 4, (Outcome.SHED, "asker_failed"): 1}
    kept = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    store.close()
    kept += (tmp_path / "figway.db").read_bytes()
    assert b"/{key}" in kept
    for word in canary.split("-"):
        assert word.encode() not in kept


@pytest.mark.parametrize("modern", [answer("modern", b"{}", 503), answer("modern", b"{}"), answer("modern", b"", 401)])
async def test_where_legacy_fails_modern_is_neither_right_nor_wrong(modern):
    asked = mirror(way=modern)
    asked.served = answer("legacy", b"{}", 503)
    asked.request = Request("GET", b"/", Headers([(b"Authorization", b"Basic x")]))
    assert await run([asked], judge=Inline()) == {(Outcome.NOT_COMPARABLE, "legacy_5xx"): 1}


@pytest.mark.parametrize(("ask", "fields", "passes", "counted"), [
    ("modern", (b"Authorization", b"Basic x"), False, 1), ("modern", (b"Authorization", b"Basic x"), True, 0),
    ("modern", (b"Accept", b"*/*"), False, 0), ("legacy", (b"Authorization", b"Basic x"), False, 0),
])
async def test_mirrors_to_modern_that_leave_credentials_out_are_counted(ask, fields, passes, counted):
    asked = mirror(ask=ask, way=b"{}", pass_credentials=passes)
    asked.request = Request("GET", b"/", Headers([fields]))
    store = Memory(Memory.Options())
    lane = Lane(echo, store, SETTINGS, Inline())
    lane.start()
    lane.offer(asked)
    await lane.drain(5.0)
    assert sum(row.seconds.total for row in store.read().traffic if row.arm == BARE) == counted
