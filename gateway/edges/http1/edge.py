"""What the client connections of one worker share: settings, memory, and how many there may be."""

import asyncio
import time
from typing import Protocol

from gateway.edges.arrival import Arrivals
from gateway.edges.http1.overload import Overload
from gateway.edges.settings import EdgeSettings
from gateway.pipeline import Exchange, Pipeline

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


class Edge:
    """What the listeners of one worker share. New settings take effect with the next request."""

    def __init__(
        self, pipeline: Pipeline, settings: EdgeSettings, *, most: int = 1 << 20, spare: int = 1024,
        exchange: type[Exchange] = Exchange,
    ) -> None:
        """There are file descriptors for `most` connections, and for `spare` more that are turned away. Each request
        becomes an `exchange`."""
        self.pipeline = pipeline
        self.exchange = exchange
        self.room = pipeline.room
        self.connections: set[ClientConnection] = set()
        # TLS handshakes under way (tls.py): these connections do not speak HTTP yet.
        self.handshakes: set[asyncio.Task[None]] = set()
        # Answers with more unread bytes than a connection may hold uncounted (gateway.room).
        self.untaken: set[Outgoing] = set()
        # Connections that have sent no whole head yet, the oldest first, and since when. They make way for others.
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

    def sweep(self) -> None:
        """Deal with connections whose deadline has passed, and log overloads. Called about twice a second."""
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
    """The Arrivals for the client at the other end of a transport."""
    peer = transport.get_extra_info("peername") if transport is not None else None
    tls = transport is not None and transport.get_extra_info("sslcontext") is not None
    return Arrivals(str(peer[0]) if isinstance(peer, tuple) else "", "https" if tls else "http")
