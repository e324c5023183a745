"""An epoch is kept as four texts, and read again from those of any release."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shadow.evidence.epoch import Epoch, Setup, digest

DIGESTS = st.text("0123456789abcdef", max_size=16)
BUILDS = st.text(max_size=8)
SETUPS = st.builds(Setup, DIGESTS, DIGESTS, DIGESTS).filter(lambda one: one.arms or not one.endpoints)


@given(st.builds(Epoch, BUILDS, BUILDS, SETUPS, BUILDS, st.integers(0, 99), DIGESTS, st.integers(0, 99)))
def test_an_epoch_that_is_stored_is_read_again(epoch):
    assert Epoch.from_stored(*epoch.stored) == epoch


@pytest.mark.parametrize(("text", "setup", "expired", "custody"), [
    ("", Setup(), 0, ""),
    ("r", Setup(rules="r"), 0, ""),
    ("a+r", Setup("a", rules="r"), 0, ""),
    ("a.e+", Setup("a", "e"), 0, ""),
    ("a.e+r-12", Setup("a", "e", "r"), 12, ""),
    ("a.e+r-1~c", Setup("a", "e", "r"), 1, "c"),
    ("a.e+r~c", Setup("a", "e", "r"), 0, "c"),
    ("no digest-", Setup(rules="no digest-"), 0, ""),
])
def test_each_part_of_what_is_stored_has_a_field(text, setup, expired, custody):
    epoch = Epoch.from_stored("1", "2", text, "9")
    assert epoch == Epoch("1", "2", setup, "9", expired, custody)
    assert epoch.stored == ("1", "2", text, "9")


def test_a_restart_makes_another_epoch_and_without_one_the_text_is_as_before():
    first = Epoch("1", "2", Setup("a", "e", "r"), "9", 1, "c")
    second = first._replace(restarts=2)
    assert (first.stored[2], second.stored[2]) == ("a.e+r-1~c", "a.e+r-1~c^2")
    assert Epoch.from_stored("1", "2", "r^1", "9") == Epoch("1", "2", Setup(rules="r"), "9", restarts=1)
    assert digest(first) != digest(second)
    # Reports show the rules as such; how often evidence was begun anew stands beside them.
    assert first.rules == second.rules


def test_the_digest_is_that_of_the_releases_before():
    """Keys in custody, and pairs of identifiers in stores, are found by it."""
    assert digest(Epoch("1.4", "2.0-rc1", Setup("0a1b2c3d4e5f", "5f4e3d2c1b0a", "0123456789abcdef"), "9", 2,
                        "d00dfeed")) == "3ad17ce1eb60d47ac81bf4f0"
    assert digest(Epoch("1.4", "1.9", Setup("0a1b2c3d4e5f", rules="0123456789abcdef"), "9")) == (
        "0ab15614c7ca2d9489f16b5b")
    assert digest(Epoch("", "", Setup(), "9")) == "75ce1f4e6c052ea6fec08904"


def test_whoever_does_not_know_the_endpoints_compares_setups_without_them():
    assert Setup("a", "e", "r").anywhere() == Setup("a", rules="r")
