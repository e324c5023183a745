"""Reads the heads of HTTP/1.1 responses: where a head ends, what it says, and how the body after it is framed."""

from typing import NamedTuple

from adapters.message import Headers
from gateway.transports.http import auth_schemes
from gateway.wire.bodies import CHUNKED, UNTIL_CLOSE
from gateway.wire.heads import (
    FieldKinds,
    Malformed,
    connection_options,
    drop_named,
    parse_response_head,
    persists,
)
from gateway.wire.untidy import tidy

MAX_HEAD = 64 << 10
"""Bytes of the largest head that is read."""

_KEEP, _LENGTH, _CODING, _CONNECTION, _DROP, _UPGRADE, _LOGIN = range(7)
_KINDS: dict[bytes, int] = {
    b"content-length": _LENGTH, b"transfer-encoding": _CODING, b"connection": _CONNECTION, b"upgrade": _UPGRADE,
    b"keep-alive": _DROP, b"proxy-connection": _DROP, b"te": _DROP,
    b"www-authenticate": _LOGIN, b"persistent-auth": _LOGIN,
}
# Options of Connection that remove no field: they are options in their own right, or the field is handled separately.
_NOT_NAMEABLE = frozenset({b"", b"close", b"keep-alive", b"upgrade", b"content-length", b"set-cookie", b"date"})
_FIELDS = FieldKinds(lambda name: _KINDS.get(name.lower(), _KEEP))


class ResponseHead(NamedTuple):
    """What a response's head says. A head that comes again yields the same object, so nothing may change `headers`.

    `headers` are the end-to-end fields. `length` is the Content-Length, CHUNKED or UNTIL_CLOSE. `keep_alive` says
    whether the upstream leaves the connection open. `login` is what auth_schemes.login says of it.
    """

    status: int
    reason: bytes
    headers: Headers
    length: int
    keep_alive: bool
    login: tuple[bytes, ...] | None = None


def repaired(data: bytes, seen: int) -> tuple[ResponseHead, int, tuple[str, ...]] | None:
    """Repair the head with which `data` begins, and which `judge` refuses or whose end has not come.

    Return what it says, where it ends, and the rules that it breaks (gateway.wire.rules). None: its end has not come;
    it does not begin before `seen`. Raises Malformed if the head does not have one meaning. After such an answer the
    connection serves no other request.
    """
    found = tidy(data, seen, MAX_HEAD)
    if found is None:
        return None
    if not found.rules:
        raise Malformed("upstream_malformed", "head")
    status, reason, headers, length, _, login = judge(found.head)
    return ResponseHead(status, reason, headers, length, False, login), found.end, found.rules


def judge(raw: bytes) -> ResponseHead:
    """Return what a whole head says. Raises Malformed if it is invalid, or could be read in two ways."""
    if len(raw) > MAX_HEAD:
        raise Malformed("upstream_malformed", "head_too_large")
    status, reason, is_11, received = parse_response_head(raw)
    end_to_end, connection, codings, lengths, login = _sort_fields(received)
    if status == 101:
        end_to_end.extend(pair for pair in received if pair[0].lower() in (b"upgrade", b"connection"))
        return ResponseHead(status, reason, end_to_end, UNTIL_CLOSE, False, login)
    keep_alive = is_11
    if connection.lower() == b"keep-alive":
        keep_alive = True
    elif connection:
        options = connection_options(connection)
        keep_alive = persists(options, is_11)
        named = options - _NOT_NAMEABLE
        if named:
            drop_named(end_to_end, named)
    if codings:
        # Two lengths, or a coding that is not exactly "chunked": receivers disagree about where such a body ends.
        if lengths or not is_11 or b",".join(codings).strip().lower() != b"chunked":
            raise Malformed("upstream_malformed", "coding")
        return ResponseHead(status, reason, end_to_end, CHUNKED, keep_alive, login)
    if not lengths:
        return ResponseHead(status, reason, end_to_end, UNTIL_CLOSE, keep_alive, login)
    length = lengths[0]
    if len(lengths) > 1 or len(length) > 18 or not length.isdigit():
        # Blanks may follow a value, and any number of zeros may begin it (RFC 9110 sections 5.5 and 8.6).
        length = length.strip(b" \t").lstrip(b"0") or b"0"
        if len(lengths) > 1 or len(length) > 18 or not length.isdigit() or not lengths[0][:1].isdigit():
            raise Malformed("upstream_malformed", "bad_length")
    return ResponseHead(status, reason, end_to_end, int(length), keep_alive, login)


def is_event_stream(headers: Headers) -> bool:
    """Whether the body is a stream of server-sent events, which has no end that can be awaited."""
    return (headers.get(b"content-type") or b"").strip().lower().startswith(b"text/event-stream")


def _sort_fields(
    received: Headers
) -> tuple[Headers, bytes, list[bytes], list[bytes], tuple[bytes, ...] | None]:
    """Return a response's (end-to-end fields, Connection options, transfer codings, lengths, auth_schemes.login)."""
    end_to_end = Headers()
    connection = b""
    codings: list[bytes] = []
    lengths: list[bytes] = []
    logins: list[tuple[bytes, bytes]] | None = None
    for pair in received:
        kind = _FIELDS[pair[0]]
        if kind == _KEEP:
            end_to_end.append(pair)
        elif kind == _LENGTH:
            lengths.append(pair[1])
            if len(lengths) == 1:
                end_to_end.append(pair)
        elif kind == _CONNECTION:
            connection += b"," + pair[1] if connection else pair[1]
        elif kind == _CODING:
            codings.append(pair[1])
        elif kind == _LOGIN:
            end_to_end.append(pair)
            logins = [*(logins or ()), pair]
    return end_to_end, connection, codings, lengths, None if logins is None else auth_schemes.login(logins)
