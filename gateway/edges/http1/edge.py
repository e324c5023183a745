"""What the client connections of one worker share: settings, memory, and how many there may be."""

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

from gateway.call import Arrival
from gateway.edges.arrival import Arrivals
from gateway.edges.forwarded import spelled
from gateway.edges.http1.overload import Overload
from gateway.edges.http1.spread import Spread
from gateway.edges.settings import EdgeSettings
from gateway.outlet import Downstream
from gateway.pipeline import Exchange, Pipeline
from gateway.transports.http.affinity import Affinity

# Client connections of a worker, if nothing is configured.
_CONNECTIONS = 20_000
# Seconds in which a new connection may send its request. After that it is closed if another needs its place.
_SILENT = 0.1


class ClientConnection(Protocol):
    """A client connection, as the edge sees it. `deadline` (monotonic) is when `overdue` is called."""

    deadline: float

    def overdue(self, now: float) -> None:
        """The deadline has passed."""
        ...

    def close(self) -> None:
        """Close at once: no exchange runs."""
        ...

    def abort(self) -> None:
        """Cut the connection."""
        ...


class Outgoing(Protocol):
    """The answers of a connection whose client has not read all of them."""

    def weigh(self) -> None:
        """Count anew how much of the worker's memory they take."""
        ...


class Inlet(Protocol):
    """An exchange, as its client connection sees it (gateway.pipeline.Exchange). It takes one request: a head, pieces
    of a body, and an end. It answers through the Downstream that it was made with.

    It is a Protocol because compiled code takes only instances of the classes that it names, and the playbooks put a
    scripted exchange in this place."""

    def begin(self, arrival: Arrival, body: bytes, *, whole: bool) -> None:
        """A request has arrived, with `body` of it; `whole` if that is all."""
        ...

    def request_data(self, data: bytes) -> None:
        """More of the request's body; after an upgrade, whatever the client sends."""
        ...

    def request_end(self) -> None:
        """The request's body is complete."""
        ...

    def pause_download(self) -> None:
        """The client takes no more of its answer for now."""
        ...

    def resume_download(self) -> None:
        """The client takes more again."""
        ...

    def client_gone(self) -> None:
        """The client went away."""
        ...

    def client_broke(self, code: str) -> bool:
        """The request's body is cut or malformed. Returns whether the client was answered; if not, its connection is
        to be cut."""
        ...

    def crashed(self, error: Exception) -> None:
        """A fault of ours ends the request."""
        ...


class Refusals(Protocol):
    """Where the edge reports what it refuses: a gateway.telemetry.record.Recorder."""

    def refused(self, code: str, trace_id: str, rule: str, client: str, *, logged: bool = True) -> None:
        """See Recorder."""
        ...

    def unheard(self, rule: str, client: str) -> None:
        """See Recorder."""
        ...


class Edge:
    """What the listeners of one worker share. New settings take effect with the next request."""

    def __init__(
        self, pipeline: Pipeline, settings: EdgeSettings, *, most: int = 1 << 20, spare: int = 1024,
        exchange: Callable[[Pipeline, Downstream], Inlet] = Exchange,
    ) -> None:
        """There are file descriptors for `most` connections, and for `spare` more that are turned away. Each request
        becomes an `exchange`."""
        self._pipeline = pipeline
        self._exchange = exchange
        self.refusals: Refusals = pipeline.recorder
        self.room = pipeline.room
        self.connections: set[ClientConnection] = set()
        # Connections that were accepted (acceptor.py) and are not `connections` yet: mostly TLS handshakes.
        self.arriving: set[ClientConnection] = set()
        # What other workers see of this one's connections; None where there are no others.
        self.spread: Spread | None = None
        # Answers with more unread bytes than a connection may hold uncounted (gateway.room).
        self.untaken: set[Outgoing] = set()
        # Connections that have sent no whole head yet, the oldest first, and since when. They make way for others.
        self.silent: dict[ClientConnection, float] = {}
        # The logins of clients that have one.
        self.logins: set[Affinity] = set()
        self.turned_away = 0
        self.most = most
        self._spare = spare
        self._memory, self._crowd = Overload("memory"), Overload("connections")
        self.use(settings)

    def exchange(self, downstream: Downstream) -> Inlet:
        """A new exchange, which answers to `downstream`."""
        return self._exchange(self._pipeline, downstream)

    def is_draining(self) -> bool:
        """Whether the worker is about to stop: its connections close after the answer under way."""
        return self._pipeline.draining

    def use(self, settings: EdgeSettings) -> None:
        """Go by these settings from now on."""
        self.settings = settings
        self.room.limit = settings.memory
        self.allowed = min(settings.connections or _CONNECTIONS, self.most)
        self.at_most = self.allowed + self._spare
        self.via = b"Via: 1.1 %b\r\n" % settings.via.encode() if settings.via else b""

    @property
    def taken(self) -> int:
        """How many connections this worker has, those included that do not speak HTTP yet. A handshake costs work and
        memory, so it counts."""
        return len(self.connections) + len(self.arriving)

    def ended(self, connection: ClientConnection) -> None:
        """A connection has ended, perhaps before it arrived."""
        self.connections.discard(connection)
        self.arriving.discard(connection)
        self.silent.pop(connection, None)
        if self.spread is not None:
            self.spread.report(self.taken)

    def makes_room(self, now: float) -> bool:
        """Close the connection that has been silent for longest, so that another can be taken. False if none has
        been silent for long enough."""
        oldest = next(iter(self.silent), None)
        if oldest is None or now - self.silent[oldest] < _SILENT:
            return False
        del self.silent[oldest]
        oldest.close()
        return True

    def overloaded(self) -> list[str]:
        """The resources that have run out, so that this worker refuses clients: "memory" or "connections"."""
        return [one.of for one in (self._memory, self._crowd) if one.now]

    def settle(self) -> None:
        """Stages have changed: let clients go, after the answer under way, that are logged in at an arm that serves
        nothing of its capability any more."""
        for affinity in list(self.logins):
            affinity.settle(self._pipeline.table.is_served_by)

    def sweep(self) -> None:
        """Deal with connections whose deadline has passed, and log overloads. Called about twice a second."""
        now = time.monotonic()
        for connection in list(self.connections):
            if now > connection.deadline:
                connection.overdue(now)
        for answers in list(self.untaken):
            answers.weigh()
        if self.spread is not None:
            self.spread.report(self.taken)
        self._memory.report(self._pipeline.recorder, self.room.refused, self.room.limit, now)
        self._crowd.report(self._pipeline.recorder, self.turned_away, self.allowed, now)


def arrivals_of(transport: asyncio.BaseTransport | None) -> Arrivals:
    """The Arrivals for the client at the other end of a transport."""
    tls = transport is not None and transport.get_extra_info("sslcontext") is not None
    return Arrivals(address_of(transport), "https" if tls else "http")


def address_of(transport: asyncio.BaseTransport | None) -> str:
    """The address at the other end of a transport; "" for none, as on a Unix socket."""
    peer = transport.get_extra_info("peername") if transport is not None else None
    return spelled(str(peer[0])) if isinstance(peer, tuple) else ""
