"""Reads what came last on a connection that was lost because a write to it failed."""

import asyncio
import os
from typing import Protocol

from gateway.transports.http.parties import Served

# The most reads after a write failed. An answer that takes more reads is given up.
_LAST_READS = 16
_PIECE = 64 << 10


class Lost(Protocol):
    """What is needed of the connection."""

    @property
    def transport(self) -> asyncio.Transport | None:
        """The transport, whose socket is still open."""
        ...

    @property
    def serving(self) -> Served | None:
        """The request under way, None for none."""
        ...

    def data_received(self, data: bytes) -> None:
        """More of the answer has come."""
        ...


def read_last(lost: Lost) -> bool:
    """Read what came last on a connection that was lost because a write to it failed.

    That is often an early answer that says why the upstream takes no more of the request. Return whether the upstream
    ended its side after it.
    """
    transport = lost.transport
    sock = transport.get_extra_info("socket") if transport is not None else None
    if sock is None or transport is None or transport.get_extra_info("sslcontext") is not None:
        return False
    try:
        for _ in range(_LAST_READS):
            data = os.read(sock.fileno(), _PIECE)
            if not data or lost.serving is None:
                return not data
            lost.data_received(data)
    except OSError:
        pass
    return False
