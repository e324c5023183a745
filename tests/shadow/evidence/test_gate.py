"""The gate: the numbers of its definition, no order in which looking buys confidence, and an answer that says why."""

import math
import random
import re
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shadow.evidence.criteria import Answer, Criteria, State
from shadow.evidence.eprocess import needed, spent, weight, weight_against
from shadow.evidence.gate import assess
from shadow.evidence.numbers import Doubt, Hid, Numbers, Past, Seen
from shadow.evidence.stratum import Stratum

LIMIT, ALPHA = 0.001, 0.05
ENOUGH = -math.log(ALPHA)
READ = Stratum("read", "2xx", "Patient", "")
SEARCH = Stratum("search", "2xx", "Bundle", "date")
# What criticals need is no more than what the rates need here: their own figures are in test_criticals.py.
BOTH = Criteria(("read", "search"), critical_limit=LIMIT)
ONE = Criteria(("read",), critical_limit=LIMIT)
FIRST = spent(0.95, 1)


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


def exactly(root, bad, power):
    """∫ t^(bad−1/2)·(1−t)^power from 0 to root², as a fraction: with t = u², the binomial theorem makes it a sum."""
    return sum(Fraction(2 * (-1) ** k * math.comb(power, k), 2 * (bad + k) + 1) * root ** (2 * (bad + k) + 1)
               for k in range(power + 1))


@pytest.mark.parametrize(("bad", "n"), [(0, 1), (0, 358), (1, 1), (5, 600), (1, 700), (40, 50), (100, 100)])
def test_the_weight_is_exact_however_far_the_rate_is_from_the_limit(bad, n):
    limit, prior = Fraction(1, 100), 100
    weighed = exactly(Fraction(1, 10), bad, prior + n - bad - 1) / exactly(Fraction(1, 10), 0, prior - 1) / (
        limit**bad * (1 - limit) ** (n - bad))
    exact = math.log(weighed.numerator) - math.log(weighed.denominator)
    assert weight(bad, n, 0.01) == pytest.approx(exact, abs=1e-8)


@pytest.mark.parametrize(("bad", "n"), [(1, 1), (50, 100), (500, 1_000), (5_000, 5_000), (20, 10_000)])
def test_an_arm_that_is_worse_than_the_limit_is_never_shown_to_be_better(bad, n):
    assert weight(bad, n, LIMIT) < 0
    assert judged({READ: Numbers(n, bad, 0)})["mismatches"].state is not State.PASS


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


def assessed(criteria, strata, *, eligible, excluded, conflicts=0, hid=()):
    return assess(criteria, strata, eligible=eligible, excluded=excluded, seen=Seen(conflicts=conflicts, hid=hid))


def verdict(strata, criteria=BOTH, excluded=0, hid=()):
    eligible = sum(numbers.asked for numbers in strata.values()) + excluded
    return assessed(criteria, strata, eligible=eligible, excluded=excluded, hid=hid)


def gate(found, name):
    [one] = [one for one in found.gates if one.name == name]
    return one


def test_safe_needs_every_gate():
    found = verdict({READ: Numbers(4_000, 0, 0), SEARCH: Numbers(600, 0, 0)})
    assert found.answer is Answer.SAFE
    assert {one.state for one in found.gates} == {State.PASS}
    assert [(one.operation, one.stratum, one.seen, one.wanted) for one in found.coverage] == [
        ("read", None, 4_000, 100), ("read", READ, 4_000, 10), ("search", None, 600, 100), ("search", SEARCH, 600, 10)]


WELL = {READ: Numbers(4_000, 0, 0), SEARCH: Numbers(600, 0, 0)}


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
    assert gate(found, "mismatches").needs == 4_356
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
    assert gate(found, "mismatches").needs == needed(1, LIMIT, FIRST) - 5_000
    assert gate(found, "mismatches").says == "1 of 5,000 effective exchanges differ"
    assert gate(found, "mismatches").waits == (
        f"≈ {needed(1, LIMIT, FIRST) - 5_000:,} more without one show a rate below 0.1% at 95% confidence")


# --- each gate by itself: its state, the number behind it, its limit and what it needs ---

def judged(strata, criteria=BOTH, *, eligible=None, excluded=0, conflicts=0, hid=()):
    """The gates of an epoch by their names. By default, exactly the exchanges that were asked are eligible."""
    asked = sum(numbers.asked for numbers in strata.values())
    found = assessed(criteria, strata, eligible=asked if eligible is None else eligible, excluded=excluded,
                   conflicts=conflicts, hid=[Hid(*one) for one in hid])
    return {one.name: one for one in found.gates}


def numbers_of(one):
    return one.state, one.value, one.limit, one.needs


@pytest.mark.parametrize(("bad", "n"), [(0, 4_356), (1, 7_402), (3, 11_814), (10, 23_904)])
def test_a_rate_passes_with_the_exchange_that_the_reference_names_and_not_one_earlier(bad, n):
    for name, numbers in (("mismatches", Numbers(n, bad, 0)), ("candidate errors", Numbers(n, 0, bad)),
                          ("first answers", Numbers(n, 0, 0, first=bad))):
        now, before = (judged({READ: numbers._replace(asked=asked)})[name] for asked in (n, n - 1))
        assert numbers_of(now) == (State.PASS, bad / n, LIMIT, 0)
        assert numbers_of(before) == (State.MISSING, bad / (n - 1), LIMIT, 1)


@pytest.mark.parametrize(("criteria", "n"), [
    # A limit ten times as high takes about a tenth of the exchanges; more confidence takes more of them.
    (replace(BOTH, limit=0.01), 434), (replace(BOTH, confidence=0.99), 6_105),
])
def test_what_a_rate_takes_follows_from_limit_and_confidence(criteria, n):
    now, before = (judged({READ: Numbers(asked, 0, 0)}, criteria)["mismatches"] for asked in (n, n - 1))
    assert (now.state, now.limit) == (State.PASS, criteria.limit)
    assert (before.state, before.limit, before.needs) == (State.MISSING, criteria.limit, 1)


def test_a_rate_fails_as_soon_as_it_is_shown_to_be_above_the_limit():
    # Five of 5,000 are at the limit of 0.1%. Fourteen do not show a rate above it; fifteen do.
    for name, with_bad in (("mismatches", lambda bad: Numbers(5_000, bad, 0)),
                           ("candidate errors", lambda bad: Numbers(5_000, 0, bad))):
        before, now = judged({READ: with_bad(14)})[name], judged({READ: with_bad(15)})[name]
        assert numbers_of(before) == (State.MISSING, 0.0028, LIMIT, needed(14, LIMIT, FIRST) - 5_000)
        assert numbers_of(now) == (State.FAIL, 0.003, LIMIT, 0)


def test_a_rate_says_how_many_exchanges_are_bad_and_how_many_more_it_needs():
    found = judged({READ: Numbers(4_000, 0, 40)})
    assert found["mismatches"].says.startswith("0 of 4,000 ")
    assert found["first answers"].says.startswith("40 of 4,000 ")
    assert found["candidate errors"].says.startswith("40 of 4,000 ")
    assert " 4,355 more " in judged({READ: Numbers(1, 0, 0)})["candidate errors"].waits
    assert judged({})["mismatches"].value is None


def test_what_waits_for_an_outcome_is_taken_to_be_wrong_for_safe_and_shows_nothing_against_modern():
    clean = {READ: Numbers(7_401, 0, 0)}
    for doubt, state, says in (
        (0, State.PASS, "0 of 7,401 effective exchanges differ: below 0.1% at 95% confidence"),
        (1, State.PASS, "differ, and 1 more that may be wrong waits for an outcome: below"),
        (2, State.MISSING, "differ, and 2 more that may be wrong wait for an outcome"),
    ):
        found = assess(ONE, clean, eligible=7_401, excluded=0, seen=Seen(waiting=Doubt(doubt)))
        assert [one.state for one in found.gates[:3]] == [state] * 3
        assert says in found.gates[0].says
    # A thousand of the latest thousand and fifty may be wrong: not shown, but the past does not speak for them either.
    courses = {None: [Past(1, 10_000_000, 0, 0, 0), Past(200_000, 50, 0, 0, 0)]}
    found = assess(ONE, {READ: Numbers(10_000_000, 0, 0)}, eligible=10_000_000, excluded=0,
                   seen=Seen(courses=courses, waiting=Doubt(1_000)))
    assert {one.state for one in found.gates[:3]} == {State.MISSING}
    assert (found.answer, {one.needs for one in found.gates[:3]}) == (Answer.NOT_ENOUGH, {0})


def test_a_critical_difference_that_waits_for_an_outcome_leaves_the_gate_open():
    found = assess(ONE, {READ: Numbers(90_000, 0, 0)}, eligible=90_000, excluded=0, seen=Seen(waiting=Doubt(1, 1)))
    [gate] = [one for one in found.gates if one.name == "criticals"]
    assert (gate.state, gate.says) == (
        State.MISSING, "1 exchange with a critical difference waits for an outcome")


def test_exchanges_of_all_strata_count_together():
    found = judged({READ: Numbers(3_000, 1, 2, 3, 4_000), SEARCH: Numbers(2_000, 4, 8, 9, 2_500)})
    assert (found["mismatches"].value, found["candidate errors"].value) == (5 / 5_000, 10 / 5_000)


@pytest.mark.parametrize(("numbers", "conflicts", "state", "value", "facts"), [
    (Numbers(4_356, 0, 0), 0, State.PASS, 0.0, (" below 0.1% at 95% ",)),
    # One that settled leaves the gate open: a client would have had it.
    (Numbers(9_000, 0, 0, unsettled=1), 0, State.MISSING, 1.0, ("1 exchange ", "no lag is declared")),
    (Numbers(1, 1, 0, 0, 1, 1), 0, State.MISSING, 1.0, ("1 exchange ", " in 0 of them", " once ")),
    (Numbers(1, 1, 0, 0, 1, 1, 1), 0, State.FAIL, 1.0, ("1 exchange ", " in 1 of them")),
    (Numbers(1, 1, 0, 0, 2, 2), 0, State.FAIL, 2.0, ("2 exchanges ", " in 0 of them")),
    # A critical difference counts even where the exchange is not effective.
    (Numbers(0, 0, 0, 0, 1, 1, 1), 0, State.FAIL, 1.0, ("1 exchange ", " in 1 of them")),
    (Numbers(9, 0, 0), 1, State.FAIL, 1.0, (" 1 time ",)),
    (Numbers(9, 3, 0, 0, 9, 3), 2, State.FAIL, 5.0, (" 2 times ", "; 3 ")),
])
def test_criticals(numbers, conflicts, state, value, facts):
    found = judged({READ: numbers}, conflicts=conflicts)["criticals"]
    assert numbers_of(found) == (state, value, 0.0, 0)
    assert [one for one in facts if one not in found.says] == []


@pytest.mark.parametrize(("n", "needs"), [(0, 4_356), (1, 4_355), (4_355, 1)])
def test_that_none_was_critical_is_a_bound_and_needs_exchanges(n, needs):
    found = judged({READ: Numbers(n, 0, 0)})["criticals"]
    assert numbers_of(found) == (State.MISSING, 0.0, 0.0, needs)
    assert f"≈ {needs:,} more " in found.waits


def test_contradictions_about_who_is_who_alone_are_not_safe():
    strata = {READ: Numbers(9_000, 0, 0), SEARCH: Numbers(900, 0, 0)}
    assert assessed(BOTH, strata, eligible=9_900, excluded=0).answer is Answer.SAFE
    found = assessed(BOTH, strata, eligible=9_900, excluded=0, conflicts=1)
    assert found.answer is Answer.NOT_SAFE
    assert [one.name for one in found.gates if one.state is not State.PASS] == ["criticals"]


@pytest.mark.parametrize(("strata", "state", "value", "facts"), [
    ({}, State.MISSING, None, ()),
    # Exchanges that are no evidence show nothing about their stratum.
    ({READ: Numbers(0, 0, 0, 1, 1)}, State.MISSING, None, ()),
    ({READ: Numbers(4, 0, 0), SEARCH: Numbers(0, 0, 0, 1, 1)}, State.PASS, 0.0, (" 2 ",)),
    ({READ: Numbers(4, 0, 0), SEARCH: Numbers(5, 0, 0)}, State.PASS, 0.0, (" 2 ",)),
    # One bad exchange of one weighs ln E = 4.9: enough for one stratum (3.0), not for any of 200 (8.3). Two weigh 11.5.
    ({READ: Numbers(1, 1, 0)}, State.PASS, 1.0, ("; 1 of 1 in read 2xx Patient",)),
    ({READ: Numbers(2, 2, 0)}, State.FAIL, 1.0, (" read 2xx Patient: 2 of 2 ",)),
    # Mismatches and errors count together.
    ({READ: Numbers(2, 1, 1)}, State.FAIL, 1.0, (" read 2xx Patient: 2 of 2 ",)),
    # The stratum with the strongest evidence against it is named, wherever it stands: here the one with fewer bad ones.
    ({READ: Numbers(2_000, 5, 0), SEARCH: Numbers(4, 3, 0)}, State.FAIL, 0.75, (" search 2xx Bundle ?date: 3 of 4 ",)),
    ({SEARCH: Numbers(4, 3, 0), READ: Numbers(2_000, 5, 0)}, State.FAIL, 0.75, (" search 2xx Bundle ?date: 3 of 4 ",)),
    ({READ: Numbers(4, 3, 0), SEARCH: Numbers(2_000, 5, 0)}, State.FAIL, 0.75, (" read 2xx Patient: 3 of 4 ",)),
    # Of equally strong evidence the last name counts, so that the same strata always give the same sentence.
    ({SEARCH: Numbers(1, 1, 0), READ: Numbers(1, 1, 0)}, State.PASS, 1.0, ("; 1 of 1 in search 2xx Bundle ?date ",)),
    # A rate at the limit is not above it.
    ({READ: Numbers(1_000, 1, 0)}, State.PASS, 0.001, ()),
])
def test_strata(strata, state, value, facts):
    found = judged(strata)["strata"]
    assert numbers_of(found) == (state, value, LIMIT, 0)
    assert [one for one in facts if one not in found.says] == []
    # Only a stratum above the limit is named where none is shown to be.
    assert (";" in found.says) is (state is State.PASS and value is not None and value > LIMIT)


def test_what_a_stratum_takes_to_fail_follows_from_the_confidence():
    # Two bad exchanges of two weigh 11.5, one of one 4.9. At 99.99% it takes ln(200 / 0.0001) = 14.5; at 99.9%, 12.2;
    # at 99%, 9.9.
    assert judged({READ: Numbers(2, 2, 0)}, replace(BOTH, confidence=0.9999))["strata"].state is State.PASS
    assert judged({READ: Numbers(2, 2, 0)}, replace(BOTH, confidence=0.999))["strata"].state is State.PASS
    assert judged({READ: Numbers(2, 2, 0)}, replace(BOTH, confidence=0.99))["strata"].state is State.FAIL


@pytest.mark.parametrize(("strata", "state", "value", "needs", "facts"), [
    ({READ: Numbers(100, 0, 0), SEARCH: Numbers(100, 0, 0)}, State.PASS, 1.0, 0, ("2 operations ", " 2 strata")),
    ({READ: Numbers(99, 0, 0), SEARCH: Numbers(100, 0, 0)}, State.MISSING, 0.75, 1, ("1 of 4 ",)),
    ({READ: Numbers(100, 0, 0)}, State.MISSING, 1 - 1 / 3, 100, ("1 of 3 ", ": search")),
    # One exchange may count for the operation and for its stratum: `read` needs 60, of which 10 also help the stratum.
    ({READ: Numbers(40, 0, 0), READ._replace(status="4xx"): Numbers(0, 0, 0), SEARCH: Numbers(100, 0, 0)},
     State.MISSING, 0.6, 60, ("2 of 5 ",)),
    # What two operations need adds up, and a stratum's need counts where its operation was seen often enough.
    ({READ: Numbers(95, 0, 0), SEARCH: Numbers(200, 0, 0), SEARCH._replace(shape=""): Numbers(3, 0, 0)},
     State.MISSING, 0.6, 12, ("2 of 5 ",)),
    # An operation that is seen though nobody declared it must be seen as often as the others.
    ({READ: Numbers(100, 0, 0), SEARCH: Numbers(100, 0, 0), READ._replace(operation="vread"): Numbers(98, 0, 0)},
     State.MISSING, 1 - 1 / 6, 2, ("1 of 6 ",)),
])
def test_coverage(strata, state, value, needs, facts):
    found = judged(strata)["coverage"]
    assert numbers_of(found) == (state, value, 1.0, needs)
    assert ("; " in found.says) is (SEARCH not in strata)
    assert [one for one in facts if one not in found.says] == []


def test_coverage_of_one_operation_and_of_none():
    one = replace(BOTH, operations=("read",))
    assert judged({READ: Numbers(100, 0, 0)}, one)["coverage"].says.startswith("1 operation and 1 stratum, ")
    undeclared = judged({READ: Numbers(100_000, 0, 0)}, Criteria())["coverage"]
    assert numbers_of(undeclared) == (State.MISSING, None, 1.0, 0)


def test_what_was_covered_is_listed_with_what_each_still_needs():
    rare = READ._replace(status="4xx")
    found = assessed(replace(BOTH, minimum=50, stratum_minimum=5), {SEARCH: Numbers(50, 0, 0), rare: Numbers(2, 0, 0),
                                                                  READ: Numbers(45, 0, 0)}, eligible=97, excluded=0)
    assert [(one.operation, one.stratum, one.seen, one.wanted, one.needs) for one in found.coverage] == [
        ("read", None, 47, 50, 3), ("read", READ, 45, 5, 0), ("read", rare, 2, 5, 3),
        ("search", None, 50, 50, 0), ("search", SEARCH, 50, 5, 0)]


@pytest.mark.parametrize(("eligible", "excluded", "state", "value"), [
    (0, 0, State.MISSING, None), (1_000, 0, State.PASS, 0.0), (1_000, 50, State.PASS, 0.05),
    (1_000, 51, State.MISSING, 0.051), (1, 1, State.MISSING, 1.0),
])
def test_the_share_that_is_left_out_may_reach_its_limit_and_no_more(eligible, excluded, state, value):
    found = judged({READ: Numbers(1_000, 0, 0, 0, 1_000)}, eligible=eligible, excluded=excluded)["excluded"]
    assert numbers_of(found) == (state, value, 0.05, 0)
    assert found.says.startswith(f"{excluded:,} of {eligible:,} eligible ")


def test_a_stratum_of_which_too_much_is_left_out_does_not_drown_in_the_total():
    def excluded(nothing, of, **more):
        strata = {READ: Numbers(90_000, 0, 0, 40, 90_040), SEARCH: Numbers(of - nothing, 0, 0, nothing, of)}
        return judged(strata, replace(BOTH, **more), eligible=90_060, excluded=40 + nothing)["excluded"]

    # Four of four weigh ln E = 10.1 against 5%, enough for any of 200 strata (8.3). Three of three weigh 7.3.
    assert numbers_of(excluded(4, 4)) == (State.MISSING, 44 / 90_060, 0.05, 0)
    assert excluded(4, 4).says.startswith("44 of 90,060 eligible ")
    assert excluded(4, 4).says.endswith(" search 2xx Bundle ?date it is 4 of 4")
    assert numbers_of(excluded(4, 80)) == (State.PASS, 44 / 90_060, 0.05, 0)
    assert "Bundle" not in excluded(4, 80).says
    assert excluded(3, 3).state is State.PASS
    assert excluded(3, 3, confidence=0.5).state is State.MISSING
    assert excluded(4, 4, confidence=0.999).state is State.PASS
    # Where everything may be left out, no stratum can be above that; where nothing may, the total says so already.
    assert excluded(4, 4, excluded=1.0).state is State.PASS
    assert judged({READ: Numbers(9, 0, 0, 0, 9)}, replace(BOTH, excluded=0.0))["excluded"].state is State.PASS


def test_eligible_exchanges_of_no_stratum_are_judged_by_their_total():
    assert numbers_of(judged({}, eligible=10)["excluded"]) == (State.PASS, 0.0, 0.05, 0)


def test_the_worst_stratum_is_named_where_too_much_is_left_out():
    for first, second in ((READ, SEARCH), (SEARCH, READ)):
        strata = {first: Numbers(0, 0, 0, 5, 5), second: Numbers(0, 0, 0, 4, 4), READ._replace(status="4xx"):
                  Numbers(10, 0, 0, 0, 10)}
        assert judged(strata, eligible=10_000, excluded=9)["excluded"].says.endswith(f" {first} it is 5 of 5")


@pytest.mark.parametrize(("hid", "state", "value", "limit"), [
    ([], State.PASS, None, 1.0),
    ([("K-1", "read", 80, 4_000)], State.PASS, 0.02, 0.02),
    ([("K-1", "read", 400, 4_000)], State.FAIL, 0.1, 0.02),
    ([("K-1", "read", 0, 50), ("K-2", "search", 9, 10)], State.PASS, 0.9, 0.5),
])
def test_the_known_difference_that_is_most_surely_above_its_share_gives_the_number(hid, state, value, limit):
    found = judged(WELL, replace(BOTH, known=(("K-1", 0.02), ("K-2", 0.5))), hid=hid)["known differences"]
    assert numbers_of(found) == (state, value, limit, 0)


def test_known_differences_share_one_confidence():
    # Two of two against 5% weigh ln E = 4.5: enough for one known difference (ln 20 = 3.0), and for one of four (4.4),
    # but not for one of five (4.6).
    def state(others):
        known = tuple((f"K-{number}", 0.05) for number in range(others + 1))
        hid = [("K-0", "read", 2, 2), *((name, "read", 0, 100) for name, _ in known[1:])]
        return judged(WELL, replace(BOTH, known=known), hid=hid)["known differences"].state

    assert [state(others) for others in (0, 3, 4)] == [State.FAIL, State.FAIL, State.PASS]


def test_known_differences_are_one_gate_more_and_replace_none():
    strata = {READ: Numbers(9_000, 60, 0), SEARCH: Numbers(900, 0, 0)}
    plain, known = (assessed(replace(BOTH, known=one), strata, eligible=9_900, excluded=0)
                    for one in ((), (("K-1", 0.1),)))
    assert [one.name for one in plain.gates] == [
        "mismatches", "first answers", "candidate errors", "criticals", "strata", "coverage", "excluded"]
    assert known.gates[:-1] == plain.gates
    assert (known.gates[-1].name, known.gates[-1].state) == ("known differences", State.PASS)
    assert plain.answer is known.answer is Answer.NOT_SAFE


def test_five_known_differences_are_listed_and_the_larger_share_first_where_nothing_tells_them_apart():
    known = tuple((f"K-{number}", 1.0) for number in range(6))
    hid = [(name, "read", 10 * number, 100) for number, (name, _) in enumerate(known, start=1)]
    said = [judged(WELL, replace(BOTH, known=known[:many]), hid=hid[:many])["known differences"].says
            for many in (5, 6)]
    assert [re.findall(r"K-\d in \d+%", one) for one in said] == [
        ["K-4 in 50%", "K-3 in 40%", "K-2 in 30%", "K-1 in 20%", "K-0 in 10%"],
        ["K-5 in 60%", "K-4 in 50%", "K-3 in 40%", "K-2 in 30%", "K-1 in 20%"]]
    assert [re.findall(r", (\d+) more$", one) for one in said] == [[], ["1"]]


def test_a_share_is_a_share_however_many_exchanges_were_compared():
    hid = [("K-0", "read", 60, 1_000), ("K-1", "read", 50, 100)]
    says = judged(WELL, replace(BOTH, known=(("K-0", 1.0), ("K-1", 1.0))), hid=hid)["known differences"].says
    assert says.index("K-1 in 50% of 100 ") < says.index("K-0 in 6% of 1,000 ")
