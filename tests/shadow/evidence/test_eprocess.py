"""The statistics of the gate: what attempts cost, and how soon a new defect shows however long all was well."""

import math
import random
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shadow.evidence.eprocess import Since, against, most_against, needed, part_spent, spent, weight_against

LIMIT = 0.001
ENOUGH = -math.log(0.05)
START = 50


@pytest.mark.parametrize(("attempt", "n"), [
    (1, 4_356), (1.05, 4_437), (1.5, 5_045), (2, 5_555), (3, 6_301), (10, 8_655), (100, 13_371)])
def test_what_a_clean_attempt_takes(attempt, n):
    assert needed(0, LIMIT, spent(0.95, attempt)) == n


@pytest.mark.parametrize(("share", "n"), [(0.01, 434), (0.05, 2_177), (0.25, 10_894), (1.0, 43_579)])
def test_what_a_step_without_a_critical_difference_takes(share, n):
    assert needed(0, 0.0001 / share, spent(0.95, 1)) == n


def test_all_attempts_together_spend_no_more_than_there_is():
    assert sum(spent(0.95, attempt) for attempt in range(1, 100_000)) < 0.05


@given(st.lists(st.integers(0, 20_000), max_size=60), st.sampled_from([1e-4, 0.001, 0.05]))
def test_attempts_that_were_given_up_early_spend_in_part_and_no_more_in_all(sizes, limit):
    attempt, total = 1.0, 0.0
    for size in sizes:
        part = part_spent(size, limit)
        total += part * spent(0.95, attempt)
        attempt += part
    assert total <= 0.05 + 1e-9
    assert part_spent(math.ceil(1 / limit), limit) == 1


@given(st.integers(0, 200), st.integers(0, 100_000), st.sampled_from([1e-4, 0.001, 0.05]))
def test_the_cheap_bound_is_a_bound(bad, good, limit):
    assert weight_against(bad, bad + good, limit) <= most_against(bad, bad + good, limit) + 1e-6


@pytest.mark.parametrize("starts", [
    [Since(1, 34, 12_034), Since(200, 34, 2_084), Since(240, 34, 84)], [Since(1, 0, 9_000), Since(100, 0, 4_050)],
    [Since(1, 3, 5_000)],
])
def test_the_mixture_is_the_weighed_sum_as_far_as_it_matters(starts):
    whole = math.log(sum(math.exp(weight_against(one.bad, one.n, LIMIT)) / (one.number * (one.number + 1))
                         for one in starts))
    found = against(starts, LIMIT, ENOUGH)
    assert (found >= ENOUGH) is (whole >= ENOUGH)
    assert found <= whole + 1e-9


def test_all_that_is_new_is_wrong_and_the_old_cannot_hide_it():
    assert against([Since(1, 34, 12_034)], LIMIT, ENOUGH) >= ENOUGH
    drowned = [Since(1, 5, 1_000_005)]
    assert against(drowned, LIMIT, ENOUGH) < ENOUGH
    # A million clean exchanges, and then five of five wrong.
    assert against([*drowned, Since(20_001, 5, 5)], LIMIT, ENOUGH) >= ENOUGH


class Course:
    """The counts since each start of a thinned course: the starts before now are geometrically further away."""

    def __init__(self, clean):
        self.now = clean
        latest = clean // START * START
        self.bad_before = {0: 0, latest: 0} | {(clean - START * 2**step) // START * START: 0 for step in range(18)
                                               if START * 2**step < clean}
        self.bad = 0

    def add(self, bad):
        self.now, self.bad = self.now + 1, self.bad + bad
        if self.now % START == 0:
            self.bad_before[self.now] = self.bad

    def starts(self):
        return [Since(at // START + 1, self.bad - before, self.now - at) for at, before in self.bad_before.items()
                if at < self.now]


def found_after(seed, clean, rate, most):
    rng = random.Random(seed)
    course = Course(clean + rng.randrange(START))
    for done in range(1, most + 1):
        course.add(rng.random() < rate)
        if against(course.starts(), LIMIT, ENOUGH) >= ENOUGH:
            return done
    return most + 1


def test_a_tenth_wrong_shows_within_some_hundred_exchanges_after_ten_million_clean_ones():
    found = sorted(found_after(seed, 10_000_000, 0.1, 400) for seed in range(60))
    assert median(found) <= 100
    assert found[56] <= 200


def test_a_mixture_that_is_looked_at_always_is_seldom_wrong_at_the_limit():
    limit, wrong = 0.05, 0
    for seed in range(100):
        rng, sums = random.Random(seed), [0]
        for at in range(1, 601):
            sums.append(sums[-1] + (rng.random() < limit))
            starts = [Since(start // START + 1, sums[at] - sums[start], at - start) for start in range(0, at, START)]
            if against(starts, limit, ENOUGH) >= ENOUGH:
                wrong += 1
                break
    assert wrong <= 5
