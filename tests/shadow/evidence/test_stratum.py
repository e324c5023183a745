"""Strata hold no value, and a token tells subjects apart only as long as it must."""

from dataclasses import replace

import pytest

from adapters.message import Headers, Request
from shadow.compare.pair import Pair
from shadow.compare.tokens import TOKEN
from shadow.evidence.epoch import Epoch, Setup
from shadow.evidence.stratum import HOUR, Stratum, subject
from tests.shadow.exchanges import answer

KEY = b"k" * 32
EPOCH = Epoch("1", "7", Setup(rules="rules"), "2")


def pair(target=b"/patients/P-1", at=0.0, operation="read", body=b"", content_type=b"", **legacy):
    headers = Headers([(b"Content-Type", content_type)] if content_type else [])
    request = Request("POST" if body else "GET", target, headers, body)
    return Pair("results", operation, request, answer("legacy", **legacy), answer("modern"), "trace", at)


def token(*args, key=KEY, epoch=EPOCH, **kwargs):
    return subject(pair(*args, **kwargs), key, epoch).token


@pytest.mark.parametrize(("made", "stratum"), [
    (pair(), Stratum("read", "2xx", "json", "")),
    (pair(status=404), Stratum("read", "4xx", "json", "")),
    (pair(body=b"", content_type=b"", status=204), Stratum("read", "2xx", "json", "")),
    (pair(b"/p?date=2020-01-01&patient=7&date=2"), Stratum("read", "2xx", "json", "date,patient")),
    (pair(b"/p?MRN-00123=x&Anna%20Meier"), Stratum("read", "2xx", "json", "{key}")),
    (pair(b"/p?Meier&code=1&"), Stratum("read", "2xx", "json", "code,{key}")),
    (pair(failure="reset"), Stratum("read", "", "", "")),
    (pair(b"/p?=x"), Stratum("read", "2xx", "json", "")),
    (replace(pair(b"/p?date=1", status=304), condition=304), Stratum("read", "304", "", "date")),
    (replace(pair(), condition=412), Stratum("read", "412", "", "")),
])
def test_a_stratum_is_made_of_what_holds_no_value(made, stratum):
    assert subject(made, KEY, EPOCH).stratum == stratum


def test_an_exchange_without_a_body_takes_no_place_of_one_with_a_body():
    tokens = {subject(replace(pair(), condition=condition), KEY, EPOCH).token for condition in (0, 304, 412)}
    assert len(tokens) == 3


def test_a_subject_proves_something_of_each_class_of_answers():
    """One that was found first would else never count as one that is gone."""
    tokens = [subject(pair(status=status), KEY, EPOCH).token for status in (200, 206, 404, 410, 500)]
    assert tokens[0] == tokens[1]
    assert tokens[2] == tokens[3]
    assert len(set(tokens)) == 3


@pytest.mark.parametrize(("body", "media", "resource"), [
    (b'{"resourceType":"Patient","id":"1"}', "application/fhir+json", "Patient"),
    (b' {\n "resourceType" : "Bundle"}', "application/json", "Bundle"),
    (b'{"id":"1","resourceType":"Patient"}', "application/json", "json"),
    (b'{"resourceType":"Anna Meier 1970"}', "application/json", "json"),
    (b'{"resourceType":"Meier"}', "application/json", "json"),
    (b"<a/>", "application/fhir+xml; charset=utf-8", "fhir+xml"),
    (b"x", "application/MRN-00123", "binary"),
    (b"", "", ""),
])
def test_the_resource_is_the_answer_s_type_or_its_media(body, media, resource):
    legacy = answer("legacy", body, content_type=media)
    made = Pair("results", "read", Request("GET", b"/", Headers()), legacy, answer("modern"), "trace", 0.0)
    assert subject(made, KEY, EPOCH).stratum.resource == resource


def test_a_parameter_that_nobody_knows_is_shown_as_a_token_unless_it_is_declared():
    def shape(target, key=KEY, declared=frozenset()):
        return subject(pair(target), key, EPOCH, declared).stratum.shape

    assert shape(b"/p?date=1&kundennummer=1", declared=frozenset({"kundennummer"})) == "date,kundennummer"
    one, other = shape(b"/p?date=1&meier=1"), shape(b"/p?date=1&maier=1")
    assert one.startswith("date,{")
    assert len({one, other, "date,{key}", shape(b"/p?date=1&meier=1", b"other")}) == 4
    assert shape(b"/p?meier=1&date=2") == one
    assert shape(b"/p?meier=1", b"") == "{key}"


def test_a_form_is_like_a_query():
    search = pair(b"/_search", body=b"name=Meier&date=1970", content_type=b"application/x-www-form-urlencoded")
    assert subject(search, KEY, EPOCH).stratum.shape == "date,name"
    other = pair(b"/_search", body=b"name=Maier&date=1970", content_type=b"application/x-www-form-urlencoded")
    assert subject(search, KEY, EPOCH).token != subject(other, KEY, EPOCH).token


def test_a_token_is_the_same_for_the_same_subject_in_the_same_hour_alone():
    assert token() == token(at=HOUR - 1)
    assert len(token()) == TOKEN
    assert token() != token(at=HOUR)
    assert token() != token(b"/patients/P-2")
    assert token() != token(operation="history")
    head = pair()
    head.request = Request("HEAD", head.request.target, Headers())
    assert subject(head, KEY, EPOCH).token != token(), "a HEAD says nothing of what a GET would get"
    assert subject(head, KEY, EPOCH).stratum == Stratum("read", "2xx", "json", "", "HEAD")
    assert str(subject(head, KEY, EPOCH).stratum) == "read 2xx json (HEAD)"
    assert token(body=b"<soap>1</soap>") != token(body=b"<soap>2</soap>")
    assert token() != token(key=b"another")
    assert token() != token(epoch=EPOCH._replace(modern="8"))


def test_order_and_what_names_no_subject_buy_no_confidence():
    assert token(b"/p?a=1&b=2") == token(b"/p?b=2&a=1")
    # The names are in the shape, so there is one more token, but not one for each value.
    assert token(b"/p?a=1&_=1") == token(b"/p?a=1&_=2")


def test_no_value_passes_for_two():
    assert token(b"/p?a=1&b=2") != token(b"/p&a=1?b=2")
    assert token(b"/p", body=b"x") != token(b"/px")
