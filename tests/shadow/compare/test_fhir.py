"""What FHIR's definitions call a modifier or a clinical code is critical, wherever its resource stands."""

from pathlib import Path
from xml.sax.saxutils import quoteattr

import pytest

from shadow.compare.comparison import compare
from tests.shadow.exchanges import answer, pair

LINES = [line.split() for line in (Path(__file__).parent / "fhir_r4.txt").read_text().splitlines() if line[0] != "#"]
# Where an element of a data type stands, for example.
HOSTS = {"Identifier": "Organization.identifier[]", "HumanName": "Practitioner.name[]", "Meta": "Observation.meta",
         "Address": "Organization.address[]", "ContactPoint": "Organization.telecom[]",
         "Quantity": "Observation.referenceRange[].low", "Timing": "ServiceRequest.occurrenceTiming"}


def placed(path):
    """The path from a resource, of an element that may be a data type's."""
    head, _, rest = path.partition(".")
    return f"{HOSTS[head]}.{rest}" if head in HOSTS else path


def value(kind, word):
    """A value of a type that says `word`."""
    coding = {"system": "http://example.org", "code": word}
    made = {
        "boolean": word == "alpha", "Coding": coding, "CodeableConcept": {"coding": [coding]},
        "Reference": {"reference": f"Patient/{word}"},
    }
    if kind in made:
        return made[kind]
    return word if kind[0].islower() else {"extension": [{"url": "http://example.org", "valueString": word}]}


def resource(path, kind, word):
    """A resource with a value at a path; without it if `word` is None."""
    type_, *steps = placed(path).split(".")
    found = {"resourceType": type_, "language": "en"}
    inside = found
    for step in steps[:-1]:
        inside[step.removesuffix("[]")] = [{"id": "one"}] if step.endswith("[]") else {"id": "one"}
        inside = inside[step.removesuffix("[]")]
        inside = inside[0] if isinstance(inside, list) else inside
    if word is not None:
        name = steps[-1].removesuffix("[]").replace("[x]", kind[0].upper() + kind[1:])
        inside[name] = [value(kind, word)] if steps[-1].endswith("[]") else value(kind, word)
    return found


def xml(name, node):
    """An element of FHIR's XML (R4 section 2.6.1)."""
    if isinstance(node, list):
        return "".join(xml(name, one) for one in node)
    if not isinstance(node, dict):
        if name == "div":
            return node
        written = str(node).lower() if isinstance(node, bool) else str(node)
        return f"<{name} value={quoteattr(written)}/>"
    # An element's own id, and an extension's url, are attributes.
    attributes = ("resourceType",) if "resourceType" in node else ("id", "url") if "xtension" in name else ("id",)
    inside = "".join(xml(key, one) for key, one in node.items() if key not in attributes)
    if "resourceType" not in node:
        said = "".join(f" {key}={quoteattr(node[key])}" for key in attributes if key in node)
        return f"<{name}{said}>{inside}</{name}>"
    made = f"<{node['resourceType']}>{inside}</{node['resourceType']}>"
    return f"<{name}>{made}</{name}>" if name else made.replace(">", ' xmlns="http://hl7.org/fhir">', 1)


def bundle(one):
    return {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": one}]}


def contained(one):
    return {"resourceType": "Basic", "contained": [one]}


def parameters(one):
    return {"resourceType": "Parameters", "parameter": [{"name": "return", "resource": one}]}


def lines(one):
    return [{"resourceType": "Basic", "language": "en"}, one]


def differences(old, new):
    """How a resource and a changed one differ, by the form in which they are answered."""
    found = {"json": pair(old, new), "lines": pair(lines(old), lines(new))}
    for way in (bundle, contained, parameters):
        found[way.__name__] = pair(way(old), way(new))
        found[f"{way.__name__} xml"] = in_xml(way(old), way(new))
    found["xml"] = in_xml(old, new)
    return {form: compare(asked).differences for form, asked in found.items()}


def in_xml(old, new):
    return pair(*(answer(arm, xml("", one).encode(), content_type="application/fhir+xml")
                  for arm, one in (("legacy", old), ("modern", new))))


CASES = Path(__file__).parent / "cases"


@pytest.mark.parametrize("name", ["fhir-allergy-code", "fhir-patient-link"])
def test_a_pair_that_was_judged_too_mildly_is_critical(name):
    found = compare(pair(*((CASES / f"{name}.{arm}.json").read_bytes() for arm in ("legacy", "modern"))))
    assert (found.tally.outcome, found.severity) == ("mismatch", "critical")


@pytest.mark.parametrize(("path", "kind"), [
    ("Patient.name[]", "HumanName"), ("Patient.gender", "code"), ("Patient.birthDate", "date"), ("Patient.id", "id"),
    ("Patient.name[].family", "string"), ("Observation.meta.security[]", "Coding"), ("Observation.valueRange", "Range"),
    ("Consent.provision", "Provision"), ("Consent.provision.provision[].type", "code"),
    ("Questionnaire.item[].item[].item[].enableWhen[]", "EnableWhen"), ("Patient._birthDate", "Element"),
    ("Observation.component[].valueSampledData", "SampledData"),
    ("Coverage.beneficiary", "Reference"),
])
def test_so_is_whose_record_it_is_what_was_found_and_who_may_see_it(path, kind):
    for form, found in differences(resource(path, kind, "alpha"), resource(path, kind, "beta")).items():
        if "_" not in path or "xml" not in form:
            assert {one.severity for one in found} == {"critical"}, (form, found)


@pytest.mark.parametrize(("kind", "severity"), [
    ("searchset", "minor"), ("collection", "minor"), ("batch-response", "major"), ("document", "major"),
    ("history", "major"),
])
def test_the_order_of_entries_means_what_their_bundle_is(kind, severity):
    entries = [{"resource": {"resourceType": "Patient", "id": id}} for id in ("1", "2")]
    old, new = ({"resourceType": "Bundle", "type": kind, "entry": one} for one in (entries, entries[::-1]))
    for found in (compare(pair(old, new)), compare(in_xml(old, new))):
        assert [(one.kind, one.severity) for one in found.differences] == [("moved", severity)]


@pytest.mark.parametrize(("path", "severity"), [
    ("Observation.code.coding[]", "minor"), ("Patient.extension[]", "minor"), ("Patient.identifier[]", "minor"),
    ("Patient.name[].given[]", "major"), ("Patient.address[].line[]", "major"),
    ("MedicationRequest.dosageInstruction[]", "major"),
    ("MedicationRequest.dosageInstruction[].doseAndRate[]", "major"),
])
def test_order_is_minor_where_the_definitions_give_it_no_meaning(path, severity):
    *_, last = path.split(".")
    old, new = (resource(path, "string", "alpha") for _ in range(2))
    for one, way in ((old, 1), (new, -1)):
        inside = one
        for step in path.split(".")[1:-1]:
            inside = inside[step.removesuffix("[]")]
            inside = inside[0] if isinstance(inside, list) else inside
        inside[last.removesuffix("[]")] = [{"text": word} if last != "given[]" and last != "line[]" else word
                                           for word in ("one", "two")][::way]
    for form, found in differences(old, new).items():
        assert [(one.kind, one.severity) for one in found] == [("moved", severity)], form


def test_a_page_that_leads_elsewhere_is_major_in_xml_too():
    pages = [{"resourceType": "Bundle", "type": "searchset", "link": [
        {"relation": "next", "url": f"https://{host}/Patient?page={page}"}]}
        for host, page in (("a", 2), ("b", 2), ("b", 3))]
    hosts, others = in_xml(pages[0], pages[1]), in_xml(pages[0], pages[2])
    assert dict(compare(hosts).hidden) == {"default host": 1}
    assert compare(others).severity == "major"


@pytest.mark.parametrize("put", [bundle, parameters, contained, lambda one: one])
def test_what_a_server_says_of_its_copy_is_nothing_in_xml_too(put):
    old, new = (put({"resourceType": "Patient", "active": True, "meta": {
        "versionId": version, "lastUpdated": f"2026-01-0{version}T10:00:00Z"}}) for version in ("1", "2"))
    for found in (compare(pair(old, new)), compare(in_xml(old, new)), compare(pair(lines(old), lines(new)))):
        assert found.differences == ()
        assert set(dict(found.hidden)) >= {"default versionId"}
    other = put({"resourceType": "Patient", "meta": {"versionId": "2"}, "active": False})
    assert compare(in_xml(old, other)).severity == "critical"


@pytest.mark.parametrize(("old", "new", "same"), [
    ("<p>a b</p>", "\n<p>\n a  b\n</p>\n", True), ("<p>a <b>b</b> c</p>", "<p>a\n <b>b</b>\n c</p>", True),
    ("<table><tr><td>a</td></tr></table>", "<table>\n <tr>\n<td> a </td></tr></table>", True),
    ("<p>a <b>b</b> c</p>", "<p>a<b>b</b> c</p>", False), ("<p>5 mg</p>", "<p>50 mg</p>", False),
    ("<p>5 mg</p>", "<p>5mg</p>", False), ("<pre>a  b</pre>", "<pre>a b</pre>", False),
    ("<pre><b>a  b</b></pre>", "<pre><b>a b</b></pre>", False), ("<b>a</b>", "<b> a</b>", False),
    ('<p style="white-space: pre"><b>a  b</b></p>', '<p style="white-space: pre"><b>a b</b></p>', False),
    ("<p>a\u00a0b</p>", "<p>a b</p>", False),
])
def test_a_narrative_is_one_in_other_white_space_in_xml_too(old, new, same):
    said = '<Patient xmlns="http://hl7.org/fhir"><text><div xmlns="http://www.w3.org/1999/xhtml">{}</div></text></Patient>'
    found = compare(pair(*(answer(arm, said.format(one).encode(), content_type="application/fhir+xml")
                           for arm, one in (("legacy", old), ("modern", new)))))
    assert (found.differences == ()) is same
    assert not same or set(dict(found.hidden)) == {"default narrative"}


def test_r4_has_its_modifiers():
    assert sum(why == "modifier" for why, *_ in LINES) == 139


@pytest.mark.parametrize(("why", "path", "kind"), LINES, ids=[line[1] for line in LINES])
def test_what_the_definitions_call_critical_is_so_wherever_it_stands(why, path, kind):
    old, new, none = (resource(path, kind, word) for word in ("alpha", "beta", None))
    for one, other in ((old, new), (old, none), (none, old)):
        for form, found in differences(one, other).items():
            assert [one.severity for one in found] == ["critical"], (form, found)
