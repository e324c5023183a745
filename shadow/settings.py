"""How much the shadow lane may take: what the `shadow` block of routes.yaml says."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LaneSettings:
    """Bounds of one worker's lane: `queue` mirrors and `memory` bytes unfinished at any time, `concurrency` of
    them asking an arm at once, `drain` seconds to finish what is there when the worker stops."""

    queue: int = 1000
    memory: int = 64 << 20
    concurrency: int = 8
    drain: float = 5.0
