"""An answer is collected whole, within bounds, and freed as soon as nobody uses it: mirrors have large bodies, and the
garbage collector counts none."""

import asyncio
import gc

import pytest

from adapters.message import Headers
from gateway.room import BODY_FREE
from gateway.transports.collect import Collected
from gateway.transports.http.checks import fetch
from gateway.transports.http.endpoint import Endpoint
from gateway.transports.settings import UpstreamSettings

HEAD = b"GET / HTTP/1.1\r\nHost: legacy\r\n\r\n"


async def answered(reader, writer):
    for _ in range(3):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
    writer.close()


async def test_answers_go_without_the_garbage_collector():
    server = await asyncio.start_server(answered, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    endpoint = Endpoint(UpstreamSettings("legacy", (url,)), url)
    gc.collect()
    gc.disable()
    try:
        for _ in range(3):
            answer = await fetch(endpoint, "GET", HEAD, b"", b"", total=5, limit=100)
            assert answer.body == b"{}"
            del answer
        await asyncio.sleep(0)  # until then the loop holds the last
        assert [one for one in gc.get_objects() if isinstance(one, Collected)] == []
    finally:
        gc.enable()
        endpoint.close()
        server.close()
        await server.wait_closed()


class Call:
    """A call that can be cancelled, on behalf of a client's exchange that has room for `room` bytes."""

    def __init__(self, room=0):
        self.room = room
        self.cancelled = False

    def cancel(self):
        self.cancelled = True

    def count_translation(self, size):
        self.room -= size
        return self.room >= 0


def collecting(limit, call, asker=None, **options):
    """A receiver of a call, and all that it settled."""
    settled = []
    collected = Collected(limit, settled.append, asker, **options)
    collected.sending = call
    return collected, settled


def test_an_answer_within_the_limit_is_whole():
    collected, settled = collecting(4, Call())
    collected.on_head(200, b"OK", Headers([(b"A", b"1")]), 4)
    for piece in (b"ab", b"cd"):
        collected.on_data(piece)
    assert settled == []
    collected.on_end(Headers())
    assert settled == [collected]
    assert (collected.status, collected.body, collected.failure) == (200, b"abcd", None)


@pytest.mark.parametrize(("length", "pieces"), [(5, []), (-1, [b"abc", b"de"])], ids=["as declared", "as it came"])
def test_a_longer_answer_is_cancelled_and_settled_once(length, pieces):
    call = Call()
    collected, settled = collecting(4, call)
    collected.on_head(200, b"OK", Headers(), length)
    for piece in pieces:
        collected.on_data(piece)
    assert (settled, call.cancelled) == ([collected], True)
    assert (collected.failure.kind, collected.failure.source, collected.failure.sent) == ("oversize", "upstream", True)
    collected.on_end(Headers())
    assert settled == [collected]


@pytest.mark.parametrize(("size", "room", "kind"), [
    (BODY_FREE, 0, None), (BODY_FREE + 1, BODY_FREE, "no_room"), (BODY_FREE + 1, 1 << 20, None),
], ids=["small", "no room", "room"])
def test_a_clients_answer_counts_in_the_room_unless_it_is_small(size, room, kind):
    call = Call(room)
    collected, settled = collecting(1 << 20, call, asker=call)
    collected.on_head(200, b"OK", Headers(), -1)
    collected.on_data(bytes(size))
    collected.on_end(Headers())
    assert settled == [collected]
    assert (collected.failure and collected.failure.kind, call.cancelled) == (kind, kind is not None)


def test_a_mirrors_answer_counts_in_no_clients_room():
    collected, settled = collecting(1 << 20, Call())
    collected.on_head(200, b"OK", Headers(), -1)
    collected.on_data(bytes(BODY_FREE + 1))
    collected.on_end(Headers())
    assert (settled, collected.failure) == ([collected], None)
    assert collected.on_login() is None


@pytest.mark.parametrize(("status", "bodiless"), [(200, True), (204, False), (304, False)],
                         ids=["HEAD", "204", "304"])
def test_a_length_that_no_body_has_is_not_held_against_the_limit(status, bodiless):
    collected, settled = collecting(4, Call(), bodiless=bodiless)
    collected.on_head(status, b"OK", Headers([(b"Content-Length", b"5000000")]), 5_000_000)
    collected.on_end(Headers())
    assert settled == [collected]
    assert (collected.status, collected.failure) == (status, None)
