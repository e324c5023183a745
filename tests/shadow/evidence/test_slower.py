"""The gate `slower`: a slow modern is told soon, also after a long fast past, and a server beside itself never is."""

import math
import random
from statistics import median

import pytest

from shadow.evidence.criteria import Criteria, State
from shadow.evidence.epoch import Epoch, Setup
from shadow.evidence.pace import Held, Moment, Pace, Sums, grown
from shadow.evidence.slower import slower
from shadow.settings import Slower

BY = Slower()
EPOCH = Epoch("", "", Setup(), "")
READ = Criteria(("read",), slower=BY)


def rows(blocks, operation="read", by=BY, moments=tuple(Moment)):
    """The rows of an operation whose answers are so short that their head is nearly all that they take."""
    return [Pace("results", EPOCH, operation, moment, *by, tuple(blocks), 0.0) for moment in moments]


def gate(criteria, found):
    [only] = slower(criteria, found)
    return only


def one(blocks, criteria=READ, **options):
    return gate(criteria, rows(blocks, **options))


# --- drawn latencies ---

def lognormal(middle, spread):
    return lambda rng: middle * math.exp(rng.gauss(0.0, spread))


def mixed(share, hit, miss):
    """Where a cache answers a share of the requests."""
    return lambda rng: hit(rng) if rng.random() < share else miss(rng)


ORDINARY = lognormal(0.2, 0.3)
SHAPES = {
    "alike": ORDINARY,
    "fast, within `plus`": lognormal(0.002, 0.5),
    "heavy tails": lambda rng: 0.01 * rng.paretovariate(1.1),
    "a cache that hits half of the time": mixed(0.5, lognormal(0.002, 0.3), lognormal(0.3, 0.3)),
    "a stop now and then": mixed(0.98, ORDINARY, lognormal(3.0, 0.5)),
}


def told(draw, factor, seed, most, every=1, known=()):
    """After how many pairs the gate first fails, where modern takes `factor` times as long as legacy; None: never. It
    is looked at after each `every` pairs. `known` are the blocks of the past."""
    rng, blocks, criteria = random.Random(seed), tuple(known), Criteria(("read",), minimum=1, slower=BY)
    for done in range(every, most + 1, every):
        new = Sums()
        for _ in range(every):
            new.add((draw(rng), factor * draw(rng)), BY, at=0.0)
        blocks = grown(blocks, new.held)
        if one(blocks, criteria).state is State.FAIL:
            return done
    return None


@pytest.mark.parametrize(("factor", "within"), [(1.5, 130), (2.0, 30)])
def test_a_slower_modern_is_told_soon(factor, within):
    assert median(told(ORDINARY, factor, seed, 400) or 400 for seed in range(9)) <= within


@pytest.mark.slow
def test_a_modern_that_is_a_little_slower_is_told_in_time():
    assert median(told(ORDINARY, 1.3, seed, 3_000, every=10) or 3_000 for seed in range(9)) <= 1_000


@pytest.mark.parametrize("shape", SHAPES)
def test_a_server_beside_itself_is_not_slower(shape):
    assert [told(SHAPES[shape], 1.0, seed, 2_000, every=100) for seed in range(2)] == [None, None]


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES)
def test_a_server_beside_itself_is_not_slower_whenever_it_is_looked_at(shape):
    wrong = [seed for seed in range(40) if told(SHAPES[shape], 1.0, seed, 20_000, every=200)]
    assert len(wrong) <= 2


def test_a_long_fast_past_does_not_hide_a_modern_that_has_become_slow():
    past = ()
    for _ in range(2_000):
        past = grown(past, Held(5_000, 1_500, 20, 20))
    assert sum(block.pairs for block in past) == 10_000_000
    assert one(past).state is State.PASS
    after = [told(ORDINARY, 2.0, seed, 400, every=10, known=past) for seed in range(5)]
    assert median(found or 400 for found in after) <= 150


# --- what it says ---

def test_most_of_the_pairs_must_be_slower():
    assert one([Held(10_000, 4_990, 0, 0)]).state is State.PASS
    failed = one([Held(10_000, 5_300, 0, 0)])
    assert (failed.name, failed.state, failed.value, failed.limit) == ("slower", State.FAIL, 0.53, 0.5)
    assert failed.says == ("read: modern took over 1.2 × legacy + 5 ms to the answer's head in 5,300 of 10,000 pairs; "
                           "at most 50% may be")


def test_modern_must_not_be_the_arm_with_the_tail():
    """Two thirds of the tail are too many, and a half is what a server beside itself has."""
    assert one([Held(10_000, 500, 150, 150)]).state is State.PASS
    failed = one([Held(10_000, 500, 400, 100)])
    assert (failed.state, failed.value, failed.limit) == (State.FAIL, 0.8, 0.6)
    assert "in 500 of 10,000 pairs one arm took over 3 × the other + 5 ms" in failed.says
    assert "in 400 of them it was modern" in failed.says


def test_only_the_latest_pairs_are_named_where_they_alone_show_it():
    failed = one([Held(100_000, 1_000, 0, 0), Held(100, 97, 0, 0)])
    assert failed.state is State.FAIL
    assert "in 97 of the latest 100 pairs" in failed.says


def test_either_time_may_show_it():
    fast, slow = Held(1_000, 10, 0, 0), Held(1_000, 900, 0, 0)
    both = [*rows([fast], moments=[Moment.FIRST]), *rows([slow], moments=[Moment.LAST])]
    assert "to the answer's end" in gate(READ, both).says


def test_each_operation_is_judged_by_itself():
    both = Criteria(("read", "search"), slower=BY)
    found = gate(both, [*rows([Held(90_000, 900, 0, 0)]), *rows([Held(200, 190, 0, 0)], operation="search")])
    assert found.state is State.FAIL
    assert found.says.startswith("search: ")


def test_the_evidence_is_missing_until_every_operation_has_enough_pairs():
    both = Criteria(("read", "search", "list"), slower=BY, minimum=50)
    found = gate(both, rows([Held(60, 2, 0, 0)]))
    assert (found.state, found.needs) == (State.MISSING, 100)
    assert found.says == "too few timed pairs: 0 of 50 in search, 0 of 50 in list"
    few = gate(Criteria(("read",), slower=BY, minimum=1), rows([Held(3, 0, 0, 0)]))
    assert few.state is State.MISSING, "three pairs cannot show a modern that is twice as slow"
    assert gate(Criteria(slower=BY), []).state is State.MISSING


def test_pairs_by_another_bar_do_not_count():
    strange = rows([Held(500, 500, 0, 0)], by=Slower(1.0, 0.0))
    found = gate(READ, [*rows([Held(200, 0, 0, 0)]), *strange])
    assert found.state is State.PASS
    assert found.says.endswith("; 500 pairs by another `gate.slower` do not count")


def test_without_the_option_there_is_no_gate():
    assert slower(Criteria(("read",)), rows([Held(500, 500, 0, 0)])) == ()
