"""EpochKeys of epochs at hand: made once, forgotten where another process destroyed one, none where custody fails."""

import asyncio
import sqlite3

import pytest

from shadow.custody.base import Hold
from shadow.custody.sqlite import SqliteCustody
from shadow.evidence.epoch import Epoch, Setup
from shadow.lane.epoch_keys import PURPOSE, EpochKeys, scope

EPOCH = Epoch("1", "2", Setup(rules="rules"), "1")
OTHER = Epoch("1", "3", Setup(rules="rules"), "1")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "figway.custody"


@pytest.fixture
def custody(path):
    opened = SqliteCustody(path, busy=0.05)
    yield opened
    opened.close()


async def made(keys, epoch=EPOCH):
    await keys.make("results", epoch)
    return keys.get("results", epoch)


def test_a_scope_tells_capability_and_epoch():
    scopes = {scope("results", EPOCH), scope("results", OTHER), scope("booking", EPOCH)}
    assert len(scopes) == 3
    assert {one.partition(" ")[0] for one in scopes} == {"results", "booking"}
    assert scope("results", Epoch("a", "b", Setup(), "")) != scope("results", Epoch("", "a", Setup(rules="b"), ""))


async def test_a_key_is_the_same_for_all_workers_and_for_those_that_come_later(custody, path):
    keys = EpochKeys(custody)
    assert keys.get("results", EPOCH) is None
    one, same = await asyncio.gather(made(keys), made(keys))
    assert len(one) == 32
    assert one == same
    assert await made(keys, OTHER) != one
    second = SqliteCustody(path)
    assert await made(EpochKeys(second)) == one
    second.close()


async def test_a_key_that_another_process_destroyed_is_used_no_more(custody, path):
    keys, another = EpochKeys(custody), SqliteCustody(path)
    before, kept = await made(keys), await made(keys, OTHER)
    await keys.refresh()
    assert keys.get("results", EPOCH) == before
    another.destroy(PURPOSE, scope("results", EPOCH))
    another.close()
    await keys.refresh()
    assert keys.get("results", EPOCH) is None
    assert await made(keys) != before
    assert await made(keys, OTHER) == kept


async def test_after_a_rest_a_key_is_not_used_before_custody_was_looked_at(custody, path):
    keys, another = EpochKeys(custody, fresh=0.0), SqliteCustody(path)
    before = await made(keys)
    assert keys.are_stale
    assert await made(keys) == before
    another.destroy(PURPOSE, scope("results", EPOCH))
    another.close()
    assert await made(keys) != before


async def test_keys_that_were_just_looked_at_are_fresh(custody):
    keys = EpochKeys(custody, fresh=600.0)
    assert keys.are_stale, "nobody has looked yet"
    await made(keys)
    assert not keys.are_stale


async def test_unwanted_keys_are_destroyed_unless_they_are_held(custody):
    keys = EpochKeys(custody)
    for name in ("results", "held"):
        await keys.make(name, EPOCH)
    custody.hold(Hold("held", 1.0, "anna", "case 7"))
    keys.destroy_soon([("results", EPOCH), ("held", EPOCH)])
    await keys.refresh()
    assert custody.scopes(PURPOSE).keys() == {scope("held", EPOCH)}
    assert keys.get("results", EPOCH) is None


async def test_where_custody_fails_there_is_no_key_until_it_has_rested(custody, path):
    keys = EpochKeys(custody, rest=0.2)
    known = await made(keys, OTHER)
    keys.destroy_soon([("results", OTHER)])
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    await keys.refresh()
    assert keys.failures == 1
    assert await made(keys) == b""
    assert await made(keys, OTHER) == b"", "of what cannot be seen to be there, nothing is used"
    assert keys.failures == 1, "while it rests it is not asked"
    other.execute("ROLLBACK")
    other.close()
    async with asyncio.timeout(60):
        while len(await made(keys)) != 32:
            await keys.refresh()
    assert scope("results", OTHER) not in custody.scopes(PURPOSE), "what was doomed is destroyed once that can be"
    assert await made(keys, OTHER) != known
