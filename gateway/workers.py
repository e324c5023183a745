"""Processes and sockets: uvicorn hosts the listener, and the admin port beside it.

One worker runs in this process. Several run under uvicorn's supervisor, which replaces those that die; they share
the data port's socket, and each listens on the admin port (SO_REUSEPORT), answering for all of them.
"""

import asyncio
import contextlib
import functools
import os
import signal
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from math import ceil
from typing import cast

import uvicorn
from starlette.types import ASGIApp
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess
from uvicorn.supervisors.multiprocess import Process

from gateway import hangup
from gateway.app import Gateway, Launch, create
from gateway.edge.admin import admin_app
from gateway.edge.http1 import Listener

_BACKLOG = 2048
# What TLS may need beyond the drain's grace: uvicorn counts whole seconds.
_SPARE = 1
# Seconds between two tries to start a worker that could not.
_PAUSE = 1.0


@dataclass(frozen=True, slots=True)
class Ports:
    """Where to listen: (host, port) or a Unix socket's path for data, (host, port) for admin."""

    data: tuple[str, int] | str
    admin: tuple[str, int]
    certificate: str | None = None
    key: str | None = None


class ListenError(Exception):
    """An address cannot be listened on. The message names it and says why."""


def run(launch: Launch, ports: Ports, workers: int, grace: float) -> None:
    """Serve until SIGTERM or SIGINT. Raises ListenError."""
    data = _bind(ports.data)
    admin = _bind(ports.admin, shared=workers > 1)
    chosen = admin.getsockname()[:2]
    config = uvicorn.Config(
        functools.partial(create, launch), factory=True, http=Listener, ws="none", interface="asgi3", lifespan="on",
        loop="uvloop", log_config=None, access_log=False, proxy_headers=False, server_header=False, date_header=False,
        workers=workers, backlog=_BACKLOG, timeout_graceful_shutdown=ceil(grace) + _SPARE,
        ssl_certfile=ports.certificate, ssl_keyfile=ports.key,
    )
    # uvicorn raises the signal again once it has shut down; shutting down as asked is a success.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    _announce(data, chosen)
    try:
        if workers == 1:
            Worker(config, chosen, admin).run(sockets=[data])
        else:
            Supervisor(config, [data], chosen).run()
    finally:
        admin.close()
        if isinstance(ports.data, str):
            with contextlib.suppress(OSError):
                os.unlink(ports.data)


def _announce(data: socket.socket, admin: tuple[str, int]) -> None:
    name = data.getsockname()
    where = name if isinstance(name, str) else f"{name[0]}:{name[1]}"
    sys.stderr.write(f"figway listens on {where}, admin on {admin[0]}:{admin[1]}\n")
    sys.stderr.flush()


def _bind(address: tuple[str, int] | str, *, shared: bool = False) -> socket.socket:
    if isinstance(address, str):
        where, family = address, socket.AF_UNIX
    else:
        where, family = f"{address[0]}:{address[1]}", socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        if family is socket.AF_UNIX:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(str(address))
        else:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if shared:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind(address)
    except OSError as error:
        sock.close()
        raise ListenError(f"cannot listen on {where}: {os.strerror(error.errno or 0)}") from None
    sock.set_inheritable(True)
    return sock


class Worker(uvicorn.Server):
    """One worker: uvicorn's server, with the admin port beside it and a drain before it stops accepting."""

    def __init__(self, config: uvicorn.Config, admin: tuple[str, int], sock: socket.socket | None = None) -> None:
        super().__init__(config)
        self._admin_address = admin
        self._admin_socket = sock
        self._admin: _Quiet | None = None
        self._admin_task: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        gateway = self.gateway
        sock = self._admin_socket or _bind(self._admin_address, shared=True)
        app = admin_app(gateway.peers, gateway.report, version("figway"))
        self._admin = _Quiet(uvicorn.Config(cast(ASGIApp, app), log_config=None, access_log=False, lifespan="off",
                                            proxy_headers=False, server_header=False))
        self._admin_task = asyncio.get_running_loop().create_task(self._admin.serve(sockets=[sock]))

    @property
    def gateway(self) -> Gateway:
        """The application that this worker runs."""
        return cast(Gateway, self.config.loaded_app)

    async def main_loop(self) -> None:
        await super().main_loop()
        # Readiness off first, so that whoever balances load looks elsewhere while we still accept.
        self.gateway.begin_drain()
        await asyncio.sleep(self.gateway.configuration.edge.drain_delay)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await super().shutdown(sockets)
        if self._admin is not None and self._admin_task is not None:
            self._admin.should_exit = True
            await asyncio.wait([self._admin_task], timeout=2)


class _Quiet(uvicorn.Server):
    """A server inside a worker: signals are the worker's."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _WorkerProcess(Process):
    """uvicorn's worker process, running our Worker."""

    def __init__(self, config: uvicorn.Config, sockets: list[socket.socket], admin: tuple[str, int]) -> None:
        self._admin_address = admin
        super().__init__(config, sockets)

    @property
    def server(self) -> uvicorn.Server:
        if self._server is None:
            self._server = Worker(self.config, self._admin_address)
        return self._server


class Supervisor(Multiprocess):
    """uvicorn's supervisor, with our workers; SIGHUP is a reload of the configuration, not of the processes."""

    def __init__(self, config: uvicorn.Config, sockets: list[socket.socket], admin: tuple[str, int]) -> None:
        self._admin_address = admin
        self._served = False
        super().__init__(config, sockets)

    def _worker(self) -> Process:
        process = _WorkerProcess(self.config, self.sockets, self._admin_address)
        with hangup.held():
            process.start()
        return process

    def init_processes(self) -> None:
        self.processes = [self._worker() for _ in range(self.processes_num)]
        hangup.release()

    def keep_subprocess_alive(self) -> None:
        # As uvicorn's own, which makes workers of its own class.
        for index, process in enumerate(self.processes):
            if self.should_exit.is_set() or process.is_alive(timeout=self.config.timeout_worker_healthcheck):
                continue
            process.kill()
            process.join()
            if process.exitcode == STARTUP_FAILURE and not self._served:
                self.should_exit.set()
                return
            # A worker that cannot start now (a bad file, a full disk) may later, and the others serve on.
            self.should_exit.wait(_PAUSE if process.exitcode == STARTUP_FAILURE else 0)
            self.processes[index] = self._worker()
        self._served = self._served or all(process.is_ready() for process in self.processes)

    def handle_ttin(self) -> None:
        """The number of workers is fixed."""

    def handle_ttou(self) -> None:
        """The number of workers is fixed."""

    def handle_hup(self) -> None:
        for process in self.processes:
            if process.pid is not None:
                os.kill(process.pid, signal.SIGHUP)
