"""Latencies: added up in buckets, merged exactly, quantiles near the truth."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shadow.latency import BOUNDS, SIZE, Histogram, index

LATENCIES = st.lists(st.floats(60e-6, 100), min_size=1, max_size=200)


def histogram(latencies):
    found = Histogram()
    for seconds in latencies:
        found.add(seconds)
    return found


def test_the_buckets_run_from_50_microseconds_past_100_seconds():
    assert BOUNDS[0] == 50e-6
    assert BOUNDS[-1] > 100
    assert (index(0), index(50e-6), index(51e-6), index(1e9)) == (0, 0, 1, SIZE - 1)


@given(LATENCIES, st.sampled_from([0.0, 0.01, 0.5, 0.99, 1.0]))
def test_a_quantile_is_within_a_tenth_of_the_truth(latencies, q):
    rank = max(0, -int(-q * len(latencies) // 1) - 1)
    truth = sorted(latencies)[rank]
    assert histogram(latencies).quantile(q) == pytest.approx(truth, rel=0.1)


@given(LATENCIES, LATENCIES)
def test_merging_is_adding(one, other):
    merged = histogram(one)
    merged.merge(histogram(other))
    assert merged == histogram(one + other)
    assert merged.total == len(one) + len(other)


def test_nothing_has_no_quantile_and_extremes_have_one():
    assert Histogram().quantile(0.5) is None
    assert histogram([0.0]).quantile(0.5) == BOUNDS[0]
    assert histogram([1e9]).quantile(0.5) == BOUNDS[-1]
    with pytest.raises(ValueError, match="buckets"):
        Histogram([1, 2])
