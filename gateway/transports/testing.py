"""Checks that a transport keeps its contract: `check_transport(make, …)`, to be called from a plain test."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any

from adapters.message import Headers, Request
from gateway.call import Arrival, Head
from gateway.transports.base import Sending, Transport
from gateway.transports.settings import UpstreamSettings
from gateway.wire.bodies import CHUNKED
from shadow.observation import Failure

PATIENCE = 60.0
"""Seconds after which an answer that did not come fails the check."""
_TRACE = "0af7651916cd43dd8448eb211c80319c"
_PIECES = [b"first, ", b"second, ", b"x" * 100_000]


class Heard:
    """A receiver that keeps what it was called with, and fails if the order of the calls breaks the contract."""

    def __init__(self) -> None:
        self.status = 0
        self.body = b""
        self.failure: Failure | None = None
        self.over = asyncio.Event()

    def on_interim(self, status: int, reason: bytes, headers: Headers) -> None:
        assert 100 <= status < 200, "an interim is a 1xx"
        assert status != 101, "a 101 is no interim"
        self._goes_on()
        assert not self.status, "an interim comes after the head"

    def on_head(self, status: int, reason: bytes, headers: Headers, length: int) -> None:
        self._goes_on()
        assert not self.status, "there are two heads"
        assert status, "the status is 0"
        assert isinstance(headers, Headers), "the fields are no Headers"
        self.status = status

    def on_data(self, data: bytes) -> None:
        self._goes_on()
        assert self.status, "data come before the head"
        assert data, "a piece of data is empty"
        self.body += data

    def on_flush(self) -> None:
        self._goes_on()

    def on_end(self, trailers: Headers) -> None:
        self._goes_on()
        assert self.status, "the end comes before the head"
        self.over.set()

    def on_failure(self, failure: Failure) -> None:
        self._goes_on()
        self.failure = failure
        self.over.set()

    def on_upload_blocked(self) -> None:
        self._goes_on()

    def on_upload_resumed(self) -> None:
        self._goes_on()

    def on_login(self) -> None:
        self._goes_on()

    def _goes_on(self) -> None:
        assert not self.over.is_set(), "the receiver is called after the end or a failure"


def check_transport(
    make: Callable[[UpstreamSettings], Transport], *, echoes: str, cuts: str, refuses: str,
) -> None:
    """Raises AssertionError if a transport breaks its contract.

    `make` makes the transport to an upstream. The URLs are those of three services that the caller runs in other
    threads or processes: `echoes` answers each request with the body that it was sent, `cuts` breaks off in the midst
    of its answer, and at `refuses` nothing listens.
    """
    problems: list[str] = []

    async def checks() -> None:
        asyncio.get_running_loop().set_exception_handler(
            lambda loop, context: problems.append(str(context.get("exception") or context["message"])))
        for check, url in (
            (_answers_whole_requests, echoes), (_answers_a_body_in_pieces, echoes), (_can_be_paused, echoes),
            (_is_silent_once_cancelled, echoes), (_serves_mirrors_apart, echoes),
            (_says_that_an_answer_is_cut, cuts), (_says_that_nobody_listens, refuses),
        ):
            await _run(check, make(UpstreamSettings("checked", (url,))))

    asyncio.run(checks())
    assert problems == [], "something fails in the event loop"


class _Upstream:
    """A transport and the requests that were sent by it."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport
        self._sent: list[Sending] = []

    def send(self, body: bytes, receiver: Heard, *, mirrors: bool = False) -> Sending:
        """Send a request with a whole body."""
        arrival = _arrival(len(body))
        return self._sending(arrival, body, receiver, whole=True, mirrors=mirrors)

    def begin(self, body: bytes, receiver: Heard) -> Sending:
        """Send a request with the first piece of its body. More follows."""
        return self._sending(_arrival(CHUNKED), body, receiver, whole=False)

    def _sending(
        self, arrival: Arrival, body: bytes, receiver: Heard, *, whole: bool, mirrors: bool = False
    ) -> Sending:
        transport = self.transport.for_mirrors() if mirrors else self.transport
        sending = transport.send(
            arrival.request, arrival, body, receiver, None, whole=whole, streams=not mirrors, total=0.0)
        assert sending is not None, "nothing is sent"
        self._sent.append(sending)
        return sending

    async def close(self) -> None:
        """End what is under way. Closing a transport twice must work, whether or not the transport was used."""
        for sending in self._sent:
            sending.cancel()
        await self.transport.close()
        await self.transport.close()
        # A connection that is closed is gone in the next turn of the loop.
        await asyncio.sleep(0)


async def _run(check: Callable[[_Upstream], Coroutine[Any, Any, None]], transport: Transport) -> None:
    assert transport.endpoints, "there are no endpoints"
    transport.watch()
    upstream = _Upstream(transport)
    try:
        await check(upstream)
    finally:
        await upstream.close()


def _arrival(length: int) -> Arrival:
    fields = Headers([(b"Host", b"checked.example")])
    if length >= 0:
        fields.append((b"Content-Length", b"%d" % length))
    line = b"".join(b"%b: %b\r\n" % pair for pair in fields)
    head = Head(fields, length=length, host=b"checked.example", client="192.0.2.1", lines=line)
    return Arrival(Request("POST", b"/checked", fields), head, _TRACE)


async def _over(heard: Heard) -> None:
    async with asyncio.timeout(PATIENCE):
        await heard.over.wait()


async def _answers_whole_requests(upstream: _Upstream) -> None:
    heard = [Heard() for _ in range(10)]
    before = time.monotonic()
    sent = [upstream.send(b"body %d" % number, one) for number, one in enumerate(heard)]
    for number, one in enumerate(heard):
        await _over(one)
        assert before <= sent[number].sent_at <= time.monotonic(), "a call does not say when its request was sent"
        assert (one.failure, one.body) == (None, b"body %d" % number), "the answer is not this request's"
    assert all(endpoint.pending == 0 for endpoint in upstream.transport.endpoints), "a call that is over is pending"


async def _answers_a_body_in_pieces(upstream: _Upstream) -> None:
    heard = Heard()
    sending = upstream.begin(_PIECES[0], heard)
    for piece in _PIECES[1:]:
        sending.write(piece)
        await asyncio.sleep(0)
    assert not sending.sent_at, "a request counts as sent before its end"
    sending.finish()
    await _over(heard)
    assert sending.sent_at, "a call does not say when its request was sent"
    assert (heard.failure, heard.body) == (None, b"".join(_PIECES)), "a body in pieces is not sent whole"


async def _can_be_paused(upstream: _Upstream) -> None:
    heard = Heard()
    sending = upstream.send(_PIECES[2], heard)
    sending.pause()
    await asyncio.sleep(0)
    sending.resume()
    await _over(heard)
    assert (heard.failure, heard.body) == (None, _PIECES[2]), "an answer is not whole after a pause"


async def _is_silent_once_cancelled(upstream: _Upstream) -> None:
    cancelled, after = Heard(), Heard()
    sending = upstream.send(b"unwanted", cancelled)
    sending.cancel()
    assert sending.cancelled, "a call does not say that it is cancelled"
    upstream.send(b"wanted", after)
    await _over(after)
    assert after.body == b"wanted", "the answer is not this request's"
    assert not cancelled.over.is_set(), "the receiver of a cancelled call is called"
    assert not cancelled.status, "the receiver of a cancelled call is called"


async def _serves_mirrors_apart(upstream: _Upstream) -> None:
    transport, heard = upstream.transport, Heard()
    assert transport.for_mirrors() is not transport, "mirrors have no transport of their own"
    assert transport.for_mirrors() is transport.for_mirrors(), "mirrors have more than one transport"
    upstream.send(b"mirrored", heard, mirrors=True)
    await _over(heard)
    assert (heard.failure, heard.body) == (None, b"mirrored"), "a mirror fails"


async def _says_that_an_answer_is_cut(upstream: _Upstream) -> None:
    heard = Heard()
    upstream.send(b"cut", heard)
    await _over(heard)
    assert heard.failure is not None, "an answer that is cut counts as whole"
    assert heard.failure.source == "upstream", "the failure is not the upstream's"
    assert heard.failure.sent, "the failure says that the request was not sent"


async def _says_that_nobody_listens(upstream: _Upstream) -> None:
    heard = Heard()
    upstream.send(b"refused", heard)
    await _over(heard)
    assert heard.failure is not None, "an upstream that does not listen does not fail"
    assert heard.failure.source == "upstream", "the failure is not the upstream's"
    assert not heard.failure.sent, "the failure says that the request was sent"
