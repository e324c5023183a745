"""The quick form of `make evidence`: every defect once through the comparator, and a few seeds of the whole trial."""

import pytest

from shadow.evidence.gate import Answer
from tests.evidence.__main__ import text
from tests.evidence.mutators import MUTATORS
from tests.evidence.trial import CRITERIA, ENOUGH, RATE, line, lines, pool, trial

HIDDEN = {"a stale clock", "forget the order of a search", "one request id for all"}
"""What the rules of the service take for noise. It is missed, and the table says so."""


def test_there_are_defects_enough():
    assert len(MUTATORS) - len(HIDDEN) >= 30
    assert set(MUTATORS) > HIDDEN


def test_a_noisy_service_with_nothing_wrong_is_safe():
    clean = pool(None)
    assert {one.outcome.value for one in clean.clean} <= {"match", "match_normalised"}
    found = line("clean", clean, 0.0, 2)
    assert (found.safe, found.found) == (1.0, 0.0)
    assert trial(clean, 0.0, "1").exchanges - ENOUGH < 100


@pytest.mark.parametrize("name", MUTATORS)
def test_a_defect_is_found_before_a_sound_service_is_safe(name):
    drawn_from = pool(MUTATORS[name])
    assert len(drawn_from.spoilt) > 20
    if name in HIDDEN:
        assert drawn_from.seen == 0
        return
    assert drawn_from.seen == 1
    for seed in range(3):
        found = trial(drawn_from, RATE, f"{name} {seed}")
        assert (found.answer, found.exchanges < ENOUGH) == (Answer.NOT_SAFE, True)


def test_a_rate_at_the_limit_is_hardly_ever_told_safe():
    found = line("limit", pool(MUTATORS["trim a text"]), CRITERIA.limit, 15)
    assert found.safe <= 1 / 15


def test_the_table_says_what_is_missed():
    told = "\n".join(text(lines(1, ("drop an entry", "a stale clock")), 1))
    assert "| drop an entry | 100% | 100.0% | 0.0% | " in told
    assert "| a stale clock | 0% | 0.0% | 100.0% | – | – |" in told
    assert "Missed, since the service's own rules hide them: a stale clock." in told
