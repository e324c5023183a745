"""The pipeline as a plain ASGI application: for embedding in a Starlette app, and for its TestClient.

It is less transparent than the native listener, because ASGI lower-cases header names and has no interim responses, no
trailers in common use and no raw upgrade. What it cannot carry is refused or left out, never guessed. ASGI also does
not say which connection a request came on. So a login lasts for one request, which gets an upstream connection of its
own that ends with the answer. A login that takes one round (Kerberos) works; NTLM does not.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from adapters.message import Headers
from gateway.edges.arrival import Arrivals
from gateway.edges.request_head import ends_here, own_answer
from gateway.edges.settings import EdgeSettings
from gateway.errors import problem
from gateway.pipeline import Exchange, Pipeline
from gateway.telemetry import trace
from gateway.transports.http.affinity import Affinity
from gateway.wire.heads import Malformed

_READ_AHEAD = 256 << 10


class Asgi:
    """An ASGI application over a pipeline. `settings` returns the edge's settings as they are now."""

    def __init__(self, pipeline: Pipeline, settings: Callable[[], EdgeSettings]) -> None:
        self._pipeline = pipeline
        self._settings = settings

    async def __call__(
        self, scope: MutableMapping[str, Any], receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
        send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ) -> None:
        """Serve one HTTP request; a WebSocket scope is closed (it goes through the native listener only)."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1003})
            return
        answer = _Answer(send)
        settings = self._settings()
        method, target = scope["method"], _target(scope)
        peer = str(scope["client"][0]) if scope.get("client") else ""
        try:
            arrival = Arrivals(peer, scope["scheme"]).parsed(
                method, target, scope["http_version"].encode(), Headers(scope["headers"]), settings)
            request, head, _ = arrival
            if settings.body and head.length > settings.body:
                raise Malformed("body_too_large")
            if ends_here(request, head):
                await answer.whole(200, *own_answer(request, head))
                return
        except Malformed as error:
            await answer.whole(*problem(error.code, trace_id=trace.new_trace_id()))
            return
        # ASGI has no upgrade: the request goes on as an ordinary one.
        head.upgrade = b""
        exchange = Exchange(self._pipeline, answer)
        answer.exchange = exchange
        if head.logs_in:
            answer.bind(head.client)
        try:
            exchange.begin(arrival, b"", whole=head.length == 0)
        except Exception as error:
            exchange.crashed(error)
        room = settings.body or 1 << 62
        reading = asyncio.get_running_loop().create_task(_read(receive, exchange, answer, head.length != 0, room))
        try:
            await answer.written()
        finally:
            reading.cancel()
            exchange.client_gone()
            if answer.affinity is not None:
                answer.affinity.close()


def _target(scope: MutableMapping[str, Any]) -> bytes:
    path: bytes = scope.get("raw_path") or scope["path"].encode()
    query: bytes = scope.get("query_string", b"")
    return path + b"?" + query if query else path


async def _read(
    receive: Callable[[], Awaitable[MutableMapping[str, Any]]], exchange: Exchange, answer: "_Answer", more: bool,
    room: int,
) -> None:
    """Pass what the client sends to the exchange: at most `room` bytes of body, and that it has gone. If this ends, the
    answer ends too, so that its writer does not wait for ever."""
    try:
        while True:
            if more:
                await answer.may_read.wait()
            message = await receive()
            if message["type"] == "http.disconnect":
                exchange.client_gone()
                answer.gone()
                return
            if not more:
                continue
            if message.get("body"):
                room -= len(message["body"])
                if room < 0:
                    if not exchange.client_broke("body_too_large"):
                        answer.abort()
                    return
                exchange.request_data(message["body"])
            if not message.get("more_body", False):
                more = False
                exchange.request_end()
    except Exception as error:
        exchange.crashed(error)


class _Answer:
    """A Downstream (gateway.outlet) that writes ASGI messages, with backpressure."""

    def __init__(self, send: Callable[[MutableMapping[str, Any]], Awaitable[None]]) -> None:
        self.exchange: Exchange | None = None
        self.affinity: Affinity | None = None
        self.may_read = asyncio.Event()
        self.may_read.set()
        self._send = send
        self._queue: asyncio.Queue[MutableMapping[str, Any] | None] = asyncio.Queue()
        self._held = 0
        self._paused = False

    def send_interim(self, status: int, reason: bytes, headers: Headers) -> None:
        """Send nothing: ASGI has no message for interim responses, and the server sends its own 100."""

    def send_head(self, status: int, reason: bytes, headers: Headers, length: int) -> None:
        if status == 204:
            # RFC 9110 section 8.6.
            headers = headers.without((b"content-length",))
        self._queue.put_nowait({"type": "http.response.start", "status": status,
                                "headers": [(name.lower(), value) for name, value in headers]})

    def send_data(self, data: bytes) -> None:
        self._held += len(data)
        self._queue.put_nowait({"type": "http.response.body", "body": data, "more_body": True})
        if self._held > _READ_AHEAD and not self._paused and self.exchange is not None:
            self._paused = True
            self.exchange.pause_download()

    def flush(self) -> None:
        """Do nothing: every message goes out as soon as the server takes it."""

    def send_end(self, trailers: Headers) -> None:
        self._queue.put_nowait({"type": "http.response.body", "body": b"", "more_body": False})
        self._queue.put_nowait(None)

    def gone(self) -> None:
        """End the answer: the client has gone."""
        self._queue.put_nowait(None)

    def abort(self) -> None:
        self._queue.put_nowait({"type": "figway.abort"})

    def bind(self, address: str) -> Affinity:
        affinity = self.affinity
        if affinity is None:
            affinity = self.affinity = Affinity(self, address)
        return affinity

    def leave(self, *, soon: bool) -> None:
        """Do nothing: a login ends with its request."""

    def stays(self) -> bool:
        return False

    def hang_up(self) -> None:
        self.abort()

    def pause_upload(self) -> None:
        self.may_read.clear()

    def resume_upload(self) -> None:
        self.may_read.set()

    async def whole(self, status: int, headers: Headers, body: bytes) -> None:
        """Answer all at once."""
        self.send_head(status, b"", headers, len(body))
        self.send_data(body)
        self.send_end(Headers())
        await self.written()

    async def written(self) -> None:
        """Write until the answer is complete. Raises ConnectionError if it broke off, so that the server cuts the
        connection: ASGI has no message for that."""
        while (message := await self._queue.get()) is not None:
            if message["type"] == "figway.abort":
                raise ConnectionError("the upstream's answer broke off")
            await self._send(message)
            self._held -= len(message.get("body", b""))
            if self._paused and self._held <= _READ_AHEAD // 2 and self.exchange is not None:
                self._paused = False
                self.exchange.resume_download()
