"""How much a difference matters outside of FHIR goes by names in any style, by units, and by what is a record."""

import pytest

from shadow.compare.comparison import compare
from tests.shadow.exchanges import answer, pair

JSON, XML, HTML, HL7 = "application/json", "application/xml", "text/html", "x-application/hl7-v2+er7"
CRITICAL = "critical"


def severities(legacy, modern, media=JSON):
    sides = (answer(arm, body.encode() if isinstance(body, str) else body, content_type=media)
             for arm, body in (("legacy", legacy), ("modern", modern)))
    return {str(one.severity) for one in compare(pair(*sides)).differences}


@pytest.mark.parametrize("name", [
    "birthDate", "birth_date", "BirthDate", "BIRTH_DATE", "birth-date", "dateOfBirth", "DateOfBirth", "DOB", "mrn",
    "MRN", "PatientID", "patient_id", "Dose", "dose", "Status", "STATUS", "Medication", "drug",
    "Diagnosis", "Allergen", "reaction", "frequency", "BloodType", "blood_group", "Unit", "SSN", "Laterality",
])
def test_a_name_matters_in_any_style_and_form(name):
    assert severities({"orders": [{name: "a"}]}, {"orders": [{name: "b"}]}) == {CRITICAL}
    for one in (f"<r><o><{name}>%s</{name}></o></r>", f'<r><o {name}="%s"/></r>'):
        assert severities(one.replace("%s", "a"), one.replace("%s", "b"), XML) == {CRITICAL}
    control = f'<form><input name="{name}" value="%s"></form>'
    assert severities(control.replace("%s", "a"), control.replace("%s", "b"), HTML) == {CRITICAL}


@pytest.mark.parametrize("name", ["phone", "Room", "note", "subjectLine", "undose", "statusText"])
def test_other_names_do_not(name):
    assert severities({"a": {name: "a"}}, {"a": {name: "b"}}) == {"major"}
    assert severities(f"<r><Patient><{name}>a</{name}></Patient></r>", f"<r><Patient><{name}>b</{name}></Patient></r>",
                      XML) == {"major"}


@pytest.mark.parametrize(("legacy", "modern", "media"), [
    ({"r": [{"name": "K", "value": 1.5, "unit": "g"}]}, {"r": [{"name": "K", "value": 15, "unit": "g"}]}, JSON),
    ({"r": {"low": 1, "high": 2, "Units": "g"}}, {"r": {"low": 1, "high": 3, "Units": "g"}}, JSON),
    ({"r": {"Result": "1", "unit_of_measure": "g"}}, {"r": {"Result": "2", "unit_of_measure": "g"}}, JSON),
    ({"r": {"value": 1, "unit": "g"}}, {"r": {"unit": "g"}}, JSON),
    ({"r": {"Code": "K", "unit": "g", "Abnormal": False}}, {"r": {"Code": "Na", "unit": "g", "Abnormal": True}}, JSON),
    ("<r><R><Value>1</Value><Unit>g</Unit></R></r>", "<r><R><Value>2</Value><Unit>g</Unit></R></r>", XML),
    ('<r><Weight unit="g">1</Weight></r>', '<r><Weight unit="g">2</Weight></r>', XML),
    ('<r><R value="1" unit="g"/></r>', '<r><R value="2" unit="g"/></r>', XML),
])
def test_what_stands_beside_its_unit_is_critical(legacy, modern, media):
    assert severities(legacy, modern, media) == {CRITICAL}


def test_a_value_without_a_unit_is_not():
    assert severities({"a": {"value": 1}}, {"a": {"value": 2}}) == {"major"}


@pytest.mark.parametrize(("legacy", "modern", "media"), [
    ({"rows": [{"id": 1, "x": 1}, {"id": 2, "x": 2}]}, {"rows": [{"id": 1, "x": 1}]}, JSON),
    ({"d": {"hits": [{"Id": "1"}, {"Id": "2"}]}}, {"d": {"hits": [{"Id": "1"}, {"Id": "2"}, {"Id": "3"}]}}, JSON),
    ("<r><O id='1'/><O id='2'/></r>", "<r><O id='1'/></r>", XML),
    ("<r><O><ID>1</ID></O><O><ID>2</ID></O></r>", "<r><O><ID>1</ID></O></r>", XML),
])
def test_a_record_that_is_lost_or_made_up_is_critical_in_any_list(legacy, modern, media):
    assert severities(legacy, modern, media) == {CRITICAL}


def test_what_is_kept_by_status_is_no_status():
    legacy, modern = ({"facets": {"status": {"done": {"url": value}}}} for value in "ab")
    assert severities(legacy, modern) == {"major"}


HEAD = "MSH|^~\\&|A|B|C|D|1||ADT^A08|1|P|2.5\r"


@pytest.mark.parametrize(("segment", "field"), [
    ("PID", 4), ("PID", 29), ("PID", 30), ("ORC", 5), ("QAK", 2), ("SPM", 4), ("TXA", 17), ("TXA", 19), ("BPX", 5),
    ("BTX", 3), ("BPO", 2), ("ARV", 3), ("IAM", 3), ("DG1", 3),
])
def test_fields_of_hl7_v2_that_matter_for_safety_are_critical(segment, field):
    legacy, modern = (f"{HEAD}{segment}{'|' * field}{value}" for value in "ab")
    assert severities(legacy, modern, HL7) == {CRITICAL}


@pytest.mark.parametrize("inside", [
    '<substanceAdministration><effectiveTime value="{}"/></substanceAdministration>',
    '<substanceAdministration moodCode="{}"/>', '<x><confidentialityCode code="{}"/></x>',
    '<x><maxDoseQuantity value="{}"/></x>', '<x><rateQuantity value="{}"/></x>',
])
def test_what_cda_says_of_when_and_how_much_is_critical(inside):
    legacy, modern = (f'<ClinicalDocument xmlns="urn:hl7-org:v3">{inside.format(value)}</ClinicalDocument>'
                      for value in "ab")
    assert severities(legacy, modern, XML) == {CRITICAL}
