"""A course knows its sums at few earlier moments, and for each moment of the past at one about as long ago."""

from itertools import accumulate, pairwise
from math import log2

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shadow.compare.comparison import Outcome
from shadow.ledger.course import BEGINNING, grown, plus, point
from shadow.ledger.rows import START, Point


def course(increments):
    points = BEGINNING
    for more in increments:
        points = grown(points, more)
    return points


COUNTS = st.integers(0, 40)
BATCHES = st.lists(st.builds(
    lambda right, wrong, first, failed, after: Point(
        right + wrong + first + failed + after, wrong, first, failed, (("unstable", after),) if after else ()),
    st.one_of(COUNTS, st.integers(0, 30_000)), COUNTS, COUNTS, COUNTS, COUNTS), max_size=300)


@given(BATCHES)
def test_a_course_is_bounded_and_knows_a_moment_about_as_far_back_as_any(batches):
    points = course(batches)
    total = sum(more.effective for more in batches)
    assert points[0] == Point(0)
    assert points[-1] == (Point(0) if not batches else [*accumulate(batches, plus)][-1])
    assert len(points) <= 2 * log2(max(total, START) / START) + 4
    starts = points[:-1]
    assert all(later.effective - one.effective >= START for one, later in pairwise(starts))
    for end in accumulate((more.effective for more in batches), initial=0):
        if (distance := total - end) >= START:
            assert any(distance / 2 <= total - one.effective <= 2 * distance for one in starts), distance


@given(BATCHES)
def test_every_point_of_a_course_is_the_sum_at_the_end_of_a_batch(batches):
    assert set(course(batches)) <= {Point(0), *accumulate(batches, plus)}


def test_the_course_of_ten_million_exchanges_has_few_points():
    assert len(course([Point(997)] * 10_000)) <= 40


def test_a_batch_without_effective_exchanges_changes_nothing():
    assert course([Point(60), Point(0), Point(60)]) == (Point(0), Point(60), Point(120))


@pytest.mark.parametrize(("outcome", "reason", "sums"), [
    (Outcome.MATCH, "", Point(2)), (Outcome.TRANSIENT, "race", Point(2)),
    (Outcome.TRANSIENT, "after_2s", Point(2, first=2)),
    (Outcome.MISMATCH, "", Point(2, 2)), (Outcome.CANDIDATE_ERROR, "", Point(2, failed=2)),
    (Outcome.UNSTABLE, "noise", Point(2, after=(("noise", 2),))), (Outcome.SHED, "queue_full", Point(0)),
    (Outcome.SKIPPED, "not_sampled", Point(0)),
])
def test_exchanges_add_to_the_sum_that_they_count_in(outcome, reason, sums):
    assert point(outcome, reason, 2) == sums


def test_what_was_left_out_is_added_up_by_its_reason():
    assert plus(Point(2, after=(("b", 1), ("c", 1))), Point(1, after=(("a", 1), ("b", 1)))) == Point(
        3, after=(("a", 1), ("b", 2), ("c", 1)))
