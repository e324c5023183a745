"""Addresses in an answer that name the upstream: clients are told their own host in its place. Pure.

Location, Content-Location, Refresh and Link (RFC 9110, RFC 8288) hold URLs, and Set-Cookie holds a domain. A service
that is asked by another name than clients use writes that name into them, and a client cannot reach it there. What
names anybody else passes as it is, and so does a reference without a host.

A URL is rewritten if its host and port are those of an endpoint, or what the upstream is told as its Host, or one of
the other names that are configured. So is one with the client's host, if it has the endpoint's port, or if it says http
where the client used https: services that do not know of the gateway write such.
"""

import re
from collections.abc import Callable
from functools import partial
from ipaddress import ip_address
from typing import NamedTuple
from urllib.parse import urlsplit

from adapters.message import Headers
from gateway.transports.settings import Rewrite, UpstreamSettings

_URL = re.compile(rb"((?:https?:)?//)([^/?#\\\s<>\"']*)", re.IGNORECASE)
_REFRESH = re.compile(rb"[^;,]*[;,]\s*(?:url\s*=\s*)?[\"']?", re.IGNORECASE)
_TARGET = re.compile(rb"(<\s*|;\s*anchor\s*=\s*\"?\s*)([^<>\"\s]*)", re.IGNORECASE)
_AUTHORITY = re.compile(r"(\[[0-9a-f:.]+\]|[^:@\[\]]+)(?::([0-9]*))?")
_PORTS = {"http": 80, "https": 443}


class Origin(NamedTuple):
    """How a client has asked: by which scheme ("http", "https"), and which host with its port, as in Host. Either is
    empty if it is not known."""

    scheme: bytes
    host: bytes


class Name(NamedTuple):
    """A host in lower case and a port; None for no port."""

    host: str
    port: int | None


class Rewriting:
    """Rewrites the answers of one upstream."""

    def __init__(self, settings: UpstreamSettings, rewrite: Rewrite) -> None:
        self._rewrite = rewrite
        self._names: set[Name] = set()
        # (scheme, port) of each endpoint.
        self._ends: set[tuple[str, int]] = set()
        for url in settings.endpoints:
            parts = urlsplit(url)
            if parts.scheme == "unix":
                self._ends.add(("http", 80))
                self._names |= {Name("localhost", None), Name("localhost", 80)}
            else:
                port = parts.port or _PORTS[parts.scheme]
                self._ends.add((parts.scheme, port))
                self._names |= {_name(parts.netloc), _name(parts.netloc)._replace(port=port)}
        asked = () if settings.host in ("keep", "upstream") else (settings.host,)
        for text in (*asked, *rewrite.names):
            self._names.add(_name(text))
        self._hosts = {name.host for name in self._names}
        self._paths = sorted(rewrite.cookie_path, key=lambda pair: -len(pair[0]))
        self._domains = {old.lower().lstrip("."): new for old, new in rewrite.cookie_domain}

    def rewritten(self, headers: Headers, origin: Callable[[], Origin]) -> Headers:
        """An answer's fields as the client gets them: the same object if there is nothing to rewrite. `origin` tells
        how the client has asked."""
        out = [(name, self._field(name.lower(), value, origin)) for name, value in headers]
        return headers if out == headers else Headers(out)

    def _field(self, name: bytes, value: bytes, origin: Callable[[], Origin]) -> bytes:
        if name == b"set-cookie":
            return self._cookie(value, origin)
        if not self._rewrite.location:
            return value
        if name in (b"location", b"content-location"):
            return self._url(value, origin)
        if name == b"refresh":
            found = _REFRESH.match(value)
            at = found.end() if found is not None else len(value)
            return value[:at] + self._url(value[at:], origin)
        if name == b"link":
            if b"<" not in value:
                return self._url(value, origin)
            return _TARGET.sub(partial(self._target, origin), value)
        return value

    def _target(self, origin: Callable[[], Origin], found: re.Match[bytes]) -> bytes:
        return found[1] + self._url(found[2], origin)

    # --- URLs ---

    def _url(self, value: bytes, origin: Callable[[], Origin]) -> bytes:
        """A field's value that begins with a URL, which names the client's host if it named the upstream."""
        blank = len(value) - len(value.lstrip(b" \t"))
        found = _URL.match(value, blank)
        if found is None:
            return value
        scheme = found[1].partition(b":")[0].decode().lower() if b":" in found[1] else ""
        authority = found[2].decode("latin-1").lower()
        if _AUTHORITY.fullmatch(authority) is None:
            return value
        asked = origin()
        if not (self._is_ours(scheme, authority) or self._is_clients(scheme, authority, asked)):
            return value
        rest = value[found.end():]
        if not asked.host:
            return rest if rest[:1] == b"/" else b"/" + rest
        begin = b"//" if not scheme or not asked.scheme else asked.scheme + b"://"
        return value[:blank] + begin + asked.host + rest

    def _is_ours(self, scheme: str, authority: str) -> bool:
        name, default = _name(authority), _PORTS.get(scheme)
        if name.port == default:
            name = name._replace(port=None)
        return name in self._names or name._replace(port=name.port or default) in self._names

    def _is_clients(self, scheme: str, authority: str, asked: Origin) -> bool:
        """Whether a URL has the client's host, and yet leads past the gateway."""
        host = asked.host.decode("latin-1").lower()
        if authority == host:
            return (scheme, asked.scheme) == ("http", b"https") and any(one == "http" for one, _ in self._ends)
        if _AUTHORITY.fullmatch(host) is None:
            return False
        here, there = _name(host), _name(authority)
        port = there.port or _PORTS.get(scheme, 0)
        return (here.host == there.host and (scheme, port) in self._ends
                and port != (here.port or _PORTS.get(asked.scheme.decode())))

    # --- cookies ---

    def _cookie(self, value: bytes, origin: Callable[[], Origin]) -> bytes:
        cookie, *attributes = value.split(b";")
        out = [cookie]
        for one in attributes:
            name, _, said = one.partition(b"=")
            key, now = name.strip(b" \t").lower(), said.strip(b" \t")
            if key == b"domain" and now and (self._rewrite.domains or self._domains):
                domain = self._domain(now.decode("latin-1"), origin).encode("latin-1")
                if not domain:
                    continue  # The cookie is for the client's host alone.
                if domain != now:
                    one = name + b"=" + domain
            elif key == b"path" and now and self._paths:
                path = self._path(now.decode("latin-1")).encode("latin-1")
                if path != now:
                    one = name + b"=" + path
            out.append(one)
        return b";".join(out)

    def _domain(self, said: str, origin: Callable[[], Origin]) -> str:
        """The domain in the place of another; "" for none."""
        domain = said.lower().removeprefix(".")
        for key in (domain, "*"):
            if key in self._domains:
                return self._domains[key]
        if not self._rewrite.domains or not any(_within(host, domain) for host in self._hosts):
            return said
        found = _AUTHORITY.fullmatch(origin().host.decode("latin-1").lower())
        host = found[1] if found is not None else ""
        if _within(host, domain):
            return said
        return host if "." in host and not _is_address(host) else ""

    def _path(self, said: str) -> str:
        for old, new in self._paths:
            base = old.rstrip("/")
            if said == old or said.startswith(base + "/"):
                rest = said[len(base):] if said != old else ""
                return (new.rstrip("/") + rest) if rest else new
        return said


def _name(authority: str) -> Name:
    found = _AUTHORITY.fullmatch(authority.lower())
    if found is None:
        return Name(authority.lower(), None)
    return Name(found[1], int(found[2]) if found[2] else None)


def _within(host: str, domain: str) -> bool:
    """Whether a domain is a host's name, or one that the host is below."""
    return bool(domain) and (host == domain or (host.endswith("." + domain) and not _is_address(host)))


def _is_address(host: str) -> bool:
    try:
        ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True
