"""Notices changes of files, by looking at them twice a second.

It polls on purpose: one mechanism without a dependency sees every kind of change. A ConfigMap changes by a symlink two
directories up, editors write a new file and rename it, network mounts send no events at all; inotify needs a different
trick for each. A `stat` of a few files costs microseconds, and it runs in a thread: a mount that hangs must not hang
the traffic, nor the end of the process. While nothing changes, the event loop wakes up for this once in five seconds.
"""

import inspect
import os
import threading
import time
from collections.abc import Awaitable, Callable, Iterable
from math import inf
from pathlib import Path
from typing import TypeAlias

from gateway.own_thread import OwnThread

State: TypeAlias = dict[Path, tuple[str, int, int, int] | None]
Look: TypeAlias = Callable[[Iterable[Path]], State]


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
# Seconds after which a look is taken to hang. It may be noticed half as long later.
_HANGS = 10.0


class _Lookout:
    """Looks at files in a thread until they are others than `known`, and two looks in a row agree on how they are."""

    def __init__(
        self, files: Callable[[], Iterable[Path]], look: Look, known: State, every: float, hangs: float,
    ) -> None:
        """The thread calls `files` before each look. Where a look took `hangs` seconds, it is the last one."""
        self.looked: tuple[Path, ...] = ()
        self._files = files
        self._look = look
        self._every = every
        self._hangs = hangs
        self._began = inf
        self._over = threading.Event()
        self.looking = OwnThread(self._run, known)

    @property
    def hangs(self) -> bool:
        """Whether a look takes too long just now."""
        return time.monotonic() - self._began >= self._hangs

    def stop(self) -> None:
        """Look no more."""
        self._over.set()

    def _run(self, known: State) -> State:
        previous: State = {}
        unsettled = 0
        while True:
            self.looked = tuple(self._files())
            self._began = time.monotonic()
            now = self._look(self.looked)
            hung, self._began = self.hangs, inf
            if hung:
                return now
            if all(known.get(file, state) == state for file, state in now.items()):
                known, unsettled = now, 0
            elif now == previous or unsettled >= _PATIENCE:
                return now
            else:
                unsettled += 1
            previous = now
            if self._over.wait(self._every):
                return now


async def watch(
    files: Callable[[], Iterable[Path]], changed: Callable[[], Awaitable[None] | None], every: float = 0.5,
    known: State | None = None, look: Look = look, hangs: float = _HANGS,
) -> None:
    """Call `changed` whenever one of `files` has changed; runs until it is cancelled.

    A change is reported once two looks in a row agree: so an editor has time to remove and rename, and a file that
    comes back as it was is no change. A file that `files` did not name before is compared with its first look; at the
    beginning all are compared with `known`, their state when they were read. `files` is called in a thread, and in
    the event loop while a look hangs: it must be quick, and safe in both.
    A look that hangs is reported as a change, and so is its end: reading the files then shows the reason.
    What `changed` raises ends the watch, so it must handle its own errors.
    """
    async def report() -> None:
        outcome = changed()
        if inspect.isawaitable(outcome):
            await outcome

    known = known or {}
    while True:
        lookout = _Lookout(files, look, known, every, hangs)
        looking = lookout.looking
        try:
            while not await looking.soon(hangs / 2) and not lookout.hangs:
                pass
            if not looking.ended:
                await report()
                # Files that are no longer needed need not be waited for.
                while not await looking.soon(hangs) and tuple(files()) == lookout.looked:
                    pass
        finally:
            lookout.stop()
        known = looking.result() if looking.ended else {}
        await report()
