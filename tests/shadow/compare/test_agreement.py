"""What agrees at first sight is what the comparer takes for a match, and says the same of it."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.message import Headers
from shadow.compare.agreement import agreement
from shadow.compare.comparison import Outcome, compare
from shadow.compare.outside import ADDED
from shadow.compare.rules import Rule, Rules
from shadow.observation import Observation
from tests.shadow.exchanges import pair

NAMES = st.sampled_from([
    "Date", "X-A", "x-a", "X-B", "ETag", "Content-Type", "Content-Encoding", "Vary", "Set-Cookie", "X-Request-Id",
    "Access-Control-Allow-Origin", "Trailer",
])
LINES = st.lists(st.tuples(NAMES, st.sampled_from(["a", "b", "gzip", "no-store", ""])), max_size=4)
RULES = st.sampled_from([
    Rules(), Rules((Rule("one", at="/@header/x-a", defaults=False),)),
    Rules((Rule("one", at="/@header", ignore=True),)),
    Rules((Rule("one", at="/@header/x-b", ignore=True),)), Rules((Rule("one", at="", defaults=False),)),
])


def head(lines):
    return Headers((name.encode(), value.encode()) for name, value in lines)


def both(legacy, modern, body=b"{}", status=200):
    return pair(*(Observation(arm, 0.0, status, head(lines), body)
                  for arm, lines in (("legacy", legacy), ("modern", modern))))


@given(LINES, LINES, RULES, st.sampled_from([b"", b"{}", b"\xff{", b"<p>a"]), st.booleans())
def test_what_agrees_at_first_sight_is_what_the_comparer_says(lines, more, rules, body, is_added):
    one = replace(both(lines, [*more, *lines] if is_added else more, body), rules=rules)
    found = agreement(one)
    if found is not None:
        assert replace(compare(one), size=0) == found


@pytest.mark.parametrize(("more", "count"), [
    ([("X-A", "1")], 1), ([("X-A", "1"), ("x-a", "2"), ("X-B", "")], 2), ([("X-A", "1"), ("Date", "today")], 1),
])
def test_fields_that_modern_alone_sends_and_that_change_nothing_need_no_comparer(more, count):
    legacy = [("Content-Type", "application/json"), ("X-C", "3")]
    found = agreement(both(legacy, [*more, *reversed(legacy)]))
    assert found.tally.outcome is Outcome.MATCH_NORMALISED
    assert found.hidden == ((ADDED, count),)


@pytest.mark.parametrize("more", [
    [("Set-Cookie", "a=b")], [("Content-Encoding", "gzip")], [("Vary", "Accept")], [("X-C", "4")], [("X-C", "3")],
])
def test_whatever_else_differs_is_for_the_comparer(more):
    legacy = [("Content-Type", "application/json"), ("X-C", "3")]
    assert agreement(both(legacy, [*legacy, *more])) is None
    assert agreement(both([*legacy, *more], legacy)) is None


def test_nothing_agrees_where_a_rule_takes_the_defaults_away_or_an_arm_failed():
    one = both([], [("X-A", "1")])
    assert agreement(replace(one, rules=Rules((Rule("one", at="/@header/x-a", defaults=False),)))) is None
    assert agreement(both([], [], status=200)) is not None
    assert agreement(replace(one, candidate=replace(one.candidate, body=b"[]"))) is None
    assert agreement(replace(one, control=replace(one.control, complete=False))) is None
