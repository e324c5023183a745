"""Looks up the addresses of a name, off the event loop, and remembers them.

The last good answer is used for longer than usual while the resolver fails.
"""

import asyncio
import socket
import time
from urllib.parse import urlsplit

# While the resolver fails, an answer is used for this many times its life (CONTEXT.md, requirement 42).
_GRACE = 3


class Addresses:
    """The addresses of one endpoint URL: "http://host:port", "https://host:port" or "unix:///path"."""

    def __init__(self, url: str, life: float) -> None:
        parts = urlsplit(url)
        self.url = url
        self.tls = parts.scheme == "https"
        self.unix = parts.path if parts.scheme == "unix" else ""
        self.host = parts.hostname or "localhost"
        self.port = parts.port or (443 if self.tls else 80)
        self.authority = (parts.netloc.rpartition("@")[2] or "localhost").encode("idna" if not self.unix else "ascii")
        self._life = life
        self._found: list[tuple[str, int]] = []
        self._hosts: frozenset[str] = frozenset()
        self._at = 0.0
        self._pending: asyncio.Task[list[tuple[str, int]]] | None = None

    def current(self, address: str) -> bool:
        """Whether `address` is still one of the name's addresses, as far as is known."""
        return not self._hosts or address in self._hosts

    async def resolve(self) -> list[tuple[str, int]]:
        """(address, port) pairs in the resolver's order. Raises socket.gaierror."""
        if self._found and time.monotonic() - self._at < self._life:
            return self._found
        if self._pending is None or self._pending.done():
            self._pending = asyncio.get_running_loop().create_task(self._look_up())
        if self._found and time.monotonic() - self._at < self._life * _GRACE:
            try:
                # While there is an earlier answer, a slow resolver must not slow requests down.
                return await asyncio.wait_for(asyncio.shield(self._pending), 0.2)
            except (TimeoutError, socket.gaierror):
                return self._found
        return await asyncio.shield(self._pending)

    async def _look_up(self) -> list[tuple[str, int]]:
        answers = await asyncio.get_running_loop().getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        self._found = list(dict.fromkeys((str(sockaddr[0]), int(sockaddr[1])) for *_, sockaddr in answers))
        self._hosts = frozenset(host for host, _ in self._found)
        self._at = time.monotonic()
        return self._found
