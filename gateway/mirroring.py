"""The lane's way back into the gateway: ask the other arm what a client asked.

The lane knows mirrors and arms by name alone. What leads from a mirror to an upstream is a Way, which the lane carries
and does not look inside.
"""

import time
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from gateway.call import Arrival
from gateway.capability import Arm, Match
from gateway.forward import ask, begin
from shadow.lane.asking import Cancel
from shadow.lane.mirror import Mirror
from shadow.observation import Observation


class Way(NamedTuple):
    """What a mirror needs to find its way: the lane carries it and does not look inside. `said` is what the other arm
    did already, where the client was answered from the fallback: that is not asked again."""

    match: Match
    arrival: Arrival
    said: Observation | None = None


def ask_mirror(mirror: Mirror[Way], name: str, extra: bool) -> Awaitable[Observation | None]:
    """Ask an arm what the client asked: the lane's way back into the gateway. What is `extra` is not asked of a
    legacy whose endpoints are not all available: it has enough to do."""
    way = mirror.target
    if way.said is not None and not extra:
        return _known(way.said)
    capability = way.match.target.capability
    arm = capability.legacy if name == "legacy" else capability.modern
    if arm is None or (extra and name == "legacy" and not _is_whole(arm)):
        return _declined()
    return ask(capability, arm, way.match, way.arrival, mirror.request.body, deadline=mirror.plan.deadline)


async def _known(said: Observation) -> Observation:
    """What comes of asking an arm that has spoken."""
    return said


def begin_mirror(mirror: Mirror[Way], name: str, extra: bool, heard: Callable[[Observation], None]) -> Cancel | None:
    """The same without a task. None where that takes an adapter, where it is known what there is to be heard, or
    nobody is to be asked."""
    way = mirror.target
    capability = way.match.target.capability
    arm = capability.legacy if name == "legacy" else capability.modern
    if arm is None or arm.adapter is not None or (way.said is not None and not extra):
        return None
    if extra and name == "legacy" and not _is_whole(arm):
        return None
    sending = begin(capability, arm, way.arrival, mirror.request.body, mirror.plan.deadline, heard)
    return None if sending is None else sending.cancel


async def _declined() -> None:
    """What comes of asking where nobody is to be asked."""


def _is_whole(arm: Arm) -> bool:
    now = time.monotonic()
    return all(endpoint.available(now) for endpoint in arm.upstream.endpoints)
