"""Why telling twins apart is right: held against a search through all renamings of a few records.

A world is a few records, each with a value and with references to others; two worlds are the same where some renaming
of the records makes one of the other. The comparator sees both shuffled, and must say so:

- *Sound*: no difference means that there is such a renaming. This holds for all worlds, whatever pairing chooses.
- *Complete*: where there is such a renaming, no difference is reported. This holds for forests, where colours and
  choices are exact. It does not hold where records refer to each other in rings that colours cannot tell apart, such
  as one record that names itself twice beside two that name both of themselves: there a conflict too many may show.
"""

from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shadow.compare.twins import CHOICES, ROUNDS
from tests.shadow.compare.test_identifiers import beyond_order, bundle, judged

FEW = 4
"""Records of a world with any references."""

MORE = 6
"""Records of a forest. No two of them are further apart than there are rounds of colours."""

assert MORE <= ROUNDS
assert MORE <= CHOICES


def document(world, order, prefix):
    """A Bundle of a world: (value, references by index) of each record, in an order, under ids with a prefix."""
    records = [{"resourceType": "Patient", "id": f"{prefix}{at}", "value": value,
                "link": [{"other": {"reference": f"Patient/{prefix}{one}"}} for one in to]}
               for at, (value, to) in enumerate(world)]
    return bundle(*(records[at] for at in order))


def are_the_same(world, other):
    """Whether some renaming of the records makes `other` of `world`: the search through all of them."""
    wanted = [(value, sorted(to)) for value, to in other]
    return len(world) == len(other) and any(
        all(wanted[to[at]] == (value, sorted(to[one] for one in references))
            for at, (value, references) in enumerate(world))
        for to in permutations(range(len(world))))


def differs(world, other, order, other_order):
    return beyond_order(judged(document(world, order, "p"), document(other, other_order, "n"))) != []


@st.composite
def worlds(draw, size):
    records = st.tuples(st.integers(1, 2), st.lists(st.integers(0, size - 1), max_size=3))
    return draw(st.lists(records, min_size=size, max_size=size))


@st.composite
def forests(draw, size):
    """Each record refers to one that comes before it, or to none."""
    above = [draw(st.none() | st.integers(0, at - 1)) if at else None for at in range(size)]
    return [(draw(st.integers(1, 2)), [] if up is None else [up]) for up in above]


@st.composite
def pairs(draw, kind, largest):
    """Two worlds of one size, the second often a renaming of the first, and an order of the records of each."""
    size = draw(st.integers(1, largest))
    world = draw(kind(size))
    other = draw(kind(size)) if draw(st.booleans()) else renamed(world, draw(st.permutations(range(size))))
    return world, other, draw(st.permutations(range(size))), draw(st.permutations(range(size)))


def renamed(world, to):
    made = dict(zip(to, world, strict=True))
    return [(made[at][0], [to[one] for one in made[at][1]]) for at in range(len(world))]


@settings(max_examples=400)
@given(pairs(worlds, FEW))
def test_worlds_without_a_difference_are_the_same_but_for_a_renaming(case):
    world, other, *orders = case
    assert differs(world, other, *orders) or are_the_same(world, other)


@settings(max_examples=400)
@given(pairs(forests, MORE))
def test_forests_match_just_where_a_renaming_makes_one_of_the_other(case):
    world, other, *orders = case
    assert differs(world, other, *orders) is not are_the_same(world, other)


SIX = [(1, [1]), (1, [2]), (1, [3]), (1, [4]), (1, [5]), (1, [0])]
TWICE_THREE = [(1, [1]), (1, [2]), (1, [0]), (1, [4]), (1, [5]), (1, [3])]


@pytest.mark.parametrize("turn", range(6))
def test_a_ring_of_six_is_not_taken_for_two_rings_of_three(turn):
    order = [*range(turn, 6), *range(turn)]
    assert not are_the_same(SIX, TWICE_THREE)
    assert differs(SIX, TWICE_THREE, order, range(6)), "every colour is the same, and the crosswalk tells"
    assert not differs(TWICE_THREE, TWICE_THREE, order, range(6))
    assert not differs(SIX, SIX, order, range(6))
