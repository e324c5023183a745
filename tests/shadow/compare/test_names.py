"""What of a path is shown: names of fields, and no name that is data, however it looks by itself."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.document import parse
from shadow.compare.comparison import compare
from shadow.compare.diff import diff
from shadow.compare.names import FORMS, MASKED, Masks, masked_names
from shadow.compare.patterns import Directive, Matcher, PathPattern
from tests.shadow.exchanges import answer, pair


def tree(value):
    return parse(json.dumps(value).encode())


def paths(legacy, modern):
    return {one.path for one in compare(pair(legacy, modern)).differences}


def shown(document, *rules):
    """The names of a document that are no data."""
    directives = Matcher.start((PathPattern.parse(at), Directive(at, keys=keys)) for at, keys in rules)
    data = masked_names(Masks(directives, guess=True), tree(document))
    found, stack = set(), [(tree(document), ())]
    while stack:
        node, names = stack.pop()
        if isinstance(node, dict):
            found |= {name for name in node if (*names, name) not in data}
            stack += [(value, (*names, name)) for name, value in node.items()]
        elif isinstance(node, list):
            stack += [(value, (*names, "*")) for value in node]
    return found


SMITH = {"dob": "1970-01-01", "ward": "B2"}


@pytest.mark.parametrize("document", [
    {"byName": {"smith": "P-1"}}, {"by_name": {"smith": 1}}, {"patientsByName": {"smith": True}},
    {"nameIndex": {"smith": 1}}, {"patientMap": {"smith": None}}, {"lookup": {"smith": ["P-1"]}},
    {"patients": {"smith": SMITH}}, {"people": {"smith": []}}, {"ward": {"patients": {"smith": {}}}},
    {"found": {"smith": SMITH, "jones": {"dob": "1980-01-01"}}}, {"smith": SMITH, "jones": {**SMITH, "phone": "1"}},
    {"found": {"smith": [SMITH], "jones": [SMITH, SMITH]}}, {"found": {"smith": 1, "4711-11": 2}},
    {"found": {"smith": "a", "m\u00fcller": "b"}}, {"found": {"smith": "a", "O'Brien": "b"}},
    {"found": {"Smith": 1}, "total": 1}, {"result": {"at": "x", "found": [{"Smith": 1}]}},
    {"Smith": 1, "of": 2, "at": 3}, {"Smith": SMITH},
])
def test_a_name_of_letters_only_is_masked_where_it_is_data(document):
    assert {name.lower() for name in shown(document)}.isdisjoint({"smith", "jones"})


@pytest.mark.parametrize("document", [
    {"id": 1, "name": {"given": "a", "family": "b"}, "active": True},
    {"observation": {"code": {"text": "x"}, "value": 5, "unit": {"text": "mg"}}},
    {"status": {"code": {}}, "address": {"home": {}}, "diagnosis": {"main": {}}},
    {"_links": {"self": {"href": "/a"}, "next": {"href": "/b"}}},
    {"createdBy": {"id": 1, "role": "nurse"}, "bodyMassIndex": 22},
    {"observations": [{"code": 1}], "medications": [{"dose": 1}], "total": 2},
    {"Name": "a", "BirthDate": "b", "Address": {"Street": "c"}}, {"patient": SMITH},
    {"id": 1, "birth date": "x", "tags": ["a"], "active": True},
    {"resourceType": "Bundle", "entry": [{"resource": {"identifiers": {"smith": {}}, "Smith": 1}}]},
    {"entry": [{"resource": {"resourceType": "Patient", "contacts": {"smith": {}}}}]},
])
def test_a_field_is_shown(document):
    names, stack = set(), [document]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            names |= set(node)
            stack += node.values()
        elif isinstance(node, list):
            stack += node
    assert shown(document) == names - {"birth date"}


def test_a_rule_says_what_an_objects_names_are():
    risk = {"risk": {"smith": 3, "jones": 4}, "settings": {"display": {}, "alarm": {}}}
    assert shown(risk) == {"risk", "settings", "smith", "jones"}
    assert shown(risk, ("/risk", "data"), ("/settings", "names")) == {"risk", "settings", "display", "alarm"}
    assert shown({"a": {"Smith": 1}, "b": 1, "c": 2}, ("/a", "names")) == {"a", "b", "c", "Smith"}
    assert "O'Brien" not in shown({"a": {"O'Brien": 1}}, ("/a", "names")), "what looks like data is never shown"
    assert shown({"a": [{"risk": {"smith": 1}}]}, ("/**/risk", "data")) == {"a", "risk"}


def test_paths_of_differences_are_masked_on_either_side():
    assert paths({"found": {"smith": SMITH}}, {"found": {"jones": SMITH}}) == {f"/found/{MASKED}"}
    assert paths({}, {"byName": {"smith": 1}, "a": 1}) == {"/byName", "/a"}
    assert paths({"byName": {"smith": [{"at": 1}]}}, {"byName": {"smith": [{"at": 2}]}}) == {f"/byName/{MASKED}/0/at"}
    moved = paths({"total": 1, "a": [{"id": 1, "Smith": 1}, {"id": 2, "Smith": 1}]},
                  {"total": 1, "a": [{"id": 2, "Smith": 2}, {"id": 1, "Smith": 2}]})
    assert {f"/a/0/{MASKED}", f"/a/1/{MASKED}"} <= moved
    assert not any("Smith" in path for path in moved)


def test_names_of_xml_are_a_schemas():
    sides = [answer(arm, f"<patients><Smith><a>{arm}</a></Smith></patients>".encode(), content_type="application/xml")
             for arm in ("legacy", "modern")]
    assert any("Smith" in one.path for one in compare(pair(*sides)).differences)
    assert "xml" not in FORMS


NAMES = st.sampled_from(["smith", "Smith", "patients", "byName", "id", "12", "a b", "resourceType"])
TREES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3) | st.just("x"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=12)


@given(TREES, TREES)
def test_what_differs_and_how_many_are_the_same_whatever_is_masked(legacy, modern):
    plain, masked = (diff(tree(legacy), tree(modern), form=form).differences for form in ("", "json"))
    assert [(one.kind, one.legacy, one.modern) for one in plain] == [
        (one.kind, one.legacy, one.modern) for one in masked]
    for one, other in zip(plain, masked, strict=True):
        assert all(step == told or told == MASKED
                   for step, told in zip(one.path.split("/"), other.path.split("/"), strict=True))
