"""Patterns: bounded, the same in whatever order their exchanges came, and read back as they were written."""

import json
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from shadow.compare.comparison import Comparison, Outcome, Tally, compare
from shadow.compare.difference import Difference, Severity, Shape
from shadow.compare.findings import MAX_DIFFERENCES
from shadow.ledger.groups import DIFFERENCES, EXEMPLARS, HOURS, SIGNATURES, decode, encode, merged, patterns
from tests.shadow.exchanges import pair

MISMATCH = Tally("results", "read", Outcome.MISMATCH)


def differing(*names, at=0.0, trace="trace"):
    """An exchange whose arms differ in these members."""
    found = tuple(Difference("value", f"/{name}", Shape("string", 3), Shape("string", 4)) for name in names)
    return Comparison(MISMATCH, trace, at, found)


def only(comparisons):
    [found] = patterns(comparisons).values()
    return found


def test_exchanges_that_differ_alike_are_one_pattern_and_others_are_not():
    found = patterns([
        compare(pair({"items": [{"a": "x"}, {"a": "y"}]}, {"items": [{"a": "xx"}, {"a": "y"}]})),
        compare(pair({"items": [{"a": "x"}, {"a": "y"}]}, {"items": [{"a": "x"}, {"a": "yyy"}]})),
        compare(pair({"items": [{"a": "x"}]}, {"items": [{}]})),
        compare(pair({}, {})),
    ])
    assert sorted(one.count for one in found.values()) == [1, 2]


@given(st.lists(st.tuples(st.integers(0, 400_000), st.integers(0, 9)), min_size=1, max_size=12), st.randoms())
def test_the_order_in_which_exchanges_come_does_not_matter(exchanges, random):
    comparisons = [differing(*"ab"[:1 + trace % 2] * 2, at=float(at), trace=str(trace)) for at, trace in exchanges]
    shuffled = random.sample(comparisons, len(comparisons))
    assert patterns(comparisons) == patterns(shuffled)


@given(st.lists(st.integers(0, 400_000), min_size=2, max_size=40), st.integers(1, 39))
def test_batches_add_up(times, cut):
    comparisons = [differing("a", at=float(at), trace=str(at)) for at in times]
    parts = [comparisons[:cut], comparisons[cut:]]
    folded = [only(part) for part in parts if part]
    assert only(comparisons) == (merged(*folded) if len(folded) == 2 else folded[0])


def test_a_pattern_is_bounded_and_says_what_it_left_out():
    names = [f"{'n' * count}" for count in range(1, SIGNATURES + 2)]
    found = only([differing(*names, at=3600.0 * hour, trace=str(hour)) for hour in range(100)])
    assert (found.count, len(found.signatures), len(found.severities), found.whole) == (100, SIGNATURES, 32, False)
    assert [hour for hour, _ in found.hours] == list(range(100 - HOURS, 100))
    assert len(found.exemplars) == EXEMPLARS
    assert (found.smallest.total, len(found.smallest.differences)) == (SIGNATURES + 1, DIFFERENCES)
    assert not only([differing(*["same"] * MAX_DIFFERENCES)]).whole
    assert only([differing(*names[1:])]).key != only([differing(*names[:-1])]).key


def test_the_sample_is_of_all_exchanges_and_not_of_the_first():
    found = only([differing("a", at=float(at), trace=str(at)) for at in range(1000)])
    assert {one.trace_id for one in found.exemplars} != {"0", "1", "2"}
    again = only([differing("a", at=float(at), trace=str(at)) for at in reversed(range(1000))])
    assert again == found


def test_what_is_written_is_read_back():
    exchange = compare(pair({"items": [{"a": "x"}], "b": 1}, {"items": [{}], "b": 1.0}))
    critical = Difference("missing", "/a", Shape("string", 3, "word"), Shape("absent"), severity=Severity.CRITICAL)
    for found in (only([exchange]), only([Comparison(MISMATCH, "t", 1.0, (critical,))])):
        assert decode(encode(found)) == found
        assert decode(encode(found).decode()) == found


def test_the_smallest_example_is_the_one_of_the_fewest_bytes():
    small, large = ({"a": "x" * size, "b": 1, "c": 1} for size in (1, 99))
    few = compare(replace(pair(large, {**large, "b": 2}), trace_id="few"))
    many = compare(replace(pair(small, {**small, "b": 2}), trace_id="small"))
    assert only([few, many]).smallest.trace_id == only([many, few]).smallest.trace_id == "small"
    assert only([few, many]).smallest.size == 2 * len(json.dumps({**small}))
