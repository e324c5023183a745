"""How the times of both arms over the same requests compare, as counts (Pace). Pure.

The times of both arms over one request make a pair. A pair is *slower* if modern took longer than `ratio` times
legacy's time and `plus` (shadow.settings.Slower). It has a *tail* if one arm took longer than three times the other's
time and `plus`. Counts of these are kept, in the order in which pairs came: slower.py says what they show.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from shadow.compare.pair import Pair
from shadow.evidence.epoch import Epoch
from shadow.settings import Slower

TAIL = 3.0
"""One arm is in the tail of a pair if it took this many times as long as the other, and `plus`."""

BLOCK = 50
"""Pairs between two possible starts of an e-process."""

_OF_REST = 0.5
"""Two blocks become one once they have no more than this share of the pairs that came after them."""


class Moment(StrEnum):
    """Up to where a time runs, from when the request was sent."""

    FIRST = "first"
    """The answer's head."""
    LAST = "last"
    """The last byte of the answer."""


class Held(NamedTuple):
    """Pairs of times, held against each other. Of all `pairs`, modern was slower in `slower`, took over TAIL times as
    long as legacy in `tail_modern`, and legacy over TAIL times as long as modern in `tail_legacy`."""

    pairs: int = 0
    slower: int = 0
    tail_modern: int = 0
    tail_legacy: int = 0

    def joined(self, other: "Held") -> "Held":
        """Both together."""
        return Held(self.pairs + other.pairs, self.slower + other.slower, self.tail_modern + other.tail_modern,
                    self.tail_legacy + other.tail_legacy)


Blocks = tuple[Held, ...]
"""Pairs in the order in which they came, the oldest first, in blocks that are the longer the older they are."""


@dataclass(frozen=True, slots=True)
class Pace:
    """The pairs of one operation in one epoch, by one of their times, held against each other by `ratio` and `plus`
    (seconds). `last` is when the latest of them was seen, in seconds since 1970."""

    capability: str
    epoch: Epoch
    operation: str
    moment: Moment
    ratio: float
    plus: float
    blocks: Blocks
    last: float

    @property
    def total(self) -> Held:
        """All pairs."""
        return Held(*map(sum, zip(*self.blocks, strict=True)))


Times = tuple[float, float]
"""How long legacy and modern took over one request, in seconds."""


def measured(pair: Pair) -> tuple[Times | None, Times | None]:
    """The times of both arms over one request, to each Moment: to the answer's head, and to its end. None where they
    were not both measured, if an arm failed, or if legacy said that it did."""
    control, candidate = pair.control, pair.candidate
    if control.failure is not None or control.broke or candidate.failure is not None:
        return None, None
    return (None if control.first is None or candidate.first is None else (control.first, candidate.first),
            None if control.last is None or candidate.last is None else (control.last, candidate.last))


class Sums:
    """Pairs of times that are being held against each other: a Held that grows. `last` is when the latest was seen, in
    seconds since 1970."""

    __slots__ = ("last", "pairs", "slower", "tail_legacy", "tail_modern")

    def __init__(self) -> None:
        self.pairs = self.slower = self.tail_modern = self.tail_legacy = 0
        self.last = 0.0

    def add(self, times: Times, by: Slower, at: float) -> None:
        """Add one pair of times that was seen at this time."""
        legacy, modern = times
        ratio, plus = by
        self.pairs += 1
        if modern > ratio * legacy + plus:
            self.slower += 1
        if modern > TAIL * legacy + plus:
            self.tail_modern += 1
        elif legacy > TAIL * modern + plus:
            self.tail_legacy += 1
        if at > self.last:
            self.last = at

    def join(self, other: Held, at: float) -> None:
        """Add pairs that were held against each other before."""
        self.pairs += other.pairs
        self.slower += other.slower
        self.tail_modern += other.tail_modern
        self.tail_legacy += other.tail_legacy
        self.last = max(self.last, at)

    @property
    def held(self) -> Held:
        """All of them."""
        return Held(self.pairs, self.slower, self.tail_modern, self.tail_legacy)


def grown(blocks: Blocks, new: Held) -> Blocks:
    """The blocks, with pairs that came after them."""
    unfinished = blocks[-1] if blocks and blocks[-1].pairs < BLOCK else None
    blocks = (*blocks, new) if unfinished is None else (*blocks[:-1], unfinished.joined(new))
    kept: list[Held] = []
    after = sum(one.pairs for one in blocks)
    for block in blocks:
        after -= block.pairs
        if kept and kept[-1].pairs + block.pairs <= _OF_REST * after:
            kept[-1] = kept[-1].joined(block)
        else:
            kept.append(block)
    return tuple(kept)
