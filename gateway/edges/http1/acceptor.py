"""Accepts the data port's connections: with TLS, and where several workers accept from one socket.

A single worker without TLS leaves that to the event loop, which spends a fifth less on a connection.
"""

import asyncio
import select
import socket
import ssl
import time
from collections.abc import Callable
from typing import Any

from gateway.edges.forwarded import spelled
from gateway.edges.http1.edge import Edge
from gateway.edges.http1.listener import Listener
from gateway.wire.request_rules import broken_handshake

HANDSHAKE_SECONDS = 10.0
# Seconds that a client may take to confirm the end of a TLS connection: many never do.
_GOODBYE_SECONDS = 5.0
# Seconds that a stop waits for connections that have begun and do not speak HTTP yet.
_LAST_SECONDS = 1.0
# Clients that are accepted in one turn of the event loop, and seconds to wait where none can be accepted.
_AT_ONCE = 64
_PAUSE = 0.5
# Seconds for which a worker that has enough connections leaves the next ones to others, and seconds after which workers
# that have not come for them meanwhile are left out: on a busy machine a worker may have to wait for its turn.
_MOMENT = 0.001
_PATIENCE = 0.05
# Seconds for which the first worker of a gateway that starts waits for the others, before it takes all who come.
_TOGETHER = 2.0


class Acceptor:
    """Listens at a socket. uvicorn closes it as it closes an asyncio server. An asyncio server would not do: it takes
    whatever it can get, sets no limit to TLS handshakes, and does not say which are under way."""

    def __init__(
        self, edge: Edge, context: ssl.SSLContext | None, make: Callable[[], Listener], sock: socket.socket,
        backlog: int,
    ) -> None:
        self._edge = edge
        self._context = context
        self._make = make
        self._sock = sock
        self._spread = edge.spread
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._beginning: set[asyncio.Task[None]] = set()
        self._closed = False
        self._poll = select.poll()
        self._poll.register(sock, select.POLLIN)
        sock.setblocking(False)
        sock.listen(backlog)
        if self._spread is not None:
            self._spread.asks(edge.taken)  # so that the others see that it has begun
        self._begin_together(time.monotonic() + _TOGETHER)

    def last_call(self) -> None:
        """Take everybody who comes from now on, whatever others have: all workers are about to close."""
        self._spread = None
        if not self._closed:
            self._listen()

    async def end(self) -> None:
        """Accept no more, and give connections that have begun a short time until they speak HTTP."""
        self.close()
        if self._beginning:
            _, slow = await asyncio.wait(list(self._beginning), timeout=_LAST_SECONDS)
            for one in slow:
                one.cancel()

    def close(self) -> None:
        """Accept no more."""
        if not self._closed:
            self._closed = True
            self._leave()
            if self._edge.spread is not None:
                self._edge.spread.close()

    async def wait_closed(self) -> None:
        """Return at once: nothing is left to wait for."""

    def _begin_together(self, until: float) -> None:
        """Accept once all workers have begun: all clients of a gateway that was restarted return at once."""
        if self._spread is None or self._spread.all_have_begun() or time.monotonic() >= until:
            self._listen()
        else:
            self._leave(_PATIENCE, self._begin_together, until)

    def _listen(self) -> None:
        self._leave()
        self._loop.add_reader(self._sock, self._accept)

    def _leave(self, seconds: float = 0.0, then: Callable[..., None] | None = None, *arguments: object) -> None:
        """Leave the socket alone: for good, or until `then` is called after a while."""
        self._loop.remove_reader(self._sock)
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(seconds, then, *arguments) if then is not None else None

    def _accept(self) -> None:
        edge, spread = self._edge, self._spread
        for _ in range(_AT_ONCE):
            # All workers are woken, and mostly another one was quicker. To ask takes a tenth of an accept that fails.
            if not self._poll.poll(0):
                return
            if spread is not None and not spread.asks(edge.taken):
                self._leave(_MOMENT, self._look_again, spread.looks(), time.monotonic() + _PATIENCE)
                return
            try:
                client, peer = self._sock.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError:
                # No descriptor or no memory is left. Clients stay in the kernel's queue until there is, or until
                # another worker takes them.
                if spread is not None:
                    spread.close()
                self._leave(_PAUSE, self._listen)
                return
            if spread is not None:
                spread.accepted()
            if self._context is not None and edge.taken >= edge.allowed:
                # Closed unanswered: an answer would have to be encrypted, after a handshake that there is no room for.
                edge.turned_away += 1
                client.close()
                continue
            client.setblocking(False)
            listener = self._make()
            edge.arriving.add(listener)
            beginning = self._loop.create_task(self._begin(client, listener, peer))
            self._beginning.add(beginning)
            beginning.add_done_callback(self._beginning.discard)

    def _look_again(self, looks: dict[int, int], until: float) -> None:
        """After a moment: accept again if it is this worker's turn, or if the others have taken those who waited."""
        spread = self._spread
        if spread is None or spread.asks(self._edge.taken) or not self._poll.poll(0):
            self._listen()
            return
        now = time.monotonic()
        if now >= until:
            spread.leave_out(looks)
            looks, until = spread.looks(), now + _PATIENCE
        self._leave(_MOMENT, self._look_again, looks, until)

    async def _begin(self, client: socket.socket, listener: Any, peer: object) -> None:
        """Give the listener its connection, once the client has shaken hands if it speaks TLS. One that fails to is
        noted and closed. (A Listener is an asyncio protocol in all but its type.)"""
        try:
            if self._context is None:
                await self._loop.connect_accepted_socket(lambda: listener, client)
            else:
                await self._loop.connect_accepted_socket(
                    lambda: listener, client, ssl=self._context, ssl_handshake_timeout=HANDSHAKE_SECONDS,
                    ssl_shutdown_timeout=_GOODBYE_SECONDS)
        except (OSError, TimeoutError, asyncio.CancelledError) as error:
            self._edge.ended(listener)
            client.close()
            if self._context is not None and (rule := broken_handshake(error)):
                self._edge.refusals.unheard(rule, spelled(str(peer[0])) if isinstance(peer, tuple) else "")
