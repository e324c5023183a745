"""One worker: a uvicorn server that hosts the native listener, with the admin port beside it.

When all workers stop, the data port closes: the supervisor closes its socket, and the workers first serve every client
that has connected, then close theirs. If one worker ends, the others keep the port and the clients that wait there.
"""

import asyncio
import contextlib
import functools
import signal
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from types import FrameType
from typing import cast

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.types import ASGIApp

from gateway.admin.app import admin_app
from gateway.admin.listener import AdminListener
from gateway.app import Gateway
from gateway.binding import bind
from gateway.control.access import TokenAccess
from gateway.control.listener import ControlListener
from gateway.control.routes import control_app, control_routes
from gateway.edges.http1.acceptor import Acceptor
from gateway.edges.http1.listener import Listener
from gateway.edges.http1.spread import Spread
from gateway.sockets import SocketFile, turn_away

# Seconds before the data port closes, so that TCP handshakes that have begun can end and be accepted; and seconds for
# which a worker waits to hear whether it stops alone.
_LAST_CALL = 0.2
# A file in the run directory: once it exists, all workers are stopping.
_STOPPING = "stopping"


@dataclass(frozen=True, slots=True)
class Shared:
    """The data that the workers of one gateway share: the admin port's address and names, the file of the data port's
    Unix socket, and the run directory ("" for a single worker)."""

    admin: tuple[str, int]
    names: tuple[str, ...]
    file: SocketFile | None
    run_dir: str

    def stop_all(self) -> None:
        """Tell every worker that all of them are stopping. If that cannot be written, each stops as if it did alone."""
        with contextlib.suppress(OSError):
            Path(self.run_dir, _STOPPING).touch()

    @property
    def all_stop(self) -> bool:
        """Whether all workers are stopping. True for a single worker."""
        return not self.run_dir or Path(self.run_dir, _STOPPING).exists()


class Resting(uvicorn.Server):
    """uvicorn's server, but asleep until it is asked to end. uvicorn's own wakes up ten times a second to see whether
    it is, which at low rates costs as much as some requests."""

    def __init__(self, config: uvicorn.Config) -> None:
        self._asked = False
        self._ends = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        super().__init__(config)

    @property
    def should_exit(self) -> bool:
        """Whether it was asked to end. uvicorn sets it, also in the handler of a signal."""
        return self._asked

    @should_exit.setter
    def should_exit(self, asked: bool) -> None:
        self._asked = asked
        if asked and self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop may have ended
                self._loop.call_soon_threadsafe(self._ends.set)

    async def main_loop(self) -> None:
        self._loop = asyncio.get_running_loop()
        if not self._asked:
            await self._ends.wait()


class Worker(Resting):
    """One worker: uvicorn's server, with the admin port beside it and a drain before it stops accepting."""

    def __init__(
        self, config: uvicorn.Config, shared: Shared, sock: socket.socket | None = None, spread: Spread | None = None,
        door: socket.socket | None = None,
    ) -> None:
        """`sock` is the admin port's, where no other worker listens there. `spread` is for one of several workers.
        `door` is the socket for commands, if there is one."""
        super().__init__(config)
        self._shared = shared
        self._admin_socket = sock
        self._spread = spread
        self._door = door
        self._acceptors: list[Acceptor] = []
        self._beside: dict[_Quiet, asyncio.Task[None]] = {}

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        gateway = self.gateway
        gateway.edge.spread = self._spread
        context = gateway.renewal.certificate.context if gateway.renewal is not None else None
        accepts = context is not None or self._spread is not None
        await super().startup([] if accepts else sockets)
        if accepts:
            self._listen(sockets or [], context)
        sock = self._admin_socket or bind(self._shared.admin, shared=True)
        app = admin_app(gateway.peers, gateway.report, version("figway"), self._shared.names, gateway.refused,
                        gateway.clients, control_routes(gateway.desk),
                        [Middleware(TokenAccess, gateway.desk.controls)])
        self._serve_beside(app, AdminListener, sock)
        if self._door is not None:
            self._serve_beside(control_app(gateway.desk), ControlListener, self._door)

    def _serve_beside(self, app: Starlette, listener: type[AdminListener], sock: socket.socket) -> None:
        server = _Quiet(uvicorn.Config(cast(ASGIApp, app), http=listener, ws="none", log_config=None, access_log=False,
                                       lifespan="off", proxy_headers=False, server_header=False))
        self._beside[server] = asyncio.get_running_loop().create_task(server.serve(sockets=[sock]))

    @property
    def gateway(self) -> Gateway:
        """The application that this worker runs."""
        return cast(Gateway, self.config.loaded_app)

    def _listen(self, sockets: list[socket.socket], context: ssl.SSLContext | None) -> None:
        make = functools.partial(
            Listener, config=self.config, server_state=self.server_state, app_state=self.lifespan.state)
        self._acceptors = [Acceptor(self.gateway.edge, context, make, sock, self.config.backlog) for sock in sockets]
        self.servers += cast(list[asyncio.base_events.Server], self._acceptors)

    def stop_soon(self, *_: object) -> None:
        """Shut down as soon as the server has started."""
        self.should_exit = True

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        with super().capture_signals():
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
            yield

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        # Ctrl-C reaches every process of a terminal, but only the supervisor decides that all of them stop.
        if sig != signal.SIGINT or not self._shared.run_dir or self.should_exit:
            super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # Readiness goes off first, so that load balancers choose other gateways while this one still accepts.
        self.gateway.begin_drain()
        await asyncio.sleep(self.gateway.in_force.configuration.edge.drain_delay)
        if not self._shared.all_stop:
            # A signal may have been sent to all processes, and reach the supervisor after this one.
            await asyncio.sleep(_LAST_CALL)
        if self._shared.all_stop:
            for sock in sockets or ():
                turn_away(sock, self._shared.file)
            for acceptor in self._acceptors:
                acceptor.last_call()
            await asyncio.sleep(_LAST_CALL)
        for acceptor in self._acceptors:
            await acceptor.end()
        await super().shutdown(sockets)
        if self.force_exit:
            # After a second Ctrl-C uvicorn cuts the calls in flight and skips this, but the shadow's evidence must
            # still be written.
            await self.lifespan.shutdown()
        for server in self._beside:
            server.should_exit = True
        if self._beside:
            await asyncio.wait(self._beside.values(), timeout=2)


class _Quiet(Resting):
    """A server inside a worker. It leaves signals to the worker."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
