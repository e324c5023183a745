"""Error codes: the answers that the gateway makes itself when it has no upstream response to pass on.

Each code has one row: the HTTP status (RFC 9110 section 15), whose fault it is, whether a retry may help, and the
RFC 9209 `Proxy-Status` error type. The client gets RFC 9457 problem+json. Titles and details never quote a message.
"""

from collections.abc import Iterable
from http import HTTPStatus
from typing import NamedTuple

import orjson

from adapters.message import Headers
from shadow.observation import Failure


class Code(NamedTuple):
    """One row of the table. `source` is "downstream", "gateway" or "upstream"."""

    status: int
    title: str
    source: str
    retryable: bool
    proxy_status: str


CODES: dict[str, Code] = {
    # the request on the wire
    "bad_request": Code(400, "The request is not valid HTTP", "downstream", False, "http_request_error"),
    "bad_framing": Code(400, "The request's length is ambiguous", "downstream", False, "http_request_error"),
    "bad_host": Code(400, "The request needs exactly one valid Host", "downstream", False, "http_request_error"),
    "bad_target": Code(400, "The request target is ambiguous", "downstream", False, "http_request_error"),
    "ambiguous_path": Code(400, "Some servers would read the path as another one, which is treated differently",
                           "downstream", False, "http_request_denied"),
    "ambiguous_method": Code(400, "Some servers would read the method as another one, which is treated differently",
                             "downstream", False, "http_request_denied"),
    "body_truncated": Code(400, "The request ended before its body did", "downstream", True, "http_request_error"),
    "request_timeout": Code(408, "The request took too long to arrive", "downstream", True, "http_request_error"),
    "body_too_large": Code(413, "The request body is too large", "downstream", False, "http_request_error"),
    "target_too_long": Code(414, "The request target is too long", "downstream", False, "http_request_error"),
    "expectation_failed": Code(417, "The expectation is not supported", "downstream", False, "http_request_error"),
    "head_too_large": Code(431, "The request head is too large", "downstream", False, "http_request_error"),
    "method_not_supported": Code(501, "The method is not supported here", "downstream", False, "http_request_denied"),
    "coding_not_supported": Code(501, "The transfer coding is unknown", "downstream", False, "http_request_error"),
    "version_not_supported": Code(505, "The HTTP version is not supported", "downstream", False, "http_request_error"),
    "loop": Code(508, "The request has passed through this gateway before", "downstream", False, "proxy_loop_detected"),
    # policies
    "unauthenticated": Code(401, "Authentication is required", "downstream", False, "http_request_denied"),
    "forbidden": Code(403, "The request is not allowed", "downstream", False, "http_request_denied"),
    "rate_limited": Code(429, "Too many requests", "downstream", True, "http_request_denied"),
    "policy_unavailable": Code(503, "A policy cannot be checked at the moment", "gateway", True,
                               "proxy_internal_error"),
    "not_translatable": Code(400, "The request cannot be translated", "downstream", False, "http_request_error"),
    "raw_target": Code(400, "The service takes only ASCII in request targets: percent-encode other bytes", "downstream",
                       False, "http_request_error"),
    # upstreams
    "upstream_refused": Code(502, "The service refused the connection", "upstream", True, "connection_refused"),
    "upstream_dns": Code(502, "The service's name cannot be resolved", "upstream", True, "dns_error"),
    "upstream_tls": Code(502, "No secure connection to the service is possible", "upstream", False,
                         "tls_protocol_error"),
    "upstream_reset": Code(502, "The service closed the connection", "upstream", True, "connection_terminated"),
    "upstream_malformed": Code(502, "The service's answer is not valid", "upstream", False, "http_protocol_error"),
    "upstream_oversize": Code(502, "The service's answer is too large", "upstream", False, "http_response_body_size"),
    "upstream_connect_timeout": Code(504, "The service cannot be reached", "upstream", True, "connection_timeout"),
    "upstream_timeout": Code(504, "The service did not answer in time", "upstream", True, "http_response_timeout"),
    "upstream_busy": Code(503, "Too many requests are waiting for the service", "gateway", True,
                          "connection_limit_reached"),
    "upstream_unavailable": Code(503, "No endpoint of the service is available", "upstream", True,
                                 "destination_unavailable"),
    # the gateway
    "overloaded": Code(503, "The gateway is overloaded", "gateway", True, "proxy_internal_response"),
    "internal": Code(500, "The gateway failed", "gateway", False, "proxy_internal_error"),
}

# The code that a client gets when the call to an arm fails: shadow.observation.Failure.kind → code.
FAILURES: dict[str, str] = {
    "connect_refused": "upstream_refused",
    "connect_timeout": "upstream_connect_timeout",
    "dns": "upstream_dns",
    "tls": "upstream_tls",
    "pool_full": "upstream_busy",
    "no_endpoint": "upstream_unavailable",
    "first_byte_timeout": "upstream_timeout",
    "between_bytes_timeout": "upstream_timeout",
    "total_timeout": "upstream_timeout",
    "reset": "upstream_reset",
    "truncated": "upstream_reset",
    "malformed": "upstream_malformed",
    "oversize": "upstream_oversize",
    "adapter": "upstream_malformed",
    "no_room": "overloaded",
    "raw_target": "raw_target",
}


# The codes of requests that are refused for what they are once an exchange has begun, and the rule of each
# (gateway.wire.request_rules).
FAULTS: dict[str, str] = {code: code for code in (
    "bad_request", "bad_host", "bad_target", "ambiguous_path", "ambiguous_method", "body_too_large", "target_too_long",
    "expectation_failed", "head_too_large", "method_not_supported", "coding_not_supported", "version_not_supported",
    "loop", "raw_target")} | {"bad_framing": "chunk"}


def code_of(failure: Failure) -> str:
    """The code for a failed call to an arm. An adapter can also fail because of the request, or by its own fault."""
    if failure.kind == "adapter" and failure.source != "upstream":
        return "not_translatable" if failure.source == "request" else "internal"
    return FAILURES.get(failure.kind, "internal")


def phrase(status: int) -> bytes:
    """The reason phrase for an answer of the gateway itself: old clients show it."""
    return HTTPStatus(status).phrase.encode("ascii")


def problem(
    code: str, *, detail: str = "", trace_id: str = "", next_hop: str = "",
    added: Iterable[tuple[bytes, bytes]] = (), rule: str = "",
) -> tuple[int, Headers, bytes]:
    """Status, header fields and body of the answer for `code` (RFC 9457; Proxy-Status as RFC 9209 section 2.1).

    `detail` must not quote any message. `added` are more header fields. `rule` is the rule that an answer broke
    (gateway.wire.rules). Raises KeyError for a code without a row.
    """
    row = CODES[code]
    document: dict[str, object] = {
        "type": f"urn:figway:error:{code}", "title": row.title, "status": row.status, "code": code,
        "retryable": row.retryable,
    }
    if detail:
        document["detail"] = detail
    if rule:
        document["rule"] = rule
    if trace_id:
        document["trace_id"] = trace_id
    body = orjson.dumps(document)
    proxy_status = f"figway; error={row.proxy_status}"
    if next_hop:
        proxy_status += f'; next-hop="{next_hop}"'
    headers = Headers([
        (b"Content-Type", b"application/problem+json"),
        (b"Content-Length", b"%d" % len(body)),
        (b"Cache-Control", b"no-store"),
        (b"Proxy-Status", proxy_status.encode("ascii", "replace")),
        *added,
    ])
    return row.status, headers, body


def whereabouts(error: Exception) -> str:
    """Where an exception was raised, as file and line. Its message is left out, since it may hold patient data."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}" if trace is not None else ""
