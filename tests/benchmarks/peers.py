"""The peers: who is measured, how each is started, and which rows each can do."""

import importlib.metadata
import sys
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from tests.backends.upstream import closed_port
from tests.benchmarks import envoy, figway, haproxy, nginx, upstream
from tests.benchmarks.child import ROOT, Place, cores, fetch, started
from tests.benchmarks.rows import Row, target


@dataclass(frozen=True, slots=True)
class Peer:
    """One proxy. `version` raises Absent where it cannot be measured; `command` writes the configuration for a row and
    returns the command line, which is run in `cwd`, or None where the peer has nothing to answer the row with."""

    name: str
    version: Callable[[], str]
    command: Callable[[Row, Place], list[str] | None]
    cwd: Path = ROOT


@dataclass(frozen=True, slots=True)
class Running:
    """A peer that runs for `row`, and has been seen to pass an answer through unchanged. `compared` tells how many
    exchanges it has compared so far; None where it compares nothing."""

    name: str
    row: Row
    pid: int
    port: int
    compared: Callable[[], int] | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """The upstream that all peers ask: where it is, and its process."""

    place: Place
    pid: int


def floor_version() -> str:
    return "uvicorn " + importlib.metadata.version("uvicorn")


def floor(row: Row, place: Place) -> list[str] | None:
    if row.name != "pass-through":
        return None
    return [sys.executable, "-m", "tests.benchmarks.bare", str(place.port), str(place.upstream)]


PEERS = (
    Peer("figway", figway.HERE.version, figway.HERE.command),
    Peer("figway-compiled", figway.COMPILED.version, figway.COMPILED.command, figway.COMPILED.tree),
    Peer("figway-unmirrored", figway.HERE.version, figway.HERE.command_unmirrored),
    Peer("envoy", envoy.version, envoy.command),
    Peer("nginx", nginx.version, nginx.command),
    Peer("haproxy", haproxy.version, haproxy.command),
    Peer("floor", floor_version, floor),
)
COMPARING = ("figway", "figway-compiled")


def start_upstream(stack: ExitStack, directory: Path) -> Source:
    """Starts the upstream for as long as `stack` lasts."""
    directory.mkdir(parents=True)
    place = Place(directory, closed_port(), 0, 0, closed_port())
    return Source(place, stack.enter_context(started(upstream.command(place), place, cores()[1])))


def start(stack: ExitStack, peers: Iterable[Peer], row: Row, directory: Path, source: Place) -> list[Running]:
    """Starts the peers that can do `row` for as long as `stack` lasts; RuntimeError for one that does not pass the
    upstream's answer through."""
    running = []
    for peer in peers:
        if row.peers and peer.name not in row.peers:
            continue
        place = Place(directory / peer.name, closed_port(), closed_port(), source.port, source.differing)
        place.directory.mkdir(parents=True)
        command = peer.command(row, place)
        if command is None:
            continue
        pid = stack.enter_context(started(command, place, cores()[0], peer.cwd))
        if fetch(place.port, target(row, 0)) != upstream.BODY:
            raise RuntimeError(f"{peer.name} does not pass the upstream's answer through")
        counts = row.mirror and peer.name in COMPARING
        running.append(Running(peer.name, row, pid, place.port, counter(place.admin) if counts else None))
    return running


def counter(admin: int) -> Callable[[], int]:
    return lambda: figway.compared(admin)
