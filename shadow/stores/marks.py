"""Marks: how many exchanges of each capability a worker has taken, and how many of them the store has, in a file beside
the store's that outlives the worker. Whatever ends a worker (SIGKILL, a full disk), whoever comes next finds the
difference, and the store is told of it: evidence is never lost in silence.

A file is one worker's for as long as it lives, by a lock that ends with it. It is mapped into memory, so that a mark
costs what an addition does; its room is taken beforehand, so that a full disk cannot harm it.
"""

import fcntl
import mmap
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from shadow.ledger.rows import Gap, Reason

SLOTS = 500
"""Capabilities that are told apart. Those of more are not marked."""

SEATS = 64
"""Workers that a gateway may have."""

_NAME = 64
_SLOT = struct.Struct(f"={_NAME}sQQ")
# When it began, when it was seen last, when it wrote first and last; whether it came to its end.
_HEAD = struct.Struct("=4dQ8s16x")
_MAGIC = b"figmark1"
_MAGIC_AT = 40
_SIZE = _HEAD.size + (SLOTS + 1) * _SLOT.size
_WORDS = _SLOT.size // 8
# The first word of what a slot counts, in words of eight bytes: what was taken, then what was written.
_FIRST = (_HEAD.size + _NAME) // 8
_ENDED = 4


class Left(NamedTuple):
    """What a worker had taken and the store has not: of a capability, so many exchanges, between two times (seconds
    since the epoch); `stopped` where the worker came to its end, and was not killed."""

    capability: str
    exchanges: int
    first: float
    last: float
    stopped: bool

    def gap(self, reason: Reason | None = None) -> Gap:
        """The same as a store is told; for what happened to it, or for another reason."""
        own = Reason.UNWRITTEN if self.stopped else Reason.KILLED
        return Gap(self.capability, reason or own, self.exchanges, self.first, self.last)


class Marks:
    """One worker's. All but `open` belongs to one event loop. In memory until it is `adopt`ed."""

    def __init__(self) -> None:
        self._seat: Seat | None = None
        self._begin()

    def _begin(self) -> None:
        self._words = memoryview(bytearray(_SIZE)).cast("Q")
        self._times = self._words.cast("B").cast("d")
        self._places: dict[str, int] = {}

    def take(self, capability: str) -> None:
        """An exchange is to come to an outcome."""
        at = self._places.get(capability) or self._place(capability)
        self._words[at] += 1

    def wrote(self, capability: str, exchanges: int, at: float) -> None:
        """The store has the outcomes of so many."""
        self._words[(self._places.get(capability) or self._place(capability)) + 1] += exchanges
        times = self._times
        times[2] = times[2] or at
        times[3] = at

    def tick(self, at: float) -> None:
        """The worker lives."""
        self._times[0] = self._times[0] or at
        self._times[1] = at

    def pending(self) -> dict[str, int]:
        """How many were taken and are not written, by capability."""
        counts = {name: self._words[at] - self._words[at + 1] for name, at in self._places.items()}
        return {name: count for name, count in counts.items() if count > 0}

    def forget(self) -> list[Left]:
        """What the store had of all that was written, which is gone: it waits until the store is told that it is."""
        lost = []
        for name, at in self._places.items():
            if written := self._words[at + 1]:
                lost.append(Left(name, written, self._times[2], self._times[3], True))
                self._words[at + 1] = 0
        self._times[2] = 0.0
        return lost

    def adopt(self, seat: "Seat") -> list[Left]:
        """Mark in this file from now on; what those before it have left, which counts as taken until it is written."""
        words, old = memoryview(seat.map).cast("Q"), self._words
        places = {name: at for name, at, *_ in _slots(seat.map)}
        left = [*_left(seat.map), *seat.others]
        self._seat, self._words, self._times = seat, words, words.cast("B").cast("d")
        mine, self._places = self._places, places
        for name, at in mine.items():
            place = self._places.get(name) or self._place(name)
            words[place] += old[at]
            words[place + 1] += old[at + 1]
        for one in seat.others:
            words[self._places.get(one.capability) or self._place(one.capability)] += one.exchanges
        words[_ENDED] = 0
        return left

    def close(self) -> None:
        """The end. The file is left where something is not written, for whoever comes next."""
        seat, self._seat = self._seat, None
        if seat is None:
            return
        if self.pending():
            self._words[_ENDED] = 1
        else:
            with suppress(OSError):
                seat.path.unlink()
        self._times.release()
        self._words.release()
        seat.close()
        self._begin()

    def _place(self, capability: str) -> int:
        """The word that counts what was taken of a capability."""
        slot = min(len(self._places), SLOTS)
        at = _FIRST + slot * _WORDS
        if slot < SLOTS:
            begin = _HEAD.size + slot * _SLOT.size
            self._words.cast("B")[begin:begin + _NAME] = capability.encode()[:_NAME].ljust(_NAME, b"\0")
            self._places[capability] = at
        return at


class Seat:
    """A file of marks that is this process's, and what was `others`': files that nobody has any more."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self.others: list[Left] = []
        self._descriptor = descriptor
        os.posix_fallocate(descriptor, 0, _SIZE)
        self.map = mmap.mmap(descriptor, _SIZE)
        if not any(_slots(self.map)):
            # New, or somebody else's: a count that is none must not come to be added to.
            self.map[:] = bytes(_SIZE)
        self.map[_MAGIC_AT:_MAGIC_AT + len(_MAGIC)] = _MAGIC

    def close(self) -> None:
        """Give it back."""
        self.map.close()
        os.close(self._descriptor)


def seat(store: Path) -> Seat:
    """Take the first file beside a store that is nobody's, made where there is none, and gather what the others that
    are nobody's hold. Raises OSError."""
    own: Seat | None = None
    for path in _paths(store):
        if own is not None and not path.exists():
            continue
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if not _locked(descriptor, path):
                continue
            if own is None:
                own, descriptor = Seat(path, descriptor), -1
            else:
                own.others += _left(os.pread(descriptor, _SIZE, 0))
                path.unlink()
        finally:
            if descriptor >= 0:
                os.close(descriptor)
    if own is None:
        raise OSError(0, "every place is taken")
    return own


def left(store: Path) -> list[Left]:
    """What is left beside a store by workers that are no more, and not written yet."""
    found: list[Left] = []
    for path in _paths(store):
        with suppress(OSError), _opened(path) as descriptor:
            if _locked(descriptor, path):
                found += _left(os.pread(descriptor, _SIZE, 0))
    return found


def _paths(store: Path) -> list[Path]:
    return [store.with_name(f"{store.name}.worker-{number}") for number in range(SEATS)]


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _locked(descriptor: int, path: Path) -> bool:
    """Whether a file is ours now: it was nobody's, and is still at its path."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        there, own = path.stat(), os.fstat(descriptor)
    except OSError:
        return False
    return (there.st_dev, there.st_ino) == (own.st_dev, own.st_ino)


def _slots(data: mmap.mmap | bytes) -> Iterator[tuple[str, int, int, int]]:
    """Name, place, taken and written of each capability in a file; nothing of one that is no file of ours."""
    if len(data) < _SIZE or data[_MAGIC_AT:_MAGIC_AT + len(_MAGIC)] != _MAGIC:
        return
    for slot in range(SLOTS):
        name, taken, written = _SLOT.unpack_from(data, _HEAD.size + slot * _SLOT.size)
        if not (name := name.rstrip(b"\0")):
            return
        yield name.decode(errors="replace"), _FIRST + slot * _WORDS, taken, written


def _left(data: mmap.mmap | bytes) -> Iterator[Left]:
    slots = list(_slots(data))
    if slots:
        began, seen, _, wrote, ended, _ = _HEAD.unpack_from(data)
        yield from (Left(name, taken - written, wrote or began, max(seen, wrote), bool(ended))
                    for name, _, taken, written in slots if taken > written)
