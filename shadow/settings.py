"""What the shadow lane may take, and keep: what the `shadow` block of routes.yaml says, and that of each capability."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LaneSettings:
    """Bounds of one worker's lane: `queue` mirrors and `memory` bytes unfinished at any time, `concurrency` of
    them asking an arm at once, `drain` seconds to finish what is there when the worker stops."""

    queue: int = 1000
    memory: int = 64 << 20
    concurrency: int = 8
    drain: float = 5.0


@dataclass(frozen=True, slots=True)
class Recheck:
    """When both arms are asked again about a mismatch: `after` so many seconds each (ascending, from when it was
    found), for at most a share `budget` (0 to 1) of the exchanges in which an arm was asked. Never, unless said."""

    after: tuple[float, ...] = ()
    budget: float = 0.0


NEVER = Recheck()

SECRETS = frozenset({
    b"authorization", b"cookie", b"proxy-authorization", b"x-api-key", b"client-cert", b"client-cert-chain",
    b"x-forwarded-client-cert", b"x-client-cert", b"x-ssl-client-cert", b"ssl-client-cert", b"x-arr-clientcert",
    b"x-amzn-mtls-clientcert", b"x-amzn-mtls-clientcert-leaf",
})
"""Request fields, in lower case, that prove who asks: their values are never kept."""


@dataclass(frozen=True, slots=True)
class Sealing:
    """Which mismatches are sealed, whole: a `share` (0 to 1) of them, without the values of the fields `secrets`."""

    share: float = 0.0
    secrets: frozenset[bytes] = SECRETS


UNSEALED = Sealing()
