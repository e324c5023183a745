"""Beginning evidence anew at the best moments, as often as one likes, buys no SAFE."""

import pytest

from shadow.evidence.eprocess import needed, spent
from tests.evidence.restarting import chance_of_safe


@pytest.mark.parametrize("confidence", [0.95, 0.8])
def test_the_best_moments_to_begin_anew_lead_to_safe_no_more_often_than_allowed(confidence):
    found = chance_of_safe(0.05, confidence, step=0.2)
    # Somebody who looks but never begins anew is told SAFE less often than somebody who does, so that it is a bound
    # that is nearly reached.
    assert 0.8 * (1 - confidence) < found <= 1 - confidence


def test_to_begin_anew_at_each_bad_exchange_is_one_of_these_ways():
    """The chances are added up on average: an attempt counts by when its first bad exchange is to be expected."""
    limit, attempt, chance = 0.05, 1.0, 0.0
    for _ in range(200):
        enough = needed(0, limit, spent(0.95, attempt))
        chance += (1 - chance) * (1 - limit) ** enough
        attempt += sum(limit * (1 - limit) ** n * min(1.0, (n + 1) * limit) for n in range(enough))
    assert chance < chance_of_safe(limit, 0.95, step=0.2)
