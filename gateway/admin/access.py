"""Decides who may use the admin port: clients that call it by an address or an allowed name, but no other site's page.

An attacker's page can make a browser inside the network call a name that the attacker's DNS points to this port (DNS
rebinding), and could then read the answer. The browser sends that name in Host, so unknown names are refused. It says
in Origin and Sec-Fetch-Site which page asks.
"""

import re
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from ipaddress import ip_address
from typing import Any

import orjson
from starlette.responses import Response

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

NAME = re.compile(r"\*|\.?[A-Za-z0-9_](?:[A-Za-z0-9_.\-]*[A-Za-z0-9_])?")
"""The form of an allowed name: a host name, `.suffix` for a domain and its subdomains, or `*` for any."""

_AUTHORITY = re.compile(r"(?:\[([0-9a-f:.]+)\]|([^:\[\]/@?#\s]+?)\.?)(?::[0-9]{0,5})?")
_OWN_PORTS = {"http": ":80", "https": ":443"}


class AdminAccess:
    """ASGI middleware that refuses requests for an unknown host, and requests from pages of another origin."""

    def __init__(self, app: Callable[[Scope, Receive, Send], Awaitable[None]], names: Iterable[str],
                 refused: Callable[[int, str], None]) -> None:
        """`refused` is called with status and reason, once for each status, to inform the operator: the client may not
        be able to read the answer."""
        self._app = app
        self._names = frozenset(name.lower() for name in names)
        self._refused = refused
        self._reported: set[int] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it."""
        answer = self._refusal(scope) if scope["type"] == "http" else None
        await (self._app if answer is None else answer)(scope, receive, send)

    def _refusal(self, scope: Scope) -> Response | None:
        said: dict[bytes, list[str]] = {}
        for name, value in scope["headers"]:
            said.setdefault(name, []).append(value.decode("latin-1").strip().lower())
        hosts = said.get(b"host", [])
        # No browser speaks HTTP/1.0, but probes do. They need not send a Host.
        if len(hosts) > 1 or (not hosts and scope["http_version"] != "1.0"):
            return self._refuse(400, "The request needs exactly one Host")
        if hosts and not self._knows(hosts[0]):
            return self._refuse(421, "The admin port is not known by this Host: figway serve --admin-host allows one")
        foreign = any(not hosts or not _same(origin, hosts[0]) for origin in said.get(b"origin", []))
        if foreign or _of_another_site(said):
            return self._refuse(403, "The page of another origin may not ask the admin port")
        return None

    def _refuse(self, status: int, reason: str) -> Response:
        if status not in self._reported:
            self._reported.add(status)
            self._refused(status, reason)
        return problem_answer(status, reason)

    def _knows(self, authority: str) -> bool:
        found = _AUTHORITY.fullmatch(authority)
        if found is None:
            return False
        host = found[1] or found[2]
        if host == "localhost" or host.endswith(".localhost") or _is_address(host):
            return True
        names = self._names
        return "*" in names or host in names or any(
            name[0] == "." and (host.endswith(name) or host == name[1:]) for name in names)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _same(origin: str, authority: str) -> bool:
    """Whether the origin is this host's own. The scheme is not compared, since a proxy in front may add TLS."""
    scheme, _, other = origin.partition("://")
    port = _OWN_PORTS.get(scheme, "")
    return bool(other) and other.removesuffix(port) == authority.removesuffix(port)


def _of_another_site(said: dict[bytes, list[str]]) -> bool:
    """Whether another site's page asks without sending an Origin. Following a link is allowed: that page cannot read
    the answer."""
    site, mode = said.get(b"sec-fetch-site", ["none"])[0], said.get(b"sec-fetch-mode", [""])[0]
    return site in ("cross-site", "same-site") and mode != "navigate"


def problem_answer(status: int, title: str) -> Response:
    """A refusal as application/problem+json (RFC 9457)."""
    return Response(orjson.dumps({"title": title, "status": status}), status, media_type="application/problem+json")
