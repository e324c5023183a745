"""The load: wrk where it is installed, else a closed loop of ours (`python -m tests.benchmarks.load`).

Both print one line of JSON: requests, seconds, p50 and p99 in seconds, errors.
"""

import argparse
import asyncio
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import cycle
from pathlib import Path
from typing import cast

import uvloop

from tests.benchmarks.child import ROOT, Absent, cores, needed, program
from tests.benchmarks.rows import TARGETS, Row, target

FIELDS = {
    "User-Agent": "bench/1",
    "Accept": "application/json",
    "Accept-Encoding": "gzip, deflate",
    "X-Client": "ward-7",
}
STRIDE = 7919  # as in wrk.lua


@dataclass(frozen=True, slots=True)
class Load:
    """What one spell of load saw. Times in seconds; `errors` counts failed connections and statuses of 400 and up."""

    requests: int
    seconds: float
    p50: float
    p99: float
    errors: int


def parse_load(text: str) -> Load:
    """The line of JSON in a generator's output; wrk writes its own lines around it."""
    line = next((line for line in reversed(text.splitlines()) if line.startswith('{"requests"')), None)
    if line is None:
        raise ValueError("the load generator printed no result")
    return Load(**json.loads(line))


def version() -> str:
    try:
        binary = needed("wrk")
    except Absent as error:
        return f"a closed loop of ours, since wrk {error}"
    told = subprocess.run([binary, "-v"], capture_output=True, text=True, check=False)  # exits with 1
    return " ".join((told.stdout + told.stderr).split()[:2])


def command(row: Row, port: int, seconds: float) -> list[str]:
    """The generator's command line for `row`. wrk knows whole seconds only: a shorter spell is left to ours."""
    pause = round(row.connections * 1000 / row.rate, 3) if row.rate else 0
    binary = program("wrk")
    if binary is None or seconds < 1:
        numbers = [port, row.connections, seconds, row.operations, pause, int(row.fresh)]
        return [sys.executable, "-m", "tests.benchmarks.load", *map(str, numbers)]
    fields = [part for name, value in FIELDS.items() for part in ("-H", f"{name}: {value}")]
    script = str(Path(__file__).with_name("wrk.lua"))
    shape = ["-t1", f"-c{row.connections}", f"-d{round(seconds)}s", "--timeout", "5s", "-s", script]
    return [
        binary,
        *shape,
        *fields,
        f"http://127.0.0.1:{port}",
        "--",
        str(row.operations),
        str(pause),
        str(int(row.fresh)),
    ]


def run(row: Row, port: int, seconds: float, halfway: Callable[[], None] | None = None) -> Load:
    """Loads the peer at `port` for `seconds` and returns what was seen; calls `halfway` in the middle of it."""
    process = subprocess.Popen(
        command(row, port, seconds),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, {cores()[1]}),
    )
    with process:
        try:
            if halfway is not None:
                time.sleep(seconds / 2)
                halfway()
            printed, complaint = process.communicate(timeout=seconds + 20)
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        raise RuntimeError(f"the load generator failed (exit status {process.returncode}); it printed:\n{complaint}")
    return parse_load(printed)


def head(row: Row, number: int, port: int) -> bytes:
    """The bytes of request `number` of `row`."""
    own = {"X-Correlation-Id": f"bench-{number:08}", "traceparent": f"00-{number + 1:032x}-{number + 1:016x}-01"}
    fields = "".join(f"{name}: {value}\r\n" for name, value in (FIELDS | (own if row.fresh else {})).items())
    return f"GET {target(row, number)} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{fields}\r\n".encode()


class Asker(asyncio.Protocol):
    """One connection in a closed loop: a request, its answer, the next. It reads answers that have a Content-Length,
    and takes anything else for an error that ends the connection."""

    def __init__(self, requests: Iterator[bytes], pause: Callable[[], float], latencies: list[float]) -> None:
        self.requests = requests
        self.pause = pause
        self.latencies = latencies
        self.errors = 0
        self.buffer = b""
        self.loop = asyncio.get_running_loop()
        self.asked_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.go_on()

    def go_on(self) -> None:
        if pause := self.pause():
            self.loop.call_later(pause, self.ask)
        else:
            self.ask()

    def ask(self) -> None:
        if not self.transport.is_closing():
            self.asked_at = time.perf_counter()
            self.transport.write(next(self.requests))

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        answer = self.buffer[:end].lower()
        _, found, rest = answer.partition(b"\r\ncontent-length:")
        if not found:
            self.errors += 1
            self.transport.close()
            return
        if len(self.buffer) < end + 4 + int(rest.partition(b"\r\n")[0]):
            return
        self.buffer = b""
        self.latencies.append(time.perf_counter() - self.asked_at)
        self.errors += answer.split(b" ", 2)[1] >= b"400"
        self.go_on()


async def closed_loop(row: Row, port: int, seconds: float, pause: float) -> Load:
    """Keeps the row's connections busy for `seconds`, asking as wrk.lua does; `pause` is in seconds."""
    chance = random.Random(1)

    def wait() -> float:
        return chance.expovariate(1 / pause) if pause else 0.0

    requests = cycle([head(row, at * STRIDE % TARGETS, port) for at in range(TARGETS)])
    loop = asyncio.get_running_loop()
    latencies: list[float] = []
    began = time.perf_counter()
    async with asyncio.timeout(seconds + 10):
        pairs = [
            await loop.create_connection(lambda: Asker(requests, wait, latencies), "127.0.0.1", port)
            for _ in range(row.connections)
        ]
        await asyncio.sleep(seconds)
    elapsed = time.perf_counter() - began
    for transport, _ in pairs:
        transport.abort()
    return summary(latencies, elapsed, sum(asker.errors for _, asker in pairs))


def summary(latencies: list[float], seconds: float, errors: int) -> Load:
    ordered = sorted(latencies) or [0.0]
    last = len(ordered) - 1
    return Load(len(latencies), seconds, ordered[last // 2], ordered[round(last * 0.99)], errors)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.load", description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("connections", type=int)
    parser.add_argument("seconds", type=float)
    parser.add_argument("operations", type=int)
    parser.add_argument("pause", type=float, help="milliseconds before each request, on average")
    parser.add_argument("fresh", type=int, help="1 for fields of its own in each request")
    options = parser.parse_args()
    row = Row("load", "", operations=options.operations, fresh=bool(options.fresh), connections=options.connections)
    load = uvloop.run(closed_loop(row, options.port, options.seconds, options.pause / 1000))
    print(json.dumps(asdict(load)))


if __name__ == "__main__":
    main()
