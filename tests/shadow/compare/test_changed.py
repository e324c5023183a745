"""Whatever is changed, dropped, doubled or moved in an answer of FHIR never matches: default rules hide none of it."""

import base64
import copy
import json
import re
from datetime import datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from shadow.compare.comparison import Outcome, compare
from tests.shadow.compare.test_fhir import in_xml
from tests.shadow.exchanges import pair

DIV = '<div xmlns="http://www.w3.org/1999/xhtml"><p>Hb <b>7.9</b> g/dL</p></div>'
OBSERVATION = {
    "resourceType": "Observation", "id": "o1", "meta": {
        "versionId": "3", "lastUpdated": "2026-01-01T10:00:00.000Z", "security": [{"system": "urn:s", "code": "R"}]},
    "text": {"status": "generated", "div": DIV}, "status": "final",
    "identifier": [{"use": "official", "system": "urn:lab", "value": "A-1"}],
    "code": {"coding": [{"system": "http://loinc.org", "code": "718-7", "display": "Hb"},
                        {"system": "urn:oid:1.2", "code": "HB"}], "text": "H\u00e4moglobin"},
    "subject": {"reference": "Patient/1", "display": "J. Smith"}, "issued": "2026-01-01T10:00:00+01:00",
    "effectiveDateTime": "2026-01-01", "valueQuantity": {"value": 7.9, "unit": "g/dL"},
    "note": [{"text": "taken twice"}, {"text": "and again"}],
    "component": [{"code": {"text": "a"}, "valueString": base64.b64encode(bytes(range(60))).decode()},
                  {"code": {"text": "b"}, "valueBoolean": True}],
}
PATIENT = {
    "resourceType": "Patient", "id": "1", "active": True, "gender": "female", "birthDate": "1970-01-01",
    "name": [{"family": "Smith", "given": ["Jane", "Ann"]}],
    "link": [{"other": {"reference": "Patient/2"}, "type": "seealso"}],
    "telecom": [{"system": "phone", "value": "1"}, {"system": "email", "value": "a@b"}],
    "contained": [{"resourceType": "Organization", "id": "org", "name": "Ward"}],
}
BUNDLE = {
    "resourceType": "Bundle", "type": "searchset", "total": 2,
    "link": [{"relation": "self", "url": "https://a/fhir/Observation?patient=1"},
             {"relation": "next", "url": "https://a/fhir?_getpages=0a1b2c3d-44&_getpagesoffset=20"}],
    "entry": [{"fullUrl": "https://a/fhir/Observation/o1", "resource": OBSERVATION, "search": {"mode": "match"}},
              {"fullUrl": "https://a/fhir/Patient/1", "resource": PATIENT, "search": {"mode": "include"}}],
}
# What a server says of its own copy, and a token that only it can read: another value there is no difference.
ITS_OWN = {("meta", "lastUpdated"), ("meta", "versionId")}
LETTERS = st.sampled_from("0123456789abcxyzABC+/=-:.TZ \n")


def places(node, way=()):
    """The ways to all values, containers among them."""
    if way:
        yield way
    inside = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in inside:
        yield from places(value, (*way, key))


def at(node, way):
    for key in way:
        node = node[key]
    return node


PLACES = sorted(places(BUNDLE), key=str)


@st.composite
def changes(draw):
    """The bundle with one thing changed."""
    document = copy.deepcopy(BUNDLE)
    way = draw(st.sampled_from(PLACES))
    holder, key = at(document, way[:-1]), way[-1]
    value = holder[key]
    if isinstance(value, str) and draw(st.booleans()):
        # One letter more, less, or another one, at any place of the text.
        where, letter = draw(st.integers(0, len(value))), draw(LETTERS)
        how = draw(st.integers(0, 2))
        holder[key] = value[:where] + (letter if how else "") + value[where + (how != 1):]
    elif isinstance(holder, list) and draw(st.booleans()):
        other = draw(st.integers(0, len(holder) - 1))
        if other == key:
            holder.append(copy.deepcopy(value))
        else:
            holder[key], holder[other] = holder[other], value
    elif isinstance(value, bool):
        holder[key] = not value
    elif isinstance(value, int | float) and draw(st.booleans()):
        holder[key] = value + draw(st.sampled_from([1, 0.1, -10]))
    else:
        del holder[key]
    return way, document


@settings(max_examples=400, deadline=None)
@given(changes())
def test_a_change_of_anything_is_found(change):
    way, document = change
    if way[-2:] in ITS_OWN and way[-1] in at(document, way[:-1]):
        return
    found = compare(pair(BUNDLE, document))
    if json.dumps(document, sort_keys=True) == json.dumps(BUNDLE, sort_keys=True):
        assert found.tally.outcome is Outcome.MATCH
    elif found.tally.outcome is not Outcome.MISMATCH:
        [(rule, _)] = found.hidden
        assert says_the_same(rule, at(BUNDLE, way), at(document, way)), (way, rule)


def says_the_same(rule, old, new):
    """Whether a reader gets the same from two texts, by other means than the rule's."""
    match rule:
        case "default instant":
            one, other = (datetime.fromisoformat(text) for text in (old, new))
            return (one, one.utcoffset()) == (other, other.utcoffset())
        case "default base64":
            return base64.b64decode(old) == base64.b64decode("".join(new.split()), validate=True)
        case "default narrative":
            one, other = (re.sub(r"(</?(?:div|p)\b[^>]*>)", r" \1 ", text).split() for text in (old, new))
            return one == other
        case "default host":
            return old.split("/", 3)[3] == new.split("/", 3)[3]
        case "default paging":
            one, other = (re.sub(r"^https?://[^/]+|(?<=_getpages=)[^&]{8,}(?=&)", "", text) for text in (old, new))
            return one == other
    return False


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(PLACES))
def test_what_is_dropped_is_found_in_xml_too(way):
    document = copy.deepcopy(BUNDLE)
    del at(document, way[:-1])[way[-1]]
    if way[-1] == "resourceType":
        return  # it is the name of the element
    assert compare(in_xml(BUNDLE, document)).tally.outcome is Outcome.MISMATCH, way
