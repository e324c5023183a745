"""The floor: a proxy of two bare asyncio protocols on httptools, hosted by uvicorn as its `http` class.

It shows what the wire alone costs in Python: one request is parsed, sent on over a kept connection, and its answer
parsed and written back. It routes nothing, logs nothing, counts nothing, checks nothing, has no timeouts and no
backpressure, and takes no request bodies: a measure, never a gateway. `python -m tests.benchmarks.bare PORT UPSTREAM`.
"""

import argparse
import asyncio
from collections import deque
from typing import Any, cast

import httptools
import uvicorn
from uvicorn.server import ServerState

HOP_BY_HOP = frozenset((b"connection", b"keep-alive", b"te", b"transfer-encoding", b"upgrade"))


class Pool:
    """Connections to the upstream that wait for work; the last to come is the first to go."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.idle: list[UpstreamSide] = []

    async def connect(self) -> "UpstreamSide":
        _, side = await asyncio.get_running_loop().create_connection(lambda: UpstreamSide(self), "127.0.0.1", self.port)
        return side


class UpstreamSide(asyncio.Protocol):
    """One connection to the upstream, which serves one client at a time."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.client: ClientSide | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.parser = httptools.HttpResponseParser(self)

    def connection_lost(self, exc: Exception | None) -> None:
        if self in self.pool.idle:
            self.pool.idle.remove(self)
        if self.client is not None:
            self.client.transport.close()

    def ask(self, client: "ClientSide", request: bytes) -> None:
        self.client = client
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_message_begin(self) -> None:
        self.head: list[bytes] = []
        self.body: list[bytes] = []

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() not in HOP_BY_HOP:
            self.head.append(b"%b: %b\r\n" % (name, value))

    def on_body(self, body: bytes) -> None:
        self.body.append(body)

    def on_message_complete(self) -> None:
        client, self.client = self.client, None
        self.pool.idle.append(self)
        if client is not None:
            status = b"HTTP/1.1 %d \r\n" % self.parser.get_status_code()
            client.answer(b"".join((status, *self.head, b"\r\n", *self.body)))


class ClientSide(asyncio.Protocol):
    """One connection from a client: the protocol that uvicorn hosts. Requests wait their turn."""

    pool: Pool

    def __init__(
        self, config: uvicorn.Config, server_state: ServerState, app_state: dict[str, Any], _loop: object
    ) -> None:
        self.connections: set[Any] = server_state.connections
        self.tasks = server_state.tasks
        self.waiting: deque[bytes] = deque()
        self.busy = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.parser = httptools.HttpRequestParser(self)
        self.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.connections.discard(self)

    def shutdown(self) -> None:
        """uvicorn's word that the server ends."""
        self.transport.close()

    def data_received(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:
            self.transport.close()

    def on_message_begin(self) -> None:
        self.head: list[bytes] = []

    def on_url(self, url: bytes) -> None:
        self.url = url

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() not in HOP_BY_HOP:
            self.head.append(b"%b: %b\r\n" % (name, value))

    def on_message_complete(self) -> None:
        line = b"%b %b HTTP/1.1\r\n" % (self.parser.get_method(), self.url)
        self.waiting.append(b"".join((line, *self.head, b"\r\n")))
        if not self.busy:
            self.forward()

    def forward(self) -> None:
        self.busy = True
        request = self.waiting.popleft()
        if self.pool.idle:
            self.pool.idle.pop().ask(self, request)
            return
        task = asyncio.get_running_loop().create_task(self.forward_anew(request))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def forward_anew(self, request: bytes) -> None:
        try:
            side = await self.pool.connect()
        except OSError:
            self.transport.close()
        else:
            side.ask(self, request)

    def answer(self, response: bytes) -> None:
        self.busy = False
        if not self.transport.is_closing():
            self.transport.write(response)
            if self.waiting:
                self.forward()


async def no_app(scope: object, receive: object, send: object) -> None:
    """uvicorn wants an application; this floor has none."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.bare", description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("upstream", type=int)
    options = parser.parse_args()
    ClientSide.pool = Pool(options.upstream)
    config = uvicorn.Config(
        no_app, host="127.0.0.1", port=options.port, http=ClientSide, loop="uvloop", lifespan="off", access_log=False
    )
    uvicorn.Server(config).run()


if __name__ == "__main__":
    main()
