"""Bodies and trees: nothing is lost, nothing is guessed, and no bytes raise anything but DocumentError."""

import json
from contextlib import suppress

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from adapters.document import DocumentError, Number, Path, dump, get, parse, replace, walk

TEXTS = st.text(st.characters(codec="utf-8"))
SCALARS = (
    st.none() | st.booleans() | TEXTS
    | st.integers().map(lambda value: Number(str(value)))
    | st.decimals(allow_nan=False, allow_infinity=False).map(lambda value: Number(str(value)))
)
TREES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXTS, inner, max_size=5),
    max_leaves=25,
)
DEEP = 3_000


@given(TREES)
def test_a_tree_survives_being_written_and_read(tree):
    assert parse(dump(tree)) == tree


@given(st.binary())
@example(b"[" * 100_000)
@example(b'{"a":' * 100_000)
@example(b"[" * 3_000 + b"]" * 2_999 + b"}")
def test_any_bytes_are_a_tree_or_a_document_error(body):
    with suppress(DocumentError):
        parse(body)


@pytest.mark.parametrize(("one", "other"), [
    ("1", "1.0"), ("1.0", "1.00"), ("1", '"1"'), ("true", "1"), ("0", "-0"), ("1e2", "100"),
    ("18446744073709551616", "18446744073709551617"), ("0.1", "0.100000000000000001"), ("null", '""'), ("[]", "{}"),
])
def test_what_looks_alike_stays_apart(one, other):
    assert parse(one.encode()) != parse(other.encode())
    assert dump(parse(one.encode())) == one.encode()


def test_a_number_is_not_the_string_of_its_digits():
    assert Number("1") == Number("1")
    assert Number("1") != "1"
    text, number = ["1"], [Number("1")]
    assert text != number
    assert number != text
    assert {Number("1"): 0}.get("1") is None


@pytest.mark.parametrize(("body", "reason"), [
    (b"", "empty"), (b" \r\n\t", "empty"), (b"\xef\xbb\xbf{}", "bom"), ("{}".encode("utf-16"), "bom"),
    (b'"\xe9"', "encoding"), (b'{"a": 1, "a": 1}', "duplicate_key"), (b"[NaN]", "constant"), (b"-Infinity", "constant"),
    (b"{", "syntax"), (b"[1,]", "syntax"), (b'{"a":1,}', "syntax"), (b"01", "syntax"), (b"{} {}", "syntax"),
    (b'"\n"', "syntax"), (b"tru", "syntax"), (b"[1 2]", "syntax"), (b"'a'", "syntax"),
])
def test_what_json_leaves_open_is_refused_with_its_reason(body, reason):
    with pytest.raises(DocumentError) as caught:
        parse(body)
    assert caught.value.reason == reason
    if reason not in {"empty", "bom"}:
        with pytest.raises(DocumentError) as caught:
            parse(b"[" * DEEP + body + b"]" * DEEP)
        assert caught.value.reason == reason


@settings(max_examples=20)
@given(TREES)
@pytest.mark.slow
def test_deep_nesting_is_read_as_shallow_nesting_is(tree):
    body = b' [ {"a" :\n' * DEEP + dump(tree) + b"} , 1 ]\t" * DEEP
    found = parse(body)
    for _ in range(DEEP):
        assert found[1] == Number("1")
        found = found[0]["a"]
    assert found == tree


def test_deep_nesting_is_written_and_walked():
    body = b"[" * DEEP + b"1" + b"]" * DEEP
    assert dump(parse(body)) == body
    [(path, leaf)] = walk(parse(body))
    assert (len(path), leaf) == (DEEP, Number("1"))


@given(TREES)
def test_dump_agrees_with_the_standard_library(tree):
    assert json.loads(dump(tree), parse_int=Number, parse_float=Number) == tree


def test_dump_refuses_what_is_no_document():
    with pytest.raises(TypeError):
        dump({"a": 1.5})
    with pytest.raises(DocumentError):
        dump("\ud800")
    assert dump([1, -2]) == b"[1,-2]"


@given(TREES)
def test_every_leaf_that_walk_names_is_where_get_finds_it(tree):
    for path, leaf in walk(tree):
        assert get(tree, path) is leaf
        assert get(tree, Path.parse(str(path))) is leaf


@pytest.mark.parametrize("name", ["a/b", "a~b", "~1", "a.b", "[0]", '"', "a\nb", "", " ", "0", "é"])
def test_names_with_special_characters_do_not_alias(name):
    tree = {name: "here", "a": {"b": "elsewhere"}}
    [pointer] = [str(path) for path, leaf in walk(tree) if leaf == "here"]
    assert get(tree, Path.parse(pointer)) == "here"


@pytest.mark.parametrize("pointer", ["a", "/~", "/~2", "/a~"])
def test_a_bad_pointer_is_refused(pointer):
    with pytest.raises(ValueError, match="JSON Pointer"):
        Path.parse(pointer)


def test_get_answers_the_default_where_there_is_nothing():
    tree = {"a": [{"b": None}]}
    assert get(tree, Path.parse("/a/0/b"), "default") is None
    for pointer in ("/x", "/a/1", "/a/b", "/a/0/b/c"):
        assert get(tree, Path.parse(pointer), "default") == "default"


def test_replace_leaves_the_old_tree_as_it_was():
    tree = {"a": [{"b": "old"}, "kept"]}
    assert replace(tree, Path.parse("/a/0/b"), "new") == {"a": [{"b": "new"}, "kept"]}
    assert replace(tree, Path.parse("/a/2"), "third") == {"a": [{"b": "old"}, "kept", "third"]}
    assert replace(tree, Path.parse("/c"), "c") == {**tree, "c": "c"}
    assert replace(tree, Path(), "whole") == "whole"
    assert tree == {"a": [{"b": "old"}, "kept"]}
    for pointer in ("/a/3", "/a/x", "/x/y", "/a/1/0"):
        with pytest.raises(LookupError):
            replace(tree, Path.parse(pointer), "new")
