"""Runs one sample service on a stock uvicorn until a signal stops it.

The parent may bind the socket and pass it on (`--fd`). Then the port is known before the service runs, and early calls
wait in the socket's queue.
"""

import socket
import sys
from argparse import ArgumentParser
from collections.abc import Sequence

import uvicorn
from starlette.applications import Starlette


def serve(application: Starlette, name: str, arguments: Sequence[str] | None = None) -> None:
    """Serve on loopback, at `--port` (0: any free one) or on the listening socket `--fd`. Prints the URL on stdout."""
    parser = ArgumentParser(prog=f"python -m gateway.demo.{name}", description=f"The demo clinic's {name} service.")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--port", type=int, default=0)
    where.add_argument("--fd", type=int)
    asked = parser.parse_args(arguments)
    if asked.fd is None:
        try:
            listener = socket.create_server(("127.0.0.1", asked.port), backlog=1024)
        except OSError as error:
            parser.error(f"port {asked.port} cannot be used: {error.strerror}")
    else:
        listener = socket.socket(fileno=asked.fd)
    sys.stdout.write(f"{name}: http://127.0.0.1:{listener.getsockname()[1]}\n")
    sys.stdout.flush()
    # A torn answer is deliberate, and uvicorn's complaint about it would only confuse.
    config = uvicorn.Config(application, log_level="critical", access_log=False, lifespan="off", backlog=1024)
    uvicorn.Server(config).run(sockets=[listener])
