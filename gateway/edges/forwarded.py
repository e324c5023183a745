"""The client behind the proxies in front of us, and what upstreams are told of both.

Proxies tell of the client in one family of fields: X-Forwarded-For, -Proto and -Host, or Forwarded (RFC 7239).
`server.trusted_fields` says in which, and no other is believed or passed on: a proxy that writes the one lets through
whatever a client forged of the other. Both are read from the right, where the nearest proxy wrote, and only
`server.trusted_hops` entries deep; what a client put to the left of that can neither be believed nor get in the way.
"""

import re
from collections.abc import Iterator
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from itertools import islice

from adapters.message import Headers
from gateway.edges.settings import EdgeSettings

Params = dict[bytes, bytes]

_PORT = re.compile(rb":(?:[0-9]{1,5}|_[A-Za-z0-9._\-]++)")
# Behind an IPv6 address without brackets, where it can be no group of it: a group has four digits, there are eight,
# and none comes after the form of IPv4.
_PORT_BEHIND = re.compile(rb":[0-9]{5}\Z|(?:\A(?:[0-9A-Fa-f]{1,4}:){8}|\.[0-9]{1,3}:)[0-9]{1,5}\Z")
_NAME = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"
# RFC 7239 wants ports and IPv6 addresses in quotes; not every proxy puts them there.
_VALUE = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z:\[\]]++"
_QUOTED = rb'"(?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t \x21-\x7e\x80-\xff])*+"'
_PAIR = rb"(" + _NAME + rb")=(" + _VALUE + rb"|" + _QUOTED + rb")"
_PAIRS = re.compile(_PAIR)
_ELEMENT = re.compile(rb"[ \t]*+(?:" + _PAIR + rb")?+(?:[ \t]*+;[ \t]*+(?:" + _PAIR + rb")?+)*+[ \t]*+")
_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)
# Longer than any that a proxy writes, and short enough that looking for its beginning costs nothing.
_LONGEST = 1024
_SCHEME = re.compile(rb"[A-Za-z][A-Za-z0-9+.\-]*+")
_HOST = re.compile(rb'[^\x00-\x20\x7f",;\\]++')


def spelled(address: str) -> str:
    """The one spelling of an IP address (RFC 5952): IPv4 that was mapped into IPv6 as IPv4, no zone, which means
    nothing on another machine. What is no address, as the empty one of a Unix socket's peer, stays as it is."""
    if ":" not in address:
        return address
    try:
        found = IPv6Address(address.partition("%")[0])
    except AddressValueError:
        return address
    return str(found.ipv4_mapped or found)


def node_address(node: bytes) -> str:
    """The address of a node (RFC 7239 section 6): IPv4, IPv6 bracketed or bare, either in quotes, with a port or an
    obfuscated one; bare IPv6 only with a port that is told from its groups. "" for "unknown", for an obfuscated name,
    which may be another one each time, and for junk."""
    node = node.strip(b' \t"')
    if node[:1] == b"[":
        host, closed, port = node[1:].partition(b"]")
        if not closed or b":" not in host:
            return ""
    elif node.count(b":") > 1:
        host, port = node, b""
        if _PORT_BEHIND.search(node) is not None:
            host, _, port = node.rpartition(b":")
            port = b":" + port
    else:
        host, colon, port = node.partition(b":")
        port = colon + port
    if port and _PORT.fullmatch(port) is None:
        return ""
    text = host.decode("latin-1")
    try:
        return spelled(str(IPv6Address(text.partition("%")[0]) if b":" in host else IPv4Address(text)))
    except AddressValueError:
        return ""


def client_address(peer: str, received: Headers | None, settings: EdgeSettings) -> str:
    """The client's address: `trusted_hops` entries from the right, counted from the peer. An entry that is missing or
    no address ends the search: then it is the last address before it, which a trusted proxy saw itself."""
    client = spelled(peer)
    if received:
        for address in _trusted(received, settings):
            if not address:
                break
            client = address
    return client


def forwarding_fields(
    peer: str, scheme: str, host: bytes, received: Headers | None, settings: EdgeSettings
) -> Headers:
    """The X-Forwarded-* and Forwarded fields for the upstream: what trusted proxies said, in the family that the
    upstream gets, and our own hop after it."""
    out = Headers()
    told = received or Headers()
    address = spelled(peer).encode()
    if settings.forwarded in ("x-forwarded", "both"):
        before, proto, shown = _before(told, settings)
        named = before + ([address] if address else [])
        if named:
            # A client on a Unix socket has no address.
            out.append((b"X-Forwarded-For", b", ".join(named)))
        out.append((b"X-Forwarded-Proto", proto or scheme.encode()))
        if shown or host:
            out.append((b"X-Forwarded-Host", shown or host))
    if settings.forwarded in ("forwarded", "both"):
        ours = _element(address, scheme.encode(), host)
        out.append((b"Forwarded", b", ".join([*_elements_before(told, settings), ours])))
    return out


def _trusted(received: Headers, settings: EdgeSettings) -> Iterator[str]:
    """The addresses that trusted proxies told of, from the nearest on; "" for what is none."""
    if settings.trusted_fields == "forwarded":
        return islice(map(_node, _elements(_joined(received, b"forwarded"))), settings.trusted_hops)
    return islice(_named(_joined(received, b"x-forwarded-for")), settings.trusted_hops)


def _joined(received: Headers, name: bytes) -> bytes:
    """One value of several fields of a name (RFC 9110 section 5.3)."""
    return b",".join(received.get_all(name))


def _named(value: bytes) -> Iterator[str]:
    """The addresses in an X-Forwarded-For, from the right."""
    while value := value.rstrip(b", \t"):
        value, _, node = value.rpartition(b",")
        yield node_address(node)


def _node(params: Params) -> str:
    return node_address(params.get(b"for", b""))


def _elements(value: bytes) -> Iterator[Params]:
    """The elements of a Forwarded (RFC 7239 section 4), from the right; the first that is malformed comes as an empty
    one and is the last.

    An element is the shortest well-formed text after a comma: a comma inside a quoted string cannot be taken for the
    one before it, since an odd number of quotes would follow. So nothing to its left changes how it is read.
    """
    while value := value.rstrip(b", \t"):
        start = len(value)
        while True:
            start = value.rfind(b",", 0, start)
            found = _ELEMENT.fullmatch(value, start + 1)
            if found is not None:
                break
            if start < 0 or len(value) - start > _LONGEST:
                yield {}
                return
        pairs = _PAIRS.findall(found[0])
        params = {name.lower(): _unquoted(given) for name, given in pairs}
        if len(params) < len(pairs):
            # A parameter may be there once.
            yield {}
            return
        yield params
        value = value[:max(start, 0)]


def _unquoted(value: bytes) -> bytes:
    return _ESCAPED.sub(rb"\1", value[1:-1]) if value[:1] == b'"' else value


def _before(told: Headers, settings: EdgeSettings) -> tuple[list[bytes], bytes | None, bytes | None]:
    """(X-Forwarded-For so far, the scheme and the host that the client used) as trusted proxies said; None for what
    they did not say."""
    if settings.trusted_fields == "x-forwarded":
        return told.get_all(b"x-forwarded-for"), *_used(told, settings)
    elements = list(islice(_elements(_joined(told, b"forwarded")), settings.trusted_hops))
    elements.reverse()
    first = elements[0] if elements else {}
    named = [address.encode() for address in map(_node, elements) if address]
    return named, _fitting(_SCHEME, first.get(b"proto")), _fitting(_HOST, first.get(b"host"))


def _used(told: Headers, settings: EdgeSettings) -> tuple[bytes | None, bytes | None]:
    """(the scheme, the host) that the client used, as X-Forwarded-* of trusted proxies have it."""
    hops = settings.trusted_hops
    return _farthest(_joined(told, b"x-forwarded-proto"), hops), _farthest(_joined(told, b"x-forwarded-host"), hops)


def _farthest(value: bytes, hops: int) -> bytes | None:
    """The entry of the trusted proxy that is nearest to the client: each replaces what is there, or adds to its right.
    None where there is none."""
    entries = [entry for part in value.split(b",") if (entry := part.strip(b" \t"))]
    return entries[-hops:][0] if entries else None


def _elements_before(told: Headers, settings: EdgeSettings) -> list[bytes]:
    """Forwarded so far, as trusted proxies said."""
    if settings.trusted_fields == "forwarded":
        return told.get_all(b"forwarded")
    addresses = [*_trusted(told, settings)]
    if not addresses:
        return []
    *nearer, client = addresses
    scheme, shown = _used(told, settings)
    proto, host = _fitting(_SCHEME, scheme), _fitting(_HOST, shown)
    return [_element(client.encode(), proto, host), *(_element(one.encode(), None, None) for one in reversed(nearer))]


def _fitting(pattern: re.Pattern[bytes], value: bytes | None) -> bytes | None:
    return value if value and pattern.fullmatch(value) else None


def _element(address: bytes, proto: bytes | None, host: bytes | None) -> bytes:
    """One element of a Forwarded."""
    node = b'"[%b]"' % address if b":" in address else address or b"unknown"
    return b"for=" + node + (b";proto=" + proto if proto else b"") + (b';host="%b"' % host if host else b"")
