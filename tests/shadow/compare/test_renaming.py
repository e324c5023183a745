"""Records that both arms have under other identifiers are recognised, and a crosswalk is proposed for them."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shadow.compare.comparison import Outcome, compare
from shadow.compare.difference import Severity
from shadow.compare.rules import Class, Rule, Rules
from shadow.judge.crosswalks import Crosswalks
from shadow.judge.judgement import judge
from shadow.report.causes import tried
from tests.shadow.exchanges import pair


def told(legacy, modern):
    found = compare(pair(legacy, modern))
    assert found.tally.outcome is Outcome.MISMATCH
    return [(one.kind, one.signature.path) for one in found.differences]


def bundle(ids, **more):
    return {"resourceType": "Bundle", "type": "searchset", "entry": [
        {"fullUrl": f"http://h/Observation/{id}", "resource": {
            "resourceType": "Observation", "id": id, "subject": {"reference": f"Patient/{ids[-1]}"},
            "valueQuantity": {"value": at}, **more}} for at, id in enumerate(ids)]}


RENAMED = [("renamed", "/entry/*/resource/id"), ("renamed", "/entry/*/fullUrl"), ("renamed", "/**/reference")]


def test_a_bundle_of_renamed_records_is_no_bundle_of_missing_ones():
    assert told(bundle(["1", "2", "3"]), bundle(["a", "b", "c"])) == RENAMED
    assert told(bundle(["1", "2"]), bundle(["a", "b"], status="final")) == [
        ("extra", "/entry/*/resource/status")] * 2 + RENAMED


def test_each_place_proposes_the_rule_that_settles_it():
    legacy, modern = bundle(["1", "2", "3"]), bundle(["a", "b", "c"])
    found = compare(pair(legacy, modern)).differences
    rules = [tried((one.kind, one.path), one.severity, [(one.legacy.group, one.modern.group)], False) for one in found]
    assert rules == [
        '{at: "/entry/*/resource/id", crosswalk: resource}', '{at: "/entry/*/fullUrl", crosswalk: reference}',
        '{at: "/**/reference", crosswalk: reference}']
    assert {one.severity for one in found} == {Severity.MAJOR}
    ruled = Rules(tuple(Rule(one.path, one.path, crosswalk=one.legacy.form) for one in found), (),
                  (Class("Observation"), Class("Patient")))
    settled = judge(replace(pair(legacy, modern), rules=ruled), Crosswalks())
    assert settled.tally.outcome is Outcome.MATCH_NORMALISED


@pytest.mark.parametrize(("legacy", "modern", "expected"), [
    ({"items": [{"id": "1", "v": "x"}, {"id": "2", "v": "y"}]},
     {"items": [{"id": "a", "v": "x"}, {"id": "b", "v": "y"}]}, [("renamed", "/items/*/id")]),
    ([{"id": "1", "v": "x"}, {"id": "2", "v": "y"}], [{"id": "a", "v": "x"}, {"id": "b", "v": "y"}],
     [("renamed", "/*/id")]),
    # Other records, and not renamed ones.
    ({"items": [{"id": "1", "v": "x"}, {"id": "2", "v": "y"}]},
     {"items": [{"id": "3", "w": "z"}, {"id": "4", "w": "u"}]}, [("missing", "/items/*"), ("extra", "/items/*")] * 2),
    # One record may as well be another patient's.
    ([{"id": "1", "v": "x"}], [{"id": "a", "v": "x"}], [("missing", "/*"), ("extra", "/*")]),
    # Nothing is renamed: one record went, another came.
    ({"items": [{"id": "1", "v": "x"}, {"id": "2", "v": "y"}]}, {"items": [{"id": "1", "v": "x"}]},
     [("missing", "/items/*")]),
])
def test_records_are_recognised_by_what_else_they_hold(legacy, modern, expected):
    assert told(legacy, modern) == expected


def test_a_renaming_that_is_not_one_to_one_is_none():
    legacy, modern = bundle(["1", "2", "3"]), bundle(["a", "b", "c"])
    modern["entry"][0]["resource"]["subject"]["reference"] = "Patient/other"
    assert ("missing", "/entry/*") in told(legacy, modern)


@given(st.lists(st.tuples(st.sampled_from("1234"), st.integers(0, 2)), max_size=5, unique_by=lambda one: one[0]),
       st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 2)), max_size=5, unique_by=lambda one: one[0]))
def test_records_with_other_identifiers_never_match(legacy, modern):
    one, other = ([{"id": id, "v": value} for id, value in some] for some in (legacy, modern))
    if one or other:
        assert compare(pair(json.loads(json.dumps(one)), other)).tally.outcome is Outcome.MISMATCH
