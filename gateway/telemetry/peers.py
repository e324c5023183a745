"""What the workers of one gateway tell each other: each leaves its facts in a file of the run directory.

Any worker may be the one that the admin port's socket gives a scrape to; it must answer for all of them. The files
of workers that have ended stay, so that totals never fall; what is true of the moment is taken from the living.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson


class Peers:
    """This worker among its peers. `folder` is None for a worker that is alone."""

    def __init__(self, folder: Path | None, facts: Callable[[], dict[str, Any]]) -> None:
        self._folder = folder
        self._facts = facts

    @property
    def others_care(self) -> bool:
        """Whether there is anybody to tell."""
        return self._folder is not None

    def publish(self) -> None:
        """Leave word of this worker."""
        if self._folder is None:
            return
        target = self._folder / f"worker-{os.getpid()}.json"
        fresh = target.with_suffix(".new")
        try:
            fresh.write_bytes(orjson.dumps(self._facts()))
            fresh.replace(target)
        except OSError:
            # A full disk must not stop the worker; the others see its last word.
            return

    def all(self) -> list[tuple[bool, dict[str, Any]]]:
        """(whether it lives, its facts) of every worker, this one first and fresh."""
        return [(True, self._facts()), *self._others()]

    def _others(self) -> Iterator[tuple[bool, dict[str, Any]]]:
        if self._folder is None:
            return
        for path in sorted(self._folder.glob("worker-*.json")):
            pid = int(path.stem.removeprefix("worker-"))
            if pid == os.getpid():
                continue
            try:
                facts = orjson.loads(path.read_bytes())
            except (OSError, orjson.JSONDecodeError):
                continue
            yield _lives(pid), facts


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True
