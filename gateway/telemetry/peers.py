"""Shares facts among the workers of one gateway: each writes its own to a file of the run directory.

A scrape of the admin port reaches any one of the workers, and that worker must answer for all. The files of workers
that have ended stay, so that totals never fall. The current state is taken only from workers that run.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import orjson

from gateway.telemetry.facts import Facts, WorkerFacts


class Peers:
    """This worker and its peers: implements Workers. `folder` is None for a single worker."""

    def __init__(self, folder: Path | None, facts: Facts) -> None:
        self._folder = folder
        self._facts = facts

    @property
    def are_there(self) -> bool:
        """Whether there may be other workers that need this one's facts."""
        return self._folder is not None

    def publish(self) -> None:
        """Write this worker's facts for the others."""
        if self._folder is None:
            return
        target = self._folder / f"worker-{os.getpid()}.json"
        fresh = target.with_suffix(".new")
        try:
            fresh.write_bytes(orjson.dumps(self._facts()))
            fresh.replace(target)
        except OSError:
            # A full disk must not stop the worker. The others see its last published facts.
            return

    def all(self) -> list[tuple[bool, WorkerFacts]]:
        """See Workers. This worker is the first, and its facts are fresh."""
        others = () if self._folder is None else _published(self._folder, but=os.getpid())
        return [(True, self._facts()), *others]


class Published:
    """The workers that write to a run directory, seen from another process: implements Workers."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def all(self) -> list[tuple[bool, WorkerFacts]]:
        """See Workers. Running workers come first."""
        return sorted(_published(self._folder), key=lambda worker: not worker[0])


def _published(folder: Path, but: int = 0) -> Iterator[tuple[bool, WorkerFacts]]:
    """The published facts of a run directory's workers, except those of the process `but`."""
    for path in sorted(folder.glob("worker-*.json")):
        pid = int(path.stem.removeprefix("worker-"))
        if pid == but:
            continue
        try:
            facts: WorkerFacts = orjson.loads(path.read_bytes())
        except (OSError, orjson.JSONDecodeError):
            continue
        yield _runs(pid), facts


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except OSError:
        return False
    return True
