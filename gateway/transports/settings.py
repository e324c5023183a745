"""What the configuration says about an upstream. Plain values: upstreams with equal settings may share one pool."""

from dataclasses import dataclass, field
from math import inf

from gateway.handshakes import Strength
from gateway.reading import UNSAID, Reading


@dataclass(frozen=True, slots=True)
class Tls:
    """TLS to the upstream.

    `ca` is a PEM file of the only roots to trust (None: the system's). `cert` and `key` (PEM files) are sent for mutual
    TLS. `server_name` overrides the name that is sent (SNI) and checked. `digest` changes with the content of the
    files, so that settings with new files are not equal to the old ones. `strength` is the least that TLS must be.
    `expires` is when the client certificate ends, in seconds since 1970.
    """

    ca: str | None = None
    cert: str | None = None
    key: str | None = None
    server_name: str | None = None
    verify: bool = True
    digest: str = field(default="", repr=False)
    strength: Strength = field(default_factory=Strength)
    expires: float = inf


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Timeouts in seconds.

    `first_byte` runs from the request's last byte to the response's head, `between_bytes` between two pieces of a body.
    `total` bounds the whole call; 0: no bound (event streams, large downloads).
    """

    connect: float = 2.0
    first_byte: float = 30.0
    between_bytes: float = 30.0
    total: float = 0.0


@dataclass(frozen=True, slots=True)
class Pool:
    """Bounds per endpoint.

    There may be `connections`, and `pending` requests that wait for one. An idle connection is closed after `idle`
    seconds; after `age` seconds a connection serves no new request (0: no bound). Outside the pool, `logins`
    connections may be logged in for one client each, and there may be `streams` calls (0: four times `connections`).
    `per_client` is the share of each of these bounds that one client address has, in 1/10,000.
    """

    connections: int = 256
    pending: int = 1024
    idle: float = 55.0
    age: float = 0.0
    logins: int = 1024
    streams: int = 0
    per_client: int = 5_000

    @property
    def most_streams(self) -> int:
        """How many calls may have left the pool."""
        return self.streams or 4 * self.connections

    def share(self, bound: int) -> int:
        """One client address's share of a bound."""
        return -(-bound * self.per_client // 10_000)


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """The active health check: GET `path` every `every` seconds.

    `unhealthy` failures in a row take an endpoint out, `healthy` successes in a row bring it back. Success is this
    `status`, or any status below 500 if `status` is 0.
    """

    path: str
    every: float = 5.0
    timeout: float = 2.0
    unhealthy: int = 3
    healthy: int = 2
    status: int = 0


@dataclass(frozen=True, slots=True)
class Ejection:
    """The passive health check: `failures` failed calls in a row (connect, reset, timeout …) eject an endpoint.

    It gets no calls for `seconds`, unless all endpoints are ejected. With `failures` 0, no endpoint is ejected.
    """

    failures: int = 5
    seconds: float = 10.0


@dataclass(frozen=True, slots=True)
class Rewrite:
    """Which addresses in an upstream's answers name the client's host instead of the upstream (gateway.rewriting).

    `location`: those in Location, Content-Location, Refresh and Link. `names` are other names of the upstream, each a
    host, or a host with a port. `domains`: the domains of cookies. `cookie_domain` are pairs of a domain, or "*", and
    what it becomes ("": the cookie is for the client's host alone); `cookie_path` are pairs of the beginning of a
    cookie's path and what it becomes.
    """

    location: bool = False
    names: tuple[str, ...] = ()
    domains: bool = False
    cookie_domain: tuple[tuple[str, str], ...] = ()
    cookie_path: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class UpstreamSettings:
    """One upstream.

    `endpoints` are URLs: "http://host:port", "https://host:port" or "unix:///path". `host` says which Host is sent:
    "keep" (the client's), "upstream" (the endpoint's authority) or the value. A name is looked up again after `resolve`
    seconds. `paths` is how the upstream reads paths. `strict` refuses answers that break a rule of HTTP/1.1, even those
    that have one meaning. `raw_targets` says what becomes of bytes beyond ASCII in a request target: "pass", "encode"
    or "refuse". `rewrite` is what becomes of the upstream's name in its answers; None: nothing.
    """

    name: str
    endpoints: tuple[str, ...]
    host: str = "keep"
    timeouts: Timeouts = Timeouts()
    pool: Pool = Pool()
    tls: Tls = Tls()
    health: HealthCheck | None = None
    ejection: Ejection = Ejection()
    resolve: float = 30.0
    paths: Reading = UNSAID
    strict: bool = False
    raw_targets: str = "pass"
    rewrite: Rewrite | None = None
