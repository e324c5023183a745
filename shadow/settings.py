"""Settings of the lane: what it may use and keep, from the `shadow` blocks of routes.yaml."""

from dataclasses import dataclass
from typing import NamedTuple

from shadow.credentials import SECRETS


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
    """When a mismatch is asked about again: `after` these numbers of seconds since it was found, in ascending order,
    for at most a share `budget` (0 to 1) of the exchanges. By default, never. Modern is asked, and held against what
    legacy has said; if `legacy` is True, legacy is asked again too."""

    after: tuple[float, ...] = ()
    budget: float = 0.0
    legacy: bool = False


NEVER = Recheck()


class Slower(NamedTuple):
    """When modern counts as slower than legacy over one request: if it took more than `ratio` times legacy's time and
    `plus` seconds."""

    ratio: float = 1.2
    plus: float = 0.005


@dataclass(frozen=True, slots=True)
class Sealing:
    """Which mismatches are sealed: a `share` (0 to 1) of them, whole except for the values of the fields `secrets`."""

    share: float = 0.0
    secrets: frozenset[bytes] = SECRETS


UNSEALED = Sealing()
