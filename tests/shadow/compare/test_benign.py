"""What differs in how it is written, and in nothing that it says, needs no rule. A changed value is never that."""

import base64
import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from unicodedata import normalize

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from lxml import etree

from shadow.compare.comparison import Outcome, compare
from shadow.compare.rules import Rule, Rules
from tests.shadow.exchanges import answer, pair

CASES = Path(__file__).parent / "cases"


def judged(old, new, *rules, content_type="application/json"):
    asked = pair(*(answer(arm, body, content_type=content_type) for arm, body in (("legacy", old), ("modern", new))))
    asked.rules = Rules(rules)
    return compare(asked)


def hidden(old, new, *rules):
    """The rules that make two answers one; None if they differ."""
    found = judged(old, new, *rules)
    return None if found.differences else set(dict(found.hidden))


def alike(old, new):
    return hidden({"a": old}, {"a": new}) is not None


def severity(old, new):
    return judged(old, new).severity


# --- instants ---

NOON = "2026-01-01T12:00:00"


def test_a_moment_that_java_writes_without_a_colon_is_the_same():
    old, new = ((CASES / f"json-plus0000.{arm}.json").read_bytes() for arm in ("legacy", "modern"))
    found = judged(old, new)
    assert (found.tally.outcome, dict(found.hidden)) == (Outcome.MATCH_NORMALISED, {"default instant": 1})


@pytest.mark.parametrize(("old", "new", "same"), [
    ("Z", "+00:00", True), ("Z", "+0000", True), (".000Z", "Z", True), (".500Z", ".5Z", True),
    (".5Z", ".50+0000", True),
    ("+0100", "+01:00", True), ("Z", "", False), ("Z", "-00:00", False), ("Z", "+01:00", False), (".5Z", ".05Z", False),
    ("Z", ".001Z", False), ("+00:60", "+0060", False),
])
def test_one_moment_at_one_offset_is_one_however_it_is_written(old, new, same):
    assert alike(NOON + old, NOON + new) is same
    assert alike([NOON + old], [NOON + new]) is same


def test_another_zone_is_minor_until_a_rule_says_that_it_is_nothing():
    old, new = {"a": "2026-01-01T23:30:00Z"}, {"a": "2026-01-02T00:30:00+01:00"}
    assert severity(old, new) == "minor"
    assert severity(old, {"a": "2026-01-02T00:30:01+01:00"}) == "major"
    assert severity({"birthDate": old["a"]}, {"birthDate": new["a"]}) == "minor"


def written(moment, offset, way):
    local = moment.astimezone(timezone(timedelta(minutes=offset)))
    zone = f"{'-' if offset < 0 else '+'}{abs(offset) // 60:02}:{abs(offset) % 60:02}"
    if way % 2:
        zone = zone.replace(":", "")
    if way > 2 and not offset:
        zone = "Z"
    digits = f"{local.microsecond:06}".rstrip("0")
    fraction = f".{digits}{'0' * (way % 3)}" if digits or way % 3 else ""
    return f"{local:%Y-%m-%dT%H:%M:%S}{fraction}{zone}"


MOMENTS = st.datetimes(datetime(1900, 1, 2), datetime(2100, 1, 1), timezones=st.just(UTC))
OFFSETS = st.sampled_from([0, 60, -60, 330, 765])


@given(MOMENTS, MOMENTS, OFFSETS, OFFSETS, st.integers(0, 5), st.integers(0, 5), st.booleans())
def test_another_moment_is_never_the_same(one, other, before, after, way, also, same):
    other = one if same else other
    assume(all(moment.year > 999 for moment in (one, other)))
    assert alike(written(one, before, way), written(other, after, also)) is ((one, before) == (other, after))


# --- texts ---

LETTERS = st.text(alphabet="aeous2\u0308\u0301\u0323\u0307\u00e4\u00e9\u1e69\u017f\u00b2", max_size=8)


@given(LETTERS, LETTERS)
@example("Mu\u0308ller", "M\u00fcller")
def test_a_text_is_one_composed_or_not_and_no_other_text_is(one, other):
    assert alike(one, other) is (normalize("NFC", one) == normalize("NFC", other))
    assert alike(one, normalize("NFD", one))


def wrapped(data, width, mark):
    text = base64.b64encode(data).decode()
    return mark.join(text[at:at + width] for at in range(0, len(text), width)) if width else text


WRAPS = st.tuples(st.sampled_from([0, 64, 76]), st.sampled_from(["\n", "\r\n", "\n  ", " "]))


@given(st.binary(min_size=60, max_size=300), WRAPS, WRAPS)
def test_base64_is_one_in_lines_and_without(data, one, other):
    assert alike(wrapped(data, *one), wrapped(data, *other))
    assert alike(wrapped(data, *one), wrapped(data, *one) + "\n")


@given(st.binary(min_size=45, max_size=300), st.binary(min_size=45, max_size=300), WRAPS, WRAPS)
@example(b"\0" * 45, b"\0" * 46, (64, "\n"), (0, ""))
def test_other_data_is_never_the_same(data, changed, one, other):
    assume(data != changed)
    assert not alike(wrapped(data, *one), wrapped(changed, *other))


@pytest.mark.parametrize(("old", "new"), [
    ("word\nword", "wordword"), ("5 mg", "5mg"), ("abcd\n" * 30, "abcd" * 30),
    ("a" * 64 + "\n" + "b" * 3, "a" * 64 + "b" * 3),
    ("a" * 63 + "\n" + "b" * 61, "a" * 63 + "b" * 61), ("aGVsbG8=\n", "aGVsbG8="), (" ", ""),
])
def test_white_space_in_a_text_that_is_no_base64_stays_a_difference(old, new):
    assert not alike(old, new)


def test_lines_of_base64_in_hl7_end_as_its_escapes_say():
    message = "MSH|^~\\&|a|b|c|d|1||ORU^R01|1|P|2.5\rOBX|1|ED|x||^^^Base64^{}"
    data = bytes(range(200))
    old, new = (message.format(text).encode() for text in (wrapped(data, 76, "\\.br\\"), wrapped(data, 0, "")))
    found = judged(old, new, content_type="x-application/hl7-v2+er7")
    assert (found.differences, dict(found.hidden)) == ((), {"default base64": 1})


# --- versions ---

def patient(version, **more):
    return {"resourceType": "Patient", "id": "1", "meta": {"versionId": version}, **more}


def bundle(*resources, **more):
    return {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": one} for one in resources], **more}


def paths(old, new):
    return [one.path for one in judged(old, new).differences]


@pytest.mark.parametrize("put", [
    lambda one: one, bundle, lambda one: [one, one],
    lambda one: {"resourceType": "Parameters", "parameter": [{"name": "return", "resource": one}]},
])
def test_a_version_counts_only_beside_another_difference(put):
    old, new = patient("1", active=True), patient("7", active=True)
    assert hidden(put(old), put(new)) == {"default versionId"}
    found = [one.path.rpartition("/")[2] for one in judged(put(old), put(patient("7", active=False))).differences]
    assert {"versionId", "active"} == set(found)
    assert hidden(put(old), put({**new, "meta": {}})) is None, "one without a version is another matter"


def test_a_version_counts_by_its_own_resource():
    old = bundle(patient("1"), {**patient("1", active=True), "id": "2"}, meta={"versionId": "1"})
    new = bundle(patient("2"), {**patient("2", active=False), "id": "2"}, meta={"versionId": "3"})
    assert paths(old, new) == ["/entry/1/resource/meta/versionId", "/entry/1/resource/active", "/meta/versionId"]
    held = {"resourceType": "Medication", "id": "m", "status": "active"}
    assert paths(patient("1", contained=[held]), patient("2", contained=[{**held, "status": "inactive"}])) == [
        "/meta/versionId", "/contained/0/status"]


def test_a_version_where_a_difference_was_declared_is_still_none():
    old, new = patient("1", note="a"), patient("2", note="b")
    assert hidden(old, new, Rule("note", "/note", ignore=True)) == {"note", "default versionId"}


# --- hosts and pages ---

def page(url, relation="next", **more):
    return {"resourceType": "Bundle", "type": "searchset", "link": [{"relation": relation, "url": url}], **more}


LONG = "eyJwYWdlIjoyLCJzaXplIjoyMH0"


@pytest.mark.parametrize(("old", "new", "rule"), [
    ("https://old/fhir/Patient?name=x", "http://new:8080/fhir/Patient?name=x", "default host"),
    ("https://a/b?_getpages=0a1b2c3d-1&_count=2", "https://b/b?_getpages=ffffffff-2&_count=2", "default paging"),
    (f"https://a/Patient?ct={LONG}", f"https://a/Patient?ct={LONG[::-1]}", "default paging"),
    (f"https://a/Patient?page={LONG}", f"https://b/Patient?page={LONG[::-1]}1", "default paging"),
    ("https://a/Patient?name=x", "https://b/Patient?name=y", None),
    ("https://a/Patient?_getpages=0a1b2c3d&_offset=20", "https://a/Patient?_getpages=ffffffff&_offset=40", None),
    ("https://a/Patient?page=2", "https://a/Patient?page=3", None),
    ("https://a/one/Patient", "https://a/two/Patient", None),
    ("https://a/Patient?page=20000000000000000000", "https://a/Patient?page=30000000000000000000", None),
    ("https://a/Patient?cursor=20000000", "https://a/Patient?cursor=30000000", None),
    ("https://a/Patient", "https://a/Patient?_count=1", None), ("https://a/Patient", "Patient", None),
])
def test_a_link_is_one_at_two_hosts_and_by_two_tokens(old, new, rule):
    expected = rule and {rule}
    assert hidden(page(old), page(new)) == expected
    assert hidden({"_links": {"next": {"href": old}}}, {"_links": {"next": {"href": new}}}) == expected
    assert hidden({"next": old}, {"next": new}) == expected
    assert hidden({"link": old}, {"link": new}) is None, "anything may be called a link"


def test_a_full_url_is_one_at_two_hosts():
    def entry(host, id="1", kind="Patient"):
        return {"resourceType": "Bundle", "type": "searchset", "entry": [
            {"fullUrl": f"https://{host}/fhir/{kind}/{id}", "resource": {"resourceType": "Patient", "id": "1"}},
            {"resource": {"resourceType": "OperationOutcome"}}]}

    assert hidden(entry("old"), entry("new")) == {"default host"}
    assert hidden(entry("old"), entry("new", "2")) is None
    assert hidden(entry("old"), entry("new", kind="Person")) is None
    off = Rule("off", "/entry/*/fullUrl", defaults=False)
    assert hidden(entry("old"), entry("new"), off) is None


@pytest.mark.parametrize("outcome_first", [True, False])
@pytest.mark.parametrize("named", [True, False])
def test_entries_of_two_hosts_are_paired_whatever_is_among_them(outcome_first, named):
    def entries(host, ids):
        found = [{"fullUrl": f"https://{host}/fhir/Patient/{id}", "resource": {
            "resourceType": "Patient", "active": True, **({"id": str(id)} if named else {})}} for id in ids]
        outcome = {"resource": {"resourceType": "OperationOutcome", "issue": []}}
        return {"resourceType": "Bundle", "type": "searchset", "entry": [
            outcome, *found] if outcome_first else [*found, outcome]}

    assert hidden(entries("old", range(50)), entries("new", range(50))) == {"default host"}
    if named or not outcome_first:
        found = judged(entries("old", range(50)), entries("new", [*range(3), *range(4, 50)])).differences
        assert [(one.kind, one.severity, one.signature.path) for one in found] == [("missing", "critical", "/entry/*")]


def test_texts_of_a_list_are_paired_however_they_are_spelt():
    old, new = ({"event": [f"2026-01-0{day}T10:00:00{zone}" for day in range(1, 6)]} for zone in ("Z", "+00:00"))
    assert hidden(old, new) == {"default instant"}
    names = {"names": ["M\u00fcller", "Gr\u00f6n", "Ång"]}
    assert hidden(names, {"names": [normalize("NFD", one) for one in names["names"]]}) == {"default nfc"}
    changed = {"event": [*new["event"][:4], "2026-01-05T11:00:00+00:00"]}
    assert hidden(old, changed) is None


def test_a_pages_token_is_one_only_if_it_is_one():
    assert hidden({"nextPageToken": LONG}, {"nextPageToken": LONG[::-1]}) == {"default paging"}
    for other in ("", None, "12345678", "short", "two words of text"):
        assert hidden({"nextPageToken": LONG}, {"nextPageToken": other}) is None
    assert hidden({"token": LONG}, {"token": LONG[::-1]}) is None


@pytest.mark.parametrize(("old", "new", "severity_"), [
    (page("https://a/Patient?page=2"), {**page(""), "link": []}, "major"),
    ({**page(""), "link": []}, page("https://a/Patient?page=2"), "major"),
    (page("https://a/Patient?page=2"), {"resourceType": "Bundle", "type": "searchset"}, "major"),
    (page("https://a/Patient?_offset=20"), page("https://a/Patient?_offset=30"), "major"),
    (page("https://a/Patient?_offset=20"), page("https://a/Patient?ct=abc"), "minor"),
    (page("https://a/Patient", "self"), {**page(""), "link": []}, "minor"),
    (page("https://a/Patient", "self"), page("https://a/Patient?_count=5", "self"), "minor"),
    (page("https://a/Patient?page=2"), page("https://a/Patient?page=2", "previous"), "major"),
])
def test_a_page_that_is_lost_is_at_least_major(old, new, severity_):
    assert severity(old, new) == severity_


# --- narratives ---

DIV = '<div xmlns="http://www.w3.org/1999/xhtml">{}</div>'


def narrative(inside):
    return {"resourceType": "Patient", "text": {"status": "generated", "div": DIV.format(inside)}}


@pytest.mark.parametrize(("old", "new", "same"), [
    ("<p>Two  words</p>", "<p>\n  Two\n  words\n</p>", True), ("<p>a</p><p>b</p>", "<p>a</p>\n<p>b</p>", True),
    ("<table><tr><td>a</td></tr></table>", "<table>\n<tr>\n <td> a </td>\n</tr></table>", True),
    ('<p class="a"  id="b">x</p>', '<p class="a"\n id="b">x</p>', True), ("a<br/>b", "a<br />\nb", True),
    ("<b>a</b> <b>b</b>", "<b>a</b><b>b</b>", False), ("<p>5 mg</p>", "<p>50 mg</p>", False),
    ("<p>5 mg</p>", "<p>5mg</p>", False),
    ("<pre>a  b</pre>", "<pre>a b</pre>", False), ('<p title="a  b">x</p>', '<p title="a b">x</p>', False),
    ("<p>a\u00a0b</p>", "<p>a b</p>", False), ("<p>a</p>", "<p>a</p><p/>", False),
    ('<p style="white-space:pre">a  b</p>', '<p style="white-space:pre">a b</p>', False),
    ('<p title="a>b  c">x</p>', '<p title="a>b c">x</p>', False), ("<b>a</b>", "<i>a</i>", False),
])
def test_a_narrative_is_one_in_other_white_space(old, new, same):
    assert hidden(narrative(old), narrative(new)) == ({"default narrative"} if same else None)
    texts = ({"text": {"div": DIV.format(one)}} for one in (old, new))
    assert hidden(*texts) is None, "only FHIR's is known to be XHTML"


PIECES = st.lists(st.sampled_from(
    ["<p>", "</p>", "<b>", "</b>", "<br/>", "a", "b", " ", "\n  ", "\u00a0", "5", "mg"]), max_size=9)


@given(PIECES, PIECES)
def test_narratives_that_read_otherwise_are_never_the_same(old, new):
    def words(pieces):
        """The words with the elements that they are in, as a browser has them. A no-break space is part of a word."""
        try:
            root = etree.fromstring(DIV.format("".join(pieces)))
        except etree.XMLSyntaxError:
            return None
        found = []
        for said in root.xpath(".//text()"):
            place = root.getroottree().getpath(said.getparent()), said.is_tail
            found += [(*place, word) for word in said.replace("\n", " ").split(" ") if word]
        return found

    if hidden(narrative("".join(old)), narrative("".join(new))) is not None:
        assert words(old) == words(new)


# --- all together ---

def test_the_report_of_ten_benign_variations_has_none_above_minor():
    coding = [{"system": "http://loinc.org", "code": "718-7"}, {"system": "urn:oid:1", "code": "HB"}]
    data = base64.b64encode(bytes(range(150))).decode()
    observation = {
        "resourceType": "Observation", "id": "o", "meta": {"versionId": "1", "lastUpdated": f"{NOON}Z"},
        "text": {"status": "generated", "div": DIV.format("<p>Hb 7.9</p>")}, "status": "final",
        "extension": [{"url": "http://a", "valueCode": "x"}, {"url": "http://b", "valueCode": "y"}],
        "code": {"coding": coding}, "issued": f"{NOON}.000Z", "effectiveInstant": f"{NOON}Z",
        "note": [{"text": "M\u00fcller"}],
        "component": [{"valueAttachment": {"data": data}}],
    }
    changed = json.loads(json.dumps(observation))
    changed["meta"] = {"versionId": "5", "lastUpdated": "2026-02-02T12:00:00Z"}
    changed["text"]["div"] = DIV.format("\n<p>Hb\n 7.9</p>\n")
    changed["extension"].reverse()
    changed["code"]["coding"].reverse()
    changed["issued"], changed["effectiveInstant"] = f"{NOON}+0000", "2026-01-01T13:00:00+01:00"
    changed["note"][0]["text"] = "Mu\u0308ller"
    changed["component"][0]["valueAttachment"]["data"] = f"{data[:76]}\n{data[76:152]}\n{data[152:]}"

    def answers(host, one, token, **entries):
        first = {"fullUrl": f"https://{host}/fhir/Observation/o", "resource": one}
        second = {"fullUrl": f"https://{host}/fhir/Patient/1", "resource": patient("1")}
        both = [first, second] if host == "old" else [second, first]
        return {"resourceType": "Bundle", "type": "searchset", "link": [
            {"relation": "next", "url": f"https://{host}/fhir?_getpages={token}&_count=2"}], "entry": both}

    found = judged(answers("old", observation, "0a1b2c3d-0"), answers("new", changed, "9f8e7d6c-5"))
    assert found.severity == "minor"
    assert sorted((one.kind, one.signature.path) for one in found.differences) == [
        ("moved", "/entry/*"), ("moved", "/entry/*/resource/code/coding/*"), ("moved", "/entry/*/resource/extension/*"),
        ("value", "/entry/*/resource/effectiveInstant"), ("value", "/entry/*/resource/meta/versionId")]
    assert set(dict(found.hidden)) >= {
        "default instant", "default nfc", "default base64", "default host", "default paging", "default narrative"}
