"""Counts and limits the memory that one worker holds for its clients (`server.limits.memory`).

The few KiB that every connection needs for a head or an answer under way are not counted, so ordinary requests never
come here. Everything beyond them is counted: heads that do not end, requests sent ahead, bodies held for a translation,
a fallback or a mirror, uploads that an upstream does not read, and answers that a client does not read. A caller that
finds no room must give up what it wanted to hold; other clients are not affected.
"""

READ_FREE = 4 << 10
"""Bytes of requests sent ahead that are not counted, for each connection."""
WRITE_FREE = 16 << 10
"""Bytes of an answer waiting to be sent that are not counted, for each connection."""
BODY_FREE = 16 << 10
"""Bytes of a body that came together with the head that are not counted, for each exchange."""
PIECE = 64
"""Bytes that a piece of a body costs in addition to its contents."""
STALLED = 128 << 10
"""About how many bytes an upload holds when an upstream does not read it: the connection's buffer and one piece."""


class Room:
    """`held` bytes of `limit` (0: no limit). `refused` counts how often there was no room."""

    __slots__ = ("held", "limit", "refused")

    def __init__(self, limit: int = 0) -> None:
        self.limit = limit
        self.held = 0
        self.refused = 0

    @property
    def is_short(self) -> bool:
        """Whether less than a quarter of the room is left: that is reserved for what requests cannot do without."""
        return self.held > self.limit - self.limit // 4 > 0

    def take(self, size: int) -> bool:
        """Hold `size` more bytes, if there is room for them. A negative size gives some back."""
        held = self.held + size
        if size > 0 and held > self.limit > 0:
            self.refused += 1
            return False
        self.held = held
        return True

    def take_spare(self, size: int) -> bool:
        """The same for memory that a request can do without: a quarter of the room stays reserved."""
        held = self.held + size
        if held > self.limit - self.limit // 4 > 0:
            return False
        self.held = held
        return True
