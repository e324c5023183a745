"""Judges request heads: what their fields say, and which of them go on to an upstream.

Hop-by-hop fields end here (RFC 9110 section 7.6.1). So do fields that only a trusted proxy may send (RFC 7239
section 8) and those that only this gateway may send (X-Figway-*). The fields are read in one pass, since every request
pays for it. The grammar of heads is in gateway/wire/heads.py.
"""

import re

from adapters.message import Headers, Request
from gateway.ambiguity import UNAMBIGUOUS, is_ambiguous
from gateway.call import Head
from gateway.edges.field_kinds import (
    AUTHORIZATION,
    CODING,
    CONNECTION,
    DROP,
    EXPECT,
    FORWARDED,
    HOST,
    KEEP,
    LENGTH,
    MAX_FORWARDS,
    OURS,
    OVERRIDE,
    REQUEST_ID,
    TE,
    TRACE,
    TRACE_STATE,
    UPGRADE,
    VIA,
    plain,
)
from gateway.edges.settings import EdgeSettings
from gateway.telemetry.trace import TRACEPARENT
from gateway.transports.http.auth_schemes import logs_in
from gateway.wire.bodies import CHUNKED, content_length
from gateway.wire.heads import Malformed, connection_options, drop_named, parse_request_head, persists, set_length

# A Connection field may not take these away (CONTEXT.md, requirement 11).
_PROTECTED = frozenset({
    b"host", b"content-length", b"transfer-encoding", b"authorization", b"cookie", b"via", b"traceparent",
    b"x-request-id", b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"forwarded", b"max-forwards",
    b"x-http-method-override", b"x-http-method", b"x-method-override",
})

SHADOW_MARKER = b"x-figway-shadow"
_ENDING = frozenset({"CONNECT", "TRACE"})

_HOST_VALUE = re.compile(
    rb"(?:[A-Za-z0-9\-._~!$&'()*+;=]|%[0-9A-Fa-f]{2})*(?::[0-9]{0,5})?"
    rb"|\[[0-9A-Fa-f:.]+(?:%25[A-Za-z0-9\-._~]+)?\](?::[0-9]{0,5})?"
)
_ABSOLUTE = re.compile(rb"[Hh][Tt][Tt][Pp][Ss]?://([^/?#]*)([/?].*)?", re.DOTALL)
# Ids that cannot hold a person's number: UUIDs, ULIDs and long hexadecimal. Other ids go upstream, but are not logged.
_LOGGABLE_ID = re.compile(
    rb"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}|[0-7][0-9A-HJKMNP-TV-Z]{25}|[0-9a-fA-F]{32}"
)


def judge(method: str, is_11: bool, received: Headers, settings: EdgeSettings) -> Head:
    """Read the fields of a request, and leave out those that end here. Raises Malformed with the code to answer."""
    if len(received) > settings.fields:
        raise Malformed("head_too_large")
    kept = Headers()
    keep = kept.append
    head = Head(kept, is_11, 0, is_11)
    hosts = lengths = 0
    codings: list[bytes] = []
    connection: bytes | None = None
    trace_states: list[tuple[bytes, bytes]] = []
    kinds = settings.kinds
    for pair in received:
        kind = kinds[pair[0]]
        if kind == KEEP:
            keep(pair)
        elif kind == HOST:
            hosts += 1
            head.host = host = pair[1].strip(b" \t")
            keep(pair if host == pair[1] else (pair[0], host))
        elif kind == CONNECTION:
            connection = pair[1] if connection is None else connection + b"," + pair[1]
        elif kind == LENGTH:
            lengths += 1
            if lengths == 1:
                keep(pair)
        elif kind == CODING:
            codings.append(pair[1])
        elif kind == FORWARDED:
            if settings.trusted_hops:
                if head.forwarded is None:
                    head.forwarded = Headers()
                head.forwarded.append(pair)
        elif kind == TRACE:
            value = pair[1].strip(b" \t")
            head.trace = value if not head.trace and TRACEPARENT.fullmatch(value) else b"-"
        elif kind == TRACE_STATE:
            trace_states.append(pair)
        elif kind == REQUEST_ID:
            keep(pair)
            head.has_request_id = True
            value = pair[1].strip(b" \t")
            if _LOGGABLE_ID.fullmatch(value):
                head.request_id = value.decode("ascii")
        elif kind != DROP:
            _rare(kind, pair, method, head, settings)
    if head.trace == b"-":
        head.trace = b""
    if trace_states and head.trace:
        kept.extend(trace_states)
    if connection is not None:
        _connection(connection, head)
    if lengths or codings:
        head.length = _length(received, lengths, codings, head)
    # HTTP/1.0 clients may leave Host out; no client may send two (RFC 9112 section 3.2).
    if hosts > 1 or (not hosts and is_11) or _HOST_VALUE.fullmatch(head.host) is None:
        raise Malformed("bad_host")
    if head.upgrade and (connection is None or not _is_websocket(method, head)):
        head.upgrade = b""
    return head


def _is_websocket(method: str, head: Head) -> bool:
    """Whether the gateway carries a request's upgrade: to WebSocket, by GET, without a body. After a body, servers
    would differ on where the upgraded bytes begin. Another protocol, such as h2c, would be a way around the gateway."""
    return not head.length and method == "GET" and head.upgrade.lower() == b"websocket"



def read(data: bytes, settings: EdgeSettings) -> tuple[str, bytes, Head]:
    """(method, origin-form target, judged fields) of a whole request head, given as bytes. Raises Malformed."""
    method, target, is_11, received = parse_request_head(data)
    head = judge(method, is_11, received, settings)
    if target[:1] != b"/":
        head.once = True
        target = origin_form(method, target, head)
    check_target(target, settings)
    return method, target, head


def check_target(target: bytes, settings: EdgeSettings) -> None:
    """Check an origin-form target. Raises Malformed if it is too long, or if servers may read its path differently."""
    if len(target) > settings.target:
        raise Malformed("target_too_long")
    if (b"/." in target or target.translate(None, UNAMBIGUOUS)) and not settings.ambiguous_paths \
            and is_ambiguous(target.partition(b"?")[0]):
        raise Malformed("bad_target")


def origin_form(method: str, target: bytes, head: Head) -> bytes:
    """The origin-form of a target in another form; "*" stays for OPTIONS. The authority of an absolute-form target
    becomes the head's Host (RFC 9112 section 3.2.2). Raises Malformed."""
    if target == b"*" and method == "OPTIONS":
        return target
    found = _ABSOLUTE.fullmatch(target)
    if found is None or not found[1] or _HOST_VALUE.fullmatch(found[1]) is None:
        raise Malformed("bad_target")
    rest = found[2] or b""
    head.host = found[1]
    head.headers[:] = [(name, head.host) if name.lower() == b"host" else (name, value)
                       for name, value in head.headers]
    if method == "OPTIONS" and not rest:
        return b"*"
    return rest if rest[:1] == b"/" else b"/" + rest


def _rare(kind: int, pair: tuple[bytes, bytes], method: str, head: Head, settings: EdgeSettings) -> None:
    name, value = pair[0], pair[1].strip(b" \t")
    kept = head.headers
    if kind == AUTHORIZATION:
        head.logs_in = head.logs_in or logs_in(value)
        kept.append(pair)
    elif kind == OVERRIDE:
        # The field goes on, so that the server obeys it as before. Routing matches the method that it names, too.
        kept.append(pair)
        head.overrides += (value,)
    elif kind == EXPECT:
        if value.lower() != b"100-continue":
            raise Malformed("expectation_failed")
        # From an HTTP/1.0 client it is ignored (RFC 9110 section 10.1.1).
        head.expects_continue = head.is_11
        if head.is_11:
            kept.append(pair)
    elif kind == TE:
        head.takes_trailers = b"trailers" in value.lower()
    elif kind == UPGRADE:
        head.once = True
        # Several fields become one list (RFC 9110 section 5.3), so that no two servers read different fields.
        head.upgrade = head.upgrade + b"," + value if head.upgrade else value
    elif kind == VIA:
        if settings.via and settings.via.encode() in value.replace(b",", b" ").split():
            raise Malformed("loop")
        kept.append(pair)
    elif kind == OURS:
        head.shadow = head.shadow or name.lower() == SHADOW_MARKER
    elif kind == MAX_FORWARDS and method not in ("OPTIONS", "TRACE"):
        head.once = True
        kept.append(pair)
    elif kind == MAX_FORWARDS:
        head.once = True
        # RFC 9110 section 7.6.2: the number that goes on is one less. At 0 the request ends here (own_answer).
        if not value.isdigit() or len(value) > 9:
            raise Malformed("bad_request")
        head.max_forwards = int(value)
        kept.append((name, b"%d" % max(0, head.max_forwards - 1)))
    else:
        kept.append(pair)


def _connection(value: bytes, head: Head) -> None:
    if value.strip(b" \t").lower() == b"keep-alive":
        # Most clients that send a Connection field send this one.
        head.keep_alive, head.upgrade, head.takes_trailers = True, b"", False
        return
    options = connection_options(value)
    head.keep_alive = persists(options, head.is_11)
    if b"upgrade" not in options or not head.is_11:
        head.upgrade = b""
    if b"te" not in options:
        head.takes_trailers = False
    named = {option for option in options if plain(option) not in _PROTECTED}
    named -= {b"close", b"keep-alive", b"upgrade", b"te"}
    if named:
        drop_named(head.headers, named)


def _length(received: Headers, lengths: int, codings: list[bytes], head: Head) -> int:
    if codings:
        # RFC 9112 sections 6.1 and 6.3: with a Content-Length too, or on HTTP/1.0, a coding may be request smuggling.
        if lengths or not head.is_11:
            raise Malformed("bad_framing")
        names = [name.strip(b" \t").lower() for value in codings for name in value.split(b",")]
        if names == [b"chunked"]:
            return CHUNKED
        raise Malformed("bad_framing" if names[-1] != b"chunked" or names.count(b"chunked") > 1 or b"" in names
                        else "coding_not_supported")
    if not lengths:
        return 0
    values = received.get_all(b"content-length")
    length = content_length(values, "bad_framing")
    if len(values) > 1 or not values[0].isdigit():
        set_length(head.headers, length)
    return length


def ends_here(request: Request, head: Head) -> bool:
    """Whether the gateway itself answers a request: CONNECT, TRACE, and OPTIONS with Max-Forwards: 0."""
    return head.max_forwards == 0 or request.method in _ENDING


def own_answer(request: Request, head: Head) -> tuple[Headers, bytes]:
    """Fields and body of the gateway's 200 answer to a request that ends here (RFC 9110 sections 7.6.2, 9.3.7 and
    9.3.8). Raises Malformed for a request that is refused: CONNECT, and TRACE without Max-Forwards: 0."""
    if head.max_forwards != 0:
        raise Malformed("method_not_supported")
    if request.method == "TRACE":
        # Only the request line goes back: the fields may hold credentials.
        body = b"TRACE %b HTTP/1.1\r\n\r\n" % request.target
        return Headers([(b"Content-Type", b"message/http"), (b"Content-Length", b"%d" % len(body))]), body
    return Headers([(b"Allow", b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"), (b"Content-Length", b"0")]), b""
