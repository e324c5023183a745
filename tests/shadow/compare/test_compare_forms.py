"""What is not JSON: XML, HL7 v2, NDJSON, HTML and text, compared by what they say."""

import pytest

from shadow.compare.comparison import MARKUP, Outcome, compare
from tests.shadow.exchanges import answer, pair

XML, HL7, NDJSON = "application/xml", "x-application/hl7-v2+er7", "application/x-ndjson"
MATCH, SYNTAX = [], [("syntax", "")]


def told(media, legacy, modern):
    sides = (answer(arm, body, content_type=media) for arm, body in (("legacy", legacy), ("modern", modern)))
    return [(one.kind, one.path) for one in compare(pair(*sides)).differences]


def message(*segments, marks="|^~\\&", stamp="20240101", number="1"):
    field = marks[0]
    head = f"MSH{marks}{field}LAB{field}H{field}EHR{field}H{field}{stamp}{field}{field}ORU^R01{field}{number}{field}P"
    return "\r".join([head, *segments]).encode()


@pytest.mark.parametrize(("legacy", "modern", "expected"), [
    (b"<a x='1' y='2'/>", b'<?xml version="1.0"?><!-- c --><a y="2" x="1"></a>', MATCH),
    (b'<p:a xmlns:p="urn:x"><p:b/></p:a>', b'<a xmlns="urn:x"><b/></a>', MATCH),
    (b"<a>\n  <b>1</b>\n</a>", b"<a><b>1</b></a>", MATCH),
    (b'<a xmlns="urn:x"/>', b'<a xmlns="urn:y"/>', [("value", "/a/@xmlns")]),
    (b"<a x='1'/>", b"<a x='2'/>", [("value", "/a/@x")]), (b"<a x='1'/>", b"<a/>", [("missing", "/a/@x")]),
    (b"<a><b>1</b></a>", b"<a><b> 1</b></a>", [("value", "/a/b")]),
    (b"<a><b>1</b><b>2</b></a>", b"<a><b>2</b><b>1</b></a>", [("moved", "/a/b")]),
    (b"<a><b>1</b><b>1</b></a>", b"<a><b>1</b></a>", [("missing", "/a/b[2]")]),
    (b"<a/>", b"<b/>", [("missing", "/a"), ("extra", "/b")]),
    (b"<a>no <b>pain</b></a>", b"<a><b>pain</b> no</a>", [("value", "/a/text()"), ("moved", "/a/text()")]),
    (b"<a/>", b"<a", SYNTAX), (b"<a/>", b'<!DOCTYPE a [<!ENTITY e "x">]><a>&e;</a>', SYNTAX),
])
def test_xml_is_compared_by_what_it_says(legacy, modern, expected):
    assert told(XML, legacy, modern) == expected


PID = "PID|1||4711^^^H~99^^^X||Doe^Jane||19700101|F"


@pytest.mark.parametrize(("legacy", "modern", "expected"), [
    (message(PID), message(PID, stamp="20250202", number="77"), MATCH),
    (message(PID), message(PID.replace("^", "$"), marks="|$~\\&").replace(b"ORU^R01", b"ORU$R01"), MATCH),
    (message(PID), message(PID + "|||^^|"), MATCH), (message(PID), b"\x0b" + message(PID) + b"\r\x1c\r", MATCH),
    (message(PID), message(PID).replace(b"\r", b"\r\n"), MATCH),
    (message("NTE|1||a\\F\\b"), message("NTE#1##a|b", marks="#^~\\&"), MATCH),
    (message(PID), message(PID.replace("99^", "98^")), [("value", "PID-3[2].1")]),
    (message(PID), message(PID.replace("~99^^^X", "")), [("missing", "PID-3[2]")]),
    (message(PID), message(PID.replace("Jane", "")), [("missing", "PID-5.2")]),
    (message(PID.replace("Jane", "")), message(PID.replace("Jane", '""')), [("extra", "PID-5.2")]),
    (message("OBR|1", "OBX|1|NM|K||4.1|mmol/L", "OBX|2|NM|NA||140|mmol/L"), message("OBR|1", "OBX|1|NM|K||4.1|mmol/L"),
     [("missing", "OBR/OBX[2]")]),
    (message("OBR|1", "OBX|1|NM|K||4.1"), message("OBR|1", "OBX|1|NM|K||41"), [("value", "OBR/OBX-5.1")]),
    (message("OBX|1|CE|K||a&b"), message("OBX|1|CE|K||a&c"), [("value", "OBX-5.1.2")]),
    (message(PID), b"PID|1", SYNTAX), (message(PID), message("pid|1"), SYNTAX), (message(PID), b"MSH||||||", SYNTAX),
    (message(PID), message(PID).replace(b"Jane", b"J\xe9"), [("value", "PID-5.2")]),
    (message(PID).replace(b"Jane", b"J\xe9"), message(PID).replace(b"Jane", b"J\xea"), [("value", "PID-5.2")]),
])
def test_hl7_is_compared_by_its_own_delimiters(legacy, modern, expected):
    assert told(HL7, legacy, modern) == expected


@pytest.mark.parametrize(("media", "legacy", "modern", "expected"), [
    (NDJSON, b'{"id":"a","v":1}\n{"id":"b"}\n', b'{"id": "b"}\n\n{"v": 2, "id": "a"}',
     [("value", "/0/v"), ("moved", "/0")]),
    (NDJSON, b"{}\n{}\n", b"{}\n", [("missing", "/1")]), (NDJSON, b"{}\n{}", b"{}\n{", SYNTAX),
    ("text/plain", b"a\nb\n", b"a\nc\n", [("value", "/1")]), ("text/plain", b"a\n", b"a\r\n", [("value", "/0")]),
    ("text/plain", b"a\nb\nc\n", b"a\nc\n", [("missing", "/1")]),
    ("text/plain", "é".encode(), "é".encode("latin-1"), [("value", "/0")]),
    ("text/plain", b"\xff", b"\xfe", [("value", "/0")]),
    ("text/html", b"<p>Glucose <b>72</b>.5</p>", b"<div class=x>Glucose 72.5</div><script>x()</script>", MATCH),
    ("text/html", b"<p>a<p>b", b"<p>a<p>c", [("value", "/text()[2]")]),
    ("text/html", b"<p>a<p>b", b"<p>ab", [("value", "/text()"), ("missing", "/text()[2]")]),
    ("text/html", b"<table><tr><td>1<td>a<td>8 mg</table>", b"<table><tr><td>1<td>b<td>9 mg</table>",
     [("value", "/table/tr/td[2]"), ("value", "/table/tr/td[3]")]),
    ("text/html", b"a<a href=x>b</a> c<a href=x> b</a>", b"a<a href=x>b</a> c <a href=x>b</a>", MATCH),
    ("text/html", b"a<a href=x>b</a>c", b"a<a href=x> b</a>c", [("value", "/text()")]),
    ("application/pdf", b"%PDF a", b"%PDF b", [("body", "")]),
])
def test_lines_pages_and_streams(media, legacy, modern, expected):
    assert told(media, legacy, modern) == expected


def test_pages_that_read_the_same_are_not_called_the_same():
    page, other = b"<p>a", b"<h1>a"
    comparison = compare(pair(*(answer("legacy", one, content_type="text/html") for one in (page, other))))
    assert (comparison.tally.outcome, comparison.hidden) == (Outcome.MATCH_NORMALISED, ((MARKUP, 1),))


def test_text_is_text_in_any_charset_that_is_told():
    legacy = answer("legacy", "é".encode(), content_type="text/plain; charset=utf-8")
    modern = answer("modern", "é".encode("latin-1"), content_type="text/plain; charset=iso-8859-1")
    assert [one.path for one in compare(pair(legacy, modern)).differences] == ["content-type"]


def test_xml_against_json_is_another_body():
    legacy, modern = answer("legacy", b"<a/>", content_type=XML), answer("modern", b"{}")
    assert [one.kind for one in compare(pair(legacy, modern)).differences] == ["header", "body"]
