"""The times of both arms on their way to the store: by epoch, operation and moment, and nothing is lost or doubled."""

from dataclasses import replace

import pytest

from shadow.custody.sqlite import SqliteCustody
from shadow.evidence.criteria import Criteria
from shadow.evidence.epoch import Epoch, Setup
from shadow.evidence.pace import Held, Moment
from shadow.lane.lane import Lane
from shadow.lane.pacing import Pacing
from shadow.lane.writer import Writer
from shadow.settings import LaneSettings, Slower
from shadow.stores.base import StoreError
from shadow.stores.memory import Memory
from tests.shadow.exchanges import answer, later, mirror, pair
from tests.shadow.lane.test_lane import Inline

OLD, NEW = (Epoch("", build, Setup(), "") for build in ("1", "2"))
BY = Slower()


def timed(legacy, modern, last=True):
    """A pair whose arms took this long to the head, and to the end where that was measured."""
    return pair(*(replace(answer(arm), first=took, last=2 * took if last else None)
                  for arm, took in (("legacy", legacy), ("modern", modern))))


def test_pairs_are_counted_by_epoch_and_by_moment():
    pacing = Pacing()
    pacing.count(timed(0.1, 0.2), OLD, BY)
    pacing.count(timed(0.1, 0.1), OLD, BY)
    pacing.count(timed(0.1, 0.9, last=False), NEW, BY)
    assert {(row.epoch, row.moment): row.blocks for row in pacing.take()} == {
        (OLD, Moment.FIRST): (Held(2, 1, 0, 0),), (OLD, Moment.LAST): (Held(2, 1, 0, 0),),
        (NEW, Moment.FIRST): (Held(1, 1, 1, 0),)}
    assert pacing.take() == [], "each pair is written once"


def test_rows_that_were_not_written_are_kept_together_with_those_that_came_since():
    pacing = Pacing()
    pacing.count(timed(0.1, 0.2, last=False), OLD, BY)
    rows = pacing.take()
    pacing.count(timed(0.1, 0.1, last=False), OLD, BY)
    pacing.put_back(rows)
    assert [row.total for row in pacing.take()] == [Held(2, 1, 0, 0)]


def test_the_seconds_of_both_arms_are_those_to_the_end_where_both_have_one():
    pacing = Pacing()
    pacing.count(timed(0.1, 0.2), OLD, None)
    pacing.count(timed(0.1, 0.4, last=False), OLD, None)
    assert [spent.sum for spent in pacing.spent["results"]] == [pytest.approx(0.3), pytest.approx(0.8)]
    assert pacing.take() == [], "where no `slower` is asked for, nothing is held against each other"


class Failing(Memory):
    """A store that takes its second batch with times, not its first."""

    failed = False

    def write(self, batch, held=frozenset()):
        if batch.paces and not self.failed:
            self.failed = True
            raise StoreError("the disk is full")
        return super().write(batch, held)


async def test_the_writer_writes_them_again_where_the_store_fails():
    store = Failing(Memory.Options())
    writer = Writer(store, SqliteCustody(None))
    writer.pacing.count(timed(0.1, 0.2), OLD, BY)
    await writer.close(until=float("inf"))
    assert store.failed
    assert sorted((row.moment, row.blocks) for row in store.read("results").paces) == [
        (Moment.FIRST, (Held(1, 1, 0, 0),)), (Moment.LAST, (Held(1, 1, 0, 0),))]


async def test_the_lane_holds_the_arms_of_a_mirror_against_each_other():
    def ask(asked, arm, extra, heard):
        return later(heard, replace(answer(arm), first=0.3, last=0.4))

    store = Memory(Memory.Options())
    lane = Lane(ask, store, LaneSettings(), Inline())
    lane.start()
    one = mirror(criteria=Criteria(slower=BY))
    lane.offer(replace(one, served=replace(one.served, first=0.1, last=None)))
    await lane.idle()
    await lane.drain(5)
    [row] = store.read("results").paces
    assert (row.operation, row.moment, row.total) == ("read", Moment.FIRST, Held(1, 1, 0, 0))
    assert (row.ratio, row.plus) == BY
    [evidence] = store.read("results").evidence
    assert row.epoch == evidence.epoch
