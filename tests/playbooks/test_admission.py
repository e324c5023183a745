"""A call is admitted by every policy of its capability before an arm is asked. A policy may have to wait."""

import asyncio

from gateway.call import Refused
from gateway.stage import Stage
from tests.playbooks.script import Play, answers, asks, data, end, gone, head, reply


class Slow:
    """A policy that waits for its verdict: `settle` gives it, or raises it."""

    credentials = frozenset()

    def __init__(self):
        self.verdict = asyncio.get_running_loop().create_future()
        self.waits = asyncio.Event()

    def admit(self, call):
        return self._admit()

    async def _admit(self):
        self.waits.set()
        return await self.verdict


class Never:
    """A policy that refuses at once."""

    credentials = frozenset()

    def admit(self, call):
        return Refused("forbidden", "never")


def settled(policy, verdict=None):
    """The policy speaks: None admits."""
    return lambda play: policy.verdict.set_result(verdict)


async def test_a_policy_refuses_and_no_arm_is_asked():
    assert Play(policies=(Never(),)) >> head() << answers(403)


async def test_a_client_waits_while_a_policy_does():
    policy = Slow()
    play = Play(Stage.MODERN, policies=(policy,)) >> head() << "client waits" >> settled(policy)
    await play.until(asks("modern"))
    assert play << "client goes on" << asks("modern") >> reply(200) << answers(200)


async def test_a_body_that_comes_meanwhile_is_held():
    policy = Slow()
    play = Play(Stage.MODERN, policies=(policy,)) >> head("POST", "chunked") << "client waits" >> data("Jane ")
    play >> settled(policy)
    await play.until(asks("modern", "Jane …"))
    assert (
        play << "client goes on" << asks("modern", "Jane …")
        >> data("Doe") << "modern gets Doe" >> end << "modern has it all"
        >> reply(200) << answers(200)
    )


async def test_a_body_that_came_meanwhile_is_sent_whole_however_little_room_is_left():
    policy = Slow()
    text = "Jane Doe " * 4_000
    play = Play(policies=(policy,), room=len(text) + 64) >> head("POST", "chunked") << "client waits" >> data(text)
    play >> end >> settled(policy)
    await play.until(asks("modern", text))
    assert play << "client goes on" << asks("modern", text) >> reply(200) << answers(200)


async def test_a_policy_that_refuses_later_refuses():
    policy = Slow()
    play = Play(policies=(policy,)) >> head() << "client waits" >> settled(policy, Refused("forbidden", "slow"))
    await play.until("end: 403")
    assert play << "client goes on" << answers(403)


async def test_a_policy_whose_own_work_is_cancelled_is_unavailable():
    policy = Slow()
    play = Play(policies=(policy,)) >> head() << "client waits"
    policy.verdict.cancel()
    await play.until("end: 503")
    assert play << "client goes on" << answers(503)


async def test_a_policy_with_a_fault_is_a_fault_of_the_gateway():
    policy = Slow()
    play = Play(policies=(policy,)) >> head() << "client waits"
    policy.verdict.set_exception(ZeroDivisionError())
    await play.until("end: 500")
    assert play << answers(500)


async def test_a_client_that_goes_away_meanwhile_ends_the_waiting():
    policy = Slow()
    play = Play(policies=(policy,)) >> head() << "client waits"
    await policy.waits.wait()
    play >> gone
    await asyncio.wait([policy.verdict])
    assert policy.verdict.cancelled()
    assert play
