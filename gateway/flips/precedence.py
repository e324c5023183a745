"""Which stage is in force: a guard's latch, else the override, else the file; and what a new file makes of that.

Pure, and only this file says so. Backward always wins: a file that moves back ends an override that stands further
ahead. It never ends one that stands further back, since that would move the capability forward.
"""

from dataclasses import replace

from gateway.flips.base import Latch, Override, Position, Stand
from gateway.stage import Stage

ORDER = tuple(Stage)
"""From the furthest back to the furthest ahead."""


def in_force(file: Position, override: Override | None = None, latch: Latch | None = None) -> Position:
    """Where a capability is, part by part."""
    reads, writes, share = file
    if override is not None:
        reads = reads if override.reads is None else override.reads
        writes = writes if override.writes is None else override.writes
        share = share if override.share is None else override.share
    if latch is not None:
        reads = reads if latch.reads is None else latch.reads
        writes = writes if latch.writes is None else latch.writes
    return Position(reads, writes, share)


def position(stand: Stand) -> Position:
    """Where a capability is."""
    return in_force(stand.file, stand.override, stand.latch)


def is_ahead(one: Stage, one_share: int, other: Stage, other_share: int) -> bool:
    """Whether a stage is further ahead than another. Of two canaries, that with the larger share is."""
    if one is other is Stage.CANARY:
        return one_share > other_share
    return ORDER.index(one) > ORDER.index(other)


def moves_forward(before: Position, after: Position) -> bool:
    """Whether any part of a move goes forward. Such a step needs evidence; any other needs nothing."""
    return (is_ahead(after.reads, after.share, before.reads, before.share)
            or is_ahead(after.writes, after.share, before.writes, before.share))


def moves_back(before: Position, after: Position) -> bool:
    """Whether any part of a move goes back."""
    return moves_forward(after, before)


def adopted(stand: Stand, file: Position) -> Stand:
    """The stand of a capability when `file` is what the file says from now on. Where the file moved back, an override
    loses its part, unless the override stands further back than the file does now."""
    was, override = stand.file, stand.override
    if override is None or (not moves_back(was, file) and file.share >= was.share):
        return replace(stand, file=file)
    now = in_force(file, override)

    def ended(before: Stage, after: Stage, said: Stage) -> bool:
        return is_ahead(before, was.share, after, file.share) and not is_ahead(after, file.share, said, now.share)

    left = replace(
        override,
        reads=None if ended(was.reads, file.reads, now.reads) else override.reads,
        writes=None if ended(was.writes, file.writes, now.writes) else override.writes,
        share=None if file.share <= now.share else override.share)
    gone = left.reads is None and left.writes is None and left.share is None
    return replace(stand, file=file, override=None if gone else left)


def drifts(stand: Stand) -> bool:
    """Whether something other than the file says where a capability is."""
    return position(stand) != stand.file


def further_back(one: Position, other: Position) -> Position:
    """The position that is further back in every part."""
    reads = other.reads if is_ahead(one.reads, one.share, other.reads, other.share) else one.reads
    writes = other.writes if is_ahead(one.writes, one.share, other.writes, other.share) else one.writes
    return Position(reads, writes, min(one.share, other.share))
