"""The reading half of a client connection: an asyncio protocol for HTTP/1.1 that uvicorn hosts as its `http` class.

uvicorn handles processes and signals. The event loop accepts connections, or acceptor.py if there is TLS or more than
one worker. This half reads the bytes: it has each head judged (edges/arrival.py), makes an Exchange of the request,
passes it the body (incoming.py), and leaves the answer to the writing half (answers.py).

Requests on one connection are served one after another. Pipelined requests wait; past a limit they are not read. In one
turn of the event loop a connection begins one request, and reads a limited number of chunks, so that others get a turn.
"""

import asyncio
import time
from math import inf
from typing import Any, cast

from gateway.edges.arrival import Arrivals
from gateway.edges.http1.answers import AnswerWriter
from gateway.edges.http1.edge import Edge, Inlet, arrivals_of
from gateway.edges.http1.incoming import Incoming
from gateway.edges.http1.phase import Phase
from gateway.edges.request_head import ends_here
from gateway.wire.bodies import Framing
from gateway.wire.heads import Malformed

_LINGER = 1.0  # seconds that a closing connection may take to end


# It extends no class of asyncio's: mypyc would compile it to an ordinary class then, whose attributes are slower.
class Listener:
    """One client connection. The edge's sweep calls `overdue` after `deadline` (monotonic). `phase` says what the next
    bytes are (phase.py). `exchange` is the request that is served, None for none."""

    __slots__ = (
        "_answers", "_arrivals", "_edge", "_incoming", "_server_state", "_transport", "deadline", "exchange", "phase",
        "scheduled",
    )

    def __init__(self, config: Any, server_state: Any, app_state: Any, _loop: Any = None) -> None:
        # uvicorn's calling convention. The composition root puts the edge on the application object.
        self._edge: Edge = config.loaded_app.edge
        self._server_state = server_state
        self._transport: asyncio.Transport | None = None
        # None until the first head, so that silent connections take less memory.
        self._arrivals: Arrivals | None = None
        self._incoming = Incoming(self._edge.room)
        self._answers = AnswerWriter(self._edge, self, self._incoming)
        self.phase = Phase.IDLE
        self.exchange: Inlet | None = None
        # Whether a later turn of the event loop takes the next step.
        self.scheduled = False
        self.deadline = inf

    # --- from the event loop and uvicorn ---------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._incoming.transport = self._transport
        self._answers.attach(self._transport)
        edge = self._edge
        edge.connections.add(self)
        edge.arriving.discard(self)
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
        phase = self.phase
        if phase is Phase.IDLE or phase is Phase.HEAD:
            incoming = self._incoming
            if incoming.data:
                incoming.append(data)
            else:
                incoming.data = data
            if not self.scheduled:
                self._next_head()
            if incoming.data:
                self._limit_unread()
        elif phase is Phase.BODY:
            self._read_body(data)
        elif phase is Phase.TUNNEL:
            if self.exchange is not None:
                self.exchange.request_data(data)
        elif phase is Phase.ANSWER:
            self._incoming.append(data)
            self._limit_unread()
        elif phase is Phase.REST:
            self._skip_body(data)

    def eof_received(self) -> bool:
        """The client sends no more. It may still want its answers: old clients half-close right after the request."""
        if self.phase is Phase.BODY:
            self._break_off("body_truncated")
            return False
        if self.phase is Phase.HEAD:
            self._refuse("bad_request")
            return True
        return self.phase in (Phase.ANSWER, Phase.IDLE) and self._answers.hear_out()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = self._incoming.transport = None
        self._incoming.count(0)
        self._edge.ended(self)
        self._server_state.connections.discard(self)
        exchange, self.exchange = self.exchange, None
        if exchange is not None:
            exchange.client_gone()
        self._answers.lost()

    def pause_writing(self) -> None:
        self.deadline = time.monotonic() + self._edge.settings.idle_timeout
        self._answers.block()

    def resume_writing(self) -> None:
        now, settings = time.monotonic(), self._edge.settings
        exchange = self.exchange
        if self.phase is Phase.BODY:
            # The time in which the rest of the request is due begins anew.
            self._incoming.measure(now)
            self.deadline = now + settings.body_grace
        else:
            self.deadline = inf if exchange is not None else now + settings.idle_timeout
        self._answers.unblock(exchange)
        if exchange is None and self._incoming.data:
            self.later()

    def shutdown(self) -> None:
        """The server shuts down: close between requests, or after the answer under way. A tunnel ends."""
        self._answers.keep_alive = False
        if self.phase is Phase.IDLE:
            # A request may be on its way: it is still answered, if it comes soon.
            self.deadline = min(self.deadline, time.monotonic() + _LINGER)
        elif self.phase is Phase.TUNNEL and self._answers.leave_tunnel():
            self.deadline = time.monotonic() + _LINGER

    # --- from the edge ---------------------------------------------------------------------------------------------

    def overdue(self, now: float) -> None:
        """The deadline has passed."""
        settings = self._edge.settings
        if self.phase is Phase.BODY:
            if self._incoming.comes_too_slowly(now, settings.body_rate):
                self._break_off("request_timeout")
                return
            self._incoming.measure(now)
            self.deadline = now + settings.body_grace
        elif self.phase is Phase.HEAD:
            self._refuse("request_timeout")
        elif self.phase is Phase.IDLE:
            self.close()
        elif self.phase is Phase.LINGER and self._answers.takes_last(now):
            self.deadline = now + _LINGER
        elif self._answers.takes_slowly(self.exchange):
            self.deadline = now + settings.idle_timeout
        elif self._transport is not None:
            # The client takes its answer too slowly, or did not send a body's rest or end a tunnel in time.
            self._transport.abort()

    def abort(self) -> None:
        """Cut the connection."""
        self.exchange = None
        self._answers.reset()

    # --- heads -----------------------------------------------------------------------------------------------------

    def _next_head(self) -> None:
        """Begin the exchange of the next head, if all of it is here and the client takes its answers. Only one begins,
        so that other connections get their turn."""
        incoming, phase = self._incoming, self.phase
        idle = phase is Phase.IDLE
        if not incoming.data or self._answers.blocked or self._transport is None or not (idle or phase is Phase.HEAD):
            return
        head = incoming.take_head(self._edge.settings.head, idle)
        if head:
            try:
                self._begin(head)
            except Malformed as error:
                self._refuse(error.code, head)
        elif head is not None:
            settings = self._edge.settings
            if idle:
                self.phase = Phase.HEAD
                self.deadline = time.monotonic() + settings.head_timeout
            if fault := incoming.fault_of_head(settings):
                self._refuse(fault)

    def _begin(self, data: bytes) -> None:
        """Begin the exchange of one whole head. Raises Malformed."""
        edge, answers, settings = self._edge, self._answers, self._edge.settings
        if (arrivals := self._arrivals) is None:
            arrivals = self._arrivals = arrivals_of(self._transport)
        arrival = arrivals.repeated(data, settings)
        if arrival is None:
            arrival = arrivals.judged(data, settings)
            edge.silent.pop(self, None)
            if arrival.head.logs_in:
                answers.bind(arrival.head.client)
        request, head, _ = arrival
        answers.head = head
        answers.keep_alive = head.keep_alive and not edge.is_draining()
        answers.bodiless = request.method == "HEAD"
        answers.chunked = False
        if ends_here(request, head):
            self.phase = Phase.ANSWER
            answers.send_own(request, head)
            return
        length = head.length
        body, whole = b"", True
        if length:
            if settings.body and length > settings.body:
                raise Malformed("body_too_large")
            body, whole = self._incoming.begin_body(length, settings)
        if whole:
            self.deadline = inf
            self.phase = Phase.ANSWER
        else:
            self._await_body(settings.body_grace)
        exchange = self.exchange = edge.exchange(answers)
        try:
            exchange.begin(arrival, body, whole=whole)
        except Exception as error:
            exchange.crashed(error)

    def _refuse(self, code: str, head: bytes = b"") -> None:
        """Answer a request that never became an exchange, and close. Its head is still unread, unless it is given."""
        self._answers.send_refusal(code, head or self._incoming.unread())
        self.exchange = None
        self._linger()

    # --- bodies ----------------------------------------------------------------------------------------------------

    def _await_body(self, grace: float) -> None:
        """Wait for more of the body, or read it in a later turn of the event loop. Raises Malformed."""
        incoming, framing = self._incoming, self._incoming.framing
        self.phase = Phase.BODY
        self.deadline = incoming.since + grace
        if framing is not None and framing.behind:
            if not incoming.count(incoming.received):
                raise Malformed("overloaded")
            self.later()

    def _read_body(self, data: bytes) -> None:
        """More of the request's body; b"" to read on in what is here."""
        incoming, exchange = self._incoming, self.exchange
        framing = incoming.framing
        if framing is None or exchange is None:
            return
        incoming.received += len(data)
        try:
            payload = framing.feed(data)
            done = framing.done
            if payload:
                exchange.request_data(payload)
            if self.exchange is not exchange or self.phase is not Phase.BODY:
                # It was answered meanwhile.
                if done and self.phase is Phase.REST:
                    self._end_rest(framing)
                elif framing.behind:
                    self.later()
            elif done:
                incoming.end_body(framing)
                self.phase = Phase.ANSWER
                self.deadline = inf
                if incoming.data:
                    self._limit_unread()
                elif incoming.counted:
                    incoming.count(0)
                exchange.request_end()
            elif framing.behind:
                self.later()
                self._regulate()
                if data and not incoming.count(len(data)):
                    self._break_off("overloaded")
            elif incoming.counted:
                incoming.count(0)
        except Malformed as error:
            self._break_off(error.code)
        except Exception as error:
            exchange.crashed(error)

    def _skip_body(self, data: bytes) -> None:
        """More of a body that is thrown away, since its request is answered already."""
        framing = self._incoming.framing
        if framing is None:
            return
        try:
            framing.feed(data)
        except Malformed:
            self.abort()
            return
        if framing.done:
            self._end_rest(framing)
        elif framing.behind:
            self.later()
            self._regulate()

    def _end_rest(self, framing: Framing) -> None:
        """The unwanted rest of a body has come whole: go on with the next request, or close."""
        self._incoming.end_body(framing)
        self.answered()

    def _break_off(self, code: str) -> None:
        """End the exchange: the request's body is not what its head announced, or does not come."""
        exchange = self.exchange
        self._answers.keep_alive = False
        if exchange is None or not exchange.client_broke(code):
            self.abort()

    # --- how much is read ------------------------------------------------------------------------------------------

    def later(self) -> None:
        """Take the next step in a later turn of the event loop, so that others get theirs and no stack grows deep."""
        if not self.scheduled:
            self.scheduled = True
            asyncio.get_running_loop().call_soon(self._on_turn)

    def _on_turn(self) -> None:
        self.scheduled = False
        if self._transport is None:
            return
        if self.phase is Phase.TUNNEL:
            self._answers.follow(b"")
        elif self.phase is Phase.REST:
            self._skip_body(b"")
        elif self.phase is not Phase.BODY:
            self._next_head()
        elif not self._incoming.upload_paused and self._incoming.body_behind:
            self._read_body(b"")
        if self._incoming.data:
            self._limit_unread()
        else:
            self._regulate()

    def _limit_unread(self) -> None:
        """Something is left unread: count it in the worker's memory, and stop reading if it is much."""
        incoming = self._incoming
        if incoming.count_unread():
            self._regulate()
        elif self.phase is Phase.ANSWER:
            # There is no room for what was sent ahead: drop it. The client asks again on another connection.
            self._answers.keep_alive = False
            incoming.clear()
            self.pause_upload()
        else:
            self._refuse("overloaded")

    def _regulate(self) -> None:
        self._incoming.regulate(in_head=self.phase is Phase.HEAD)

    def pause_upload(self) -> None:
        """The exchange takes no more of the body for now."""
        self._incoming.upload_paused = True
        self._regulate()

    def resume_upload(self) -> None:
        """The exchange takes more of the body again."""
        if self._incoming.upload_paused:
            self._incoming.upload_paused = False
            if self._incoming.body_behind:
                self.later()
            self._regulate()

    # --- after the answer ------------------------------------------------------------------------------------------

    def answered(self) -> None:
        """The answer is written. Go on with the next request, or close."""
        self.exchange = None
        answers = self._answers
        if self.phase is Phase.BODY:
            # The rest of the request's body is still to come, and is not wanted.
            if answers.keep_alive:
                self.phase = Phase.REST
                self.deadline = time.monotonic() + self._edge.settings.body_grace
                self.resume_upload()
            else:
                self._linger()
        elif answers.keep_alive:
            self._await_head()
        elif self._incoming.data or self._incoming.upload_paused or self.phase is not Phase.ANSWER:
            self._linger()
        else:
            self.close()

    def _await_head(self) -> None:
        incoming = self._incoming
        self.phase = Phase.IDLE
        self.deadline = time.monotonic() + self._edge.settings.idle_timeout
        incoming.upload_paused = False
        if incoming.data:
            self.later()
        elif self._answers.client_ended:
            self.close()
        elif incoming.stopped:
            self._regulate()

    def open_tunnel(self) -> None:
        """A 101 answer is written: bytes pass as they come from now on."""
        self.phase = Phase.TUNNEL
        self.deadline = inf
        early = self._incoming.take_all()
        self.resume_upload()
        if early and self.exchange is not None:
            self.exchange.request_data(early)

    def hang_up(self) -> None:
        """Close without an answer."""
        self.exchange = None
        self._answers.keep_alive = False
        self._linger()

    def stays(self) -> bool:
        """Whether the connection stays open after the answer under way, as far as is known now."""
        return self._answers.keep_alive

    def leave(self, *, soon: bool) -> None:
        """A login upstream is gone, or will be soon (gateway.transports.http.affinity): close between requests."""
        phase = self.phase
        if phase is Phase.BODY or phase is Phase.ANSWER:
            self._answers.keep_alive = False
        elif phase is Phase.REST:
            self._linger()
        elif soon and phase is Phase.IDLE:
            self.deadline = min(self.deadline, time.monotonic() + _LINGER)
        elif not soon and (phase is Phase.IDLE or phase is Phase.HEAD):
            self.close()

    def _linger(self) -> None:
        """Close so that the answer arrives: closing a socket with bytes unread would reset the connection."""
        self.phase = Phase.LINGER
        self._incoming.discard()
        self._regulate()
        now = time.monotonic()
        self.deadline = now + _LINGER
        self._answers.end(now)

    def close(self) -> None:
        """Close at once: no exchange runs."""
        self.phase = Phase.LINGER
        now = time.monotonic()
        # With TLS the end also takes the client's close_notify, which not every client sends.
        self.deadline = now + _LINGER
        self._answers.close(now)
