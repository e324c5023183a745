"""The reference's table of what the formats of JSON mean: each of its cells is held to examples."""

import json
from pathlib import Path

import pytest

from shadow.compare.comparison import AGREED, Outcome, compare
from tests.markdown import tables
from tests.shadow.exchanges import answer, pair

REFERENCE = Path(__file__).parents[3] / "docs" / "reference.md"
NOTHING, ORDER, IDENTITY, CRITICAL, NEVER = "Means nothing", "Order", "Identity", "Critical", "Never a match"
FHIR = "FHIR, in JSON, NDJSON or XML"
DIV = '<div xmlns="http://www.w3.org/1999/xhtml">{}</div>'
BASE64 = "QUJD" * 30


def bundle(*entries, kind="searchset", **more):
    return {"resourceType": "Bundle", "type": kind, "entry": list(entries), **more}


def patient(**more):
    return {"resourceType": "Patient", **more}


def entry(id, host="a", **more):
    return {"fullUrl": f"https://{host}/Patient/{id}", "resource": patient(id=id, **more)}


def element(tag, *values, vr="LO"):
    return [{tag: {"vr": vr, "Value": list(values)}}]


def page(*relations):
    return bundle(link=[{"relation": one, "url": "https://a/Patient?page=2"} for one in relations])


def deep(inside):
    return f"{'[' * 1100}{inside}{']' * 1100}".encode()


# Format, column, words of the cell, and two answers for which it holds.
EXAMPLES = [
    ("JSON", NOTHING, "order of members", b'{"a": 1, "b": 2}', b'{"b": 2, "a": 1}'),
    ("JSON", NOTHING, "white space", b'{"a":[1]}', b'{ "a" : [\n1 ] }'),
    ("JSON", NOTHING, "instants", {"a": "2026-01-01T10:00:00Z"}, {"a": "2026-01-01T10:00:00.0+0000"}),
    ("JSON", NOTHING, "letters", {"a": "M\u00fcller"}, {"a": "Mu\u0308ller"}),
    ("JSON", NOTHING, "Base64", {"a": BASE64}, {"a": f"{BASE64[:76]}\n{BASE64[76:]}"}),
    ("JSON", NOTHING, "hosts and tokens of links", {"next": "https://a/x?cursor=abcdefgh1"},
     {"next": "https://b/x?cursor=abcdefgh2"}),
    ("JSON", ORDER, "`moved`, minor", {"tags": ["a", "b"]}, {"tags": ["b", "a"]}),
    ("JSON", ORDER, "major among numbers", {"at": [1, 2]}, {"at": [2, 1]}),
    ("JSON", ORDER, "or lists", {"at": [["a"], ["b"]]}, {"at": [["b"], ["a"]]}),
    *(("JSON", ORDER, f"major; `{name}`", {name: [{"a": 1}, {"b": 2}]}, {name: [{"b": 2}, {"a": 1}]})
      for name in ("dose", "coordinates", "steps")),
    *(("JSON", IDENTITY, words, {"x": [{**one, "v": 1}, {**other, "v": 2}]},
       {"x": [{**other, "v": 3}, {**one, "v": 1}]})
      for words, one, other in (
        ("`id`", {"id": "1"}, {"id": "2"}), ("`url`", {"url": "u:1"}, {"url": "u:2"}),
        ("`identifier`", *({"identifier": [{"system": "s", "value": one}]} for one in "12")),
        ("`system` and `code`", {"system": "s", "code": "1"}, {"system": "s", "code": "2"}))),
    *(("JSON", CRITICAL, f"`{name}`", {"x": {name: "a"}}, {"x": {name: "b"}})
      for name in ("patient", "mrn", "allergy", "dose", "unit")),
    ("JSON", CRITICAL, "`status`", {"status": "a"}, {"status": "b"}),
    ("JSON", CRITICAL, "a record", [{"id": "1"}, {"id": "2"}], [{"id": "1"}]),
    ("JSON", NEVER, "nested past 1,024 levels", deep("1"), deep("2")),
    ("JSON", NEVER, "no JSON", b"{", b"{ "),
    (FHIR, NOTHING, "`meta.lastUpdated`", patient(meta={"lastUpdated": "2026-01-01T10:00:00Z"}),
     patient(meta={"lastUpdated": "2026-02-01T10:00:00Z"})),
    (FHIR, NOTHING, "`meta.versionId` alone", patient(meta={"versionId": "1"}), patient(meta={"versionId": "2"})),
    (FHIR, NOTHING, "hosts in `fullUrl`", bundle(entry("1")), bundle(entry("1", "b"))),
    (FHIR, NOTHING, "`link`", bundle(link=[{"relation": "self", "url": "https://a/x"}]),
     bundle(link=[{"relation": "self", "url": "https://b/x"}])),
    (FHIR, NOTHING, "white space of a narrative", patient(text={"div": DIV.format("<p>a b</p>")}),
     patient(text={"div": DIV.format("<p>\n a  b</p>")})),
    (FHIR, ORDER, "`moved`, minor", bundle(entry("1"), entry("2")), bundle(entry("2"), entry("1"))),
    (FHIR, ORDER, "major; name", patient(name=[{"given": ["a", "b"]}]), patient(name=[{"given": ["b", "a"]}])),
    (FHIR, ORDER, "major; address", patient(address=[{"line": ["a", "b"]}]), patient(address=[{"line": ["b", "a"]}])),
    (FHIR, ORDER, "major; doses", *({"resourceType": "MedicationRequest", "dosageInstruction": [
        {"text": one} for one in words]} for words in ("ab", "ba"))),
    *((FHIR, ORDER, f"major; {kind}", *(bundle(*map(entry, ids), kind=kind) for ids in ("12", "21")))
      for kind in ("document", "message", "batch", "history")),
    (FHIR, IDENTITY, "`fullUrl`", bundle(entry("1", active=True), entry("2")),
     bundle(entry("2"), entry("1", active=False))),
    (FHIR, IDENTITY, "`resourceType` and `id`", *(bundle(*(
        {"resource": patient(id=id, language=word)} for id, word in both))
        for both in ((("1", "a"), ("2", "b")), (("2", "b"), ("1", "c"))))),
    (FHIR, IDENTITY, "`linkId`", *({"resourceType": "Questionnaire", "item": [
        {"linkId": id, "text": word} for id, word in both]} for both in (("1a", "2b"), ("2b", "1c")))),
    (FHIR, CRITICAL, "modifiers", patient(active=True), patient(active=False)),
    (FHIR, CRITICAL, "codes of clinical records", *({"resourceType": "Immunization", "vaccineCode": {"text": one}}
                                                    for one in "ab")),
    (FHIR, CRITICAL, "whose record it is", patient(gender="male"), patient(gender="female")),
    (FHIR, CRITICAL, "`meta.security`", patient(meta={"security": [{"code": "R"}]}), patient(meta={})),
    (FHIR, CRITICAL, "Consent", *({"resourceType": "Consent", "provision": {"type": one}}
                                  for one in ("permit", "deny"))),
    (FHIR, CRITICAL, "a record", bundle(entry("1"), entry("2")), bundle(entry("1"))),
    (FHIR, NEVER, "a page that is lost", page("next"), page()),
    ("DICOM JSON", NOTHING, "as in JSON", element("00081030", "M\u00fcller"), element("00081030", "Mu\u0308ller")),
    ("DICOM JSON", ORDER, "major among numbers", element("00189313", 1.5, 2.5), element("00189313", 2.5, 1.5)),
    ("DICOM JSON", IDENTITY, "the tag", [{**element("00081030", "a")[0], **element("00080070", "b")[0]}],
     [{**element("00080070", "b")[0], **element("00081030", "c")[0]}]),
    *(("DICOM JSON", CRITICAL, words, element(tag, "a"), element(tag, "b")) for words, tag in (
        ("PatientName", "00100010"), ("PatientID", "00100020"), ("PatientBirthDate", "00100030"),
        ("PatientSex", "00100040"), ("UIDs", "0020000D"), ("laterality", "00200060"), ("spacing", "00280030"),
        ("position", "00200032"), ("rescaling", "00281053"), ("Modality", "00080060"),
        ("BodyPartExamined", "00180015"), ("pixels", "00280103"))),
    *(("DICOM JSON", CRITICAL, words, [{"0040A730": {"vr": "SQ", "Value": element(tag, "a")}}],
       [{"0040A730": {"vr": "SQ", "Value": element(tag, "b")}}]) for words, tag in (
        ("codes", "00080100"), ("units", "004008EA"), ("values of a report", "0040A30A"))),
    ("DICOM JSON", CRITICAL, "instance, series or study", [element("00080018", "1")[0], element("00080018", "2")[0]],
     element("00080018", "1")),
    ("DICOM JSON", NEVER, "BulkDataURI", *([{"7FE00010": {"vr": "OW", "BulkDataURI": f"https://a/{one}"}}]
                                           for one in "xy")),
]


def cells():
    [found] = [one for one in tables(REFERENCE.read_text()) if one.section == "What the formats of JSON mean"]
    return {(row[0], column): cell for row in found.rows
            for column, cell in zip(found.columns[1:], row[1:], strict=True)}


def test_each_cell_has_its_examples():
    assert {(form, column) for form, column, *_ in EXAMPLES} == set(cells())


@pytest.mark.parametrize(("form", "column", "words", "old", "new"), EXAMPLES,
                         ids=[f"{form[:4]} {column}: {words}" for form, column, words, *_ in EXAMPLES])
def test_the_table_says_what_is_so(form, column, words, old, new):
    cell = cells()[form, column]
    for part in words.split("; "):
        assert part in cell
    found = compare(pair(*(answer(arm, one if isinstance(one, bytes) else json.dumps(one).encode())
                           for arm, one in (("legacy", old), ("modern", new)))))
    if column == NOTHING:
        assert found.tally.outcome in (Outcome.MATCH, Outcome.MATCH_NORMALISED)
    elif column == ORDER:
        wanted = "major" if "major" in words or words == "or lists" else "minor"
        assert {(one.kind, str(one.severity)) for one in found.differences} == {("moved", wanted)}
    elif column == IDENTITY:
        assert {one.kind for one in found.differences} <= {"moved", "value"}
        assert [one.kind for one in found.differences].count("value") == 1
    elif column == CRITICAL:
        assert found.severity == "critical"
    else:
        assert found.tally.outcome not in AGREED
