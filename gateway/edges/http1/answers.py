"""The writing half of a client connection: writes answers as HTTP/1.1, and watches whether the client takes them.

Answers go out field for field as the upstream sent them. This half decides how a body ends (length, chunks, or the end
of the connection) and whether the connection stays open. A client that takes an answer slowly makes its exchange wait,
so that the upstream waits too.
"""

import asyncio
import socket
import struct
import time
from typing import Protocol

from adapters.message import Headers, Request
from gateway.call import Head
from gateway.edges.http1.edge import Edge, Inlet, address_of
from gateway.edges.http1.incoming import READ_AHEAD, Incoming
from gateway.edges.http1.tunnel import GOING_AWAY, Frames
from gateway.edges.request_head import own_answer
from gateway.errors import phrase, problem
from gateway.room import WRITE_FREE
from gateway.telemetry import trace
from gateway.transports.http.affinity import Affinity
from gateway.wire.bodies import CHUNKED, Framing, chunk, last_chunk
from gateway.wire.heads import fields, unmeasured
from gateway.wire.request_rules import REQUEST_RULES, broken_rule

_WRITE_BUFFER = 64 << 10
# Bytes of an answer that are read ahead of a slow client, while there is memory to spare. An answer that fits in them
# frees its upstream connection at once.
_READ_FOR_CLIENT = 256 << 10
# Bytes that a slow client must take in each idle timeout, while its exchange runs and once the exchange is over. If
# it takes fewer, the connection is cut.
_TAKEN = 48 << 10
_TAKEN_AT_LAST = 4 << 10
# An SO_LINGER of no seconds: closing the socket resets the connection.
_RESET = struct.pack("ii", 1, 0)
_NO_FRAMES = Frames()


class Reader(Protocol):
    """The reading half of the connection, as its writing half sees it."""

    deadline: float
    exchange: Inlet | None

    def answered(self) -> None:
        """The answer is written."""
        ...

    def open_tunnel(self) -> None:
        """A 101 answer is written: bytes pass as they come from now on."""
        ...

    def later(self) -> None:
        """Take the next step in a later turn of the event loop."""
        ...

    def abort(self) -> None:
        """Cut the connection."""
        ...

    def hang_up(self) -> None:
        """Close the connection without an answer."""
        ...

    def pause_upload(self) -> None:
        """Read no more of the request's body for now."""
        ...

    def resume_upload(self) -> None:
        """Read on."""
        ...

    def leave(self, *, soon: bool) -> None:
        """A login upstream is gone, or will be soon (gateway.transports.http.affinity)."""
        ...

    def stays(self) -> bool:
        """Whether the connection stays open after the answer under way, as far as is known now."""
        ...


class AnswerWriter:
    """Writes the answers of one client connection: the Downstream of its exchanges (gateway.outlet).

    The listener sets these before each answer. `head` is the request's, None if none could be read. `keep_alive` says
    whether the connection stays open after the answer. `bodiless` says whether the answer has no body, whatever its own
    head says (answers to HEAD). `chunked` begins as False; it becomes True if the body goes out in chunks.

    `blocked` is True while the client does not take what was written.
    """

    __slots__ = (
        "_edge", "_exchange_waits", "_frames", "_incoming", "_leaving", "_measured_at", "_out", "_reader", "_transport",
        "_tunnels", "_untaken", "_untaken_before", "affinity", "blocked", "bodiless", "chunked", "client_ended", "head",
        "keep_alive",
    )

    def __init__(self, edge: Edge, reader: Reader, incoming: Incoming) -> None:
        self._edge = edge
        self._incoming = incoming
        # None once the connection is lost.
        self._reader: Reader | None = reader
        self._transport: asyncio.Transport | None = None
        self.head: Head | None = None
        self.affinity: Affinity | None = None
        self.keep_alive = True
        self.client_ended = False
        self.chunked = False
        self.bodiless = False
        # Bytes that go out with the next flush. They are collected, because each write is a system call.
        self._out = b""
        self.blocked = False
        # Whether the exchange waits for the client.
        self._exchange_waits = False
        # How many untaken bytes are counted in the worker's memory; how many there were when progress was last
        # measured, and when that was.
        self._untaken = self._untaken_before = 0
        self._measured_at = 0.0
        # Whether this is a tunnel now, whether the gateway is ending it, and the frames that went out.
        self._tunnels = self._leaving = False
        self._frames = _NO_FRAMES

    def attach(self, transport: asyncio.Transport) -> None:
        """The connection is open."""
        self._transport = transport
        transport.set_write_buffer_limits(_WRITE_BUFFER)

    def lost(self) -> None:
        """The connection is lost. The reading half is let go, so that neither keeps the other in memory."""
        self._transport = self._reader = None
        if self._untaken:
            self.weigh()
        if self.affinity is not None:
            self._edge.logins.discard(self.affinity)
            self.affinity.close()

    def send_own(self, request: Request, head: Head) -> None:
        """Answer a request that is not forwarded, such as OPTIONS with Max-Forwards: 0. Raises Malformed."""
        headers, body = own_answer(request, head)
        if head.length:
            self.keep_alive = False
        self.send_head(200, b"OK", headers, len(body))
        self.send_data(body)
        self.send_end(Headers())

    def send_refusal(self, code: str, received: bytes) -> None:
        """Answer a request that never became an exchange with a problem. `received` is what came of its head. The
        listener then closes the connection."""
        trace_id = trace.new_trace_id()
        rule = broken_rule(code, received)
        status, headers, body = problem(code, detail=REQUEST_RULES.get(rule, ""), trace_id=trace_id,
                                        rule=rule if rule in REQUEST_RULES else "")
        self._edge.refusals.refused(code, trace_id, rule, address_of(self._transport), logged=code != "overloaded")
        self.head = None
        self.keep_alive = False
        self.chunked = False
        self.send_head(status, phrase(status), headers, len(body))
        self.send_data(body)
        self.flush()

    # --- the answer (gateway.outlet.Downstream) --------------------------------------------------------------------

    def send_interim(self, status: int, reason: bytes, headers: Headers) -> None:
        if self.head is not None and self.head.is_11:
            self._out += b"HTTP/1.1 %d %b\r\n%b\r\n" % (status, reason, unmeasured(headers))

    def send_head(self, status: int, reason: bytes, headers: Headers, length: int) -> None:
        is_11 = self.head is None or self.head.is_11
        if status == 101:
            self._begin_tunnel(reason, headers)
            return
        edge, framing = self._edge, self._incoming.framing
        head = b"HTTP/1.1 %d %b\r\n%b%b" % (status, reason, fields(headers), edge.via)
        if self.bodiless or status == 204 or status == 304:
            self.bodiless = True
            if status == 204:
                head = b"HTTP/1.1 204 %b\r\n%b%b" % (reason, unmeasured(headers), edge.via)
            if length == CHUNKED and is_11 and status not in (204, 304):
                head += b"Transfer-Encoding: chunked\r\n"
        elif length < 0:
            if is_11:
                head += b"Transfer-Encoding: chunked\r\n"
                self.chunked = True
            else:
                self.keep_alive = False
        if edge.is_draining() or (framing is not None and not self._worth_reading(framing, status)):
            self.keep_alive = False
        if not self.keep_alive:
            head += b"Connection: close\r\n\r\n"
        elif is_11:
            head += b"\r\n"
        else:
            head += b"Connection: keep-alive\r\n\r\n"
        self._out += head

    def _worth_reading(self, framing: Framing, status: int) -> bool:
        """Whether to read the unwanted rest of a request's body, so that the connection can stay open. It is read if it
        is short and sure to come. A client that waits for 100 Continue may not send it.

        If the upstream connection is this client's own, the rest still goes there, however long it is. A client that
        is challenged there (401) sends it, or closes.
        """
        waits = self.head is not None and self.head.expects_continue and not self._incoming.received
        if self.affinity is not None and self.affinity.own:
            return not waits or status == 401
        return not waits and 0 <= framing.left <= READ_AHEAD

    def send_data(self, data: bytes) -> None:
        if self.bodiless or not data:
            return
        if self._tunnels:
            self._tunnel_data(data)
        else:
            self._out += chunk(data) if self.chunked else data

    def send_end(self, trailers: Headers) -> None:
        if self.chunked:
            self._out += last_chunk(trailers)
        self.flush()
        self.head = None
        self.bodiless = False
        if self._reader is not None:
            self._reader.answered()

    def flush(self) -> None:
        out = self._out
        if out:
            self._out = b""
            if self._transport is not None:
                self._transport.write(out)
                if self.blocked:
                    self._read_for_client()
                if len(out) > WRITE_FREE:
                    # In the next turn of the event loop, when the kernel has taken what it can.
                    asyncio.get_running_loop().call_soon(self.weigh)

    def abort(self) -> None:
        if self._reader is not None:
            self._reader.abort()

    def hang_up(self) -> None:
        if self._reader is not None:
            self._reader.hang_up()

    def pause_upload(self) -> None:
        if self._reader is not None:
            self._reader.pause_upload()

    def resume_upload(self) -> None:
        if self._reader is not None:
            self._reader.resume_upload()

    def bind(self, address: str) -> Affinity:
        affinity = self.affinity
        if affinity is None:
            assert self._reader is not None
            affinity = self.affinity = Affinity(self._reader, address)
            self._edge.logins.add(affinity)
        return affinity

    def hear_out(self) -> bool:
        """The client sends no more. Return whether it still gets its answers. If the connection was to stay open after
        them, `client_ended` is True from then on, and it closes after the last one.

        A client of HTTP/1.0 may end its side so. One of HTTP/1.1 has gone, unless `half_close` says otherwise or it has
        announced its end. TLS cannot end one way.
        """
        transport, head, more = self._transport, self.head, bool(self._incoming.data)
        if head is None and not more:
            return False
        if not self.keep_alive:
            return True
        if not self._edge.settings.half_close and (head is None or head.is_11):
            return False
        if transport is None or not transport.can_write_eof():
            return False
        self.client_ended = True
        self.keep_alive = more
        return True

    def reset(self) -> None:
        """Cut the connection by a TCP reset. An ordinary end would not do: if an answer ends with its connection, an
        answer that broke off would look whole."""
        transport = self._transport
        if transport is not None:
            sock = transport.get_extra_info("socket")
            if sock is not None:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            transport.abort()

    # --- a client that takes its answer slowly ---------------------------------------------------------------------

    def block(self) -> None:
        """The client does not take what was written."""
        self.blocked = True
        self._read_for_client()

    def unblock(self, exchange: Inlet | None) -> None:
        """The client takes more again: let the exchange go on, unless a tunnel's frames are still to be followed."""
        self.blocked = self._exchange_waits = False
        if exchange is not None and not self._frames.behind:
            exchange.resume_download()

    def _read_for_client(self) -> None:
        """More of the answer has come than the client takes. Make the exchange wait if that is much."""
        self.weigh()
        transport = self._transport
        if transport is None or self._exchange_waits:
            return
        if transport.get_write_buffer_size() > _READ_FOR_CLIENT or self._edge.room.is_short:
            self._wait_for_client()

    def _wait_for_client(self) -> None:
        transport, reader = self._transport, self._reader
        if transport is not None and reader is not None and reader.exchange is not None:
            self._exchange_waits = True
            self._untaken_before = transport.get_write_buffer_size()
            reader.deadline = time.monotonic() + self._edge.settings.idle_timeout
            reader.exchange.pause_download()

    def takes_slowly(self, exchange: Inlet | None) -> bool:
        """Whether a blocked client, whose time is up, has taken enough of its answer to get more time."""
        if self._transport is None or exchange is None or not self.blocked or self._leaving:
            return False
        untaken = self._transport.get_write_buffer_size()
        if not self._exchange_waits:
            # It may have taken as much as came. From now on nothing comes, so that its progress shows.
            self._wait_for_client()
        elif untaken > self._untaken_before - _TAKEN:
            return False
        self._untaken_before = untaken
        return True

    def end(self, now: float) -> None:
        """End the sending, and go on reading, so that the answer arrives. TLS cannot end one way: it is closed."""
        transport = self._measure_last(now)
        if transport is not None and not transport.is_closing():
            if transport.can_write_eof():
                transport.write_eof()
            else:
                transport.close()

    def close(self, now: float) -> None:
        """Close the connection once all is written."""
        transport = self._measure_last(now)
        if transport is not None:
            transport.close()

    def _measure_last(self, now: float) -> asyncio.Transport | None:
        """Measure from now on how fast the client takes what is left."""
        transport = self._transport
        self._measured_at = now
        if transport is not None:
            self._untaken_before = transport.get_write_buffer_size()
        return transport

    def takes_last(self, now: float) -> bool:
        """Whether a closing connection still has bytes to write, and a client that may yet take them."""
        untaken = self._transport.get_write_buffer_size() if self._transport is not None else 0
        if untaken <= self._untaken_before - _TAKEN_AT_LAST:
            self._untaken_before, self._measured_at = untaken, now
        return untaken > 0 and now - self._measured_at < self._edge.settings.idle_timeout

    def weigh(self) -> None:
        """Count what the client has not taken yet in the worker's memory. If there is no room for it, the
        connection is cut."""
        transport, edge = self._transport, self._edge
        size = transport.get_write_buffer_size() if transport is not None else 0
        counted = max(0, size - WRITE_FREE)
        if not edge.room.take(counted - self._untaken):
            asyncio.get_running_loop().call_soon(self.reset)
            return
        self._untaken = counted
        if counted:
            edge.untaken.add(self)
        else:
            edge.untaken.discard(self)

    # --- a tunnel --------------------------------------------------------------------------------------------------

    def _begin_tunnel(self, reason: bytes, headers: Headers) -> None:
        self._out += b"HTTP/1.1 101 %b\r\n%b\r\n" % (reason, unmeasured(headers))
        self.flush()
        self._tunnels = True
        self._frames = Frames()
        self.keep_alive = False
        if self._reader is not None:
            self._reader.open_tunnel()

    def _tunnel_data(self, data: bytes) -> None:
        if not self._leaving:
            self._out += data
            self.follow(data)
        elif not self._frames.between:
            end = self._frames.first_end(data)
            self._out += data if end < 0 else data[:end]
            if end >= 0:
                self._say_goodbye()

    def follow(self, data: bytes) -> None:
        """Follow the frames in what went out. Many small ones take several turns of the event loop. Meanwhile nothing
        more is taken from the upstream."""
        frames, reader = self._frames, self._reader
        if reader is None:
            return
        exchange = reader.exchange
        was_behind = frames.behind
        frames.feed(data)
        if frames.behind:
            reader.later()
            if exchange is not None and not was_behind:
                exchange.pause_download()
        elif was_behind:
            if exchange is not None and not self.blocked:
                exchange.resume_download()
            if self._leaving and frames.between:
                self._say_goodbye()

    def leave_tunnel(self) -> bool:
        """The gateway shuts down: end the tunnel after the frame under way. False if it is ending already."""
        if self._leaving:
            return False
        self._leaving = True
        if self._frames.between:
            self._say_goodbye()
        return True

    def _say_goodbye(self) -> None:
        """Send a WebSocket client the gateway's Close frame. The client closes in reply, or is cut soon after."""
        self._out += GOING_AWAY
        self.flush()
