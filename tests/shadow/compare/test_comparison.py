"""Pairs: exactly one outcome for any bytes, equal answers match, and nothing that cannot be read ever does."""

import gzip
import json
import pickle
import zlib
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shadow.compare.agreement import identical
from shadow.compare.bodies import MAX_DECODED, Unreadable, decoded
from shadow.compare.codings import MAX_MEMBERS
from shadow.compare.comparison import Outcome, compare, compare_condition
from tests.shadow.compare.test_diff import SWAPPED, VALUES
from tests.shadow.exchanges import answer, pair

MATCH, MISMATCH = Outcome.MATCH, Outcome.MISMATCH
NOT_COMPARABLE, CANDIDATE_ERROR = Outcome.NOT_COMPARABLE, Outcome.CANDIDATE_ERROR

MEDIA = [
    "", "application/json", "application/fhir+json; charset=utf-8", "text/csv", ";=", "application/xml", "text/plain",
    "text/html; charset=latin-1", "x-application/hl7-v2+er7", "application/x-ndjson",
]
HEADERS = st.fixed_dictionaries({}, optional={
    "content_type": st.sampled_from(MEDIA)
    | st.text(st.characters(codec="latin-1"), max_size=20),
    "content_encoding": st.sampled_from(["gzip", "deflate", "br", "gzip, gzip", ",", "identity", "x,y,z,a,b"]),
    "location": st.text(st.characters(codec="latin-1"), max_size=5),
    "www_authenticate": st.sampled_from(["Bearer x", "Basic", ""]),
})
WRITTEN = [
    b"<a x='1'><b>t</b><b/></a>", b"<p>a <b>b</b><div>c</p>", b"MSH|^~\\&|x\rPID|1||4711^^^H~2", b'{"a":1}\n[2]\n',
    b"a\r\nb",    b"MSH|^~\\&|x\rOBX|1", b"<a>", b"\xff\xfe<a/>", b"MSH", b"{}\n{",
]
PACKED = VALUES.map(lambda value: gzip.compress(json.dumps(value).encode()))
BODIES = st.sampled_from(WRITTEN) | st.binary() | VALUES | PACKED


@st.composite
def answers(draw, arm):
    return answer(
        arm, draw(BODIES), draw(st.sampled_from([0, 200, 201, 404, 500])),
        complete=draw(st.sampled_from([True, True, False])),
        failure=draw(st.sampled_from([None, None, None, "reset", "cancelled"])), **draw(HEADERS),
    )


def judged(legacy, modern):
    comparison = compare(pair(legacy, modern))
    assert bool(comparison.differences) == (comparison.tally.outcome is MISMATCH)
    assert compare(pickle.loads(pickle.dumps(pair(legacy, modern)))) == comparison
    return comparison.tally.outcome, comparison.tally.reason


def kinds(legacy, modern):
    return [(one.kind, one.path) for one in compare(pair(legacy, modern)).differences]


@given(answers("legacy"), answers("modern"))
def test_any_two_answers_have_an_outcome(legacy, modern):
    outcome, _ = judged(legacy, modern)
    if identical(pair(legacy, modern)):
        assert outcome is MATCH


KNOWN = ["resourceType", "type", "entry", "resource", "id", "fullUrl", "identifier", "system", "value", "code", "link",
         "relation", "url", "meta", "lastUpdated", "versionId", "text", "div", "contained", "vr", "Value", "00080018"]
KNOWN_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3)
    | st.sampled_from(["", "Bundle", "Patient", "searchset", "UI", "next"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KNOWN), inner, max_size=5),
    max_leaves=20,
)


@given(KNOWN_VALUES, KNOWN_VALUES)
@example({"resourceType": "Bundle", "type": []}, {"resourceType": "Bundle", "type": []})
def test_members_that_the_comparer_knows_may_hold_anything(legacy, modern):
    judged(legacy, modern)
    assert judged(legacy, json.dumps(legacy, indent=2).encode()) == (MATCH, "")


@given(answers("legacy"), answers("modern"))
def test_kinds_are_the_same_from_the_other_side(legacy, modern):
    # Indexes are the first arm's, so they are left out.
    both = compare(pair(legacy, modern)), compare(pair(modern, legacy))
    there, back = ([(one.kind, one.signature.path) for one in side.differences] for side in both)
    # A coding that mirrors do not ask for is legacy's alone.
    asked_for = all(decoded(one) != Unreadable("unknown_coding") for one in (legacy, modern))
    if asked_for and not any(one.failure is not None or one.broke for one in (legacy, modern)):
        assert sorted((SWAPPED.get(kind, kind), path) for kind, path in there) == sorted(back)


@given(VALUES)
def test_a_document_matches_itself_however_it_is_written(value):
    tight, wide = json.dumps(value).encode(), json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False).encode()
    assert judged(tight, wide) == (MATCH, "")
    bare = zlib.compress(wide)[2:-4]
    for coding, packed in (("gzip", gzip.compress(wide)), ("deflate", zlib.compress(wide)), ("deflate", bare)):
        assert judged(tight, answer("modern", packed, content_encoding=coding)) == (MATCH, "")
    twice = answer("modern", zlib.compress(gzip.compress(wide)), content_encoding="gzip, deflate")
    assert judged(tight, twice) == (MATCH, "")


@pytest.mark.parametrize("body", [b"[NaN]", b'{"a":', b"[1,]", b"\xff\xfe{", b"{}{}", b"'a'"])
def test_a_body_that_cannot_be_read_is_a_difference_unless_the_other_is_the_same(body):
    assert kinds(b"{}", body) == kinds(body, b"{}") == kinds(body, body + b" ") == [("syntax", "")]


def test_the_same_bytes_are_the_same_answer():
    assert judged(b"\xef\xbb\xbf{", b"\xef\xbb\xbf{") == (MATCH, "")


def test_empty_is_not_a_document():
    assert kinds(b"", b"{}") == kinds(b"{}", b"") == [("body", "")]


@pytest.mark.parametrize("kind", ["connect_refused", "total_timeout", "reset", "tls", "truncated", "oversize"])
def test_each_failure_is_a_kind_of_its_own(kind):
    assert judged(b"{}", answer("modern", failure=kind)) == (CANDIDATE_ERROR, kind)
    assert judged(answer("legacy", failure=kind), b"{}") == (NOT_COMPARABLE, f"legacy_{kind}")
    assert judged(answer("legacy", failure=kind), answer("modern", failure=kind)) == (NOT_COMPARABLE, f"legacy_{kind}")


def test_what_the_client_gave_up_says_nothing_about_the_candidate():
    assert judged(b"{}", answer("modern", failure="cancelled")) == (NOT_COMPARABLE, "cancelled")


def test_a_body_that_was_not_kept_whole_is_never_a_match():
    cut = answer("modern", b"{}", complete=False)
    assert judged(b"{}", cut) == (CANDIDATE_ERROR, "oversize")
    assert judged(cut, cut) == (NOT_COMPARABLE, "legacy_oversize")
    assert not identical(pair(cut, cut))


def test_a_status_of_another_class_is_the_one_difference():
    assert kinds(b'{"a":1}', answer("modern", b'{"error":1}', 404)) == [("status", "")]
    assert kinds(b'{"a":1}', answer("modern", b'{"a":2}', 201)) == [("status", ""), ("value", "/a")]
    [difference] = compare(pair(b"{}", answer("modern", b"{}", 404))).differences
    assert (str(difference.legacy), str(difference.modern)) == ("200", "404")


def test_errors_are_compared_too():
    assert kinds(answer("legacy", {"code": "a"}, 404), answer("modern", {"code": "b"}, 404)) == [("value", "/code")]


@pytest.mark.parametrize(("one", "other", "path"), [
    ({"content_type": "application/json"}, {"content_type": "Application/JSON ; charset=UTF-8"}, None),
    ({"content_type": "application/json"}, {"content_type": "application/fhir+json"}, "content-type"),
    ({"content_type": "text/plain; charset=utf-8"}, {"content_type": "text/plain; charset=latin1"}, "content-type"),
    ({"content_type": "text/plain; charset=\"UTF-8\""}, {"content_type": "text/plain;charset=utf-8"}, None),
    ({"content_type": "text/plain;x=1;charset=utf-8"}, {"content_type": "text/plain;charset=utf-8"}, "content-type"),
    ({"content_type": "application/json"}, {"content_type": ""}, "content-type"),
    ({"location": "/a"}, {"location": "/b"}, "location"), ({"location": "/a"}, {}, "location"),
    ({"etag": '"1"'}, {"etag": '"2"'}, None), ({"etag": '"1"'}, {}, "etag"),
    ({"www_authenticate": 'Basic realm="a"'}, {"www_authenticate": "basic"}, None),
    ({"www_authenticate": "Basic"}, {"www_authenticate": "Bearer"}, "www-authenticate"),
    ({"Date": "a", "Server": "x", "X_Powered_By": "no-store"}, {}, None),
    ({"cache_control": "No-Store,max-age=60"}, {"cache_control": "max-age=60, no-store"}, None),
    ({"cache_control": "max-age=60"}, {"cache_control": "max-age=61"}, "cache-control"),
    ({"set_cookie": "s=1; Path=/; HttpOnly"}, {"set_cookie": "s=2; httponly; Path=/"}, None),
    ({"set_cookie": "s=1; Max-Age=1"}, {"set_cookie": "s=2; Max-Age=2"}, None),
    ({"set_cookie": "s=1; HttpOnly"}, {"set_cookie": "s=1"}, "set-cookie"),
    ({"set_cookie": "s=1; SameSite=Lax"}, {"set_cookie": "s=1; SameSite=None"}, "set-cookie"),
    ({"set_cookie": "s=1"}, {"set_cookie": "s="}, "set-cookie"), ({"set_cookie": "s=1"}, {}, "set-cookie"),
])
def test_the_headers_that_a_client_acts_upon_are_compared(one, other, path):
    expected = [("header", path)] if path else []
    assert kinds(answer("legacy", **one), answer("modern", **other)) == expected
    assert kinds(answer("legacy", **other), answer("modern", **one)) == expected


def test_what_has_no_form_that_is_known_is_compared_by_its_bytes():
    [difference] = compare(pair(answer("legacy", b"abc", content_type="image/png"),
                                answer("modern", b"abcd", content_type="image/png"))).differences
    assert (difference.kind, str(difference.legacy), str(difference.modern)) == ("body", "bytes(3)", "bytes(4)")


def test_a_coding_that_cannot_be_taken_off_is_no_match():
    good, bad = (answer("modern", body, content_encoding="gzip") for body in (gzip.compress(b"{}"), b"no gzip"))
    cut = answer("modern", gzip.compress(b"{}" * 100)[:-4], content_encoding="gzip")
    for broken in (bad, cut):
        assert kinds(good, broken) == kinds(broken, good) == [("coding", "")]
        assert kinds(b"{}", broken) == [("coding", "")]
    assert kinds(bad, cut) == [("coding", "")]
    assert judged(bad, bad) == judged(cut, cut) == (MATCH, "")
    for unknown in ("exi", "gzip," * 50):
        one, other = (answer("modern", body, content_encoding=unknown) for body in (b"{}", b"{} "))
        assert kinds(b"{}", one) == kinds(one, other) == [("coding", "")]
        assert judged(one, b"{}") == (NOT_COMPARABLE, "legacy_unknown_coding"), "no mirror asks for it"
        assert judged(one, one) == (MATCH, "")


def test_a_bomb_is_not_unpacked():
    bomb = answer("modern", gzip.compress(b" " * (MAX_DECODED + 1)), content_encoding="gzip")
    assert kinds(b"{}", bomb) == [("body", "")]
    many = answer("modern", gzip.compress(b"") * (MAX_MEMBERS + 1), content_encoding="gzip")
    assert kinds(b"{}", many) == [("coding", "")]
    members = answer("legacy", gzip.compress(b"[") + gzip.compress(b"]"), content_encoding="gzip")
    assert judged(members, b"[ ]") == (MATCH, "")


def test_what_was_found_before_a_bound_was_met_stands():
    deep = [b"[" * 3000 + leaf + b"]" * 3000 for leaf in (b"1", b"2")]
    assert judged(*deep) == (NOT_COMPARABLE, "too_deep")
    assert judged(deep[0], answer("modern", deep[1], content_type="application/fhir+json")) == (MISMATCH, "")


CANARY = "Zebulon Quick 19331204 MRN-7781"


@pytest.mark.parametrize(("legacy", "modern"), [
    ({"name": CANARY}, {"name": "x"}), ({"name": CANARY}, {}), ({CANARY: 1}, {CANARY: 2}), ({CANARY: {"a": 1}}, {}),
    (CANARY.encode(), b"{}"), ([CANARY], {"a": CANARY}),
    (answer("legacy", location=f"/patients/{CANARY}"), answer("modern", etag=CANARY)),
    (answer("legacy", content_type=f"text/{CANARY}; charset={CANARY}"), answer("modern", www_authenticate=f"{CANARY}")),
    (answer("legacy", set_cookie=f"{CANARY}={CANARY}; Path=/{CANARY}; {CANARY}={CANARY}"),
     answer("modern", cache_control=f"{CANARY}, max-age={CANARY}")),
    (answer("legacy", content_type=f"text/{CANARY}"), answer("modern", www_authenticate="".join(CANARY.split()))),
])
def test_no_value_is_in_a_comparison(legacy, modern):
    for comparison in (compare(pair(legacy, modern)), compare(pair(modern, legacy))):
        assert comparison.tally.outcome is MISMATCH
        kept = pickle.dumps(comparison).lower() + repr(comparison).lower().encode()
        for word in (*CANARY.lower().split(), "".join(CANARY.lower().split())):
            assert word.encode() not in kept


@pytest.mark.parametrize(("condition", "status", "outcome"), [
    (304, 200, Outcome.MATCH), (304, 206, Outcome.MATCH), (304, 501, Outcome.MISMATCH),
    (304, 404, Outcome.MISMATCH), (304, 302, Outcome.MISMATCH),
    (412, 200, Outcome.MATCH), (412, 404, Outcome.MATCH), (412, 501, Outcome.MISMATCH), (412, 403, Outcome.MISMATCH),
])
def test_of_an_answer_to_a_condition_only_the_status_can_be_compared(condition, status, outcome):
    for said in (pair(answer("legacy", b"", condition), answer("modern", b"anything", status)),
                 pair(answer("legacy", b"anything", status), answer("modern", b"", condition))):
        other = said.candidate if said.control.body == b"" else said.control
        found = compare_condition(replace(said, condition=condition), other)
        assert (found.tally.outcome, found.tally.reason) == (outcome, "status_only" if outcome is Outcome.MATCH else "")
        assert [one.kind for one in found.differences] == (["status"] if outcome is Outcome.MISMATCH else [])


def test_modern_must_not_say_304_to_a_tag_that_nobody_has_given():
    """Legacy may: it is asked without one, and what it says then is its own affair."""
    deaf = replace(pair(answer("legacy", b"", 304), answer("modern", b"", 304)), condition=304)
    found = compare_condition(deaf, deaf.candidate)
    assert found.tally.outcome is Outcome.MISMATCH
    assert [(one.kind, str(one.legacy), str(one.modern)) for one in found.differences] == [("status", "200", "304")]
    assert compare_condition(deaf, deaf.control).tally[2:] == (Outcome.MATCH, "status_only")


def test_an_arm_that_fails_is_no_answer_to_a_condition():
    said = replace(pair(answer("legacy", b"", 304), answer("modern", failure="reset")), condition=304)
    assert compare_condition(said, said.candidate).tally[2:] == (Outcome.CANDIDATE_ERROR, "reset")
    said = replace(pair(answer("legacy", b"", 503), answer("modern", b"", 304)), condition=304)
    assert compare_condition(said, said.control).tally[2:] == (NOT_COMPARABLE, "legacy_5xx")
    said = replace(pair(answer("legacy", b"", 304), answer("modern", b"", 503)), condition=304)
    assert compare_condition(said, said.candidate).tally.outcome is MISMATCH, "modern's failure is its own"


@pytest.mark.parametrize("status", [500, 502, 503, 504, 507, 599])
@pytest.mark.parametrize("modern", [200, 404, 500, 503])
def test_legacy_s_own_failure_is_neither_a_match_nor_a_mismatch_whatever_modern_says(status, modern):
    both = pair(answer("legacy", {"a": 1}, status), answer("modern", {"a": 1}, modern))
    assert compare(both).tally[2:] == (NOT_COMPARABLE, "legacy_5xx")
    assert not identical(both)
    assert judged(answer("legacy", b"{}"), answer("modern", b"{}", status))[0] is MISMATCH


@pytest.mark.parametrize("status", [501, 505])
def test_what_legacy_says_that_it_does_not_do_is_an_answer(status):
    assert judged(answer("legacy", b"{}", status), answer("modern", b"{}", status)) == (MATCH, "")
    assert judged(answer("legacy", b"{}", status), answer("modern", b"{}", 200))[0] is MISMATCH
