"""What was collected goes as soon as it is let go: mirrors have large bodies, and the garbage collector counts none."""

import asyncio
import gc

from gateway.transports.collect import Collected
from gateway.transports.http.checks import fetch
from gateway.transports.http.endpoint import Endpoint
from gateway.transports.settings import UpstreamSettings

HEAD = b"GET / HTTP/1.1\r\nHost: legacy\r\n\r\n"


async def answered(reader, writer):
    for _ in range(3):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
    writer.close()


async def test_answers_go_without_the_garbage_collector():
    server = await asyncio.start_server(answered, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    endpoint = Endpoint(UpstreamSettings("legacy", (url,)), url)
    gc.collect()
    gc.disable()
    try:
        for _ in range(3):
            answer = await fetch(endpoint, "GET", HEAD, b"", b"", total=5, limit=100)
            assert answer.body == b"{}"
            del answer
        await asyncio.sleep(0)  # until then the loop holds the last
        assert [one for one in gc.get_objects() if isinstance(one, Collected)] == []
    finally:
        gc.enable()
        endpoint.close()
        server.close()
        await server.wait_closed()
