"""No body and no header field makes the comparison take more than its length asks for: each of these would take hours
if anything grew with the square of it, or faster. The suite's limit of time for a test is what such a fault would hit.
"""

import json

import pytest

from shadow.compare.comparison import Outcome, compare
from tests.shadow.exchanges import answer, pair

MANY = 40_000
HTML, HL7, MULTIPART = "text/html", "x-application/hl7-v2+er7", "multipart/mixed; boundary=a"


def outcome(legacy, modern, media="application/json", **fields):
    sides = (answer(arm, body if isinstance(body, bytes) else body.encode(), content_type=media, **(
        {name: value[number] for name, value in fields.items()}))
        for number, (arm, body) in enumerate((("legacy", legacy), ("modern", modern))))
    return compare(pair(*sides)).tally.outcome


@pytest.mark.parametrize("page", [
    "< " * MANY, "< " * MANY + "<p>", "<li>a" * MANY, "<ul>" * MANY + "</ol>" * MANY,
    "<form>" * MANY + "<a></a>" * MANY, "<a href=x><table>" + "<form>" * MANY + "<a></a>" * MANY, "<span title=a>" *
    MANY + "<span>" * MANY,
    "<ul>" * MANY + "<pre>" + "<b>" * MANY, "<ul>" * MANY + "<pre>" + "</b>" * MANY,
], ids=["less", "less and a tag", "items", "ends", "links", "links behind a table", "spans", "starts", "other ends"])
def test_a_page_is_read_in_one_go(page):
    assert outcome(page + "1", page + "2", HTML) is not Outcome.MATCH


@pytest.mark.parametrize("text", ["\n" * MANY + "x", "\\X0" * MANY, "~" * MANY + "1", "&^" * MANY + "1"])
def test_a_message_is_read_in_one_go(text):
    message = f"MSH|^~\\&|A\rNTE|a{text}"
    assert outcome(message + "1", message + "2", HL7) is Outcome.MISMATCH


@pytest.mark.parametrize("head", [b"X: " + b" " * MANY + b"x\r\n", b"X: x" + b"\t" * MANY + b"x\r\n"])
def test_the_fields_of_a_part_are_read_in_one_go(head):
    one, other = (b"--a\r\n" + head + b"\r\n" + text + b"\r\n--a--\r\n" for text in (b"1", b"2"))
    assert outcome(one, other, MULTIPART) is Outcome.MISMATCH


@pytest.mark.parametrize("link", ["<x>" + "; a  " * 5_000 + '"', "<x>" + "; a = b  " * 3_000 + '"',
                                  "<x>" + "; a =  " * 3_000 + '"'])
def test_a_field_that_is_no_list_of_links_is_compared_as_text(link):
    assert outcome(b"{}", b"{ }", link=(link, link + "x")) is Outcome.MISMATCH


@pytest.mark.parametrize("text", ["\u0301\u0323" * MANY, "\u0344\u0323" * MANY])
def test_a_text_of_marks_is_compared_in_one_go(text):
    one, other = (json.dumps({"a": ["a" + text + last, 1]}) for last in "12")
    assert outcome(one, other) is Outcome.MISMATCH


def test_records_of_which_one_was_replaced_are_not_taken_for_renamed_ones():
    legacy, modern = (json.dumps([{"id": str(at)} for at in some]) for some in (
        range(4_000), range(4_000, 0, -1)))
    assert outcome(legacy, modern) is Outcome.MISMATCH


def test_many_records_of_one_look_that_were_renamed_are_told_in_time():
    legacy, modern = (json.dumps([{"id": f"{mark}{at}", "v": 1} for at in range(4_000)]) for mark in "ab")
    assert outcome(legacy, modern) is Outcome.MISMATCH


def test_a_field_that_says_one_thing_often_is_read_in_one_go():
    often = "a, " * 20_000
    assert outcome(b"{}", b"{ }", cache_control=(often, often + "b")) is Outcome.MISMATCH


def test_prefixes_and_attributes_are_read_in_one_go():
    nested = "".join(f'<b xmlns:p{at}="u{at}">' for at in range(3_000)) + "%s" + "</b>" * 3_000
    beside = "<a>" + "".join(f'<b xmlns:p{at}="u{at}"/>' for at in range(20_000)) + "%s</a>"
    named = "<a " + " ".join(f'a{at}="%s"' for at in range(20_000)) + "/>"
    for one in (nested, beside, named):
        assert outcome(one.replace("%s", "1"), one.replace("%s", "2"), "application/xml") is not Outcome.MATCH
