"""Runs one sample service on a stock uvicorn until a signal stops it.

The parent may bind the socket and pass it on (`--fd`). Then the port is known before the service runs, and early calls
wait in the socket's queue.
"""

import socket
import sys
from argparse import ArgumentParser, Namespace
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send


def parser(name: str) -> ArgumentParser:
    """The options of every service: where it listens."""
    found = ArgumentParser(prog=f"python -m gateway.demo.{name}", description=f"The demo clinic's {name} service.")
    where = found.add_mutually_exclusive_group()
    where.add_argument("--port", type=int, default=0, help="the port on loopback; 0, the default: any free one")
    where.add_argument("--fd", type=int, help="a socket that listens already, instead of a port")
    found.add_argument("--access-log", type=Path, help="where to write a line for each request, in Combined Log Format")
    return found


def listening(options: ArgumentParser, asked: Namespace) -> socket.socket:
    """The socket that was asked for; ends the process with a message if it cannot be had."""
    if asked.fd is not None:
        return socket.socket(fileno=asked.fd)
    try:
        return socket.create_server(("127.0.0.1", asked.port), backlog=1024)
    except OSError as error:
        options.error(f"port {asked.port} cannot be used: {error.strerror}")


class Logged:
    """An application whose requests are logged in Combined Log Format, as Apache and nginx write it by default."""

    def __init__(self, application: ASGIApp, file: TextIO) -> None:
        self._application = application
        self._file = file

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the application does."""
        status, size = 0, 0

        async def counted(message: Message) -> None:
            nonlocal status, size
            status = message.get("status", status)
            size += len(message.get("body", b""))
            await send(message)

        try:
            await self._application(scope, receive, counted)
        finally:
            query = b"?" + scope["query_string"] if scope["query_string"] else b""
            target = (scope["raw_path"] + query).decode("latin-1")
            agent = dict(scope["headers"]).get(b"user-agent", b"-").decode("latin-1")
            at = datetime.now(UTC).strftime("%d/%b/%Y:%H:%M:%S +0000")
            request = f"{scope['method']} {target} HTTP/{scope['http_version']}"
            self._file.write(f'{scope["client"][0]} - - [{at}] "{request}" {status} {size} "-" "{agent}"\n')
            self._file.flush()


def serve(application: ASGIApp, name: str, listener: socket.socket, log: Path | None = None) -> None:
    """Serve on a socket, and write a line for each request to `log`. Prints the URL on stdout."""
    if log is not None:
        application = Logged(application, log.open("a"))
    sys.stdout.write(f"{name}: http://127.0.0.1:{listener.getsockname()[1]}\n")
    sys.stdout.flush()
    # A torn answer is deliberate, and uvicorn's complaint about it would only confuse.
    config = uvicorn.Config(application, log_level="critical", access_log=False, lifespan="off", backlog=1024)
    uvicorn.Server(config).run(sockets=[listener])
