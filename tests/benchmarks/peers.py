"""The peers: who is measured, how each is started, and which rows each can do."""

import importlib.metadata
import sys
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from tests.backends.upstream import closed_port
from tests.benchmarks import envoy, figway, nginx, upstream
from tests.benchmarks.child import Place, cores, fetch, started
from tests.benchmarks.rows import Row, target


@dataclass(frozen=True, slots=True)
class Peer:
    """One proxy. `version` is None where it is not installed; `command` writes the configuration for a row and
    returns the command line, or None where the peer has nothing to answer the row with."""

    name: str
    version: Callable[[], str | None]
    command: Callable[[Row, Place], list[str] | None]


@dataclass(frozen=True, slots=True)
class Running:
    """A peer that runs and has been seen to pass an answer through unchanged."""

    name: str
    pid: int
    port: int


def floor_version() -> str | None:
    return "uvicorn " + importlib.metadata.version("uvicorn")


def floor(row: Row, place: Place) -> list[str] | None:
    if row.operations or row.mirror or row.policy:
        return None
    return [sys.executable, "-m", "tests.benchmarks.bare", str(place.port), str(place.upstream)]


PEERS = (
    Peer("figway", figway.version, figway.command),
    Peer("figway-unmirrored", figway.version, figway.command_unmirrored),
    Peer("envoy", envoy.version, envoy.command),
    Peer("envoy-tree", envoy.version, envoy.command_tree),
    Peer("nginx", nginx.version, nginx.command),
    Peer("floor", floor_version, floor),
)


def start_upstream(stack: ExitStack, directory: Path) -> Place:
    """Starts the upstream for as long as `stack` lasts; returns where it is."""
    directory.mkdir(parents=True)
    place = Place(directory, closed_port(), 0, 0, closed_port())
    stack.enter_context(started(upstream.command(place), place, cores()[1]))
    return place


def start(stack: ExitStack, peers: Iterable[Peer], row: Row, directory: Path, source: Place) -> list[Running]:
    """Starts the peers that can do `row` for as long as `stack` lasts; RuntimeError for one that does not pass the
    upstream's answer through."""
    running = []
    for peer in peers:
        place = Place(directory / peer.name, closed_port(), closed_port(), source.port, source.differing)
        place.directory.mkdir(parents=True)
        command = peer.command(row, place)
        if command is None:
            continue
        pid = stack.enter_context(started(command, place, cores()[0]))
        if fetch(place.port, target(row, 0)) != upstream.BODY:
            raise RuntimeError(f"{peer.name} does not pass the upstream's answer through")
        running.append(Running(peer.name, pid, place.port))
    return running
