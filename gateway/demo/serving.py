"""Runs one sample service on a stock uvicorn until a signal stops it.

The parent may bind the socket and pass it on (`--fd`). Then the port is known before the service runs, and early calls
wait in the socket's queue.
"""

import socket
import sys
from argparse import ArgumentParser, Namespace

import uvicorn
from starlette.applications import Starlette


def parser(name: str) -> ArgumentParser:
    """The options of every service: where it listens."""
    found = ArgumentParser(prog=f"python -m gateway.demo.{name}", description=f"The demo clinic's {name} service.")
    where = found.add_mutually_exclusive_group()
    where.add_argument("--port", type=int, default=0, help="the port on loopback; 0, the default: any free one")
    where.add_argument("--fd", type=int, help="a socket that listens already, instead of a port")
    return found


def listening(options: ArgumentParser, asked: Namespace) -> socket.socket:
    """The socket that was asked for; ends the process with a message if it cannot be had."""
    if asked.fd is not None:
        return socket.socket(fileno=asked.fd)
    try:
        return socket.create_server(("127.0.0.1", asked.port), backlog=1024)
    except OSError as error:
        options.error(f"port {asked.port} cannot be used: {error.strerror}")


def serve(application: Starlette, name: str, listener: socket.socket) -> None:
    """Serve on a socket. Prints the URL on stdout."""
    sys.stdout.write(f"{name}: http://127.0.0.1:{listener.getsockname()[1]}\n")
    sys.stdout.flush()
    # A torn answer is deliberate, and uvicorn's complaint about it would only confuse.
    config = uvicorn.Config(application, log_level="critical", access_log=False, lifespan="off", backlog=1024)
    uvicorn.Server(config).run(sockets=[listener])
