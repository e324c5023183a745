"""A request's body: it streams, is held until it is whole, or is over a limit."""

from adapters.message import Headers, Request, Response
from gateway.stage import Stage
from tests.playbooks.script import Play, answers, asks, begins, blocked, data, end, ends, head, reply, resumed

ROOMY = 1 << 20


class Shouting:
    """An adapter whose upstream wants capitals."""

    def operations(self):
        return None

    def request(self, operation, params, request):
        return Request(request.method, request.target, request.headers, request.body.upper())

    def response(self, operation, response):
        return Response(response.status, Headers(response.headers), response.body)


async def test_a_body_streams_as_it_comes():
    assert (
        Play(Stage.MODERN)
        >> head("POST", "chunked") << asks("modern", "…")
        >> data("Jane ") << "modern gets Jane "
        >> data("Doe") << "modern gets Doe"
        >> end << "modern has it all"
        >> reply(201) << answers(201)
    )


async def test_a_small_body_is_held_until_it_is_whole():
    """A slow client then holds no connection to the upstream."""
    assert (
        Play(Stage.MODERN)
        >> head("POST", 8) >> data("Jane ") >> data("Doe") >> end << asks("modern", "Jane Doe")
        >> reply(201) << answers(201)
    )


async def test_a_client_that_waits_for_it_is_asked_for_a_body_that_is_held():
    assert (
        Play(Stage.MODERN, adapter=Shouting())
        >> head("POST", 8, expects_continue=True) << "interim 100"
        >> data("Jane Doe") >> end << asks("modern", "JANE DOE")
        >> reply(201) << answers(201)
    )


async def test_a_body_over_the_capabilitys_limit_is_refused_by_its_head():
    assert Play(Stage.MODERN, body_limit=8) >> head("POST", 9) << answers(413)


async def test_a_body_that_grows_over_the_limit_ends_the_call():
    assert (
        Play(Stage.MODERN, body_limit=8)
        >> head("POST", "chunked") << asks("modern", "…")
        >> data("Jane Doe") << "modern gets Jane Doe"
        >> data("!") << "modern is let go" << answers(413)
    )


async def test_where_the_answer_has_begun_it_is_cut():
    """A second answer inside the first would be read as part of it."""
    assert (
        Play(Stage.MODERN, body_limit=8)
        >> head("POST", "chunked") << asks("modern", "…")
        >> begins(200) << "head 200"
        >> data("Jane Doe!") << "cut" << "modern is let go"
    )


async def test_a_body_that_an_adapter_cannot_hold_is_refused():
    assert Play(Stage.MODERN, adapter=Shouting(), buffer_limit=8) >> head("POST", 9) << answers(413)
    assert (
        Play(Stage.MODERN, adapter=Shouting(), buffer_limit=8)
        >> head("POST", "chunked") >> data("Jane ") >> data("Doe!") << answers(413)
    )


async def test_a_body_too_large_for_a_copy_streams_on_without_mirror_and_fallback():
    assert (
        Play(shadow=True, buffer_limit=8)
        >> head("POST", "chunked") << asks("modern", "…")
        >> data("Jane Doe") << "modern gets Jane Doe"
        >> data("!") << "no mirror: body_too_large" << "modern gets !"
        >> end << "modern has it all"
        >> reply(503) << answers(503)
    )


async def test_a_body_that_finds_no_room_in_the_worker_is_refused():
    assert Play(Stage.MODERN, adapter=Shouting(), room=64) >> head("POST", 8) >> data("Jane Doe") << answers(503)


async def test_a_copy_that_finds_no_room_is_given_up():
    assert (
        Play(shadow=True, room=64)
        >> head("POST", "chunked") << asks("modern", "…")
        >> data("Jane Doe") << "no mirror: overloaded" << "modern gets Jane Doe"
        >> end << "modern has it all"
        >> reply(503) << answers(503)
    )


async def test_a_client_waits_while_the_upstream_takes_no_more():
    assert (
        Play(Stage.MODERN, room=ROOMY)
        >> head("POST", "chunked") << asks("modern", "…")
        >> blocked << "client waits"
        >> resumed << "client goes on"
        >> end << "modern has it all"
        >> begins(200) << "head 200" >> ends << "end: 200"
    )
