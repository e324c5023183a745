"""What a writer knows of restarts: a person begins evidence anew, and exchanges count for another epoch."""

import asyncio

from shadow.compare.comparison import Outcome
from shadow.lane.restarts import Restarts
from shadow.lane.writer import FLUSH
from shadow.stores.base import StoreError, restarts_of
from shadow.stores.memory import Memory
from tests.shadow.lane.test_writer import Kept, pair


async def test_a_running_writer_counts_anew_from_its_next_write_on():
    kept = Kept()
    await kept.exchange(pair())
    await kept.exchange(pair("P-2", modern=b"[]"))
    await kept.evidence()
    assert kept.store.restart("results", 5.0, "anna", "modern is mended") == 1
    assert kept.store.restart("booking", 5.0, "anna", "another capability") == 1
    await kept.exchange(pair("P-3"))
    # The next write comes by itself, and what was taken before it counts as it was begun.
    await kept.evidence()
    await kept.exchange(pair())
    rows = {(row.epoch.restarts, row.outcome): (row.count, row.effective) for row in await kept.evidence()}
    assert rows == {(0, Outcome.MATCH): (2, 2), (0, Outcome.MISMATCH): (1, 1), (1, Outcome.MATCH): (1, 1)}


async def test_a_writer_that_starts_knows_what_was_begun_anew_before():
    kept = Kept()
    kept.store.restart("results", 5.0, "anna", "modern is mended")
    assert kept.store.restart("results", 6.0, "ben", "once more") == 2
    await kept.exchange(pair())
    assert {row.epoch.restarts for row in await kept.evidence()} == {2}


async def test_an_idle_writer_sees_a_restart_too():
    kept = Kept()
    await kept.exchange(pair())
    kept.writer.start()
    kept.store.restart("results", 5.0, "anna", "modern is mended")
    seen = 0
    while not seen:
        await asyncio.sleep(FLUSH / 10)
        made = pair("P-9")
        seen = (await kept.standing(made)).epoch.restarts
    await kept.writer.close()
    assert seen == 1


class Unable:
    """A third party's store, in which nobody can begin anew."""


class Failing(Memory):
    """A store that cannot be read."""

    def restarts(self):
        raise StoreError("locked")


async def test_a_store_that_cannot_say_it_leaves_the_numbers_as_they_were():
    assert restarts_of(Unable()) == {}
    store = Memory(Memory.Options())
    known = Restarts()
    assert (known.are_known, known.of("results")) == (False, 0)
    await known.make_known(None)
    assert not known.are_known
    store.restart("results", 5.0, "anna", "why")
    await known.make_known(store)
    assert (known.are_known, known.of("results"), known.of("booking")) == (True, 1, 0)
    known.look(Failing(Memory.Options()))
    assert known.of("results") == 1
    first = Restarts()
    first.look(Failing(Memory.Options()))
    assert (first.are_known, first.of("results")) == (True, 0)
