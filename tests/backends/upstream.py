"""A scripted server: the current handler answers every request, in a thread for each connection.

A handler is a function of (wire, asked): it reads the body if it wants to, sends what it likes, byte for byte,
and may close or reset. Handlers can be changed while connections stay open, as pooled connections do.
"""

import fcntl
import os
import random
import socket
import ssl
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson

from tests.backends.wire import PATIENCE, Asked, Cut, Wire, response

Handler = Callable[[Wire, Asked], None]


class Upstream:
    """Listens as soon as it is made. `asked` holds every request head that came, in order."""

    def __init__(self, *, host: str = "127.0.0.1", path: Path | None = None, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        if path is not None:
            self._listener = socket.socket(socket.AF_UNIX)
            self._listener.bind(str(path))
            self.url = f"unix://{path}"
        else:
            self._listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._listener.bind((host, 0))
            self.port = self._listener.getsockname()[1]
            shown = f"[{host}]" if ":" in host else host
            self.url = f"{'https' if tls else 'http'}://{shown}:{self.port}"
        self._listener.listen(1024)
        self.asked: list[Asked] = []
        self.wires: list[Wire] = []
        self.connections = 0
        self.failures: list[Exception] = []
        self._handler: Handler = echo
        threading.Thread(target=self._accept, daemon=True).start()

    # --- its behaviour ---

    def does(self, handler: Handler) -> None:
        """Let `handler` answer from the next request on."""
        self._handler = handler

    def answers(self, *replies: bytes) -> None:
        """From the next request on: read it whole, send the next of these bytes (the last one again and again)."""
        left = list(replies)

        def handler(wire: Wire, asked: Asked) -> None:
            wire.read_body(asked)
            wire.send(left.pop(0) if len(left) > 1 else left[0])

        self._handler = handler

    def forget(self) -> None:
        """Reset it: it echoes, and `asked` is empty. Connections stay open."""
        self._handler = echo
        self.asked.clear()
        self.failures.clear()

    def drop(self) -> None:
        """Close every open connection, as a restart does."""
        # A copy: each wire leaves the list as its thread ends.
        for wire in list(self.wires):
            try:
                wire.socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self) -> None:
        """Refuse connections from now on, and close the open ones."""
        self._listener.close()
        self.drop()

    # --- the requests that it got ---

    def targets(self) -> list[str]:
        """The targets asked for, in order."""
        return [one.target.decode("latin-1") for one in self.asked]

    def settled(self) -> list[Asked]:
        """The requests that arrived completely, once every request has ended or was cut off."""
        until(lambda: all(one.complete is not None for one in self.asked), "a request's body stays open")
        return [one for one in self.asked if one.complete]

    # how

    def _accept(self) -> None:
        while True:
            try:
                link, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(link,), daemon=True).start()

    def _serve(self, link: socket.socket) -> None:
        link.settimeout(PATIENCE * 6)
        try:
            if link.family != socket.AF_UNIX:
                link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            wire = Wire(self._tls.wrap_socket(link, server_side=True) if self._tls else link)
        except OSError:
            return
        self.wires.append(wire)
        try:
            self._converse(wire)
        except (OSError, Cut):
            pass
        except Exception as failure:
            self.failures.append(failure)
        finally:
            self.wires.remove(wire)
            wire.close()

    def _converse(self, wire: Wire) -> None:
        number = 0
        while wire.socket.fileno() >= 0 and (asked := wire.read_request()) is not None:
            number += 1
            asked.number = number
            if asked.framing == "none":
                asked.complete = True
            self.asked.append(asked)
            try:
                self._handler(wire, asked)
            finally:
                unread = asked.complete is None
                asked.complete = bool(asked.complete)
            if unread:
                return


def echo(wire: Wire, asked: Asked) -> None:
    """A handler that answers with the request as JSON."""
    wire.read_body(asked)
    heard = {
        "method": asked.method,
        "target": asked.target.decode("latin-1"),
        "headers": [[name.decode("latin-1"), value.decode("latin-1")] for name, value in asked.headers],
        "body": asked.body.decode("latin-1"),
        "framing": asked.framing,
        "trailers": [[name.decode("latin-1"), value.decode("latin-1")] for name, value in asked.trailers],
    }
    body = orjson.dumps(heard)
    wire.send(response(200, ("Content-Type", "application/json"), body=b"" if asked.method == "HEAD" else body))


def never(wire: Wire, asked: Asked) -> None:
    """A handler that reads the request and sends nothing until the other side gives up."""
    wire.read_body(asked)
    wire.rest()


def resets(wire: Wire, asked: Asked) -> None:
    """A handler that reads the request and resets the connection."""
    wire.read_body(asked)
    wire.reset()


def pours(size: int, piece: int = 1 << 20) -> Handler:
    """A handler that answers with `size` zero bytes, a piece at a time, in constant memory."""
    data = bytes(piece)

    def handler(wire: Wire, asked: Asked) -> None:
        wire.read_body(asked)
        wire.send(b"HTTP/1.1 200 Fine\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\n\r\n" % size)
        for _ in range(size // piece):
            wire.send(data)

    return handler


class BlackHole:
    """A port on which connecting hangs: the listener's only place is taken, and SYNs get no answer."""

    def __init__(self) -> None:
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(0)
        address = self._listener.getsockname()
        self.url = f"http://127.0.0.1:{address[1]}"
        self._plug = socket.create_connection(address)

    def close(self) -> None:
        self._plug.close()
        self._listener.close()


def closed_port() -> int:
    """A loopback port that refuses connections, and that no other process takes before the caller does.

    The system never chooses one of these ports itself, and other test runs at the same time get other ports.
    """
    for port in _PORTS:
        try:
            fcntl.lockf(_CLAIMS, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
        except OSError:
            continue  # another process's
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
    raise AssertionError("every port is taken")


def _ports() -> Iterator[int]:
    """Each port once, from a random one on, below the range that the system uses for outgoing connections."""
    first, last = 10_000, min(int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0]), 32_768)
    start = random.randrange(first, last)
    yield from (*range(start, last), *range(first, start))


_PORTS = _ports()
# A process claims a port by a lock on the byte at the port's number, for as long as the process runs.
_CLAIMS = os.open(Path(tempfile.gettempdir(), f"figway-tests-{os.getuid()}.ports"), os.O_RDWR | os.O_CREAT, 0o600)


def until(holds: Callable[[], bool], failing: str, seconds: float = PATIENCE, *, pause: float = 0.1) -> None:
    """Wait until `holds()` is true. Fails the test with `failing` if that takes more than `seconds`. It asks the less
    often the longer it takes, since asking a gateway costs as much as some requests, but at least once in `pause`
    seconds."""
    began = time.monotonic()
    while not holds():
        waited = time.monotonic() - began
        assert waited < seconds, failing
        time.sleep(min(0.01 + waited / 10, pause))
