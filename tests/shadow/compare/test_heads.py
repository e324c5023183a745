"""Header fields and trailers: every end-to-end one is compared, rules work at each, and no value is shown."""

import pickle
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.message import Headers
from shadow.compare.agreement import identical
from shadow.compare.comparison import Outcome, compare
from shadow.compare.difference import Severity
from shadow.compare.fields import PRESENCE
from shadow.compare.heads import _ACTED_UPON, _ACTED_UPON_PREFIXES, compared, is_added, same, varies
from shadow.compare.outside import ADDED
from shadow.compare.rules import Class, Known, Rule, Rules
from shadow.judge.crosswalks import Crosswalks
from shadow.judge.judgement import judge
from shadow.normalisers.host import Host
from shadow.normalisers.space import Space
from shadow.normalisers.volatile import Volatile
from shadow.observation import Observation
from tests.markdown import quoted, tables
from tests.shadow.exchanges import answer, pair

REFERENCE = (Path(__file__).parents[3] / "docs" / "reference.md").read_text()

MATCH, NORMALISED, MISMATCH = Outcome.MATCH, Outcome.MATCH_NORMALISED, Outcome.MISMATCH


def heads(legacy, modern, *rules, known=(), classes=(), kind="headers", key=b""):
    """The comparison of two heads, each written as lines."""
    sides = (replace(answer(arm), **{kind: fields(lines)}) for arm, lines in (("legacy", legacy), ("modern", modern)))
    return judge(replace(pair(*sides), rules=Rules(rules, known, classes), key=key), Crosswalks())


def fields(lines):
    found = (line.partition(":") for line in lines.strip().splitlines())
    return Headers((name.strip().encode("latin-1"), value.encode("latin-1")) for name, _, value in found)


def told(found):
    return found.tally.outcome, [(one.kind, one.path) for one in found.differences]


VARYING = [
    "Date", "Server", "Via", "Age", "X-Powered-By", "X-Request-ID", "traceparent", "X-B3-TraceId", "X-Amzn-Trace-Id",
    "Connection", "Transfer-Encoding", "Content-Length", "RateLimit-Remaining", "X-RateLimit-Reset", "X-Cache",
    "Server-Timing", "Alt-Svc", "Via", "X-Figway-Fallback",
]


@pytest.mark.parametrize("name", VARYING)
def test_what_differs_from_answer_to_answer_is_not_compared(name):
    assert told(heads(f"{name}: a", f"{name}: b")) == told(heads(f"{name}: a", "")) == (MATCH, [])
    assert told(heads("", f"{name}: b")) == (MATCH, [])


@pytest.mark.parametrize("line", [
    "Access-Control-Allow-Origin: https://ehr.example", "Access-Control-Allow-Credentials: true",
    "Access-Control-Expose-Headers: ETag, Location", "Link: </p?page=2>; rel=next", "Content-Range: bytes 0-9/100",
    "Content-Disposition: attachment; filename=a.pdf", "Vary: Accept", "Strict-Transport-Security: max-age=1",
    "Content-Security-Policy: default-src 'self'", "X-Frame-Options: DENY", "X-Content-Type-Options: nosniff",
    "Referrer-Policy: no-referrer", "Cache-Control: no-store", "Expires: 0", "ETag: \"1\"", "Allow: GET, HEAD",
    "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT", "Location: /a", "WWW-Authenticate: Basic", "Retry-After: 3",
    "Set-Cookie: a=b", "Content-Type: text/plain", "Accept-Ranges: bytes", "Content-Language: de", "X-Total-Count: 17",
    "Content-Location: /a", "X-Progress: 50%",
])
def test_a_field_that_modern_loses_is_a_difference(line):
    name = line.partition(":")[0].lower()
    assert told(heads(line, "")) == (MISMATCH, [("header", name)])
    found = heads(line, line.replace(": ", ":\t") + " ")
    assert (found.tally.outcome, found.hidden) == (MATCH, ())


@pytest.mark.parametrize(("legacy", "modern"), [
    ("Content-Type: application/fhir+json; fhirVersion=4.0", "Content-Type: application/fhir+json"),
    ("Content-Type: application/fhir+json; fhirVersion=4.0", "Content-Type: application/fhir+json; fhirVersion=4.3"),
    ("Content-Type: multipart/related; type=\"a/b\"", "Content-Type: multipart/related; type=\"a/c\""),
    ("Content-Disposition: inline", "Content-Disposition: attachment"),
    ("Content-Disposition: attachment; filename=a.pdf", "Content-Disposition: attachment; filename=b.pdf"),
    ("Link: <a>; rel=next", "Link: <a>; rel=prev"), ("Link: <a>; rel=next", "Link: <b>; rel=next"),
    ("Link: <a>; rel=next", "Link: <a>; rel=next, <b>; rel=next"), ("Link: <a>; rel=x; title=b", "Link: <a>; rel=x"),
    ("Vary: Accept, Origin", "Vary: Origin"), ("Allow: GET, PUT", "Allow: GET"),
    ("Content-Range: bytes 0-9/100", "Content-Range: bytes 0-9/101"),
    ("Content-Security-Policy: default-src a b", "Content-Security-Policy: default-src a"),
    ("Expires: 0", "Expires: Sun, 06 Nov 2044 08:49:37 GMT"), ("Retry-After: 3", "Retry-After: 30"),
    ("X-Total-Count: 17", "X-Total-Count: 18"), ("X-Total-Count: 17", "X-Total-Count:"),
    ("Access-Control-Allow-Origin: https://a", "Access-Control-Allow-Origin: *"),
    ("Set-Cookie: a=1\nSet-Cookie: a=1; Path=/x", "Set-Cookie: a=1"),
    ("Cache-Control: max-age=1, max-age=2", "Cache-Control: max-age=2"),
    ("WWW-Authenticate: Basic realm=\"a, b\", Bearer realm=a", "WWW-Authenticate: Basic realm=\"a, b\""),
    ("Content-Security-Policy: default-src a", "Content-Security-Policy: default-src a\n"
                                               "Content-Security-Policy: default-src b"),
    ("Content-Security-Policy: default-src a", "Content-Security-Policy: default-src a, img-src b"),
    ("Content-Type: a/b\nContent-Type: c/d; x=1", "Content-Type: a/b; x=1\nContent-Type: c/d"),
    ("Content-Type: application/json", "Content-Type: application/json, text/html"),
    ("Content-Type: application/json", "Content-Type: application/json; charset=utf-8, text/html"),
])
def test_a_field_that_modern_changes_is_a_difference(legacy, modern):
    name = legacy.partition(":")[0].lower()
    for one, other in ((legacy, modern), (modern, legacy)):
        assert told(heads(one, other)) == (MISMATCH, [("header", name)])


ONCE = {
    "Content-Type": ("application/json", "text/html"), "Location": ("/a", "/b"), "Content-Location": ("/a", "/b"),
    "ETag": ('"1"', '"2"'), "Last-Modified": ("Sun, 06 Nov 1994 08:49:37 GMT", "Mon, 07 Nov 1994 08:49:37 GMT"),
    "Content-MD5": ("a", "b"), "Content-Disposition": ("inline", "attachment; filename=a"), "Retry-After": ("3", "30"),
    "Expires": ("0", "Sun, 06 Nov 1994 08:49:37 GMT"), "Content-Range": ("bytes 0-1/2", "bytes 1-2/2"),
    "Access-Control-Allow-Origin": ("*", "https://a"), "Access-Control-Allow-Credentials": ("true", "false"),
    "X-Frame-Options": ("DENY", "SAMEORIGIN"), "Content-Security-Policy": ("default-src a", "default-src b"),
    "Strict-Transport-Security": ("max-age=1", "max-age=2"), "Refresh": ("1", "2"), "X-Total-Count": ("17", "18"),
}


@pytest.mark.parametrize("name", ONCE)
def test_a_field_that_comes_twice_on_one_side_is_a_difference(name):
    """Clients differ in which of two they go by, or refuse the answer."""
    first, other = (f"{name}: {value}" for value in ONCE[name])
    for twice in (f"{first}\n{other}", f"{other}\n{first}", f"{first}\n{first}"):
        for one, two in ((first, twice), (twice, first)):
            assert told(heads(one, two)) == (MISMATCH, [("header", name.lower())])
        assert told(heads(twice, twice))[0] is MATCH
    if name not in PRESENCE and name.lower() not in PRESENCE:
        assert told(heads(f"{first}\n{other}", f"{other}\n{first}"))[0] is MISMATCH, "another one comes first"


def test_no_value_of_a_field_that_comes_twice_is_shown():
    found = heads("Content-Disposition: inline", "Content-Disposition: inline\nContent-Disposition: x; filename=Smith")
    assert "Smith" not in str(found)


@pytest.mark.parametrize(("legacy", "modern"), [
    ("WWW-Authenticate: Basic realm=\"a, b\", Bearer realm = c", "WWW-Authenticate: bearer\nWWW-Authenticate: Basic"),
    ("WWW-Authenticate: Negotiate abc==, Basic", "WWW-Authenticate: Negotiate\nWWW-Authenticate: basic realm=x"),
    ("Content-Security-Policy: a b, c d", "Content-Security-Policy: a b\nContent-Security-Policy: c d"),
    ("Vary: Accept, Origin", "Vary: origin\nVary: ACCEPT"), ("Allow: GET,PUT", "Allow: PUT, GET"),
    ("Content-Type: multipart/related; boundary=a; start=\"<1>\"", "Content-Type: Multipart/Related;boundary=b"),
    ("Content-Type: application/json;charset=utf-8", "Content-Type: application/json"),
    ("Content-Type: a/b; x=\"1\"; y=2", "Content-Type: a/b ;Y=2 ;X=1"),
    ("Content-Disposition: attachment; filename=\"a b.pdf\"",
     "Content-Disposition: ATTACHMENT;filename*=UTF-8''a%20b.pdf"),
    ("Link: <a>; rel=next, <b,c>; rel=prev; title=\"x, y\"",
     "Link: <b,c>; title=\"x, y\"; rel=prev\nLink: <a>;rel=next"),
    ("Content-Security-Policy: default-src b a; script-src 'nonce-1'",
     "Content-Security-Policy: script-src 'nonce-2';  default-src a b"),
    ("Strict-Transport-Security: max-age=1; includeSubDomains",
     "Strict-Transport-Security: includesubdomains;max-age=1"),
    ("ETag: \"1\"", "etag: \"2\""), ("Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT", "last-modified: now"),
    ("Expires: Sun, 06 Nov 1994 08:49:37 GMT", "Expires: Mon, 07 Nov 1994 08:49:37 GMT"),
    ("X-Total-Count: 17", "x-total-count:   17 "), ("X-List: a\nX-List: b", "X-List: a, b"),
])
def test_what_means_the_same_is_no_difference(legacy, modern):
    for one, other in ((legacy, modern), (modern, legacy)):
        assert told(heads(one, other))[0] is MATCH


def test_links_may_have_another_host():
    found = heads("Link: <http://a/p?page=2>; rel=next", "Link: <https://b:8/p?page=2>; rel=next")
    assert (found.tally.outcome, found.hidden) == (NORMALISED, (("default /@header/link", 1),))
    off = Rule("off", "/@header/link", defaults=False)
    assert told(heads("Link: <http://a/p>; rel=next", "Link: <http://b/p>; rel=next", off))[0] is MISMATCH


@pytest.mark.parametrize("line", ["X-Total-Count: 17", "Accept-Ranges: bytes", "Allow: GET", "X-Robots-Tag: none"])
def test_what_modern_adds_is_normalised(line):
    found = heads("", line)
    assert (found.tally.outcome, found.hidden) == (NORMALISED, ((ADDED, 1),))
    assert told(heads("", line, Rule("off", "/@header", defaults=False)))[0] is MISMATCH
    assert told(heads("", line, Rule("off",
    f"/@header/{line.partition(':')[0].lower()}", defaults=False)))[0] is MISMATCH


@pytest.mark.parametrize("line", [
    "Set-Cookie: a=b", "Access-Control-Allow-Origin: *", "Content-Security-Policy: sandbox", "Cache-Control: no-store",
    "Content-Disposition: attachment", "Location: /a", "ETag: \"1\"", "Vary: *", "X-Frame-Options: DENY",
    "X-Content-Type-Options: nosniff", "Clear-Site-Data: \"cache\"", "Refresh: 1", "WWW-Authenticate: Basic",
    "Strict-Transport-Security: max-age=1", "Expires: 0", "Content-Range: bytes 0-1/2", "Retry-After: 1", "Link: <a>",
])
def test_what_modern_adds_is_a_difference_if_clients_act_upon_it(line):
    assert told(heads("", line)) == (MISMATCH, [("header", line.partition(":")[0].lower())])


@pytest.mark.parametrize("kind", ["header", "trailer"])
def test_trailers_are_compared_as_fields_are(kind):
    whose = f"{kind}s"
    assert told(heads("grpc-status: 0", "grpc-status: 5", kind=whose)) == (MISMATCH, [(kind, "grpc-status")])
    assert told(heads("grpc-status: 0", "", kind=whose)) == (MISMATCH, [(kind, "grpc-status")])
    assert told(heads("", "grpc-status: 0", kind=whose)) == (MISMATCH, [(kind, "grpc-status")])
    assert told(heads("", "X-Sum: 1", kind=whose)) == (NORMALISED, [])
    assert told(heads("Server-Timing: 1", "Server-Timing: 2", kind=whose)) == (MATCH, [])
    ignored = Rule("r", f"/@{kind}/grpc-status", ignore=True)
    assert told(heads("grpc-status: 0", "grpc-status: 5", ignored, kind=whose)) == (NORMALISED, [])


# --- rules ---

DISPOSITION = ("Content-Disposition: attachment; filename=2026-01-01T10:00:00Z",
               "Content-Disposition: attachment; filename=2026-01-01T10:00:09Z")
INSTANT, UUID = (Volatile(Volatile.Options(kind)) for kind in ("instant", "uuid"))


@pytest.mark.parametrize(("rule", "legacy", "modern"), [
    (Rule("r", "/@header/location", Host(Host.Options(("/fhir",)))), "Location: http://a/fhir/P/1",
     "Location: http://b/P/1"),
    (Rule("r", "/@header/*", Host(Host.Options())), "Content-Location: http://a/1", "Content-Location: http://b/1"),
    (Rule("r", "/@header/content-disposition/filename", INSTANT), *DISPOSITION),
    (Rule("r", "/@header/content-disposition", INSTANT), *DISPOSITION),
    (Rule("r", "/@header/x-note", Space(Space.Options())), "X-Note: a  b", "X-Note: a b"),
    (Rule("r", "/@header/x-note", ignore=True), "X-Note: a", "X-Note: b"),
    (Rule("r", "/@header/x-note", ignore=True, kind="header"), "X-Note: a", ""),
    (Rule("r", "/@header", ignore=True), "X-Note: a\nVary: b", "X-Note: c"),
    (Rule("r", "/@header/content-type/charset", ignore=True), "Content-Type: a/b;charset=utf-8", "Content-Type: a/b"),
    (Rule("r", "/@header/set-cookie/JSESSIONID", ignore=True), "Set-Cookie: JSESSIONID=1; Path=/", "Set-Cookie: a="),
])
def test_rules_work_at_a_field_and_at_its_parts(rule, legacy, modern):
    found = heads(legacy, modern, rule)
    if "a=" in modern:  # another cookie is still a difference
        assert told(found) == (MISMATCH, [("header", "set-cookie")])
        modern = ""
        legacy = legacy.replace("JSESSIONID=1; Path=/", "JSESSIONID=1")
        assert told(heads(legacy, "Set-Cookie: JSESSIONID=1; Secure", rule)) == (NORMALISED, [])
        return
    assert (found.tally.outcome, dict(found.hidden).keys()) == (NORMALISED, {"r"})
    assert told(heads(legacy, modern))[0] is MISMATCH


@pytest.mark.parametrize(("rule", "legacy", "modern"), [
    (Rule("r", "/@header/location", UUID), "Location: /a", "Location: /b"),
    (Rule("r", "/@header/x-note", INSTANT), "X-Note: 2026-01-01T10:00:00Z", ""),
    (Rule("r", "/@header/x-note", ignore=True, kind="value"), "X-Note: a", "X-Note: b"),
    (Rule("r", "/@header/content-disposition/filename", INSTANT), DISPOSITION[0], DISPOSITION[1].replace("att", "b")),
    (Rule("r", "/@header/content-type/charset", ignore=True), "Content-Type: a/b", "Content-Type: a/c;charset=x"),
    (Rule("r", "/@header/link", Host(Host.Options())), "Link: <http://a/1>", "Link: <http://a/1>, <http://a/1>"),
])
def test_a_rule_hides_no_more_than_it_says(rule, legacy, modern):
    assert told(heads(legacy, modern, rule))[0] is MISMATCH


def test_a_declared_difference_of_a_field_is_known():
    known = Known("K-1", "/@header/x-note", "reason", "owner", 9e9, shape="string word")
    assert heads("X-Note: a", "X-Note: b", known=(known,)).tally[2:] == (Outcome.KNOWN_DIFFERENCE, "K-1")
    assert heads("X-Note: a", "X-Note: 1", known=(known,)).tally[2:] == (MISMATCH, "")


def test_severity_and_reveal_work_at_a_field():
    rules = Rule("s", "/@header/x-note", severity=Severity.CRITICAL), Rule("v", "/@header/x-note", reveal=True)
    [found] = heads("X-Note: a", "X-Note: b", *rules).differences
    assert (found.severity, str(found.legacy), str(found.modern)) == (
        Severity.CRITICAL, 'string(1) "a"', 'string(1) "b"')
    [hidden] = heads("X-Note: a", "X-Note: b").differences
    assert (hidden.severity, str(hidden.legacy)) == (Severity.MAJOR, "string(1) word")


def test_a_field_that_names_a_record_is_checked_against_the_crosswalk():
    rule = Rule("c", "/@header/location", crosswalk="reference")
    classes = Class("Patient"),
    crosswalks = Crosswalks()

    def asked(legacy, modern):
        sides = (replace(answer(arm, b"{}"), headers=fields(f"Location: {url}"))
                 for arm, url in (("legacy", legacy), ("modern", modern)))
        return judge(replace(pair(*sides), rules=Rules((rule,), (), classes)), crosswalks)

    first = asked("http://a/fhir/Patient/17/_history/1", "http://b/Patient/abc/_history/9")
    assert (first.tally.outcome, first.hidden) == (NORMALISED, (("c", 1),))
    again = asked("http://a/fhir/Patient/17/_history/1", "http://b/Patient/other/_history/1")
    assert [(one.kind, one.path, one.severity) for one in again.differences] == [
        ("identity", "/@header/location", Severity.CRITICAL)]
    assert asked("/x", "/y").differences[0].kind == "header"


# --- what may be seen, and what it costs ---

@pytest.mark.parametrize("name", ["X-Zebulon Quick", "X-19331204-Report", "X-Zébulon", "a.b.c", "Zebulon" * 20])
def test_a_name_that_may_be_data_is_masked(name):
    [found] = heads(f"{name}: 1", "", key=b"key").differences
    assert found.path == "{key}"
    assert found.key_token
    assert told(heads(f"{name}: 1", "", Rule("r", f"/@header/{name.lower()}", ignore=True)))[0] is NORMALISED


NAMES = st.sampled_from(["Set-Cookie", "Link", "Vary", "Content-Type", "Content-Disposition", "Cache-Control",
                         "Content-Security-Policy", "Location", "X-Note", "Retry-After", "Content-Language", "Allow"])
SAID = st.text(st.sampled_from("aB9;,=<>\"' /\\*%'"), max_size=12) | st.text(st.characters(codec="latin-1"), max_size=8)
HEADS = st.lists(st.tuples(NAMES, SAID), max_size=4).map(
    lambda lines: Headers((name.encode(), value.encode("latin-1")) for name, value in lines))


@given(HEADS, HEADS)
def test_any_two_heads_are_compared_and_those_that_say_the_same_to_the_byte_match(legacy, modern):
    one, other = (Observation(arm, 0.0, 200, head, b"{}") for arm, head in (("legacy", legacy), ("modern", modern)))
    found = compare(pair(one, other))
    assert bool(found.differences) == (found.tally.outcome is MISMATCH)
    assert compare(pair(one, one)).tally.outcome is MATCH
    if identical(pair(one, other)):
        assert found.tally.outcome is MATCH


@given(HEADS, st.data())
def test_heads_that_lost_a_field_never_match(head, data):
    if head:
        gone = data.draw(st.sampled_from(head))
        left = Headers(one for one in head if one[0] != gone[0])
        sides = (Observation("legacy", 0.0, 200, fields, b"{}") for fields in (head, left))
        assert compare(pair(*sides)).tally.outcome is MISMATCH


@given(st.lists(st.tuples(st.sampled_from(["Date", "ETag", "X-Note", "Vary"]), st.sampled_from("ab"))),
       st.lists(st.tuples(st.sampled_from(["date", "ETag", "X-Note", "Vary"]), st.sampled_from("ab"))))
def test_the_quick_look_at_two_heads_agrees_with_the_thorough_one(legacy, modern):
    one, other = (Headers((name.encode(), value.encode()) for name, value in lines) for lines in (legacy, modern))
    assert same(one, other) == (compared(one) == compared(other))


def test_the_judge_is_sent_no_field_that_is_not_compared():
    sent = compared(fields("Date: Zebulon\nX-Request-Id: Zebulon\nETag: Zebulon\nVary: a\nallow: b"))
    assert sent == [(b"allow", b" b"), (b"etag", b""), (b"vary", b" a")]
    assert b"Zebulon" not in pickle.dumps(sent)


def test_no_field_that_is_compared_is_both_added_and_varying():
    assert all(varies(name.encode()) and is_added(name.lower()) for name in VARYING)


def listed(text):
    """The names of fields in a piece of the reference; an ellipsis at the end stands for any more letters."""
    return {name.lower() for name in quoted(text)}


SECTION = REFERENCE.split("### Header fields and trailers\n")[1].split("\n### ")[0]


def test_the_reference_lists_the_fields_that_clients_act_upon():
    told = listed(SECTION.split("changes what clients do. Those are ")[1].split("\n\n")[0])
    prefixes = {name.removesuffix("…") for name in told if name.endswith("…")}
    assert prefixes == set(_ACTED_UPON_PREFIXES)
    assert {name for name in told if not name.endswith("…")} == _ACTED_UPON


def test_the_reference_says_which_fields_vary_and_of_which_only_the_presence_counts():
    [found] = [one for one in tables(REFERENCE) if one.section == "Header fields and trailers"]
    never, _, presence, *parts = [listed(fields) for fields, _ in found.rows]
    assert {name for name in never if not varies(name.removesuffix("…").encode() + b"x" * name.endswith("…"))} == set()
    assert presence <= PRESENCE
    assert {name for some in parts for name in some if varies(name.encode())} == set()
