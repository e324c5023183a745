"""Shrinking a pair: what differs is found as before, in less, and in nothing that cannot go."""

import json

import pytest
from hypothesis import given, settings

from adapters.document import parse
from shadow.cases.minimise import Unfit, findings, minimise
from shadow.compare.bodies import Form, read, write
from shadow.compare.difference import Severity, Signature
from shadow.compare.patterns import Order
from shadow.compare.rules import Known, Rule, Rules
from shadow.normalisers.volatile import Volatile
from tests.shadow.compare.test_diff import VALUES
from tests.shadow.exchanges import answer, pair

HL7 = (b"MSH|^~\\&|A|B|C||20240101||ORU^R01|1|P|2.5\rPID|1||4711^^^H&x&y~12||Do\\F\\e^J\r"
       b"OBR|1\rOBX|1|NM|a||5\rNTE|x\rOBR|2\rOBX|1||b\rZZ1|\"\"")
XML = (b'<?xml version="1.0"?><a xmlns="urn:x" b="1" xmlns:q="urn:q"><q:c q:d="5">t</q:c>mid<e/>tail<q:c/>'
       b"<f><g/><h/><g>1</g></f></a>")
WRITTEN = {
    "json": b'{"a":[1.50,{"b":null}]}', "ndjson": b'{"a":1}\n\n[2]\n', "xml": XML, "hl7v2": HL7,
    "html": b"<h1>a</h1>c &amp; d<p>x &lt; y<br>z", "text": b"a\nb\xff\r\nc",
}


def with_rules(found, *rules, known=()):
    return found.__class__(**{name: getattr(found, name) for name in found.__slots__} | {
        "rules": Rules(rules, tuple(known))})


def bodies(found):
    return [json.loads(one.body) for one in (found.pair.control, found.pair.candidate)]


def size(found):
    return len(found.control.body) + len(found.candidate.body)


@pytest.mark.parametrize("form", sorted(WRITTEN))
def test_what_is_written_is_read_as_the_same_tree(form):
    tree = read(Form(form), WRITTEN[form])
    assert read(Form(form), write(Form(form), tree)) == tree


@pytest.mark.parametrize(("form", "nothing", "tree"), [
    ("ndjson", b"\n \n", []), ("html", b"<br>", {}), ("json", b"[ ]", [])])
def test_nothing_is_written_as_something(form, nothing, tree):
    assert read(Form(form), nothing) == read(Form(form), write(Form(form), tree)) == tree
    assert write(Form(form), tree)


@settings(deadline=None, max_examples=60)
@given(VALUES, VALUES)
def test_what_is_found_stays_nothing_grows_and_a_second_time_changes_nothing(legacy, modern):
    first = pair({"document": legacy}, {"document": modern})
    if not findings(first):
        with pytest.raises(Unfit):
            minimise(first)
        return
    found = minimise(first)
    assert found.findings == findings(first) == findings(found.pair)
    assert size(found.pair) <= size(first)
    assert minimise(found.pair).pair == found.pair
    assert minimise(first) == found


def test_of_many_records_the_one_that_differs_is_left():
    records = [{"id": str(at), "name": {"family": f"family {at}"}, "dose": 1.5} for at in range(500)]
    other = json.loads(json.dumps(records))
    other[321]["dose"] = 15
    found = minimise(pair({"entry": records, "total": 500}, {"entry": other[::-1], "total": 500}),
                     [Signature("type", "/entry/*/dose", "decimal", "integer"),
                      Signature("value", "/entry/*/dose", "decimal", "integer")])
    assert bodies(found) == [{"entry": [{"dose": 1.5}]}, {"entry": [{"dose": 0}]}]
    assert [severity for _, severity in found.findings] == [Severity.CRITICAL]
    assert not found.whole
    assert not found.exhausted
    assert found.comparisons < 200


def test_a_dropped_record_and_a_doubled_one_are_kept_in_their_number():
    found = minimise(pair({"entry": [{"id": "1"}, {"id": "2"}, {"id": "3"}]}, {"entry": [{"id": "1"}, {"id": "3"}]}))
    assert bodies(found) == [{"entry": [{}]}, {"entry": []}]
    found = minimise(pair(["aspirin", "aspirin"], ["aspirin"]))
    assert [len(one) for one in bodies(found)] == [1, 0]


def test_what_moved_still_has_something_to_move_past():
    found = minimise(pair([{"id": "1"}, {"id": "2"}, {"id": "3"}], [{"id": "2"}, {"id": "3"}, {"id": "1"}]))
    assert [signature.kind for signature, _ in found.findings] == ["moved"]
    assert [len(one) for one in bodies(found)] == [2, 2]


def test_one_difference_may_be_chosen_and_one_that_is_not_there_may_not():
    first = pair({"a": "x", "b": "y"}, {"a": "z", "b": "w"})
    chosen = Signature("value", "/b", "string word", "string word")
    assert bodies(minimise(first, [chosen])) == [{"b": "y"}, {"b": "w"}]
    with pytest.raises(Unfit, match="no difference of that signature"):
        minimise(first, [chosen._replace(path="/c")])


@pytest.mark.parametrize(("content_type", "legacy", "modern", "left"), [
    ("application/hl7-v2", HL7, HL7.replace(b"||5", b"||65").replace(b"4711", b"4712"),
     (b"MSH|^~\\&|||||||ORU\rPID|||1\rOBR\rOBX|||||5", b"MSH|^~\\&|||||||ORU\rPID|||2\rOBR\rOBX|||||6")),
    ("application/xml", XML, XML.replace(b"tail", b"tale"), None),
    ("application/x-ndjson", b'{"a":1}\n{"b":[2,3]}', b'{"a":1}\n{"b":[2]}', (b'{"b":[3]}', b'{"b":[]}')),
    ("text/plain", b"one\ntwo\nthree", b"one\n2\nthree", (b"o\n", b"2\n")),
    ("text/html", b"<h1>one</h1><p>two", b"<h1>one</h1><p>2", (b"o<br>t", b"o<br>2")),
    ("application/pdf", b"%PDF legacy", b"%PDF modern", (b"0", b"1")),
    ("application/json", b'{"a": 1', b'{"a": 1}', (b"{", b"{}")),
    ("application/json", b'{"a": 1}', b"", (b"0", b"")),
])
def test_every_form_is_shrunk(content_type, legacy, modern, left):
    first = pair(answer("legacy", legacy, content_type=content_type),
                 answer("modern", modern, content_type=content_type))
    found = minimise(first)
    assert found.findings == findings(first)
    assert size(found.pair) < size(first)
    assert left in (None, (found.pair.control.body, found.pair.candidate.body))


def test_heads_are_left_out_but_for_what_differs_in_them():
    first = pair(answer("legacy", {"a": 1}, Location="http://a/1", ETag='"1"', X_Trace="1"),
                 answer("modern", {"a": 1}, Location="http://a/2", ETag='"2"', X_Trace="2"))
    found = minimise(first)
    assert found.pair.control.headers == [(b"Location", b"http://a/1")]
    assert (found.pair.control.body, found.pair.candidate.body) == (b"0", b"0")


def test_rules_go_that_hide_nothing_any_more_and_stay_where_they_say_what_differs():
    first = with_rules(
        pair({"rows": [{"k": "1", "v": "a", "at": "2024-01-01T00:00:00Z"}, {"k": "2", "v": "b"}]},
             {"rows": [{"k": "1", "v": "c", "at": "2025-01-01T00:00:00Z"}, {"k": "2", "v": "b"}]}),
        Rule("volatile", "/rows/*/at", Volatile(Volatile.Options("instant"))),
        Rule("order", "/rows", order=Order("keyed", (("k",),))),
        Rule("minor", "/rows/*/v", severity=Severity.MINOR),
        known=[Known("K-1", "/nothing", "reason", "owner", 9e9)])
    found = minimise(first)
    assert [one.id for one in found.pair.rules.rules] == ["minor"]
    assert not found.pair.rules.known
    assert found.findings == ((Signature("value", "/rows/*/v", "string word", "string word"), Severity.MINOR),)
    assert bodies(found) == [{"rows": [{"v": "a"}]}, {"rows": [{"v": "c"}]}]


def test_the_work_is_bounded_and_what_was_reached_still_holds():
    records = [{"id": str(at), "v": f"value {at}"} for at in range(64)]
    other = [{**one, "v": "other"} if int(one["id"]) % 2 else one for one in records]
    first = pair(records, other)
    found = minimise(first, most=20)
    assert (found.comparisons, found.exhausted, found.findings) == (20, True, findings(first))
    assert size(found.pair) <= size(first)


@pytest.mark.slow
def test_deep_nesting_is_no_obstacle():
    deep = b'{"b":1,"a":' * 300 + b"1" + b"}" * 300
    found = minimise(pair(answer("legacy", deep), answer("modern", deep.replace(b":1}", b':"x"}'))))
    assert len(found.pair.control.body) == len(b'{"a":') * 300 + 1 + 300
    assert parse(found.pair.candidate.body)


def test_a_coding_that_nobody_knows_stays_where_it_is_and_what_its_body_was_goes():
    first = pair(answer("legacy", {"name": "Zebulon"}, Content_Encoding="private"),
                 answer("modern", {"name": "Quentin"}, Content_Encoding="private", ETag='"1"'))
    found = minimise(first)
    assert [(signature.kind, signature.path) for signature, _ in found.findings] == [("coding", ""), ("header", "etag")]
    assert (found.pair.control.body, found.pair.candidate.body) == (b"0", b"1")


def test_what_matches_has_nothing_to_shrink():
    with pytest.raises(Unfit, match="no mismatch"):
        minimise(pair({"a": 1}, {"a": 1}))
