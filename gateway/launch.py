"""Runs the workers and opens their sockets: a single worker in this process, or several beside it.

Several run under uvicorn's supervisor. They are copies of its process (forked.py), so they share the memory of what it
has imported. They share the data port's socket, and each listens on the admin port (SO_REUSEPORT) and answers for all
of them.
"""

import functools
import os
import signal
import socket
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

import uvicorn

from gateway.app import Launch, create
from gateway.binding import bind, bind_door, shown
from gateway.edges.http1 import descriptors
from gateway.edges.http1.listener import Listener
from gateway.sockets import SocketFile
from gateway.stdio import to_stderr
from gateway.supervisor import Supervisor
from gateway.worker import Shared, Worker

# Seconds that TLS may need beyond the drain's grace. uvicorn counts whole seconds.
_SPARE = 1
# A Listener is an asyncio protocol in all but its type, which its own comment explains.
_LISTENER: Any = Listener


@dataclass(frozen=True, slots=True)
class Ports:
    """Where to listen: (host, port) or a Unix socket's path for data, (host, port) for admin. `names` are host names
    that requests to the admin port may use; addresses are always allowed. `door` is the Unix socket for commands,
    which `everybody` or this user alone may open; None for none."""

    data: tuple[str, int] | str
    admin: tuple[str, int]
    names: tuple[str, ...] = ()
    door: Path | None = None
    everybody: bool = False


def run(launch: Launch, ports: Ports, workers: int, grace: float) -> None:
    """Serve until SIGTERM or SIGINT. Raises ListenError."""
    descriptors.raise_limit()
    # Whoever started this may have left SIGCHLD ignored. Then the system would keep no exit status of a worker.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    data = bind(ports.data)
    if workers > 1:
        # The workers share the admin port with one another, but not with another gateway: fail now if one has it.
        bind(ports.admin).close()
    admin = bind(ports.admin, shared=workers > 1)
    chosen = admin.getsockname()[:2]
    door = bind_door(ports.door, everybody=ports.everybody) if ports.door is not None else None
    if ports.door is not None and door is None:
        to_stderr(f"figway: cannot listen on {ports.door}: no command can flip")
    config = uvicorn.Config(
        functools.partial(create, launch), factory=True, http=_LISTENER, ws="none", interface="asgi3", lifespan="on",
        loop="uvloop", log_config=None, access_log=False, proxy_headers=False, server_header=False, date_header=False,
        workers=workers, backlog=descriptors.backlog(descriptors.limit()),
        timeout_graceful_shutdown=ceil(grace) + _SPARE,
    )
    file = SocketFile(ports.data, os.stat(ports.data).st_ino) if isinstance(ports.data, str) else None
    shared = Shared(chosen, (ports.admin[0], *ports.names), file, launch.run_dir)
    opened = SocketFile(str(ports.door), os.stat(ports.door).st_ino) if ports.door is not None and door else None
    server = Worker(config, shared, admin, door=door) if workers == 1 else (
        Supervisor(config, [data], shared, [admin], door))
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
        if door is not None:
            door.close()
        for one in (file, opened):
            if one is not None:
                one.remove()


def _announce(data: socket.socket, admin: tuple[str, int]) -> None:
    name = data.getsockname()
    to_stderr(f"figway listens on {shown(name)}, admin on {shown(admin)}")
