"""HTTP/1.1 on the wire, for both sides of the gateway: heads, body framings, and what makes them ambiguous.

Each head is read twice, and the two readers must agree. First it is matched against a strict grammar (RFC 9112
sections 2.2, 3, 4 and 5: no obs-fold, no bare CR or LF, no blank before a colon, no control characters). Then llhttp
parses it, through httptools. Bodies are framed here and not by llhttp: a proxy must know the exact byte where a message
ends (pipelining), and must frame answers to HEAD, which httptools cannot do.
"""

import re
from collections.abc import Callable
from typing import Protocol

import httptools

from adapters.message import Headers

CHUNKED = -1
UNTIL_CLOSE = -2

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"
_FIELDS = rb"(?:" + _TOKEN + rb":[^\x00-\x08\x0a-\x1f\x7f]*+\r\n)*+\r\n"
_TARGET = rb"[\x21-\x7e\x80-\xff]++"
TARGET = re.compile(_TARGET)
"""The bytes that a request target may consist of."""
_REQUEST_HEAD = re.compile(rb"(" + _TOKEN + rb") (" + _TARGET + rb") HTTP/1\.[01]\r\n" + _FIELDS)
_RESPONSE_HEAD = re.compile(rb"HTTP/1\.[01] ([1-9][0-9][0-9])(?: ([^\x00-\x08\x0a-\x1f\x7f]*+))?\r\n" + _FIELDS)
_OTHER_VERSION = re.compile(rb"[^\r\n]* HTTP/(?!1\.[01]\r?\n)[0-9.]+\r?\n")
_FIELD = re.compile(rb"(" + _TOKEN + rb"):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*?)[ \t]*\r\n")
_CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]{1,16})(?:[ \t]*;[^\x00-\x08\x0a-\x1f\x7f]*+)?\r\n")
_MAX_CHUNK_LINE = 4096
# Rows of whole chunks of one size, 1 to 15 bytes. They are read at once, since a body may consist of nothing else.
_SMALL_CHUNKS = re.compile(b"|".join(
    rb"(?:[%x%X]\r\n[\s\S]{%d}\r\n){1,256}+" % (size, size, size) for size in range(1, 16)))
_SMALL_SIZES = {ord(digit): int(digit, 16) for digit in "123456789abcdefABCDEF"}
_CHUNKS_A_CALL = 512
_MAX_SPELLINGS = 4096


class Malformed(Exception):
    """A message is not HTTP, or could be read in two ways. `code` is a row of gateway.errors.CODES."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(detail or code)
        self.code = code
        self.detail = detail


class _Collected(Headers):
    """The fields of one head, as llhttp reports them: its `on_header` callback appends to the list itself."""

    __slots__ = ()

    def on_header(self, name: bytes, value: bytes) -> None:
        self.append((name, value))


METHODS = {name.encode(): name for name in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")}
"""The common methods, by their bytes on the wire."""


def parse_request_head(head: bytes) -> tuple[str, bytes, bool, Headers]:
    """(method, target, whether it is HTTP/1.1, fields as received) of a head that ends with its empty line.
    Raises Malformed."""
    found = _REQUEST_HEAD.fullmatch(head)
    if found is None:
        raise Malformed("version_not_supported" if _OTHER_VERSION.match(head) else "bad_request")
    target = found[2]
    if not target.isascii():
        # Old clients send Latin-1 or UTF-8 unencoded, which llhttp refuses. It judges the rest of the head.
        head = head.replace(target, b"/", 1)
    headers = _Collected()
    # Each head gets a parser of its own: llhttp remembers the body and the closing that a head announces. It costs
    # 0.2 µs.
    parser = httptools.HttpRequestParser(headers)
    try:
        parser.feed_data(head)
    except httptools.HttpParserUpgrade:
        pass
    except httptools.HttpParserInvalidMethodError:
        raise Malformed("method_not_supported") from None
    except httptools.HttpParserError:
        names = {name.lower() for name, _ in headers}
        framing = names & {b"content-length", b"transfer-encoding"}
        raise Malformed("bad_framing" if framing else "bad_request") from None
    return found[1].decode("ascii"), target, parser.get_http_version() == "1.1", headers


def parse_response_head(head: bytes) -> tuple[int, bytes, bool, Headers]:
    """(status, reason phrase, whether it is HTTP/1.1, fields as received). Raises Malformed."""
    found = _RESPONSE_HEAD.fullmatch(head)
    if found is None:
        raise Malformed("upstream_malformed")
    headers = _Collected()
    try:
        httptools.HttpResponseParser(headers).feed_data(head)
    except httptools.HttpParserUpgrade:
        pass
    except httptools.HttpParserError:
        raise Malformed("upstream_malformed") from None
    return int(found[1]), found[2] or b"", head[7] == 0x31, headers


class FieldKinds(dict[bytes, int]):
    """The kind of each header field, by its name as it was written: one look-up, since each spelling is remembered.
    `kind_of` gives the kind of a name that is new. Names come from outside, so only so many are remembered."""

    __slots__ = ("_kind_of",)

    def __init__(self, kind_of: Callable[[bytes], int]) -> None:
        super().__init__()
        self._kind_of = kind_of

    def __missing__(self, name: bytes) -> int:
        kind = self._kind_of(name)
        if len(self) < _MAX_SPELLINGS:
            self[name] = kind
        return kind


def connection_options(value: bytes) -> set[bytes]:
    """The lower-case options of a Connection field (RFC 9110 section 7.6.1); several fields are joined by commas."""
    return {option.strip(b" \t").lower() for option in value.split(b",")}


def persists(options: set[bytes], is_11: bool) -> bool:
    """Whether the connection stays open after a message with these options (RFC 9112 section 9.3)."""
    return b"close" not in options and (is_11 or b"keep-alive" in options)


class Framing(Protocol):
    """Finds a body in the bytes of a connection. `done` is True once it has ended, and `rest` is what came after it.
    `left` is how many bytes are still to come, -1 where that is unknown. `behind` is True where one call was not
    enough: call again with b"" in a later turn of the event loop, and feed no more bytes until then."""

    done: bool
    behind: bool
    left: int
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

    __slots__ = ("behind", "done", "left", "rest", "trailers")

    def __init__(self, length: int) -> None:
        self.left = length
        self.done = length == 0
        self.behind = False
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

    __slots__ = ("behind", "done", "left", "rest", "trailers")

    def __init__(self) -> None:
        self.done = self.behind = False
        self.left = -1
        self.rest = b""
        self.trailers = NO_TRAILERS

    def feed(self, data: bytes) -> bytes:
        """All of `data`."""
        return data

    def eof(self) -> bool:
        """Always whole: the end of the connection is the end of the body."""
        self.done = True
        return True


class Chunked:
    """A chunked body (RFC 9112 section 7.1): sizes have 1 to 16 hexadecimal digits, and every line ends with CRLF.
    Extensions and trailers together have at most `allowance` bytes, the payload at most `room` (0: no limit).
    `malformed` is the code to raise. One call reads a limited number of chunks: tiny ones cost much by the byte."""

    __slots__ = (
        "_allowance", "_at", "_kept", "_left", "_malformed", "_room", "_state", "behind", "done", "left", "rest",
        "trailers",
    )

    _SIZE, _DATA, _DATA_END, _TRAILERS = range(4)

    def __init__(self, malformed: str, allowance: int = 16 << 10, room: int = 0) -> None:
        self._room = room or 1 << 62
        self.left = -1
        # The bytes that are still to be read, from `_at` on.
        self._kept = b""
        self._at = 0
        self._left = 0
        self._state = self._SIZE
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
            if self._state == self._DATA:
                piece = data[at:at + self._left] if at or self._left < end else data
                pieces.append(piece)
                at += len(piece)
                self._left -= len(piece)
                if not self._left:
                    self._state = self._DATA_END
            elif self._state == self._DATA_END:
                if end - at < 2 and data[at] == 13:
                    break
                if data[at:at + 2] != b"\r\n":
                    raise Malformed(self._malformed)
                at += 2
                self._state = self._SIZE
            elif chunks >= _CHUNKS_A_CALL:
                self.behind = True
                break
            elif self._state == self._SIZE and (small := _SMALL_CHUNKS.match(data, at)):
                chunks += self._small(data, at, small.end(), pieces)
                at = small.end()
            else:
                taken = self._size(data, at) if self._state == self._SIZE else self._trailer(data, at)
                if not taken:
                    break
                chunks += 1
                at += taken
        if self.done:
            self.rest = data[at:]
        elif at < end:
            # What is put off may be long, and is not copied for each call. The start of a line keeps only itself.
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
        """Where the line that begins at `at` ends, after its CRLF; 0 while it is not whole."""
        end = data.find(b"\n", at, at + limit)
        if end < 0:
            if len(data) - at >= limit:
                raise Malformed(self._malformed)
            return 0
        return end + 1

    def _size(self, data: bytes, at: int) -> int:
        end = self._line(data, at, _MAX_CHUNK_LINE)
        if not end:
            return 0
        found = _CHUNK_LINE.fullmatch(data, at, end)
        if found is None:
            raise Malformed(self._malformed)
        digits = found[1]
        self._spend(end - at - len(digits) - 2)
        self._left = int(digits, 16)
        self._room -= self._left
        if self._room < 0:
            raise Malformed("body_too_large")
        self._state = self._DATA if self._left else self._TRAILERS
        return end - at

    def _trailer(self, data: bytes, at: int) -> int:
        end = self._line(data, at, self._allowance + 3)
        if not end:
            return 0
        if data[at:end] == b"\r\n":
            self.done = True
            return 2
        found = _FIELD.fullmatch(data, at, end)
        if found is None:
            raise Malformed(self._malformed)
        self._spend(end - at)
        if self.trailers is NO_TRAILERS:
            self.trailers = Headers()
        self.trailers.append((found[1], found[2]))
        return end - at

    def _spend(self, size: int) -> None:
        self._allowance -= size
        if self._allowance < 0:
            raise Malformed(self._malformed)

    def eof(self) -> bool:
        """Whole only if the last chunk and the empty line after the trailers have come."""
        return self.done


def fields(headers: Headers) -> bytes:
    """The field lines as they are written, without the empty line that ends a head."""
    return b"".join([b"%b: %b\r\n" % pair for pair in headers])


def unmeasured(headers: Headers) -> bytes:
    """The field lines of a 1xx or 204 answer, which may have no Content-Length (RFC 9110 section 8.6)."""
    return fields(headers.without((b"content-length",)))


def chunk(data: bytes) -> bytes:
    """One chunk that holds `data`, which must not be empty: an empty chunk would end the body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def last_chunk(trailers: Headers) -> bytes:
    """The end of a chunked body."""
    return b"0\r\n%b\r\n" % fields(trailers) if trailers else b"0\r\n\r\n"


_LENGTH = re.compile(rb"[0-9]{1,18}")


def content_length(values: list[bytes], malformed: str) -> int:
    """The one length that all Content-Length fields give (RFC 9110 section 8.6, RFC 9112 section 6.3). A list of equal
    values counts as one value. Raises Malformed."""
    given = {one.strip(b" \t") for value in values for one in value.split(b",")}
    if len(given) != 1:
        raise Malformed(malformed)
    only = given.pop()
    if _LENGTH.fullmatch(only) is None:
        raise Malformed(malformed)
    return int(only)


def set_length(headers: Headers, length: int) -> None:
    """Write `length` into the Content-Length field, in plain decimal digits."""
    headers[:] = [(name, b"%d" % length) if name.lower() == b"content-length" else (name, value)
                  for name, value in headers]


def drop_named(headers: Headers, names: set[bytes]) -> None:
    """Take away the fields that a Connection field names, in lower case: they are meant for this connection alone."""
    headers[:] = [pair for pair in headers if pair[0].lower() not in names]
