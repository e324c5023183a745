"""The measuring: the peers of a row in turn, round after round."""

import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks import load, measure, upstream
from tests.benchmarks.child import Place, cores
from tests.benchmarks.peers import Peer, Running, start, start_upstream
from tests.benchmarks.rows import Row

CONNECTIONS = 32


@dataclass(frozen=True, slots=True)
class Sample:
    """One peer in one round of one row. `cpu` is microseconds a request, of all the peer's processes; `p50` and `p99`
    milliseconds; `busy` the share of its core that the peer had and `others` the
    share that the rest of the machine took of it; `calls` how many requests the upstream saw for each
    of the client's; memory in KiB, at the end of the round. In the row of idle connections only `connection` is
    measured: bytes of memory for each."""

    row: str
    peer: str
    round: int
    rss: int
    pss: int | None
    cpu: float = 0.0
    rps: float = 0.0
    p50: float = 0.0
    p99: float = 0.0
    busy: float = 0.0
    others: float = 0.0
    calls: float = 0.0
    errors: int = 0
    connection: float = 0.0


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured: seconds of warm-up, seconds of measuring, rounds; and how many
    seconds to wait, before each measuring, for a machine that does nothing else."""

    warm: float
    seconds: float
    rounds: int
    patience: float


def samples(
    peers: Sequence[Peer], rows: Sequence[Row], plan: Plan, directory: Path, say: Callable[[str], None]
) -> Iterator[Sample]:
    """Runs every row. All peers of a row are started, then measured in turn (A B C A B C …) while the others rest."""
    with ExitStack() as stack:
        source = start_upstream(stack, directory / "upstream")
        for row in rows:
            measuring = (
                held_open(peers, row, plan, directory, source)
                if row.idle
                else under_load(peers, row, plan, directory, source)
            )
            for sample in measuring:
                say(f"{row.name}, round {sample.round + 1} of {plan.rounds}: {sample.peer}")
                yield sample


def under_load(peers: Sequence[Peer], row: Row, plan: Plan, directory: Path, source: Place) -> Iterator[Sample]:
    with ExitStack() as stack:
        running = start(stack, peers, row, directory / row.name, source)
        for round_ in range(plan.rounds):
            for peer in running:
                yield loaded(peer, row, round_, plan, source)


def held_open(peers: Sequence[Peer], row: Row, plan: Plan, directory: Path, source: Place) -> Iterator[Sample]:
    """Each round has fresh processes: what one has grown by, it would use again."""
    for round_ in range(plan.rounds):
        with ExitStack() as stack:
            for peer in start(stack, peers, row, directory / f"{row.name}-{round_}", source):
                yield idle(peer, row, round_, plan)


def loaded(peer: Running, row: Row, round_: int, plan: Plan, source: Place) -> Sample:
    load.run(row, peer.port, CONNECTIONS, plan.warm)
    measure.settle(peer.pid)
    measure.await_quiet(set(cores()), plan.patience)
    calls, cpu, began = upstream.calls(source.port), measure.cpu(peer.pid), time.monotonic()
    core = measure.core_busy(cores()[0])
    seen = load.run(row, peer.port, CONNECTIONS, plan.seconds)
    elapsed = time.monotonic() - began
    busy = (measure.cpu(peer.pid) - cpu) / elapsed
    others = max(0.0, (measure.core_busy(cores()[0]) - core) / elapsed - busy)
    measure.settle(peer.pid)  # mirrored work after the last answer is part of the price
    spent = measure.cpu(peer.pid) - cpu
    called = upstream.calls(source.port) - calls - 1
    held = measure.memory(peer.pid)
    requests = max(seen.requests, 1)
    return Sample(
        row=row.name,
        peer=peer.name,
        round=round_,
        rss=held.rss,
        pss=held.pss,
        cpu=spent / requests * 1e6,
        rps=seen.requests / seen.seconds,
        p50=seen.p50 * 1e3,
        p99=seen.p99 * 1e3,
        busy=busy,
        others=others,
        calls=called / requests,
        errors=seen.errors,
    )


def idle(peer: Running, row: Row, round_: int, plan: Plan) -> Sample:
    """Opens the row's connections, asks once on each, and looks at what the peer has grown by."""
    load.run(row, peer.port, CONNECTIONS, plan.warm)
    measure.settle(peer.pid)
    before = measure.memory(peer.pid)
    request = load.head(row, 0, peer.port)
    with ExitStack() as stack:
        for _ in range(row.idle):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", peer.port), timeout=10))
            connection.sendall(request)
            read_answer(connection)
        measure.settle(peer.pid)
        after = measure.memory(peer.pid)
    each = (after.rss - before.rss) * 1024 / row.idle
    return Sample(row.name, peer.name, round_, after.rss, after.pss, connection=each)


def read_answer(connection: socket.socket) -> None:
    """Reads to the end of the upstream's answer, whose body we know."""
    seen = b""
    while not seen.endswith(upstream.BODY):
        data = connection.recv(1 << 16)
        if not data:
            raise RuntimeError("a peer closed a connection that should have stayed open")
        seen += data
