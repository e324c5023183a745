"""Writes the head of an HTTP/1.1 request to an upstream (RFC 9112 section 3)."""

import re

from adapters.message import Request
from gateway.call import Arrival
from gateway.telemetry import trace
from gateway.wire.heads import fields

_BEYOND_ASCII = re.compile(rb"[\x80-\xff]")
SHADOW_FIELD = b"X-Figway-Shadow: 1\r\n"
"""The field line that marks a mirror, so that no gateway mirrors it again."""


def ascii_target(target: bytes) -> bytes:
    """The request target with its bytes beyond ASCII percent-encoded (RFC 3986 section 2.1), and no other."""
    return _BEYOND_ASCII.sub(lambda found: b"%%%02X" % found[0][0], target)


def request_head(
    host: str, request: Request, arrival: Arrival, extra: bytes, *, chunked: bool, upgrade: bool
) -> tuple[bytes, bytes]:
    """Return the bytes of the head as two parts, (before, after).

    If the endpoint supplies the Host value, it goes between the parts; otherwise `after` is empty. `host` is the
    upstream's setting: "keep" (the client's Host), "upstream" (the endpoint's authority) or the value to send.
    `request` is the arm's request, which an adapter may have made; `arrival` is the client's request. `extra` are
    field lines to add, each with its CRLF. `chunked` and `upgrade` say which hop-by-hop fields the request needs.
    """
    _, head, trace_id = arrival
    line = b"%b %b HTTP/1.1\r\n" % (request.method.encode("ascii"), request.target)
    tail = trace.fields(trace_id, head.trace, head.has_request_id)
    if extra or chunked or upgrade or head.takes_trailers:
        tail = extra + tail
        if chunked:
            tail += b"Transfer-Encoding: chunked\r\n"
        if upgrade:
            tail += b"Connection: Upgrade\r\nUpgrade: %b\r\n" % head.upgrade
        elif head.takes_trailers:
            tail += b"Connection: TE\r\nTE: trailers\r\n"
    if host == "keep" and head.host:
        lines = head.lines if request.headers is head.headers else fields(request.headers) + head.added
        return b"%b%b%b\r\n" % (line, lines, tail), b""
    lines = fields(request.headers.without((b"host",))) + head.added
    if host in ("keep", "upstream"):
        # An HTTP/1.0 client may have sent no Host to keep.
        return line + b"Host: ", b"\r\n" + lines + tail + b"\r\n"
    return line + b"Host: %b\r\n" % host.encode() + lines + tail + b"\r\n", b""
