"""Two JSON bodies that differ by one element that was moved, swapped, dropped, doubled or changed never match."""

import json

from hypothesis import given
from hypothesis import strategies as st

from shadow.compare.comparison import Outcome, compare
from tests.shadow.exchanges import answer, pair

NAMES = st.sampled_from(["id", "code", "value", "name", "next", "items", "a", "b"])
SCALARS = st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from([1.5, 2.25, "", "a", "b", "1", "true"])
# Long lists too: their equal ends are set aside.
TREES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=12) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=30)


def lists(tree):
    found = [tree] if isinstance(tree, list) else []
    inner = tree if isinstance(tree, list) else tree.values() if isinstance(tree, dict) else ()
    return found + [one for node in inner for one in lists(node)]


def holders(tree):
    inner = tree if isinstance(tree, list) else tree.values() if isinstance(tree, dict) else ()
    return ([tree] if inner else []) + [one for node in inner for one in holders(node)]


def outcome(one, other, media="application/json"):
    sides = (answer(arm, json.dumps(body, indent=indent).encode(), content_type=media)
             for arm, body, indent in (("legacy", one, None), ("modern", other, 1)))
    return compare(pair(*sides)).tally.outcome


@given(TREES, st.randoms(use_true_random=False), st.sampled_from(["move", "swap", "drop", "double", "change"]))
def test_a_body_with_one_element_elsewhere_gone_twice_or_other_never_matches(tree, rng, what):
    other = json.loads(json.dumps(tree))
    places = lists(other) if what != "change" else holders(other)
    places = [one for one in places if one]
    if not places:
        return
    chosen = rng.choice(places)
    keys = list(chosen) if isinstance(chosen, dict) else range(len(chosen))
    at, to = rng.choice(keys), rng.choice(keys)
    match what:
        case "move":
            chosen.insert(to, chosen.pop(at))
        case "swap":
            chosen[at], chosen[to] = chosen[to], chosen[at]
        case "drop":
            del chosen[at]
        case "double":
            chosen.insert(to, chosen[at])
        case "change":
            chosen[at] = "another" if chosen[at] != "another" else 7
    same = json.dumps(tree) == json.dumps(other)
    assert (outcome(tree, other) is Outcome.MATCH) is same
    assert (outcome(other, tree) is Outcome.MATCH) is same
    if not same:
        assert outcome(tree, other) is outcome(other, tree) is Outcome.MISMATCH


@given(st.lists(TREES, min_size=1, max_size=9), st.data())
def test_documents_of_a_stream_that_were_dropped_or_doubled_never_match(documents, data):
    at = data.draw(st.integers(0, len(documents) - 1))
    for other in ([*documents[:at], *documents[at + 1:]], [*documents, documents[at]]):
        sides = (answer(arm, "\n".join(map(json.dumps, some)).encode() + b"\n", content_type="application/x-ndjson")
                 for arm, some in (("legacy", documents), ("modern", other)))
        assert compare(pair(*sides)).tally.outcome is Outcome.MISMATCH
