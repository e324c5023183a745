"""The framing of HTTP/1.1 bodies, for both sides of the gateway: where a body ends, and what its payload is.

Bodies are framed here and not by llhttp: a proxy must know the exact byte where a message ends (pipelining), and must
frame answers to HEAD, which httptools cannot do.
"""

import re
from typing import Final, Protocol

from adapters.message import Headers
from gateway.wire.heads import FIELD, TOKEN, Malformed, fields

CHUNKED = -1
UNTIL_CLOSE = -2
"""What stands for a length: CHUNKED for a body in chunks, UNTIL_CLOSE for one that ends with its connection."""

_CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]{1,16})(?:[ \t]*;[^\x00-\x08\x0a-\x1f\x7f]*+)?\r\n")
# What old servers write: blanks around the size, any number of zeros before it, and LF alone after it. An extension
# that ends so is refused: some receivers take its LF for a part of it.
_UNTIDY_CHUNK_LINE = re.compile(
    rb"[ \t]*0*([0-9A-Fa-f]{1,16})(?:[ \t]*\r?\n|[ \t]*;[^\x00-\x08\x0a-\x1f\x7f]*+\r\n)")
_UNTIDY_TRAILER = re.compile(rb"(" + TOKEN.pattern + rb")[ \t]*:[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*?)[ \t]*\r?\n")
# Bytes of padding in a chunk's line that count for nothing.
_PADDING = 16
_MAX_CHUNK_LINE = 4096
# Rows of whole chunks of one size, 1 to 15 bytes. They are read at once, since a body may consist of nothing else.
_SMALL_CHUNKS = re.compile(b"|".join(
    rb"(?:[%x%X]\r\n[\s\S]{%d}\r\n){1,256}" % (size, size, size) for size in range(1, 16)))
_SMALL_SIZES = {ord(digit): int(digit, 16) for digit in "123456789abcdefABCDEF"}
_CHUNKS_A_CALL = 512


class Framing(Protocol):
    """Finds a body in the bytes of a connection. `done` is True once it has ended, and `rest` is what came after it.
    `left` is how many bytes are still to come, -1 if that is unknown. `behind` is True if one call was not enough:
    call again with b"" in a later turn of the event loop, and feed no more bytes until then. `repairs` are the rules
    that the body breaks, and that were repaired (gateway.wire.rules)."""

    done: bool
    behind: bool
    left: int
    repairs: tuple[str, ...]
    rest: bytes
    trailers: Headers

    def feed(self, data: bytes) -> bytes:
        """The payload that `data` holds. Raises Malformed."""
        ...

    def eof(self) -> bool:
        """The connection has ended. Returns whether the body is whole."""
        ...


NO_TRAILERS = Headers()


class Counted:
    """A body of Content-Length bytes."""

    __slots__ = ("behind", "done", "left", "repairs", "rest", "trailers")

    def __init__(self, length: int) -> None:
        self.left = length
        self.done = length == 0
        self.behind = False
        self.repairs: tuple[str, ...] = ()
        self.rest = b""
        self.trailers = NO_TRAILERS

    def feed(self, data: bytes) -> bytes:
        """The payload in `data`. Never raises."""
        left = self.left - len(data)
        if left > 0:
            self.left = left
            return data
        self.done = True
        if left == 0:
            self.left = 0
            return data
        self.rest = data[self.left:]
        payload = data[:self.left]
        self.left = 0
        return payload

    def eof(self) -> bool:
        """Whole only if every byte has come."""
        return self.done


class ToTheEnd:
    """A body that ends with its connection (RFC 9112 section 6.3, case 8), and a tunnel's bytes."""

    __slots__ = ("behind", "done", "left", "repairs", "rest", "trailers")

    def __init__(self) -> None:
        self.done = self.behind = False
        self.left = -1
        self.repairs: tuple[str, ...] = ()
        self.rest = b""
        self.trailers = NO_TRAILERS

    def feed(self, data: bytes) -> bytes:
        """All of `data`."""
        return data

    def eof(self) -> bool:
        """Always whole: the end of the connection is the end of the body."""
        self.done = True
        return True


# What a chunked body's next bytes are. They are Final, so that compiled code has the numbers in place.
_SIZE: Final = 0
_DATA: Final = 1
_DATA_END: Final = 2
_TRAILERS: Final = 3


class Chunked:
    """A chunked body (RFC 9112 section 7.1): sizes have 1 to 16 hexadecimal digits, and every line ends with CRLF.
    Extensions and trailers together have at most `allowance` bytes, the payload at most `room` (0: no limit).
    `malformed` is the code to raise. One call reads a limited number of chunks: tiny ones cost much by the byte.
    In the body of an answer `tidies` lets what breaks a rule and has one meaning pass."""

    __slots__ = (
        "_allowance", "_at", "_kept", "_left", "_malformed", "_room", "_state", "_tidies", "behind", "done", "left",
        "repairs", "rest", "trailers",
    )

    def __init__(self, malformed: str, allowance: int = 16 << 10, room: int = 0, *, tidies: bool = False) -> None:
        self._room = room or 1 << 62
        self._tidies = tidies
        self.repairs: tuple[str, ...] = ()
        self.left = -1
        # The bytes that are still to be read, from `_at` on.
        self._kept = b""
        self._at = 0
        self._left = 0
        self._state = _SIZE
        self._malformed = malformed
        self._allowance = allowance
        self.done = self.behind = False
        self.rest = b""
        self.trailers = NO_TRAILERS

    def feed(self, data: bytes) -> bytes:
        """The payload in `data`, or in its first part (then `behind`). Raises Malformed."""
        at, self.behind = 0, False
        if self._kept:
            if data:
                data = self._kept[self._at:] + data
            else:
                data, at = self._kept, self._at
            self._kept = b""
        pieces: list[bytes] = []
        end, chunks = len(data), 0
        while at < end and not self.done:
            if self._state == _DATA:
                piece = data[at:at + self._left] if at or self._left < end else data
                pieces.append(piece)
                at += len(piece)
                self._left -= len(piece)
                if not self._left:
                    self._state = _DATA_END
            elif self._state == _DATA_END:
                if end - at < 2 and data[at] == 13:
                    break
                if data[at:at + 2] == b"\r\n":
                    at += 2
                elif data[at] == 10:
                    self._mend("chunk_line", "chunk_end")
                    at += 1
                else:
                    raise Malformed(self._malformed, "chunk_end")
                self._state = _SIZE
            elif chunks >= _CHUNKS_A_CALL:
                self.behind = True
                break
            elif self._state == _SIZE and (small := _SMALL_CHUNKS.match(data, at)):
                chunks += self._small(data, at, small.end(), pieces)
                at = small.end()
            else:
                taken = self._size(data, at) if self._state == _SIZE else self._trailer(data, at)
                if not taken:
                    break
                chunks += 1
                at += taken
        if self.done:
            self.rest = data[at:]
        elif at < end:
            # Bytes that are put off may be many, so they are not copied for each call. Of a line, its start is kept.
            self._kept, self._at = (data, at) if self.behind else (data[at:], 0)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _small(self, data: bytes, at: int, end: int, pieces: list[bytes]) -> int:
        """Add the payloads of a row of small chunks of one size to `pieces`. Returns how many there are."""
        size = _SMALL_SIZES[data[at]]
        count = (end - at) // (size + 5)
        self._room -= size * count
        if self._room < 0:
            raise Malformed("body_too_large")
        if size == 1:
            pieces.append(data[at + 3:end:6])
        else:
            pieces.extend([data[start:start + size] for start in range(at + 3, end, size + 5)])
        return count

    def _line(self, data: bytes, at: int, limit: int) -> int:
        """The position after the CRLF of the line that begins at `at`; 0 while the line is not whole."""
        end = data.find(b"\n", at, at + limit)
        if end < 0:
            if len(data) - at >= limit:
                raise Malformed(self._malformed, "chunk_allowance")
            return 0
        return end + 1

    def _mend(self, rule: str, refused: str) -> None:
        """Note a breach that has one meaning. Raises Malformed, for the rule `refused`, if nothing may be repaired."""
        if not self._tidies:
            raise Malformed(self._malformed, refused)
        if rule not in self.repairs:
            self.repairs = (*self.repairs, rule)

    def _size(self, data: bytes, at: int) -> int:
        end = self._line(data, at, _MAX_CHUNK_LINE)
        if not end:
            return 0
        found = _CHUNK_LINE.fullmatch(data, at, end)
        if found is None:
            found = _UNTIDY_CHUNK_LINE.fullmatch(data, at, end)
            if found is None:
                raise Malformed(self._malformed, "chunk_size")
            self._mend("chunk_line", "chunk_size")
            self._allowance += min(_PADDING, end - at - len(found[1]) - 2)
        digits = found[1]
        self._spend(end - at - len(digits) - 2)
        self._left = int(digits, 16)
        self._room -= self._left
        if self._room < 0:
            raise Malformed("body_too_large")
        self._state = _DATA if self._left else _TRAILERS
        return end - at

    def _trailer(self, data: bytes, at: int) -> int:
        end = self._line(data, at, self._allowance + 3)
        if not end:
            return 0
        if data[at:end] == b"\r\n":
            self.done = True
            return 2
        if data[at] == 10:
            self._mend("chunk_line", "trailer")
            self.done = True
            return 1
        found = FIELD.fullmatch(data, at, end)
        if found is None:
            found = _UNTIDY_TRAILER.fullmatch(data, at, end)
            if found is None:
                raise Malformed(self._malformed, "trailer")
            self._mend("chunk_line", "trailer")
        self._spend(end - at)
        if self.trailers is NO_TRAILERS:
            self.trailers = Headers()
        self.trailers.append((found[1], found[2]))
        return end - at

    def _spend(self, size: int) -> None:
        self._allowance -= size
        if self._allowance < 0:
            raise Malformed(self._malformed, "chunk_allowance")

    def eof(self) -> bool:
        """Whole only if the last chunk and the empty line after the trailers have come. Only the last chunk need have
        come if `tidies` (RFC 9112 section 8)."""
        if self._tidies and self._state == _TRAILERS and self._kept in (b"", b"\r") and self.trailers is NO_TRAILERS:
            if not self.done:
                self._mend("last_line", "trailer")
            self.done = True
        return self.done


def chunk(data: bytes) -> bytes:
    """One chunk that holds `data`, which must not be empty: an empty chunk would end the body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def last_chunk(trailers: Headers) -> bytes:
    """The end of a chunked body."""
    return b"0\r\n%b\r\n" % fields(trailers) if trailers else b"0\r\n\r\n"


_LENGTH = re.compile(rb"[0-9]{1,18}")


def content_length(values: list[bytes], malformed: str) -> int:
    """The one length that all Content-Length fields give (RFC 9110 section 8.6, RFC 9112 section 6.3). A list of equal
    values counts as one value. Raises Malformed with the code `malformed` if there is not exactly one valid length."""
    given = {one.strip(b" \t") for value in values for one in value.split(b",")}
    if len(given) != 1:
        raise Malformed(malformed)
    only = given.pop()
    if _LENGTH.fullmatch(only) is None:
        raise Malformed(malformed)
    return int(only)
