"""Rules: each hides what it says and counts it, nothing else goes with it, and what has expired hides nothing."""

import pickle
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shadow.compare.comparison import Outcome, compare
from shadow.compare.difference import Severity
from shadow.compare.patterns import Matcher, Order, PathPattern
from shadow.compare.rules import NONE, Known, Rule, Rules
from shadow.lane.rates import Rates
from shadow.normalisers.case import Case
from shadow.normalisers.space import Space
from shadow.normalisers.tolerance import Tolerance
from shadow.normalisers.volatile import Volatile
from tests.shadow.compare.test_diff import VALUES
from tests.shadow.exchanges import answer, pair

INSTANT = Volatile(Volatile.Options("instant"))
NOON, NIGHT = "2025-01-01T12:00:00Z", "2025-01-01T23:00:00Z"


def judged(legacy, modern, *rules, known=()):
    return compare(replace(pair(legacy, modern), rules=Rules(rules, tuple(known))))


def told(comparison):
    return comparison.tally.outcome, comparison.tally.reason, [(d.kind, d.path) for d in comparison.differences], dict(
        comparison.hidden)


# --- patterns ---

@pytest.mark.parametrize(("pattern", "place", "fits"), [
    ("", "", True), ("", "/a", False), ("/a", "/a", True), ("/a", "/a/b", False), ("/a", "/b", False),
    ("/*", "/a", True), ("/*", "/#", True), ("/*", "", False), ("/**", "", True), ("/**", "/a/#/b", True),
    ("/a/*/b", "/a/#/b", True), ("/a/*/b", "/a/b", False), ("/a/**/b", "/a/b", True), ("/a/**/b", "/a/#/c/b", True),
    ("/a/**/b", "/a/b/c", False), ("/**/a/**", "/b/a", True), ("/**/a/**", "/b/a/#/c", True), ("/**/a/**", "/b", False),
    ("/**/a/**/a", "/a", False), ("/**/a/**/a", "/a/b/a", True), ("/a~1b/m~0n", "/a~1b/m~0n", True), ("/", "/", True),
])
def test_where_a_pattern_fits(pattern, place, fits):
    matcher = Matcher.start([(PathPattern.parse(pattern), True)])
    for token in place.split("/")[1:]:
        matcher = matcher.step(None if token == "#" else token.replace("~1", "/").replace("~0", "~"))
    assert bool(matcher.found) is fits


@pytest.mark.parametrize("text", ["a", "/a~2", "/a~", "/entry/0/id", "/12"])
def test_what_is_no_pattern_is_refused(text):
    with pytest.raises(ValueError, match=r"pattern|list"):
        PathPattern.parse(text)


def test_many_patterns_are_walked_at_once():
    matcher = Matcher.start([(PathPattern.parse(f"/**/n{at}/**/leaf"), at) for at in range(200)])
    for token in ("n3", "x", "n150", "leaf"):
        matcher = matcher.step(token)
    assert matcher.found == (3, 150)


# --- what rules hide ---

def test_a_volatile_value_is_hidden_where_both_sides_hold_a_valid_one():
    rule = Rule("stamp", "/**/at", INSTANT)
    legacy = {"at": NOON, "list": [{"at": NOON}]}
    assert told(judged(legacy, {"at": NIGHT, "list": [{"at": NIGHT}]}, rule)) == (
        Outcome.MATCH_NORMALISED, "", [], {"stamp": 2})
    for bad in (None, "", "2025-01-01", 7):
        assert judged(legacy, {**legacy, "at": bad}, rule).tally.outcome is Outcome.MISMATCH
    assert told(judged(legacy, {"list": [{"at": NIGHT}]}, rule)) == (
        Outcome.MISMATCH, "", [("missing", "/at")], {"stamp": 1})


def test_a_rule_hides_at_its_place_alone():
    rule = Rule("stamp", "/at", INSTANT)
    assert told(judged({"at": NOON, "by": {"at": NOON}}, {"at": NIGHT, "by": {"at": NIGHT}}, rule)) == (
        Outcome.MISMATCH, "", [("value", "/by/at")], {"stamp": 1})


def test_items_without_a_key_are_paired_though_they_hold_volatile_values():
    rule = Rule("stamp", "/*/at", INSTANT)
    legacy = [{"at": NOON, "name": f"n{at}"} for at in range(100)]
    modern = [{"at": NIGHT, "name": f"n{at}"} for at in reversed(range(100))]
    assert {d.kind for d in judged(legacy, modern, rule).differences} == {"moved"}
    order = Rule("order", "", order=Order("multiset"))
    assert told(judged(legacy, modern, rule, order)) == (
        Outcome.MATCH_NORMALISED, "", [], {"stamp": 100, "order": 99})


def test_a_key_that_rules_expect_to_differ_identifies_nothing():
    legacy, modern = ([{"id": f"{side}{at}", "name": f"n{at}"} for at in range(3)] for side in "ab")
    assert judged(legacy, modern, Rule("id", "/*/id", Volatile(Volatile.Options("opaque")))).tally.outcome is (
        Outcome.MATCH_NORMALISED)
    assert [one.kind for one in judged(legacy, modern).differences] == ["renamed"]


def test_lists_are_compared_as_they_are_told_to_be():
    legacy, modern = [{"k": "a", "v": 1}, {"k": "b", "v": 2}], [{"k": "b", "v": 3}, {"k": "a", "v": 1}]
    keyed = Rule("keyed", "", order=Order("keyed", (("k",),)))
    assert told(judged(legacy, modern, keyed))[2:] == ([("value", "/1/v")], {"keyed": 1})
    ordered = Rule("ordered", "", order=Order("ordered"))
    assert [d.path for d in judged([1, 2, 3], [1, 9, 8], ordered).differences] == ["/1", "/2"]
    assert told(judged([1, 2, 3, 4], [3, 1, 2, 4], ordered))[2] == [("moved", "/2")]
    assert told(judged([1, 2], [1, 2, 3], ordered))[2] == [("extra", "/2")]


def test_a_key_that_several_items_have_loses_none_of_them():
    keyed = Rule("keyed", "", order=Order("keyed", (("k",),)))
    a, b, other = {"k": "a", "v": 1}, {"k": "a", "v": 2}, {"v": 9}
    assert told(judged([a, b, other], [b, other, a], keyed))[0] is Outcome.MATCH_NORMALISED
    assert told(judged([a, a, b], [b, a], keyed))[2] == [("missing", "/1")]
    assert told(judged([a, {"k": "x", "v": 1}], [a, {"k": "y", "v": 1}], keyed))[2] == [
        ("missing", "/1"), ("extra", "/1")]


def test_what_is_ignored_takes_with_it_what_is_below_and_counts_it():
    rule = Rule("audit", "/audit", ignore=True, reason="written by each side")
    legacy, modern = {"a": 1, "audit": {"x": 1, "y": [1]}}, {"a": 1, "audit": {"x": 2, "y": []}}
    assert told(judged(legacy, modern, rule)) == (Outcome.MATCH_NORMALISED, "", [], {"audit": 2})
    assert judged(legacy, {"a": 1}, rule).tally.outcome is Outcome.MATCH_NORMALISED
    narrow = Rule("audit", "/audit", ignore=True, kind="missing")
    assert told(judged(legacy, modern, narrow))[2] == [("value", "/audit/x")]


def test_capitals_and_spaces_go_together():
    rules = [Rule("case", "/name", Case(Case.Options())), Rule("space", "/name", Space(Space.Options()))]
    assert told(judged({"name": "Jane  Doe"}, {"name": "JANE DOE"}, *rules))[3] == {"case": 1}
    assert judged({"name": "Jane  Doe"}, {"name": "JANE ROE"}, *rules).tally.outcome is Outcome.MISMATCH


def test_a_tolerance_is_for_values():
    rule = Rule("near", "/v", Tolerance(Tolerance.Options(absolute=0.1)))
    assert judged({"v": 1.0}, {"v": 1.05}, rule).tally.outcome is Outcome.MATCH_NORMALISED
    for other in ("1.0", None, 1.2):
        assert judged({"v": 1.0}, {"v": other}, rule).tally.outcome is Outcome.MISMATCH


def test_headers_and_status_have_places_too():
    legacy, modern = answer("legacy", location="/a"), answer("modern", location="/b", status=201)
    rules = [Rule("place", "/@header/location", ignore=True), Rule("made", "/@status", ignore=True)]
    assert told(judged(legacy, modern, *rules)) == (Outcome.MATCH_NORMALISED, "", [], {"made": 1, "place": 1})


def test_a_value_is_in_clear_only_where_a_rule_reveals_it():
    rules = [Rule("code", "/code", reveal=True)]
    legacy, modern = {"code": "final", "name": "Zebulon"}, {"code": "amended", "name": "Quick"}
    [code, name] = judged(legacy, modern, *rules).differences
    assert (str(code.legacy), str(code.modern)) == ('string(5) "final"', 'string(7) "amended"')
    assert (str(name.legacy), str(name.modern)) == ("string(7) word", "string(5) word")


# --- known differences ---

KNOWN = Known("K-1", "/name", "spelling", "results-team", expires=100.0, kind="value")


def test_a_known_difference_is_an_outcome_of_its_own():
    assert told(judged({"name": "a"}, {"name": "b"}, known=[KNOWN])) == (
        Outcome.KNOWN_DIFFERENCE, "K-1", [], {"K-1": 1})
    assert told(judged({"name": "a", "x": 1}, {"name": "b", "x": 2}, known=[KNOWN]))[:3] == (
        Outcome.MISMATCH, "", [("value", "/x")])
    assert judged({"name": "a"}, {}, known=[KNOWN]).tally.outcome is Outcome.MISMATCH


def test_a_known_difference_of_one_shape_hides_no_other():
    known = [replace(KNOWN, shape="string instant")]
    assert judged({"name": NOON}, {"name": NIGHT}, known=known).tally.outcome is Outcome.KNOWN_DIFFERENCE
    for legacy, modern in ((NOON, "soon"), ("soon", NOON), ("soon", "late"), (NOON, None), (1, 2)):
        assert judged({"name": legacy}, {"name": modern}, known=known).tally.outcome is Outcome.MISMATCH


def test_what_has_expired_is_a_mismatch_again():
    late = replace(pair({"name": "a"}, {"name": "b"}), rules=Rules((), (KNOWN,)), at=100.0)
    assert compare(late).tally.outcome is Outcome.MISMATCH


def test_what_is_more_frequent_than_declared_is_a_mismatch_from_then_on():
    rules, rates = Rules((), (replace(KNOWN, max_rate=0.01),)), Rates()
    outcomes = []
    for at in range(3_000):
        legacy, modern = {"name": "a"}, {"name": "b" if at % 20 == 0 else "a"}
        over = rates.over("results", "read", rules)
        outcomes.append(compare(replace(pair(legacy, modern), rules=rules, over=over)))
        rates.count(rules, outcomes[-1])
    known = [at for at, one in enumerate(outcomes) if one.tally.outcome is Outcome.KNOWN_DIFFERENCE]
    assert len(known) == 11
    assert sum(one.tally.outcome is Outcome.MISMATCH for one in outcomes) == 150 - 11
    assert rates.over("results", "read", Rules((), (KNOWN,))) == frozenset()
    assert rates.over("results", "search", rules) == frozenset()


# --- defaults ---

def test_a_servers_own_stamps_are_expected_in_fhir_and_nowhere_else():
    def bundle(at, host, **more):
        return {"resourceType": "Bundle", "type": "searchset", "timestamp": at, "total": 1, **more,
                "link": [{"relation": "next", "url": f"http://{host}/fhir?page=2"}],
                "entry": [{"fullUrl": "urn:1", "resource": {
                    "resourceType": "Patient", "id": "1", "meta": {"lastUpdated": at}}}]}

    assert set(dict(judged(bundle(NOON, "a"), bundle(NIGHT, "b")).hidden)) == {
        "default /timestamp", "default host", "default /entry/*/resource/meta/lastUpdated"}
    assert told(judged(bundle(NOON, "a"), bundle(NIGHT, "b", total=2)))[2] == [("value", "/total")]
    assert judged({"meta": {"lastUpdated": NOON}}, {"meta": {"lastUpdated": NIGHT}}).tally.outcome is Outcome.MISMATCH
    document = [{"resourceType": "Bundle", "type": "document", "timestamp": at} for at in (NOON, NIGHT)]
    assert judged(*document).tally.outcome is Outcome.MISMATCH


# --- as values ---

RULES = Rules((Rule("a", "/a", INSTANT), Rule("b", "/b", severity=Severity.MINOR)), (KNOWN,))


def test_rules_are_the_same_where_they_say_the_same():
    again = pickle.loads(pickle.dumps(RULES))
    assert (again, hash(again), again.digest) == (RULES, hash(RULES), RULES.digest)
    assert again.compiled(1.0) is RULES.compiled(2.0)
    assert NONE.digest != RULES.digest != Rules(RULES.rules).digest


@given(VALUES, VALUES, st.lists(st.sampled_from([
    Rule("i", "/**", ignore=True), Rule("v", "/**", INSTANT), Rule("m", "/**", order=Order("multiset")),
    Rule("k", "/**", order=Order("keyed", (("id",),))), Rule("o", "/*", order=Order("ordered")),
    Rule("c", "/*/*", Case(Case.Options())), Rule("t", "/**/id", Tolerance(Tolerance.Options(1.0))),
]), max_size=4, unique_by=lambda one: one.id))
def test_rules_only_ever_take_away(legacy, modern, rules):
    assert judged(legacy, legacy, *rules).tally.outcome is Outcome.MATCH
    plain, ruled = judged(legacy, modern), judged(legacy, modern, *rules)
    if plain.tally.outcome is Outcome.MATCH:
        assert ruled.tally.outcome is Outcome.MATCH
    assert (ruled.tally.outcome is Outcome.MATCH_NORMALISED) == bool(ruled.hidden and not ruled.differences)
    back = judged(modern, legacy, *rules)
    assert back.tally.outcome is ruled.tally.outcome


def test_what_is_hidden_by_default_can_be_taken_back():
    def bundle(day, other):
        return {"resourceType": "Bundle", "meta": {"lastUpdated": f"2025-01-0{day}T00:00:00Z"},
                "link": [{"url": f"http://{other}/Patient/1", "relation": "self"}]}

    both = bundle(1, "old"), bundle(2, "new")
    assert told(judged(*both))[2] == []
    found = judged(*both, Rule("all of it", "/meta", defaults=False))
    assert told(found)[2:] == ([("value", "/meta/lastUpdated")], {"default host": 1})
    assert told(judged(*both, Rule("none", "", defaults=False)))[2:] == (
        [("value", "/meta/lastUpdated"), ("value", "/link/0/url")], {})
    assert told(judged(*both, Rule("none", "", defaults=False), Rule("own", "/meta/lastUpdated", INSTANT)))[2] == [
        ("value", "/link/0/url")], "what is written stands"
    lines = answer("legacy", b"a\nb", content_type="text/plain"), answer("modern", b"b\na", content_type="text/plain")
    without = judged(*lines, Rule("none", "", defaults=False))
    assert without.differences == judged(*lines).differences, "that lines have an order hides nothing"
