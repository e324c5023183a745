"""How a connection to an endpoint is opened: by a Unix socket or to the addresses of a name in turn, and under TLS."""

import asyncio
import ssl
from collections.abc import Callable

from gateway.apart import apart
from gateway.sockets import keep_alive
from gateway.transports.http.connection import Connection
from gateway.transports.http.resolve import Addresses
from gateway.transports.http.settings import Tls


class Dialler:
    """Opens connections to one endpoint. `make` makes the protocol of one, given the address that it leads to."""

    def __init__(self, addresses: Addresses, tls: Tls, make: Callable[[str], Connection]) -> None:
        self._addresses = addresses
        self._settings = tls
        self._make = make
        self._tls: ssl.SSLContext | None = None

    async def dial(self) -> Connection:
        """A connection that is open. Raises OSError, ssl.SSLError and socket.gaierror among them."""
        loop = asyncio.get_running_loop()
        addresses = self._addresses
        if addresses.unix:
            _, connection = await loop.create_unix_connection(lambda: self._make(addresses.unix), addresses.unix)
            return connection
        if addresses.tls and self._tls is None:
            self._tls = await apart(self._context)
        error: OSError | None = None
        for host, port in await addresses.resolve():
            try:
                transport, connection = await loop.create_connection(
                    lambda host=host: self._make(host), host, port, ssl=self._tls,
                    server_hostname=(self._settings.server_name or addresses.host) if self._tls else None,
                )
                sock = transport.get_extra_info("socket")
                if sock is not None:
                    keep_alive(sock)
                return connection
            except ssl.SSLError:
                raise
            except OSError as refused:
                error = refused
        raise error or ConnectionRefusedError

    def _context(self) -> ssl.SSLContext:
        tls = self._settings
        context = ssl.create_default_context(cafile=tls.ca)
        if not tls.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if tls.cert:
            context.load_cert_chain(tls.cert, tls.key)
        return context
