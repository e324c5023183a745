"""Opens connections to an endpoint: over a Unix socket, or to the addresses of a name in turn, under TLS if asked for.

Failures of the socket, the resolver and TLS become Failure values here.
"""

import asyncio
import errno
import socket
import ssl
from collections.abc import Callable
from typing import cast

from gateway.certificates import validity
from gateway.handshakes import advice, permit
from gateway.own_thread import in_own_thread
from gateway.sockets import keep_alive
from gateway.transports.http.connection import Connection
from gateway.transports.http.resolve import Addresses
from gateway.transports.settings import Tls
from shadow.observation import Failure

_NO_DESCRIPTORS = (errno.EMFILE, errno.ENFILE)


class Dialler:
    """Opens connections to one endpoint. `make` makes the protocol of a connection, given its address. `certificates`
    takes when the endpoint's certificate ends, by its URL."""

    def __init__(
        self, addresses: Addresses, tls: Tls, make: Callable[[str], Connection], certificates: dict[str, float],
    ) -> None:
        self._addresses = addresses
        self._settings = tls
        self._make = make
        self._tls: ssl.SSLContext | None = None
        self._certificates = certificates
        self._seen = b""

    async def reach(self, seconds: float) -> Connection | Failure:
        """Open a connection within this time. Return it, or why there is none."""
        try:
            async with asyncio.timeout(seconds):
                connection = await self._dial()
            if not connection.usable:
                raise ConnectionResetError
            return connection
        except TimeoutError:
            return Failure("connect_timeout")
        except socket.gaierror:
            return Failure("dns")
        except ssl.SSLError as error:
            return Failure("tls", detail=advice(error))
        except OSError as error:
            if error.errno in _NO_DESCRIPTORS:
                # The upstream was not asked.
                return Failure("pool_full", source="gateway")
            # Only an error of a file has a filename: a CA file is missing. The socket is not at fault.
            return Failure("tls" if error.filename else "connect_refused", detail=type(error).__name__)

    async def _dial(self) -> Connection:
        """Return an open connection. Raises OSError, which includes ssl.SSLError and socket.gaierror."""
        loop = asyncio.get_running_loop()
        addresses = self._addresses
        if addresses.unix:
            _, made = await loop.create_unix_connection(self._factory(addresses.unix), addresses.unix)
            return cast(Connection, made)
        if addresses.tls and self._tls is None:
            self._tls = await in_own_thread(self._context)
        error: OSError | None = None
        for host, port in await addresses.resolve():
            try:
                transport, made = await loop.create_connection(
                    self._factory(host), host, port, ssl=self._tls,
                    server_hostname=(self._settings.server_name or addresses.host) if self._tls else None,
                )
                sock = transport.get_extra_info("socket")
                if sock is not None:
                    keep_alive(sock)
                if self._tls is not None:
                    self._note_certificate(transport)
                return cast(Connection, made)
            except ssl.SSLError:
                raise
            except OSError as refused:
                error = refused
        raise error or ConnectionRefusedError

    def _factory(self, address: str) -> Callable[[], asyncio.BaseProtocol]:
        """A function that makes the protocol of a connection to `address`: a Connection, which is an asyncio protocol
        in all but its type."""
        return lambda: cast(asyncio.BaseProtocol, self._make(address))

    def _note_certificate(self, transport: asyncio.BaseTransport) -> None:
        """Note when the endpoint's certificate ends. It is read only if it is not the one that was seen last."""
        spoken = transport.get_extra_info("ssl_object")
        seen = spoken.getpeercert(binary_form=True) if spoken is not None else None
        if seen and seen != self._seen:
            self._seen = seen
            self._certificates[self._addresses.url] = validity(ssl.DER_cert_to_PEM_cert(seen).encode()).ends

    def _context(self) -> ssl.SSLContext:
        tls = self._settings
        context = ssl.create_default_context(cafile=tls.ca)
        permit(context, tls.strength)
        if not tls.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if tls.cert:
            context.load_cert_chain(tls.cert, tls.key)
        return context
