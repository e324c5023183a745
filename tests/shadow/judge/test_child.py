"""The child process: it judges, it may be killed, and it never stays behind."""

import asyncio
import os
import signal
import subprocess
import sys

import pytest

from adapters.message import Headers, Request
from shadow.compare.comparison import Outcome, compare
from shadow.compare.pair import Pair
from shadow.compare.rules import Rule, Rules
from shadow.judge.child import Child, JudgeLost, JudgeSlow
from shadow.judge.codec import decode_pairs, encode_pairs
from shadow.observation import Failure, Observation
from tests.backends.processes import LONG, started
from tests.shadow.exchanges import pair

pytestmark = pytest.mark.slow

# Slow to compare: long lists that agree up to their ends.
SLOW = [b"[" + b"1," * 400_000 + tail + b"]" for tail in (b"1", b"1,2")]


def runs(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def ends(pid):
    async with asyncio.timeout(LONG):
        while runs(pid):  # noqa: ASYNC110 (nobody tells of the end of another's child)
            await asyncio.sleep(0.01)


@pytest.fixture
async def child():
    found = Child()
    yield found
    await found.close()
    assert found.pid is None


async def test_pairs_are_judged_in_order_by_one_child(child):
    pairs = [pair(b"1", b"1 "), pair(b"1", b"2")] * 30
    for _ in range(2):
        judged = await child.judge(pairs, 30)
        assert [one.tally.outcome for one in judged] == [Outcome.MATCH, Outcome.MISMATCH] * 30
        pid = child.pid
    assert child.pid == pid


def test_the_judge_is_told_what_is_compared_and_nothing_else():
    rules = Rules((Rule("one", "/a", ignore=True),))
    headers = Headers([(b"Content-Type", b"application/json"), (b"X-Request-Id", b"Zebulon"), (b"ETag", b"Zebulon")])
    asked = Request("GET", b"/patients/Zebulon", Headers([(b"Authorization", b"Zebulon")]))
    whole = Pair("results", "read", asked, Observation("legacy", 1.0, 200, headers, b"{}"),
                 Observation("modern", 2.0, failure=Failure("reset")), "trace", 3.0, rules, frozenset({"over"}), b"key")
    told = encode_pairs([whole, whole])
    assert b"Zebulon" not in told
    [one, other] = decode_pairs(told)
    assert one == other
    assert one.rules is other.rules
    assert (one.rules, one.over, one.key, one.trace_id, one.at) == (rules, whole.over, b"key", "trace", 3.0)
    assert one.control.headers == [(b"content-type", b"application/json"), (b"etag", b"")]
    assert (one.control.status, one.control.body, one.candidate.failure) == (200, b"{}", Failure("reset"))
    assert compare(one) == compare(whole)


async def test_it_ignores_the_signals_that_its_parent_drains_on(child):
    await child.judge([pair(b"1", b"2")], 30)
    for number in (signal.SIGINT, signal.SIGTERM):
        os.kill(child.pid, number)
    assert len(await child.judge([pair(b"1", b"2")], 30)) == 1


async def test_one_that_is_killed_loses_its_batch_and_is_started_again(child):
    await child.judge([pair(b"1", b"2")], 30)
    pid = child.pid
    batch = asyncio.create_task(child.judge([pair(*SLOW)] * 5, 60))
    await asyncio.sleep(0.05)
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(JudgeLost):
        await batch
    assert child.pid is None
    assert len(await child.judge([pair(b"1", b"2")], 30)) == 1


async def test_one_that_takes_too_long_is_ended(child):
    await child.judge([pair(b"1", b"2")], 30)
    pid = child.pid
    with pytest.raises(JudgeSlow):
        await child.judge([pair(*SLOW)] * 5, 0.01)
    assert not runs(pid)
    assert len(await child.judge([pair(b"1", b"2")], 30)) == 1


async def test_an_answer_that_nobody_waited_for_is_not_taken_for_the_next(child):
    await child.judge([pair(b"1", b"2")], 30)
    batch = asyncio.create_task(child.judge([pair(*SLOW)], 60))
    await asyncio.sleep(0.05)
    batch.cancel()
    with pytest.raises(asyncio.CancelledError):
        await batch
    [judged] = await child.judge([pair(b"1", b"1 ")], 30)
    assert judged.tally.outcome is Outcome.MATCH


async def test_it_outlives_no_parent_however_that_one_dies():
    script = (
        "import asyncio\n"
        "from shadow.judge.child import Child\n"
        "from tests.shadow.exchanges import pair\n"
        "async def main():\n"
        "    child = Child()\n"
        "    await child.judge([pair(b'1', b'2')], 60)\n"
        "    print(child.pid, flush=True)\n"
        "    await asyncio.sleep(600)\n"
        "asyncio.run(main())\n"
    )
    with started([sys.executable, "-c", script], stdout=subprocess.PIPE) as parent:
        pid = int(await asyncio.to_thread(parent.stdout.readline))
        assert runs(pid)
        parent.kill()
        parent.wait()
        await ends(pid)
