"""The listener of the Unix socket for commands: the admin port's, which also says which user is at the other end."""

import asyncio
import os
import socket
from typing import Any, cast

from gateway.admin.listener import AdminListener
from gateway.control.access import PEER
from gateway.control.who import peer_of


class ControlListener(AdminListener):
    """One connection of a command."""

    _peer = (-1, -1)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        # uvloop's own socket object answers no questions.
        with socket.socket(fileno=os.dup(transport.get_extra_info("socket").fileno())) as sock:
            self._peer = peer_of(sock)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        cast(dict[str, Any], self.scope)[PEER] = self._peer
