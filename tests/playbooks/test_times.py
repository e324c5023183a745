"""What the times of the serving arm run from and to, for the shadow that holds them against the other arm's.

No test measures: the request was sent at a time in the past, so its answer took at least as long as that.
"""

import time

import pytest

from adapters.message import Headers, Request
from gateway.stage import Stage
from tests.playbooks.script import Play, begins, data, empty, end, ends, fails, full, head, reply, says

LONG = 10.0


class Plain:
    """An adapter that changes nothing."""

    def operations(self):
        return None

    def request(self, operation, params, request):
        return Request(request.method, request.target, Headers(request.headers), request.body)

    def response(self, operation, response):
        return response


def sent(play):
    """The arm that was asked last has had the whole request for a long time."""
    play.calls[-1].sent_at = time.monotonic() - LONG


def times(*script, **options):
    """The times of the arm that served, when an exchange has gone as the script says."""
    play = Play(Stage.SHADOW, shadow=True, **options)
    for event in script:
        play >> event
    [mirror] = play.pipeline.lane.offered
    return mirror.served.first, mirror.served.last


def test_both_times_run_from_when_the_request_was_sent():
    first, last = times(head(), sent, reply(200, "whole"))
    assert LONG <= first <= last


def test_the_time_to_the_head_ends_with_the_head():
    first, last = times(head(), sent, begins(200, length=5), lambda play: time.sleep(0.02), says("whole"), ends)
    assert last - first >= 0.02


def test_an_answer_at_its_clients_pace_has_no_time_to_its_end():
    first, last = times(head(), sent, begins(200, length=5), says("wh"), full, empty, says("ole"), ends)
    assert first >= LONG
    assert last is None


def test_an_answer_before_the_whole_request_was_sent_has_no_times():
    assert times(head("POST", 3), data("all"), end, reply(200)) == (None, None)


@pytest.mark.parametrize(("size", "timed"), [(64 << 10, True), ((64 << 10) + 1, False)])
def test_a_long_request_has_no_times_since_it_came_at_its_clients_pace(size, timed):
    first, last = times(head("POST", size), data("x" * size), end, sent, reply(200))
    assert (first is not None, last is not None) == (timed, timed)


def test_an_arm_that_failed_has_no_times():
    assert times(head(), sent, begins(200, length=5), fails("truncated")) == (None, None)


def test_translating_an_answer_takes_none_of_the_arms_time():
    def held_up(play):
        receiver = play.calls[-1].receiver
        receiver.on_read(now - 2 * LONG, now - LONG)  # as the adapter's side says it, before it translates

    now = time.monotonic()

    def sent_before(play):
        play.calls[-1].sent_at = now - 3 * LONG

    assert times(head(), sent_before, held_up, reply(200, "whole")) == (pytest.approx(LONG), pytest.approx(2 * LONG))


async def test_after_a_fallback_the_times_are_those_of_the_arm_that_answered():
    play = Play(shadow=True, adapter=Plain())
    play >> head() >> sent >> reply(503) >> sent >> reply(200, "whole")
    [mirror] = play.pipeline.lane.offered
    assert mirror.served.arm == "legacy"
    assert LONG <= mirror.served.first <= mirror.served.last < LONG + 9
    assert (mirror.way.said.first, mirror.way.said.last) == (None, None)
