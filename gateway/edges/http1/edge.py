"""What the client connections of one worker share: settings, memory, and how many there may be."""

import asyncio
import time
from typing import Protocol

from gateway.edges.arrival import Arrivals
from gateway.edges.http1.overload import Overload
from gateway.edges.http1.spread import Spread
from gateway.edges.settings import EdgeSettings
from gateway.pipeline import Exchange, Pipeline

# Client connections of a worker, where nothing is configured.
_CONNECTIONS = 20_000
# Seconds within which a new connection should have sent a request, when others want its place.
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
        """Count them again in the worker's memory."""
        ...


class Edge:
    """What the listeners of one worker share. New settings take effect with the next request."""

    def __init__(
        self, pipeline: Pipeline, settings: EdgeSettings, *, most: int = 1 << 20, spare: int = 1024,
        exchange: type[Exchange] = Exchange,
    ) -> None:
        """`most` is how many connections there are descriptors for, besides `spare` ones for those turned away.
        Each request becomes an `exchange`."""
        self.pipeline = pipeline
        self.exchange = exchange
        self.room = pipeline.room
        self.connections: set[ClientConnection] = set()
        # Connections that were accepted (acceptor.py) and are not `connections` yet: mostly TLS handshakes.
        self.arriving: set[ClientConnection] = set()
        # What other workers see of this one's connections; None where there are no others.
        self.spread: Spread | None = None
        # Answers of which more waits for the client than each connection may have uncounted.
        self.untaken: set[Outgoing] = set()
        # Connections that have not sent a whole head yet, the oldest first, and since when: these make way for others.
        self.silent: dict[ClientConnection, float] = {}
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
            self.spread.has(self.taken)

    def makes_room(self, now: float) -> bool:
        """Close the connection that has been silent for longest, so that another can be taken. False where none has
        been silent for long enough."""
        oldest = next(iter(self.silent), None)
        if oldest is None or now - self.silent[oldest] < _SILENT:
            return False
        del self.silent[oldest]
        oldest.close()
        return True

    def overloaded(self) -> list[str]:
        """What this worker is short of, so that it refuses requests: "memory", "connections"."""
        return [one.of for one in (self._memory, self._crowd) if one.now]

    def sweep(self) -> None:
        """Give up connections whose deadline has passed. Called about twice a second."""
        now = time.monotonic()
        for connection in list(self.connections):
            if now > connection.deadline:
                connection.overdue(now)
        for answers in list(self.untaken):
            answers.weigh()
        recorder = self.pipeline.recorder
        self._memory.report(recorder, self.room.refused, self.room.limit, now)
        self._crowd.report(recorder, self.turned_away, self.allowed, now)


def arrivals_of(transport: asyncio.BaseTransport | None) -> Arrivals:
    """What makes the arrivals of the client at the other end of the transport."""
    peer = transport.get_extra_info("peername") if transport is not None else None
    tls = transport is not None and transport.get_extra_info("sslcontext") is not None
    return Arrivals(str(peer[0]) if isinstance(peer, tuple) else "", "https" if tls else "http")
