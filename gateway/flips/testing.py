"""The checker of the contract of Stages: a third party's test calls `await check_stages(make)`."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

from gateway.flips.base import Actor, BadFlip, Conflict, Flip, FlipError, Kind, Position, Stages
from gateway.flips.precedence import position
from gateway.flips.record import ORIGIN
from gateway.stage import Stage

_START = Actor("start", source="start")
_FILE = {"labs": Position(Stage.SHADOW, Stage.LEGACY, 500), "rooms": Position(Stage.LEGACY, Stage.LEGACY)}
_FLIP = Flip(Kind.FLIP, "labs", Actor("ann", "operator", "socket"), "a reason", reads=Stage.CANARY)


async def check_stages(make: Callable[[], Stages]) -> None:
    """Raise AssertionError if an implementation breaks the contract. `make` makes it, empty."""
    stages = make()
    try:
        await _check(stages)
    finally:
        stages.close()


async def _check(stages: Stages) -> None:
    first = stages.adopt(_FILE, _START)
    assert {name: position(one) for name, one in first.stands.items()} == _FILE, "it begins where the file says"
    assert stages.adopt(_FILE, _START).revision == first.revision, "a file that is known changes nothing"
    assert stages.read() == first, "reading changes nothing"
    waiting = asyncio.ensure_future(stages.watch(first.revision))
    await asyncio.sleep(0)
    assert not waiting.done(), "watching waits while the revision is the same"
    second, record = stages.flip(replace(_FLIP, revision=first.revision))
    assert second.revision > first.revision, "a flip makes a later revision"
    assert record.revision == second.revision, "the record says which"
    assert second.head == record.digest, "the state has the digest of the last record"
    assert position(second.stands["labs"]).reads is Stage.CANARY, "a flip changes its capability"
    assert second.stands["rooms"] == first.stands["rooms"], "a flip changes no other"
    assert position(first.stands["labs"]) == _FILE["labs"], "a state never changes"
    assert stages.read() == second, "a flip is seen by the next reader"
    assert (await waiting).revision == second.revision, "a flip is seen by a watcher"
    assert (await stages.watch(first.revision)).revision == second.revision, "watching an old revision does not wait"
    for wrong, kind in ((replace(_FLIP, reads=Stage.VERIFY, revision=first.revision), Conflict),
                        (replace(_FLIP, capability="none"), BadFlip)):
        refused = _refusal(stages, wrong)
        assert isinstance(refused, kind), f"{kind.__name__} is raised"
        assert str(refused), "a refusal says why"
        assert stages.read().stands == second.stands, "a refused flip changes no stand"
        assert stages.history()[0].action == "refusal", "a refusal is recorded"
    third, _ = stages.flip(replace(_FLIP, kind=Kind.TO_FILE, reads=None))
    assert third.stands["labs"].override is None, "an override ends"
    stages.flip(replace(_FLIP, lasts=-1.0))
    assert stages.expire().stands["labs"].override is None, "an override expires by the store's clock"
    _check_writes(stages)
    _check_journal(stages)


def _check_writes(stages: Stages) -> None:
    for writes in ({("labs", "order"): 2}, {("labs", "order"): 1, ("rooms", "book"): 7}):
        stages.took(writes)
    stages.flip(replace(_FLIP, reads=None, writes=Stage.MODERN))
    for wanted in ({"order": 3}, {}):
        _, record = stages.flip(replace(_FLIP, kind=Kind.ROLLBACK, reads=None, writes=Stage.LEGACY))
        assert record.detail["writes_that_legacy_lacks"] == wanted, "a flip of writes back says what legacy lacks, once"
        stages.flip(replace(_FLIP, reads=None, writes=Stage.MODERN))


def _check_journal(stages: Stages) -> None:
    journal = stages.history()[::-1]
    assert [one.number for one in journal] == [*range(1, len(journal) + 1)], "records are numbered without gaps"
    assert [one.previous for one in journal] == [ORIGIN, *(one.digest for one in journal[:-1])], "records are chained"
    assert stages.read().head == journal[-1].digest, "the state has the digest of the last record"
    assert {one.capability for one in stages.history("labs")} == {"labs"}, "the journal can be read by capability"
    assert len(stages.history(most=2)) == 2, "as many records as are asked for"


def _refusal(stages: Stages, flip: Flip) -> FlipError | None:
    try:
        stages.flip(flip)
    except FlipError as error:
        return error
    return None
