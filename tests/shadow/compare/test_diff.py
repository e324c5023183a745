"""The comparator of trees: every difference is found, at its own path, and no value is kept."""

import json
from collections import Counter

import pytest
from deepdiff import DeepDiff
from hypothesis import example, given
from hypothesis import strategies as st

from adapters.document import parse
from shadow.compare.diff import MAX_DEPTH, DiffError, diff
from shadow.compare.difference import Severity, Shape, placed, shape
from shadow.compare.findings import MAX_DIFFERENCES, MAX_FOUND
from shadow.compare.names import MASKED

NAMES = st.sampled_from(["id", "name", "code", "given", "valueQuantity", "_birthDate"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "a", "2024-01-01", "1"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=15,
)
SWAPPED = {"missing": "extra", "extra": "missing"}


def tree(value):
    return parse(json.dumps(value).encode())


def differences(legacy, modern, **bounds):
    return diff(legacy, modern, **bounds).differences


def found(legacy, modern):
    return [(one.kind, one.path) for one in differences(tree(legacy), tree(modern))]


@given(VALUES)
def test_a_tree_does_not_differ_from_itself(value):
    assert diff(tree(value), tree(value)) == ((), ())


@given(VALUES, VALUES)
def test_differences_are_the_same_from_the_other_side(one, other):
    there, back = differences(tree(one), tree(other)), differences(tree(other), tree(one))
    assert Counter(turned(d.signature) for d in there) == Counter(unordered(d.signature) for d in back)


def unordered(signature):
    """Which of two items moved, and which stayed, is a matter of taste."""
    return signature._replace(legacy="", modern="") if signature.kind == "moved" else signature


def turned(signature):
    """The signature from the other side. Indexes are legacy's there and modern's here, so they are left out."""
    kind, _, legacy, modern = signature
    return unordered(signature._replace(kind=SWAPPED.get(kind, kind), legacy=modern, modern=legacy))


def marked(value):
    """The value with truth values as texts. DeepDiff aligns lists by equality, and to Python True is 1."""
    match value:
        case bool():
            return f"the truth value {value}"
        case list():
            return [marked(item) for item in value]
        case dict():
            return {name: marked(item) for name, item in value.items()}
        case _:
            return value


@given(VALUES, VALUES)
@example([True, None, True, True], [True, None, True, 1])
def test_deepdiff_agrees_on_whether_two_trees_differ(one, other):
    theirs = DeepDiff(marked(one), marked(other), ignore_order=False)
    assert bool(differences(tree(one), tree(other))) == bool(theirs)


@given(VALUES, VALUES)
def test_deepdiff_agrees_on_whether_two_trees_differ_in_more_than_order(one, other):
    theirs = DeepDiff(marked(one), marked(other), ignore_order=True, report_repetition=True, cache_size=0)
    assert bool([kind for kind, _ in found(one, other) if kind != "moved"]) == bool(theirs)


@given(VALUES, st.randoms())
def test_a_shuffled_tree_differs_in_nothing_but_order(value, random):
    def shuffled(node):
        if isinstance(node, list):
            return random.sample([shuffled(one) for one in node], len(node))
        return {name: shuffled(one) for name, one in node.items()} if isinstance(node, dict) else node

    assert {kind for kind, _ in found(value, shuffled(value))} <= {"moved"}


@given(st.dictionaries(NAMES, st.integers(0, 3)), st.dictionaries(NAMES, st.integers(0, 3)))
def test_deepdiff_agrees_on_what_differs_in_flat_objects(one, other):
    theirs = DeepDiff(one, other, threshold_to_diff_deeper=0)
    assert Counter(kind for kind, _ in found(one, other)) == Counter({
        kind: len(theirs.get(report, ())) for kind, report in (
            ("missing", "dictionary_item_removed"), ("extra", "dictionary_item_added"), ("value", "values_changed"),
        ) if theirs.get(report)
    })


@pytest.mark.parametrize(("legacy", "modern", "kind"), [
    ("1", "2", "value"), ("1", "1.0", "precision"), ("1.0", "1.00", "precision"), ("1e2", "100", "precision"),
    ("18446744073709551616", "18446744073709551617", "value"), ("0.1", "0.100000000000000001", "value"),
    ("1e99999999999999999999", "1", "value"), ('"1"', "1", "type"), ("true", "1", "type"), ("true", "false", "value"),
    ("null", '""', "type"), ("null", "[]", "type"), ('""', "[]", "type"), ("{}", "[]", "type"), ('"a"', '"A"', "value"),
])
def test_what_looks_alike_is_told_apart(legacy, modern, kind):
    for before, after in ((legacy, modern), (modern, legacy)):
        [difference] = differences(parse(before.encode()), parse(after.encode()))
        assert (difference.kind, difference.path) == (kind, "")


def test_missing_is_not_null():
    assert found({"a": None}, {}) == [("missing", "/a")]
    assert found({}, {"a": None}) == [("extra", "/a")]


@pytest.mark.parametrize(("legacy", "modern", "expected"), [
    ([1, 2, 3], [2, 3], [("missing", "/0")]),
    ([1, 2, 3], [1, 3], [("missing", "/1")]),
    ([1, 2, 3], [1, 2], [("missing", "/2")]),
    ([1, 2], [0, 1, 2], [("extra", "/0")]),
    ([1, 1], [1], [("missing", "/1")]),
    ([], [1, 2], [("extra", "/0"), ("extra", "/1")]),
    ([1, 2], [2, 1], [("moved", "/0")]),
    ([1, 2, 3, 4], [4, 1, 2, 3], [("moved", "/3")]),
    ([1, 2, 3], [1, 9], [("missing", "/1"), ("extra", "/1"), ("missing", "/2")]),
    ([1, 2, 3], [1, 9, 3], [("value", "/1")]),
    ([[1, [2]], 3], [[1, []], 3], [("missing", "/0/1/0")]),
])
def test_one_item_dropped_or_inserted_is_one_difference(legacy, modern, expected):
    assert found(legacy, modern) == expected


def test_members_are_told_in_document_order():
    assert found({"b": 1, "a": 1, "c": 1}, {"d": 1, "a": 2}) == [
        ("missing", "/b"), ("value", "/a"), ("missing", "/c"), ("extra", "/d"),
    ]


def test_a_signature_has_neither_indexes_nor_lengths():
    legacy, modern = ({"entry": [{"id": "a", "code": one}, {"id": "b", "code": other}]}
                      for one, other in (("ab", "xyz"), ("b", "x")))
    one, other = differences(tree(legacy), tree(modern))
    assert (one.path, other.path) == ("/entry/0/code", "/entry/1/code")
    assert one.signature == other.signature == ("value", "/entry/*/code", "string word", "string word")


@pytest.mark.parametrize("name", [
    "12345", "MRN123456", "Jane Doe", "jane@example.org", "2024-01-01", "Mary-Ann", "é", "", "a/b", "a~b", "a.b", "[0]",
    "x" * 65, "{key}", "*", "\ud800",
])
def test_a_member_name_that_looks_like_data_is_masked(name):
    [difference] = differences({"patients": {name: "a"}}, {"patients": {name: "b"}})
    assert difference.path == f"/patients/{MASKED}"


@pytest.mark.parametrize("name", [
    "birthDate", "given_name", "address2", "_birthDate", "@id", "#text", "$ref", "dc:title", "last-modified",
    "PATIENT_ID", "ResourceType", "base64",
])
def test_a_member_name_that_looks_like_a_field_is_shown(name):
    [difference] = differences({name: "a"}, {name: "b"})
    assert difference.path == f"/{name}"


@pytest.mark.parametrize(("value", "expected"), [
    ("2024-01-01", "string(10) date"), ("2024-01-01T10:00:00Z", "string(20) instant"), ("", "string(0)"),
    ("2024-01-01T10:00:00", "string(19) local time"), ("123", "string(3) digits"), ("Jane Doe", "string(8) text"),
    ("00000000-0000-4000-8000-000000000000", "string(36) uuid"), ("http://a/b", "string(10) url"),
    ("M", "string(1) word"), ("a-1", "string(3) code"), (12, "integer(2)"), (1.50, "decimal(2)"), (None, "null"),
    (True, "boolean"),
    ([1, 2], "array(2)"), ({"a": 1}, "object(1)"), ("9" * 300, "string(300) text"),
])
def test_a_shape_tells_type_length_and_form(value, expected):
    assert str(shape(tree(value))) == expected
    assert shape(tree(value)).group == expected.replace(f"({shape(tree(value)).length})", "")


def test_deep_nesting_is_compared():
    depth = MAX_DEPTH - 1
    legacy, modern = (parse(b"[" * depth + leaf + b"]" * depth) for leaf in (b"1", b"2"))
    [difference] = differences(legacy, modern)
    assert difference.path == "/0" * depth
    assert difference.signature.path == "/*" * depth


def test_what_is_too_deep_to_be_named_is_no_agreement():
    legacy, modern = (parse(b"[" * 3000 + leaf + b"]" * 3000) for leaf in (b"1", b"2"))
    assert differences(legacy, legacy) == ()
    with pytest.raises(DiffError, match="too_deep"):
        diff(legacy, modern)
    [difference] = differences({"a": legacy, "b": True}, {"a": modern, "b": False})
    assert difference.path == "/b"


def test_lists_nested_with_different_lengths_do_not_recurse():
    legacy, modern = (parse(start * 1000 + b"2" + b"]" * 1000) for start in (b"[1,", b"[1,1,"))
    assert differences(legacy, modern)


def entry(number, **more):
    return {"fullUrl": f"http://ehr/Observation/{number}", "resource": {
        "resourceType": "Observation", "id": str(number), "status": "final", **more}}


@pytest.mark.parametrize(("legacy", "modern", "expected"), [
    ([entry(1), entry(2, value="a"), entry(3)], [entry(2, value="b"), entry(3)],
     [("missing", "/0"), ("value", "/1/resource/value")]),
    ([entry(1), entry(2)], [entry(2, value="b"), entry(1)], [("extra", "/1/resource/value"), ("moved", "/0")]),
    ([entry(1)], [entry(2)], [("missing", "/0"), ("extra", "/0")]),
    ([entry(1), entry(1)], [entry(1)], [("missing", "/1")]),
    ([{"code": "a"}, {"code": "a"}], [{"code": "a"}], [("missing", "/1")]),
    ([{"system": "s", "code": "a", "display": "A"}, {"system": "t", "code": "a"}],
     [{"system": "t", "code": "a"}, {"system": "s", "code": "a", "display": "B"}],
     [("value", "/0/display"), ("moved", "/0")]),
    ([{"system": "s", "code": "a"}], [{"code": "a"}], [("missing", "/0/system")]),
    ([{"use": "home", "city": "Ulm"}, {"use": "work", "city": "Bonn"}],
     [{"use": "work", "city": "Bonn"}, {"use": "old", "city": "Ulm"}], [("value", "/0/use"), ("moved", "/0")]),
    ([{"a": 1, "b": 2, "c": 3}, {"a": 4, "b": 5, "c": 6}], [{"a": 4, "b": 5, "c": 7}, {"a": 1, "b": 2, "c": 3}],
     [("value", "/1/c"), ("moved", "/0")]),
    (["a", "b"], ["c", "d"], [("missing", "/0"), ("extra", "/0"), ("missing", "/1"), ("extra", "/1")]),
])
def test_items_are_compared_with_their_like_wherever_it_stands(legacy, modern, expected):
    assert found(legacy, modern) == expected


def test_another_record_is_never_taken_for_a_changed_one():
    legacy = [entry(at, performer="Dr. Who", value=7) for at in range(10)]
    modern = [entry(at + 10, performer="Dr. Who", value=7) for at in range(10)]
    assert Counter(kind for kind, _ in found(legacy, modern)) == {"missing": 10, "extra": 10}


@pytest.mark.parametrize("many", [30, 40, 2_000])
def test_rows_that_share_something_are_compared_with_each_other(many):
    legacy, modern = ([{"shared": "yes", "own": f"{side}{at}"} for at in range(many)] for side in "ab")
    assert {(kind, placed(path)) for kind, path in found(legacy, modern)} == {("value", "/*/own")}


def test_of_many_differences_the_worst_are_kept():
    def weigh(kind, names, legacy, modern, meant):
        return Severity.CRITICAL if names[-1] == "z" else Severity.MINOR

    names = [*(f"a{chr(97 + one)}{chr(97 + other)}" for one in range(26) for other in range(26)), "z"]
    found = differences(dict.fromkeys(names, 1), dict.fromkeys(names, 2), weigh=weigh)
    assert (len(found), found[-1].path, found[-1].severity) == (MAX_DIFFERENCES, "/z", Severity.CRITICAL)


def test_work_grows_with_the_input_alone():
    # Each list is unlike its like, at every depth: what is looked at there must not be the whole rest.
    def looks(depth):
        legacy, modern = (parse(start * depth + b"2" + b"]" * depth) for start in (b"[1,", b"[1,1,"))
        low, high = 0, 1 << 24
        while high - low > low // 50 + 1:
            middle = (low + high) // 2
            try:
                found = diff(legacy, modern, looks=middle)
            except DiffError:
                found = None
            low, high = (low, middle) if found is not None and len(found.differences) == 3 else (middle, high)
        return high

    assert looks(4_000) < 3 * looks(2_000)


def test_a_bound_on_the_work_is_no_agreement():
    with pytest.raises(DiffError, match="budget"):
        diff([[1] for _ in range(100)], [[1] for _ in range(100)], looks=50)
    legacy, modern = ({f"n{at}": [leaf] for at in range(100)} for leaf in "ab")
    assert 0 < len(differences(legacy, modern, looks=200)) < 100


def test_differences_are_bounded():
    assert len(differences(["a"] * 1000, ["b"] * 1000)) == MAX_DIFFERENCES


def grave(kind, names, legacy, modern, meant):
    return Severity.CRITICAL if names == ["z"] else Severity.MAJOR


def many(**more):
    """Two documents that differ in more than is held against each other, and then in what is told."""
    names = [f"n{number}" for number in range(MAX_FOUND + 5)]
    return dict.fromkeys(names, 1) | {"z": 1, "zz": 1}, dict.fromkeys(names, 2) | {"z": 1, "zz": 1} | more


def test_a_critical_difference_is_found_behind_however_many_others():
    found = diff(*many(z=2, zz=2), weigh=grave).differences
    assert [one.path for one in found if one.severity is Severity.CRITICAL] == ["/z"]
    assert len(found) == MAX_DIFFERENCES
    assert {one.severity for one in diff(*many(zz=2), weigh=grave).differences} == {Severity.MAJOR}


def test_where_it_cannot_be_told_what_else_differs_it_is_critical():
    found = diff(*many(zz=2), weigh=grave, looks=2 * MAX_FOUND + 10).differences
    assert Severity.CRITICAL in {one.severity for one in found}


def test_an_absent_value_has_its_own_shape():
    [difference] = differences(tree({"a": "secret"}), tree({}))
    assert (difference.legacy, difference.modern) == (Shape("string", 6, "word"), Shape("absent"))


def test_both_pointers_lead_to_the_item_in_either_document():
    legacy = {"a": [{"id": 1, "v": {"gone": 1}}, {"id": 2, "gone": 1}], "b": 1}
    modern = {"a": [{"id": 3}, {"id": 2, "new": 1}, {"id": 1, "v": {"new": 1}}], "b": 2}
    places = [(one.kind, one.path, one.modern_path) for one in differences(tree(legacy), tree(modern))]
    assert sorted(places) == sorted([
        ("missing", "/a/0/v/gone", "/a/2/v/gone"), ("extra", "/a/0/v/new", "/a/2/v/new"),
        ("missing", "/a/1/gone", ""), ("extra", "/a/1/new", ""), ("extra", "/a/0", ""),
        ("moved", "/a/0", "/a/2"), ("value", "/b", ""),
    ])


def test_tokens_stand_for_scalars_and_for_names_that_are_masked():
    legacy, modern = {"a": ["x"], "b": "y", "12": 1, "c": 1}, {"a": "x", "b": "z", "12": 2}
    one, two, three, four = differences(tree(legacy), tree(modern), key=b"k")
    assert (one.legacy_token, len(one.modern_token), one.key_token) == ("", 24, "")
    assert two.legacy_token != two.modern_token
    assert (three.path, len(three.key_token)) == ("/{key}", 24)
    assert (len(four.legacy_token), four.modern_token) == (24, "")
    for plain in differences(tree(legacy), tree(modern)):
        assert plain.legacy_token == plain.modern_token == plain.key_token == ""
