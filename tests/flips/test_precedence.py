"""Which stage is in force: a table, one row a test."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.flips.base import Latch, Override, Position, Stand
from gateway.flips.precedence import (
    adopted,
    drifts,
    further_back,
    in_force,
    is_ahead,
    moves_back,
    moves_forward,
    position,
)
from gateway.stage import WRITES, Stage


def at(text):
    """A position: "canary/legacy/500" is reads, writes and share."""
    reads, writes, *share = text.split("/")
    return Position(Stage(reads), Stage(writes), int(share[0]) if share else 0)


def override(text, **more):
    """An override: "-" for a part that is left to the file."""
    reads, writes, share = (None if one == "-" else one for one in text.split("/"))
    return Override(reads and Stage(reads), writes and Stage(writes), None if share is None else int(share),
                    **{"author": "ann", "reason": "why", "at": 0.0, "expires": None, "revision": 1} | more)


def latch(text):
    reads, writes = (None if one == "-" else Stage(one) for one in text.split("/"))
    return Latch(reads, writes, "guard", "errors", 0.0, 2)


@pytest.mark.parametrize(("file", "said", "held", "wanted"), [
    ("shadow/legacy", None, None, "shadow/legacy"),
    ("shadow/legacy", "verify/-/-", None, "verify/legacy"),
    ("verify/legacy", "shadow/-/-", None, "shadow/legacy"),
    ("shadow/legacy", "-/canary/-", None, "shadow/canary"),
    ("canary/legacy/500", "-/-/2500", None, "canary/legacy/2500"),
    ("canary/legacy/500", "-/-/0", None, "canary/legacy/0"),
    ("canary/legacy/500", "verify/-/-", "legacy/-", "legacy/legacy/500"),
    ("canary/canary/500", "verify/modern/-", "legacy/-", "legacy/modern/500"),
    ("modern/modern", None, "legacy/legacy", "legacy/legacy"),
    ("modern/modern", "legacy/legacy/-", None, "legacy/legacy"),
])
def test_a_latch_comes_before_an_override_and_that_before_the_file(file, said, held, wanted):
    assert in_force(at(file), said and override(said), held and latch(held)) == at(wanted)


@pytest.mark.parametrize(("was", "said", "file", "left", "wanted"), [
    # What the file was, the override, what the file is now → what is left of the override, what is in force.
    ("canary/legacy/500", "verify/-/-", "verify/legacy/500", "verify/-/-", "verify/legacy/500"),
    ("canary/legacy/500", "verify/-/-", "modern/legacy/500", "verify/-/-", "verify/legacy/500"),
    ("canary/legacy/500", "verify/-/-", "shadow/legacy/500", None, "shadow/legacy/500"),
    ("canary/legacy/500", "verify/-/-", "legacy/legacy/500", None, "legacy/legacy/500"),
    ("canary/legacy/5000", "verify/-/-", "canary/legacy/500", None, "canary/legacy/500"),
    ("modern/legacy", "legacy/-/-", "verify/legacy", "legacy/-/-", "legacy/legacy"),
    ("modern/legacy", "legacy/-/-", "legacy/legacy", None, "legacy/legacy"),
    ("modern/modern/500", "canary/-/-", "verify/modern/500", "canary/-/-", "canary/modern/500"),
    ("verify/legacy/500", "modern/-/7500", "canary/legacy/500", None, "canary/legacy/500"),
    ("verify/legacy/5000", "canary/-/100", "canary/legacy/5000", "canary/-/100", "canary/legacy/100"),
    ("canary/legacy/5000", "-/-/7500", "canary/legacy/2500", None, "canary/legacy/2500"),
    ("canary/legacy/5000", "-/-/100", "canary/legacy/2500", "-/-/100", "canary/legacy/100"),
    ("canary/legacy/500", "-/-/7500", "canary/legacy/2500", "-/-/7500", "canary/legacy/7500"),
    ("canary/canary/500", "verify/modern/-", "canary/legacy/500", "verify/-/-", "verify/legacy/500"),
    ("canary/canary/500", "verify/modern/-", "shadow/canary/500", "-/modern/-", "shadow/modern/500"),
    ("shadow/legacy", "verify/-/-", "shadow/legacy", "verify/-/-", "verify/legacy"),
])
def test_a_file_that_moves_back_ends_an_override_that_is_further_ahead(was, said, file, left, wanted):
    after = adopted(Stand(at(was), override(said)), at(file))
    assert after.file == at(file)
    assert after.override == (left and override(left))
    assert position(after) == at(wanted)


@pytest.mark.parametrize(("before", "after", "forward", "back"), [
    ("legacy/legacy", "shadow/legacy", True, False),
    ("shadow/legacy", "legacy/legacy", False, True),
    ("canary/legacy/100", "canary/legacy/500", True, False),
    ("canary/legacy/500", "canary/legacy/0", False, True),
    ("canary/legacy/500", "verify/legacy/500", True, False),
    ("verify/legacy", "canary/legacy/9999", False, True),
    ("modern/canary/100", "modern/canary/200", True, False),
    ("verify/canary/100", "modern/legacy/100", True, True),
    ("shadow/legacy/100", "shadow/legacy/900", False, False),
    ("modern/modern", "retired/retired", True, False),
])
def test_which_moves_go_forward_and_which_back(before, after, forward, back):
    assert moves_forward(at(before), at(after)) is forward
    assert moves_back(at(before), at(after)) is back


POSITIONS = st.builds(Position, st.sampled_from(list(Stage)), st.sampled_from([*WRITES]),
                      st.sampled_from([0, 1, 500, 10_000]))
OVERRIDES = st.builds(
    lambda reads, writes, share: Override(reads, writes, share, "ann", "why", 0.0, None, 1),
    st.none() | st.sampled_from(list(Stage)), st.none() | st.sampled_from([*WRITES]),
    st.none() | st.sampled_from([0, 1, 500, 10_000]))


@given(POSITIONS, OVERRIDES, POSITIONS)
def test_a_file_that_only_moves_back_never_moves_a_capability_forward_nor_leaves_it_ahead_of_the_file(was, said, to):
    file = further_back(was, to)
    stand = Stand(was, said)
    after = adopted(stand, file)
    assert not moves_forward(position(stand), position(after))
    for part, share in (("reads", 0), ("writes", 0)):
        moved = is_ahead(getattr(was, part), was.share, getattr(file, part), file.share)
        now = getattr(position(after), part)
        assert not moved or not is_ahead(now, position(after).share, getattr(file, part), file.share), (part, share)


def test_what_stands_elsewhere_than_the_file_says_drifts():
    assert drifts(Stand(at("canary/legacy/500"), override("verify/-/-")))
    assert not drifts(Stand(at("canary/legacy/500"), override("canary/-/-")))
