"""The lane's way back into the gateway: ask the other arm what a client asked.

The lane knows mirrors and arms by name alone. A Way leads from a mirror to an upstream: the lane carries it, and does
not look inside.
"""

import time
from collections.abc import Callable
from typing import NamedTuple

from gateway.call import Arrival
from gateway.capability import Arm, Match
from gateway.forward import ask
from shadow.lane.asking import Cancel
from shadow.lane.mirror import Mirror
from shadow.observation import Observation


class Way(NamedTuple):
    """What asking an arm takes beside the mirror. `said` is the other arm's observation where it is in hand already:
    the client was answered by the fallback, and the arm that failed is not asked again."""

    match: Match
    arrival: Arrival
    said: Observation | None = None


def ask_mirror(
    mirror: Mirror[Way], name: str, extra: bool, heard: Callable[[Observation | None], None]
) -> Cancel | None:
    """Ask the arm called `name` what the client asked: see shadow.lane.asking.Ask.

    A call is `extra` where mirroring could do without it. Legacy declines those while any of its endpoints is out:
    it has enough to do.
    """
    way = mirror.way
    if way.said is not None and not extra:
        heard(way.said)
        return None
    capability = way.match.target.capability
    arm = capability.legacy if name == "legacy" else capability.modern
    if arm is None or (extra and name == "legacy" and not _is_whole(arm)):
        heard(None)
        return None
    # The lane has the deadline.
    return ask(capability, arm, way.match, way.arrival, mirror.request.body, 0.0, heard)


def _is_whole(arm: Arm) -> bool:
    """Whether every endpoint of an arm is healthy and not ejected."""
    now = time.monotonic()
    return all(endpoint.available(now) for endpoint in arm.upstream.endpoints)
