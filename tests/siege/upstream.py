"""The server behind the gateways: `python -m tests.siege.upstream PORT`. What it answers depends on the path.

    /big       32 MiB, as fast as they are taken
    /tiny      chunks of one byte, without end
    /socket    101, and then nothing
    all else   200 with a small body, once the request's body is whole
"""

import asyncio
import socket
import sys
from typing import cast

import uvloop

_BIG = 32 << 20
_PIECE = bytes(64 << 10)
_TINY = b"1\r\nx\r\n" * 10_000
_OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 200\r\n\r\n" + b"y" * 200
_BEGUN = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"


class Server(asyncio.Protocol):
    """One connection. It reads just enough of HTTP/1.1 for what gateways send it."""

    def __init__(self) -> None:
        self._buffer = b""
        self._left = 0
        self._chunked = False
        self._pouring: asyncio.Task[None] | None = None
        self._may_write = asyncio.Event()
        self._may_write.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        # Else the kernel takes megabytes for each reader, and filling that keeps this server from everybody.
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 64 << 10)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._pouring is not None:
            self._pouring.cancel()

    def pause_writing(self) -> None:
        self._may_write.clear()

    def resume_writing(self) -> None:
        self._may_write.set()

    def data_received(self, data: bytes) -> None:
        if self._left:
            taken = min(self._left, len(data))
            self._left -= taken
            data = data[taken:]
            if not self._left:
                self._transport.write(_OK)
        self._buffer += data
        while self._buffer and not self._left:
            if self._chunked:
                end = self._buffer.find(b"\r\n0\r\n\r\n")
                if end < 0:
                    self._buffer = self._buffer[-6:]
                    return
                self._buffer, self._chunked = self._buffer[end + 7:], False
                self._transport.write(_OK)
            elif (end := self._buffer.find(b"\r\n\r\n")) < 0:
                return
            else:
                head, self._buffer = self._buffer[:end].lower(), self._buffer[end + 4:]
                self._asked(head)

    def _asked(self, head: bytes) -> None:
        path = head.split(b" ", 2)[1]
        if path == b"/socket":
            self._transport.write(b"HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        elif path == b"/big":
            self._pour(_BEGUN + b"Content-Length: %d\r\n\r\n" % _BIG, _PIECE, _BIG // len(_PIECE))
        elif path == b"/tiny":
            self._pour(_BEGUN + b"Transfer-Encoding: chunked\r\n\r\n", _TINY, 1 << 40)
        elif b"\r\ntransfer-encoding: chunked" in head:
            self._chunked, self._buffer = True, b"\r\n" + self._buffer
        else:
            length = int(head.partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0] or 0)
            taken = min(length, len(self._buffer))
            self._buffer, self._left = self._buffer[taken:], length - taken
            if not self._left:
                self._transport.write(_OK)

    def _pour(self, head: bytes, piece: bytes, times: int) -> None:
        async def pour() -> None:
            self._transport.write(head)
            for _ in range(times):
                await self._may_write.wait()
                self._transport.write(piece)

        self._pouring = asyncio.get_running_loop().create_task(pour())


async def main(port: int) -> None:
    """Serve until killed."""
    server = await asyncio.get_running_loop().create_server(Server, "127.0.0.1", port, backlog=4096)
    print("on", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
