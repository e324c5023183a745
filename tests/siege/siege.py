"""One siege: a gateway, an attack, and beside it a client that behaves well, whose answers are counted and timed."""

import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles

from tests.backends.upstream import closed_port
from tests.backends.wire import Wire, connect, request
from tests.siege.attacks import Attack
from tests.siege.gateways import Gateway, python, serving

Starts = Callable[[Path, int, int, int], AbstractContextManager[Gateway]]

PAUSE = 0.005
SLACK = 96 << 20
"""What a gateway may have beyond its bound on memory: what every connection has anyway, copies on their way, and what
the allocator does not give back."""


@dataclass(frozen=True, slots=True)
class Line:
    """What came of a siege: requests of the client that behaves well, how many of them failed, how long the others took
    (seconds), and the gateway's memory (bytes) before and at most."""

    attack: str
    gateway: str
    asked: int
    failed: int
    median: float
    ninety_ninth: float
    before: int
    peak: int


@contextmanager
def upstream() -> Iterator[int]:
    """The upstream's port, for as long as the block runs."""
    port = closed_port()
    with serving(python("tests.siege.upstream", port), port):
        yield port


def besiege(
    attack: Attack | None, name: str, starts: Starts, folder: Path, behind: int, *, count: int, seconds: float,
    memory: int,
) -> Line:
    """Attack with `count` connections for so long. Without an attack the client is alone."""
    with starts(folder, behind, memory, attack.descriptors if attack is not None else 0) as gateway:
        client = Client(gateway.port, fresh=attack is None or not attack.descriptors)
        client.ask(20)
        before = gateway.memory()
        with _watching(gateway) as seen, _attacking(attack, gateway.port, count):
            took = client.ask_for(seconds)
            seen.append(gateway.memory())
        client.close()
    cuts = quantiles(took, n=100) if len(took) > 1 else [0.0] * 99
    return Line(attack.name if attack is not None else "none", name, client.asked, client.failed, cuts[49], cuts[98],
                before, max(seen))


class Client:
    """It asks, waits for the answer, pauses, and asks again: on the connection that it keeps, and if `fresh` now and
    then on a new one. Now and then it sends a small body."""

    def __init__(self, port: int, *, fresh: bool) -> None:
        self._port = port
        self._fresh = fresh
        self._wire: Wire | None = None
        self.asked = self.failed = 0

    def ask(self, times: int) -> None:
        """Ask so often, where nothing is amiss yet."""
        for _ in range(times):
            self._once()
        assert self.failed == 0, "a client alone is not answered"
        self.asked = 0

    def ask_for(self, seconds: float) -> list[float]:
        """Ask for so long; how long each answer took."""
        took: list[float] = []
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            began = time.monotonic()
            if self._once():
                took.append(time.monotonic() - began)
            time.sleep(PAUSE)
        return took

    def _once(self) -> bool:
        self.asked += 1
        if self._fresh and self.asked % 5 == 0:
            self.close()
        body = b"x" * 2000 if self.asked % 7 == 0 else None
        try:
            if self._wire is None:
                self._wire = connect(self._port)
            reply = self._wire.send(request("GET" if body is None else "POST", "/well", body=body)).read_reply()
            if reply.status == 200 and reply.body == b"y" * 200:
                return True
        except Exception:
            # Whatever kept the answer from us: that is what is counted.
            self.close()
        self.failed += 1
        return False

    def close(self) -> None:
        """Leave."""
        if self._wire is not None:
            self._wire.close()
            self._wire = None


@contextmanager
def _attacking(attack: Attack | None, port: int, count: int) -> Iterator[None]:
    """The attack under way, from a process of its own."""
    if attack is None:
        yield
        return
    process = subprocess.Popen(python("tests.siege.attacks", attack.name, port, count), stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == b"on\n"
        yield
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@contextmanager
def _watching(gateway: Gateway) -> Iterator[list[int]]:
    """A list that grows by the gateway's resident bytes every 50 ms."""
    seen, over = [gateway.memory()], threading.Event()

    def watch() -> None:
        while not over.wait(0.05):
            seen.append(gateway.memory())

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield seen
    finally:
        over.set()
        watcher.join()
