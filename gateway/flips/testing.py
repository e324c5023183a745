"""The checker of the contract of Stages: a third party's test calls `await check_stages(make)`."""

import asyncio
from collections.abc import Callable, Mapping

from gateway.flips.base import Conflict, Flip, FlipError, StagePair, Stages, UnknownCapability
from gateway.stage import Stage

_BEGIN = {"labs": StagePair(Stage.SHADOW, Stage.LEGACY), "rooms": StagePair(Stage.LEGACY, Stage.LEGACY)}
_TO = StagePair(Stage.CANARY, Stage.LEGACY)


async def check_stages(make: Callable[[Mapping[str, StagePair]], Stages], *, flips: bool = True) -> None:
    """Raise AssertionError if an implementation breaks the contract. `make` makes the implementation from its first
    stages. If stages cannot be flipped (`flips` False), every flip must be refused and change nothing."""
    stages = make(_BEGIN)
    first = stages.read()
    assert dict(first.stages) == _BEGIN, "it begins with the stages that it is made with"
    assert stages.read() == first, "reading changes nothing"
    flip = Flip("labs", _TO, "somebody", "a reason")
    if not flips:
        assert str(_refusal(stages, flip, first.revision) or ""), "a flip that cannot be made is refused, and says why"
        assert stages.read() == first, "a refused flip changes nothing"
        return
    waiting = asyncio.ensure_future(stages.watch(first.revision))
    await asyncio.sleep(0)
    assert not waiting.done(), "watching waits while the revision is the same"
    second = stages.flip(flip, first.revision)
    assert second.revision != first.revision, "a flip makes a new revision"
    assert dict(second.stages) == {**_BEGIN, "labs": _TO}, "a flip changes one capability, and no other"
    assert dict(first.stages) == _BEGIN, "a snapshot never changes"
    assert stages.read() == second, "a flip is seen by the next reader"
    assert await waiting == second, "a flip is seen by a watcher"
    assert await stages.watch(first.revision) == second, "watching an old revision does not wait"
    for wrong, revision, kind in ((flip, first.revision, Conflict),
                                  (Flip("none", _TO, "somebody", "a reason"), second.revision, UnknownCapability)):
        refused = _refusal(stages, wrong, revision)
        assert isinstance(refused, kind), f"{kind.__name__} is raised"
        assert str(refused), "a refusal says why"
        assert stages.read() == second, "a refused flip changes nothing"


def _refusal(stages: Stages, flip: Flip, revision: str) -> FlipError | None:
    try:
        stages.flip(flip, revision)
    except FlipError as error:
        return error
    return None
