"""What of a path is shown: names of fields, and no name that is data, however it looks by itself."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.document import Path as Way
from adapters.document import get, parse
from gateway.cli.shapes import line
from shadow.compare.comparison import compare
from shadow.compare.diff import diff
from shadow.compare.difference import placed
from shadow.compare.names import FORMS, MASKED, Masks, masked_names
from shadow.compare.patterns import Directive, Matcher, PathPattern
from shadow.compare.rules import Rule, Rules
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
    assert "O'Brien" not in shown({"a": {"O'Brien": 1}}, ("/a", "names")), "what looks like a text is never shown"
    assert shown({"a": [{"risk": {"smith": 1}}]}, ("/**/risk", "data")) == {"a", "risk"}


def test_paths_of_differences_are_masked_on_either_side():
    assert paths({"found": {"smith": SMITH}}, {"found": {"jones": SMITH}}) == {f"/found/{MASKED}"}
    assert paths({}, {"byName": {"smith": 1}, "a": 1}) == {"/byName", "/a"}
    assert paths({"byName": {"smith": [{"at": 1}]}}, {"byName": {"smith": [{"at": 2}]}}) == {f"/byName/{MASKED}/0/at"}
    moved = paths({"total": 1, "a": [{"id": 1, "Smith": 1}, {"id": 2, "Smith": 1}]},
                  {"total": 1, "a": [{"id": 2, "Smith": 2}, {"id": 1, "Smith": 2}]})
    assert {f"/a/0/{MASKED}", f"/a/1/{MASKED}"} <= moved
    assert not any("Smith" in path for path in moved)


CASES = Path(__file__).parent / "cases"


def test_an_attribute_of_dicom_is_shown_with_its_keyword():
    found = compare(pair(*((CASES / f"json-dicom-tags.{arm}.json").read_bytes() for arm in ("legacy", "modern"))))
    [one] = found.differences
    assert (one.kind, one.signature.path, one.severity) == ("missing", "/*/00100030/Value", "critical")
    assert line(one).startswith("critical  missing   /0/00100030/Value (PatientBirthDate): ")
    assert get(tree([{"00100030": {"vr": "DA", "Value": ["19700101"]}}]), Way.parse(one.path)) == ["19700101"]


@pytest.mark.parametrize("uid", ["00080018", "0020000E", "0020000D"])
def test_images_series_and_studies_are_paired_by_their_uid(uid):
    def made(*numbers):
        return [{uid: {"vr": "UI", "Value": [f"1.2.{number}"]}, "00080060": {"vr": "CS", "Value": ["CT"]}}
                for number in numbers]

    assert {one.kind for one in compare(pair(made(1, 2, 3), made(3, 1, 2))).differences} == {"moved"}
    found = compare(pair(made(1, 2, 3), made(1, 2, 4))).differences
    assert [(one.kind, one.path, one.severity) for one in found] == [
        ("missing", "/2", "critical"), ("extra", "/2", "critical")], "another image is no changed one"


ELEMENT = {"vr": "LO", "Value": ["x"]}


@pytest.mark.parametrize(("document", "names"), [
    ([{"00100030": ELEMENT, "7FE00010": {"vr": "OW", "BulkDataURI": "x"},
       "00091001": {"vr": "UN", "InlineBinary": "x"}}],
     {"00100030", "7FE00010", "00091001", "vr", "Value", "BulkDataURI", "InlineBinary"}),
    ([{"00100010": {"vr": "PN", "Value": [{"Alphabetic": "a"}]}, "00081115": {"vr": "SQ", "Value": [
        {"0020000E": {"vr": "UI"}}]}}], {"00100010", "vr", "Value", "Alphabetic", "00081115", "0020000E"}),
    ({"0010,0030": "x", "0010,0040": {"Name": "PatientSex", "Value": "F"}},
     {"0010,0030", "0010,0040", "Name", "Value"}),
    ([{"30060010": {"vr": "SQ", "Value": []}}], {"30060010", "vr", "Value"}),
    # What only looks like a tag: no value representation, no attribute of the dictionary, or more than an element has.
    ([{"00100030": "19700101"}], set()), ([{"00100030": {"name": "x"}}], {"name"}), ({"4711,0815": "x"}, set()),
    ([{"47110815": {"vr": "x"}}], {"vr"}), ([{"47120814": ELEMENT}], {"vr", "Value"}),
    ([{"00100030": {**ELEMENT, "name": "x"}}], {"vr", "name"}),
    # HL7 v2 as XML, and as JSON that follows it.
    ({"PID": {"PID.3": {"PID.3.1": "1"}, "PID.5": {"XPN.1": "x"}}}, {"PID", "PID.3", "PID.3.1", "PID.5", "XPN.1"}),
    ({"ORU_R01": {"ORU_R01.PATIENT_RESULT": [{"OBX-5": "x"}]}}, {"ORU_R01", "ORU_R01.PATIENT_RESULT", "OBX-5"}),
    ({"byField": {"PID.3": "1", "smith": "2"}, "ward": {"B12.3": "1"}}, {"byField", "PID.3", "ward"}),
])
def test_names_that_standards_give_are_shown_and_nothing_that_looks_like_them(document, names):
    assert shown(document) == names


@pytest.mark.parametrize(("name", "is_shown"), [
    ("718-7", True), ("2345-7", True), ("PID.3", True), ("Gr\u00f6\u00dfe", True), ("vitals:0|magnitude", True),
    ("a.b", True), ("00100030", True), ("http://loinc.org", False), ("O'Brien", False), ("Smith, J.", False),
    ("4711", False),
    ("12345678", False), ("a b", False), ("x" * 65, False), ("{key}", False), ("a~b", False),
])
def test_a_rule_shows_names_and_no_text(name, is_shown):
    document = {"results": {name: {"value": 1}}}
    assert (name in shown(document)) is (name == "PID.3")
    assert (name in shown(document, ("/results", "names"))) is is_shown
    changed = {"results": {name: {"value": 2}}}
    asked = pair(document, changed)
    asked.rules = Rules((Rule("names", "/results", keys="names"),))
    [one] = compare(asked).differences
    assert one.path == f"/results/{name if is_shown else MASKED}/value"
    assert one.signature.path == one.path


@given(st.text(max_size=12))
def test_no_name_of_digits_is_taken_for_an_index_but_digits_alone(name):
    for found in (shown({"a": {name: 1}}, ("/a", "names")), shown({"a": {name: ELEMENT}})):
        for one in found - {"a", "vr", "Value"}:
            assert placed(f"/a/{one}/0") == f"/a/{one}/*"


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
