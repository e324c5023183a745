"""Settings of the lane: what it may use and keep, from the `shadow` blocks of routes.yaml."""

from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class LaneSettings:
    """Bounds of one worker's lane: at any time at most `queue` mirrors and `memory` bytes are unfinished, and at most
    `concurrency` mirrors ask an arm. `drain` is how many seconds it may take to finish when the worker stops."""

    queue: int = 1000
    memory: int = 64 << 20
    concurrency: int = 8
    drain: float = 5.0


@dataclass(frozen=True, slots=True)
class Recheck:
    """When both arms are asked again about a mismatch: `after` these numbers of seconds since it was found, in
    ascending order, for at most a share `budget` (0 to 1) of the exchanges. By default, never."""

    after: tuple[float, ...] = ()
    budget: float = 0.0


NEVER = Recheck()


class Slower(NamedTuple):
    """When modern counts as slower than legacy over one request: if it took more than `ratio` times legacy's time and
    `plus` seconds."""

    ratio: float = 1.2
    plus: float = 0.005


SECRETS = frozenset({
    b"authorization", b"cookie", b"proxy-authorization", b"x-api-key", b"client-cert", b"client-cert-chain",
    b"x-forwarded-client-cert", b"x-client-cert", b"x-ssl-client-cert", b"ssl-client-cert", b"x-arr-clientcert",
    b"x-amzn-mtls-clientcert", b"x-amzn-mtls-clientcert-leaf",
})
"""Request header fields, in lower case, that hold credentials: their values are never kept."""


@dataclass(frozen=True, slots=True)
class Sealing:
    """Which mismatches are sealed: a `share` (0 to 1) of them, whole except for the values of the fields `secrets`."""

    share: float = 0.0
    secrets: frozenset[bytes] = SECRETS


UNSEALED = Sealing()
