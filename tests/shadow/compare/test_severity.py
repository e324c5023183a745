"""Severity: what may harm a patient is critical, what people read beside it is not, and rules have the first word."""

from dataclasses import replace

import pytest

from shadow.compare.comparison import compare
from shadow.compare.difference import Severity
from shadow.compare.patterns import PathPattern
from shadow.compare.rules import Rule, Rules
from shadow.compare.severity import criticals
from tests.shadow.exchanges import answer, pair


def worst(legacy, modern, *rules):
    return compare(replace(pair(legacy, modern), rules=Rules(rules))).severity


OBSERVATION = {
    "resourceType": "Observation", "id": "o1", "status": "final", "subject": {"reference": "Patient/1"},
    "identifier": [{"system": "urn:lab", "value": "1"}],
    "code": {"coding": [{"system": "http://loinc.org", "code": "2345-7", "display": "Glucose"}]},
    "valueQuantity": {"value": 72.5, "unit": "mg/dL"}, "interpretation": [{"text": "N"}], "note": [{"text": "well"}],
}
BUNDLE = {"resourceType": "Bundle", "type": "searchset", "total": 2, "entry": [
    {"fullUrl": "http://a/1", "resource": OBSERVATION},
    {"fullUrl": "http://a/2", "resource": {**OBSERVATION, "id": "o2"}}]}


def changed(document, *path, to):
    """The document with another value at `path`; None takes it out."""
    first, *rest = path
    copy = dict(document) if isinstance(document, dict) else list(document)
    if rest:
        copy[first] = changed(document[first], *rest, to=to)
    elif to is None:
        del copy[first]
    else:
        copy[first] = to
    return copy


@pytest.mark.parametrize(("path", "to", "severity"), [
    (("subject", "reference"), "Patient/2", "critical"), (("identifier", 0, "value"), "2", "critical"),
    (("identifier",), None, "critical"), (("status",), "amended", "critical"),
    (("valueQuantity", "value"), 7.25, "critical"), (("valueQuantity", "unit"), "mmol/L", "critical"),
    (("interpretation", 0, "text"), "H", "critical"), (("code", "coding", 0, "system"), None, "critical"),
    (("code", "coding", 0, "display"), "glucose", "minor"), (("note", 0, "text"), "ill", "major"),
    (("doNotPerform",), True, "critical"),
])
def test_what_a_difference_of_a_resource_matters(path, to, severity):
    assert worst(OBSERVATION, changed(OBSERVATION, *path, to=to)) == severity
    inside = changed(BUNDLE, "entry", 0, "resource", *path, to=to)
    assert worst(BUNDLE, inside) == severity


def test_a_number_written_otherwise_is_less_than_another_number():
    legacy, modern = (b'{"valueQuantity": {"value": %s}, "size": 1}' % value for value in (b"72.50", b"72.5"))
    assert worst(legacy, modern) == "major"
    assert worst(b'{"size": 1}', b'{"size": 1.0}') == "minor"


@pytest.mark.parametrize("modern", [
    changed(BUNDLE, "entry", 1, to=None), {**BUNDLE, "entry": [*BUNDLE["entry"], BUNDLE["entry"][0]]},
])
def test_a_record_dropped_or_doubled_is_critical(modern):
    assert worst(BUNDLE, modern) == worst(modern, BUNDLE) == "critical"


@pytest.mark.parametrize(("legacy", "modern", "severity"), [
    ([{"a": 1}], [], "critical"), ({"items": [{"a": 1}]}, {"items": []}, "critical"),
    ({"a": 1}, {}, "major"), ({"telecom": {"phone": "1"}}, {"telecom": {}}, "major"),
    ([{"a": 1, "b": {"c": 1}}], [{"a": 1, "b": {}}], "major"),
    ({"items": [{"a": 1, "b": 2}]}, {"items": [{"a": 1}]}, "major"),
    ({"items": [{"a": 1, "dose": 2}]}, {"items": [{"a": 1}]}, "critical"),
    (BUNDLE, changed(BUNDLE, "entry", 0, "resource", "note", to=None), "major"),
    (BUNDLE, changed(BUNDLE, "entry", 0, "resource", to=None), "critical"),
])
def test_a_member_that_is_not_there_is_no_record_that_is_not_there(legacy, modern, severity):
    assert worst(legacy, modern) == worst(modern, legacy) == severity


def test_a_rule_may_name_a_pair_of_statuses():
    ignored = Rule("made", "/@status/200-201", ignore=True)
    assert worst(answer("legacy"), answer("modern", status=201), ignored) is None
    assert worst(answer("legacy", status=201), answer("modern"), ignored) == "minor", "the reverse is another pair"
    assert worst(answer("legacy"), answer("modern", status=202), ignored) == "minor"
    gone = Rule("gone", "/@status/404-410", severity=Severity.CRITICAL)
    assert worst(answer("legacy", status=404), answer("modern", status=410), gone) == "critical"
    assert worst(answer("legacy", status=404), answer("modern", status=400), gone) == "minor"
    lenient = Rule("lenient", "/@status/200-404", severity=Severity.MINOR)
    assert worst(answer("legacy"), answer("modern", status=404), lenient) == "minor"
    assert worst(answer("legacy"), answer("modern", status=410), lenient) == "critical"
    for at, pairs in (("/@status", ["200-404", "403-200"]), ("/@status/200-204", []),
                      ("/@status/401-200", ["401-200"])):
        assert criticals(PathPattern((*PathPattern.parse(at), "**"))) == [f"/@status/{pair}" for pair in pairs]


def test_order_alone_is_minor():
    assert worst(BUNDLE, {**BUNDLE, "entry": BUNDLE["entry"][::-1]}) == "minor"


@pytest.mark.parametrize(("legacy", "modern", "severity"), [
    (200, 404, "critical"), (404, 200, "critical"), (403, 200, "critical"), (401, 200, "critical"), (200, 403, "major"),
    (200, 500, "major"), (200, 201, "minor"), (501, 200, "major"),
])
def test_what_a_pair_of_statuses_matters(legacy, modern, severity):
    assert worst(answer("legacy", status=legacy), answer("modern", status=modern)) == severity


def test_what_legacy_withheld_is_critical():
    assert worst(b"", b"{}") == "critical"


def test_rules_have_the_first_word():
    modern = changed(OBSERVATION, "status", to="amended")
    assert worst(OBSERVATION, modern, Rule("s", "/status", severity=Severity.MINOR)) == "minor"
    assert worst(OBSERVATION, modern, Rule("s", "/status", severity=Severity.MINOR, kind="missing")) == "critical"
    status = Rule("s", "/@status", severity=Severity.MAJOR)
    assert worst(answer("legacy"), answer("modern", status=201), status) == "major"


def test_hl7_has_its_own_places():
    legacy = {"PID": [{"f3": "1"}], "OBR": [{"f4": "x", "OBX": [{"f5": "7", "f14": "a"}]}]}
    assert worst(legacy, changed(legacy, "PID", 0, "f3", to="2")) == "critical"
    assert worst(legacy, changed(legacy, "OBR", 0, "OBX", 0, "f5", to="8")) == "critical"
    assert worst(legacy, changed(legacy, "OBR", 0, "OBX", 0, "f14", to="b")) == "major"


HL7 = ("MSH|^~\\&|a|b|c|d|1||ORU^R01|1|P|2.5\rPID|1|2|3|4|5|6|7|8\rMRG|1\rAL1|1|2|3|4|5|6\rORC|1\rOBR|1|2|3|4|5\r"
       "OBX|1|2|3|4|5|6|7|8|9|10|11|12|13|14\rRXE|1|2|3|4|5\rRXA|0|1|2|3|4|5|6|7|8|9\rRXR|1|2\rTQ1|1|2|3")


@pytest.mark.parametrize(("field", "severity"), [
    *((field, "critical") for field in (
        "PID-2", "PID-3", "PID-5", "PID-7", "PID-8", "MRG-1", "OBR-4", "OBX-2", "OBX-3", "OBX-5", "OBX-6", "OBX-8",
        "OBX-11", "ORC-1", "RXR-1", "TQ1-3", *(f"AL1-{at}" for at in range(1, 7)), *(f"RXE-{at}" for at in range(1, 6)),
        *(f"RXA-{at}" for at in range(1, 10)))),
    ("PID-6", "major"), ("OBX-14", "major"),
])
def test_what_a_field_of_hl7_matters(field, severity):
    name, number = field.split("-")
    lines = HL7.split("\r")
    for written in ("", "changed"):
        changed = [line.split("|") for line in lines]
        [segment] = [one for one in changed if one[0] == name]
        segment[int(number)] = written
        new = "\r".join(map("|".join, changed))
        sides = (answer(arm, text.encode(), content_type="x-application/hl7-v2+er7")
                 for arm, text in (("legacy", HL7), ("modern", new)))
        assert worst(*sides) == severity


CDA = """<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
<recordTarget><patientRole><id extension="17"/></patientRole></recordTarget>
<component><structuredBody><component><section>
<entry><observation classCode="OBS" moodCode="EVN"><code code="718-7"/><statusCode code="completed"/>
<value xsi:type="PQ" value="7.9" unit="g/dL"/></observation></entry>
<entry><substanceAdministration><routeCode code="PO"/><doseQuantity value="5"/><consumable><manufacturedProduct>
<manufacturedMaterial><code code="197361"/></manufacturedMaterial></manufacturedProduct></consumable>
</substanceAdministration></entry></section></component></structuredBody></component></ClinicalDocument>"""


@pytest.mark.parametrize(("old", "new"), [
    ('value="7.9"', 'value="79"'), ('unit="g/dL"', 'unit="g/L"'), ('code="718-7"', 'code="718-8"'), ('"17"', '"71"'),
    (' xsi:type="PQ"', ' xsi:type="REAL"'), ('"197361"', '"197362"'), ('value="5"', 'value="50"'), ("PO", "IV"),
    ('<code code="718-7"/>', ""), ('moodCode="EVN"', 'moodCode="EVN" negationInd="true"'),
    ('<value xsi:type="PQ" value="7.9" unit="g/dL"/>', '<value xsi:type="PQ" nullFlavor="UNK"/>'),
])
def test_what_a_document_of_cda_says_of_a_patient_is_critical(old, new):
    assert CDA.count(old) == 1
    sides = (answer(arm, text.encode(), content_type="application/xml")
             for arm, text in (("legacy", CDA), ("modern", CDA.replace(old, new))))
    assert worst(*sides) == "critical"


@pytest.mark.parametrize(("legacy", "modern", "severity"), [
    ({"coordinates": [7.1, 50.7]}, {"coordinates": [50.7, 7.1]}, "major"),
    ({"bbox": [[1, 2], [3, 4]]}, {"bbox": [[3, 4], [1, 2]]}, "major"),
    ({"coordinates": ["N7", "E50"]}, {"coordinates": ["E50", "N7"]}, "major"),
    ({"doses": [{"mg": 40}, {"mg": 20}]}, {"doses": [{"mg": 20}, {"mg": 40}]}, "major"),
    ({"tags": ["a", "b"]}, {"tags": ["b", "a"]}, "minor"),
    ({"items": [{"id": "a"}, {"id": "b"}]}, {"items": [{"id": "b"}, {"id": "a"}]}, "minor"),
])
def test_order_matters_where_it_means_something(legacy, modern, severity):
    assert worst(legacy, modern) == severity


def test_the_patient_and_the_side_of_an_image_are_critical():
    image = [{"00100030": {"vr": "DA", "Value": ["19700101"]}, "00200062": {"vr": "CS", "Value": ["L"]},
              "00281053": {"vr": "DS", "Value": [1.5]}, "00080070": {"vr": "LO", "Value": ["maker"]}}]
    for tag, severity in (("00100030", "critical"), ("00200062", "critical"), ("00281053", "critical"),
                          ("00080070", "major")):
        assert worst(image, changed(image, 0, tag, "Value", 0, to="R")) == severity
        assert worst(image, changed(image, 0, tag, to=None)) == severity
    series = [{"0020000E": {"vr": "UI", "Value": [uid]}} for uid in ("1.2", "1.3")]
    held = [[{"00081115": {"vr": "SQ", "Value": some}}] for some in (series, series[:1])]
    assert worst(*held) == worst(*held[::-1]) == "critical", "a series that is referred to, or not"
    assert worst({"PatientID": "1", "Modality": "CT"}, {"PatientID": "2", "Modality": "CT"}) == "critical"


@pytest.mark.parametrize(("tag", "keyword"), [
    ("00100020", "PatientID"), ("00100010", "PatientName"), ("00100030", "PatientBirthDate"),
    ("00100040", "PatientSex"),
    ("0020000D", "StudyInstanceUID"), ("0020000E", "SeriesInstanceUID"), ("00080018", "SOPInstanceUID"),
    ("00080050", "AccessionNumber"), ("00080060", "Modality"), ("00200060", "Laterality"),
    ("00280004", "PhotometricInterpretation"), ("0040A30A", "NumericValue"), ("00101030", "PatientWeight"),
])
def test_an_attribute_is_as_critical_by_its_keyword_as_by_its_tag(tag, keyword):
    """Keywords and pairs of group and element are how Orthanc names attributes in its own JSON."""
    pair = f"{tag[:4]},{tag[4:]}"
    for name in (keyword, pair, pair.lower()):
        for inside in (lambda held: held, lambda held: {"MainDicomTags": held}, lambda held: [{"x": [held]}]):
            for one, other in (("a", "b"), ({"Name": keyword, "Value": "a"}, {"Name": keyword, "Value": "b"})):
                assert worst(inside({name: one}), inside({name: other})) == "critical", name
            assert worst(inside({name: "a", "z": 1}), inside({"z": 1})) == "critical"


def test_what_dicom_calls_by_a_plain_word_is_critical_by_its_tag_alone():
    for tag, word in (("00280010", "Rows"), ("00280011", "Columns")):
        assert worst({tag: {"vr": "US", "Value": [1]}}, {tag: {"vr": "US", "Value": [2]}}) == "critical"
        assert worst({word: 1}, {word: 2}) == "major"


def test_words_beside_a_code_and_the_name_of_a_character_set_are_minor_in_dicom():
    def named(code, words):
        return {"ConceptNameCodeSequence": [{"CodeValue": code, "CodeMeaning": words}], "SpecificCharacterSet": words}

    assert worst(named("718-7", "ISO_IR 100"), named("718-7", "ISO_IR 192")) == "minor"
    assert worst(named("718-7", "Hemoglobin"), named("789-8", "Hemoglobin")) == "critical"


@pytest.mark.parametrize("level", ["Studies", "Series", "Instances"])
def test_an_instance_that_is_no_longer_listed_is_critical(level):
    assert worst({"ID": "p", level: ["a", "b"]}, {"ID": "p", level: ["b"]}) == "critical"
    listed = [{"SOPInstanceUID": "1.2", "Index": 1}, {"SOPInstanceUID": "1.3", "Index": 2}]
    assert worst({"Found": listed}, {"Found": listed[:1]}) == "critical"


def test_it_is_known_which_critical_places_a_pattern_takes_in():
    assert "/**/identifier" in criticals(PathPattern.parse("/**/identifier/**"))
    assert "/entry/*" in criticals(PathPattern.parse("/entry/**"))
    assert criticals(PathPattern.parse("/**/meta/**")) == ["Resource.meta.security"]
    assert "Immunization.vaccineCode" in criticals(PathPattern.parse("/**/vaccineCode/**"))
    assert "Patient.link" in criticals(PathPattern.parse("/entry/*/resource/link/**"))
    assert "Immunization.vaccineCode" in criticals(PathPattern.parse("/vaccineCode/**"))
    assert criticals(PathPattern.parse("/name/**")) == criticals(PathPattern.parse("/**/total/**")) == []
