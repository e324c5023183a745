"""How long modern is waited for, by how fast legacy is."""

import pytest

from gateway.fallback import Pace


@pytest.mark.parametrize(("seconds", "patience"), [
    ([], 5), ([0.003] * 9, 2), ([0.5] * 9, pytest.approx(5, rel=0.2)), ([9.0] * 9, 30),
    ([0.003] * 4 + [1.0] * 40, pytest.approx(10, rel=0.2)), ([1.0] * 9_000 + [0.3] * 9_000, pytest.approx(3, rel=0.2)),
], ids=["nothing known", "quick", "middling", "slow", "the median", "what is new counts more"])
def test_patience_is_ten_times_legacys_median_within_bounds(seconds, patience):
    pace = Pace()
    for one in seconds:
        pace.add(one)
    assert pace.patience == patience
