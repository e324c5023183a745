"""The admin port's listener: uvicorn's own, with limits on the time, size and number of its connections.

A client must send its request and read its answer within a time, so that no client can hold a connection for ever. If
there are too many connections, the one whose client has kept us waiting longest is cut, so that probes get through.
"""

import asyncio
import time
from email.utils import formatdate
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

REQUEST = 10.0
"""Seconds in which a whole request must come, from the opening of its connection or the end of the last answer."""
ANSWER = 60.0
"""Seconds in which the answer must be made, and read by the client."""
SIZE = 64 << 10
"""Most bytes of a request with its body; no path here uses a body."""
CONNECTIONS = 100
"""Most open connections of one listener."""


class AdminListener(HttpToolsProtocol):
    """One connection to the admin port."""

    def __init__(self, config: Config, server_state: ServerState, app_state: dict[str, Any],
                 _loop: asyncio.AbstractEventLoop | None = None) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._since = 0.0
        self._received = 0
        self._unanswered = 0
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._since = self.loop.time()
        self._timer = self.loop.call_later(REQUEST, self._look)
        if len(self.connections) > CONNECTIONS:
            self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._received += len(data)
        if self._received > SIZE:
            self.transport.abort()
        elif not self.transport.is_closing():
            super().data_received(data)

    def on_message_begin(self) -> None:
        # uvicorn's own servers make this field once a second, whether anybody asks or not.
        now = formatdate(time.time(), usegmt=True)
        self.server_state.default_headers = [(b"date", now.encode()), *self.config.encoded_headers]
        super().on_message_begin()

    def on_message_complete(self) -> None:
        self._since = self.loop.time()
        self._unanswered += 1
        super().on_message_complete()

    def on_response_complete(self) -> None:
        self._since = self.loop.time()
        self._unanswered -= 1
        self._received = 0
        super().on_response_complete()

    @property
    def _waits(self) -> bool:
        """Whether the client is to send a request next: no answer is due or under way."""
        return self._unanswered <= 0 and self.transport.get_write_buffer_size() == 0

    def _look(self) -> None:
        """Abort the connection if it is overdue, or else look again when it would be, at most REQUEST seconds later."""
        left = self._since + (REQUEST if self._waits else ANSWER) - self.loop.time()
        if left <= 0:
            self.transport.abort()
        else:
            self._timer = self.loop.call_later(min(left, REQUEST), self._look)

    def _make_room(self) -> None:
        waiting = [one for one in self.connections if isinstance(one, AdminListener) and one._waits]
        min(waiting, key=lambda one: one._since, default=self).transport.abort()
