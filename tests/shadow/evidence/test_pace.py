"""What is counted of the times of both arms."""

import random
from dataclasses import replace

import pytest

from shadow.evidence.epoch import Epoch, Setup
from shadow.evidence.pace import BLOCK, Held, Moment, Pace, Sums, grown, measured
from shadow.settings import Slower
from tests.shadow.exchanges import answer, pair

BY = Slower(1.2, 0.005)


@pytest.mark.parametrize(("legacy", "modern", "slower", "tail_modern", "tail_legacy"), [
    (0.1, 0.1, 0, 0, 0),
    (0.1, 0.125, 0, 0, 0),  # 1.2 times 100 ms, and 5 ms
    (0.1, 0.126, 1, 0, 0),
    (0.001, 0.006, 0, 0, 0),  # six times as long, but not by what `plus` allows
    (0.1, 0.31, 1, 1, 0),
    (0.31, 0.1, 0, 0, 1),
    (0.02, 0.001, 0, 0, 1),
])
def test_a_pair_is_slower_by_ratio_and_plus_and_a_tail_by_three_times_and_plus(
        legacy, modern, slower, tail_modern, tail_legacy):
    sums = Sums()
    sums.add((legacy, modern), BY, at=7.0)
    assert (sums.held, sums.last) == (Held(1, slower, tail_modern, tail_legacy), 7.0)


def test_what_was_measured_of_both_arms_is_held_against_each_other():
    legacy, modern = answer("legacy"), answer("modern")
    assert measured(pair(legacy, modern)) == (None, None)
    legacy, modern = replace(legacy, first=1.0, last=2.0), replace(modern, first=3.0, last=4.0)
    assert measured(pair(legacy, modern)) == ((1.0, 3.0), (2.0, 4.0))
    assert measured(pair(replace(legacy, last=None), modern)) == ((1.0, 3.0), None)
    failed = replace(answer("modern", failure="reset"), first=3.0, last=4.0)
    assert measured(pair(legacy, failed)) == (None, None)


def test_blocks_keep_every_pair_in_its_order():
    rng, blocks, order = random.Random(1), (), []
    for number in range(4_000):
        new = Held(size := rng.randrange(1, 90), number, 0, 0)
        order.append((size, number))
        blocks = grown(blocks, new)
    assert Pace("c", Epoch("", "", Setup(), ""), "read", Moment.LAST, *BY, blocks, 0.0).total == Held(
        sum(size for size, _ in order), sum(number for _, number in order), 0, 0)
    # Each block is a run of what came: the numbers of a run follow each other.
    for block in blocks:
        pairs = found = 0
        while pairs < block.pairs:
            size, number = order.pop(0)
            pairs, found = pairs + size, found + number
        assert (pairs, found) == (block.pairs, block.slower)


def test_blocks_are_few_and_the_longer_the_older_they_are():
    blocks = ()
    for _ in range(20_000):
        blocks = grown(blocks, Held(BLOCK))
    assert len(blocks) <= 50
    after = sum(one.pairs for one in blocks)
    for block in blocks:
        after -= block.pairs
        assert block.pairs <= max(BLOCK, after / 2), "a block is at most half of what came after it"
    assert [one.pairs for one in blocks[-3:]] == [BLOCK] * 3, "what has just come is told apart"
