"""The measuring: the peers of a row in turn, round after round, each round in another order."""

import resource
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import TypeVar

from tests.benchmarks import load, measure, quiet, sockets, upstream
from tests.benchmarks.child import cores
from tests.benchmarks.peers import Peer, Running, Source, start, start_upstream
from tests.benchmarks.rows import Row, groups

T = TypeVar("T")

FEW = 3


@dataclass(frozen=True, slots=True)
class Sample:
    """One peer in one round of one row. `cpu` is microseconds a request, of all the peer's processes; `p50` and `p99`
    milliseconds; `busy` the share of its core that the peer had; `calls` how many requests the upstream saw, and
    `compared` how many exchanges were compared, for each of the client's; `unevenness` the most connections that a
    worker had, divided by the mean. Memory is in KiB: `pss` of all processes, `each` of every one, `worker` the mean of
    those that serve, and `connection` what an idle connection adds; all but `rss` only in rows for it. None is what
    this row or peer does not have. `doubt` says why the sample cannot be trusted."""

    row: str
    peer: str
    round: int
    rss: float
    pss: float | None = None
    each: tuple[int, ...] = ()
    worker: float | None = None
    cpu: float | None = None
    rps: float | None = None
    p50: float | None = None
    p99: float | None = None
    busy: float | None = None
    calls: float | None = None
    compared: float | None = None
    unevenness: float | None = None
    errors: int = 0
    connection: float | None = None
    doubt: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured: seconds of warm-up, seconds of measuring, rounds. `patience` is how many seconds to wait
    before each spell for a machine that does nothing else. After `minutes` no further round begins."""

    warm: float
    seconds: float
    rounds: int
    patience: float
    minutes: float


@dataclass(frozen=True, slots=True)
class Bench:
    """What every spell needs: the plan, the upstream, who waits for quiet, and the time at which no round begins."""

    plan: Plan
    source: Source
    patience: quiet.Patience
    deadline: float = field(default=float("inf"))

    def rounds(self, row: Row) -> Iterator[int]:
        """The numbers of the rounds that there is time for."""
        for number in range(min(self.plan.rounds, FEW) if row.few else self.plan.rounds):
            if time.monotonic() < self.deadline:
                yield number


def rotated(peers: Sequence[T], round_: int) -> list[T]:
    """The order of one round: each round another one comes first, so that none always follows the same calm or rush."""
    first = round_ % len(peers) if peers else 0
    return [*peers[first:], *peers[:first]]


def samples(
    peers: Sequence[Peer], rows: Sequence[Row], plan: Plan, directory: Path, say: Callable[[str], None],
    failed: Callable[[str], None],
) -> Iterator[Sample]:
    """Measures every row. All peers of a row, or of a group of rows, are started, and measured in turn while the others
    rest. A group in which a peer or the load fails ends there, `failed` gets a sentence, and the next group begins."""
    both = set(cores())
    with ExitStack() as stack:
        source = start_upstream(stack, directory / "upstream")
        patience = quiet.Patience(plan.patience, plan.patience * 10, lambda: quiet.glance(both))
        bench = Bench(plan, source, patience, time.monotonic() + plan.minutes * 60)
        for group in groups(rows):
            measuring = one_by_one if group[0].alone else under_load
            try:
                for sample in measuring(peers, group, bench, directory):
                    say(f"{sample.row}, round {sample.round + 1}: {sample.peer}"
                        + (f" (not quiet: {sample.doubt})" if sample.doubt else ""))
                    yield sample
            except (RuntimeError, OSError, subprocess.SubprocessError) as error:
                say(str(error))
                first = str(error).partition(";")[0]  # what a process printed may name places on this machine
                failed(f"{' and '.join(row.name for row in group)}: ended early, since {first}.")


def under_load(peers: Sequence[Peer], group: Sequence[Row], bench: Bench, directory: Path) -> Iterator[Sample]:
    with ExitStack() as stack:
        running: list[Running] = []
        for number in bench.rounds(group[0]):
            if number == 0:
                for row in group:
                    running += start(stack, peers, row, directory / row.name, bench.source.place)
                for peer in running:
                    load.run(peer.row, peer.port, bench.plan.warm)
                    measure.settle(peer.pid)
                running = paced(running, bench)
            for peer in rotated(running, number):
                yield loaded(peer, number, bench)


def paced(running: list[Running], bench: Bench) -> list[Running]:
    """The same peers, with the rate of a row that asks for a share of Figway's saturation. Where Figway is not
    measured, the first peer stands for it."""
    if not running or not running[0].row.share:
        return running
    first = running[0]
    row = replace(first.row, rate=0)
    bench.patience.wait()
    highest = median(spell.requests / spell.seconds for spell in (load.run(row, first.port, 1) for _ in range(3)))
    measure.settle(first.pid)
    return [replace(peer, row=replace(peer.row, rate=round(highest * peer.row.share))) for peer in running]


def one_by_one(peers: Sequence[Peer], group: Sequence[Row], bench: Bench, directory: Path) -> Iterator[Sample]:
    """Each round has fresh processes: what one has grown by, it would use again."""
    row = group[0]
    for number in bench.rounds(row):
        for peer in rotated(peers, number):
            with ExitStack() as stack:
                for running in start(stack, [peer], row, directory / f"{row.name}-{number}", bench.source.place):
                    yield remembered(running, number, bench)


@dataclass(frozen=True, slots=True)
class Clocks:
    """What has been spent so far, in seconds: the time, and the CPU time of the peer, of the upstream and of our own
    children that have ended, and what both cores did."""

    time: float
    peer: float
    upstream: float
    load: float
    here: quiet.Core
    beside: quiet.Core

    @classmethod
    def read(cls, peer: Running, source: Source) -> "Clocks":
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        ours, theirs = cores()
        return cls(time.monotonic(), measure.cpu(peer.pid), measure.cpu(source.pid), ended.ru_utime + ended.ru_stime,
                   quiet.core({ours}), quiet.core({theirs}))


def doubt(before: Clocks, after: Clocks, waited: float) -> str:
    """Why the spell between the two cannot be trusted; "" if it can. `waited` is what others took just before it."""
    elapsed = after.time - before.time
    peer = after.peer - before.peer
    rest = after.upstream - before.upstream + after.load - before.load
    here, beside = after.here - before.here, after.beside - before.beside
    if len(set(cores())) == 1:  # all on one core
        peer, rest = peer + rest, peer + rest
    stolen = max(here.stolen, beside.stolen) / elapsed
    return quiet.doubt((here.busy - peer) / elapsed, (beside.busy - rest) / elapsed, stolen, waited)


def loaded(peer: Running, number: int, bench: Bench) -> Sample:
    """One spell of load."""
    row, source = peer.row, bench.source
    waited = bench.patience.wait()
    counts: list[int] = []
    judged = peer.compared() if peer.compared else 0
    calls, before = upstream.calls(source.place.port), Clocks.read(peer, source)
    seen = load.run(row, peer.port, bench.plan.seconds * row.stretch, lambda: counts.extend(spread(peer)))
    after = Clocks.read(peer, source)
    measure.settle(peer.pid)  # mirrored work after the last answer is part of the price
    spent = measure.cpu(peer.pid) - before.peer
    called = upstream.calls(source.place.port) - calls - 1
    requests = max(seen.requests, 1)
    return Sample(
        row=row.name,
        peer=peer.name,
        round=number,
        rss=measure.memory(peer.pid).rss,
        cpu=spent / requests * 1e6,
        rps=seen.requests / seen.seconds,
        p50=seen.p50 * 1e3,
        p99=seen.p99 * 1e3,
        busy=(after.peer - before.peer) / (after.time - before.time),
        calls=called / requests,
        compared=(peer.compared() - judged) / requests if peer.compared else None,
        unevenness=sockets.unevenness(counts) if len(counts) > 1 else None,
        errors=seen.errors,
        doubt=doubt(before, after, waited),
    )


def spread(peer: Running) -> list[int]:
    """The connections of each worker, in a row of several; [] in the others, where nobody asks."""
    if peer.row.workers == 1:
        return []
    return sockets.connections(sockets.workers(peer.pid, peer.port), peer.port)


def remembered(peer: Running, number: int, bench: Bench) -> Sample:
    """What the peer holds in memory after some load; and, in a row with idle connections, what those add: each asks
    once. Time plays no part in that, so a busy machine is no reason for doubt."""
    row = peer.row
    load.run(row, peer.port, bench.plan.warm)
    measure.settle(peer.pid)
    before = measure.memory(peer.pid)
    if not row.idle:
        return Sample(row.name, peer.name, number, before.rss, before.pss, before.each, worker_pss(peer))
    request = load.head(row, 0, peer.port)
    with ExitStack() as stack:
        for _ in range(row.idle):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", peer.port), timeout=10))
            connection.sendall(request)
            read_answer(connection)
        measure.settle(peer.pid)
        after = measure.memory(peer.pid)
    return Sample(row.name, peer.name, number, after.rss, connection=(after.rss - before.rss) / row.idle)


def worker_pss(peer: Running) -> float | None:
    """The mean PSS of the processes that serve; None where the workers are threads of one process."""
    serving = sockets.workers(peer.pid, peer.port)
    known = [share for share in map(measure.proportional, serving) if share is not None]
    return sum(known) / len(known) if len(known) == len(serving) == peer.row.workers else None


def read_answer(connection: socket.socket) -> None:
    """Reads to the end of the upstream's answer, whose body we know."""
    seen = b""
    while not seen.endswith(upstream.BODY):
        data = connection.recv(1 << 16)
        if not data:
            raise RuntimeError("a peer closed a connection that should have stayed open")
        seen += data
