"""What a server sends beyond an answer is never the next answer, even where the next request waits for the connection
and the bytes are here already: they have come by the time that the answer's first bytes are handed on."""

import asyncio
import threading

import pytest
import uvloop

from gateway.transports.collect import Collected
from gateway.transports.http.endpoint import Endpoint
from gateway.transports.http.sending import HttpSending
from gateway.transports.settings import Pool, Tls, UpstreamSettings
from tests.backends.pki import Authority
from tests.backends.upstream import Upstream
from tests.backends.wire import PATIENCE, response

HEAD = b"GET /%b HTTP/1.1\r\nHost: legacy\r\n\r\n"
SURPLUS = response(200, body=b"unasked for")
TINY = b"1\r\nx\r\n2\r\nxx\r\n"
ANSWERS = {
    "whole": response(200, body=b"first"),
    "in tiny chunks": response(200, ("Transfer-Encoding", "chunked"), body=TINY * 500 + b"0\r\n\r\n"),
}


class Held:
    """A receiver that stands still at the first bytes of the answer, and the event loop with it, until more of it
    has come."""

    def __init__(self, settled, stand_still):
        self._collected = Collected(1 << 20, settled)
        self._stand_still = stand_still

    def __getattr__(self, name):
        return getattr(self._collected, name)

    def on_data(self, data):
        self._collected.on_data(data)
        stand_still, self._stand_still = self._stand_still, lambda: None
        stand_still()


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("ca"), "private")


@pytest.fixture(params=["clear", "tls"])
def upstream(request, authority):
    made = Upstream(tls=authority.server() if request.param == "tls" else None)
    yield made
    made.close()
    assert made.failures == []


@pytest.mark.proves(8)
@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
@pytest.mark.parametrize("answer", ANSWERS)
def test_bytes_that_come_before_an_answer_is_read_are_not_the_answer_to_who_waits(upstream, authority, answer, loop):
    go, gone = threading.Event(), threading.Event()

    def says_more(wire, asked):
        wire.send(ANSWERS[answer] if asked.target == b"/first" else response(200, body=asked.target))
        if asked.target == b"/first":
            go.wait(PATIENCE)
            wire.send(SURPLUS)
            gone.set()

    def stand_still():
        go.set()
        assert gone.wait(PATIENCE)

    async def ask_twice():
        endpoint = Endpoint(UpstreamSettings("legacy", (upstream.url,), pool=Pool(connections=1),
                                             tls=Tls(ca=str(authority.ca))), upstream.url)
        done = [asyncio.get_running_loop().create_future() for _ in range(2)]
        receivers = [Held(done[0].set_result, stand_still), Collected(1 << 20, done[1].set_result)]
        for target, receiver in zip([b"first", b"next"], receivers, strict=True):
            endpoint.send(HttpSending(endpoint, receiver, "GET", HEAD % target, b"", b"", True, False, False, 0.0))
        try:
            return [await asyncio.wait_for(one, PATIENCE) for one in done]
        finally:
            endpoint.close()
            await asyncio.sleep(0)

    upstream.does(says_more)
    with asyncio.Runner(loop_factory=loop) as runner:
        first, following = runner.run(ask_twice())
    assert (first.failure, first.body) == (None, b"first" if answer == "whole" else b"xxx" * 500)
    assert (following.failure, following.body) == (None, b"/next")
    assert upstream.targets() == ["/first", "/next"]
