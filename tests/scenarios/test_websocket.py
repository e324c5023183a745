"""A WebSocket works through the gateway as it does without it: real client, real server, the gateway between."""

import asyncio
import os

import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.backends.figway import running
from tests.backends.upstream import closed_port
from tests.backends.wire import BUFFERS, PATIENCE

pytestmark = pytest.mark.proves(44)


def config(port):
    return f"""
version: 1
server: {{drain: {{grace: 3s}}}}
upstreams: {{legacy: {{url: "http://127.0.0.1:{port}"}}}}
default: {{upstream: legacy}}
"""


@pytest.fixture(scope="module")
def port():
    """Where each test's WebSocket server listens."""
    return closed_port()


@pytest.fixture(scope="module")
def figway(port, tmp_path_factory):
    """A gateway in front of that server, which answers only while its test's event loop turns."""
    with running(tmp_path_factory.mktemp("websocket"), config(port)) as figway:
        yield figway


async def test_messages_flow_both_ways(figway, port):
    async def echoes(socket):
        async for message in socket:
            await socket.send(message)

    async with serve(echoes, "127.0.0.1", port, max_size=None):
        async with connect(f"ws://127.0.0.1:{figway.port}/chat?room=1", max_size=None) as client:
            for message in ["hello", b"\x00\xff", "", os.urandom(3_000_000), "bye"]:
                await client.send(message)
                assert await client.recv() == message
            pong = await client.ping(b"still there?")
            await pong
        assert client.close_code == 1000


async def test_subprotocol_path_and_fields_pass(figway, port):
    async def tells(socket):
        await socket.send(f"{socket.request.path} {socket.request.headers['Origin']} {socket.subprotocol}")

    url = f"ws://127.0.0.1:{figway.port}/a%2Fb?c"
    async with (serve(tells, "127.0.0.1", port, subprotocols=["hl7"]),
                connect(url, subprotocols=["x", "hl7"], origin="http://clinic.example") as client):
        assert await client.recv() == "/a%2Fb?c http://clinic.example hl7"
        assert client.subprotocol == "hl7"


async def test_a_close_code_passes_both_ways(figway, port):
    seen = asyncio.Queue()

    async def closes(socket):
        if socket.request.path == "/server-closes":
            await socket.close(4001, "over")
        else:
            await socket.wait_closed()
            seen.put_nowait((socket.close_code, socket.close_reason))

    async with serve(closes, "127.0.0.1", port):
        async with connect(f"ws://127.0.0.1:{figway.port}/server-closes") as client:
            with pytest.raises(ConnectionClosed):
                await client.recv()
            assert (client.close_code, client.close_reason) == (4001, "over")
        async with connect(f"ws://127.0.0.1:{figway.port}/") as client:
            await client.close(4002, "enough")
        assert await seen.get() == (4002, "enough")


async def test_a_refused_handshake_passes(figway, port):
    async def refuses(connection, request):
        return connection.respond(401, "who are you?")

    async def never_runs(socket):
        raise AssertionError

    async with serve(never_runs, "127.0.0.1", port, process_request=refuses):
        with pytest.raises(InvalidStatus) as caught:
            await connect(f"ws://127.0.0.1:{figway.port}/")
        assert (caught.value.response.status_code, caught.value.response.body) == (401, b"who are you?")


@pytest.mark.proves(31)
@pytest.mark.parametrize("sender", ["server", "client"])
async def test_a_side_that_does_not_read_makes_the_other_wait(figway, port, sender):
    sent, may_read, done, piece, count = 0, asyncio.Event(), asyncio.Event(), bytes(1 << 16), 2 * BUFFERS >> 16

    async def pours(socket):
        nonlocal sent
        for _ in range(count):
            await socket.send(piece)
            sent += len(piece)

    async def drinks(socket):
        await may_read.wait()
        for _ in range(count):
            assert await socket.recv() == piece
        done.set()

    server_side, client_side = (pours, drinks) if sender == "server" else (drinks, pours)

    async def serves(socket):
        await server_side(socket)
        await socket.wait_closed()

    # Uncompressed, or a message of zeros would weigh nothing.
    quick = {"max_queue": 2, "compression": None}
    async with (serve(serves, "127.0.0.1", port, **quick),
                connect(f"ws://127.0.0.1:{figway.port}/", **quick) as client):
        work = asyncio.create_task(client_side(client))
        held = -1
        while sent != held or sent == 0:
            held = sent
            await asyncio.sleep(0.5)
        may_read.set()
        await work
        await asyncio.wait_for(done.wait(), PATIENCE)
    assert 0 < held < BUFFERS
    assert sent == count << 16


async def test_draining_tells_the_client_that_the_server_goes_away(gateway, port):
    async def stays(socket):
        await socket.wait_closed()

    async with serve(stays, "127.0.0.1", port):
        figway = await asyncio.to_thread(gateway, config(port))
        async with connect(f"ws://127.0.0.1:{figway.port}/") as client:
            figway.terminate()
            with pytest.raises(ConnectionClosed):
                await asyncio.wait_for(client.recv(), PATIENCE)
            assert client.close_code == 1001
