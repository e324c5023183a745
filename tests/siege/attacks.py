"""What is done to a gateway: `python -m tests.siege.attacks NAME PORT COUNT`, from an address that is nobody else's.

Each attack is what one of its connections does; it goes on until the process is killed. Readers are few, since for each
of them the kernel takes up to 4 MB: with some hundreds its own bound is reached, and it loses everybody's packets.
"""

import asyncio
import socket
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import uvloop

ADDRESS = "127.0.0.2"
_TIMES = 1 << 40
_HEAD = b"Host: clinic.example\r\n"


async def asks_without_pause(link: socket.socket) -> None:
    """Pipelines requests as fast as they are taken, and reads the answers."""
    await asyncio.gather(_sends(link, b"GET /v HTTP/1.1\r\n%b\r\n" % _HEAD * 500), _hears(link))


async def asks_and_hears_nothing(link: socket.socket) -> None:
    """The same, and reads no answer."""
    await _sends(link, b"GET /v HTTP/1.1\r\n%b\r\n" % _HEAD * 500)


async def sends_tiny_chunks(link: socket.socket) -> None:
    """Uploads one byte a chunk, without end."""
    await _send(link, b"POST /v HTTP/1.1\r\n%bTransfer-Encoding: chunked\r\n\r\n" % _HEAD)
    await _sends(link, b"1\r\nx\r\n" * 10_000)


async def hears_tiny_chunks(link: socket.socket) -> None:
    """Reads an answer of one byte a chunk, without end."""
    await _send(link, b"GET /tiny HTTP/1.1\r\n%b\r\n" % _HEAD)
    await _hears(link)


async def uploads_slowly(link: socket.socket) -> None:
    """Sends a small body, 110 bytes a second."""
    await _send(link, b"POST /v HTTP/1.1\r\n%bContent-Length: 60000\r\n\r\n" % _HEAD)
    while True:
        await _send(link, bytes(55))
        await asyncio.sleep(0.5)


async def reads_slowly(link: socket.socket) -> None:
    """Takes 1 KB a second of a large answer."""
    await _send(link, b"GET /big HTTP/1.1\r\n%b\r\n" % _HEAD)
    for _ in range(_TIMES):
        if not await asyncio.get_running_loop().sock_recv(link, 100):
            return
        await asyncio.sleep(0.1)


async def opens_a_websocket(link: socket.socket) -> None:
    """Opens a tunnel and says nothing."""
    await _send(link, b"GET /socket HTTP/1.1\r\n%bConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n" % _HEAD)
    await _hears(link)


async def stalls_in_a_body(link: socket.socket) -> None:
    """Sends nearly 8 MB of a body that must be whole, and no more."""
    await _send(link, b"POST /held/1 HTTP/1.1\r\n%bContent-Length: 8000000\r\n\r\n" % _HEAD + bytes(7_900_000))
    await _hears(link)


async def stalls_in_a_head(link: socket.socket) -> None:
    """Sends 58 KB of a head, and no more."""
    fields = b"".join(b"X-%d: %b\r\n" % (number, b"a" * 1000) for number in range(57))
    await _send(link, b"GET /v HTTP/1.1\r\n" + _HEAD + fields)
    await _hears(link)


async def says_nothing(link: socket.socket) -> None:
    """Holds a connection."""
    await _hears(link)


async def _send(link: socket.socket, data: bytes) -> None:
    await asyncio.get_running_loop().sock_sendall(link, data)


async def _sends(link: socket.socket, data: bytes) -> None:
    while True:
        await _send(link, data)


async def _hears(link: socket.socket) -> None:
    while await asyncio.get_running_loop().sock_recv(link, 1 << 16):
        pass


@dataclass(frozen=True, slots=True)
class Attack:
    """`count` connections do what `does` says, `few` in the short form. Where there are `descriptors` the gateway has
    so many; then the client that behaves well keeps the connection that it has."""

    name: str
    title: str
    does: Callable[[socket.socket], Awaitable[None]]
    count: int
    few: int
    descriptors: int = 0


ATTACKS = (
    Attack("pipelining", "100 clients ask without pause", asks_without_pause, 100, 30),
    Attack("deaf", "100 clients ask without pause and read nothing", asks_and_hears_nothing, 100, 30),
    Attack("tiny-uploads", "20 uploads in chunks of a byte", sends_tiny_chunks, 20, 5),
    Attack("tiny-answers", "20 answers in chunks of a byte", hears_tiny_chunks, 20, 5),
    Attack("slow-uploads", "300 uploads at 110 B/s", uploads_slowly, 300, 300),
    Attack("slow-readers", "100 readers at 1 KB/s", reads_slowly, 100, 80),
    Attack("websockets", "300 silent WebSockets", opens_a_websocket, 300, 300),
    Attack("stalled-bodies", "150 bodies of 8 MB that stall", stalls_in_a_body, 150, 60),
    Attack("stalled-heads", "2,000 heads of 58 KB that stall", stalls_in_a_head, 2000, 500),
    Attack("descriptors", "2,000 silent connections, 500 file descriptors", says_nothing, 2000, 700, 500),
)


async def _one(attack: Attack, port: int) -> None:
    """One connection's attack, again and again where the gateway ends it."""
    while True:
        link = socket.socket()
        try:
            link.setblocking(False)
            if attack.does is reads_slowly:
                link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32 << 10)
            link.bind((ADDRESS, 0))
            await asyncio.get_running_loop().sock_connect(link, ("127.0.0.1", port))
            await attack.does(link)
        except OSError:
            pass
        finally:
            link.close()
        await asyncio.sleep(0.2)


async def main(name: str, port: int, count: int) -> None:
    """Attack until killed."""
    attack = next(one for one in ATTACKS if one.name == name)
    print("on", flush=True)
    await asyncio.gather(*(_one(attack, port) for _ in range(count)))


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
