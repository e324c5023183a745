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


def of(at, right, wrong=0):
    return Point(right + wrong, wrong, at=at)


def test_a_late_batch_takes_its_place_among_the_points():
    points = course([of(10.0, 60), of(20.0, 60), of(30.0, 60)])
    late = grown(points, of(15.0, 0, wrong=3), since=14.0)
    assert late == (Point(0), of(10.0, 60), of(20.0, 120, wrong=3), of(30.0, 180, wrong=3))
    assert grown(late, of(40.0, 60), since=39.0)[-1] == of(40.0, 240, wrong=3)


def test_a_batch_that_is_late_in_part_or_dated_by_another_clock_comes_at_the_end():
    points = course([of(9_000.0, 60)])
    assert grown(points, of(9_000.5, 60), since=8_999.0) == (Point(0), of(9_000.0, 60), of(9_000.5, 120))
    set_back = grown(points, of(100.0, 60), since=99.0)
    assert set_back == (Point(0), of(9_000.0, 60), of(100.0, 120))
    assert grown(set_back, of(110.0, 60), since=109.0)[-2:] == (of(100.0, 120), of(110.0, 180))
    # A store of before knows no times.
    assert grown(course([Point(60)]), of(100.0, 60), since=99.0) == (Point(0), Point(60), of(100.0, 120))


@given(st.lists(st.tuples(st.integers(0, 80), st.integers(0, 5), st.integers(0, 60)), max_size=80))
def test_however_late_the_wrong_ones_are_no_start_shows_more_of_them_than_came_after_it(batches):
    """A batch comes every three seconds, and its wrong ones so many seconds later."""
    waiting, points, came = [], BEGINNING, []
    for number, (right, wrong, late) in enumerate(batches, 1):
        at = 3.0 * number
        waiting.append((at + late, at, wrong))
        due = sorted(one for one in waiting if one[0] <= at)
        waiting = [one for one in waiting if one[0] > at]
        came.append((at, right, wrong))
        for _, then, some in due:
            if then != at:
                points = grown(points, of(then, 0, some), since=then)
        points = grown(points, of(at, right, sum(some for _, then, some in due if then == at)), since=at)
    now = points[-1]
    for start in points[1:-1]:
        assert now.wrong - start.wrong <= sum(wrong for at, _, wrong in came if at >= start.at)
    if not waiting:
        assert now[:2] == (sum(right + wrong for _, right, wrong in came), sum(wrong for *_, wrong in came))


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
