"""Tells when files change, by looking at them twice a second.

Polling, on purpose: it is one mechanism without a dependency that sees everything. A ConfigMap changes by a symlink
two directories up, editors write a new file and rename it, network mounts send no events at all; inotify needs a
different trick for each. A `stat` of a few files costs microseconds, and it runs in a thread: a mount that hangs must
not hang the traffic.
"""

import asyncio
import inspect
import os
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import TypeAlias

State: TypeAlias = dict[Path, tuple[str, int, int, int] | None]


def _look(files: Iterable[Path]) -> State:
    """Per file its resolved path, inode, size and time of change, or None where it is not there."""
    state: State = {}
    for file in files:
        try:
            real = os.path.realpath(file)
            status = os.stat(real)
            state[file] = (real, status.st_ino, status.st_size, status.st_mtime_ns)
        except (OSError, ValueError):
            state[file] = None
    return state


async def watch(
    files: Callable[[], Iterable[Path]], changed: Callable[[], None | Awaitable[None]], every: float = 0.5,
) -> None:
    """Call `changed` whenever a file, or the set of `files`, is another than before; runs until it is cancelled.

    Changes that go on while we look (an editor between remove and rename) are waited out for one more look: `changed`
    is called once two looks in a row agree. So a file that comes back as it was, is no change at all.
    What `changed` raises ends the watch: let it handle its own errors.
    """
    known = await asyncio.to_thread(_look, list(files()))
    previous = known
    while True:
        await asyncio.sleep(every)
        now = await asyncio.to_thread(_look, list(files()))
        if now != known and now == previous:
            known = now
            outcome = changed()
            if inspect.isawaitable(outcome):
                await outcome
            # A reload may name other files: those that are new are known as they are from here on.
            fresh = await asyncio.to_thread(_look, [file for file in files() if file not in known])
            known = {file: state for file, state in (known | fresh).items() if file in set(files())}
            now = known
        previous = now
