"""Legacy answers in modern's place: a safe call of a canary, once, while the client has no answer yet."""

import time

import pytest

from adapters.message import Headers, Request
from gateway.stage import Stage
from tests.playbooks.script import (
    Play,
    answers,
    asks,
    begins,
    data,
    ejected,
    end,
    ends,
    fails,
    head,
    reply,
    says,
)


@pytest.mark.parametrize("status", [502, 503, 504])
async def test_legacy_answers_where_modern_is_unwell(status):
    assert (
        Play()
        >> head()
        << asks("modern")
        >> reply(status)
        << "modern is blamed" << "modern is let go" << asks("legacy")
        >> reply(200, "Jane Doe")
        << answers(200, instead=True)
    )


@pytest.mark.parametrize("kind", ["connect_refused", "first_byte_timeout", "reset"])
async def test_legacy_answers_where_modern_fails(kind):
    assert (
        Play() >> head() << asks("modern")
        >> fails(kind) << asks("legacy")
        >> reply(200) << answers(200, instead=True)
    )


async def test_any_other_answer_of_modern_is_the_answer():
    for status in (200, 404, 500):
        assert Play() >> head() << asks("modern") >> reply(status) << answers(status)


async def test_legacy_is_asked_once():
    assert (
        Play() >> head() << asks("modern")
        >> fails("reset") << asks("legacy")
        >> fails("reset") << answers(502)
    )


async def test_an_answer_that_has_begun_is_cut_and_not_begun_anew():
    assert Play() >> head() << asks("modern") >> begins(200) << "head 200" >> says("Ja") >> fails("truncated") << "cut"


async def test_the_rest_of_the_body_goes_to_legacy_too():
    """Modern answered before it had all of the body. Legacy is asked when all of it is here."""
    assert (
        Play()
        >> head("POST", "chunked") << asks("modern", "…") >> data("Jane ") << "modern gets Jane "
        >> reply(503) << "modern is blamed" << "modern is let go" << "client goes on"
        >> data("Doe")
        >> end << asks("legacy", "Jane Doe")
        >> reply(200) << answers(200, instead=True)
    )


async def test_an_ejected_modern_is_passed_by():
    assert Play() >> ejected("modern") >> head() << asks("legacy") >> reply(200) << answers(200, instead=True)


async def test_legacy_answers_where_modern_hangs():
    play = Play(patience=0.001) >> head() << asks("modern")
    await play.until(asks("legacy"))
    assert (
        play << "modern is blamed" << "modern is let go" << asks("legacy")
        >> reply(200) << answers(200, instead=True)
    )


async def test_a_failure_beyond_the_budget_is_the_clients():
    play = Play()
    budget = play.pipeline.fallbacks.budget(play.pipeline.table.match(Request("GET", b"/results", Headers())).target)
    budget.call(time.monotonic())
    while budget.spend():
        pass
    assert play >> head() << asks("modern") >> fails("reset") << answers(502)


async def test_a_mirror_compares_legacy_with_what_modern_did():
    assert (
        Play(shadow=True) >> head() << asks("modern")
        >> fails("reset") << asks("legacy")
        >> reply(200) << answers(200, instead=True) << "mirror to modern, which said reset"
    )


async def test_without_a_canary_there_is_no_fallback():
    for stage in (Stage.MODERN, Stage.VERIFY):
        assert Play(stage) >> head() << asks("modern") >> fails("reset") << answers(502)


async def test_a_slow_answer_of_legacy_streams():
    assert (
        Play() >> head() << asks("modern") >> fails("dns") << asks("legacy")
        >> begins(200) << "head 200 instead of modern" >> says("Jane ") >> says("Doe") >> ends << "end: 200"
    )
