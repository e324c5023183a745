"""The body of a request: held until it is whole, kept while it streams through, or refused over a limit.

A body streams to its arm as it comes. It is held back only where the arm must have it whole: an adapter translates it,
or it is small, so that a slow client holds no connection to the upstream. While it streams, a copy is kept where a
fallback or a mirror may need it. Past a limit a held body is refused; a copy is let go, and the body streams on.

What is held is counted in the worker's room (gateway/room.py) until the exchange ends.
"""

from adapters.message import Headers
from gateway.call import Head
from gateway.capability import Arm, Capability
from gateway.outlet import Outlet
from gateway.room import BODY_FREE, PIECE, STALLED, Room

# A body up to this size is sent to an upstream when it is whole.
_SMALL = 64 << 10


class Upload:
    """One request's body. Made only where a request has one. `whole` says whether all of it has come; `waits` whether
    it is held until then, before an arm is asked."""

    __slots__ = ("_body", "_held", "_limit", "_pieces", "_room", "_stalled", "waits", "whole")

    def __init__(self, start: bytes, limit: int, room: Room, *, whole: bool) -> None:
        """`start` is the part of the body that came with the head; `limit` is how many bytes may be held or kept."""
        self._body = start
        self._limit = limit
        self._room = room
        self._held = 0
        self._pieces: list[bytes] = []
        self._stalled = False
        self.waits = False
        self.whole = whole

    def refused(self, arm: Arm, head: Head, capability: Capability) -> str:
        """Before `arm` is asked: whether its body `waits`. Returns the code that refuses it, where it must be held
        whole and cannot be, else ""."""
        size = len(self._body)
        if arm.adapter is not None and max(head.length, size) > self._limit:
            return "body_too_large"
        self.waits = not self.whole and _must_be_whole(head, arm, capability)
        held = self.waits or arm.adapter is not None
        return "overloaded" if held and size > BODY_FREE and not self._take(size) else ""

    def may_be_kept(self) -> bool:
        """Whether there is room to keep what came with the head, beyond its being sent. It is counted once."""
        size = len(self._body)
        if size > BODY_FREE and not self._held:
            if not self._room.take_spare(size):
                return False
            self._held += size
        return True

    def may_queue(self, size: int) -> bool:
        """Whether there is room for `size` bytes that wait for a connection, where they are not counted yet."""
        return self._held > 0 or self._take(size)

    def hold(self, piece: bytes, received: int) -> str:
        """Hold a piece, with which `received` bytes of the body have come. Returns "", or why it cannot be held:
        "body_too_large" for this capability, "overloaded" where the worker has no room."""
        if received > self._limit:
            return "body_too_large"
        size = len(piece) + PIECE
        if not self._room.take(size):
            return "overloaded"
        self._held += size
        self._pieces.append(piece)
        return ""

    def keep(self, piece: bytes, received: int) -> str:
        """The same for a copy of a piece that goes out: the exchange can do without it. Where one cannot be kept, none
        is."""
        fits, size = received <= self._limit, len(piece) + PIECE
        if fits and self._room.take_spare(size):
            self._held += size
            self._pieces.append(piece)
            return ""
        self._pieces.clear()
        self._body = b""
        return "overloaded" if fits else "body_too_large"

    def joined(self, *, kept: bool = True) -> bytes:
        """The part of the body that is in memory, in one piece. Unless it is `kept`, it can be taken only once."""
        body = self._body
        if self._pieces:
            body = b"".join([body, *self._pieces])
            self._pieces.clear()
        self._body = body if kept else b""
        return body

    def stall(self) -> bool:
        """The upstream takes no more for now. False where there is no room for what that holds up."""
        if not self._stalled:
            self._stalled = self._take(STALLED)
        return self._stalled

    def go_on(self) -> None:
        """The upstream takes more again."""
        if self._stalled:
            self._stalled = False
            self._take(-STALLED)

    def close(self) -> None:
        """The exchange has ended: nothing is counted any longer."""
        self._stalled = False
        if self._held:
            self._room.take(-self._held)
            self._held = 0

    def _take(self, size: int) -> bool:
        if not self._room.take(size):
            return False
        self._held += size
        return True


def _must_be_whole(head: Head, arm: Arm, capability: Capability) -> bool:
    """Whether a body that is still coming is held until it is whole before `arm` is asked: an adapter translates it, or
    it is small. A small one that waits for a 100 (Continue) goes on at once, so that the upstream can answer it, unless
    the upstream's connections are getting scarce."""
    if arm.adapter is not None:
        return True
    if not 0 < head.length <= min(_SMALL, capability.buffer_limit):
        return False
    return not head.expects_continue or arm.upstream.is_busy()


def ask_for_body(outlet: Outlet) -> None:
    """Have a client that waits for it send the body (RFC 9110 section 10.1.1): no upstream does so now."""
    outlet.send_interim(100, b"Continue", Headers())
    outlet.flush()
