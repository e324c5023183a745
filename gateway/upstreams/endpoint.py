"""One endpoint of an upstream: its addresses, its connections, who waits for one, and how it has been doing.

A request takes an idle connection, else waits while a new one is opened, within bounds. A stale pooled connection
(closed before a byte of the answer) is retried once on a fresh one, and only where that cannot do a thing twice:
the method is idempotent and the whole request is still at hand (RFC 9110 section 9.2.2).
"""

import asyncio
import socket
import ssl
import time
from collections import deque
from math import inf

from adapters.message import Headers
from gateway.sockets import keep_alive
from gateway.upstreams import schemes
from gateway.upstreams.connection import Connection, Receiver
from gateway.upstreams.logins import Logins
from gateway.upstreams.resolve import Addresses
from gateway.upstreams.settings import UpstreamSettings
from gateway.wire import chunk, last_chunk
from shadow.observation import Failure

IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"})
# Seconds between two sweeps: a twentieth of the shortest time that the endpoint may take, within these bounds. Waking
# up costs more than what is then done.
_SWEEP = 0.05, 0.5
_EARLY = 64 << 10
# Seconds since a connection's last byte was read in which looking for more is not worth a system call.
_READ_DRY = 50e-6
# Failures that tell of the endpoint's health; a cancelled call, or one that found no room, does not.
_UNWELL = frozenset({
    "connect_refused", "connect_timeout", "dns", "tls", "first_byte_timeout", "between_bytes_timeout",
    "total_timeout", "reset", "truncated", "malformed",
})


class Sending:
    """One request on its way to an endpoint. Write its body, then finish; or cancel. `sent_all` once finished."""

    __slots__ = (
        "_chunked", "_connection", "_early", "_replay", "_retried", "_waits", "after", "before", "cancelled",
        "endpoint", "limit", "method", "receiver", "sent_all", "upgrade", "waiting_since",
    )

    def __init__(
        self, endpoint: "Endpoint", receiver: Receiver, method: str, before: bytes, after: bytes, body: bytes,
        whole: bool, chunked: bool, upgrade: bool, total: float,
    ) -> None:
        self.endpoint = endpoint
        self.receiver = receiver
        self.method = method
        self.before = before
        self.after = after
        self.sent_all = whole and not upgrade
        self.upgrade = upgrade
        self.limit = time.monotonic() + total if total else inf
        self._chunked = chunked
        self._early = body
        self._replay = body if whole and method in IDEMPOTENT and not upgrade else None
        self._retried = False
        self._waits = False
        self.cancelled = False
        self.waiting_since = 0.0
        self._connection: Connection | None = None

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
        if self.after:
            # A head in two parts has room for the Host of whichever endpoint is asked.
            first = self.before + self.endpoint.authority + self.after + self._early
        else:
            first = self.before + self._early
        self._early = b""
        connection.serve(self, first)
        if self._waits:
            self._waits = False
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
        if failure.kind in _UNWELL:
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
        self._waiting: deque[Sending] = deque()
        # Those that belong to clients' connections (upstreams/affinity.py).
        self.logins = Logins(settings.pool.bound)
        # Attempts under way, and the tasks that make them, which end some turns of the loop later.
        self._attempts: set[object] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._tls: ssl.SSLContext | None = None
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
        return len(self._busy) + len(self._waiting) + self.logins.busy

    @property
    def connections(self) -> int:
        """Open connections, busy and idle, and those that belong to clients."""
        return len(self._busy) + len(self._idle) + len(self.logins)

    def available(self, now: float) -> bool:
        """Whether it should be asked: healthy, and not ejected."""
        return self.healthy and now >= self.ejected_until

    # --- requests --------------------------------------------------------------------------------------------------

    def send(self, sending: Sending) -> None:
        """Send now on an idle connection, or as soon as there is one."""
        idle = self._idle
        while idle:
            connection = idle.pop()
            transport = connection.transport
            if transport is not None and not transport.is_closing():
                if time.monotonic() - connection.idle_since > _READ_DRY and connection.has_input():
                    connection.abort()
                    continue
                self._busy[connection] = sending
                sending.assigned(connection)
                return
        self.send_fresh(sending)

    def send_fresh(self, sending: Sending) -> None:
        """Send on a connection that is opened now, or on the next that is free where no more may be opened."""
        pool = self.settings.pool
        more = len(self._busy) + len(self._attempts) < pool.connections
        # Those for whom a connection is being opened do not queue.
        if not more and len(self._waiting) - len(self._attempts) >= pool.pending:
            sending.give_up(Failure("pool_full", source="gateway"))
            return
        sending.waiting_since = time.monotonic()
        self._waiting.append(sending)
        if more:
            self._open()
        self._sweep_soon()

    def forget(self, sending: Sending) -> None:
        """It need not wait any longer."""
        try:
            self._waiting.remove(sending)
        except ValueError:
            pass

    # --- from connections ------------------------------------------------------------------------------------------

    def released(self, connection: Connection) -> None:
        """A connection is free again."""
        self._busy.pop(connection, None)
        pool = self.settings.pool
        now = time.monotonic()
        if self._closed or (pool.age and now - connection.born > pool.age) \
                or not self.addresses.current(connection.address):
            connection.abort()
            return
        connection.idle_since = now
        if self._waiting:
            self._take_next(connection)
        else:
            self._idle.append(connection)

    def _take_next(self, connection: Connection) -> None:
        if self._waiting:
            sending = self._waiting.popleft()
            self._busy[connection] = sending
            sending.assigned(connection)
        elif self._closed:
            connection.abort()
        else:
            self._idle.append(connection)

    def ending(self, connection: Connection) -> None:
        """The upstream closes it after the answer under way, as any may."""

    def let_go(self, connection: Connection) -> Sending | None:
        """A connection leaves the pool for good, with the request that is under way on it: its place is free."""
        sending = self._busy.pop(connection, None)
        self._open_if_wanted()
        return sending

    def lost(self, connection: Connection) -> None:
        """A connection is gone."""
        self._busy.pop(connection, None)
        if connection in self._idle:
            self._idle.remove(connection)
        # Those who wait may have counted on a connection that is no more.
        self._open_if_wanted()

    def _open_if_wanted(self) -> None:
        room = len(self._busy) + len(self._attempts) < self.settings.pool.connections
        if room and len(self._waiting) > len(self._attempts):
            self._open()

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
        if self._waiting:
            self._waiting.popleft().give_up(reached)
        self._open_if_wanted()

    async def reach(self) -> Connection | Failure:
        """A connection that is opened now and is in no pool yet, or why there is none."""
        try:
            async with asyncio.timeout(self.settings.timeouts.connect):
                connection = await self._dial()
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
            # A missing CA file is ours to mend, whatever the socket says.
            failure = Failure("tls" if error.filename else "connect_refused", detail=type(error).__name__)
        self.last_failure = failure.kind
        return failure

    async def _dial(self) -> Connection:
        loop = asyncio.get_running_loop()
        addresses = self.addresses
        if addresses.unix:
            _, connection = await loop.create_unix_connection(lambda: Connection(self, addresses.unix), addresses.unix)
            return connection
        if addresses.tls and self._tls is None:
            self._tls = await loop.run_in_executor(None, self._tls_context)
        error: OSError | None = None
        for host, port in await addresses.resolve():
            try:
                transport, connection = await loop.create_connection(
                    lambda host=host: Connection(self, host), host, port, ssl=self._tls,
                    server_hostname=(self.settings.tls.server_name or addresses.host) if self._tls else None,
                )
                sock = transport.get_extra_info("socket")
                if sock is not None:
                    keep_alive(sock)
                return connection
            except ssl.SSLError:
                raise
            except OSError as refused:
                error = refused
        raise error or ConnectionRefusedError

    def _tls_context(self) -> ssl.SSLContext:
        tls = self.settings.tls
        context = ssl.create_default_context(cafile=tls.ca)
        if not tls.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if tls.cert:
            context.load_cert_chain(tls.cert, tls.key)
        return context

    # --- health ----------------------------------------------------------------------------------------------------

    def well(self) -> None:
        """A call went through."""
        self._failures = 0

    def unwell(self) -> None:
        """A call failed by the endpoint's doing: so many in a row eject it for a while."""
        ejection = self.settings.ejection
        self._failures += 1
        if ejection.failures and self._failures >= ejection.failures:
            self._failures = 0
            self.ejected_until = time.monotonic() + ejection.seconds

    # --- time ------------------------------------------------------------------------------------------------------

    def _sweep_soon(self) -> None:
        if not self._sweeping:
            self._sweeping = True
            asyncio.get_running_loop().call_later(self.period, self._sweep)

    def _sweep(self) -> None:
        """Give up what is overdue. One timer an endpoint costs less than one a request."""
        self._sweeping = False
        now = time.monotonic()
        for connection, sending in list(self._busy.items()):
            if now > connection.deadline:
                connection.overdue()
            elif now > sending.limit:
                sending.cancel()
                sending.give_up(Failure("total_timeout", sent=True))
        while self._waiting and now > self._waiting[0].limit:
            self._waiting.popleft().give_up(Failure("total_timeout"))
        while self._waiting and now - self._waiting[0].waiting_since > self.first_byte:
            # Every connection is taken, by event streams or tunnels perhaps, and none came free.
            self._waiting.popleft().give_up(Failure("pool_full", source="gateway"))
        kept = self.settings.pool.idle
        for connection in self._idle[:]:
            if now - connection.idle_since > kept:
                self._idle.remove(connection)
                connection.abort()
        if self._busy or self._waiting or self._idle:
            self._sweep_soon()

    def close(self) -> None:
        """End idle connections now, busy ones when they are done."""
        self._closed = True
        while self._idle:
            self._idle.pop().abort()
