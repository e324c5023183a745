"""The native HTTP/1.1 listener: an asyncio protocol that uvicorn hosts as its `http` class.

uvicorn keeps sockets, workers, TLS and signals; this keeps the bytes. It judges each head (edge/headers.py), hands
an Exchange what the client sends, and writes what the exchange answers, field for field as the upstream sent it.
Requests on one connection are served one after another: pipelined ones wait, unread past a bound. A turn of the event
loop begins one request of a connection, and reads so many of its chunks: what a client sends at once is no reason for
others to wait.
"""

import asyncio
import re
import socket
import struct
import time
from enum import Enum, auto
from math import inf
from typing import Any, cast

from adapters.message import Headers, Request
from gateway.call import Arrival, Head
from gateway.edges.forwarded import client_address, forwarding_fields, spelled
from gateway.edges.headers import check_target, ends_here, own_answer, read
from gateway.edges.http1.overload import Overload
from gateway.edges.http1.tunnel import GOING_AWAY, Frames
from gateway.edges.settings import EdgeSettings
from gateway.errors import phrase, problem
from gateway.pipeline import Exchange, Pipeline
from gateway.reading import UNAMBIGUOUS
from gateway.room import READ_FREE, WRITE_FREE
from gateway.telemetry import trace
from gateway.transports.http.affinity import Affinity
from gateway.wire import (
    CHUNKED,
    METHODS,
    TARGET,
    Chunked,
    Counted,
    Framing,
    Malformed,
    chunk,
    fields,
    last_chunk,
    unmeasured,
)

# Client connections of a worker, where nothing is configured.
_CONNECTIONS = 20_000
_WRITE_BUFFER = 64 << 10
# So much of an answer is read ahead of a client that does not take it, while there is memory to spare: an answer that
# fits leaves its upstream connection free at once.
_READ_FOR_CLIENT = 256 << 10
# A client that is slow must take so much in the idle timeout, and so much once its exchange is over, or it is given up.
_TAKEN = 48 << 10
_TAKEN_AT_LAST = 4 << 10
_READ_AHEAD = 64 << 10
# As much of what came is looked at for a short chunked body: a long row of small requests is not copied for each.
_SHORT = 4 << 10
# The last head of a connection is kept, and what it said, up to this size: there may be many connections.
_REMEMBERED = 4 << 10
_LINGER = 1.0
# Seconds in which a new connection should have asked for something, where others want its place.
_SILENT = 0.1
_NO_FRAMES = Frames()
_RESET = struct.pack("ii", 1, 0)
_EMPTY_LINES = re.compile(rb"(?:\r\n)++")


class Edge:
    """What the listeners of one worker share. New settings take effect with the next request."""

    def __init__(self, pipeline: Pipeline, settings: EdgeSettings, *, most: int = 1 << 20, spare: int = 1024) -> None:
        """`most` is how many connections there are descriptors for, besides `spare` ones for those turned away."""
        self.pipeline = pipeline
        self.room = pipeline.room
        self.connections: set[Listener] = set()
        # Connections of TLS that do not speak HTTP yet (edge/tls.py).
        self.handshakes: set[asyncio.Task[None]] = set()
        # Those that hold some of an answer which their client has not taken yet, beyond what each may.
        self.untaken: set[Listener] = set()
        # Those that have not sent a whole head yet, the oldest first: where there is no room they make way.
        self.silent: dict[Listener, float] = {}
        self.turned_away = 0
        self.most = most
        self._spare = spare
        self._memory, self._crowd = Overload("memory"), Overload("connections")
        self.use(settings)

    def use(self, settings: EdgeSettings) -> None:
        """Go by these settings from now on."""
        self.settings = settings
        self.room.limit = settings.memory
        self.allowed = min(settings.connections or _CONNECTIONS, self.most)
        self.at_most = self.allowed + self._spare
        self.via = b"Via: 1.1 %b\r\n" % settings.via.encode() if settings.via else b""

    def makes_room(self, now: float) -> bool:
        """Close the connection that has been silent for longest, and for a while, so that another can be had."""
        oldest = next(iter(self.silent), None)
        if oldest is None or now - self.silent[oldest] < _SILENT:
            return False
        del self.silent[oldest]
        oldest.make_way()
        return True

    def overloaded(self) -> list[str]:
        """What this worker lacks now, so that it refuses what needs it: "memory", "connections"."""
        return [one.of for one in (self._memory, self._crowd) if one.now]

    def sweep(self) -> None:
        """Give up connections that are overdue. Called about twice a second."""
        now = time.monotonic()
        for connection in list(self.connections):
            if now > connection.deadline:
                connection.overdue(now)
        for connection in list(self.untaken):
            connection.weigh()
        recorder = self.pipeline.recorder
        self._memory.tell(recorder, self.room.refused, self.room.limit, now)
        self._crowd.tell(recorder, self.turned_away, self.allowed, now)


class _State(Enum):
    IDLE = auto()       # between requests: a head may begin
    HEAD = auto()       # a head has begun
    BODY = auto()       # an exchange runs, its request's body is still coming
    ANSWER = auto()     # an exchange runs, its request is complete
    TUNNEL = auto()     # after 101: bytes go as they come
    REST = auto()       # answered early: the rest of the request's body is read and thrown away
    LINGER = auto()     # answered and closing: what still comes is thrown away


class Listener(asyncio.Protocol):
    """One client connection. `deadline` (monotonic) is when the edge's sweep gives it up."""

    __slots__ = (
        "_ahead", "_at", "_blocked", "_buffer", "_chunked", "_due", "_edge", "_exchange", "_frames", "_framing",
        "_head", "_held_up", "_keep_alive", "_last", "_leaving", "_left", "_no_body", "_out", "_paused", "_peer",
        "_received", "_scheme", "_seen", "_server_state", "_since", "_state", "_told", "_transport", "_untaken",
        "_waits", "affinity", "deadline",
    )

    def __init__(self, config: Any, server_state: Any, app_state: Any, _loop: Any = None) -> None:
        # uvicorn's calling convention; the composition root hangs the edge on the application object.
        self._edge: Edge = config.loaded_app.edge
        self._server_state = server_state
        self._transport: asyncio.Transport | None = None
        self._exchange: Exchange | None = None
        self._head: Head | None = None
        # The last head's fields as they came, what they said, and under which settings.
        self._last: tuple[bytes, Head, EdgeSettings] | None = None
        self._told: tuple[tuple[bytes, bool, EdgeSettings], bytes] | None = None
        self._framing: Framing | None = None
        # What came and is not read yet: the bytes from `_at` on; those before `_seen` hold no end of a head.
        self._buffer = b""
        self._at = self._seen = 0
        # What is counted in the worker's room: of what came, and of what goes out.
        self._ahead = self._untaken = 0
        self._out = b""
        self._state = _State.IDLE
        self._blocked = False
        # Whether the exchange takes no more of its body for now; whether a later turn of the loop goes on with what
        # is here; and, for these reasons or because much is here, whether the transport reads no more.
        self._held_up = self._due = self._paused = False
        self._frames = _NO_FRAMES
        self._leaving = False
        # Whether the exchange waits for the client, and how much of the answer was here when that was looked at last.
        self._waits = False
        self._left = 0
        self._keep_alive = True
        self._chunked = False
        self._no_body = False
        self._peer = ""
        self._scheme = "http"
        self._since = 0.0
        self._received = 0
        self.affinity: Affinity | None = None
        self.deadline = inf

    # --- from the event loop ---------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        edge = self._edge
        peer = transport.get_extra_info("peername")
        self._peer = spelled(str(peer[0])) if isinstance(peer, tuple) else ""
        if transport.get_extra_info("sslcontext") is not None:
            self._scheme = "https"
        self._transport.set_write_buffer_limits(_WRITE_BUFFER)
        edge.connections.add(self)
        self._server_state.connections.add(self)
        now = time.monotonic()
        self.deadline = now + edge.settings.idle_timeout
        if len(edge.connections) > edge.allowed:
            edge.turned_away += 1
            if len(edge.connections) > edge.at_most:
                self.abort()
                return
            if not edge.makes_room(now):
                self._refuse("overloaded")
                return
        edge.silent[self] = now

    def data_received(self, data: bytes) -> None:
        state = self._state
        if state is _State.IDLE or state is _State.HEAD:
            if self._buffer:
                self._append(data)
            else:
                self._buffer = data
            if not self._due:
                self._next_head()
            if self._buffer:
                self._bound()
        elif state is _State.BODY:
            self._body(data)
        elif state is _State.TUNNEL:
            if self._exchange is not None:
                self._exchange.request_data(data)
        elif state is _State.ANSWER:
            self._append(data)
            self._bound()
        elif state is _State.REST:
            self._rest(data)

    def eof_received(self) -> bool:
        """The client sends no more. Old clients say so right after the request and still want their answer; where
        the connection was to be kept, it means that nobody is there any more."""
        if self._state is _State.BODY:
            self._broke("body_truncated")
            return False
        if self._state is _State.HEAD:
            self._refuse("bad_request")
            return True
        return self._state is _State.ANSWER and not self._keep_alive

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._hold(0)
        if self._untaken:
            self.weigh()
        self._edge.connections.discard(self)
        self._edge.silent.pop(self, None)
        self._server_state.connections.discard(self)
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            exchange.client_gone()
        if self.affinity is not None:
            self.affinity.close()

    def pause_writing(self) -> None:
        self._blocked = True
        self.deadline = time.monotonic() + self._edge.settings.idle_timeout
        self._read_for_client()

    def _read_for_client(self) -> None:
        """More of the answer is here than the client takes: have the exchange wait where that is enough."""
        self.weigh()
        transport = self._transport
        if transport is None or self._waits:
            return
        if transport.get_write_buffer_size() > _READ_FOR_CLIENT or self._edge.room.is_short:
            self._wait_for_client()

    def _wait_for_client(self) -> None:
        transport, exchange = self._transport, self._exchange
        if transport is not None and exchange is not None:
            self._waits = True
            self._left = transport.get_write_buffer_size()
            self.deadline = time.monotonic() + self._edge.settings.idle_timeout
            exchange.pause_download()

    def resume_writing(self) -> None:
        self._blocked = self._waits = False
        now, settings = time.monotonic(), self._edge.settings
        if self._state is _State.BODY:
            # The rest of the request is due again.
            self._since, self._received = now, 0
            self.deadline = now + settings.body_grace
        else:
            self.deadline = inf if self._exchange is not None else now + settings.idle_timeout
        if self._exchange is not None:
            if not self._frames.behind:
                self._exchange.resume_download()
        elif self._buffer:
            self._later()

    def shutdown(self) -> None:
        """The server is shutting down: close between requests, else after the answer under way. A tunnel ends."""
        self._keep_alive = False
        if self._state is _State.IDLE:
            # A request may be on its way: it is still answered, if it comes soon.
            self.deadline = min(self.deadline, time.monotonic() + _LINGER)
        elif self._state is _State.TUNNEL and not self._leaving:
            self._leaving = True
            self.deadline = time.monotonic() + _LINGER
            if self._frames.between:
                self._say_goodbye()

    def overdue(self, now: float) -> None:
        """The deadline has passed (the edge's sweep found it)."""
        settings = self._edge.settings
        if self._state is _State.BODY:
            if self._paused:
                # It is not the client that is slow.
                self._since, self._received = now, 0
            elif self._received >= settings.body_rate * (now - self._since):
                self._since, self._received = now, 0
            else:
                self._broke("request_timeout")
                return
            self.deadline = now + settings.body_grace
        elif self._state is _State.HEAD:
            self._refuse("request_timeout")
        elif self._state is _State.IDLE:
            self._close()
        elif self._state is _State.LINGER and self._taking(now):
            self.deadline = now + _LINGER
        elif self._transport is not None and not self._slowly_taken(now):
            # Nobody takes the answer, or what was left of one.
            self._transport.abort()

    def _slowly_taken(self, now: float) -> bool:
        """Whether a client that has had more of an answer than it takes may have more time."""
        if self._transport is None or self._exchange is None or not self._blocked or self._leaving:
            return False
        left = self._transport.get_write_buffer_size()
        if not self._waits:
            # It may have taken as much as came: from now on nothing comes.
            self._wait_for_client()
        elif left > self._left - _TAKEN:
            return False
        self._left = left
        self.deadline = now + self._edge.settings.idle_timeout
        return True

    def _taking(self, now: float) -> bool:
        """Whether a closing connection still has something to say to a client that may yet take it."""
        transport = self._transport
        left = transport.get_write_buffer_size() if transport is not None else 0
        if left <= self._left - _TAKEN_AT_LAST:
            self._left, self._since = left, now
        return left > 0 and now - self._since < self._edge.settings.idle_timeout

    # --- reading ---------------------------------------------------------------------------------------------------

    def _append(self, data: bytes) -> None:
        """More came than is read yet. What was read is let go."""
        self._buffer = self._buffer[self._at:] + data
        self._seen -= self._at
        self._at = 0

    def _consume(self, end: int) -> None:
        """The buffer is read up to `end`."""
        if end == len(self._buffer):
            self._buffer = b""
            end = 0
        self._at = self._seen = end
        if self._ahead:
            self._hold(len(self._buffer) - end)

    def _hold(self, size: int) -> bool:
        """Count `size` bytes that came ahead of their turn, in place of those counted before. False where there is no
        room for more."""
        counted = max(0, size - READ_FREE)
        if counted != self._ahead:
            if not self._edge.room.take(counted - self._ahead):
                return False
            self._ahead = counted
        return True

    def _bound(self) -> None:
        """Something is left in the buffer: that there be room for it, and that not too much comes."""
        if self._hold(len(self._buffer) - self._at):
            self._regulate()
        elif self._state is _State.ANSWER:
            # Whoever sent ahead asks again after this answer, on another connection.
            self._keep_alive = False
            self._consume(len(self._buffer))
            self.pause_upload()
        else:
            self._refuse("overloaded")

    def weigh(self) -> None:
        """Count what the client has not taken yet of its answer. Where there is no room for it, it is not kept."""
        transport, edge = self._transport, self._edge
        size = transport.get_write_buffer_size() if transport is not None else 0
        counted = max(0, size - WRITE_FREE)
        if not edge.room.take(counted - self._untaken):
            asyncio.get_running_loop().call_soon(self._reset)
            return
        self._untaken = counted
        if counted:
            edge.untaken.add(self)
        else:
            edge.untaken.discard(self)

    def _next_head(self) -> None:
        """Begin the exchange of the next head, where it is here and the client takes the answers: one, whatever comes
        of it, for others wait for their turn."""
        data, at = self._buffer, self._at
        if not data or not self._may_begin():
            return
        if data[at] == 0x0D and self._state is _State.IDLE:
            # RFC 9112 section 2.2: an empty line before a request line is overlooked.
            if empty := _EMPTY_LINES.match(data, at):
                self._consume(empty.end())
                data, at = self._buffer, self._at
            if not data or (data[at] == 0x0D and at + 1 == len(data)):
                return
        end = data.find(b"\r\n\r\n", self._seen) + 4
        if end < 4 or end - at > self._edge.settings.head:
            self._unfinished_head(data, at, end)
            return
        if end == len(data) and not self._seen:
            self._buffer = b""
        else:
            self._consume(end)
            data = data[at:end]
        try:
            self._begin(data)
        except Malformed as error:
            self._refuse(error.code)

    def _may_begin(self) -> bool:
        return ((self._state is _State.IDLE or self._state is _State.HEAD)
                and not self._blocked and self._transport is not None)

    def _unfinished_head(self, data: bytes, at: int, end: int) -> None:
        settings = self._edge.settings
        if self._state is _State.IDLE:
            self._state = _State.HEAD
            self.deadline = time.monotonic() + settings.head_timeout
        if end - at > settings.head or len(data) - at > settings.head:
            line = data.find(b"\r\n", at)
            too_long = line < 0 or line - at > settings.target + 32
            self._refuse("target_too_long" if too_long else "head_too_large")
        elif data[at] in b"\n \t" or data.find(b"\n\n", self._seen) >= 0 or data.find(b"\n\r\n", self._seen) >= 0:
            # It ends for a lenient reader and not for us: it would hang until its deadline.
            self._refuse("bad_request")
        else:
            self._seen = max(at, len(data) - 3)

    def _later(self) -> None:
        """Go on in a later turn of the loop: a client could send its way through our stack, and others wait."""
        if not self._due:
            self._due = True
            asyncio.get_running_loop().call_soon(self._on_turn)

    def _on_turn(self) -> None:
        self._due = False
        if self._transport is None:
            return
        if self._state is _State.TUNNEL:
            self._follow(b"")
        elif self._state is _State.REST:
            self._rest(b"")
        elif self._state is not _State.BODY:
            self._next_head()
        elif not self._held_up and self._framing is not None and self._framing.behind:
            self._body(b"")
        if self._buffer:
            self._bound()
        else:
            self._regulate()

    def _regulate(self) -> None:
        """Read on, or read no more for now: so much may wait here and no more. Of a head all must come."""
        still = (self._held_up or (self._framing is not None and self._framing.behind)
                 or (len(self._buffer) - self._at > _READ_AHEAD and self._state is not _State.HEAD))
        if still is self._paused:
            return
        self._paused = still
        transport = self._transport
        if still:
            if transport is not None and not transport.is_closing():
                transport.pause_reading()
            return
        self._since, self._received = time.monotonic(), 0
        if transport is not None and not transport.is_closing():
            transport.resume_reading()

    def _begin(self, data: bytes) -> None:
        """Begin the exchange of one whole head."""
        edge = self._edge
        settings = edge.settings
        arrival = self._repeated(data, settings) or self._judged(data, settings)
        request, head, _ = arrival
        self._head = head
        self._keep_alive = head.keep_alive and not edge.pipeline.draining
        self._no_body = request.method == "HEAD"
        self._chunked = False
        if ends_here(request, head):
            self._own_answer(request, head)
            return
        length = head.length
        body = b""
        if length:
            if settings.body and length > settings.body:
                raise Malformed("body_too_large")
            body, whole = self._begin_body(length, settings)
        else:
            self.deadline = inf
            self._state = _State.ANSWER
            whole = True
        exchange = self._exchange = Exchange(edge.pipeline, self)
        try:
            exchange.begin(arrival, body, whole=whole)
        except Exception as error:
            exchange.crashed(error)

    def _repeated(self, data: bytes, settings: EdgeSettings) -> Arrival | None:
        """The arrival of a head whose fields are those of the connection's last one, byte for byte, as most clients
        send them: only its request line is new."""
        last = self._last
        if last is None:
            return None
        end = data.find(b"\r\n")
        tail, head, under = last
        if tail != data[end:] or under is not settings:
            return None
        parts = data[:end].split(b" ")
        method = METHODS.get(parts[0])
        if method is None or len(parts) != 3 or parts[2] != (b"HTTP/1.1" if head.is_11 else b"HTTP/1.0"):
            return None
        target = parts[1]
        if target[:1] != b"/" or len(target) > settings.target:
            return None
        if b"/." in target or target.translate(None, UNAMBIGUOUS):
            # Seldom: then it is looked at as closely as any.
            if TARGET.fullmatch(target) is None:
                return None
            check_target(target, settings)
        return Arrival(Request(method, target, head.headers), head,
                       trace.trace_id(head.trace) if head.trace else trace.new_trace_id())

    def _judged(self, data: bytes, settings: EdgeSettings) -> Arrival:
        """The arrival of any head. Raises Malformed."""
        method, target, head = read(data, settings)
        self._edge.silent.pop(self, None)
        head.client = client_address(self._peer, head.forwarded, settings) if head.forwarded else self._peer
        head.added = self._added(head, settings)
        head.lines = fields(head.headers) + head.added
        if head.logs_in:
            self.bind(head.client)
        if not head.once and len(data) <= _REMEMBERED:
            self._last = (data[data.find(b"\r\n"):], head, settings)
        return Arrival(Request(method, target, head.headers), head,
                       trace.trace_id(head.trace) if head.trace else trace.new_trace_id())

    def _added(self, head: Head, settings: EdgeSettings) -> bytes:
        """The Via and forwarding lines for a request: the same ones while the client names the same host."""
        told = (head.host, head.is_11, settings)
        if head.forwarded is None and self._told is not None and self._told[0] == told:
            return self._told[1]
        via = b"Via: %b %b\r\n" % (b"1.1" if head.is_11 else b"1.0", settings.via.encode()) if settings.via else b""
        added = via + fields(forwarding_fields(self._peer, self._scheme, head.host, head.forwarded, settings))
        if head.forwarded is None:
            self._told = (told, added)
        return added

    def _begin_body(self, length: int, settings: EdgeSettings) -> tuple[bytes, bool]:
        """What has come of the body already, and whether that is all."""
        framing: Framing = Counted(length)
        if length == CHUNKED:
            framing = Chunked("bad_framing", settings.trailer, settings.body)
        body = b""
        self._since = time.monotonic()
        self._received = len(self._buffer) - self._at
        if self._buffer:
            body = self._from_buffer(framing, length)
        if framing.done:
            self._state = _State.ANSWER
            self.deadline = inf
            return body, True
        self._framing = framing
        self._state = _State.BODY
        self.deadline = self._since + settings.body_grace
        if framing.behind:
            if not self._hold(self._received):
                raise Malformed("overloaded")
            self._later()
        return body, False

    def _from_buffer(self, framing: Framing, length: int) -> bytes:
        """What the buffer holds of a body that begins there. The rest stays."""
        at = self._at
        piece = self._buffer[at:at + (_SHORT if length == CHUNKED else length)]
        body = framing.feed(piece)
        at += len(piece) - len(framing.rest)
        if not framing.done and at < len(self._buffer):
            body += framing.feed(self._buffer[at:])
            at = len(self._buffer) - len(framing.rest)
        framing.rest = b""
        self._consume(at)
        return body

    def _body(self, data: bytes) -> None:
        framing, exchange = self._framing, self._exchange
        if framing is None or exchange is None:
            return
        self._received += len(data)
        try:
            payload = framing.feed(data)
            done = framing.done
            if payload:
                exchange.request_data(payload)
            if self._exchange is not exchange or self._state is not _State.BODY:
                if done and self._state is _State.REST:
                    self._whole(framing)
                elif framing.behind:
                    self._later()
            elif done:
                self._framing = None
                self._buffer = framing.rest
                self._state = _State.ANSWER
                self.deadline = inf
                if self._buffer:
                    self._bound()
                elif self._ahead:
                    self._hold(0)
                exchange.request_end()
            elif framing.behind:
                self._later()
                self._regulate()
                if data and not self._hold(len(data)):
                    self._broke("overloaded")
            elif self._ahead:
                self._hold(0)
        except Malformed as error:
            self._broke(error.code)
        except Exception as error:
            exchange.crashed(error)

    def _rest(self, data: bytes) -> None:
        framing = self._framing
        if framing is None:
            return
        try:
            framing.feed(data)
        except Malformed:
            self.abort()
            return
        if framing.done:
            self._whole(framing)
        elif framing.behind:
            self._later()
            self._regulate()

    def _whole(self, framing: Framing) -> None:
        """The rest of a request that was answered already is here."""
        self._framing = None
        self._buffer = framing.rest
        self._await_head()

    def _broke(self, code: str) -> None:
        """The request's body is not, and will not be, what was announced."""
        exchange = self._exchange
        self._keep_alive = False
        if exchange is None or not exchange.client_broke(code):
            self.abort()

    def _own_answer(self, request: Request, head: Head) -> None:
        headers, body = own_answer(request, head)
        self._state = _State.ANSWER
        if head.length:
            self._keep_alive = False
        self.send_head(200, b"OK", headers, len(body))
        self.send_data(body)
        self.send_end(Headers())

    # --- answering (gateway.pipeline.Downstream) -------------------------------------------------------------------

    def send_interim(self, status: int, reason: bytes, headers: Headers) -> None:
        if self._head is not None and self._head.is_11:
            self._write(b"HTTP/1.1 %d %b\r\n%b\r\n" % (status, reason, unmeasured(headers)))

    def send_head(self, status: int, reason: bytes, headers: Headers, length: int) -> None:
        is_11 = self._head is None or self._head.is_11
        if status == 101:
            self._begin_tunnel(reason, headers)
            return
        edge = self._edge
        head = b"HTTP/1.1 %d %b\r\n%b%b" % (status, reason, fields(headers), edge.via)
        if self._no_body or status == 204 or status == 304:
            self._no_body = True
            if status == 204:
                head = b"HTTP/1.1 204 %b\r\n%b%b" % (reason, unmeasured(headers), edge.via)
            if length == CHUNKED and is_11 and status not in (204, 304):
                head += b"Transfer-Encoding: chunked\r\n"
        elif length < 0:
            if is_11:
                head += b"Transfer-Encoding: chunked\r\n"
                self._chunked = True
            else:
                self._keep_alive = False
        if edge.pipeline.draining or (self._framing is not None and not self._soon_over(self._framing, status)):
            self._keep_alive = False
        if not self._keep_alive:
            head += b"Connection: close\r\n\r\n"
        elif is_11:
            head += b"\r\n"
        else:
            head += b"Connection: keep-alive\r\n\r\n"
        self._write(head)

    def _soon_over(self, framing: Framing, status: int) -> bool:
        """Whether the rest of a request's body that nobody wants is worth reading, to keep the connection: it is
        short, and comes for certain (a client that asked whether to go on may not send it). Where the upstream's
        connection is the client's own, it still goes there; and who is challenged there sends it, or closes."""
        waits = self._head is not None and self._head.expects_continue and not self._received
        if self.affinity is not None and self.affinity.own:
            return not waits or status == 401
        return not waits and 0 <= framing.left <= _READ_AHEAD

    def _begin_tunnel(self, reason: bytes, headers: Headers) -> None:
        self._write(b"HTTP/1.1 101 %b\r\n%b\r\n" % (reason, unmeasured(headers)))
        self.flush()
        self._state = _State.TUNNEL
        self._frames = Frames()
        self._keep_alive = False
        self.deadline = inf
        early = self._buffer[self._at:]
        self._consume(len(self._buffer))
        self.resume_upload()
        if early and self._exchange is not None:
            self._exchange.request_data(early)

    def send_data(self, data: bytes) -> None:
        if self._no_body or not data:
            return
        if self._state is _State.TUNNEL:
            self._tunnel_data(data)
        else:
            self._write(chunk(data) if self._chunked else data)

    def _tunnel_data(self, data: bytes) -> None:
        if not self._leaving:
            self._write(data)
            self._follow(data)
        elif not self._frames.between:
            end = self._frames.first_end(data)
            self._write(data if end < 0 else data[:end])
            if end >= 0:
                self._say_goodbye()

    def _follow(self, data: bytes) -> None:
        """Follow the frames in what went out; where there are many small ones, no more come until that is done."""
        frames, exchange = self._frames, self._exchange
        was_behind = frames.behind
        frames.feed(data)
        if frames.behind:
            self._later()
            if exchange is not None and not was_behind:
                exchange.pause_download()
        elif was_behind:
            if exchange is not None and not self._blocked:
                exchange.resume_download()
            if self._leaving and frames.between:
                self._say_goodbye()

    def _say_goodbye(self) -> None:
        """The gateway goes: the client hears it as a WebSocket does, and closes in its turn, or is closed."""
        self._write(GOING_AWAY)
        self.flush()

    def send_end(self, trailers: Headers) -> None:
        if self._chunked:
            self._write(last_chunk(trailers))
        self.flush()
        self._exchange = None
        if self._state is _State.BODY:
            # The request's rest is still to come and nobody wants it.
            if self._keep_alive:
                self._state = _State.REST
                self.deadline = time.monotonic() + self._edge.settings.body_grace
                self.resume_upload()
            else:
                self._linger()
        elif not self._keep_alive:
            more = self._buffer or self._held_up or self._state is not _State.ANSWER
            self._linger() if more else self._close()
        else:
            self._await_head()

    def _await_head(self) -> None:
        self._state = _State.IDLE
        self._head = None
        self._no_body = False
        self.deadline = time.monotonic() + self._edge.settings.idle_timeout
        self._held_up = False
        if self._buffer:
            self._later()
        elif self._paused:
            self._regulate()

    def abort(self) -> None:
        self._exchange = None
        self._reset()

    def _reset(self) -> None:
        transport = self._transport
        if transport is not None:
            # A reset, not an end: where the end of the connection is the end of the answer, nothing else tells.
            sock = transport.get_extra_info("socket")
            if sock is not None:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            transport.abort()

    def bind(self, address: str) -> Affinity:
        affinity = self.affinity
        if affinity is None:
            affinity = self.affinity = Affinity(self, address)
        return affinity

    def hang_up(self) -> None:
        self._exchange = None
        self._keep_alive = False
        self._linger()

    def pause_upload(self) -> None:
        self._held_up = True
        self._regulate()

    def resume_upload(self) -> None:
        if self._held_up:
            self._held_up = False
            if self._framing is not None and self._framing.behind:
                self._later()
            self._regulate()

    def _write(self, data: bytes) -> None:
        # Every write is a system call: what belongs together goes out together.
        self._out = self._out + data if self._out else data

    def flush(self) -> None:
        out = self._out
        if out:
            self._out = b""
            if self._transport is not None:
                self._transport.write(out)
                if self._blocked:
                    self._read_for_client()
                if len(out) > WRITE_FREE:
                    # In the next turn, when the kernel has had what it takes.
                    asyncio.get_running_loop().call_soon(self.weigh)

    # --- closing ---------------------------------------------------------------------------------------------------

    def _refuse(self, code: str) -> None:
        """Answer what never became an exchange, and close."""
        trace_id = trace.new_trace_id()
        status, headers, body = problem(code, trace_id=trace_id)
        self._edge.pipeline.recorder.refused(code, trace_id, told=code != "overloaded")
        self._head = None
        self._keep_alive = False
        self._chunked = False
        self.send_head(status, phrase(status), headers, len(body))
        self.send_data(body)
        self.flush()
        self._exchange = None
        self._linger()

    def stays(self) -> bool:
        return self._keep_alive

    def leave(self, *, soon: bool) -> None:
        """What this connection was logged in at is gone, or will be soon (gateway.transports.http.affinity.Client)."""
        state = self._state
        if state is _State.BODY or state is _State.ANSWER:
            self._keep_alive = False
        elif state is _State.REST:
            self._linger()
        elif soon and state is _State.IDLE:
            self.deadline = min(self.deadline, time.monotonic() + _LINGER)
        elif not soon and (state is _State.IDLE or state is _State.HEAD):
            self._close()

    def _linger(self) -> None:
        """Close so that the answer arrives: a socket closed with bytes unread would reset the connection."""
        self._state = _State.LINGER
        self._consume(len(self._buffer))
        self._framing = None
        self._held_up = False
        self._since = time.monotonic()
        self.deadline = self._since + _LINGER
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        self._left = transport.get_write_buffer_size()
        self._regulate()
        if transport.can_write_eof():
            transport.write_eof()
        else:
            transport.close()

    def make_way(self) -> None:
        """Close for another: nothing was asked here."""
        self._close()

    def _close(self) -> None:
        self._state = _State.LINGER
        self._since = time.monotonic()
        # With TLS it also takes the client's farewell, which not every client says.
        self.deadline = self._since + _LINGER
        if self._transport is not None:
            self._left = self._transport.get_write_buffer_size()
            self._transport.close()
