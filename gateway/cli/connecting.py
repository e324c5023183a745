"""Tries the upstreams of a configuration: names, connections, TLS, an answer, and whether Via changes it.

Each endpoint is asked by the gateway's own transport, so what fails here fails in the gateway. What is sent is `GET` of
a path that changes nothing, twice: without Via and with it, since nginx does not compress for proxies by default.
"""

import asyncio
import socket
import ssl
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from math import inf, isfinite
from typing import Any
from urllib.parse import urlsplit

from adapters.message import Headers, Request, Response
from gateway.certificates import validity
from gateway.config.compile import Configuration
from gateway.handshakes import permit
from gateway.services import AskedUpstream
from gateway.transports.settings import Tls, UpstreamSettings
from gateway.transports.table import connect
from shadow.observation import Failure

_SECONDS = 10.0
_LARGEST = 16 << 20
_AGENT = b"figway-validate"
_FAILED = {
    "dns": "the name cannot be resolved",
    "connect_refused": "nothing takes connections there",
    "connect_timeout": "no connection is taken within the time of `timeouts.connect`",
    "tls": "TLS fails",
    "malformed": "what answers there does not speak HTTP as it should",
    "reset": "the connection is closed without an answer",
    "first_byte_timeout": f"no answer within {_SECONDS:g} s",
    "total_timeout": f"no whole answer within {_SECONDS:g} s",
    "truncated": "the answer is cut short",
}


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of one endpoint. `fault` is the kind of a failure (shadow.observation), "" if it answers; `status`
    is that of its answer, 0 for none. `plain` and `via` are the sizes of the compressed answer without Via, and of the
    answer with it, where only the first was compressed; else 0. `expires` is when its certificate ends, in seconds
    since 1970, 0 if that is not known."""

    upstream: str
    url: str
    path: str
    addresses: tuple[str, ...] = ()
    tls: str = ""
    expires: float = 0.0
    status: int = 0
    fault: str = ""
    detail: str = ""
    plain: int = 0
    via: int = 0

    def facts(self) -> dict[str, Any]:
        """As JSON-ready values."""
        return asdict(self)

    def lines(self, now: float) -> Iterable[str]:
        """For people: the endpoint, and a line for each thing that was seen."""
        yield f"upstream {self.upstream} {self.url}"
        if self.addresses:
            yield f"  resolves to {', '.join(self.addresses)}"
        if self.tls:
            until = datetime.fromtimestamp(self.expires, UTC).strftime("%Y-%m-%d") if self.expires else "an unknown day"
            over = ": it has expired" if 0 < self.expires < now else ""
            yield f"  {self.tls}, with a certificate until {until}{over}"
        if self.fault:
            why = self.detail if self.fault == "tls" else ""
            yield f"  FAILED: {_FAILED.get(self.fault, self.fault)} [{self.fault}]"
            if why:
                yield f"  {why}"
        else:
            yield f"  answers {self.status} to GET {self.path}"
        if self.via:
            yield f"  compresses its answer ({self.plain:,} bytes), but not for a request with Via"
            yield f"  ({self.via:,} bytes): in nginx, say `gzip_proxied any`; or here,"
            yield '  `server: {via: ""}`'


def tried(built: Configuration, path: str) -> list[Seen]:
    """Try each endpoint of each upstream, all at the same time, with GET `path`, or the path of its health check."""
    async def every() -> list[Seen]:
        return list(await asyncio.gather(*(
            _endpoint(replace(one.settings, endpoints=(url,), health=None), url, built.edge.via,
                      path or (one.settings.health.path if one.settings.health is not None else "/"))
            for one in built.upstreams.values() for url in one.settings.endpoints)))

    return asyncio.run(every())


async def _endpoint(settings: UpstreamSettings, url: str, via: str, path: str) -> Seen:
    seen = Seen(settings.name, url, path)
    parts = urlsplit(url)
    if parts.scheme != "unix":
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError:
            return replace(seen, fault="dns")
        addresses = tuple(dict.fromkeys(str(one[4][0]) for one in found))
        seen = replace(seen, addresses=addresses if addresses != (host,) else ())
        if parts.scheme == "https":
            seen = replace(seen, **await _tls(host, port, settings.tls))
    transport = connect(settings)
    try:
        upstream = AskedUpstream(transport)
        plain = await upstream.ask(_request(path, ""), seconds=_SECONDS, limit=_LARGEST)
        if isinstance(plain, Failure):
            return replace(seen, fault=plain.kind, detail=plain.detail)
        seen = replace(seen, status=plain.status)
        proxied = await upstream.ask(_request(path, via), seconds=_SECONDS, limit=_LARGEST) if via else plain
    finally:
        await transport.close()
    if isinstance(proxied, Response) and plain.status == proxied.status and _coded(plain) and not _coded(proxied):
        return replace(seen, plain=len(plain.body), via=len(proxied.body))
    return seen


def _request(path: str, via: str) -> Request:
    fields = Headers([(b"Host", b"localhost"), (b"User-Agent", _AGENT), (b"Accept", b"*/*"),
                      (b"Accept-Encoding", b"gzip")])
    if via:
        fields.append((b"Via", b"1.1 " + via.encode()))
    return Request("GET", path.encode(), fields)


def _coded(answer: Response) -> bool:
    return answer.headers.get(b"content-encoding") is not None


async def _tls(host: str, port: int, tls: Tls) -> dict[str, Any]:
    """The version of TLS and the end of the certificate, whoever signed it; nothing if that cannot be seen."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    permit(context, tls.strength)
    if tls.cert:
        context.load_cert_chain(tls.cert, tls.key)
    try:
        async with asyncio.timeout(_SECONDS):
            _, writer = await asyncio.open_connection(host, port, ssl=context,
                                                      server_hostname=tls.server_name or host)
    except (OSError, TimeoutError):
        return {}
    spoken = writer.get_extra_info("ssl_object")
    certificate = spoken.getpeercert(binary_form=True)
    ends = validity(ssl.DER_cert_to_PEM_cert(certificate).encode()).ends if certificate else inf
    writer.transport.abort()
    return {"tls": spoken.version() or "", "expires": ends if isfinite(ends) else 0.0}
