"""TLS on the data port: its certificate, which may be renewed while it is in use, and the handshakes under way.

A handshake is work and memory for whoever asks, before a word of HTTP: it counts as a connection, and ends in time.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gateway import certificates
from gateway.edges.http1.edge import Edge
from gateway.edges.http1.listener import Listener

HANDSHAKE_SECONDS = 10.0
# How long a client may take to say that it heard the end: many never do.
_GOODBYE_SECONDS = 5.0
# How long a stop waits for handshakes.
_LAST_SECONDS = 1.0
# Clients that are accepted in one turn of the loop, and seconds to wait where none can be.
_AT_ONCE = 64
_PAUSE = 0.5
# Of TLS 1.2; TLS 1.3 has no other. Suites that authenticate what they encrypt, with keys that are made for a
# connection: no CBC, whose padding has been attacked time and again.
_SUITES = "ECDHE+AESGCM:ECDHE+CHACHA20"
_CBC = ":ECDHE+AES:!AESCCM"


@dataclass(frozen=True, slots=True)
class ServerTls:
    """The PEM files of the data port's certificate, with its chain, and of its key; and whether CBC suites are
    offered, for clients that know no others."""

    cert: Path
    key: Path
    cbc: bool = False


class Certificate:
    """The data port's certificate. `context` is what connections begin with: each goes on with the certificate that
    is the newest by then, whole, and those that are open keep theirs."""

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
        """Raises Unusable, also where the files change meanwhile: OpenSSL reads them itself, and what it took must be
        what the digest is of."""
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
        """To be watched."""
        return self._tls.cert, self._tls.key

    def renew(self) -> bool:
        """Take the files as they are now, where they are good: whether they are, and others than before. Else the
        certificate stays, and `problem` says why. It reads files: call it in a thread."""
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
    """Listens for TLS: what uvicorn closes as it closes a server of asyncio's, which has no bound on handshakes of
    all its clients, and tells nobody of those that are under way."""

    def __init__(
        self, edge: Edge, context: ssl.SSLContext, make: Callable[[], Listener], sock: socket.socket, backlog: int,
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
        """Accept no more, and let the handshakes that are under way end, if they do so soon."""
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
        """Nothing is to be waited for."""

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
                # No descriptor is left, or no memory: whoever waits is still there when there is.
                self._loop.remove_reader(self._sock)
                self._loop.call_later(_PAUSE, self._listen)
                return
            if len(edge.connections) + len(edge.handshakes) >= edge.allowed:
                # An answer would have to be encrypted: what there is no room for is not worth a handshake.
                edge.turned_away += 1
                client.close()
                continue
            client.setblocking(False)
            handshake = self._loop.create_task(self._shake(client))
            edge.handshakes.add(handshake)
            handshake.add_done_callback(edge.handshakes.discard)

    async def _shake(self, client: socket.socket) -> None:
        """Becomes a Listener, in time. What a client says that is no TLS is nobody's fault here."""
        try:
            await self._loop.connect_accepted_socket(
                self._make, client, ssl=self._context, ssl_handshake_timeout=HANDSHAKE_SECONDS,
                ssl_shutdown_timeout=_GOODBYE_SECONDS)
        except (OSError, TimeoutError, asyncio.CancelledError):
            client.close()
