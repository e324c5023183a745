"""Cohorts: whatever the order in which outcomes become known, what was written is the beginning of what came."""

import asyncio
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from shadow.compare.comparison import VERSION, Outcome, compare
from shadow.custody.sqlite import SqliteCustody
from shadow.evidence.criteria import Answer, Criteria
from shadow.evidence.epoch import Epoch, Setup
from shadow.evidence.stratum import Stratum
from shadow.lane.cohorts import Cohorts
from shadow.lane.doubts import Doubts
from shadow.lane.lane import Lane
from shadow.ledger.rows import WAITED
from shadow.report.report import fold
from shadow.settings import LaneSettings, Recheck
from shadow.stores.memory import Memory
from tests.shadow.exchanges import answer, later, mirror
from tests.still_loop import run_still

EPOCH = Epoch("", "", Setup(), VERSION)
CAPABILITIES = "labs", "visits"


def place(number):
    """A place that no other exchange has, so that each can be told."""
    return "labs", EPOCH, Stratum("read", "2xx", "json", str(number)), Outcome.MATCH, ""


class Coming:
    """Exchanges that come, end and are written; the newest has the highest number."""

    def __init__(self):
        self.cohorts = Cohorts()
        self.came = {name: [] for name in CAPABILITIES}
        self.open = []
        self.written = {name: [] for name in CAPABILITIES}

    def come(self, name):
        number = len(self.came[name])
        self.came[name].append(number)
        self.open.append((name, number, self.cohorts.join(name)))

    def end(self, at):
        _, number, cohort = self.open.pop(at % len(self.open))
        cohort.open -= 1
        cohort.settled += 1
        cohort.at(place(number), float(number)).count += 1

    def write(self, works=True):
        for name, cohort in self.cohorts.due(0.0).items():
            if not works:
                self.cohorts.put_back(name, cohort)
                continue
            found = [int(one.shape) for (_, _, one, *_), _ in cohort.evidence]
            assert cohort.settled == len(found) == sum(one.count for one in cohort.evidence.values())
            self.written[name] += found


steps = st.lists(st.one_of(
    st.sampled_from(CAPABILITIES).map(lambda name: ("come", name)), st.integers(0, 50).map(lambda at: ("end", at)),
    st.booleans().map(lambda works: ("write", works))), max_size=80)


@given(steps)
def test_what_is_written_is_all_that_came_before_a_moment_and_nothing_is_lost(script):
    coming = Coming()
    for verb, what in script:
        if verb == "come":
            coming.come(what)
        elif verb == "write":
            coming.write(what)
        elif coming.open:
            coming.end(what)
        for name in CAPABILITIES:
            written = sorted(coming.written[name])
            assert written == coming.came[name][:len(written)]
    while coming.open:
        coming.end(0)
    coming.write()
    for name in CAPABILITIES:
        assert sorted(coming.written[name]) == coming.came[name]


def test_an_exchange_that_stays_open_holds_up_its_capability_alone_and_little_waits_for_it():
    coming = Coming()
    coming.come("labs")
    for _ in range(100):
        for name in CAPABILITIES:
            coming.come(name)
            coming.end(-1)
        coming.write()
    assert (len(coming.written["labs"]), len(coming.written["visits"])) == (0, 100)
    assert len(coming.cohorts._waiting["labs"]) <= 3
    coming.end(0)
    coming.write()
    assert len(coming.written["labs"]) == 101


class Inline:
    """A judge in this process."""

    async def judge(self, pairs, seconds):
        return [compare(pair) for pair in pairs]

    async def close(self):
        pass


def begun(wrong, count, asked_again, store=None, first=0):
    """A lane that was offered exchanges with a subject each, and its store. Modern is wrong in those of these numbers,
    also when it is asked again after that many seconds; or it never answers, if its answer is "hang"."""
    def ask(one, arm, extra, heard):
        return (lambda: None) if one.way == "hang" else later(heard, answer(arm, one.way))

    store = store or Memory(Memory.Options())
    lane = Lane(ask, store, LaneSettings(queue=2 * count), Inline(), SqliteCustody(None))
    lane.start()
    for number in range(first, first + count):
        one = mirror(b'{"name":1}', way=b'{"name":%d}' % (1 + (number in wrong)), recheck=Recheck((asked_again,), 1.0))
        lane.offer(replace(one, request=replace(one.request, target=b"/%d" % number)))
    return lane, store


def verdict(store):
    criteria = Criteria(("read",), limit=0.01, critical_limit=0.01)
    [found] = fold(store.read(), {"results": criteria}).capabilities
    return found.evidence


def test_a_verdict_never_rests_on_what_is_right_while_what_is_wrong_is_asked_again():
    """A twentieth is wrong. Neither the verdict of that moment is SAFE, nor that after a worker that is killed then."""
    async def scene(loop):
        lane, store = begun(range(20, 600, 20), 600, 600.0)
        await asyncio.sleep(300)
        assert (lane.unfinished, sum(store.read().tallies.values())) == (29, 571)
        assert lane.writer.unwritten() == {"results": 600}, "all of them are missed if the worker ends now"
        assert (verdict(store).answer, verdict(store).effective) == (Answer.NOT_ENOUGH, 0)
        await asyncio.sleep(301)
        assert (verdict(store).answer, verdict(store).effective) == (Answer.NOT_SAFE, 600)
        assert lane.writer.unwritten() == {}
        await lane.drain(5)

    run_still(scene)


def test_what_one_worker_knows_to_be_wrong_stands_in_the_way_of_safe_while_others_count_on():
    async def scene(loop):
        late, store = begun({0}, 100, 30.0)
        others, _ = begun((), 600, 30.0, store, 1_000)
        await asyncio.sleep(10)
        found = verdict(store)
        assert (found.answer, found.effective) == (Answer.NOT_ENOUGH, 600)
        assert found.cause.startswith(
            "0 of 600 effective exchanges differ, and 1 more that may be wrong waits for an outcome: ≈ 1"), found.cause
        [waiting] = store.read().waiting
        assert (waiting.capability, waiting.exchanges, waiting.critical) == ("results", 1, 0)
        await asyncio.sleep(30)
        assert (verdict(store).effective, store.read().waiting) == (700, [])
        for lane in (late, others):
            await lane.drain(5)

    run_still(scene)


def test_what_waits_behind_another_and_what_nobody_answers_stands_in_the_way_of_safe_too():
    async def scene(loop):
        lane, store = begun({3}, 10, 1.0)
        lane.offer(mirror(way="hang", deadline=60.0))
        for _ in range(20):
            lane.offer(mirror(b'{"name":1}', way=b'{"name":2}'))
            await asyncio.sleep(0.5)
        [waiting] = store.read().waiting
        # The one that hangs holds up those that came with it and after it, of which 21 are known to be wrong.
        assert (waiting.exchanges, verdict(store).effective) == (22, 0)
        await lane.drain(5)
        assert store.read().waiting == []

    run_still(scene)


def test_a_worker_says_it_again_if_it_could_not_be_written():
    doubts = Doubts()
    [said] = doubts.news({"labs": (3, 1)}, 10.0)
    assert (said.capability, said.exchanges, said.critical, said.at) == ("labs", 3, 1, 10.0)
    assert doubts.news({"labs": (3, 1)}, 11.0) == []
    assert doubts.news({"labs": (3, 1)}, 10.0 + WAITED / 2) == [replace(said, at=10.0 + WAITED / 2)]
    [gone] = doubts.news({}, 80.0)
    assert gone == replace(said, exchanges=0, critical=0, at=80.0)
    doubts.put_back([gone])
    assert doubts.news({}, 81.0) == [replace(gone, at=81.0)]
    assert doubts.news({}, 82.0) == []


def test_a_burst_in_which_little_is_wrong_is_not_told_as_a_modern_that_has_just_broken():
    async def scene(loop):
        lane, store = begun((700, 900, 1400), 1500, 30.0)
        await asyncio.sleep(60)
        found = verdict(store)
        assert (found.answer, found.effective) == (Answer.SAFE, 1500), found.says
        await lane.drain(5)

    run_still(scene)
