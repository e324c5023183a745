"""Runs the workers and opens their sockets. A worker is a uvicorn server with the native listener and the admin port.

A single worker runs in this process. Several run under uvicorn's supervisor, which replaces those that die. They share
the data port's socket, and each listens on the admin port (SO_REUSEPORT) and answers for all of them.

When all workers stop, the data port closes: the supervisor closes its socket, and the workers first serve every client
that has connected, then close theirs. If one worker ends, the others keep the port and the clients that wait there.
"""

import asyncio
import contextlib
import functools
import os
import signal
import socket
import ssl
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from math import ceil
from multiprocessing import resource_tracker
from pathlib import Path
from types import FrameType
from typing import Any, cast

import uvicorn
from starlette.types import ASGIApp
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess
from uvicorn.supervisors.multiprocess import Process

from gateway import hangup
from gateway.admin.app import admin_app
from gateway.admin.listener import AdminListener
from gateway.app import Gateway, Launch, create
from gateway.edges.http1 import descriptors
from gateway.edges.http1.listener import Listener
from gateway.edges.http1.tls import TlsServer
from gateway.sockets import SocketFile, keep_alive, turn_away
from gateway.stdio import to_stderr

# Seconds that TLS may need beyond the drain's grace. uvicorn counts whole seconds.
_SPARE = 1
# Seconds in which a worker must have started to answer its supervisor.
_START = 60.0
# Seconds between two tries to start a worker that fails to start.
_PAUSE = 1.0
# Seconds before the data port closes, so that TCP handshakes that have begun can end and be accepted.
_LAST_CALL = 0.2
# A file in the run directory: once it exists, all workers are stopping.
_STOPPING = "stopping"
# A Listener is an asyncio protocol in all but its type: a class that extends one of asyncio's cannot be compiled.
_LISTENER: Any = Listener


@dataclass(frozen=True, slots=True)
class Ports:
    """Where to listen: (host, port) or a Unix socket's path for data, (host, port) for admin. `names` are host names
    that requests to the admin port may use; addresses are always allowed."""

    data: tuple[str, int] | str
    admin: tuple[str, int]
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Shared:
    """The data that the workers of one gateway share: the admin port's address and names, the file of the data port's
    Unix socket, and the run directory ("" for a single worker)."""

    admin: tuple[str, int]
    names: tuple[str, ...]
    file: SocketFile | None
    run_dir: str

    def stop_all(self) -> None:
        """Tell every worker that all of them are stopping."""
        Path(self.run_dir, _STOPPING).touch()

    @property
    def all_stop(self) -> bool:
        """Whether all workers are stopping. True for a single worker."""
        return not self.run_dir or Path(self.run_dir, _STOPPING).exists()


class ListenError(Exception):
    """The gateway cannot listen on an address. The message names it and says why."""


def run(launch: Launch, ports: Ports, workers: int, grace: float) -> None:
    """Serve until SIGTERM or SIGINT. Raises ListenError."""
    descriptors.raise_limit()
    data = _bind(ports.data)
    if workers > 1:
        # The workers share the admin port with one another, but not with another gateway: fail now if one has it.
        _bind(ports.admin).close()
    admin = _bind(ports.admin, shared=workers > 1)
    chosen = admin.getsockname()[:2]
    config = uvicorn.Config(
        functools.partial(create, launch), factory=True, http=_LISTENER, ws="none", interface="asgi3", lifespan="on",
        loop="uvloop", log_config=None, access_log=False, proxy_headers=False, server_header=False, date_header=False,
        workers=workers, backlog=descriptors.backlog(descriptors.limit()),
        timeout_graceful_shutdown=ceil(grace) + _SPARE,
    )
    file = SocketFile(ports.data, os.stat(ports.data).st_ino) if isinstance(ports.data, str) else None
    shared = Shared(chosen, (ports.admin[0], *ports.names), file, launch.run_dir)
    server = Worker(config, shared, admin) if workers == 1 else Supervisor(config, [data], shared)
    if isinstance(server, Worker):
        # These handlers apply until uvicorn installs its own. uvicorn raises the signal again once it has shut down,
        # and that must count as a success.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, server.stop_soon)
    _announce(data, chosen)
    try:
        server.run(sockets=[data]) if isinstance(server, Worker) else server.run()
    finally:
        # The server has stopped. Another signal would kill Python while it cleans up.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        admin.close()
        if file is not None:
            file.remove()


def _announce(data: socket.socket, admin: tuple[str, int]) -> None:
    name = data.getsockname()
    to_stderr(f"figway listens on {_shown(name)}, admin on {_shown(admin)}")


def _shown(address: tuple[str, int] | str) -> str:
    if isinstance(address, str):
        return address
    host, port = address[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _family(address: tuple[str, int] | str) -> socket.AddressFamily:
    if isinstance(address, str):
        return socket.AF_UNIX
    return socket.AF_INET6 if ":" in address[0] else socket.AF_INET


def _bind(address: tuple[str, int] | str, *, shared: bool = False) -> socket.socket:
    """A socket at this address. It listens at once, so that no other process can take the address. A shared one does
    not: each worker listens on a socket of its own."""
    where = _shown(address)
    sock = socket.socket(_family(address), socket.SOCK_STREAM)
    try:
        if isinstance(address, str):
            _remove_socket(address)
        else:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            keep_alive(sock)
            if shared:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind(address)
        if not shared:
            sock.listen(descriptors.backlog(descriptors.limit()))
    except OSError as error:
        sock.close()
        raise ListenError(f"cannot listen on {where}: {os.strerror(error.errno or 0)}") from None
    sock.set_inheritable(True)
    return sock


def _remove_socket(path: str) -> None:
    """Remove the file of a socket that another gateway left behind, or that this gateway takes over. Raises ListenError
    if the file is not a socket."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found.st_mode):
        raise ListenError(f"cannot listen on {path}: the file exists and is not a socket")
    os.unlink(path)


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
            self._loop.call_soon_threadsafe(self._ends.set)

    async def main_loop(self) -> None:
        self._loop = asyncio.get_running_loop()
        if not self._asked:
            await self._ends.wait()


class Worker(Resting):
    """One worker: uvicorn's server, with the admin port beside it and a drain before it stops accepting."""

    def __init__(self, config: uvicorn.Config, shared: Shared, sock: socket.socket | None = None) -> None:
        super().__init__(config)
        self._shared = shared
        self._admin_socket = sock
        self._tls: list[TlsServer] = []
        self._admin: _Quiet | None = None
        self._admin_task: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        gateway = self.gateway
        await super().startup([] if gateway.renewal is not None else sockets)
        if gateway.renewal is not None:
            self._listen(sockets or [], gateway.renewal.certificate.context)
        sock = self._admin_socket or _bind(self._shared.admin, shared=True)
        app = admin_app(gateway.peers, gateway.report, version("figway"), self._shared.names, gateway.refused)
        self._admin = _Quiet(uvicorn.Config(cast(ASGIApp, app), http=AdminListener, ws="none", log_config=None,
                                            access_log=False, lifespan="off", proxy_headers=False, server_header=False))
        self._admin_task = asyncio.get_running_loop().create_task(self._admin.serve(sockets=[sock]))

    @property
    def gateway(self) -> Gateway:
        """The application that this worker runs."""
        return cast(Gateway, self.config.loaded_app)

    def _listen(self, sockets: list[socket.socket], context: ssl.SSLContext) -> None:
        make = functools.partial(
            _LISTENER, config=self.config, server_state=self.server_state, app_state=self.lifespan.state)
        self._tls = [TlsServer(self.gateway.edge, context, make, sock, self.config.backlog) for sock in sockets]
        self.servers += cast(list[asyncio.base_events.Server], self._tls)

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
        if self._shared.all_stop:
            for sock in sockets or ():
                turn_away(sock, self._shared.file)
            await asyncio.sleep(_LAST_CALL)
        for server in self._tls:
            await server.end()
        await super().shutdown(sockets)
        if self.force_exit:
            # After a second Ctrl-C uvicorn cuts the calls in flight and skips this, but the shadow's evidence must
            # still be written.
            await self.lifespan.shutdown()
        if self._admin is not None and self._admin_task is not None:
            self._admin.should_exit = True
            await asyncio.wait([self._admin_task], timeout=2)


class _Quiet(Resting):
    """A server inside a worker. It leaves signals to the worker."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _WorkerProcess(Process):
    """uvicorn's worker process, running our Worker."""

    def __init__(self, config: uvicorn.Config, sockets: list[socket.socket], shared: Shared) -> None:
        self._shared = shared
        self._patient_until = time.monotonic() + _START
        self._asked = self.has_answered = False
        super().__init__(config, sockets)

    def is_alive(self, timeout: float = 5) -> bool:
        """Whether it answers within `timeout` seconds. Until its first answer it has _START seconds, and this does not
        wait: on a busy machine Python's imports alone may take many seconds."""
        if self.has_answered:
            return super().is_alive(timeout)
        if not self.process.is_alive():
            return False
        try:
            if not self._asked:
                self._asked = True
                self.parent_conn.send(b"ping")
            if self.parent_conn.poll(0):
                self.parent_conn.recv()
                self.has_answered = True
        except (OSError, EOFError):
            return False
        return self.has_answered or time.monotonic() < self._patient_until

    def is_ready(self, timeout: float = 5) -> bool:
        """Whether it has started, and answers within `timeout` seconds."""
        return self.has_answered and super().is_ready(timeout)

    @property
    def server(self) -> uvicorn.Server:
        if self._server is None:
            self._server = Worker(self.config, self._shared)
        return self._server


class Supervisor(Multiprocess):
    """uvicorn's supervisor, with our workers. SIGHUP reloads the configuration and does not replace the processes."""

    def __init__(self, config: uvicorn.Config, sockets: list[socket.socket], shared: Shared) -> None:
        self._shared = shared
        self._served = False
        self._starting = False
        super().__init__(config, sockets)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._asked_to_stop)

    def _asked_to_stop(self, number: int, frame: FrameType | None) -> None:
        # Do this at once. The workers may get the signal too (systemd sends it to all), and none of them may believe
        # that it ends alone. From now on only the workers hold the port, and it closes with the last of them.
        self.signal_queue.append(number)
        self._shared.stop_all()
        if not self._starting:
            self._let_go()

    def _let_go(self) -> None:
        for sock in self.sockets:
            sock.close()

    def _worker(self) -> Process | None:
        """Start a worker and return it, or return None if all workers are stopping."""
        self._starting = True
        try:
            if self._shared.all_stop:
                return None
            process = _WorkerProcess(self.config, self.sockets, self._shared)
            # Start Python's resource tracker first: if it started below, it would unblock SIGINT.
            resource_tracker.ensure_running()
            with hangup.held():
                # A worker inherits this mask, and unblocks the signal once it has installed its handler.
                signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
                process.start()
            # From now on only the worker holds this end, so that its death is noticed at once.
            process.child_conn.close()
            return process
        finally:
            self._starting = False
            if self._shared.all_stop:
                self._let_go()

    def run(self) -> None:
        """Serve until a signal ends it. If anything else ends it, end the workers too, since Python waits for them."""
        try:
            super().run()
        except BaseException:
            self.terminate_all()
            raise

    def terminate_all(self) -> None:
        self._shared.stop_all()
        self._let_go()
        super().terminate_all()

    def init_processes(self) -> None:
        started = [self._worker() for _ in range(self.processes_num)]
        self.processes = [process for process in started if process is not None]
        hangup.release()

    def keep_subprocess_alive(self) -> None:
        # Like uvicorn's own method, which would start workers of its own class.
        for index, process in enumerate(self.processes):
            if self._shared.all_stop:
                return
            if process.is_alive(timeout=self.config.timeout_worker_healthcheck):
                continue
            process.kill()
            process.join()
            if process.exitcode == STARTUP_FAILURE and not self._served:
                self.should_exit.set()
                return
            # A worker that cannot start now (a bad file, a full disk) may start later, and the others go on serving.
            self.should_exit.wait(_PAUSE if process.exitcode == STARTUP_FAILURE else 0)
            self.processes[index] = self._worker() or process
        self._served = self._served or all(process.is_ready() for process in self.processes)

    def handle_ttin(self) -> None:
        """The number of workers is fixed."""

    def handle_ttou(self) -> None:
        """The number of workers is fixed."""

    def handle_hup(self) -> None:
        for process in self.processes:
            # The number of a worker that has ended may belong to another process by now.
            if process.exitcode is None and process.pid is not None:
                os.kill(process.pid, signal.SIGHUP)
