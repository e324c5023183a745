"""The few causes that explain most: what they explain, what they settle, and never more than is known."""

import itertools
import math

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from gateway.config.compile import build
from shadow.compare.comparison import Comparison, Outcome, Tally
from shadow.compare.difference import Difference, Severity, Shape
from shadow.ledger.groups import SIGNATURES, patterns
from shadow.renderers.markdown import to_markdown
from shadow.report.causes import causes
from shadow.report.report import fold
from shadow.stores.base import Batch
from shadow.stores.memory import Memory

MISMATCH = Tally("results", "read", Outcome.MISMATCH)


def differing(names, at=0.0, operation="read", severity=Severity.MAJOR):
    found = tuple(Difference("value", f"/{name}", Shape("string", 3), Shape("number"), severity=severity)
                  for name in names)
    return Comparison(MISMATCH._replace(operation=operation), "trace", at, found)


def drifting(legacy, modern, severity=Severity.MAJOR, kind="value"):
    """What differs at a place where legacy itself drifts, in more than value."""
    found = Difference(kind, "/items/3/load", legacy, modern, severity)
    [only] = causes(patterns([Comparison(MISMATCH, "trace", 0.0, (found,))]).values(), 1,
                    drifting={(kind, "/items/*/load")})
    assert only.drifts
    return only.rule


def explained(*exchanges, mismatching=None):
    comparisons = [one if isinstance(one, Comparison) else differing(one) for one in exchanges]
    return causes(patterns(comparisons).values(), len(comparisons) if mismatching is None else mismatching)


def test_the_cause_that_explains_most_comes_first():
    first, second, third = explained(*["ab"] * 5, *["a"] * 4, *["b"] * 2, "c")
    assert (first.path, first.exchanges, first.alone, first.explained, first.settled) == ("/a", 9, 4, 9, 4)
    assert (second.path, second.exchanges, second.alone, second.explained, second.settled) == ("/b", 7, 2, 2, 11)
    assert (third.path, third.exchanges, third.alone, third.explained, third.settled) == ("/c", 1, 1, 1, 12)
    assert [one.share for one in (first, second, third)] == pytest.approx([9 / 12, 11 / 12, 1])


def test_exchanges_that_no_pattern_holds_stay_unexplained():
    [only] = explained("a", "a", mismatching=8)
    assert only.share == 0.25
    assert explained(mismatching=8) == ()


def test_nothing_is_settled_by_what_is_not_wholly_known():
    wide = "".join(chr(ord("A") + count) for count in range(SIGNATURES + 1))
    assert {one.settled for one in explained(wide)} == {0}


def test_a_cause_tells_how_bad_it_is_where_and_when():
    hour = 3600.0
    [only] = explained(
        differing("a", at=5 * hour), differing("a", at=28 * hour, operation="search", severity=Severity.CRITICAL),
        differing("a", at=28 * hour), differing("a", at=4 * hour, operation="other"))
    assert (only.severity, only.operations) == (Severity.CRITICAL, ("other", "read", "search"))
    assert (only.first_seen, only.last_seen, only.shapes) == (4 * hour, 28 * hour, (("string", "number"),))
    assert (len(only.hours), only.hours[-1], only.hours[0], sum(only.hours)) == (24, 2, 1, 3)


@given(st.lists(st.sets(st.sampled_from("abcdef"), min_size=1), min_size=1, max_size=20))
def test_the_cover_is_nearly_the_best_and_adds_up(exchanges):
    found = explained(*map(sorted, exchanges))
    assert sum(one.explained for one in found) == len(exchanges)
    assert found[-1].share == 1
    assert [one.explained for one in found] == sorted((one.explained for one in found), reverse=True)
    for count in range(1, len(found) + 1):
        best = max(sum(bool(one & set(choice)) for one in exchanges)
                   for choice in itertools.combinations("abcdef", count))
        assert sum(one.explained for one in found[:count]) >= (1 - 1 / math.e) * best
    for place, one in enumerate(found, 1):
        gone = {cause.path.strip("/") for cause in found[:place]}
        assert one.settled == sum(exchange <= gone for exchange in exchanges)


def valued(path, form, kind="value", severity=Severity.MAJOR):
    shape = Shape("string", 20, form)
    return Comparison(MISMATCH, "trace", 0.0, (Difference(kind, path, shape, shape, severity),))


ROUTES = """
version: 1
upstreams: {a: {url: "http://127.0.0.1:9001"}}
capabilities:
  results:
    owner: us
    operations: {read: {path: "/results/{id}"}}
    legacy: a
    modern: a
    stage: shadow
    shadow: {sample: 100%%, rules: [%s]}
default: {upstream: a}
"""


@pytest.mark.parametrize(("comparison", "rule"), [
    (valued("/items/3/at", "instant"), {"at": "/items/*/at", "instants": True}),
    (valued("/{key}/id", "uuid"), {"at": "/*/id", "volatile": "uuid"}),
    (valued("/link/0/url", "url"), {"at": "/link/*/url", "host": True}),
    (valued("/items/3", "", kind="moved"), {"at": "/items", "list": "multiset"}),
])
def test_a_rule_to_try_is_one_that_routes_yaml_takes(tmp_path, comparison, rule):
    [only] = explained(comparison)
    assert yaml.safe_load(only.rule) == rule
    file = tmp_path / "routes.yaml"
    file.write_text(ROUTES % only.rule)
    assert build(file).revision


@pytest.mark.parametrize(("legacy", "modern", "rule"), [
    (Shape("decimal", 16), Shape("decimal", 17), {"tolerance": {"relative": 1e-6}}),
    (Shape("decimal", 16), Shape("integer", 1), {"tolerance": {"relative": 1e-6}}),
    (Shape("integer", 3), Shape("integer", 4), {"volatile": "int"}),
    (Shape("string", 3, "word"), Shape("string", 4, "digits"), {"volatile": "opaque"}),
    (Shape("string", 20, "instant"), Shape("string", 24, "instant"), {"instants": True}),
])
def test_where_legacy_itself_drifts_a_rule_for_the_type_is_tried(tmp_path, legacy, modern, rule):
    written = drifting(legacy, modern)
    assert yaml.safe_load(written) == {"at": "/items/*/load", **rule}
    file = tmp_path / "routes.yaml"
    file.write_text(ROUTES % written)
    assert build(file).revision
    assert drifting(legacy, modern, Severity.CRITICAL) == ""
    assert drifting(legacy, modern, kind="type") == ""
    assert drifting(legacy, Shape("object", 1)) == ""


@pytest.mark.parametrize("comparison", [
    valued("/items/3/at", "instant", severity=Severity.CRITICAL), valued("/name", "text"),
    valued("/at", "instant", kind="missing"), differing("a"),
])
def test_no_rule_is_tried_on_what_modern_must_mend(comparison):
    [only] = explained(comparison)
    assert only.rule == ""


def test_the_report_has_them_with_what_to_look_at():
    store = Memory(Memory.Options())
    store.write(Batch([differing("ab", at=1.0), differing("a", at=2.0), differing("a", at=3.0)], tallies={MISMATCH: 1}))
    report = fold(store.read())
    [one] = report.capabilities
    assert [(cause.path, cause.share) for cause in one.causes] == [("/a", 0.75)]
    assert [(found.count, found.share, found.smallest.at) for found in one.patterns] == [(2, 0.5, 2.0), (1, 0.25, 1.0)]
    assert (one.known_patterns, one.patternless) == (2, 0)
    assert "| value | major | `/a` | 3 | 2 | 75.0% | 2 |" in to_markdown(report)
