"""TLS on the data port: its certificate, which can be renewed while it is in use, and the handshakes under way.

A handshake costs work and memory before any HTTP is spoken. So it counts as a connection, and has a deadline.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gateway import certificates
from gateway.edges.http1.edge import Edge

HANDSHAKE_SECONDS = 10.0
# Seconds that a client may take to confirm the end of the connection: many never do.
_GOODBYE_SECONDS = 5.0
# Seconds that the gateway waits for handshakes when it stops.
_LAST_SECONDS = 1.0
# Clients that are accepted in one turn of the event loop, and seconds to wait when none can be accepted.
_AT_ONCE = 64
_PAUSE = 0.5
# Suites of TLS 1.2 with authenticated encryption and fresh keys for each connection. TLS 1.3 has no other kind. CBC
# suites are left out: their padding has been attacked again and again.
_SUITES = "ECDHE+AESGCM:ECDHE+CHACHA20"
_CBC = ":ECDHE+AES:!AESCCM"


@dataclass(frozen=True, slots=True)
class ServerTls:
    """The PEM files of the data port's certificate, with its chain, and of its key. `cbc` offers CBC suites too, for
    clients that know no others."""

    cert: Path
    key: Path
    cbc: bool = False


class Certificate:
    """The data port's certificate. Each handshake begins with `context`, which then takes the newest certificate. Open
    connections keep theirs when the certificate is renewed."""

    def __init__(self, tls: ServerTls) -> None:
        """Raises Unusable."""
        self._tls = tls
        self.problem = ""
        self._digest, self.validity, self._current = self._made()
        self.context = _context(tls)
        self.context.sni_callback = self._choose

    def _choose(self, asked: ssl.SSLObject | ssl.SSLSocket, name: str | None, context: ssl.SSLContext) -> None:
        asked.context = self._current

    def _made(self) -> tuple[str, certificates.Validity, ssl.SSLContext]:
        """Read the files. Raises Unusable, also if they change meanwhile: OpenSSL reads them by itself, and must have
        read what the digest was made of."""
        files = certificates.checked(cert=self._tls.cert, key=self._tls.key)
        try:
            context = _context(self._tls)
        except (OSError, ssl.SSLError):
            context = None
        if context is None or certificates.checked(cert=self._tls.cert, key=self._tls.key) != files:
            raise certificates.Unusable("cert", "it changed while it was read")
        return files.digest, certificates.validity(files.cert), context

    @property
    def files(self) -> tuple[Path, Path]:
        """The files to watch for changes."""
        return self._tls.cert, self._tls.key

    def renew(self) -> bool:
        """Read the files again, and return whether there is a new certificate. If the files are unusable the old one
        stays, and `problem` says why. May block: call it in a thread."""
        try:
            digest, validity, fresh = self._made()
        except certificates.Unusable as error:
            self.problem = f"the {error.which} file of TLS: {error}"
            return False
        changed = digest != self._digest
        self._digest, self.validity, self._current, self.problem = digest, validity, fresh, ""
        return changed


def _context(tls: ServerTls) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_SUITES + _CBC if tls.cbc else _SUITES)
    context.load_cert_chain(tls.cert, tls.key)
    return context


class TlsServer:
    """Listens for TLS. uvicorn closes it as it closes an asyncio server. An asyncio server would not do: it sets no
    limit to handshakes, and does not say which are under way."""

    def __init__(
        self, edge: Edge, context: ssl.SSLContext, make: Callable[[], asyncio.BaseProtocol], sock: socket.socket,
        backlog: int,
    ) -> None:
        self._edge = edge
        self._context = context
        self._make = make
        self._sock = sock
        self._loop = asyncio.get_running_loop()
        self._closed = False
        sock.setblocking(False)
        sock.listen(backlog)
        self._listen()

    async def end(self) -> None:
        """Accept no more, and give the handshakes under way a short time to end."""
        self.close()
        if self._edge.handshakes:
            _, slow = await asyncio.wait(list(self._edge.handshakes), timeout=_LAST_SECONDS)
            for handshake in slow:
                handshake.cancel()

    def close(self) -> None:
        """Accept no more."""
        if not self._closed:
            self._closed = True
            self._loop.remove_reader(self._sock)

    async def wait_closed(self) -> None:
        """Return at once: nothing is left to wait for."""

    def _listen(self) -> None:
        if not self._closed:
            self._loop.add_reader(self._sock, self._accept)

    def _accept(self) -> None:
        edge = self._edge
        for _ in range(_AT_ONCE):
            try:
                client, _ = self._sock.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError:
                # No descriptor or no memory is left. Clients stay in the kernel's queue until there is.
                self._loop.remove_reader(self._sock)
                self._loop.call_later(_PAUSE, self._listen)
                return
            if len(edge.connections) + len(edge.handshakes) >= edge.allowed:
                # Closed unanswered: an answer would have to be encrypted, after a handshake that there is no room for.
                edge.turned_away += 1
                client.close()
                continue
            client.setblocking(False)
            handshake = self._loop.create_task(self._shake(client))
            edge.handshakes.add(handshake)
            handshake.add_done_callback(edge.handshakes.discard)

    async def _shake(self, client: socket.socket) -> None:
        """Give the client a Listener once its handshake is done. A client that speaks no TLS is closed silently."""
        try:
            await self._loop.connect_accepted_socket(
                self._make, client, ssl=self._context, ssl_handshake_timeout=HANDSHAKE_SECONDS,
                ssl_shutdown_timeout=_GOODBYE_SECONDS)
        except (OSError, TimeoutError, asyncio.CancelledError):
            client.close()
