"""What an exchange counts as in the verdict, by its outcome and its reason."""

import pytest

from shadow.compare.comparison import Outcome
from shadow.evidence.counting import BAD, EFFECTIVE, Counts, counts_as


@pytest.mark.parametrize(("outcome", "reason", "counts"), [
    (Outcome.MATCH, "", Counts.RIGHT),
    (Outcome.KNOWN_DIFFERENCE, "old-zip", Counts.RIGHT),
    (Outcome.MISMATCH, "reproduced_2", Counts.WRONG),
    (Outcome.CANDIDATE_ERROR, "connect_refused", Counts.FAILED),
    (Outcome.TRANSIENT, "race", Counts.RIGHT),
    (Outcome.TRANSIENT, "after_2s", Counts.FIRST),
    (Outcome.UNSTABLE, "noise", Counts.AFTER),
    (Outcome.NOT_COMPARABLE, "legacy_connect_refused", Counts.BEFORE),
    (Outcome.NOT_COMPARABLE, "legacy_5xx", Counts.BEFORE),
    (Outcome.NOT_COMPARABLE, "syntax", Counts.AFTER),
    (Outcome.NOT_COMPARABLE, "credentials", Counts.AFTER),
    (Outcome.SHED, "queue_full", Counts.BEFORE),
    (Outcome.SHED, "comparer_slow", Counts.AFTER),
    (Outcome.SKIPPED, "not_sampled", Counts.UNSAMPLED),
    (Outcome.SKIPPED, "client_gone", Counts.BEFORE),
    (Outcome.SKIPPED, "client_gone_modern", Counts.AFTER),
])
def test_each_outcome_counts_as_one_thing(outcome, reason, counts):
    assert counts_as(outcome, reason) is counts


@pytest.mark.parametrize("outcome", [Outcome.SHED, Outcome.SKIPPED, Outcome.NOT_COMPARABLE, Outcome.UNSTABLE])
def test_a_reason_that_is_not_known_is_held_against_modern(outcome):
    assert counts_as(outcome, "something of a later version") is Counts.AFTER


def test_what_is_bad_is_in_the_denominator():
    assert BAD < EFFECTIVE
    assert Counts.BEFORE not in EFFECTIVE
