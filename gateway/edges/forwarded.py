"""Finds the address of a client behind proxies, and writes the fields that describe client and proxies to upstreams.

Proxies describe the client in one family of fields: X-Forwarded-For, -Proto and -Host, or Forwarded (RFC 7239).
`server.trusted_fields` says which family is believed. Fields of the other family are dropped, because a proxy that
writes one family passes on whatever a client forged of the other. Fields are read from the right, where the nearest
proxy wrote, and only `server.trusted_hops` entries of them. What a client puts to the left of those is not believed.
"""

import re
from collections.abc import Iterator
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from itertools import islice

from adapters.message import Headers
from gateway.call import Head
from gateway.edges.settings import EdgeSettings
from gateway.rewriting import Origin

Params = dict[bytes, bytes]

_PORT = re.compile(rb":(?:[0-9]{1,5}|_[A-Za-z0-9._\-]++)")
# A port after an IPv6 address without brackets, if it cannot be a group of the address: a group has at most four
# digits, an address has eight groups, and no group follows a part in IPv4 form.
_PORT_BEHIND = re.compile(rb":[0-9]{5}\Z|(?:\A(?:[0-9A-Fa-f]{1,4}:){8}|\.[0-9]{1,3}:)[0-9]{1,5}\Z")
_NAME = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"
# RFC 7239 requires quotes around ports and IPv6 addresses. Not every proxy writes them.
_VALUE = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z:\[\]]++"
_QUOTED = rb'"(?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t \x21-\x7e\x80-\xff])*"'
_PAIRS = re.compile(rb"(" + _NAME + rb")=(" + _VALUE + rb"|" + _QUOTED + rb")")
# A pair or none, in an atomic group: an element is never read in a second way.
_PAIR = rb"(?>(?:" + _NAME + rb"=(?:" + _VALUE + rb"|" + _QUOTED + rb"))?)"
_ELEMENT = re.compile(rb"[ \t]*+" + _PAIR + rb"(?>(?:[ \t]*+;[ \t]*+" + _PAIR + rb")*)[ \t]*+")
_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)
# The most bytes of an element: more than any proxy writes, and few enough to search for its beginning cheaply.
_LONGEST = 1024
_SCHEME = re.compile(rb"[A-Za-z][A-Za-z0-9+.\-]*+")
# The scheme in the fields that this gateway adds: its own hop comes last.
_PROTO = re.compile(rb"(?:X-Forwarded-Proto: |;proto=)([a-z]+)")
_HOST = re.compile(rb'[^\x00-\x20\x7f",;\\]++')


def spelled(address: str) -> str:
    """An IP address in its one spelling (RFC 5952). An IPv4 address that was mapped into IPv6 becomes IPv4 again. A
    zone is left off, since it means nothing on another machine. Text that is no address is returned unchanged, such as
    "" for the peer of a Unix socket."""
    if ":" not in address:
        return address
    try:
        found = IPv6Address(address.partition("%")[0])
    except AddressValueError:
        return address
    return str(found.ipv4_mapped or found)


def node_address(node: bytes) -> str:
    """The IP address in a node (RFC 7239 section 6): IPv4, or IPv6 with or without brackets. Quotes are left off, and
    so is a port, which may be obfuscated; after IPv6 without brackets it must be one that no group could be. Returns ""
    for "unknown", for an obfuscated name, which may change with each request, and for anything else."""
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
    """The client's address: the `trusted_hops`th entry from the right. If an entry up to there is missing or no
    address, the client is the address to its right, which a trusted proxy saw itself, or else `peer`."""
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
    """The X-Forwarded-* and Forwarded fields for the upstream: what trusted proxies wrote, in the family that the
    upstream gets, followed by this gateway's own hop."""
    out = Headers()
    given = received or Headers()
    address = spelled(peer).encode()
    if settings.forwarded in ("x-forwarded", "both"):
        before, proto, shown = _before(given, settings)
        named = before + ([address] if address else [])
        if named:
            # A client on a Unix socket has no address.
            out.append((b"X-Forwarded-For", b", ".join(named)))
        out.append((b"X-Forwarded-Proto", proto or scheme.encode()))
        if shown or host:
            out.append((b"X-Forwarded-Host", shown or host))
    if settings.forwarded in ("forwarded", "both"):
        ours = _element(address, scheme.encode(), host)
        out.append((b"Forwarded", b", ".join([*_elements_before(given, settings), ours])))
    return out


def client_origin(head: Head, settings: EdgeSettings) -> Origin:
    """How a client has asked, as the nearest trusted proxy to it says, or else the client itself. The scheme is not
    known if no proxy says it and `settings.forwarded` is "off"."""
    _, proto, host = _before(head.forwarded or Headers(), settings)
    if proto is None and (ours := _PROTO.findall(head.added)):
        proto = ours[-1]
    scheme = (proto or b"").lower()
    return Origin(scheme if scheme in (b"http", b"https") else b"", _fitting(_HOST, host) or head.host)


def _trusted(received: Headers, settings: EdgeSettings) -> Iterator[str]:
    """The addresses that trusted proxies wrote, the nearest first; "" for an entry that is no address."""
    if settings.trusted_fields == "forwarded":
        return islice(map(_node, _elements(_joined(received, b"forwarded"))), settings.trusted_hops)
    return islice(_named(_joined(received, b"x-forwarded-for")), settings.trusted_hops)


def _joined(received: Headers, name: bytes) -> bytes:
    """The fields of one name as one list (RFC 9110 section 5.3)."""
    return b",".join(received.get_all(name))


def _named(value: bytes) -> Iterator[str]:
    """The addresses in an X-Forwarded-For, from the right."""
    while value := value.rstrip(b", \t"):
        value, _, node = value.rpartition(b",")
        yield node_address(node)


def _node(params: Params) -> str:
    return node_address(params.get(b"for", b""))


def _elements(value: bytes) -> Iterator[Params]:
    """The elements of a Forwarded field (RFC 7239 section 4), from the right. A malformed element is yielded as {}, and
    ends the search.

    An element is the shortest well-formed text after a comma. A comma inside a quoted string begins no element, since
    an odd number of quotes would follow it. So nothing to the left of an element changes how it is read.
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
            # A parameter may occur only once.
            yield {}
            return
        yield params
        value = value[:max(start, 0)]


def _unquoted(value: bytes) -> bytes:
    return _ESCAPED.sub(rb"\1", value[1:-1]) if value[:1] == b'"' else value


def _before(received: Headers, settings: EdgeSettings) -> tuple[list[bytes], bytes | None, bytes | None]:
    """The X-Forwarded-For so far, and the scheme and the host that the client used, as trusted proxies wrote them. A
    scheme or host that they did not write is None."""
    if settings.trusted_fields == "x-forwarded":
        return received.get_all(b"x-forwarded-for"), *_used(received, settings)
    elements = list(islice(_elements(_joined(received, b"forwarded")), settings.trusted_hops))
    elements.reverse()
    first = elements[0] if elements else {}
    named = [address.encode() for address in map(_node, elements) if address]
    return named, _fitting(_SCHEME, first.get(b"proto")), _fitting(_HOST, first.get(b"host"))


def _used(received: Headers, settings: EdgeSettings) -> tuple[bytes | None, bytes | None]:
    """(the scheme, the host) that the client used, by the X-Forwarded-* fields of trusted proxies."""
    hops = settings.trusted_hops
    return (_farthest(_joined(received, b"x-forwarded-proto"), hops),
            _farthest(_joined(received, b"x-forwarded-host"), hops))


def _farthest(value: bytes, hops: int) -> bytes | None:
    """The entry that the trusted proxy nearest to the client wrote; each proxy replaces the value, or adds an entry on
    the right. None if there is no entry."""
    entries = [entry for part in value.split(b",") if (entry := part.strip(b" \t"))]
    return entries[-hops:][0] if entries else None


def _elements_before(received: Headers, settings: EdgeSettings) -> list[bytes]:
    """The Forwarded elements so far, as trusted proxies wrote them."""
    if settings.trusted_fields == "forwarded":
        return received.get_all(b"forwarded")
    addresses = [*_trusted(received, settings)]
    if not addresses:
        return []
    *nearer, client = addresses
    scheme, shown = _used(received, settings)
    proto, host = _fitting(_SCHEME, scheme), _fitting(_HOST, shown)
    return [_element(client.encode(), proto, host), *(_element(one.encode(), None, None) for one in reversed(nearer))]


def _fitting(pattern: re.Pattern[bytes], value: bytes | None) -> bytes | None:
    return value if value and pattern.fullmatch(value) else None


def _element(address: bytes, proto: bytes | None, host: bytes | None) -> bytes:
    """One element of a Forwarded field."""
    node = b'"[%b]"' % address if b":" in address else address or b"unknown"
    return b"for=" + node + (b";proto=" + proto if proto else b"") + (b';host="%b"' % host if host else b"")
