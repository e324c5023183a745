"""Who asked is counted by token, and only where the exchange is effective."""

import pytest

from shadow.compare.comparison import Comparison, Outcome, Tally
from shadow.evidence.epoch import Epoch, Setup
from shadow.lane.members import NAMES, Members
from shadow.ledger.rows import MEMBERS
from tests.shadow.lane.test_writer import Failing, Kept, pair

WHO = (("client", "jwt Anna Meier"), ("facility", "clinic-7"))
EPOCH = Epoch("", "", Setup(), "1")


async def counted(kept, *exchanges):
    """Keep exchanges, each (patient, outcome, reason, who asked), and return what the store has by dimension."""
    for patient, outcome, reason, who in exchanges:
        standing = await kept.standing(pair(patient))
        tally = Tally("results", "read", outcome, reason)
        kept.writer.count_members(tally, standing, who)
        kept.writer.keep(Comparison(tally, "trace", 0.0), standing)
    await kept.writer.close()
    found = kept.store.read("results").members
    assert all(len(one.token) == 24 for one in found)
    return sorted((one.dimension, one.effective, one.bad) for one in found)


async def test_each_effective_exchange_counts_for_each_that_asked_and_a_bad_subject_once_an_hour():
    found = await counted(
        Kept(), ("P-1", Outcome.MATCH, "", WHO), ("P-1", Outcome.MATCH, "", WHO), ("P-2", Outcome.MISMATCH, "", WHO),
        ("P-2", Outcome.MISMATCH, "", WHO), ("P-1", Outcome.TRANSIENT, "after_2s", WHO[1:]),
        ("P-3", Outcome.NOT_COMPARABLE, "legacy_reset", WHO), ("P-4", Outcome.MATCH, "", (("client", "other"),)))
    assert found == [("client", 1, 0), ("client", 2, 1), ("facility", 3, 2)]


@pytest.mark.parametrize(("outcome", "reason"), [
    (Outcome.UNSTABLE, "noise"), (Outcome.NOT_COMPARABLE, "credentials"),
])
async def test_what_shows_nothing_against_modern_counts_as_asked_and_not_as_bad(outcome, reason):
    """Else the few that do would be all that a client ever asked."""
    found = await counted(
        Kept(), *((f"P-{number}", outcome, reason, WHO) for number in range(9)), ("P-9", Outcome.MISMATCH, "", WHO))
    assert found == [("client", 10, 1), ("facility", 10, 1)]


async def test_a_store_that_fails_loses_no_member_and_no_name_is_kept():
    kept = Kept(Failing(Failing.Options()))
    for number in range(3):
        found = await counted(kept, (f"P-{number}", Outcome.MATCH, "", WHO))
    assert found == [("client", 3, 0), ("facility", 3, 0)]
    assert not any("Meier" in one.token or "clinic" in one.token for one in kept.store.read().members)


def test_a_client_is_one_member_however_many_others_are_counted_in_between():
    members = Members()
    for number in (*range(NAMES + 5), *range(NAMES + 5)):
        members.count("results", EPOCH, b"k" * 32, (("client", str(number)),), bad=number == 3)
    rows = members.take()
    assert len({row.token for row in rows}) == len(rows) == NAMES + 5
    assert {row.effective for row in rows} == {2}
    assert sum(row.bad for row in rows) == 2


@pytest.mark.slow
def test_what_waits_is_bounded_and_thinned_by_token():
    members = Members()
    for number in range(MEMBERS + 500):
        members.count("results", EPOCH, b"k" * 32, (("client", str(number)),), bad=number % 2 == 0)
    rows = members.take()
    assert len(rows) == pytest.approx(MEMBERS / 2, rel=0.1)
    assert sum(row.bad for row in rows) == pytest.approx(len(rows) / 2, rel=0.1)
    assert members.take() == []
    members.add(rows)
    assert set(members.take()) == set(rows)
