"""How much memory one worker holds for its clients, and the bound on it (`server.limits.memory`).

What every connection has anyway is not counted, so that ordinary requests never come here: a few KiB of a head or of an
answer under way. Counted is what a client makes us hold beyond that: heads that do not end, requests sent ahead, bodies
held for a translation, a fallback or a mirror, uploads that an upstream does not take, answers that the client does not
take. Who finds no room gives up what it wanted to hold, and nobody else is touched.
"""

READ_FREE = 4 << 10
"""Bytes sent ahead of their turn that a connection may have uncounted."""
WRITE_FREE = 16 << 10
"""Bytes of an answer on their way out that it may have uncounted."""
BODY_FREE = 16 << 10
"""Bytes of a request's body that came with its head that an exchange may have uncounted."""
PIECE = 64
"""What the smallest piece of a body costs beside its bytes."""
STALLED = 128 << 10
"""About what an upload holds that an upstream does not take: its connection's buffer, and a piece on its way there."""


class Room:
    """`held` bytes of `limit` (0: no bound); `refused` counts those who found no room."""

    __slots__ = ("held", "limit", "refused")

    def __init__(self, limit: int = 0) -> None:
        self.limit = limit
        self.held = 0
        self.refused = 0

    @property
    def is_short(self) -> bool:
        """Whether only a quarter of the room is left, for what cannot be done without."""
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
        """The same for what can be done without: it leaves a quarter of the room to what cannot."""
        held = self.held + size
        if held > self.limit - self.limit // 4 > 0:
            return False
        self.held = held
        return True
