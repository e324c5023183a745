"""The faults: each happens in a block, and is over after it."""

import os
import resource
import signal
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from shadow.stores.sqlite import Sqlite
from tests.backends.figway import Figway
from tests.backends.upstream import Handler, Upstream, never, resets, until
from tests.backends.wire import Asked, Wire, response

LONG = 60.0
"""Seconds in which what is to happen must have happened, on a machine that is busy."""


class Scene(NamedTuple):
    """What there is to break."""

    figway: Figway
    legacy: Upstream
    modern: Upstream

    @property
    def store(self) -> Path:
        """The store's file."""
        return self.figway.folder / "figway.db"

    @property
    def custody(self) -> Path:
        """The file of its keys."""
        return self.figway.folder / "figway.db.custody"


class Fault(NamedTuple):
    """`kills` tells that a worker dies of it, with the requests that it is answering; `upstream` that legacy itself
    fails, and whom it fails is no fault of the gateway's."""

    name: str
    happens: Callable[[Scene], AbstractContextManager[None]]
    kills: bool = False
    upstream: bool = False


def well(wire: Wire, asked: Asked) -> None:
    """An arm that is well."""
    wire.read_body(asked)
    wire.send(response(200, ("Content-Type", "application/json"), body=b'{"name":"x"}'))


@contextmanager
def _nothing(scene: Scene) -> Iterator[None]:
    yield


def _modern(does: Handler) -> Callable[[Scene], AbstractContextManager[None]]:
    @contextmanager
    def happens(scene: Scene) -> Iterator[None]:
        scene.modern.does(does)
        yield
        scene.modern.does(well)
        scene.modern.drop()

    return happens


@contextmanager
def _modern_restarts(scene: Scene) -> Iterator[None]:
    scene.modern.drop()
    yield
    scene.modern.drop()


@contextmanager
def _legacy_restarts(scene: Scene) -> Iterator[None]:
    scene.legacy.drop()
    yield
    scene.legacy.drop()


@contextmanager
def _worker_killed(scene: Scene) -> Iterator[None]:
    os.kill(scene.figway.workers()[0], signal.SIGKILL)
    yield
    until(lambda: len(scene.figway.workers()) == 2, "no worker comes in its place", LONG)


@contextmanager
def _locked(scene: Scene) -> Iterator[None]:
    with closing(sqlite3.connect(scene.store, isolation_level=None, timeout=LONG)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield


@contextmanager
def _worker_killed_while_locked(scene: Scene) -> Iterator[None]:
    with _locked(scene), _worker_killed(scene):
        yield


@contextmanager
def _full(scene: Scene) -> Iterator[None]:
    """No file may grow past so many bytes, which the store's logs have long passed."""
    _limit(scene, 20_000)
    yield
    _limit(scene, resource.RLIM_INFINITY)


def _limit(scene: Scene, size: int) -> None:
    for pid in [scene.figway.process.pid, *scene.figway.workers()]:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def _deleted(scene: Scene, file: Path, *parts: str) -> None:
    """All of them at once, as near as that can be: what a worker writes to one file between the end of another and
    that of its log is lost beyond recall."""
    subprocess.run(["rm", "-f", *(f"{file}{part}" for part in parts)], check=True, timeout=LONG)


@contextmanager
def _store_deleted(scene: Scene) -> Iterator[None]:
    _deleted(scene, scene.store, "", "-wal", "-shm")
    yield


@contextmanager
def _log_deleted(scene: Scene) -> Iterator[None]:
    _deleted(scene, scene.store, "-wal")
    yield


@contextmanager
def _store_replaced(scene: Scene) -> Iterator[None]:
    spare = scene.store.with_name("spare.db")
    Sqlite(Sqlite.Options(spare)).close()
    spare.replace(scene.store)
    yield


@contextmanager
def _store_damaged(scene: Scene) -> Iterator[None]:
    """Another file is there that is none, until somebody takes it away."""
    spare = scene.store.with_name("spare.db")
    spare.write_bytes(b"this is no database" * 1000)
    spare.replace(scene.store)
    yield
    scene.store.unlink()


@contextmanager
def _custody_deleted(scene: Scene) -> Iterator[None]:
    _deleted(scene, scene.custody, "", "-journal")
    yield


@contextmanager
def _custody_damaged(scene: Scene) -> Iterator[None]:
    spare = scene.custody.with_name("spare.custody")
    spare.write_bytes(b"this is no database" * 1000)
    spare.replace(scene.custody)
    yield
    scene.custody.unlink()


FAULTS = (
    Fault("none", _nothing),
    Fault("modern resets connections", _modern(resets)),
    Fault("modern hangs", _modern(never)),
    Fault("modern restarts", _modern_restarts),
    Fault("legacy restarts", _legacy_restarts, upstream=True),
    Fault("a worker is killed", _worker_killed, kills=True),
    Fault("the store is locked", _locked),
    Fault("the disk is full", _full),
    Fault("the store is deleted", _store_deleted),
    Fault("a worker is killed, the store being locked", _worker_killed_while_locked, kills=True),
    Fault("the store's log is deleted", _log_deleted),
    Fault("the store is replaced by another", _store_replaced),
    Fault("the store is damaged", _store_damaged),
    Fault("custody is deleted", _custody_deleted),
    Fault("custody is damaged", _custody_damaged),
)
