"""Compares two heads: every end-to-end field, but those that differ from answer to answer, or from product to product.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from adapters.message import Headers
from shadow.compare.fields import PRESENCE, Said, said

_VARYING = frozenset({
    # Framing and hop-by-hop fields (RFC 9110 sections 7.6.1 and 8.6).
    b"connection", b"proxy-connection", b"keep-alive", b"te", b"trailer", b"transfer-encoding", b"upgrade",
    b"content-length", b"proxy-authenticate", b"proxy-authentication-info", b"http2-settings",
    # When, by what and on which way the answer was made.
    b"date", b"server", b"via", b"age", b"warning", b"alt-svc", b"proxy-status", b"cache-status", b"server-timing",
    b"x-powered-by", b"x-generator", b"x-aspnet-version", b"x-aspnetmvc-version", b"x-runtime", b"x-response-time",
    b"x-process-time", b"x-served-by", b"x-backend-server", b"x-cache", b"x-cache-hits", b"x-cache-status", b"x-timer",
    b"x-varnish", b"x-server", b"x-host", b"x-instance-id", b"cf-cache-status",
    # Tracing.
    b"traceparent", b"tracestate", b"traceresponse", b"b3", b"baggage", b"sentry-trace", b"uber-trace-id",
    b"request-id", b"correlation-id", b"x-trace", b"x-request-id", b"x-correlation-id", b"x-correlationid",
    b"x-requestid",
    b"x-trace-id", b"x-transaction-id", b"x-cloud-trace-context", b"cf-ray", b"x-azure-ref", b"apigw-requestid",
    # Reports to the server itself.
    b"report-to", b"reporting-endpoints", b"nel", b"expect-ct",
})
_VARYING_PREFIXES = (
    b"ratelimit", b"x-ratelimit-", b"x-rate-limit-", b"x-b3-", b"x-datadog-", b"x-envoy-", b"x-amzn-", b"x-amz-cf-",
    b"x-amz-request-", b"x-amz-id-", b"x-kong-", b"x-figway-",
)

# What modern adds is no difference, but for fields that change what a client does with the answer: what it keeps, and
# how long; how it reads and shows it; whom it shows it to; where it goes next; what it may ask.
_ACTED_UPON = frozenset({
    "content-type", "content-range", "content-disposition", "content-language", "location", "refresh", "link",
    "retry-after", "etag", "last-modified", "cache-control", "expires", "pragma", "vary", "set-cookie",
    "www-authenticate", "clear-site-data", "content-security-policy", "cross-origin-embedder-policy",
    "cross-origin-opener-policy", "cross-origin-resource-policy", "origin-agent-cluster", "permissions-policy",
    "feature-policy", "referrer-policy", "strict-transport-security", "timing-allow-origin", "x-content-type-options",
    "x-frame-options", "x-permitted-cross-domain-policies", "x-xss-protection", "service-worker-allowed",
})
_ACTED_UPON_PREFIXES = ("access-control-", "grpc-")

_MARKS = frozenset(name.encode() for name in PRESENCE)


class Field(NamedTuple):
    """A field of which the arms say different things: its name in lower case, and what each says; None for nothing."""

    name: str
    legacy: Said | None
    modern: Said | None


@lru_cache(maxsize=1024)
def varies(name: bytes) -> bool:
    """Whether a field (in any case) is never compared, since it differs by its nature."""
    name = name.lower()
    return name in _VARYING or name.startswith(_VARYING_PREFIXES)


def is_added(name: str) -> bool:
    """Whether a field (in lower case) that modern alone sends changes nothing for clients."""
    return name not in _ACTED_UPON and not name.startswith(_ACTED_UPON_PREFIXES)


@lru_cache(maxsize=1024)
def _may_differ(name: bytes) -> bool:
    """Whether two fields of this name are alike, whatever their values."""
    return varies(name) or name.lower() in _MARKS


def same(old: Headers, new: Headers) -> bool:
    """Whether two heads are equal, byte for byte, in all that is compared. Cheap enough for the event loop."""
    if len(old) == len(new):
        # Two answers of one product: the same fields in one order.
        for one, other in zip(old, new, strict=True):
            if one != other and not (one[0] == other[0] and _may_differ(one[0])):
                break
        else:
            return True
    return compared(old) == compared(new)


def added(old: Headers, new: Headers) -> tuple[str, ...]:
    """The fields (in lower case) that modern alone sends, if these are all that the heads differ in and none of them
    changes anything for clients. Empty otherwise."""
    before, more = compared(old), []
    at, end = 0, len(before)
    for field in compared(new):
        if at < end and before[at] == field:
            at += 1
        else:
            more.append(field[0])
    if at < end or not {name for name, _ in before}.isdisjoint(more):
        return ()
    names = tuple(dict.fromkeys(name.decode("latin-1") for name in more))
    return names if b"content-encoding" not in more and all(map(is_added, names)) else ()


def compared(headers: Headers) -> Headers:
    """The fields that are compared, sorted by lower-case name. Fields of one name keep their order, which matters
    (RFC 9110 section 5.3). Those of which only the presence counts have no value."""
    return Headers([(name, b"" if blank else headers[at][1])
                    for at, name, blank in _kept(headers.names)])


@lru_cache(maxsize=512)
def _kept(names: tuple[bytes, ...]) -> tuple[tuple[int, bytes, bool], ...]:
    """What is compared of fields of these names: their places, their names in lower case, and whether only their
    presence counts. Most heads have the names of one before."""
    kept = [(name.lower(), at) for at, name in enumerate(names) if not varies(name)]
    return tuple((at, name, name in _MARKS) for name, at in sorted(kept))


def differing(old: Headers, new: Headers) -> Iterator[Field]:
    """The fields of which two heads say different things. Content codings are none: they are taken off."""
    before, after = _by_name(old), _by_name(new)
    for name in sorted(before.keys() | after.keys()):
        values, others = before.get(name), after.get(name)
        if values == others or name == "content-encoding":
            continue
        one, other = (said(name, found) if found else None for found in (values, others))
        if one is None or other is None or one.parts != other.parts:
            yield Field(name, one, other)


def _by_name(headers: Headers) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in compared(headers):
        found.setdefault(name.decode("latin-1"), []).append(value.strip(b" \t").decode("latin-1"))
    return found
