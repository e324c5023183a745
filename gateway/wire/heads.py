"""The grammar of HTTP/1.1 heads, for both sides of the gateway: reading them, and writing their fields.

Each head is read twice, and the two readers must agree. First it is matched against a strict grammar (RFC 9112
sections 2.2, 3, 4 and 5: no obs-fold, no bare CR or LF, no blank before a colon, no control characters). Then llhttp
parses it, through httptools. What the fields of a request mean is judged in gateway/edges/request_head.py. The head of
an answer that is refused may be repaired (untidy.py).
"""

import re
from collections.abc import Callable

import httptools

from adapters.message import Headers

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"
TOKEN = re.compile(_TOKEN)
"""The bytes that a field's name may consist of."""
_FIELDS = rb"(?:" + _TOKEN + rb":[^\x00-\x08\x0a-\x1f\x7f]*+\r\n)*\r\n"
_TARGET = rb"[\x21-\x7e\x80-\xff]++"
TARGET = re.compile(_TARGET)
"""The bytes that a request target may consist of."""
_REQUEST_HEAD = re.compile(rb"(" + _TOKEN + rb") (" + _TARGET + rb") HTTP/1\.[01]\r\n" + _FIELDS)
_RESPONSE_HEAD = re.compile(rb"HTTP/1\.[01] ([1-9][0-9][0-9])(?: ([^\x00-\x08\x0a-\x1f\x7f]*+))?\r\n" + _FIELDS)
FIELD = re.compile(rb"(" + _TOKEN + rb"):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*?)[ \t]*\r\n")
"""One field line: its name, and its value without the blanks around it."""
_OTHER_VERSION = re.compile(rb"[^\r\n]* HTTP/(?!1\.[01]\r?\n)[0-9.]+\r?\n")
_MAX_SPELLINGS = 4096


class Malformed(Exception):
    """A message is not HTTP, or could be read in two ways. `code` is a row of gateway.errors.CODES. `rule` is the rule
    that an answer broke (rules.py), "" for a request."""

    def __init__(self, code: str, rule: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.rule = rule


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
        # Old clients send Latin-1 or UTF-8 unencoded, which llhttp refuses. So it gets "/" instead, to judge the rest.
        head = head.replace(target, b"/", 1)
    headers = _Collected()
    # Each head gets a parser of its own, which costs 0.2 µs: llhttp remembers whether a head announces a body or the
    # connection's end.
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
        raise Malformed("upstream_malformed", "head")
    headers = _Collected()
    try:
        httptools.HttpResponseParser(headers).feed_data(head)
    except httptools.HttpParserUpgrade:
        pass
    except httptools.HttpParserError:
        raise Malformed("upstream_malformed", "head") from None
    return int(found[1]), found[2] or b"", head[7] == 0x31, headers


class FieldKinds(dict[bytes, int]):
    """The kind of each header field, by its name as it was written. Each spelling is remembered, so that one look-up is
    enough. `kind_of` gives the kind of a new name. Names come from outside, so only _MAX_SPELLINGS are remembered."""

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
    """The lower-case options of a Connection field (RFC 9110 section 7.6.1). Join several fields by commas first."""
    return {option.strip(b" \t").lower() for option in value.split(b",")}


def persists(options: set[bytes], is_11: bool) -> bool:
    """Whether the connection stays open after a message with these options (RFC 9112 section 9.3)."""
    return b"close" not in options and (is_11 or b"keep-alive" in options)


def fields(headers: Headers) -> bytes:
    """The field lines as they go on the wire, without the empty line that ends a head."""
    # To format each pair would take nearly three times as long, and each request has its fields written twice.
    return b"\r\n".join([*map(b": ".join, headers), b""])


def unmeasured(headers: Headers) -> bytes:
    """The field lines of a 1xx or 204 answer, which may have no Content-Length (RFC 9110 section 8.6)."""
    return fields(headers.without((b"content-length",)))


def set_length(headers: Headers, length: int) -> None:
    """Write `length` into the Content-Length field, in plain decimal digits."""
    headers[:] = [(name, b"%d" % length) if name.lower() == b"content-length" else (name, value)
                  for name, value in headers]


def drop_named(headers: Headers, names: set[bytes]) -> None:
    """Remove the fields that a Connection field names, in lower case: they are meant for this connection only."""
    headers[:] = [pair for pair in headers if pair[0].lower() not in names]
