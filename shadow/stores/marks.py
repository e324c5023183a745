"""Marks: how many exchanges of each capability a worker has taken, and how many of them the store has.

They are in a file beside the store's, which outlives the worker. Whatever ends one (SIGKILL, a full disk), the next
one finds the difference and writes it to the store as gaps. So no evidence is lost without a record.

A worker holds a lock on its file for as long as it lives. The file is mapped into memory, so a mark costs no more than
an addition. Its space is reserved when it is made, so a full disk cannot harm it.

A worker may be killed when the store has a batch and the marks do not say so yet. So before each write the marks say
what will be written, and after which write of this worker. If the store numbers its writes (shadow.stores.base.
Numbered), whoever comes next sees there whether the batch was written. Else it counts as lost.
"""

import fcntl
import mmap
import os
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple, TypeAlias

from shadow.ledger.rows import Gap, Reason

SLOTS = 500
"""Capabilities that have marks of their own. Further ones have none."""

SEATS = 64
"""The most workers that a gateway may have."""

_NAME = 64
_SLOT = struct.Struct(f"={_NAME}sQQ")
# When the worker began, was last alive, first wrote and last wrote; whether it stopped by itself; as whom it wrote;
# twice the number of its last write, and 1 more while what is written is carried over (see Marks.wrote).
_HEAD = struct.Struct("=4dQ8sQQ")
_MAGIC = b"figmark1"
_MAGIC_AT = 40
# After the slots: as whom the worker is about to write, and what each slot will then have written.
_AFTER = _HEAD.size + (SLOTS + 1) * _SLOT.size
_SIZE = _AFTER + 8 * (1 + SLOTS + 1)
_WORDS = _SLOT.size // 8
# Where the counts of the first slot begin, in words of eight bytes: taken, then written.
_FIRST = (_HEAD.size + _NAME) // 8
_ENDED, _WRITER, _NUMBER, _ABOUT = 4, 6, 7, _AFTER // 8

Numbers: TypeAlias = Callable[[int], int]
"""The number of a worker's last write in the store, by the worker's number; 0 if that cannot be known."""


def unknown(writer: int) -> int:
    """See Numbers: of a store that numbers no writes."""
    return 0


class Left(NamedTuple):
    """Exchanges of a capability that a worker took and the store does not have: how many, and between which times
    (seconds since 1970). `stopped` is True if the worker stopped by itself and was not killed."""

    capability: str
    exchanges: int
    first: float
    last: float
    stopped: bool

    def gap(self, reason: Reason | None = None) -> Gap:
        """These exchanges as a row for the store. Without a `reason` it is UNWRITTEN or KILLED, by `stopped`."""
        own = Reason.UNWRITTEN if self.stopped else Reason.KILLED
        return Gap(self.capability, reason or own, self.exchanges, self.first, self.last)


class Marks:
    """The marks of one worker, for one event loop. They are in memory until `adopt` gives them a file.

    `unproven` are the numbers by which former workers wrote, as long as it is not known whether the store is still the
    one that they wrote to."""

    def __init__(self) -> None:
        self._seat: Seat | None = None
        self.unproven: frozenset[int] = frozenset()
        self._about: tuple[Mapping[str, int], int] = {}, 0
        self._begin()

    def _begin(self) -> None:
        self._words = memoryview(bytearray(_SIZE)).cast("Q")
        self._times = self._words.cast("B").cast("d")
        self._places: dict[str, int] = {}

    def take(self, capability: str) -> None:
        """Mark that an exchange was taken, and will have an outcome."""
        at = self._places.get(capability) or self._place(capability)
        self._words[at] += 1

    def writes(self, exchanges: Mapping[str, int], writer: int) -> None:
        """Mark, before each write, that the store will then have the outcomes of so many more exchanges of these
        capabilities. `writer` is the number by which the store will know this worker; 0 if it numbers no writes."""
        self._about, words = (exchanges, writer), self._words
        words[_ABOUT] = 0
        for name in exchanges.keys() - self._places.keys():
            self._place(name)
        for name, at in self._places.items():
            words[_after(at)] = words[at + 1] + exchanges.get(name, 0)
        words[_ABOUT] = writer

    def wrote(self, at: float, writer: int = 0, number: int = 0) -> None:
        """Mark that the store has them since that time, by the write of this number. `writer` is the number by which
        the store knows this worker (see shadow.stores.base.Provable); 0 if it does not."""
        # From the second of these words on, whoever finds the file goes by what was about to be written.
        self._words[_WRITER] = writer
        self._words[_NUMBER] = number << 1 | 1
        _carry_over(self._words, self._places.values())
        self.unproven = frozenset()
        if any(self._about[0].values()):
            times = self._times
            times[2] = times[2] or at
            times[3] = at

    def tick(self, at: float) -> None:
        """Mark that the worker is alive at that time."""
        self._times[0] = self._times[0] or at
        self._times[1] = at

    def pending(self) -> dict[str, int]:
        """How many exchanges were taken and are not written, by capability."""
        counts = {name: self._words[at] - self._words[at + 1] for name, at in self._places.items()}
        return {name: count for name, count in counts.items() if count > 0}

    def forget(self) -> list[Left]:
        """Mark all written exchanges as lost with their store. They count as not written until their gap is written."""
        lost, words = [], self._words
        words[_ABOUT] = words[_NUMBER] = 0
        for name, at in self._places.items():
            if written := words[at + 1]:
                lost.append(Left(name, written, self._times[2], self._times[3], True))
                words[at + 1] = 0
        self._times[2] = 0.0
        words[_WRITER] = 0
        self.unproven = frozenset()
        return lost

    def adopt(self, seat: "Seat") -> list[Left]:
        """Keep the marks in this file from now on. Returns what former workers left, which now counts as taken."""
        words, old = memoryview(seat.map).cast("Q"), self._words
        places = {name: at for name, at, *_ in _slots(seat.map)}
        left = [*_left(seat.map), *(one for data in seat.others for one in _left(data))]
        self._seat, self._words, self._times = seat, words, words.cast("B").cast("d")
        mine, self._places = self._places, places
        for name, at in mine.items():
            place = self._places.get(name) or self._place(name)
            words[place] += old[at]
            words[place + 1] += old[at + 1]
        for data in seat.others:
            for name, _, taken, written in _slots(data):
                place = self._places.get(name) or self._place(name)
                words[place] += max(taken, written)
                words[place + 1] += written
        wrote = [at for data in seat.others for at in _wrote(data)] + list(self._times[2:4])
        self._times[2] = min(filter(None, wrote), default=0.0)
        self._times[3] = max(wrote)
        words[_ENDED] = words[_ABOUT] = 0
        words[_NUMBER] = old[_NUMBER]
        self.unproven = frozenset({words[_WRITER], *map(_writer, seat.others)} - {0})
        words[_WRITER] = words[_WRITER] or old[_WRITER]
        self.writes(*self._about)  # it may be under way
        return left

    def close(self) -> None:
        """Stop. If something is not written, the file stays for the next worker."""
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
        """The index of the word that counts the exchanges of a capability that were taken."""
        slot = min(len(self._places), SLOTS)
        at = _FIRST + slot * _WORDS
        if slot < SLOTS:
            begin = _HEAD.size + slot * _SLOT.size
            self._words.cast("B")[begin:begin + _NAME] = capability.encode()[:_NAME].ljust(_NAME, b"\0")
            self._places[capability] = at
        return at


class Seat:
    """A file of marks that this process holds. `others` is what was in files that no process holds any more."""

    def __init__(self, path: Path, descriptor: int, numbers: Numbers) -> None:
        self.path = path
        self.others: list[bytearray] = []
        self._descriptor = descriptor
        os.posix_fallocate(descriptor, 0, _SIZE)
        self.map = mmap.mmap(descriptor, _SIZE)
        if not any(_slots(self.map)):
            # The file is new, or not a file of marks. Its contents are not counts, so nothing may be added to them.
            self.map[:] = bytes(_SIZE)
        _resolve(self.map, numbers)
        self.map[_MAGIC_AT:_MAGIC_AT + len(_MAGIC)] = _MAGIC

    def close(self) -> None:
        """Give the file back."""
        self.map.close()
        os.close(self._descriptor)


def seat(store: Path, numbers: Numbers = unknown) -> Seat:
    """Take the first file of marks beside a store that no process holds, or make one. Gather what is in the other files
    that no process holds, and remove these files. `numbers` are the store's. Raises OSError."""
    own: Seat | None = None
    for path in _paths(store):
        if own is not None and not path.exists():
            continue
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if not _locked(descriptor, path):
                continue
            if own is None:
                own, descriptor = Seat(path, descriptor, numbers), -1
            else:
                own.others.append(_data(descriptor, numbers))
                path.unlink()
        finally:
            if descriptor >= 0:
                os.close(descriptor)
    if own is None:
        raise OSError(0, "every place is taken")
    return own


def left(store: Path, numbers: Numbers = unknown) -> list[Left]:
    """What former workers left in files beside a store, as far as it is not written to the store yet. `numbers` are the
    store's."""
    found: list[Left] = []
    for path in _paths(store):
        with suppress(OSError), _opened(path) as descriptor:
            if _locked(descriptor, path):
                found += _left(_data(descriptor, numbers))
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
    """Lock a file. True if no process held it and it is still at its path."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        there, own = path.stat(), os.fstat(descriptor)
    except OSError:
        return False
    return (there.st_dev, there.st_ino) == (own.st_dev, own.st_ino)


def _data(descriptor: int, numbers: Numbers) -> bytearray:
    """What is in a file that no process holds. Those of Figways of before are shorter."""
    data = bytearray(os.pread(descriptor, _SIZE, 0).ljust(_SIZE, b"\0"))
    _resolve(data, numbers)
    return data


def _resolve(data: mmap.mmap | bytearray, numbers: Numbers) -> None:
    """Count as written what a worker was writing when it was killed, if the store has that write."""
    if not any(_slots(data)):
        return
    with memoryview(data) as view, view.cast("Q") as words:
        before, about = words[_NUMBER], words[_ABOUT]
        if not before & 1 and about and numbers(about) > before >> 1:
            words[_NUMBER] = before | 1
            words[_WRITER] = about
        if words[_NUMBER] & 1:
            _carry_over(words, range(_FIRST, _FIRST + SLOTS * _WORDS, _WORDS))


def _after(at: int) -> int:
    """The index of the word that says what will have been written of the exchanges that are counted at `at`."""
    return _ABOUT + 1 + (at - _FIRST) // _WORDS


def _carry_over(words: memoryview, places: Iterable[int]) -> None:
    """Count as written what was about to be written."""
    for at in places:
        words[at + 1] = words[_after(at)]
    words[_NUMBER] &= ~1


def _slots(data: mmap.mmap | bytearray) -> Iterator[tuple[str, int, int, int]]:
    """Name, index, taken and written of each capability in a file; nothing if it is no file of marks."""
    if len(data) < _SIZE or data[_MAGIC_AT:_MAGIC_AT + len(_MAGIC)] != _MAGIC:
        return
    for slot in range(SLOTS):
        name, taken, written = _SLOT.unpack_from(data, _HEAD.size + slot * _SLOT.size)
        if not (name := name.rstrip(b"\0")):
            return
        yield name.decode(errors="replace"), _FIRST + slot * _WORDS, taken, written


def _wrote(data: bytearray) -> tuple[float, float]:
    """When the worker first wrote, and when last; 0 if it has not, or this is no file of marks."""
    _, _, first, last, *_ = _HEAD.unpack_from(data) if any(_slots(data)) else (0.0,) * 4
    return first, last


def _writer(data: bytearray) -> int:
    """The number by which the store knows the worker; 0 if there is none, or this is no file of marks."""
    return int(_HEAD.unpack_from(data)[-2]) if any(_slots(data)) else 0


def _left(data: mmap.mmap | bytearray) -> Iterator[Left]:
    slots = list(_slots(data))
    if slots:
        began, seen, _, wrote, ended, *_ = _HEAD.unpack_from(data)
        yield from (Left(name, taken - written, wrote or began, max(seen, wrote), bool(ended))
                    for name, _, taken, written in slots if taken > written)
