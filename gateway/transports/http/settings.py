"""What an upstream is told by the configuration. Plain values: two that are equal may share one pool."""

from dataclasses import dataclass, field

from gateway.reading import UNSAID, Reading


@dataclass(frozen=True, slots=True)
class Tls:
    """TLS to the upstream. `ca` is a PEM file of the only roots to trust (None: the system's); `cert` and `key`
    (PEM files) are shown for mutual TLS; `server_name` overrides the name that is asked for and checked.
    `digest` tells what is in the files: where it is another, connections are to be made anew."""

    ca: str | None = None
    cert: str | None = None
    key: str | None = None
    server_name: str | None = None
    verify: bool = True
    digest: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds. `first_byte`: from the request's last byte to the response head; `between_bytes`: between two
    pieces of a body; `total`: everything, 0 for no bound (event streams, large downloads)."""

    connect: float = 2.0
    first_byte: float = 30.0
    between_bytes: float = 30.0
    total: float = 0.0


@dataclass(frozen=True, slots=True)
class Pool:
    """Bounds per endpoint: connections, requests waiting for one, seconds that an idle one is kept, and seconds
    after which a connection is not used again (0: no bound). `bound` connections more may belong to a client each,
    `streams` bounds the calls that have left the pool (0: four times `connections`), and `per_client` is the share of
    each bound that one client address has, in 1/10,000."""

    connections: int = 256
    pending: int = 1024
    idle: float = 55.0
    age: float = 0.0
    bound: int = 1024
    streams: int = 0
    per_client: int = 5_000

    @property
    def most_streams(self) -> int:
        """The bound of the calls that have left the pool."""
        return self.streams or 4 * self.connections

    def each(self, bound: int) -> int:
        """What one client address has of a bound."""
        return -(-bound * self.per_client // 10_000)


@dataclass(frozen=True, slots=True)
class Health:
    """An active check: GET `path` every `every` seconds; `unhealthy` failures in a row take an endpoint out,
    `healthy` successes bring it back. Any status below 500 is a success unless `status` says which."""

    path: str
    every: float = 5.0
    timeout: float = 2.0
    unhealthy: int = 3
    healthy: int = 2
    status: int = 0


@dataclass(frozen=True, slots=True)
class Ejection:
    """Passive: after `failures` failed calls in a row (connect, reset, timeout) an endpoint is left out for
    `seconds`, unless all would be. `failures` 0 switches it off."""

    failures: int = 5
    seconds: float = 10.0


@dataclass(frozen=True, slots=True)
class UpstreamSettings:
    """One upstream. `endpoints` are "http://host:port", "https://host:port" or "unix:///path"; `host` is "keep"
    (the client's Host goes on), "upstream" (the endpoint's authority) or the value to send;
    `resolve` is the seconds after which a name is looked up anew; `paths` is how it reads them."""

    name: str
    endpoints: tuple[str, ...]
    host: str = "keep"
    timeouts: Timeouts = Timeouts()
    pool: Pool = Pool()
    tls: Tls = Tls()
    health: Health | None = None
    ejection: Ejection = Ejection()
    resolve: float = 30.0
    paths: Reading = UNSAID
