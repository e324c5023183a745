"""Compiles an upstream as written to the settings of its transport."""

import ipaddress
import re
from pathlib import Path
from urllib.parse import urlsplit

from gateway.config import upstream_spec
from gateway.config.nodes import Node
from gateway.config.problem import Findings
from gateway.config.tls import upstream_tls
from gateway.reading import UNSAID, Reading
from gateway.transports.settings import Ejection, HealthCheck, Pool, Rewrite, Timeouts, UpstreamSettings
from gateway.transports.table import TRANSPORTS

_HOST = re.compile(r"[\w.~-]+|\[[0-9A-Fa-f:.]+(?:%25[\w.~-]+)?\]")


def settings(
    name: str, written: upstream_spec.Upstream, node: Node, seen: list[Path], findings: Findings
) -> UpstreamSettings | None:
    """The settings of one upstream, or None after a problem. `node` is its map; its files are added to `seen`."""
    before = len(findings.problems)
    endpoints = _endpoints(written, node, findings)
    tls = upstream_tls(written.tls, node, seen, findings)
    if written.tls is not None and endpoints and not any(url.startswith("https:") for url in endpoints):
        findings.warn(node.key("tls"), "no endpoint is https, so `tls` has no effect", "unused")
    if len(findings.problems) > before:
        return None
    t, p, h, e = written.timeouts, written.pool, written.health, written.ejection
    return UpstreamSettings(
        name, endpoints, written.host,
        Timeouts(t.connect, t.first_byte, t.between_bytes, t.total),
        Pool(p.connections, p.pending, p.idle, p.age, p.bound, p.streams or 0, p.per_client),
        tls,
        HealthCheck(h.path, h.every, h.timeout, h.unhealthy, h.healthy, h.status or 0) if h is not None else None,
        Ejection(e.failures, e.seconds), written.resolve,
        Reading(**written.paths.model_dump()) if written.paths is not None else UNSAID, written.strict,
        written.raw_targets, _rewrite(written.rewrite, node, findings),
    )


def _rewrite(written: upstream_spec.Rewrite | None, node: Node, findings: Findings) -> Rewrite | None:
    if written is None:
        return None
    domains, paths = written.cookie_domain, written.cookie_path
    if written.names and not written.location and domains != {}:
        findings.warn(node.key("rewrite", "names"), "without `location: true` or `cookie_domain: true` nothing looks "
                      "for these", "unused")
    found = Rewrite(written.location, tuple(written.names), domains == {}, tuple((domains or {}).items()),
                    tuple(paths.items()))
    return found if found.location or domains is not None or paths else None


def _endpoints(
    written: upstream_spec.Upstream, node: Node, findings: Findings
) -> tuple[str, ...]:
    if (written.url is None) == (written.endpoints is None):
        message = "needs `url` or `endpoints`" if written.url is None else "has both `url` and `endpoints`"
        findings.problem(node.place, message, "bad_upstream")
        return ()
    found: dict[str, None] = {}
    for number, url in enumerate(written.endpoints or [str(written.url)]):
        place = (node.find("url") if written.url is not None else node.find("endpoints", number)).place
        endpoint, wrong = _endpoint(url)
        if wrong:
            # The URL itself is not shown: it may hold a password.
            findings.problem(place, wrong, "bad_url")
        elif endpoint in found:
            findings.problem(place, "this endpoint is there already", "bad_url")
        elif _is_link_local(endpoint):
            findings.warn(place, "a link-local address: clouds keep their secrets there", "link_local")
        found[endpoint] = None
    return tuple(found)


def _endpoint(url: str) -> tuple[str, str]:
    """The endpoint in its short form, and its fault ("" for none)."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "", "not a URL with a valid host and port"
    if parts.scheme == "unix":
        if parts.netloc or len(parts.path) < 2 or parts.query or parts.fragment:
            return "", "wants unix:///path"
        return f"unix://{parts.path}", ""
    if parts.scheme not in TRANSPORTS:
        return "", "wants http://host:port, https://host:port or unix:///path"
    if "@" in parts.netloc:
        return "", "a URL with a user or a password: they are not sent, and would be shown"
    if not _HOST.fullmatch(re.sub(r":[0-9]*\Z", "", parts.netloc)) or port == 0:
        return "", "not a URL with a valid host and port"
    if any(not 0 < len(label) < 64 for label in (parts.hostname or "").removesuffix(".").split(".")):
        return "", "not a URL with a valid host and port"
    if parts.path not in ("", "/") or parts.query or parts.fragment or url.endswith(("?", "#")):
        return "", "a URL ends after its port here: requests bring their own path and query"
    return f"{parts.scheme}://{parts.netloc}", ""


def _is_link_local(endpoint: str) -> bool:
    try:
        return ipaddress.ip_address(urlsplit(endpoint).hostname or "").is_link_local
    except ValueError:
        return False
