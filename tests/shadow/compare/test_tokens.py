"""Tokens: equal where values are, at one place and by one key; and nothing else can be told of them."""

import hmac
from dataclasses import replace
from decimal import Decimal
from itertools import combinations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from adapters.document import parse
from shadow.compare.tokens import TOKEN, canonical, mac, of_names, token
from tests.shadow.exchanges import pair

KEY, OTHER = b"k" * 32, b"o" * 32


def of(text, place="/a", key=KEY):
    return token(key, place, parse(text.encode()))


def test_what_differs_in_value_type_place_or_key_has_another_token():
    tokens = {of(text) for text in ('"1"', "1", "2", "-1", "0.1", "true", "false", '"true"', '""', '"é"', '"e\\u0301"',
                                    '"\\ud800"', "18446744073709551616", "18446744073709551617", "1e400", "1e4000000",
                                    "1e-4000000")}
    assert len(tokens) == 17
    assert all(len(one) == 24 for one in tokens)
    assert of('"1"', place="/b") not in tokens
    assert of('"1"', key=OTHER) not in tokens
    assert of_names(KEY, ["1"]) not in tokens


@pytest.mark.parametrize("same", [
    ("1", "1.0", "1.00", "10e-1", "0.1e1"), ("0", "-0", "0.00", "0e7"), ("-120", "-1.2e2")])
def test_a_number_is_the_same_however_it_is_written(same):
    for one, other in combinations(same, 2):
        assert of(one) == of(other)


NUMBERS = st.from_regex(r"-?(0|[1-9][0-9]{0,3})(\.[0-9]{1,3})?([eE][-+]?[0-9]{1,2})?", fullmatch=True)


@given(NUMBERS, NUMBERS)
@example("100", "1e2")
@example("-0.0", "0")
def test_numbers_have_one_spelling_if_they_are_equal(one, other):
    assert (canonical(one) == canonical(other)) is (Decimal(one) == Decimal(other))


@pytest.mark.parametrize("text", ["null", "{}", "[]", '{"a": 1}'])
def test_what_is_no_scalar_has_none(text):
    assert of(text) == ""


def test_without_a_key_there_is_none():
    assert of('"1"', key=b"") == of_names(b"", ["a"]) == of_names(KEY, []) == ""


def test_names_are_told_apart_by_what_they_are_and_by_their_order():
    assert len({of_names(KEY, names) for names in (["a"], ["b"], ["a", "b"], ["b", "a"], ["ab"])}) == 5


def test_the_key_is_in_no_text_of_a_pair():
    shown = repr(replace(pair({}, {}), key=KEY))
    assert "Pair(" in shown
    assert "k" * 8 not in shown


@given(st.binary(max_size=130), st.binary())
def test_a_mac_is_the_beginning_of_an_hmac(key, message):
    assert mac(key, message) == hmac.digest(key, message, "sha256")[:TOKEN]
