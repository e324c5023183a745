"""One endpoint of an upstream: its pool of connections, and the queue of requests that wait for one.

A request takes an idle connection. If there is none, it waits while a new one is opened, within bounds.

No client can keep the others out. A call that goes at its client's pace, or has no end, leaves the pool (streams.py)
as soon as another call needs its place. While requests wait, those of an address that has its share of the pool go
last. While none wait, an address may have more than its share, except for a few connections that are reserved for
others. Shares are counted only once as many connections are busy as one share.
"""

import asyncio
import time
from math import inf

from gateway.transports.http.connection import Connection
from gateway.transports.http.dial import Dialler
from gateway.transports.http.fair_queue import FairQueue, Rank, Shares
from gateway.transports.http.health import EndpointHealth
from gateway.transports.http.logins import Logins
from gateway.transports.http.resolve import Addresses
from gateway.transports.http.sending import HttpSending
from gateway.transports.http.streams import Streams
from gateway.transports.settings import UpstreamSettings
from gateway.transports.tally import Tally
from shadow.observation import Failure

# Seconds between two sweeps: a twentieth of the endpoint's shortest timeout, within these bounds. Waking up costs more
# than the sweep itself.
_SWEEP = 0.05, 0.5
# Seconds after a connection's last byte in which a system call to look for more is not worth its cost.
_READ_DRY = 50e-6


class Endpoint:
    """One address (host and port, or Unix socket) that answers for an upstream."""

    def __init__(self, settings: UpstreamSettings, url: str, tally: Tally | None = None) -> None:
        """`tally` counts the answers that break a rule of HTTP/1.1; None for one of its own."""
        self.settings = settings
        self.strict = settings.strict
        self.tally = Tally() if tally is None else tally
        self.addresses = Addresses(url, settings.resolve)
        self.authority = self.addresses.authority
        self.first_byte = settings.timeouts.first_byte
        self.between_bytes = settings.timeouts.between_bytes
        self.health = EndpointHealth(settings.ejection)
        self.last_failure = ""
        self._idle: list[Connection] = []
        self._busy: dict[Connection, HttpSending] = {}
        self._waiting: FairQueue[HttpSending] = FairQueue()
        pool = settings.pool
        self._streams: Streams[HttpSending] = Streams(pool.most_streams, pool.share(pool.most_streams))
        self._each = pool.share(pool.connections)
        self._shares = Shares(self._busy, self._streams, pool.connections, self._each)
        # The connections that are logged in for one client each (affinity.py).
        self.logins = Logins(pool.logins, pool.share(pool.logins))
        # Attempts to connect, and the tasks that make them, which end some turns of the loop after their attempts.
        self._attempts: set[object] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._dialler = Dialler(self.addresses, settings.tls, lambda address: Connection(self, address),
                                self.tally.certificates)
        self._sweeping = False
        shortest = min(self.first_byte, self.between_bytes, settings.timeouts.total or inf, settings.pool.idle)
        self.period = min(max(shortest / 20, _SWEEP[0]), _SWEEP[1])
        self._closed = False

    @property
    def url(self) -> str:
        """The URL as configured."""
        return self.addresses.url

    @property
    def pending(self) -> int:
        """Requests in flight and waiting. A new call goes to the endpoint with the fewest."""
        return len(self._busy) + len(self._streams) + self._waiting.count + self.logins.busy

    @property
    def connections(self) -> int:
        """Open connections: those of the pool, busy and idle, and those that are logged in for a client."""
        return len(self._busy) + len(self._idle) + len(self.logins)

    @property
    def is_busy(self) -> bool:
        """Whether one client's share of the pool, or more, is in use."""
        return len(self._busy) >= self._each

    @property
    def streams(self) -> int:
        """Calls that have left the pool."""
        return len(self._streams)

    def available(self, now: float) -> bool:
        """Whether the endpoint is healthy and not ejected."""
        return self.health.available(now)

    # --- requests --------------------------------------------------------------------------------------------------

    def send(self, sending: HttpSending) -> None:
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

    def send_fresh(self, sending: HttpSending) -> None:
        """Send on a connection that is opened now, or on the next that is free if no more may be opened."""
        pool, waiting = self.settings.pool, self._waiting
        more = self._has_room() or self._make_room()
        if more and len(self._busy) >= self._each:
            more = self._shares.rank(sending) is not Rank.HELD
        # Requests for which a connection is being opened do not count as waiting.
        if not more and waiting.count - len(self._attempts) >= pool.pending:
            last = waiting.evict(sending.client, pool.share(pool.pending)) if pool.pending else None
            if last is None:
                sending.give_up(Failure("pool_full", source="gateway"))
                return
            last.give_up(Failure("pool_full", source="gateway"))
        sending.waiting_since = time.monotonic()
        waiting.add(sending)
        if more:
            self._open()
        self._sweep_soon()

    def forget(self, sending: HttpSending) -> None:
        """Stop looking for a connection for this request."""
        self._waiting.remove(sending)

    def takes_stream(self, client: str) -> bool:
        """Whether one more tunnel of this client address may begin."""
        return self._streams.room(client)

    # --- places in the pool ----------------------------------------------------------------------------------------

    def _has_room(self) -> bool:
        return len(self._busy) + len(self._attempts) < self.settings.pool.connections

    def _next(self) -> HttpSending | None:
        """Take the request whose turn it is out of the queue; None if none may go."""
        if not self._waiting.count:
            return None
        return self._waiting.take(self._shares.rank)

    def _give(self, connection: Connection, sending: HttpSending) -> None:
        self._busy[connection] = sending
        self._shares.took(sending.client)
        sending.assigned(connection)

    def _make_room(self) -> bool:
        """Move a call out of the pool. False if none may leave it."""
        now = time.monotonic()
        for connection, sending in self._busy.items():
            if connection.may_leave(now) and self._streams.room(sending.client):
                self._move_out(connection, sending)
                return True
        return False

    def _move_out(self, connection: Connection, sending: HttpSending) -> None:
        del self._busy[connection]
        self._shares.let_go(sending.client)
        self._streams.add(connection, sending)

    def _serve_waiting(self) -> None:
        """Find places for the requests that wait, after places were lost or gained."""
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
                # None of them may go yet, so none could take a failure: attempts to connect would not end.
                if not self._make_room():
                    return
            elif self._has_room() or self._make_room():
                self._open()
            else:
                return

    # --- from connections ------------------------------------------------------------------------------------------

    def released(self, connection: Connection) -> None:
        """See Owner: the connection is free for another request."""
        sending = self._busy.pop(connection, None)
        pool = self.settings.pool
        surplus = False
        if sending is None:
            # The connection had left the pool, and another may have taken its place.
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

    def closing(self, connection: Connection) -> None:
        """See Owner. The pool opens another connection when it needs one."""

    def sends_rest(self) -> bool:
        """See Owner. A new connection costs less than the rest of a request that is answered already."""
        return False

    def let_go(self, connection: Connection) -> HttpSending | None:
        """Remove a connection from the pool. It never returns. Return the request that is under way on it, if any."""
        sending = self._left(connection)
        self._serve_waiting()
        return sending

    def lost(self, connection: Connection) -> None:
        """See Owner."""
        self._left(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        if self._waiting.count:
            self._serve_waiting()

    def _left(self, connection: Connection) -> HttpSending | None:
        sending = self._busy.pop(connection, None)
        if sending is None:
            return self._streams.pop(connection)
        self._shares.let_go(sending.client)
        return sending

    def stalled(self, connection: Connection) -> None:
        """See Owner. The call may now leave the pool, so that a request that waits gets its place."""
        if self._waiting.count:
            self._serve_waiting()

    def leaves_pool(self, connection: Connection) -> bool:
        """See Owner. The call leaves the pool at once; False if there is no room for one more stream."""
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
        """Open a connection and give it, or the failure, to the request whose turn it is by then."""
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
        """Open a connection that is in no pool yet. Return it, or why there is none."""
        reached = await self._dialler.reach(self.settings.timeouts.connect)
        if isinstance(reached, Failure):
            self.last_failure = reached.kind
        return reached

    # --- time ------------------------------------------------------------------------------------------------------

    def _sweep_soon(self) -> None:
        if not self._sweeping:
            self._sweeping = True
            asyncio.get_running_loop().call_later(self.period, self._sweep)

    def _sweep(self) -> None:
        """Fail the calls that are overdue. One timer for an endpoint costs less than one for each request."""
        self._sweeping = False
        try:
            self._give_up_overdue(time.monotonic())
        finally:
            # Also if a receiver raised: the other calls' deadlines still run.
            if self._busy or self._waiting.count or self._idle or len(self._streams):
                self._sweep_soon()

    def _give_up_overdue(self, now: float) -> None:
        for connection, sending in [*self._busy.items(), *self._streams.items()]:
            if now > connection.deadline:
                connection.overdue()
            elif now > sending.limit:
                # A slow client is not the endpoint's fault.
                slow = connection.may_leave(now)
                sending.cancel()
                sending.give_up(Failure("total_timeout", "downstream" if slow else "upstream", sent=True))
        for sending in list(self._waiting):
            if now > sending.limit:
                self._waiting.remove(sending)
                sending.give_up(Failure("total_timeout", source="gateway"))
            elif now - sending.waiting_since > self.first_byte:
                # Every connection was busy for all that time.
                self._waiting.remove(sending)
                sending.give_up(Failure("pool_full", source="gateway"))
        self._serve_waiting()
        for connection in self._idle[:]:
            if now - connection.idle_since > self.settings.pool.idle:
                self._idle.remove(connection)
                connection.abort()

    def close(self) -> None:
        """Close idle connections now, and busy ones when they are done."""
        self._closed = True
        while self._idle:
            self._idle.pop().abort()
