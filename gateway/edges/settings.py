"""The edge's part of the configuration (`server:` in routes.yaml): limits, deadlines, which proxies to believe."""

from dataclasses import dataclass, field
from functools import partial

from gateway.edges.field_kinds import kind_of
from gateway.handshakes import Strength
from gateway.wire.heads import FieldKinds


@dataclass(frozen=True, slots=True)
class EdgeSettings:
    """Sizes in bytes, times in seconds. `body` 0 means no limit of the edge's own (a capability may set one).
    `memory` limits what a worker holds for its clients (gateway.room); 0 means no limit. `connections` 0 means
    20,000. There are fewer if there are not enough file descriptors.

    `trusted_hops` is how many proxies in front of the gateway are believed about the client. `trusted_fields` is the
    family of fields in which they are believed: "x-forwarded" or "forwarded". `forwarded` is what the upstream gets:
    one of these, "both" or "off". `via` is the gateway's pseudonym in Via (RFC 9110 section 7.6.3); "" writes no Via.
    `half_close` says that a client of HTTP/1.1 which ends its side still gets its answers, as one of HTTP/1.0 does.
    After SIGTERM the gateway goes on accepting for `drain_delay`, with readiness off. Calls in flight then have
    `drain_grace` to end. `cbc` says whether TLS offers CBC suites, and `strength` what it must be at least; a change of
    these needs a restart.
    `read` holds the lower-case names of the fields that policies, splits and operations read. `kinds` gives the kind
    of a field by its name as clients write it (gateway.edges.field_kinds).
    """

    target: int = 16 << 10
    head: int = 64 << 10
    fields: int = 100
    body: int = 0
    trailer: int = 16 << 10
    connections: int = 0
    memory: int = 256 << 20
    head_timeout: float = 10.0
    body_rate: int = 100
    body_grace: float = 10.0
    idle_timeout: float = 75.0
    trusted_hops: int = 0
    trusted_fields: str = "x-forwarded"
    forwarded: str = "x-forwarded"
    via: str = "figway"
    ambiguous_paths: bool = False
    half_close: bool = False
    drain_delay: float = 0.5
    drain_grace: float = 30.0
    cbc: bool = False
    strength: Strength = field(default_factory=Strength)
    read: frozenset[bytes] = frozenset()
    kinds: FieldKinds = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "kinds", FieldKinds(partial(kind_of, read=self.read)))
