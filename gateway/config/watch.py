"""Notices changes of files, by looking at them twice a second.

It polls on purpose: one mechanism without a dependency sees every kind of change. A ConfigMap changes by a symlink two
directories up, editors write a new file and rename it, network mounts send no events at all; inotify needs a different
trick for each. A `stat` of a few files costs microseconds, and it runs in a thread: a mount that hangs must
not hang the traffic, nor the end of the process.
"""

import asyncio
import inspect
import os
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import TypeAlias

from gateway.own_thread import OwnThread

State: TypeAlias = dict[Path, tuple[str, int, int, int] | None]


def look(files: Iterable[Path]) -> State:
    """For each file its resolved path, inode, size and time of change, or None if there is no such file."""
    state: State = {}
    for file in files:
        try:
            real = os.path.realpath(file)
            status = os.stat(real)
            state[file] = (real, status.st_ino, status.st_size, status.st_mtime_ns)
        except (OSError, ValueError):
            state[file] = None
    return state


# After this many looks that all differ, a change is reported anyway: a log may be growing in a watched folder.
_PATIENCE = 10
# Seconds after which a look is taken to hang.
_HANGS = 10.0


async def watch(
    files: Callable[[], Iterable[Path]], changed: Callable[[], Awaitable[None] | None], every: float = 0.5,
    known: State | None = None, look: Callable[[Iterable[Path]], State] = look, hangs: float = _HANGS,
) -> None:
    """Call `changed` whenever one of `files` has changed; runs until it is cancelled.

    A change is reported once two looks in a row agree: so an editor has time to remove and rename, and a file that
    comes back as it was is no change. A file that `files` did not name before is compared with its first look; at the
    beginning all are compared with `known`, their state when they were read.
    A look that hangs is reported as a change, and so is its end: reading the files then shows the reason.
    What `changed` raises ends the watch, so it must handle its own errors.
    """
    async def report() -> None:
        outcome = changed()
        if inspect.isawaitable(outcome):
            await outcome

    known = known or {}
    previous: State = {}
    unsettled = 0
    while True:
        looked = tuple(files())
        looking = OwnThread(look, looked)
        if not await looking.soon(hangs):
            await report()
            # Files that are no longer needed need not be waited for.
            while not await looking.soon(hangs) and tuple(files()) == looked:
                pass
            known = looking.result() if looking.ended else {}
            await report()
            continue
        now = looking.result()
        if all(known.get(file, state) == state for file, state in now.items()):
            known, unsettled = now, 0
        elif now == previous or unsettled >= _PATIENCE:
            known, unsettled = now, 0
            await report()
            continue  # at once, to know the files that are new
        else:
            unsettled += 1
        previous = now
        await asyncio.sleep(every)
