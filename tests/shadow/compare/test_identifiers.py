"""Identity: answers are the same up to whom they name, and whoever is taken for another is found."""

import copy
import json
import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.crosswalk import Crosswalk, IdPair
from shadow.compare.comparison import Outcome, compare
from shadow.compare.difference import Severity
from shadow.compare.rules import Class, Known, Rule, Rules
from tests.shadow.exchanges import answer, pair

CLASSES = tuple(Class(name) for name in ("Patient", "Observation", "Practitioner"))
FHIR = (
    Rule("ids", "/**/id", crosswalk="resource"),
    Rule("references", "/**/reference", crosswalk="reference"),
    Rule("urls", "/entry/*/fullUrl", crosswalk="reference"),
)
PATIENT = (Rule("ids", "/patient", crosswalk="Patient"),)


def judged(legacy, modern, rules=FHIR, classes=CLASSES, known=(), crosswalk=None, learnt=None):
    asked = pair(*(answer(arm, one, content_type="application/fhir+json")
                   for arm, one in (("legacy", legacy), ("modern", modern))))
    return compare(replace(asked, rules=Rules(tuple(rules), tuple(known), tuple(classes))), crosswalk, learnt)


def bound(*entries):
    crosswalk = Crosswalk()
    for entry in entries:
        crosswalk.bind(*entry)
    return crosswalk


def kinds(comparison):
    return [(one.kind, one.path) for one in comparison.differences]


# --- one document ---

def test_an_identifier_is_the_same_where_the_pair_is_known_and_counts_under_the_rule():
    found = judged({"patient": "17"}, {"patient": "abc"}, PATIENT, crosswalk=bound(("Patient", "17", "abc")))
    assert (found.tally.outcome, found.hidden) == (Outcome.MATCH_NORMALISED, (("ids", 1),))


def test_what_is_not_known_is_learnt_where_it_is_certain():
    learnt = []
    found = judged({"patient": "17"}, {"patient": "abc"}, PATIENT, learnt=learnt)
    assert found.tally.outcome is Outcome.MATCH_NORMALISED
    assert learnt == [IdPair("Patient", "17", "abc")]


@pytest.mark.parametrize(("legacy", "modern"), [("17", "xyz"), ("18", "abc")])
def test_one_old_to_two_new_and_two_patients_to_one_are_critical(legacy, modern):
    learnt = []
    found = judged({"patient": legacy}, {"patient": modern}, PATIENT, crosswalk=bound(("Patient", "17", "abc")),
                   learnt=learnt)
    assert kinds(found) == [("identity", "/patient")]
    assert (found.tally.outcome, found.severity, learnt) == (Outcome.MISMATCH, Severity.CRITICAL, [])


def test_equal_bytes_that_name_two_records_are_a_conflict():
    found = judged({"patient": "17"}, {"patient": "17"}, PATIENT, crosswalk=bound(("Patient", "17", "abc")))
    assert kinds(found) == [("identity", "/patient")]


def test_no_rule_hides_or_lowers_a_conflict():
    lenient = (Rule("hide", "/patient", ignore=True), Rule("low", "/patient", severity=Severity.MINOR), *PATIENT)
    known = [Known("declared", "", "why", "me", 10.0)]
    found = judged({"patient": "17"}, {"patient": "xyz"}, lenient, known=known,
                   crosswalk=bound(("Patient", "17", "abc")))
    assert (kinds(found), found.severity) == ([("identity", "/patient")], Severity.CRITICAL)


def test_where_nothing_may_be_learnt_an_unknown_pair_is_a_difference():
    classes, learnt = [Class("Patient", learn=False)], []
    assert kinds(judged({"patient": "1"}, {"patient": "a"}, PATIENT, classes, learnt=learnt)) == [("value", "/patient")]
    assert judged({"patient": "1"}, {"patient": "1"}, PATIENT, classes).tally.outcome is Outcome.MATCH
    same = judged({"patient": "1"}, {"patient": "a"}, PATIENT, classes, crosswalk=bound(("Patient", "1", "a")))
    assert (same.tally.outcome, learnt) == (Outcome.MATCH_NORMALISED, [])


def test_an_identifier_of_another_type_or_none_at_all_is_a_difference_of_its_own():
    assert kinds(judged({"patient": 17}, {"patient": "abc"}, PATIENT)) == [("type", "/patient")]
    assert kinds(judged({"patient": "17"}, {"patient": ""}, PATIENT)) == [("value", "/patient")]
    assert kinds(judged({"patient": "17"}, {}, PATIENT)) == [("missing", "/patient")]
    assert judged({"patient": 17}, {"patient": 18}, PATIENT).tally.outcome is Outcome.MATCH_NORMALISED


def test_within_one_exchange_a_renaming_must_be_consistent_both_ways():
    rules = [Rule("ids", "/*", crosswalk="Patient")]
    assert judged({"a": "1", "b": "1"}, {"a": "x", "b": "x"}, rules).differences == ()
    assert kinds(judged({"a": "1", "b": "1"}, {"a": "x", "b": "y"}, rules)) == [("identity", "/b")]
    assert kinds(judged({"a": "1", "b": "2"}, {"a": "x", "b": "x"}, rules)) == [("identity", "/b")]
    assert kinds(judged({"a": "1", "b": "2"}, {"a": "1", "b": "1"}, rules)) == [("identity", "/b")]


@pytest.mark.parametrize(("legacy", "modern", "same"), [
    ("Patient/17", "Patient/abc", True),
    ("https://old.example/fhir/Patient/17", "https://new.example/api/r4/Patient/abc", True),
    ("Patient/17/_history/3", "Patient/abc/_history/1", True),
    ("Patient/17", "https://new.example/fhir/Patient/abc", False),
    ("Patient/17/_history/3", "Patient/abc", False),
    ("Patient/17", "Observation/abc", False),
    ("Patient/17", "#contained", False),
    ("Device/17", "Device/abc", False),  # no class that was declared
    ("urn:uuid:0a8f6b1e-0000-4000-8000-000000000001", "urn:uuid:0a8f6b1e-0000-4000-8000-000000000002", True),
    ("urn:uuid:0a8f6b1e-0000-4000-8000-000000000001", "Patient/abc", False),
])
def test_the_class_of_a_reference_is_in_its_own_text(legacy, modern, same):
    documents = ({"subject": {"reference": one}} for one in (legacy, modern))
    found = judged(*documents, crosswalk=bound(("Patient", "17", "abc")))
    assert kinds(found) == ([] if same else [("value", "/subject/reference")])


def test_the_class_of_a_resource_s_id_is_its_type():
    learnt = []
    judged({"resourceType": "Patient", "id": "1", "contact": [{"id": "1"}]},
           {"resourceType": "Patient", "id": "a", "contact": [{"id": "1"}]}, learnt=learnt)
    assert learnt == [IdPair("Patient", "1", "a")], "an element's id names no record"


def test_legacy_held_against_itself_speaks_in_its_own_words():
    asked = pair(answer("legacy", {"patient": "1"}), answer("legacy", {"patient": "2"}))
    learnt = []
    found = compare(replace(asked, rules=Rules(PATIENT)), bound(("Patient", "1", "2")), learnt)
    assert (kinds(found), learnt) == ([("value", "/patient")], [])


# --- lists ---

def bundle(*resources):
    return {"resourceType": "Bundle", "type": "searchset", "entry": [
        {"fullUrl": f"https://ehr.example/{one['resourceType']}/{one['id']}", "resource": one} for one in resources]}


def patient(identifier, **more):
    return {"resourceType": "Patient", "id": identifier, **more}


def observation(name, subject, value):
    return {"resourceType": "Observation", "id": name, "subject": {"reference": f"Patient/{subject}"},
            "valueQuantity": {"value": value}}


def renamed(document, prefix="n"):
    """The document with every id another one, the same one for the same record."""
    text = json.dumps(document)
    for kind in ("Patient", "Observation", "Practitioner"):
        for name in sorted({one["resource"]["id"] for one in document["entry"]
                            if one["resource"]["resourceType"] == kind}):
            text = text.replace(f"{kind}/{name}\"", f"{kind}/{prefix}{name}\"")
    document = json.loads(text)
    for one in document["entry"]:
        one["resource"]["id"] = prefix + one["resource"]["id"]
    return document


def shuffled(document, seed):
    document = copy.deepcopy(document)
    random.Random(seed).shuffle(document["entry"])
    return document


NAMES = st.sampled_from(("Ann", "Bob", "Cid"))


@st.composite
def bundles(draw):
    """Patients, some of whom are alike but for their ids, and observations of them, some alike in all but that."""
    names = draw(st.lists(NAMES, min_size=1, max_size=5))
    patients = [patient(f"p{at}", name=name) for at, name in enumerate(names)]
    values = draw(st.lists(st.tuples(st.integers(0, len(names) - 1), st.integers(1, 2)), max_size=8))
    doctors = [{"resourceType": "Practitioner", "id": f"d{at}"} for at in range(draw(st.integers(1, 3)))]
    seen = [observation(f"o{at}", f"p{of}", value) for at, (of, value) in enumerate(values)]
    for one in seen:
        who = draw(st.lists(st.integers(0, len(doctors) - 1), max_size=3))
        one["performer"] = [{"reference": f"Practitioner/d{at}"} for at in who]
    return bundle(*patients, *doctors, *seen)


def beyond_order(comparison):
    return [one for one in kinds(comparison) if one[0] != "moved"]


@given(bundles(), st.integers(0, 1000), st.integers(0, 1000))
def test_ids_that_are_all_renamed_make_no_difference_in_any_order(document, one, other):
    found = judged(shuffled(document, one), shuffled(renamed(document), other))
    assert beyond_order(found) == []


@pytest.mark.parametrize("performers", [((0, 0, 1), (0, 1, 1)), ((0, 0, 1), (0, 0, 2)), ((0, 1), (1, 2), (2, 0))])
@pytest.mark.parametrize("seed", range(10))
def test_twins_that_are_told_apart_only_by_each_other_are_no_conflict(performers, seed):
    doctors = [{"resourceType": "Practitioner", "id": f"d{at}"} for at in range(3)]
    seen = [observation(f"o{at}", "p0", 1) | {"performer": [{"reference": f"Practitioner/d{one}"} for one in who]}
            for at, who in enumerate(performers)]
    document = bundle(patient("p0", name="Ann"), *doctors, *seen)
    assert beyond_order(judged(shuffled(document, seed), shuffled(renamed(document), seed + 1))) == []


@given(bundles(), st.integers(0, 1000), st.data())
def test_nothing_wrong_is_learnt_whatever_is_known_beforehand(document, seed, data):
    whole = [IdPair(one["resource"]["resourceType"], one["resource"]["id"], "n" + one["resource"]["id"])
             for one in document["entry"]]
    known, learnt = data.draw(st.lists(st.sampled_from(whole), unique=True)), []
    found = judged(document, shuffled(renamed(document), seed), crosswalk=bound(*known), learnt=learnt)
    assert beyond_order(found) == []
    assert set(learnt) <= set(whole) - set(known)


@given(bundles(), st.integers(0, 1000))
def test_it_is_the_same_from_either_side(document, seed):
    legacy, modern = document, shuffled(renamed(document), seed)
    assert judged(legacy, modern).tally.outcome is judged(modern, legacy).tally.outcome


@given(st.permutations(range(6)), st.permutations(range(6)), st.integers(0, 5))
def test_one_swapped_reference_is_one_conflict(one, other, at):
    patients = [patient(f"p{number}", name=f"name {number}") for number in range(3)]
    whole = [*patients, *(observation(f"o{number}", f"p{number % 3}", 10 + number) for number in range(6))]
    modern = renamed(bundle(*whole))
    reference = modern["entry"][3 + at]["resource"]["subject"]
    reference["reference"] = f"Patient/np{(at + 1) % 3}"
    legacy = bundle(*whole)
    for document, order in ((legacy, one), (modern, other)):
        document["entry"] = [*(document["entry"][3 + number] for number in order), *document["entry"][:3]]
    found = judged(legacy, modern)
    where = f"/entry/{[one.index(at)][0]}/resource/subject/reference"
    assert beyond_order(found) == [("identity", where)]


def test_known_ids_find_their_items_by_key_whatever_else_changed():
    legacy = bundle(*(patient(str(at), name="x", active=True) for at in range(4)))
    modern = bundle(*(patient(f"n{at}", name="y", active=False) for at in (2, 0, 3)))
    known = bound(*(("Patient", str(at), f"n{at}") for at in range(4)))
    found = judged(legacy, modern, crosswalk=known)
    assert ("missing", "/entry/1") in kinds(found)
    assert sum(kind == "value" for kind, _ in kinds(found)) == 6, "three names, three flags"
    assert not [one for one in found.differences if one.kind == "identity"]


def test_an_item_of_a_known_name_is_not_taken_for_another_one():
    known = bound(("Patient", "1", "n1"))
    found = judged(bundle(patient("1", name="Ann")), bundle(patient("n2", name="Ann")), crosswalk=known)
    assert sorted(kinds(found)) == [("extra", "/entry/0"), ("missing", "/entry/0")]


def test_open_names_that_happen_to_be_equal_are_no_key():
    legacy = bundle(patient("1", name="Ann"), patient("2", name="Bob"))
    modern = bundle(patient("2", name="Ann"), patient("1", name="Bob"))
    learnt = []
    assert judged(legacy, modern, learnt=learnt).differences == ()
    assert learnt == [IdPair("Patient", "1", "2"), IdPair("Patient", "2", "1")]


def test_a_pairing_that_is_not_certain_teaches_nothing():
    learnt = []
    twins = bundle(patient("1", name="Ann"), patient("2", name="Ann"))
    judged(twins, renamed(twins), learnt=learnt)
    changed = bundle(patient("1", name="Ann"), patient("2", name="Bob"))
    other = bundle(patient("n1", name="Anne"), patient("n2", name="Bobby"))
    judged(changed, other, learnt=learnt)
    judged(bundle(patient("1", name="Ann")), bundle(patient("n1", name="Anne")), learnt=learnt)
    assert learnt == []


def test_a_dropped_duplicate_is_found_though_its_id_is_new():
    legacy = bundle(observation("1", "p", 5), observation("2", "p", 5))
    modern = bundle(observation("n1", "np", 5))
    assert [kind for kind, _ in kinds(judged(legacy, modern))] == ["missing"]


def test_scalars_of_a_list_are_renamed_consistently():
    rules = [Rule("ids", "/ids/*", crosswalk="Patient"), Rule("main", "/main", crosswalk="Patient")]
    assert beyond_order(judged({"ids": ["1", "2"], "main": "2"}, {"ids": ["b", "a"], "main": "b"}, rules)) == []
    assert beyond_order(judged({"main": "2", "ids": ["1", "2"]}, {"main": "c", "ids": ["a", "b"]}, rules)) != []


# --- other forms ---

@pytest.mark.parametrize(("media", "body", "at", "kind"), [
    ("x-application/hl7-v2+er7", "MSH|^~\\&|A|B\rPID|1||%s^^^MRN", "/PID/*/f3/*/c1", "Patient"),
    ("application/xml", "<chart><patient>%s</patient></chart>", None, "Patient"),
    ("application/xml", '<Observation xmlns="http://hl7.org/fhir"><subject><reference value="Patient/%s"/></subject>'
                        "</Observation>", None, "reference"),
    ("application/x-ndjson", '{"patient": "%s", "n": 1}\n{"patient": "%s", "n": 2}\n', "/*/patient", "Patient"),
])
def test_identifiers_are_found_in_every_form(media, body, at, kind):
    def told(legacy, modern):
        asked = pair(*(answer(arm, body.replace("%s", name).encode(), content_type=media)
                       for arm, name in (("legacy", legacy), ("modern", modern))))
        places = [at] if at is not None else ["/**/#text", "/**/@value"]
        rules = Rules(tuple(Rule(place, place, crosswalk=kind) for place in places), (), CLASSES)
        return compare(replace(asked, rules=rules), bound(("Patient", "17", "abc")))

    assert told("17", "abc").tally.outcome is Outcome.MATCH_NORMALISED
    assert {one.kind for one in told("17", "xyz").differences} == {"identity"}
