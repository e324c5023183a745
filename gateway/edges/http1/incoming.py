"""What a client sends: the bytes that are not read yet, the body under way, and how much is read at a time."""

import asyncio
import re
import time

from gateway.edges.settings import EdgeSettings
from gateway.room import READ_FREE, Room
from gateway.wire.bodies import CHUNKED, Chunked, Counted, Framing

READ_AHEAD = 64 << 10
"""Unread bytes of a connection past which its transport stops reading."""
# Bytes in which a chunked body is looked for first, so that a long row of small requests is not copied for each.
_SHORT = 4 << 10
_EMPTY_LINES = re.compile(rb"(?:\r\n)+")


class Incoming:
    """The bytes that a client has sent. Those of `data` from `at` on are unread; no head ends before `seen`. Unread
    bytes beyond READ_FREE are counted in the worker's memory.

    `framing` finds the rest of the body under way, None for none. `upload_paused` is True while the exchange takes no
    more of the body. `stopped` is True while the transport does not read, for that reason or because much is unread.
    """

    __slots__ = (
        "_room", "at", "counted", "data", "framing", "received", "seen", "since", "stopped", "transport",
        "upload_paused",
    )

    def __init__(self, room: Room) -> None:
        self.transport: asyncio.Transport | None = None
        self.data = b""
        self.at = self.seen = 0
        self.framing: Framing | None = None
        self.upload_paused = self.stopped = False
        # How many bytes of the body have come, and since when, to see how fast the client sends it.
        self.received = 0
        self.since = 0.0
        # How much is counted in the worker's memory.
        self.counted = 0
        self._room = room

    # --- unread bytes ----------------------------------------------------------------------------------------------

    def append(self, data: bytes) -> None:
        """Add bytes that came, and drop those that are read."""
        self.data = self.data[self.at:] + data
        self.seen -= self.at
        self.at = 0

    def consume(self, end: int) -> None:
        """Mark the bytes before `end` as read."""
        if end == len(self.data):
            self.data = b""
            end = 0
        self.at = self.seen = end
        if self.counted:
            self.count(len(self.data) - end)

    def clear(self) -> None:
        """Mark all bytes as read."""
        self.consume(len(self.data))

    def unread(self) -> bytes:
        """What is unread, and stays so."""
        return self.data[self.at:]

    def take_all(self) -> bytes:
        """Read all that is unread."""
        data = self.unread()
        self.clear()
        return data

    def discard(self) -> None:
        """Throw away all that is unread, and what is still to come of a body."""
        self.clear()
        self.framing = None
        self.upload_paused = False

    def count(self, size: int) -> bool:
        """Count `size` bytes, which came ahead of their turn, in the worker's memory, instead of those counted before.
        False if there is no room for more."""
        counted = max(0, size - READ_FREE)
        if counted != self.counted:
            if not self._room.take(counted - self.counted):
                return False
            self.counted = counted
        return True

    def count_unread(self) -> bool:
        """Count the unread bytes. False if there is no room for them."""
        return self.count(len(self.data) - self.at)

    # --- heads -----------------------------------------------------------------------------------------------------

    def take_head(self, limit: int, may_be_empty: bool) -> bytes | None:
        """Read the next head, of at most `limit` bytes. b"" if it is not whole, or is longer; None if none has begun.
        Empty lines before the request line are ignored if `may_be_empty` (RFC 9112 section 2.2)."""
        data, at = self.data, self.at
        if may_be_empty and data[at] == 0x0D:
            if empty := _EMPTY_LINES.match(data, at):
                self.consume(empty.end())
                data, at = self.data, self.at
            if not data or (data[at] == 0x0D and at + 1 == len(data)):
                return None
        end = data.find(b"\r\n\r\n", self.seen) + 4
        if end < 4 or end - at > limit:
            return b""
        if end == len(data) and not self.seen:
            self.data = b""
            return data
        self.consume(end)
        return data[at:end]

    def fault_of_head(self, settings: EdgeSettings) -> str:
        """The error code for a head that is too long, or cannot become valid; "" if its rest may still come."""
        data, at, seen = self.data, self.at, self.seen
        end = data.find(b"\r\n\r\n", seen) + 4
        if end - at > settings.head or len(data) - at > settings.head:
            line = data.find(b"\r\n", at)
            return "target_too_long" if line < 0 or line - at > settings.target + 32 else "head_too_large"
        if data[at] in b"\n \t" or data.find(b"\n\n", seen) >= 0 or data.find(b"\n\r\n", seen) >= 0:
            # A lenient reader would end the head here. For us the head would go on until the deadline.
            return "bad_request"
        self.seen = max(at, len(data) - 3)
        return ""

    # --- bodies ----------------------------------------------------------------------------------------------------

    def begin_body(self, length: int, settings: EdgeSettings) -> tuple[bytes, bool]:
        """Begin a body of `length` bytes, or CHUNKED. Returns the part that is here, and whether that is all. Bytes
        after the body stay unread. Raises Malformed."""
        framing: Framing = Counted(length)
        if length == CHUNKED:
            framing = Chunked("bad_framing", settings.trailer, settings.body)
        self.since = time.monotonic()
        self.received = len(self.data) - self.at
        body = self._read_body(framing, length) if self.data else b""
        if not framing.done:
            self.framing = framing
        return body, framing.done

    def _read_body(self, framing: Framing, length: int) -> bytes:
        at = self.at
        piece = self.data[at:at + (_SHORT if length == CHUNKED else length)]
        body = framing.feed(piece)
        at += len(piece) - len(framing.rest)
        if not framing.done and at < len(self.data):
            body += framing.feed(self.data[at:])
            at = len(self.data) - len(framing.rest)
        framing.rest = b""
        self.consume(at)
        return body

    def end_body(self, framing: Framing) -> None:
        """End the body, which has come whole. What follows it is unread."""
        self.framing = None
        self.data = framing.rest

    @property
    def body_behind(self) -> bool:
        """Whether more of the body is here than was read in one turn of the event loop."""
        return self.framing is not None and self.framing.behind

    def measure(self, now: float) -> None:
        """Measure from now on how fast the body comes."""
        self.since, self.received = now, 0

    def comes_too_slowly(self, now: float, rate: int) -> bool:
        """Whether the client sends its body at less than `rate` bytes a second. False while the transport does not
        read: that is not the client's fault."""
        return not self.stopped and self.received < rate * (now - self.since)

    # --- flow control ----------------------------------------------------------------------------------------------

    def regulate(self, *, in_head: bool) -> None:
        """Make the transport stop reading, or read on, as is due. A head is read to its end, however much is unread."""
        stop = (self.upload_paused or (self.framing is not None and self.framing.behind)
                or (len(self.data) - self.at > READ_AHEAD and not in_head))
        if stop is self.stopped:
            return
        self.stopped = stop
        transport = self.transport
        if stop:
            if transport is not None and not transport.is_closing():
                transport.pause_reading()
            return
        self.measure(time.monotonic())
        if transport is not None and not transport.is_closing():
            transport.resume_reading()
