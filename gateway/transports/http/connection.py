"""One HTTP/1.1 connection to an endpoint: an asyncio protocol that reads responses and tells a Receiver of them.

Nothing here waits: bytes come, the receiver is told, and backpressure goes both ways through pause and resume.
A connection serves one request at a time and goes back to its endpoint only if nothing about it is in doubt.
"""

import asyncio
import os
import select
import time
from math import inf
from typing import NamedTuple, Protocol, cast

from adapters.message import Headers
from gateway.transports.http import schemes
from gateway.wire import (
    CHUNKED,
    UNTIL_CLOSE,
    Chunked,
    Counted,
    FieldKinds,
    Framing,
    Malformed,
    ToTheEnd,
    connection_options,
    content_length,
    drop_named,
    parse_response_head,
    persists,
    set_length,
)
from shadow.observation import Failure

MAX_HEAD = 64 << 10
MAX_INTERIMS = 100
WRITE_BUFFER = 64 << 10
LONG = 10.0
"""Seconds after which an answer of unknown length counts as one without an end."""
# So often is a connection read that could not be written to: an answer that long is not looked for there.
_LAST_READS = 16
# The last head of a connection is kept, and what it said, up to this size.
_REMEMBERED = 4 << 10

_KEEP, _LENGTH, _CODING, _CONNECTION, _DROP, _UPGRADE, _LOGIN = range(7)
_KINDS: dict[bytes, int] = {
    b"content-length": _LENGTH, b"transfer-encoding": _CODING, b"connection": _CONNECTION, b"upgrade": _UPGRADE,
    b"keep-alive": _DROP, b"proxy-connection": _DROP, b"te": _DROP,
    b"www-authenticate": _LOGIN, b"persistent-auth": _LOGIN,
}
# What Connection may not take away, or is dealt with on its own.
_NOT_NAMEABLE = frozenset({b"", b"close", b"keep-alive", b"upgrade", b"content-length", b"set-cookie", b"date"})
_FIELDS = FieldKinds(lambda name: _KINDS.get(name.lower(), _KEEP))
# The framing of a body that came whole with its head, as most do: nothing is left to be counted.
_WHOLE = Counted(0)


class Receiver(Protocol):
    """Who is told what an upstream answers. Callbacks come in this order: any interims, one head, data, one end;
    or a failure at any point, after which nothing more comes."""

    def on_interim(self, status: int, reason: bytes, headers: Headers) -> None:
        """A 1xx response other than 101."""
        ...

    def on_head(self, status: int, reason: bytes, headers: Headers, length: int) -> None:
        """The final head. `headers` are the end-to-end fields; `length` is the Content-Length, CHUNKED or
        UNTIL_CLOSE as the head declares it (a HEAD, 204 or 304 answer has no body all the same)."""
        ...

    def on_data(self, data: bytes) -> None:
        """A piece of the body, content coding still on."""
        ...

    def on_flush(self) -> None:
        """That was all for now: more will take a while."""
        ...

    def on_end(self, trailers: Headers) -> None:
        """The body ended and is whole."""
        ...

    def on_failure(self, failure: Failure) -> None:
        """The call failed."""
        ...

    def on_upload_blocked(self) -> None:
        """The upstream takes no more of the request's body for now."""
        ...

    def on_upload_resumed(self) -> None:
        """It takes more again."""
        ...

    def on_login(self) -> "Keeper | None":
        """The answer whose head came says that its connection is logged in, or about to be: who it belongs to from
        now on. None where nobody can keep it: then it ends with the answer."""
        ...


class Keeper(Protocol):
    """Who a connection may belong to for good."""

    def adopt(self, connection: "Connection", owner: "Owner") -> bool:
        """Whether it takes a connection from its owner; one that it has already stays."""
        ...


class Owner(Protocol):
    """What a connection needs of the endpoint that opened it."""

    first_byte: float
    between_bytes: float

    def released(self, connection: "Connection") -> None: ...
    def ending(self, connection: "Connection") -> None: ...
    def patient(self) -> bool: ...
    def lost(self, connection: "Connection") -> None: ...
    def stalled(self, connection: "Connection") -> None: ...
    def moves_out(self, connection: "Connection") -> bool: ...


class Served(Protocol):
    """What a connection needs of the request that it serves."""

    method: str
    receiver: Receiver
    sent_all: bool
    upgrade: bool

    def offered(self, schemes: tuple[bytes, ...]) -> bool: ...
    def ended(self) -> None: ...
    def failed(self, failure: Failure, *, answered: bool) -> None: ...


class Connection(asyncio.Protocol):
    """A connection to one address of an endpoint. `deadline` (monotonic) is when the endpoint's sweep gives it up."""

    __slots__ = (
        "_behind", "_buffer", "_endless_since", "_framing", "_input", "_interims", "_keep_alive", "_last", "_later",
        "_owner", "_paused", "address", "blocked", "born", "deadline", "idle_since", "serving", "transport", "uses",
    )

    def __init__(self, owner: Owner, address: str) -> None:
        self._owner = owner
        self.address = address
        self.transport: asyncio.Transport | None = None
        self.serving: Served | None = None
        self.born = self.idle_since = time.monotonic()
        self.deadline = inf
        self.uses = 0
        self._framing: Framing | None = None
        self._buffer = b""
        self._interims = 0
        self._endless_since = 0.0
        self._last: tuple[bytes, _Answer] | None = None
        self._keep_alive = True
        # Whether the upstream takes no more of the request for now.
        self.blocked = False
        self._paused = False
        # Whether more of an answer is here than one turn of the loop takes: nothing is read until it is done.
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
            # Nobody asked: whatever this answers, it must never answer the next request.
            self.abort()
            return
        try:
            if self._framing is None:
                self._read_head(serving, data)
            else:
                self._read_body(serving, self._framing, data)
        except Malformed as error:
            self._fail(Failure("malformed", detail=error.detail, sent=True))
        if self.serving is serving:
            serving.receiver.on_flush()

    def eof_received(self) -> None:
        return None

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is not None and self.serving is not None and self._hear_out():
            exc = None
        self.transport = None
        serving = self.serving
        if serving is not None:
            framing = self._framing
            if framing is None:
                self._fail(Failure("reset", sent=True))
            elif exc is None and framing.eof():
                self._finish(serving, framing)
            else:
                self._fail(Failure("truncated", sent=True))
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
                if serving.sent_all or self._framing is not None:
                    self.await_answer()
            if self.serving is serving:
                serving.receiver.on_upload_resumed()

    # --- from the endpoint and the sending -------------------------------------------------------------------------

    def serve(self, serving: Served, first: bytes) -> None:
        """Send the first bytes of a request and read its answer from now on."""
        self.serving = serving
        self.uses += 1
        self._interims = 0
        self._framing = None
        self._keep_alive = True
        if self.transport is not None:
            self.transport.write(first)
        if (serving.sent_all or serving.upgrade) and not self.blocked:
            self.deadline = time.monotonic() + self._owner.first_byte

    def write(self, data: bytes) -> None:
        """Send more bytes as they are."""
        if self.transport is not None:
            self.transport.write(data)

    def await_answer(self) -> None:
        """The request is sent, or its answer has begun: the next byte of the answer is due."""
        framing, serving = self._framing, self.serving
        if framing is None:
            if not self.blocked:
                self.deadline = time.monotonic() + self._owner.first_byte
        elif serving is None or serving.upgrade:
            return
        elif not framing.done:
            if not self._paused and not self._behind:
                self.deadline = time.monotonic() + self._owner.between_bytes
        elif serving.sent_all:
            self._finish(serving, framing)

    def pause(self) -> None:
        """Read no more for now: whoever takes the answer cannot take more. No deadline runs meanwhile."""
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
        """Read on."""
        if self._paused:
            self._paused = False
            if self._behind and self.serving is not None:
                self._put_off(self.serving)
            elif self.transport is not None and not self.transport.is_closing():
                tunnel = self.serving is not None and self.serving.upgrade
                self.deadline = inf if tunnel else time.monotonic() + self._owner.between_bytes
                self.transport.resume_reading()

    def abort(self) -> None:
        """Cut the connection at once."""
        if self.transport is not None:
            self.transport.abort()

    def drop(self) -> None:
        """Serve the current request no longer, and tell nobody. A tunnel's last bytes still go out."""
        tunnel = type(self._framing) is ToTheEnd and self.serving is not None and self.serving.upgrade
        self.serving = None
        self.deadline = inf
        if tunnel and self.transport is not None:
            self.transport.close()
        else:
            self.abort()
        self._owner.lost(self)

    def overdue(self) -> None:
        """The deadline has passed (the endpoint's sweep found it)."""
        kind = "first_byte_timeout" if self._framing is None else "between_bytes_timeout"
        self._fail(Failure(kind, sent=True))

    def may_leave(self, now: float) -> bool:
        """Whether its call should not hold a place in the pool: its client is waited for, to take the answer or to send
        the rest of the body; or the answer has gone on for long, and nobody knows its end."""
        framing, serving = self._framing, self.serving
        if self._paused:
            return True
        if framing is None:
            return serving is not None and not serving.sent_all and not serving.upgrade and not self.blocked
        return framing.left < 0 and now - self._endless_since > LONG

    @property
    def usable(self) -> bool:
        """Whether another request may be sent on it."""
        return self.transport is not None and not self.transport.is_closing()

    def has_input(self) -> bool:
        """Whether bytes, or the end, have come that nobody has read yet: what comes before a request is sent is not
        its answer, and the event loop may tell of it too late."""
        return bool(self._input.poll(0))

    def belong(self, owner: Owner) -> None:
        """Be somebody else's from now on."""
        self._owner = owner

    # --- reading ---------------------------------------------------------------------------------------------------

    def _read_head(self, serving: Served, data: bytes) -> None:
        seen = 0
        if self._buffer:
            seen = max(0, len(self._buffer) - 3)
            data = self._buffer + data
            self._buffer = b""
        while True:
            end = data.find(b"\r\n\r\n", seen) + 4
            seen = 0
            if end < 4:
                if len(data) > MAX_HEAD:
                    raise Malformed("upstream_malformed", "the head is too large")
                if data[:5] != b"HTTP/"[:len(data)] or b"\n\n" in data:
                    raise Malformed("upstream_malformed", "no head of HTTP/1")
                self._buffer = data
                return
            if end > MAX_HEAD:
                raise Malformed("upstream_malformed", "the head is too large")
            raw = data[:end]
            data = data[end:]
            last = self._last
            if last is not None and last[0] == raw:
                # A service repeats itself: what a head said last time, it says again.
                answer = last[1]
            else:
                answer = _judge(raw)
                if end <= _REMEMBERED:
                    self._last = (raw, answer)
            if answer.status >= 200 or answer.status == 101:
                break
            self._interims += 1
            if self._interims > MAX_INTERIMS:
                raise Malformed("upstream_malformed", "too many interim responses")
            serving.receiver.on_interim(answer.status, answer.reason, answer.headers)
            if self.serving is not serving or not data:
                return
        status, reason, headers, length, self._keep_alive, login = answer
        if login is not None:
            self._log_in(serving, login)
        framing: Framing
        if status == 101:
            if not serving.upgrade:
                raise Malformed("upstream_malformed", "an upgrade that nobody asked for")
            if not self._owner.moves_out(self):
                self._fail(Failure("pool_full", source="gateway"))
                return
            framing = ToTheEnd()
        elif serving.method == "HEAD" or status == 204 or status == 304:
            framing = Counted(0)
        elif length == len(data) and data:
            framing = _WHOLE
        elif length >= 0:
            framing = Counted(length)
        else:
            if _is_event_stream(headers) and not self._owner.moves_out(self):
                self._fail(Failure("pool_full", source="gateway"))
                return
            framing = Chunked("upstream_malformed") if length == CHUNKED else ToTheEnd()
            self._keep_alive = self._keep_alive and length == CHUNKED
            self._endless_since = time.monotonic()
        self._framing = framing
        if not self._keep_alive:
            self._owner.ending(self)
        serving.receiver.on_head(status, reason, headers, length)
        if self.serving is serving:
            if framing is _WHOLE:
                serving.receiver.on_data(data)
                if self.serving is serving:
                    self._finish(serving, framing)
            elif status == 101:
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

    def _log_in(self, serving: Served, login: tuple[bytes, ...]) -> None:
        """The answer makes this a connection for one client alone, and that is settled before its end could hand it
        to another; `login` as of schemes.login."""
        if login and not serving.offered(login):
            return
        keeper = serving.receiver.on_login()
        if keeper is None or not keeper.adopt(self, self._owner):
            self._keep_alive = False

    def _read_body(self, serving: Served, framing: Framing, data: bytes) -> None:
        if framing.done:
            # The answer was whole, and its request was not.
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
        elif not self._paused and not serving.upgrade:
            self.deadline = time.monotonic() + self._owner.between_bytes

    def _put_off(self, serving: Served) -> None:
        """Go on with an answer once others have had their turn, unless whoever takes it cannot take more."""
        if not self._behind:
            self._behind = True
            self.deadline = inf
            if self.transport is not None and not self._paused:
                self.transport.pause_reading()
        if not self._paused and self._later is None:
            self._later = asyncio.get_running_loop().call_soon(self._catch_up, serving)

    def _catch_up(self, serving: Served) -> None:
        self._later = None
        framing = self._framing
        if self.serving is not serving or framing is None:
            return
        self.data_received(b"")
        if self.serving is serving and self._behind and not framing.behind:
            self._caught_up()
            if not self._paused:
                self.deadline = time.monotonic() + self._owner.between_bytes

    def _caught_up(self) -> None:
        """Nothing is put off any more: read on."""
        self._behind = False
        if self.transport is not None and not self._paused and not self.transport.is_closing():
            self.transport.resume_reading()

    def _settle_later(self, serving: Served) -> None:
        """The answer is whole, but nothing was read meanwhile: what has come since, TLS hands over in this turn of the
        loop, and the socket holds. Only then is the answer over."""
        self._caught_up()
        self.deadline = inf
        asyncio.get_running_loop().call_soon(self._settle, serving)

    def _settle(self, serving: Served) -> None:
        framing = self._framing
        if self.serving is serving and framing is not None:
            if self.usable and self.has_input():
                self._keep_alive = False
            self._finish(serving, framing)

    def _finish(self, serving: Served, framing: Framing) -> None:
        if self._paused:
            # All of the answer is out: what comes next would be more than that, and must be seen.
            self.resume()
        self.deadline = inf
        sent = serving.sent_all and not self.blocked
        if not sent and self._keep_alive and not framing.rest and self.usable and self._owner.patient():
            # Answered early: the request goes on to its end, and only then is it over.
            if self.blocked:
                self.deadline = time.monotonic() + self._owner.between_bytes
            return
        self.serving = None
        self._framing = None
        receiver, trailers = serving.receiver, framing.trailers
        # Left-over bytes, an unfinished request or a doubtful end: never pooled again (CONTEXT.md, requirement 8).
        if self._keep_alive and sent and not framing.rest and self.usable:
            serving.ended()
            self._owner.released(self)
        else:
            serving.ended()
            self._owner.ending(self)
            self.drop()
        receiver.on_end(trailers)

    def _hear_out(self) -> bool:
        """A write failed, which ends a connection with what came last unread: often why the upstream wants no more of
        a request. Read that. Returns whether the upstream said its end after it."""
        transport = self.transport
        sock = transport.get_extra_info("socket") if transport is not None else None
        if sock is None or transport is None or transport.get_extra_info("sslcontext") is not None:
            return False
        try:
            for _ in range(_LAST_READS):
                data = os.read(sock.fileno(), MAX_HEAD)
                if not data or self.serving is None:
                    return not data
                self.data_received(data)
        except OSError:
            pass
        return False

    def _fail(self, failure: Failure) -> None:
        serving, answered = self.serving, self._framing is not None
        self.drop()
        if serving is not None:
            serving.failed(failure, answered=answered or bool(self._buffer))


def _is_event_stream(headers: Headers) -> bool:
    return (headers.get(b"content-type") or b"").strip().lower().startswith(b"text/event-stream")


class _Answer(NamedTuple):
    """What a response head says. Nothing may change its headers: an answer repeated is the same object."""

    status: int
    reason: bytes
    headers: Headers
    length: int
    keep_alive: bool
    login: tuple[bytes, ...] | None = None


def _judge(raw: bytes) -> _Answer:
    """A whole head, judged. Raises Malformed."""
    status, reason, is_11, received = parse_response_head(raw)
    kept, connection, codings, lengths, login = _sorted_out(received)
    if status == 101:
        kept.extend(pair for pair in received if pair[0].lower() in (b"upgrade", b"connection"))
        return _Answer(status, reason, kept, UNTIL_CLOSE, False, login)
    keep_alive = is_11
    if connection.lower() == b"keep-alive":
        keep_alive = True
    elif connection:
        options = connection_options(connection)
        keep_alive = persists(options, is_11)
        named = options - _NOT_NAMEABLE
        if named:
            drop_named(kept, named)
    if codings:
        # Both lengths, or a coding that is not just chunked: where the body ends is anybody's guess.
        if lengths or not is_11 or b",".join(codings).strip().lower() != b"chunked":
            raise Malformed("upstream_malformed", "ambiguous length")
        return _Answer(status, reason, kept, CHUNKED, keep_alive, login)
    if not lengths:
        return _Answer(status, reason, kept, UNTIL_CLOSE, keep_alive, login)
    if len(lengths) == 1 and len(lengths[0]) <= 18 and lengths[0].isdigit():
        return _Answer(status, reason, kept, int(lengths[0]), keep_alive, login)
    length = content_length(lengths, "upstream_malformed")
    if len(lengths) > 1 or not lengths[0].isdigit():
        set_length(kept, length)
    return _Answer(status, reason, kept, length, keep_alive, login)


def _sorted_out(
    received: Headers
) -> tuple[Headers, bytes, list[bytes], list[bytes], tuple[bytes, ...] | None]:
    """(end-to-end fields, Connection options, transfer codings, lengths, schemes.login) of a response's fields."""
    kept = Headers()
    connection = b""
    codings: list[bytes] = []
    lengths: list[bytes] = []
    logins: list[tuple[bytes, bytes]] | None = None
    for pair in received:
        kind = _FIELDS[pair[0]]
        if kind == _KEEP:
            kept.append(pair)
        elif kind == _LENGTH:
            lengths.append(pair[1])
            if len(lengths) == 1:
                kept.append(pair)
        elif kind == _CONNECTION:
            connection += b"," + pair[1] if connection else pair[1]
        elif kind == _CODING:
            codings.append(pair[1])
        elif kind == _LOGIN:
            kept.append(pair)
            logins = [*(logins or ()), pair]
    return kept, connection, codings, lengths, None if logins is None else schemes.login(logins)
