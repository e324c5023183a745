"""One endpoint of an upstream: its addresses, its connections, who waits for one, and how it has been doing.

A request takes an idle connection, else waits while a new one is opened, within bounds. A stale pooled connection
(closed before a byte of the answer) is retried once on a fresh one, and only where that cannot do a thing twice:
the method is idempotent and the whole request is still at hand (RFC 9110 section 9.2.2).

No client can keep the others out. What goes at a client's pace, and what has no end, leaves the pool (streams.py) as
soon as somebody needs its place. Where requests wait, those of an address that has its share of the pool go last, and
while nobody waits it may have more, but for a few connections that are kept for others. Nobody counts that as long as
the pool is less than that share full.
"""

import asyncio
import errno
import socket
import ssl
import time
from math import inf

from adapters.message import Headers
from gateway.transports.http import schemes
from gateway.transports.http.connection import Connection, Receiver
from gateway.transports.http.dial import Dialler
from gateway.transports.http.logins import Logins
from gateway.transports.http.resolve import Addresses
from gateway.transports.http.settings import UpstreamSettings
from gateway.transports.http.streams import Streams
from gateway.transports.http.turns import Rank, Shares, Turns
from gateway.wire import chunk, last_chunk
from shadow.observation import Failure

IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"})
# Seconds between two sweeps: a twentieth of the shortest time that the endpoint may take, within these bounds. Waking
# up costs more than what is then done.
_SWEEP = 0.05, 0.5
_EARLY = 64 << 10
_NO_DESCRIPTORS = (errno.EMFILE, errno.ENFILE)
# Seconds since a connection's last byte was read in which looking for more is not worth a system call.
_READ_DRY = 50e-6
# Failures that tell of the endpoint's health; a cancelled call, or one that found no room, does not.
_UNWELL = frozenset({
    "connect_refused", "connect_timeout", "dns", "tls", "first_byte_timeout", "between_bytes_timeout",
    "total_timeout", "reset", "truncated", "malformed",
})


class Sending:
    """One request on its way to an endpoint. Write its body, then finish; or cancel. `sent_all` once finished;
    `client` is the client's address, "" where nobody's share is to be counted."""

    __slots__ = (
        "_chunked", "_connection", "_early", "_replay", "_retried", "_waits", "after", "before", "cancelled",
        "client", "endpoint", "limit", "method", "receiver", "sent_all", "upgrade", "waiting_since",
    )

    def __init__(
        self, endpoint: "Endpoint", receiver: Receiver, method: str, before: bytes, after: bytes, body: bytes,
        whole: bool, chunked: bool, upgrade: bool, total: float, client: str = "",
    ) -> None:
        self.endpoint = endpoint
        self.client = client
        self.receiver = receiver
        self.method = method
        self.before = before
        self.after = after
        self.sent_all = whole and not upgrade
        self.upgrade = upgrade
        self.limit = time.monotonic() + total if total else inf
        self._chunked = chunked
        self._early = body
        self._replay = body if whole and method in IDEMPOTENT else None
        self._retried = False
        self._waits = False
        self.cancelled = False
        self.waiting_since = 0.0
        self._connection: Connection | None = None

    @property
    def waits(self) -> bool:
        """Whether it has no connection yet, and keeps what is to be sent."""
        return self._connection is None

    def write(self, data: bytes) -> None:
        """Send a piece of the body."""
        if self._chunked:
            data = chunk(data)
        if self._connection is not None:
            self._connection.write(data)
        else:
            self._early += data
            if len(self._early) > _EARLY and not self._waits:
                self._waits = True
                self.receiver.on_upload_blocked()

    def finish(self) -> None:
        """The body is complete."""
        self.sent_all = True
        if self._chunked:
            end = last_chunk(Headers())
            if self._connection is None:
                self._early += end
            else:
                self._connection.write(end)
        if self._connection is not None:
            self._connection.await_answer()

    def pause(self) -> None:
        """Take no more of the answer for now."""
        if self._connection is not None:
            self._connection.pause()

    def resume(self) -> None:
        """Take more of it again."""
        if self._connection is not None:
            self._connection.resume()

    def cancel(self) -> None:
        """Nobody wants the answer any more. The receiver hears nothing further."""
        self.cancelled = True
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.drop()
        else:
            self.endpoint.forget(self)

    def send_once(self) -> None:
        """Never send this again on another connection."""
        self._replay = None

    # --- from the endpoint and the connection ----------------------------------------------------------------------

    def offered(self, login: tuple[bytes, ...]) -> bool:
        """Whether the request has credentials of one of these schemes."""
        return schemes.offered(self.before + self.after, login)

    def assigned(self, connection: Connection) -> None:
        """Here is a connection: send what there is."""
        self._connection = connection
        early, self._early = self._early, b""
        first = self.before
        if self.after:
            # A head in two parts has room for the Host of whichever endpoint is asked.
            first += self.endpoint.authority + self.after
        if len(early) <= _EARLY:
            connection.serve(self, first + early)
        else:
            # Not copied to go out in one piece.
            connection.serve(self, first)
            connection.write(early)
        if self._waits:
            self._waits = False
            if not connection.blocked:
                self.receiver.on_upload_resumed()

    def ended(self) -> None:
        """The answer is whole."""
        self._connection = None
        self.endpoint.well()

    def failed(self, failure: Failure, *, answered: bool) -> None:
        """The call failed on its connection (`answered`: after bytes of the answer)."""
        connection, self._connection = self._connection, None
        stale = failure.kind == "reset" and connection is not None and connection.uses > 1
        if stale and not answered and not self._retried and self._replay is not None:
            self._retried = True
            self._early = self._replay
            self.endpoint.send_fresh(self)
            return
        self.give_up(failure)

    def give_up(self, failure: Failure) -> None:
        """Tell the receiver, and remember it of the endpoint."""
        if failure.kind in _UNWELL and failure.source == "upstream":
            self.endpoint.unwell()
        self.receiver.on_failure(failure)


class Endpoint:
    """One place that answers for an upstream. `pending` is what least-pending choice looks at."""

    def __init__(self, settings: UpstreamSettings, url: str) -> None:
        self.settings = settings
        self.addresses = Addresses(url, settings.resolve)
        self.authority = self.addresses.authority
        self.first_byte = settings.timeouts.first_byte
        self.between_bytes = settings.timeouts.between_bytes
        self.ejected_until = 0.0
        self.healthy = True
        self.last_failure = ""
        self._failures = 0
        self._idle: list[Connection] = []
        self._busy: dict[Connection, Sending] = {}
        self._waiting: Turns[Sending] = Turns()
        pool = settings.pool
        self._streams: Streams[Sending] = Streams(pool.most_streams, pool.each(pool.most_streams))
        self._each = pool.each(pool.connections)
        self._shares = Shares(self._busy, self._streams, pool.connections, self._each)
        # Those that belong to clients' connections (upstreams/affinity.py).
        self.logins = Logins(pool.bound, pool.each(pool.bound))
        # Attempts under way, and the tasks that make them, which end some turns of the loop later.
        self._attempts: set[object] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._dialler = Dialler(self.addresses, settings.tls, lambda address: Connection(self, address))
        self._sweeping = False
        shortest = min(self.first_byte, self.between_bytes, settings.timeouts.total or inf, settings.pool.idle)
        self.period = min(max(shortest / 20, _SWEEP[0]), _SWEEP[1])
        self._closed = False

    @property
    def url(self) -> str:
        """As configured."""
        return self.addresses.url

    @property
    def pending(self) -> int:
        """Requests in flight and waiting."""
        return len(self._busy) + len(self._streams) + self._waiting.count + self.logins.busy

    @property
    def connections(self) -> int:
        """Open connections of the pool, busy and idle, and those that belong to clients."""
        return len(self._busy) + len(self._idle) + len(self.logins)

    @property
    def is_busy(self) -> bool:
        """Whether the pool is full to what one client may have of it."""
        return len(self._busy) >= self._each

    @property
    def streams(self) -> int:
        """Calls that have left the pool."""
        return len(self._streams)

    def available(self, now: float) -> bool:
        """Whether it should be asked: healthy, and not ejected."""
        return self.healthy and now >= self.ejected_until

    # --- requests --------------------------------------------------------------------------------------------------

    def send(self, sending: Sending) -> None:
        """Send now on an idle connection, or as soon as there is one."""
        idle = self._idle
        if idle and len(self._busy) >= self._each and self._shares.rank(sending) is Rank.HELD:
            self.send_fresh(sending)
            return
        while idle:
            connection = idle.pop()
            transport = connection.transport
            if transport is not None and not transport.is_closing():
                if time.monotonic() - connection.idle_since > _READ_DRY and connection.has_input():
                    connection.abort()
                    continue
                self._busy[connection] = sending
                if self._shares.held is not None:
                    self._shares.took(sending.client)
                sending.assigned(connection)
                return
        self.send_fresh(sending)

    def send_fresh(self, sending: Sending) -> None:
        """Send on a connection that is opened now, or on the next that is free where no more may be opened."""
        pool, waiting = self.settings.pool, self._waiting
        more = self._has_room() or self._make_room()
        if more and len(self._busy) >= self._each:
            more = self._shares.rank(sending) is not Rank.HELD
        # Those for whom a connection is being opened do not queue.
        if not more and waiting.count - len(self._attempts) >= pool.pending:
            last = waiting.evict(sending.client, pool.each(pool.pending)) if pool.pending else None
            if last is None:
                sending.give_up(Failure("pool_full", source="gateway"))
                return
            last.give_up(Failure("pool_full", source="gateway"))
        sending.waiting_since = time.monotonic()
        waiting.add(sending)
        if more:
            self._open()
        self._sweep_soon()

    def forget(self, sending: Sending) -> None:
        """It need not wait any longer."""
        self._waiting.remove(sending)

    def takes_stream(self, client: str) -> bool:
        """Whether there is room outside the pool for one more tunnel of this client address."""
        return self._streams.room(client)

    # --- places, and whose they are --------------------------------------------------------------------------------

    def _has_room(self) -> bool:
        return len(self._busy) + len(self._attempts) < self.settings.pool.connections

    def _next(self) -> Sending | None:
        """Whose turn it is, if anybody's, to have a connection."""
        if not self._waiting.count:
            return None
        return self._waiting.take(self._shares.rank)

    def _give(self, connection: Connection, sending: Sending) -> None:
        self._busy[connection] = sending
        self._shares.took(sending.client)
        sending.assigned(connection)

    def _make_room(self) -> bool:
        """Have a call leave the pool for which nobody who waits should have to wait. False where there is none."""
        now = time.monotonic()
        for connection, sending in self._busy.items():
            if connection.may_leave(now) and self._streams.room(sending.client):
                self._move_out(connection, sending)
                return True
        return False

    def _move_out(self, connection: Connection, sending: Sending) -> None:
        del self._busy[connection]
        self._shares.let_go(sending.client)
        self._streams.add(connection, sending)

    def _serve_waiting(self) -> None:
        """Those who wait may have counted on a place that is gone, or there is one that they could not know of."""
        while self._waiting.count:
            while self._idle and not (self._idle[-1].usable and not self._idle[-1].has_input()):
                self._idle.pop().abort()
            if self._idle:
                sending = self._next()
                if sending is not None:
                    self._give(self._idle.pop(), sending)
                elif not self._make_room():
                    return
            elif self._waiting.count <= len(self._attempts):
                return
            elif not self._waiting.any_may_go(self._shares.rank):
                # A connection for nobody would be asked for again and again, where the upstream refuses it.
                if not self._make_room():
                    return
            elif self._has_room() or self._make_room():
                self._open()
            else:
                return

    # --- from connections ------------------------------------------------------------------------------------------

    def released(self, connection: Connection) -> None:
        """A connection is free again."""
        sending = self._busy.pop(connection, None)
        pool = self.settings.pool
        surplus = False
        if sending is None:
            # It has been out of the pool, where another may have taken its place.
            self._streams.pop(connection)
            surplus = len(self._busy) + len(self._attempts) + len(self._idle) >= pool.connections
        elif self._shares.held is not None:
            self._shares.let_go(sending.client)
        now = time.monotonic()
        if surplus or self._closed or (pool.age and now - connection.born > pool.age) \
                or not self.addresses.current(connection.address):
            connection.abort()
            return
        connection.idle_since = now
        if self._waiting.count:
            if connection.has_input():
                connection.abort()
            else:
                self._take_next(connection)
        else:
            self._idle.append(connection)

    def _take_next(self, connection: Connection) -> None:
        sending = self._next()
        if sending is not None:
            self._give(connection, sending)
        elif self._closed:
            connection.abort()
        else:
            self._idle.append(connection)

    def ending(self, connection: Connection) -> None:
        """The upstream closes it after the answer under way, as any may."""

    def patient(self) -> bool:
        """Not worth the rest of a request that is answered already."""
        return False

    def let_go(self, connection: Connection) -> Sending | None:
        """A connection leaves the pool for good, with the request that is under way on it: its place is free."""
        sending = self._left(connection)
        self._serve_waiting()
        return sending

    def lost(self, connection: Connection) -> None:
        """A connection is gone."""
        self._left(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        if self._waiting.count:
            self._serve_waiting()

    def _left(self, connection: Connection) -> Sending | None:
        sending = self._busy.pop(connection, None)
        if sending is None:
            return self._streams.pop(connection)
        self._shares.let_go(sending.client)
        return sending

    def stalled(self, connection: Connection) -> None:
        """A client does not take its answer: whoever waits need not wait for that."""
        if self._waiting.count:
            self._serve_waiting()

    def moves_out(self, connection: Connection) -> bool:
        """A tunnel or an event stream begins, which leaves the pool at once. False where there is no room for it."""
        sending = self._busy.get(connection)
        if sending is None:
            return True
        if not self._streams.room(sending.client):
            return False
        self._move_out(connection, sending)
        if self._waiting.count:
            self._serve_waiting()
        return True

    def _open(self) -> None:
        attempt = object()
        self._attempts.add(attempt)
        task = asyncio.get_running_loop().create_task(self._connect(attempt))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # --- connecting ------------------------------------------------------------------------------------------------

    async def _connect(self, attempt: object) -> None:
        """Open a connection for the first that waits then; a failure is told to the first that waits then."""
        reached = await self.reach()
        self._attempts.discard(attempt)
        if isinstance(reached, Connection):
            self._take_next(reached)
            self._sweep_soon()
            return
        sending = self._next()
        if sending is not None:
            sending.give_up(reached)
        self._serve_waiting()

    async def reach(self) -> Connection | Failure:
        """A connection that is opened now and is in no pool yet, or why there is none."""
        try:
            async with asyncio.timeout(self.settings.timeouts.connect):
                connection = await self._dialler.dial()
            if not connection.usable:
                raise ConnectionResetError
            return connection
        except TimeoutError:
            failure = Failure("connect_timeout")
        except socket.gaierror:
            failure = Failure("dns")
        except ssl.SSLError as error:
            failure = Failure("tls", detail=error.reason or "")
        except OSError as error:
            # A missing CA file is ours to mend, whatever the socket says; and without descriptors nobody was asked.
            failure = (Failure("pool_full", source="gateway") if error.errno in _NO_DESCRIPTORS else
                       Failure("tls" if error.filename else "connect_refused", detail=type(error).__name__))
        self.last_failure = failure.kind
        return failure

    # --- health ----------------------------------------------------------------------------------------------------

    def well(self) -> None:
        """A call went through, which ends an ejection too."""
        if self._failures:
            self._failures = 0
            self.ejected_until = 0.0

    def try_again(self, now: float) -> None:
        """A call is about to be made. The first after an ejection tries the endpoint; the others go on as if it were
        ejected until that one has gone through, or a while has passed."""
        ejection = self.settings.ejection
        if self._failures and self._failures >= ejection.failures > 0 and now >= self.ejected_until:
            self.ejected_until = now + ejection.seconds

    def unwell(self) -> None:
        """A call failed by the endpoint's doing: so many in a row eject it for a while, and so does each one more."""
        ejection = self.settings.ejection
        self._failures += 1
        if ejection.failures and self._failures >= ejection.failures:
            self.ejected_until = time.monotonic() + ejection.seconds

    # --- time ------------------------------------------------------------------------------------------------------

    def _sweep_soon(self) -> None:
        if not self._sweeping:
            self._sweeping = True
            asyncio.get_running_loop().call_later(self.period, self._sweep)

    def _sweep(self) -> None:
        """Give up what is overdue. One timer an endpoint costs less than one a request."""
        self._sweeping = False
        try:
            self._give_up_overdue(time.monotonic())
        finally:
            # Whatever a receiver made of it: the others' deadlines still run.
            if self._busy or self._waiting.count or self._idle or len(self._streams):
                self._sweep_soon()

    def _give_up_overdue(self, now: float) -> None:
        for connection, sending in [*self._busy.items(), *self._streams.items()]:
            if now > connection.deadline:
                connection.overdue()
            elif now > sending.limit:
                # A client that is slow says nothing of the endpoint.
                slow = connection.may_leave(now)
                sending.cancel()
                sending.give_up(Failure("total_timeout", "downstream" if slow else "upstream", sent=True))
        for sending in list(self._waiting):
            if now > sending.limit:
                self._waiting.remove(sending)
                sending.give_up(Failure("total_timeout", source="gateway"))
            elif now - sending.waiting_since > self.first_byte:
                # Every connection is taken and none came free.
                self._waiting.remove(sending)
                sending.give_up(Failure("pool_full", source="gateway"))
        self._serve_waiting()
        kept = self.settings.pool.idle
        for connection in self._idle[:]:
            if now - connection.idle_since > kept:
                self._idle.remove(connection)
                connection.abort()

    def close(self) -> None:
        """End idle connections now, busy ones when they are done."""
        self._closed = True
        while self._idle:
            self._idle.pop().abort()
