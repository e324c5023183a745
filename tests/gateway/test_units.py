"""Durations, sizes and shares: what is written, and what it means."""

import pytest

from gateway import units


@pytest.mark.parametrize(("text", "seconds"), [
    ("250ms", 0.25), ("0s", 0.0), ("5s", 5.0), ("1.5m", 90.0), ("2h", 7200.0), ("999999999s", 999_999_999.0),
])
def test_a_duration_is_seconds(text, seconds):
    assert units.duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "5", "5 s", "-5s", "5sec", "1e3s", "٥s", "5s\n", "1234567890s", ".5s"])
def test_what_is_no_duration_has_no_seconds(text):
    assert units.duration(text) is None


@pytest.mark.parametrize(("text", "size"), [("0B", 0), ("100B", 100), ("64KiB", 65_536), ("10MiB", 10 << 20),
                                             ("1GiB", 1 << 30)])
def test_a_size_is_bytes(text, size):
    assert units.size(text) == size


@pytest.mark.parametrize("text", ["", "100", "1KB", "1.5MiB", "-1B", "1kib"])
def test_what_is_no_size_has_no_bytes(text):
    assert units.size(text) is None


@pytest.mark.parametrize(("text", "share"), [("0%", 0), ("25%", 2500), ("0.5%", 50), ("0.05%", 5), ("100.00%", 10_000)])
def test_a_share_is_ten_thousandths(text, share):
    assert units.share(text) == share


@pytest.mark.parametrize("text", ["", "25", "101%", "100.01%", "0.001%", "-1%"])
def test_what_is_no_share_has_no_ten_thousandths(text):
    assert units.share(text) is None


def test_a_plugins_option_may_be_a_number_of_seconds():
    assert units.seconds("window", "1m") == 60.0
    assert units.seconds("window", 1.5) == 1.5


@pytest.mark.parametrize("value", ["1 minute", -1, float("inf"), float("nan")])
def test_a_plugins_option_that_is_no_duration_is_named(value):
    with pytest.raises(ValueError, match="window: not a duration"):
        units.seconds("window", value)
