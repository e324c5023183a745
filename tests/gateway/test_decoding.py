"""The compatibility form of texts that a client chooses: gateway.decoding.compatible."""

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import gateway
from gateway.decoding import compatible

MARKS = "\u0301\u0316"
"""Two marks that Unicode puts in another order if they come so: the worst row is made of them in turn."""


def work(text):
    """How many steps it takes at most to put the text in order: Python's insertion takes n² for n marks in a row."""
    steps = 0

    def counted(piece):
        nonlocal steps
        steps += len(piece) + sum(map(bool, map(unicodedata.combining, piece))) ** 2
        return unicodedata.normalize("NFKC", piece)

    compatible(text, counted)
    return steps


@pytest.mark.parametrize("hostile", [MARKS, "e" + MARKS, "ﬃ" + MARKS, "\u0344", "한" + MARKS])
def test_work_grows_with_the_length_of_a_text_alone(hostile):
    text = hostile * (8192 // len(hostile))
    assert work(text * 2) <= 2.1 * work(text)
    assert work(text) < 200 * len(text)


@given(st.text(max_size=100))
def test_a_text_has_its_compatibility_form(text):
    assert compatible(text) == unicodedata.normalize("NFKC", text)


@given(st.lists(st.text(st.characters(min_codepoint=0x80), max_size=60), max_size=40))
def test_so_has_a_long_one_of_words(words):
    text = " ".join(words)
    assert compatible(text) == unicodedata.normalize("NFKC", text)


def test_nothing_else_in_the_gateway_puts_text_in_order():
    folder = Path(gateway.__file__).parent
    assert [path.name for path in folder.rglob("*.py") if "normalize(" in path.read_text()
            and "unicodedata" in path.read_text()] == ["decoding.py"]
