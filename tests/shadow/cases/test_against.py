"""A case held against an answer of today, whose values are others than the invented ones of the case."""

import pytest

from shadow.cases.against import ABOVE, INVENTED, Case, State, against
from shadow.compare.comparison import compare
from shadow.compare.difference import Severity, Signature
from shadow.compare.rules import Rule, Rules
from shadow.normalisers.volatile import Volatile
from tests.shadow.exchanges import answer, pair


def case(legacy, modern, rules=None):
    """The case that these two bodies make, with nothing shrunk."""
    made = pair(legacy, modern)
    made.rules = rules or Rules()
    found = frozenset((one.signature, one.severity) for one in compare(made).differences)
    assert found
    return Case(made.control, made.rules, found)


def states(held, modern, legacy=None):
    said = answer("modern", modern) if not hasattr(modern, "arm") else modern
    _, found = against(held, said, answer("legacy", legacy) if legacy is not None else None)
    return {(one.signature.kind, one.signature.path): (str(one.state), one.why) for one in found}


@pytest.mark.parametrize(("legacy", "modern", "broken", "mended"), [
    ({"telecom": {"phone": "+"}}, {"telecom": {}}, {"id": 7, "telecom": {}}, {"telecom": {"phone": "01 23"}, "id": 7}),
    ({"a": "x"}, {"a": "x", "secret": "y"}, {"a": "q", "secret": "z"}, {"a": "q", "more": 1}),
    ({"dose": 1}, {"dose": "1"}, {"dose": "20"}, {"dose": 20.5}),
    ({"born": "2000-01-01"}, {"born": "2000-01-01T00:00:00Z"}, {"born": "1931-07-23T00:00:00Z"},
     {"born": "1931-07-23"}),
    ({"dose": 1.0}, {"dose": 1}, {"dose": 5}, {"dose": 5.00}),
])
def test_mending_modern_changes_the_result_whatever_its_values_are(legacy, modern, broken, mended):
    held = case(legacy, modern)
    assert set(states(held, broken).values()) == {("again", "")}
    assert set(states(held, mended).values()) == {("gone", "")}


def test_values_of_one_format_are_told_only_by_legacys_own_answer():
    held = case({"name": "ab"}, {"name": "cd"})
    assert states(held, {"name": "Zebulon"}) == {("value", "/name"): ("not known", INVENTED)}
    assert states(held, {"name": "Zebulon"}, legacy={"name": "Zebulon"}) == {("value", "/name"): ("gone", "")}
    assert states(held, {"name": "Quick"}, legacy={"name": "Zebulon"}) == {("value", "/name"): ("again", "")}
    # An answer that says just what the case's legacy says leaves nothing open.
    assert states(held, {"name": "ab"}) == {("value", "/name"): ("gone", "")}


def test_another_difference_than_before_at_the_place_is_not_gone_where_legacy_is_known():
    held = case({"name": "ab"}, {})
    assert states(held, {"name": "Quick"}, legacy={"name": "Zebulon"}) == {("missing", "/name"): ("again", "")}


def test_what_hides_the_place_leaves_it_open():
    held = case({"items": [{"code": "x"}]}, {"items": [{}]})
    assert states(held, {"id": "7"}) == {("missing", "/items/*/code"): ("not known", ABOVE)}
    for hiding in (answer("modern", {"error": 1}, 500), answer("modern", b"{"),
                   answer("modern", b"x", content_type="image/png"), answer("modern", failure="reset")):
        [(state, why)] = states(held, hiding).values()
        assert (state, why.startswith("the answers cannot be compared: ")) == ("not known", True)
    # A status of the same class leaves the documents to be compared.
    created = answer("modern", {"items": [{"code": "q"}]}, 201)
    assert states(held, created) == {("missing", "/items/*/code"): ("gone", "")}


def test_a_status_is_compared_as_it_is():
    made = pair(answer("legacy", {}, 404), answer("modern", {}, 200))
    held = Case(made.control, Rules(), frozenset({(Signature("status", "", "404", "200"), Severity.CRITICAL)}))
    assert states(held, answer("modern", {}, 200)) == {("status", ""): ("again", "")}
    assert states(held, answer("modern", {"other": 1}, 404)) == {("status", ""): ("gone", "")}


def test_the_rules_of_the_case_apply_and_the_worst_comes_first():
    rules = Rules((Rule("volatile", "/at", Volatile(Volatile.Options("instant"))),
                   Rule("grave", "/b", severity=Severity.CRITICAL)))
    held = case({"at": "2024-01-01T00:00:00Z", "a": "x", "b": "y"}, {"at": "2025-01-01T00:00:00Z"}, rules)
    comparison, found = against(held, answer("modern", {"at": "2026-01-01T00:00:00Z", "a": "x", "b": "z"}))
    assert [(one.severity, one.signature.path, one.state) for one in found] == [
        (Severity.CRITICAL, "/b", State.GONE), (Severity.MAJOR, "/a", State.GONE)]
    assert comparison.hidden == (("volatile", 1),)
