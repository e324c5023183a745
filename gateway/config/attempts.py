"""Builds a configuration within a time limit. If a mount or a plugin hangs, the attempt is given up and its result
dropped. So it cannot block the start for ever, a later reload, or the stop."""

from pathlib import Path

from gateway import plugins
from gateway.config.compile import Configuration, build
from gateway.config.extensions import Find
from gateway.config.problem import Invalid, Place, Problem
from gateway.own_thread import OwnThread

RELOAD_SECONDS = 10.0
START_SECONDS = 60.0
# Each attempt that hangs keeps its thread, which is idle and takes a few KiB.
_MOST_HANGING = 32


def build_in_time(path: Path, seconds: float = START_SECONDS, find: Find = plugins.load) -> Configuration:
    """Run `build`, for a start or a command. Blocks for at most `seconds`. Raises Invalid."""
    attempt = OwnThread(build, path, find=find)
    if not attempt.within(seconds):
        attempt.interrupt()
        raise _too_slow(path, seconds)
    return attempt.result()


class Attempts:
    """The attempts of a running gateway to read one file again, each within `seconds`."""

    def __init__(self, path: Path, seconds: float = RELOAD_SECONDS, find: Find = plugins.load) -> None:
        self._path = path
        self._seconds = seconds
        self._find = find
        self._given_up: list[OwnThread[Configuration]] = []

    @property
    def hanging(self) -> int:
        """The number of attempts that were given up and have not ended yet."""
        self._given_up = [one for one in self._given_up if not one.ended]
        return len(self._given_up)

    async def build(self, previous: Configuration) -> Configuration:
        """Run `build` in a thread, within the time limit. Raises Invalid."""
        for one in self._given_up:
            # Its first interrupt may have come while a callback ran, of a weak reference for instance: that ends the
            # callback alone.
            one.interrupt()
        if (hanging := self.hanging) >= _MOST_HANGING:
            raise Invalid([Problem(Place(self._path), f"not read: {hanging} earlier attempts hang; a restart ends them",
                                   "too_slow")])
        attempt = OwnThread(build, self._path, previous, find=self._find)
        if not await attempt.soon(self._seconds):
            attempt.interrupt()
            self._given_up.append(attempt)
            raise _too_slow(self._path, self._seconds)
        return attempt.result()


def _too_slow(path: Path, seconds: float) -> Invalid:
    return Invalid([Problem(Place(path), f"not read within {seconds:g} s, and given up: a file that it needs, or a "
                            "plugin, hangs", "too_slow")])
