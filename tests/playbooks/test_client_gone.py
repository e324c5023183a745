"""The client goes away, or breaks its request: the upstream call ends, and is no failure of the upstream."""

import pytest

from gateway.stage import Stage
from tests.playbooks.script import Play, answers, asks, begins, broken, data, empty, end, ends, full, gone, head, says


async def test_while_an_arm_is_asked():
    assert Play() >> head() << asks("modern") >> gone << "modern is let go"


async def test_while_its_body_is_held():
    assert Play() >> head("POST", 8) >> data("Jane ") >> gone


async def test_half_way_through_the_answer():
    assert Play() >> head() << asks("modern") >> begins(200) << "head 200" >> says("Ja") >> gone << "modern is let go"


async def test_after_its_answer_nothing_is_left_to_end():
    assert Play() >> head() << asks("modern") >> begins(200) << "head 200" >> ends << "end: 200" >> gone


async def test_an_exchange_without_a_client_is_not_mirrored():
    play = Play(shadow=True) >> head() << asks("modern") >> gone << "modern is let go"
    assert play << "no mirror: client_gone_modern"


@pytest.mark.parametrize(("code", "status"), [("body_truncated", 400), ("bad_framing", 400), ("request_timeout", 408)])
async def test_a_broken_body_is_answered_where_no_answer_has_begun(code, status):
    assert (
        Play(Stage.MODERN) >> head("POST", "chunked") << asks("modern", "…")
        >> broken(code) << "modern is let go" << answers(status)
    )


async def test_a_broken_body_ends_an_answer_that_has_begun():
    """The edge cuts the connection: it hears that no answer could be given."""
    play = Play(Stage.MODERN) >> head("POST", "chunked") << asks("modern", "…") >> begins(200) << "head 200"
    assert not play.exchange.client_broke("bad_framing")
    assert play << "modern is let go"


async def test_a_slow_client_makes_the_upstream_wait():
    assert (
        Play() >> head() << asks("modern") >> begins(200) << "head 200"
        >> full << "modern waits"
        >> empty << "modern goes on"
        >> ends << "end: 200"
    )


async def test_nothing_is_heard_after_the_end():
    assert Play() >> head("POST", 8) >> data("Jane ") >> gone >> data("Doe") >> end >> broken("body_truncated")
