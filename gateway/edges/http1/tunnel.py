"""Follows the frames of a WebSocket tunnel, so that the gateway can tell the client when it shuts down.

Bytes pass unchanged. Only the boundaries of the server's frames are followed (RFC 6455 section 5.2), because the
gateway may send a Close frame of its own only between two frames.
"""

_STEPS_A_CALL = 1024

GOING_AWAY = b"\x88\x02\x03\xe9"
"""A server's Close frame with status 1001 (RFC 6455 section 7.4.1)."""


class Frames:
    """Follows the frames that a server sends. `between` is True if the last frame is complete. `behind` is True if one
    call was not enough: feed b"" in a later turn of the event loop, and nothing else until then."""

    __slots__ = ("_at", "_header", "_kept", "_left")

    def __init__(self) -> None:
        self._header = b""
        self._left = 0
        # The bytes that are still to be followed, from `_at` on.
        self._kept = b""
        self._at = 0

    @property
    def behind(self) -> bool:
        """Whether bytes are still to be followed."""
        return bool(self._kept)

    @property
    def between(self) -> bool:
        """Whether the bytes so far end with the end of a frame."""
        return not self._left and not self._header and not self._kept

    def feed(self, data: bytes) -> None:
        """Follow bytes that went to the client."""
        at = 0
        if self._kept and data:
            data = self._kept[self._at:] + data
        elif self._kept:
            data, at = self._kept, self._at
        self._kept = b""
        end, steps = len(data), 0
        while at < end:
            if steps == _STEPS_A_CALL:
                self._kept, self._at = data, at
                return
            at = self._step(data, at)
            steps += 1

    def first_end(self, data: bytes) -> int:
        """How many bytes of `data` complete the frame under way; -1 if all of them do not complete it."""
        while self._kept:
            self.feed(b"")
        at, end = 0, len(data)
        while at < end:
            at = self._step(data, at)
            if self.between:
                return at
        return -1

    def _step(self, data: bytes, at: int) -> int:
        """Take the next payload bytes, or the next byte of a header. Returns where the next step begins."""
        if self._left:
            taken = min(self._left, len(data) - at)
            self._left -= taken
            return at + taken
        self._header += data[at:at + 1]
        header = self._header
        if len(header) < 2:
            return at + 1
        short = header[1] & 0x7F
        needed = 2 + {126: 2, 127: 8}.get(short, 0) + (4 if header[1] & 0x80 else 0)
        if len(header) == needed:
            self._left = short if short < 126 else int.from_bytes(header[2:4] if short == 126 else header[2:10])
            self._header = b""
        return at + 1
