"""The gate: the numbers of its definition, no order in which looking buys confidence, and an answer that says why."""

import math
import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shadow.evidence.gate import Answer, Criteria, Hid, Numbers, State, assess, needed, weight, weight_against
from shadow.evidence.stratum import Stratum

LIMIT, ALPHA = 0.001, 0.05
ENOUGH = -math.log(ALPHA)
READ = Stratum("read", "2xx", "Patient", "")
SEARCH = Stratum("search", "2xx", "Bundle", "date")
BOTH = Criteria(("read", "search"))


def integral(low, high, a, b):
    """∫ t^(a−1)·(1−t)^(b−1) by the midpoint rule, t = u² taking the edge off the pole at zero."""
    steps = 40_000
    start, width = math.sqrt(low), (math.sqrt(high) - math.sqrt(low)) / steps
    points = (start + (step + 0.5) * width for step in range(steps))
    return sum(2 * u ** (2 * a - 1) * (1 - u * u) ** (b - 1) for u in points) * width


@pytest.mark.parametrize(("bad", "n"), [(0, 3_588), (1, 6_550), (3, 10_847), (10, 22_685)])
def test_the_numbers_of_the_definition(bad, n):
    assert needed(bad, LIMIT, ALPHA) == pytest.approx(n, rel=0.01)
    assert weight(bad, n - 40, LIMIT) < ENOUGH < weight(bad, n + 40, LIMIT)


@pytest.mark.parametrize(("bad", "n", "limit"), [(0, 50, 0.1), (3, 40, 0.1), (9, 60, 0.2), (2, 5, 0.3), (0, 0, 0.01)])
def test_both_weights_are_the_integrals_that_they_stand_for(bad, n, limit):
    at = limit**bad * (1 - limit) ** (n - bad)
    below = integral(0, limit, 0.5 + bad, 1 / limit + n - bad) / integral(0, limit, 0.5, 1 / limit) / at
    assert weight(bad, n, limit) == pytest.approx(math.log(below), abs=1e-4)
    near = integral(limit, 1, 0.5 + bad, 1 / limit + n - bad) / integral(limit, 1, 0.5, 1 / limit) / at
    # Jeffreys' prior has a pole at one as well; there the reflection of the integral is the same.
    far = (math.exp(math.lgamma(0.5 + bad) + math.lgamma(0.5 + n - bad) - math.lgamma(n + 1))
           - integral(0, limit, 0.5 + bad, 0.5 + n - bad)) / (math.pi - integral(0, limit, 0.5, 0.5)) / at
    assert weight_against(bad, n, limit) == pytest.approx(math.log((near + far) / 2), abs=1e-4)


@given(st.integers(0, 60), st.integers(0, 1_000_000), st.sampled_from([1e-6, 1e-4, 0.001, 0.01, 0.2]))
def test_more_good_ones_speak_for_it_and_more_bad_ones_against(bad, good, limit):
    n = bad + good
    assert weight(bad, n + 1, limit) >= weight(bad, n, limit) - 1e-6
    assert weight(bad + 1, n + 1, limit) <= weight(bad, n + 1, limit) + 1e-6
    assert weight_against(bad, n + 1, limit) <= weight_against(bad, n, limit) + 1e-6
    assert weight_against(bad + 1, n + 1, limit) >= weight_against(bad, n + 1, limit) - 1e-6


def ever(rate, limit, looks, every, rng, weigh):
    """Whether a look after every few exchanges ever finds enough."""
    bad = 0
    for look in range(1, looks + 1):
        bad += sum(rng.random() < rate for _ in range(every))
        if weigh(bad, look * every, limit) >= ENOUGH:
            return True
    return False


@pytest.mark.parametrize("weigh", [weight, weight_against])
def test_looking_often_buys_no_confidence(weigh):
    rng = random.Random(20_251)
    wrong = sum(ever(0.05, 0.05, 60, 20, rng, weigh) for _ in range(200))
    assert wrong <= 200 * ALPHA


def test_it_does_tell_in_the_end():
    rng = random.Random(7)
    assert all(ever(0.0, LIMIT, 1, needed(0, LIMIT, ALPHA), rng, weight) for _ in range(3))
    assert sum(ever(0.01, LIMIT, 15, 200, rng, weight_against) for _ in range(40)) == 40


def verdict(strata, criteria=BOTH, excluded=0, hid=()):
    eligible = sum(numbers.asked for numbers in strata.values()) + excluded
    return assess(criteria, strata, eligible=eligible, excluded=excluded, hid=hid)


def gate(found, name):
    [one] = [one for one in found.gates if one.name == name]
    return one


def test_safe_needs_every_gate():
    found = verdict({READ: Numbers(3_000, 0, 0), SEARCH: Numbers(600, 0, 0)})
    assert found.answer is Answer.SAFE
    assert {one.state for one in found.gates} == {State.PASS}
    assert [(one.operation, one.stratum, one.seen, one.wanted) for one in found.coverage] == [
        ("read", None, 3_000, 100), ("read", READ, 3_000, 10), ("search", None, 600, 100), ("search", SEARCH, 600, 10)]


WELL = {READ: Numbers(3_000, 0, 0), SEARCH: Numbers(600, 0, 0)}


@pytest.mark.parametrize(("known", "hid", "state", "says"), [
    ({"K-1": 0.02}, [], State.PASS, "none of 1 hid anything"),
    ({"K-1": 0.02}, [("K-1", "read", 80, 4_000)], State.PASS, "none is shown to be above what was declared: "
     "K-1 in 2% of 4,000 compared exchanges of read (declared: 2%)"),
    ({"K-1": 0.02, "K-2": 0.5}, [("K-2", "read", 1_600, 4_000), ("K-1", "search", 400, 4_000)], State.FAIL,
     "above what was declared: K-1 in 10% of 4,000 compared exchanges of search (declared: 2%), "
     "K-2 in 40% of 4,000 compared exchanges of read (declared: 50%)"),
    ({"K-1": 0.02}, [("K-1", "read", 1, 2)], State.PASS, "none is shown to be above what was declared: "
     "K-1 in 50% of 2 compared exchanges of read (declared: 2%)"),
    ({"K-1": 1.0}, [("K-1", "read", 90, 90)], State.PASS, "none is shown to be above what was declared: "
     "K-1 in 100% of 90 compared exchanges of read (declared: 100%)"),
    ({"K-1": 0.0}, [("K-1", "read", 1, 90)], State.FAIL, "above what was declared: "
     "K-1 in 1.11% of 90 compared exchanges of read (declared: 0%)"),
    ({"K-1": 0.02}, [("K-0", "read", 90, 90), ("K-1", "write", 0, 0)], State.PASS, "none of 1 hid anything"),
])
def test_a_known_difference_is_held_to_what_it_was_declared_for(known, hid, state, says):
    found = verdict(WELL, replace(BOTH, known=tuple(known.items())), hid=[Hid(*one) for one in hid])
    one = gate(found, "known differences")
    assert (one.state, one.says) == (state, says)
    assert found.answer is (Answer.NOT_SAFE if state is State.FAIL else Answer.SAFE)


def test_many_known_differences_are_told_by_the_worst_of_them():
    known = tuple((f"K-{number}", 0.5) for number in range(8))
    hid = [Hid(name, "read", 100 * number, 1_000) for number, (name, _) in enumerate(known)]
    says = gate(verdict(WELL, replace(BOTH, known=known), hid=hid), "known differences").says
    assert says.startswith("above what was declared: K-7 in 70% of")
    assert says.endswith("K-3 in 30% of 1,000 compared exchanges of read (declared: 50%), 3 more")


def test_nothing_seen_is_not_enough():
    found = verdict({})
    assert found.answer is Answer.NOT_ENOUGH
    assert gate(found, "mismatches").needs == 3_588
    assert gate(found, "coverage").says == "2 of 2 operations and strata were seen too seldom; never: read, search"
    assert gate(found, "coverage").needs == 200
    assert State.PASS not in {one.state for one in found.gates}
    assert verdict({}, Criteria()).answer is Answer.NOT_ENOUGH


def test_one_operation_that_was_never_seen_stands_in_the_way():
    found = verdict({READ: Numbers(100_000, 0, 0)})
    assert found.answer is Answer.NOT_ENOUGH
    assert [one.name for one in found.gates if one.state is not State.PASS] == ["coverage"]


def test_a_rare_stratum_needs_its_own_minimum():
    rare = READ._replace(status="4xx")
    found = verdict({READ: Numbers(9_000, 0, 0), SEARCH: Numbers(900, 0, 0), rare: Numbers(4, 0, 0)})
    assert found.answer is Answer.NOT_ENOUGH
    assert gate(found, "coverage").needs == 6


def test_a_rare_stratum_that_always_differs_does_not_drown():
    found = verdict({READ: Numbers(90_000, 0, 0), SEARCH: Numbers(12, 9, 0)}, Criteria(("read", "search"), minimum=10))
    assert gate(found, "mismatches").state is State.PASS
    assert gate(found, "strata").state is State.FAIL
    assert gate(found, "strata").says == "above 0.1% in search 2xx Bundle ?date: 9 of 12 effective exchanges are bad"
    assert found.answer is Answer.NOT_SAFE


def test_a_stratum_above_the_limit_that_is_too_small_to_tell_passes_and_says_why():
    found = gate(verdict({READ: Numbers(90_000, 0, 0), SEARCH: Numbers(12, 1, 0)}), "strata")
    assert found.state is State.PASS
    assert found.says == ("none of 2 is shown to be above 0.1%; "
                          "1 of 12 in search 2xx Bundle ?date are too few to show it")


@pytest.mark.parametrize(("read", "search", "state"), [
    ((1, 1), (0, 0), State.FAIL), ((2, 0), (0, 0), State.FAIL),
    ((1, 0), (0, 0), State.MISSING), ((1, 0), (1, 0), State.MISSING), ((1, 0), (1, 1), State.FAIL),
], ids=["there again", "seen twice", "seen once", "once in each", "one there again"])
def test_one_reproduced_critical_outweighs_any_number_and_an_open_one_is_never_safe(read, search, state):
    strata = {one: Numbers(10**6, sum(many), 0, 0, 10**6, *many) for one, many in ((READ, read), (SEARCH, search))}
    found = verdict(strata)
    assert found.answer is (Answer.NOT_SAFE if state is State.FAIL else Answer.NOT_ENOUGH)
    assert (gate(found, "criticals").state, gate(found, "criticals").value) == (state, read[0] + search[0])
    assert [one.name for one in found.gates if one.state is not State.PASS] == ["criticals"]


def test_modern_failing_is_no_agreement():
    found = verdict({READ: Numbers(5_000, 0, 60), SEARCH: Numbers(5_000, 0, 0)})
    assert gate(found, "candidate errors").state is State.FAIL
    assert gate(found, "candidate errors").value == 0.006
    assert found.answer is Answer.NOT_SAFE


def test_what_was_left_out_leaves_a_doubt():
    found = verdict({READ: Numbers(5_000, 0, 0), SEARCH: Numbers(5_000, 0, 0)}, excluded=1_000)
    assert [one.name for one in found.gates if one.state is not State.PASS] == ["excluded"]
    assert found.answer is Answer.NOT_ENOUGH


def test_what_is_needed_is_told_from_where_it_stands():
    found = verdict({READ: Numbers(4_000, 1, 0), SEARCH: Numbers(1_000, 0, 0)})
    assert gate(found, "mismatches").needs == needed(1, LIMIT, ALPHA) - 5_000
    assert gate(found, "mismatches").says == (
        f"1 of 5,000 effective exchanges differ: ≈ {needed(1, LIMIT, ALPHA) - 5_000:,} more without one show a rate "
        "below 0.1% at 95% confidence")
