"""The upstream: one fixed answer of some 1 KiB, as cheaply as it can be had. nginx where it is installed, else ours.

`python -m tests.benchmarks.upstream PORT DIFFERING` runs ours. Both tell at COUNT how many requests they have had. At
its second port a tenth of the targets, those that end in ODD, have another answer: one value differs, not its length.
"""

import argparse
import asyncio
import json
import re
import sys
from typing import cast

import uvloop

from tests.benchmarks import nginx
from tests.benchmarks.child import Place, fetch

COUNT = "/count"
RESULTS = [
    {"id": f"r-{number}", "code": f"{2340 + number}-7", "value": 4.5 + number, "unit": "mmol/L", "flag": "normal"}
    for number in range(12)
]
BODY = json.dumps({"patient": "p-17", "kind": "laboratory", "results": RESULTS}).encode()
ODD = "7"
OTHER = BODY.replace(b'"flag": "normal"', b'"flag": "raised"', 1)
HEAD = b"HTTP/1.1 200 OK\r\nServer: bench\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"
CORRELATION = re.compile(rb"(?i)x-correlation-id: [^\r]*\r\n")


def command(place: Place) -> list[str]:
    """The command line of the better upstream of the two."""
    if nginx.binary() is None:
        return ours(place)
    return nginx.write(place, nginx.upstream(place, COUNT, BODY.decode(), ODD, OTHER.decode()))


def ours(place: Place) -> list[str]:
    return [sys.executable, "-m", "tests.benchmarks.upstream", str(place.port), str(place.differing)]


def calls(port: int) -> int:
    """How many requests the upstream has had, this one too: the third number in the third line, as in stub_status."""
    return int(fetch(port, COUNT).splitlines()[2].split()[2])


class Answer(asyncio.Protocol):
    """One connection: an answer to each request head, with its correlation id. It knows no bodies and no pipelining."""

    asked = 0

    def __init__(self, differs: bool) -> None:
        self.differs = differs

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.buffer = b""

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        if not self.buffer.endswith(b"\r\n\r\n"):
            return
        Answer.asked += 1
        body = BODY
        if self.buffer.startswith(b"GET " + COUNT.encode()):
            body = b"\nserver accepts handled requests\n 0 0 %d\n" % Answer.asked
        elif self.differs and self.buffer.partition(b" HTTP/")[0].endswith(ODD.encode()):
            body = OTHER
        found = CORRELATION.search(self.buffer)
        self.buffer = b""
        self.transport.write(b"".join((HEAD % len(body), found[0] if found else b"", b"\r\n", body)))


async def serve(port: int, differing: int) -> None:
    loop = asyncio.get_running_loop()
    await loop.create_server(lambda: Answer(differs=True), "127.0.0.1", differing)
    server = await loop.create_server(lambda: Answer(differs=False), "127.0.0.1", port)
    await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.upstream", description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("differing", type=int)
    options = parser.parse_args()
    uvloop.run(serve(options.port, options.differing))


if __name__ == "__main__":
    main()
