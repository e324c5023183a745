"""One HTTP/1.1 connection to an endpoint: an asyncio protocol that reads responses and hands them to a Receiver.

Nothing here waits. Bytes that come are handed on at once, and backpressure goes both ways through pause and resume.
A connection serves one request at a time. It goes back to its endpoint only after an answer that ended beyond doubt.
"""

import asyncio
import select
import time
from math import inf
from typing import cast

from adapters.message import Headers
from gateway.transports.http.last_words import read_last
from gateway.transports.http.parties import Owner, Served
from gateway.transports.http.phase import BODY, CLOSED, EARLY, HEAD, IDLE, TUNNEL
from gateway.transports.http.response import ResponseHead, is_event_stream, judge, repaired
from gateway.wire.bodies import CHUNKED, UNTIL_CLOSE, Chunked, Counted, Framing, ToTheEnd
from gateway.wire.heads import Malformed
from shadow.observation import Failure

MAX_INTERIMS = 100
WRITE_BUFFER = 64 << 10
LONG = 10.0
"""Seconds after which an answer of unknown length counts as one without an end."""
# Bytes of the largest head that a connection remembers, with what it says.
_REMEMBERED = 4 << 10
# The framing of a body that came complete with its head, as most do: no bytes are left to count.
_WHOLE = Counted(0)


# It extends no class of asyncio's: mypyc would compile it to an ordinary class then, whose attributes are slower.
class Connection:
    """A connection to one address of an endpoint. Its owner fails the call under way after `deadline` (monotonic)."""

    __slots__ = (
        "_behind", "_buffer", "_endless_since", "_framing", "_input", "_interims", "_keep_alive", "_last", "_later",
        "_owner", "_paused", "_untidy", "address", "blocked", "born", "deadline", "idle_since", "phase", "serving",
        "transport", "uses",
    )

    def __init__(self, owner: Owner["Connection"], address: str) -> None:
        self._owner = owner
        self.address = address
        self.transport: asyncio.Transport | None = None
        self.serving: Served | None = None
        self.born = self.idle_since = time.monotonic()
        self.deadline = inf
        self.uses = 0
        self.phase = IDLE
        self._framing: Framing = _WHOLE
        self._buffer = b""
        self._interims = 0
        self._endless_since = 0.0
        self._last: tuple[bytes, ResponseHead] | None = None
        self._keep_alive = True
        # Whether something was repaired that came on the connection. It serves no other request then.
        self._untidy = False
        # Whether the upstream takes no more of the request's body for now.
        self.blocked = False
        self._paused = False
        # Whether more of the answer has come than one turn of the loop processes. Nothing is read meanwhile.
        self._behind = False
        self._later: asyncio.Handle | None = None

    # --- from the event loop ---------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(WRITE_BUFFER)
        self._input = select.poll()
        self._input.register(transport.get_extra_info("socket").fileno(), select.POLLIN)

    def data_received(self, data: bytes) -> None:
        serving = self.serving
        if serving is None:
            # These bytes answer no request, and must not become the answer to the next.
            self.abort()
            return
        try:
            if self.phase is HEAD:
                self._read_head(serving, data)
            else:
                self._read_body(serving, self._framing, data)
        except Malformed as error:
            self._owner.tally.refused(error.rule)
            self._fail(Failure("malformed", detail=error.rule, sent=True))
        if self.serving is serving:
            serving.receiver.on_flush()

    def eof_received(self) -> None:
        return None

    def connection_lost(self, exc: Exception | None) -> None:
        # After a reset, an answer that ended looks like one that was cut. After a broken pipe, an end that came counts.
        if exc is not None and self.serving is not None and read_last(self) and isinstance(exc, BrokenPipeError):
            exc = None
        self.transport = None
        serving, framing = self.serving, self._framing
        if serving is not None:
            if self.phase is HEAD:
                self._fail(Failure("reset", sent=True))
            elif framing.done or (exc is None and framing.eof()):
                self._finish(serving, framing)
            else:
                self._fail(Failure("truncated", sent=True))
        self.phase = CLOSED
        self._owner.lost(self)

    def pause_writing(self) -> None:
        if self.serving is not None:
            self.blocked = True
            if not self._paused:
                self.deadline = time.monotonic() + self._owner.between_bytes
            self.serving.receiver.on_upload_blocked()

    def resume_writing(self) -> None:
        serving = self.serving
        if self.blocked and serving is not None:
            self.blocked = False
            if not self._paused:
                self.deadline = inf
                if serving.sent_all or self.phase is not HEAD:
                    self.await_answer()
            if self.serving is serving:
                serving.receiver.on_upload_resumed()

    # --- from the endpoint and the sending -------------------------------------------------------------------------

    def serve(self, serving: Served, first: bytes) -> None:
        """Send the first bytes of a request, and read its answer from now on."""
        self.serving = serving
        self.phase = HEAD
        self.uses += 1
        self._interims = 0
        if self.transport is not None:
            self.transport.write(first)
        if (serving.sent_all or serving.upgrade) and not self.blocked:
            serving.sent_at = now = time.monotonic()
            self.deadline = now + self._owner.first_byte

    def write(self, data: bytes) -> None:
        """Send more bytes of the request, as they are."""
        if self.transport is not None:
            self.transport.write(data)

    def await_answer(self) -> None:
        """Set the deadline for the answer's next byte: the request is sent, or the answer has begun."""
        framing, serving = self._framing, self.serving
        if self.phase is HEAD:
            if serving is not None and not self.blocked:
                serving.sent_at = now = time.monotonic()
                self.deadline = now + self._owner.first_byte
        elif serving is None or self.phase is TUNNEL:
            return
        elif not framing.done:
            if not self._paused and not self._behind:
                self.deadline = time.monotonic() + self._owner.between_bytes
        elif serving.sent_all:
            self._finish(serving, framing)

    def pause(self) -> None:
        """Stop reading: the receiver cannot take more of the answer for now. No deadline runs meanwhile."""
        if self.transport is not None and not self._paused:
            self._paused = True
            self.deadline = inf
            if not self._behind:
                self.transport.pause_reading()
            elif self._later is not None:
                self._later.cancel()
                self._later = None
            self._owner.stalled(self)

    def resume(self) -> None:
        """Read again after a pause."""
        if self._paused:
            self._paused = False
            if self._behind and self.serving is not None:
                self._put_off(self.serving)
            elif self.transport is not None and not self.transport.is_closing():
                quiet = self.phase is TUNNEL or (self.phase is EARLY and not self.blocked)
                self.deadline = inf if quiet else time.monotonic() + self._owner.between_bytes
                self.transport.resume_reading()

    def abort(self) -> None:
        """Cut the connection at once."""
        if self.transport is not None:
            self.transport.abort()

    def drop(self) -> None:
        """Stop serving the current request, without calling it. The last bytes written to a tunnel still go out."""
        phase = self.phase
        self.serving = None
        self.phase = CLOSED
        self.deadline = inf
        if phase is TUNNEL and self.transport is not None:
            self.transport.close()
        else:
            self.abort()
        self._owner.lost(self)

    def overdue(self) -> None:
        """Fail the call: its deadline has passed (the owner's sweep found it)."""
        kind = "first_byte_timeout" if self.phase is HEAD else "between_bytes_timeout"
        self._fail(Failure(kind, sent=True))

    def may_leave(self, now: float) -> bool:
        """Whether the call under way may be moved out of the pool to make room for another.

        That is so if the call waits for its client to take the answer or to send the rest of the body, or if an answer
        of unknown length has gone on for LONG.
        """
        serving = self.serving
        if self._paused:
            return True
        if self.phase is HEAD:
            return serving is not None and not serving.sent_all and not serving.upgrade and not self.blocked
        return self._framing.left < 0 and now - self._endless_since > LONG

    @property
    def usable(self) -> bool:
        """Whether another request may be sent on the connection."""
        return self.transport is not None and not self.transport.is_closing()

    def has_input(self) -> bool:
        """Whether the socket holds bytes that were not read yet, or the end.

        Bytes that come before a request is sent are not its answer. The event loop may report them too late.
        """
        return bool(self._input.poll(0))

    def change_owner(self, owner: Owner["Connection"]) -> None:
        """Belong to another owner from now on."""
        self._owner = owner

    # --- reading ---------------------------------------------------------------------------------------------------

    def _read_head(self, serving: Served, data: bytes) -> None:
        """Find the answer's head in what has come, judge it, frame what follows, and hand both over."""
        seen = 0
        if self._buffer:
            seen = max(0, len(self._buffer) - 3)
            data = self._buffer + data
            self._buffer = b""
        end = data.find(b"\r\n\r\n", seen) + 4
        raw = data[:end]
        last = self._last
        if last is not None and last[0] == raw:
            # Services repeat themselves: a head that equals the last one need not be judged again.
            head = last[1]
        else:
            try:
                head = judge(raw)
                if end <= _REMEMBERED:
                    self._last = (raw, head)
            except Malformed:
                # It is not whole (`raw` is no head then), or not clean. This is asked so late because most heads are
                # both, and pay nothing for the others. One that is not clean may have ended before `seen`.
                found = repaired(data, seen if end < 4 else 0)
                if found is None:
                    self._buffer = data
                    return
                head, end, rules = found
                self._repair(rules)
        data = data[end:]
        status, reason, headers, length, self._keep_alive, login = head
        if status < 200 and status != 101:
            self._read_on(serving, head, data)
            return
        if login is not None:
            self._log_in(serving, login)
        if status == 101:
            framing = self._frame_tunnel(serving)
        elif serving.method == "HEAD" or status == 204 or status == 304:
            framing = Counted(0)
            if status == 204 and length != 0 and length != UNTIL_CLOSE:
                # A body may follow, which must not become the next answer.
                self._repair(("body_of_204",))
        elif length == len(data) and data:
            framing = _WHOLE
        else:
            framing = Counted(length) if length >= 0 else self._frame_endless(headers, length)
        if framing is None:
            self._fail(Failure("pool_full", source="gateway"))
            return
        self._framing = framing
        self.phase = TUNNEL if status == 101 else BODY
        if not self._keep_alive:
            self._owner.closing(self)
        serving.receiver.on_head(status, reason, headers, length)
        if self.serving is serving:
            if framing is _WHOLE:
                serving.receiver.on_data(data)
                if self.serving is serving:
                    self._finish(serving, framing)
            else:
                self._begin_body(serving, framing, data)

    def _repair(self, rules: tuple[str, ...]) -> None:
        """Note that these rules were broken, and repaired. Raises Malformed if nothing may be repaired."""
        if self._owner.strict:
            raise Malformed("upstream_malformed", rules[0])
        self._untidy = True
        self._owner.tally.repaired(rules)

    def _read_on(self, serving: Served, interim: ResponseHead, data: bytes) -> None:
        """Hand over an interim answer, and read the head that follows it."""
        self._interims += 1
        if self._interims > MAX_INTERIMS:
            raise Malformed("upstream_malformed", "interim_flood")
        serving.receiver.on_interim(interim.status, interim.reason, interim.headers)
        if self.serving is serving and data:
            self._read_head(serving, data)

    def _begin_body(self, serving: Served, framing: Framing, data: bytes) -> None:
        """Go on after a head with what has come of its body, which may be nothing."""
        if self.phase is TUNNEL:
            self.deadline = inf
            if data:
                serving.receiver.on_data(data)
        elif framing.done:
            framing.rest = data
            self._finish(serving, framing)
        elif data:
            self._read_body(serving, framing, data)
        elif not self._paused:
            self.deadline = time.monotonic() + self._owner.between_bytes

    def _frame_tunnel(self, serving: Served) -> Framing | None:
        """Return the framing of what follows a 101; None if there is no room for one more tunnel."""
        if not serving.upgrade:
            raise Malformed("upstream_malformed", "unasked_upgrade")
        return ToTheEnd() if self._owner.leaves_pool(self) else None

    def _frame_endless(self, headers: Headers, length: int) -> Framing | None:
        """Return the framing of a body whose length the head does not say; None if an event stream has no room."""
        if is_event_stream(headers) and not self._owner.leaves_pool(self):
            return None
        self._keep_alive = self._keep_alive and length == CHUNKED
        self._endless_since = time.monotonic()
        if length == CHUNKED:
            return Chunked("upstream_malformed", tidies=not self._owner.strict)
        return ToTheEnd()

    def _log_in(self, serving: Served, login: tuple[bytes, ...]) -> None:
        """Give the connection to the client that it is logged in for, before it could serve another client."""
        if login and not serving.offered(login):
            return
        keeper = serving.receiver.on_login()
        if keeper is None or not keeper.adopt(self, self._owner):
            self._keep_alive = False

    def _read_body(self, serving: Served, framing: Framing, data: bytes) -> None:
        if framing.done:
            # More bytes, in the EARLY phase: they answer no request.
            self._keep_alive = False
            self._finish(serving, framing)
            return
        payload = framing.feed(data)
        if payload:
            serving.receiver.on_data(payload)
        if self.serving is not serving:
            return
        if framing.done and self._behind:
            self._settle_later(serving)
        elif framing.done:
            self._finish(serving, framing)
        elif framing.behind:
            self._put_off(serving)
        elif not self._paused and self.phase is not TUNNEL:
            self.deadline = time.monotonic() + self._owner.between_bytes

    def _put_off(self, serving: Served) -> None:
        """Go on with the answer in the next turn of the loop, or, if paused, once the receiver takes more."""
        if not self._behind:
            self._behind = True
            self.deadline = inf
            if self.transport is not None and not self._paused:
                self.transport.pause_reading()
        if not self._paused and self._later is None:
            self._later = asyncio.get_running_loop().call_soon(self._catch_up, serving)

    def _catch_up(self, serving: Served) -> None:
        self._later = None
        if self.serving is not serving:
            return
        framing = self._framing
        self.data_received(b"")
        if self.serving is serving and self._behind and not framing.behind:
            self._caught_up()
            if not self._paused:
                self.deadline = time.monotonic() + self._owner.between_bytes

    def _caught_up(self) -> None:
        """Read from the socket again: all that had come is processed."""
        self._behind = False
        if self.transport is not None and not self._paused and not self.transport.is_closing():
            self.transport.resume_reading()

    def _settle_later(self, serving: Served) -> None:
        """End the answer in the next turn of the loop.

        Nothing was read while the answer was processed. Bytes that have come since are in the socket, or TLS hands them
        over in this turn. They must be seen before the connection serves another request.
        """
        self._caught_up()
        self.deadline = inf
        asyncio.get_running_loop().call_soon(self._settle, serving)

    def _settle(self, serving: Served) -> None:
        if self.serving is serving:
            if self.usable and self.has_input():
                self._keep_alive = False
            self._finish(serving, self._framing)

    def _finish(self, serving: Served, framing: Framing) -> None:
        if self._paused:
            # The answer is complete. Whatever else comes must be seen, so that the connection is not used again.
            self.resume()
        self.deadline = inf
        sent = serving.sent_all and not self.blocked
        if not sent and self._keep_alive and not framing.rest and self.usable and self._owner.sends_rest():
            # The call is over once the rest of the request is sent. A request whose upgrade was declined has no rest.
            sent = serving.upgrade and not self.blocked
            if not sent:
                self.phase = EARLY
                if self.blocked:
                    self.deadline = time.monotonic() + self._owner.between_bytes
                return
        self.serving = None
        receiver, trailers = serving.receiver, framing.trailers
        if framing is not _WHOLE and framing.repairs:
            self._repair(framing.repairs)
        # After left-over bytes, an unfinished request or a doubtful end, a connection serves no other request
        # (CONTEXT.md, requirement 8).
        if self._keep_alive and sent and not framing.rest and not self._untidy and self.usable:
            self.phase = IDLE
            serving.ended()
            self._owner.released(self)
        else:
            serving.ended()
            self._owner.closing(self)
            self.drop()
        receiver.on_end(trailers)

    def _fail(self, failure: Failure) -> None:
        serving, answered = self.serving, self.phase is not HEAD
        self.drop()
        if serving is not None:
            serving.failed(failure, answered=answered or bool(self._buffer))
