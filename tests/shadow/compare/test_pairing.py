"""Pairing: which items of two lists belong together, and that every item is in exactly one pair or alone."""

import copy
import json
from collections import Counter
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.crosswalk import Crosswalk
from adapters.document import parse
from shadow.compare.identifiers import Classes, Identities
from shadow.compare.likeness import MAX_RESIDUE, RARE
from shadow.compare.pairing import Pairing, pair
from shadow.compare.patterns import AUTO, PLAIN, Directive, Matcher, Order, PathPattern
from shadow.compare.prints import Budget, Prints, loosely
from shadow.normalisers.case import Case

ORDERED, MULTISET = Order("ordered"), Order("multiset")
BY_CODE = Order("keyed", (("code",),))
CASE = Case(Case.Options())


def paired(legacy, modern, order=AUTO, rules=PLAIN, looks=100_000):
    return pair(legacy, modern, order, rules, Prints(looks))


def rule(path, **says):
    return Matcher.start([(PathPattern.parse(path), Directive("rule", **says))])


def alone(legacy, modern):
    """What is found of two lists of so many items that have nothing to do with each other."""
    return Pairing([], list(range(legacy)), list(range(modern)))


# --- every list ---

ITEMS = st.lists(
    st.integers(0, 3) | st.fixed_dictionaries({}, optional={
        "id": st.sampled_from(["", "1", "2", "3"]), "code": st.sampled_from("ab"), "value": st.integers(0, 1)}),
    max_size=7)


@given(ITEMS, ITEMS, st.sampled_from([AUTO, ORDERED, MULTISET, BY_CODE]))
def test_every_item_is_in_exactly_one_pair_or_alone(legacy, modern, order):
    found = paired(legacy, modern, order)
    assert sorted([*(i for i, _ in found.pairs), *found.missing]) == list(range(len(legacy)))
    assert sorted([*(j for _, j in found.pairs), *found.extra]) == list(range(len(modern)))
    assert found.pairs == sorted(found.pairs)
    assert (found.missing, found.extra) == (sorted(found.missing), sorted(found.extra))
    assert found.doubtful <= {i for i, _ in found.pairs} | set(found.missing)


@given(ITEMS, ITEMS, st.sampled_from([AUTO, ORDERED, MULTISET, BY_CODE]))
def test_moved_are_the_fewest_pairs_without_which_the_others_are_in_order(legacy, modern, order):
    found = paired(legacy, modern, order)
    assert set(found.moved) <= set(found.pairs)
    rest = [j for one in found.pairs if one not in found.moved for j in one[1:]]
    assert rest == sorted(rest)
    assert not any(list(kept) == sorted(kept) for kept in combinations([j for _, j in found.pairs], len(rest) + 1))


@given(st.lists(st.integers(0, 3), max_size=7), st.lists(st.integers(0, 3), max_size=7))
def test_equal_items_of_a_multiset_are_paired_each_once(legacy, modern):
    found = paired(legacy, modern, MULTISET)
    equal = Counter(legacy[i] for i, j in found.pairs if legacy[i] == modern[j])
    assert equal == Counter(legacy) & Counter(modern)


@pytest.mark.parametrize(("places", "moved"), [
    ("abc", []), ("bca", [(0, 2)]), ("cab", [(2, 0)]), ("cba", [(0, 2), (1, 1)]), ("bac", [(0, 1)]),
    ("dabc", [(3, 0)]), ("acbd", [(1, 2)]), ("badc", [(0, 1), (2, 3)]),
])
def test_the_item_that_moved_is_told_from_those_that_made_room_for_it(places, moved):
    assert paired(sorted(places), list(places)).moved == moved


# --- auto: by what identifies the items ---

def bundle_entry(id, value):
    return {"resource": {"resourceType": "Patient", "id": id, "value": value}}


def with_identifier(id, value):
    return {"identifier": [{"system": "mrn", "value": id}, {"system": "mrn", "value": "shared"}], "value": value}


IDENTIFIED = [
    pytest.param(lambda id, value: {"fullUrl": id, "value": value}, id="fullUrl"),
    pytest.param(lambda id, value: {"resourceType": "Patient", "id": id, "value": value}, id="resourceType and id"),
    pytest.param(bundle_entry, id="id of the resource"),
    pytest.param(with_identifier, id="first identifier"),
    pytest.param(lambda id, value: {"id": id, "value": value}, id="id"),
]
LABELLED = [
    pytest.param(lambda id, value: {"system": "s", "value": id, "rank": value}, id="system and value"),
    pytest.param(lambda id, value: {"system": "s", "code": id, "rank": value}, id="system and code"),
    *(pytest.param(lambda id, value, name=name: {name: id, "rank": value}, id=name)
      for name in ("linkId", "url", "relation", "use")),
]


@pytest.mark.parametrize("item", [*IDENTIFIED, *LABELLED])
def test_items_are_paired_by_their_key_whatever_else_they_hold(item):
    # The values would pair them the other way round.
    found = paired([item("a", 1), item("b", 2), item("c", 3)], [item("b", 1), item("c", 2), item("a", 3)])
    assert found == Pairing([(0, 2), (1, 0), (2, 1)], [], [], [(0, 2)])


@pytest.mark.parametrize("item", IDENTIFIED)
def test_a_record_without_a_counterpart_is_alone_however_alike_another_is(item):
    assert paired([item("a", 1), item("b", 2)], [item("c", 1), item("b", 2)]) == Pairing([(1, 1)], [0], [0])
    assert paired([item("a", 1), item("b", 2)], [item("c", 1), item("d", 2)]) == alone(2, 2)
    assert paired([item("a", 1), item("b", 2)], [item("c", 1)]) == alone(2, 1)


@pytest.mark.parametrize("item", LABELLED)
def test_a_part_whose_label_is_another_is_paired_with_the_part_most_like_it(item):
    found = paired([item("a", 1), item("b", 2)], [item("b", 3), item("c", 1)])
    assert found == Pairing([(0, 1), (1, 0)], [], [], [(0, 1)], {0})


@pytest.mark.parametrize(("before", "after"), [
    # What comes first identifies; the rest would pair them the other way round.
    ("fullUrl", "id"), ("id", "use"), ("linkId", "url"), ("url", "relation"), ("relation", "id"),
])
def test_the_first_key_that_fits_decides(before, after):
    legacy = [{before: "a", after: "1"}, {before: "b", after: "2"}]
    modern = [{before: "a", after: "2"}, {before: "b", after: "1"}]
    assert paired(legacy, modern).pairs == [(0, 0), (1, 1)]


@pytest.mark.parametrize(("legacy", "modern"), [
    pytest.param(["x", "x"], ["x", "y"], id="shared by two of legacy's"),
    pytest.param(["x", "y"], ["x", "x"], id="shared by two of modern's"),
    pytest.param(["x", ""], ["x", "y"], id="empty in legacy"),
    pytest.param(["x", "y"], ["x", ""], id="empty in modern"),
    pytest.param(["x", 1], ["x", "y"], id="no text"),
    pytest.param(["x", None], ["x", "y"], id="null"),
    pytest.param(["x", "y"], ["v", "w"], id="of no item on both sides"),
])
def test_a_key_that_does_not_fit_both_lists_is_passed_over(legacy, modern):
    lists = [[{"url": one, "use": use} for one, use in zip(urls, uses, strict=True)]
             for urls, uses in ((legacy, ("a", "b")), (modern, ("b", "a")))]
    assert paired(*lists) == Pairing([(0, 1), (1, 0)], [], [], [(0, 1)])


@pytest.mark.parametrize("first", ["none", [], {}, [[]], ["mrn"], [{"system": "mrn"}], {"0": {"system": "mrn"}}])
def test_an_item_whose_identifier_cannot_be_read_has_none(first):
    legacy = [with_identifier("a", 1), with_identifier("b", 2) | {"identifier": first}]
    modern = [with_identifier("b", 1), with_identifier("a", 3)]
    # So nothing identifies them, and the first is paired with the nearest of those like it, instead of with "a".
    found = paired(legacy, modern)
    assert (0, 0) in found.pairs
    assert 0 in found.doubtful


def test_a_key_whose_values_a_rule_expects_to_differ_identifies_nothing():
    legacy, modern = [{"id": "a", "v": 1}, {"id": "b", "v": 2}], [{"id": "b", "v": 1}, {"id": "a", "v": 2}]
    assert paired(legacy, modern).pairs == [(0, 1), (1, 0)]
    assert paired(legacy, modern, rules=rule("/id", ignore=True)).pairs == [(0, 0), (1, 1)]
    assert paired(legacy, modern, rules=rule("/id", normaliser=CASE)).pairs == [(0, 0), (1, 1)]
    assert paired(legacy, modern, rules=rule("/v", ignore=True)).pairs == [(0, 1), (1, 0)]


# --- auto: one item on each side ---

@pytest.mark.parametrize(("legacy", "modern"), [
    (1, "a"), ({"code": "a"}, {"code": "b"}), ({"id": "a"}, {"code": "b"}), ({"code": "a"}, {"id": "b"}),
    ({"id": "a"}, "a"), ([], {}),
])
def test_the_only_items_of_two_lists_belong_together_for_certain(legacy, modern):
    assert paired([legacy], [modern]) == Pairing([(0, 0)], [], [])


@pytest.mark.parametrize("key", ["id", "fullUrl"])
def test_the_only_records_of_two_lists_do_not_belong_together_where_they_are_two_records(key):
    assert paired([{key: "a", "v": 1}], [{key: "b", "v": 1}]) == alone(1, 1)
    assert paired([{key: "a", "v": 1}], [{key: "a", "v": 2}]) == Pairing([(0, 0)], [], [])


def test_where_a_rule_says_how_to_pair_one_item_is_paired_like_many():
    assert paired(["a"], ["b"], MULTISET) == Pairing([(0, 0)], [], [], doubtful={0})
    assert paired([{"code": "a"}], [{"code": "b"}], BY_CODE) == alone(1, 1)


# --- by likeness ---

def test_equal_items_are_paired_first_and_then_the_most_alike():
    legacy = [{"a": 1, "b": 1, "c": 1}, {"a": 2, "b": 2, "c": 2}, {"a": 3, "b": 3, "c": 3}]
    modern = [{"a": 2, "b": 2, "c": 9}, {"a": 3, "b": 3, "c": 3}, {"a": 1, "b": 9, "c": 9}]
    assert paired(legacy, modern) == Pairing([(0, 2), (1, 0), (2, 1)], [], [], [(0, 2)], {0, 1})


def test_the_larger_overlap_wins_over_the_nearer_place():
    legacy = [{"a": 1, "b": 1, "c": 1}, {"a": 5, "b": 6, "c": 7}]
    modern = [{"a": 1, "b": 8, "c": 8}, {"a": 1, "b": 1, "c": 9}]
    assert paired(legacy, modern) == Pairing([(0, 1)], [1], [0], doubtful={0})


@pytest.mark.parametrize(("at", "others", "nearest"), [(2, (0, 1), 1), (1, (0, 3), 0), (1, (0, 2), 0), (2, (0, 3), 3)])
def test_of_equal_overlaps_the_nearest_place_wins(at, others, nearest):
    legacy, modern = ([{f"{side}{place}": place} for place in range(4)] for side in "ab")
    legacy[at]["same"] = 1
    for one in others:
        modern[one]["same"] = 1
    assert paired(legacy, modern).pairs == [(at, nearest)]
    assert paired(modern, legacy).pairs == [(nearest, at)]


def test_items_that_share_nothing_stay_alone_unless_one_is_left_on_each_side():
    assert paired(["a", "b"], ["c", "d"]) == alone(2, 2)
    assert paired([{"a": 1}, {"a": 2}], [{"a": 3}, {"a": 4}]) == alone(2, 2)
    assert paired(["a", "b"], ["b", "c"]) == Pairing([(0, 1), (1, 0)], [], [], [(0, 1)], {0})
    assert paired(["a"], ["b", "c"]) == alone(1, 2)
    assert paired(["a", "b", "b"], ["b"]) == Pairing([(1, 0)], [0, 2], [])
    assert paired(["a", "b"], ["b"]) == Pairing([(1, 0)], [0], [])


def test_scalars_are_not_alike_and_containers_of_both_kinds_are():
    assert paired([[1, 2], "x", "y"], ["v", "w", [2, 3]]) == Pairing([(0, 2)], [1, 2], [0, 1], doubtful={0})


@pytest.mark.parametrize(("legacy", "modern", "each"), [(32, 32, True), (16, 64, True), (25, 41, False)])
def test_items_that_share_anything_are_paired_whether_each_is_held_against_each_or_not(legacy, modern, each):
    assert (legacy * modern <= MAX_RESIDUE) is each
    before, after = ([{"same": 1, name: at} for at in range(many)] for name, many in (("a", legacy), ("b", modern)))
    assert paired(before, after).pairs == [(at, at) for at in range(min(legacy, modern))]
    before, after = ([{name: at} for at in range(many)] for name, many in (("a", legacy), ("b", modern)))
    assert paired(before, after) == alone(legacy, modern)


def test_of_many_items_those_belong_together_that_share_what_few_others_have():
    names = [f"name {at}" for at in range(200)]
    before = [{"same": 1, "name": name, "value": at} for at, name in enumerate(names)]
    after = [{"same": 1, "name": name, "value": -1 - at} for at, name in enumerate(names)]
    assert paired(before, after[::-1]).pairs == [(at, 199 - at) for at in range(200)]
    # What is shared by many says nothing: these are paired in order.
    crowd = [{"same": 1, "name": f"name {at // (RARE + 1)}", "value": at} for at in range(200)]
    other = [{"same": 1, "name": one["name"], "value": -1 - one["value"]} for one in crowd]
    assert paired(crowd, other).pairs == [(at, at) for at in range(200)]


@pytest.mark.parametrize(("legacy", "modern"), [
    ([1.5, 2.5, 3], [2.50, 3.0, 1.50]), (["1", "2", 3], [2, 3, 1]), ([True, "a"], ["a", "true"]),
    ([{"a": 1.0, "b": "x"}, {"a": 2, "b": "x"}, {"a": 3, "b": "x"}],
     [{"a": 2.0, "b": "x"}, {"a": "3", "b": "x"}, {"a": 1, "b": "x"}]),
])
def test_items_that_say_the_same_in_other_words_belong_together(legacy, modern):
    written = [parse(json.dumps(one).replace("2.5,", "2.50,").encode()) for one in (legacy, modern)]
    found = paired(*written)
    assert (found.missing, found.extra) == ([], [])
    assert all(loosely(written[0][i]) == loosely(written[1][j]) if not isinstance(written[0][i], dict)
               else loosely(written[0][i]["a"]) == loosely(written[1][j]["a"]) for i, j in found.pairs)


@pytest.mark.parametrize("order", [AUTO, Order("keyed", (("id",),))])
def test_an_identifier_that_became_text_is_still_the_same(order):
    legacy, modern = (parse(text) for text in (
        b'[{"id":1,"v":1},{"id":2,"v":2},{"id":3,"v":3}]', b'[{"id":"2","v":1},{"id":"3","v":2},{"id":"1","v":3}]'))
    for one, other, pairs in ((legacy, modern, [(0, 2), (1, 0), (2, 1)]), (modern, legacy, [(0, 1), (1, 2), (2, 0)])):
        found = paired(one, other, order)
        assert (found.pairs, found.missing, found.extra) == (pairs, [], [])
    # Where both sides tell 1 and "1" apart, so does pairing.
    both = parse(b'[{"id":1,"v":1},{"id":"1","v":2}]')
    assert paired(both, both[::-1], order).pairs == [(0, 1), (1, 0)]


def test_holding_items_against_each_other_costs_work():
    legacy, modern = [{"same": 1, "a": at} for at in range(9)], [{"same": 1, "b": at} for at in range(9)]
    assert len(paired(legacy, modern).pairs) == 9
    with pytest.raises(Budget):
        paired(legacy, modern, looks=9 * 9)


def test_items_that_share_much_cost_more_work_than_items_that_share_nothing():
    def cost(sides):
        prints = Prints(100_000)
        pair(*([{f"{side}{leaf}": leaf for leaf in range(67)} | {"own": f"{number}{at}"} for at in range(2)]
               for number, side in enumerate(sides)), AUTO, PLAIN, prints)
        return 100_000 - prints.looks

    # Four combinations, each of 67 shared leaves, eight of which cost as much as one look.
    assert cost("aa") - cost("ab") == 4 * (67 // 8)


# --- multiset and ordered ---

def test_a_multiset_heeds_no_key():
    legacy, modern = [{"id": "a", "v": 1}, {"id": "b", "v": 2}], [{"id": "b", "v": 1}, {"id": "a", "v": 2}]
    assert paired(legacy, modern, MULTISET).pairs == [(0, 0), (1, 1)]
    assert paired(legacy, modern, MULTISET).doubtful == {0, 1}


@pytest.mark.parametrize(("legacy", "modern", "expected"), [
    ("", "", Pairing([], [], [])),
    ("abc", "abc", Pairing([(0, 0), (1, 1), (2, 2)], [], [])),
    ("abc", "axc", Pairing([(0, 0), (1, 1), (2, 2)], [], [], doubtful={1})),
    ("abc", "ac", Pairing([(0, 0), (2, 1)], [1], [], doubtful={1})),
    ("ac", "abc", Pairing([(0, 0), (1, 2)], [], [1])),
    ("abc", "bc", Pairing([(1, 0), (2, 1)], [0], [], doubtful={0})),
    ("abc", "ab", Pairing([(0, 0), (1, 1)], [2], [], doubtful={2})),
    ("aa", "a", Pairing([(0, 0)], [1], [], doubtful={1})),
    ("a", "aa", Pairing([(0, 0)], [], [1])),
    ("abcde", "axye", Pairing([(0, 0), (1, 1), (2, 2), (4, 3)], [3], [], doubtful={1, 2, 3})),
    ("axye", "abcde", Pairing([(0, 0), (1, 1), (2, 2), (3, 4)], [], [3], doubtful={1, 2})),
    # The same items in other places are paired by what they hold.
    ("abcd", "acbd", Pairing([(0, 0), (1, 2), (2, 1), (3, 3)], [], [], [(1, 2)], {1, 2})),
    ("abca", "caba", Pairing([(0, 1), (1, 2), (2, 0), (3, 3)], [], [], [(2, 0)], {0, 1, 2})),
    # One of them is another: then they are paired by their places.
    ("abcd", "acxd", Pairing([(0, 0), (1, 1), (2, 2), (3, 3)], [], [], doubtful={1, 2})),
])
def test_an_ordered_list_is_paired_by_position_between_its_equal_ends(legacy, modern, expected):
    assert paired(list(legacy), list(modern), ORDERED) == expected


def test_an_ordered_list_of_one_record_is_paired_by_position_too():
    assert paired([{"id": "a"}], [{"id": "b"}], ORDERED) == Pairing([(0, 0)], [], [], doubtful={0})


def test_what_a_rule_hides_does_not_end_the_equal_head_of_an_ordered_list():
    found = paired([{"a": 1, "t": 1}, {"a": 2}], [{"a": 1, "t": 9}, {"a": 3}], ORDERED, rule("/t", ignore=True))
    assert found == Pairing([(0, 0), (1, 1)], [], [], doubtful={1})


# --- keyed ---

def coded(*pairs):
    return [{"code": code, "v": value} if code else {"v": value} for code, value in pairs]


@pytest.mark.parametrize(("legacy", "modern", "expected"), [
    (coded(("a", 1), ("b", 2)), coded(("b", 1), ("a", 2)), Pairing([(0, 1), (1, 0)], [], [], [(0, 1)])),
    (coded(("a", 1), ("b", 2)), coded(("c", 1), ("b", 2), ("d", 3)), Pairing([(1, 1)], [0], [0, 2])),
    # Of several items with one key those that are equal belong together, and then the others as they come.
    (coded(("a", 1), ("a", 2)), coded(("a", 2), ("a", 3)), Pairing([(0, 1), (1, 0)], [], [], [(0, 1)])),
    (coded(("a", 1)), coded(("a", 2), ("a", 1)), Pairing([(0, 1)], [], [0])),
    (coded(("a", 1), ("a", 2)), coded(("a", 2)), Pairing([(1, 0)], [0], [])),
    # The rule names the key, so it is no matter that two items share it on one side alone.
    (coded(("a", 1), ("b", 5), ("a", 2)), coded(("b", 5), ("a", 2)), Pairing([(1, 0), (2, 1)], [0], [])),
    # Items without the key are paired with each other by likeness, never with one that has it.
    (coded(("", 1), ("a", 2)), coded(("a", 3), ("", 1)), Pairing([(0, 1), (1, 0)], [], [], [(0, 1)], {0})),
    (coded(("", 1), ("", 2), ("a", 3)), coded(("", 2), ("", 1), ("b", 3)),
     Pairing([(0, 1), (1, 0)], [2], [2], [(0, 1)])),
    (coded(("", 1), ("a", 2), ("b", 3)), coded(("c", 4)), Pairing([], [0, 1, 2], [0])),
    (coded(("c", 4)), coded(("", 1), ("a", 2), ("", 3)), Pairing([], [0], [0, 1, 2])),
])
def test_a_keyed_list_is_paired_by_the_key_that_the_rule_names(legacy, modern, expected):
    assert paired(legacy, modern, BY_CODE) == expected


def test_a_key_of_several_fields_is_equal_where_all_of_them_are():
    order = Order("keyed", (("type",), ("codes", 1)))
    legacy, modern = ([{"type": type, "codes": ["x", code]} for type, code in items] for items in (
        [("a", "1"), ("a", "2"), ("b", "1")], [("b", "1"), ("a", "1"), ("b", "2")]))
    assert paired(legacy, modern, order) == Pairing([(0, 1), (2, 0)], [1], [2], [(0, 1)])


# --- identifiers ---

def identified(legacy, modern, order=AUTO, known=(), learn=True, fields=("id",)):
    """What is found where these fields are patients' identifiers, and `known` are the pairs that the crosswalk has."""
    crosswalk = Crosswalk()
    for one, other in known:
        crosswalk.bind("Patient", one, other)
    rules = Matcher.start([(PathPattern.parse(f"/*/{field}"), Directive("rule", crosswalk="Patient"))
                           for field in fields])
    identities = Identities(crosswalk, Classes({"Patient": learn}, None))
    old = identities.mark(copy.deepcopy(legacy), rules, legacy=True)
    new = identities.mark(copy.deepcopy(modern), rules, legacy=False)
    identities.begin(old, new)
    found = pair(old, new, order, rules.step(None), Prints(100_000, identities))
    return found, lambda one: identities.image("Patient", one, legacy=True)


def record(id, value, **more):
    return {"id": id, "value": value, **more}


def test_known_identifiers_pair_records_whose_values_are_swapped():
    found, _ = identified([record("1", "x"), record("2", "y")], [record("b", "x"), record("a", "y")],
                          known=[("1", "a"), ("2", "b")])
    assert found == Pairing([(0, 1), (1, 0)], [], [], [(0, 1)])


def test_unknown_identifiers_are_left_out_and_bound_to_those_of_the_equal_record():
    found, image = identified([record("1", "x"), record("2", "y")], [record("b", "y"), record("a", "x")])
    assert found == Pairing([(0, 1), (1, 0)], [], [], [(0, 1)])
    assert (image("1"), image("2")) == ("a", "b")


def test_a_known_record_that_modern_lacks_is_alone_and_the_unknown_ones_still_belong_together():
    found, _ = identified([record("1", "x"), record("2", "y"), record("3", "z")],
                          [record("c", "z"), record("d", "y")], known=[("1", "a"), ("3", "c")])
    assert found == Pairing([(1, 1), (2, 0)], [0], [], [(1, 1)])


def test_a_record_of_modern_that_is_bound_to_another_is_not_taken_for_an_unknown_one():
    found, _ = identified([record("1", "x"), record("2", "y")], [record("a", "y"), record("b", "x")],
                          known=[("1", "a"), ("9", "b")])
    assert found == Pairing([(0, 0)], [1], [1])


def test_where_nothing_may_be_learnt_an_unknown_identifier_is_a_key_like_any_other():
    found, _ = identified([record("1", "x"), record("2", "y")], [record("2", "x"), record("1", "y")], learn=False)
    assert found == Pairing([(0, 1), (1, 0)], [], [], [(0, 1)])


def test_a_keyed_list_pairs_open_keys_by_what_else_the_items_hold():
    by_id = Order("keyed", (("id",),))
    found, image = identified([record("1", "x"), record("2", "y"), record("3", "z")],
                              [record("c", "z"), record("b", "q"), record("a", "x")], by_id, known=[("2", "b")])
    assert found == Pairing([(0, 2), (1, 1), (2, 0)], [], [], [(0, 2), (1, 1)])
    assert (image("1"), image("3")) == ("a", "c")


def test_items_that_a_label_pairs_prove_whose_identifiers_they_hold():
    found, image = identified([{"url": "u", "id": "1"}, {"url": "v", "id": "2"}],
                              [{"url": "v", "id": "b"}, {"url": "u", "id": "a"}])
    assert found == Pairing([(0, 1), (1, 0)], [], [], [(0, 1)])
    assert (image("1"), image("2")) == ("a", "b")


def test_what_only_seems_to_belong_together_is_doubtful():
    # One unknown record is left on each side, and they share nothing: they are paired, but nothing may be learnt.
    found, _ = identified([record("1", "x"), record("2", "y")], [record("b", "z"), record("a", "x")])
    assert found == Pairing([(0, 1), (1, 0)], [], [], [(0, 1)], {1})
    # Twins: which is which cannot be known.
    found, _ = identified([record("1", "x"), record("2", "x")], [record("a", "x"), record("b", "x")])
    assert (sorted(i for i, _ in found.pairs), found.doubtful) == ([0, 1], {0, 1})


@given(*[st.lists(st.tuples(st.sampled_from("123456"), st.integers(0, 1)), max_size=6)] * 2,
       st.dictionaries(st.sampled_from("123"), st.sampled_from("123"), max_size=3),
       st.sampled_from([AUTO, MULTISET, ORDERED, Order("keyed", (("id",),))]))
def test_every_item_with_an_identifier_is_in_exactly_one_pair_or_alone(legacy, modern, known, order):
    found, _ = identified(*([record(*one) for one in items] for items in (legacy, modern)), order, known.items())
    assert sorted([*(i for i, _ in found.pairs), *found.missing]) == list(range(len(legacy)))
    assert sorted([*(j for _, j in found.pairs), *found.extra]) == list(range(len(modern)))


def test_the_first_item_of_either_list_rules_out_a_key_that_it_lacks():
    with_url, without = [{"url": "u", "a": 1}, {"url": "v", "a": 2}], [{"a": 1}, {"url": "u", "a": 2}]
    assert paired(with_url, without).pairs == paired(without, with_url).pairs == [(0, 0), (1, 1)]


def test_of_several_identifiers_the_first_that_is_unknown_says_who_may_belong_together():
    # The URLs are each server's own and differ; the ids are unknown, so records of one content belong together.
    legacy = [{"fullUrl": "old/1", **record("1", "x")}, {"fullUrl": "old/2", **record("2", "y")}]
    modern = [{"fullUrl": "new/b", **record("b", "y")}, {"fullUrl": "new/a", **record("a", "x")}]
    found, _ = identified(legacy, modern)
    assert (found.pairs, found.missing, found.extra) == ([(0, 1), (1, 0)], [], [])
    # The URLs are unknown and the ids differ: the same.
    legacy = [{"fullUrl": "1", **record("p", "x", also=1)}, {"fullUrl": "2", **record("q", "y", also=2)}]
    modern = [{"fullUrl": "b", **record("r", "y", also=2)}, {"fullUrl": "a", **record("s", "x", also=1)}]
    found, _ = identified(legacy, modern, fields=["fullUrl"])
    assert (found.pairs, found.missing, found.extra) == ([(0, 1), (1, 0)], [], [])
    # Modern's URLs are bound to records that legacy's list does not have, so their ids do not matter.
    found, _ = identified(legacy, modern, fields=["fullUrl", "id"], known=[("8", "a"), ("9", "b")])
    assert found == alone(2, 2)


def test_an_unknown_label_does_not_make_one_record_of_two():
    legacy = [{"fullUrl": "old/1", "url": "1", "v": 1}, {"fullUrl": "old/2", "url": "2", "v": 2}]
    modern = [{"fullUrl": "new/1", "url": "a", "v": 1}, {"fullUrl": "new/2", "url": "b", "v": 2}]
    assert identified(legacy, modern, fields=["url"])[0] == alone(2, 2)
