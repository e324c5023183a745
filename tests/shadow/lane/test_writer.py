"""The writer: what an exchange proves is taken when both arms have answered, and counts once its outcome is known."""

import asyncio
import time
from contextlib import closing
from dataclasses import replace

import pytest

from adapters.message import Headers, Request
from shadow.compare.comparison import VERSION, Bond, Comparison, Outcome, Tally, compare
from shadow.compare.difference import Difference, Severity, Shape
from shadow.compare.pair import Pair
from shadow.compare.rules import Known, Rule, Rules
from shadow.custody.base import Hold
from shadow.custody.sqlite import SqliteCustody
from shadow.evidence.criteria import Answer, Criteria
from shadow.evidence.epoch import Basis, Epoch, Setup, digest
from shadow.evidence.noise import settled
from shadow.evidence.stratum import HOUR, LARGEST, LeftOut, Stratum
from shadow.lane.epoch_keys import PURPOSE, scope
from shadow.lane.writer import BINDINGS, Writer
from shadow.latency import Histogram
from shadow.ledger.rows import EPOCHS, Crossed, Gap, Reason, Traffic
from shadow.report.report import fold
from shadow.stores.base import StoreError
from shadow.stores.marks import left, seat
from shadow.stores.memory import Memory
from shadow.stores.sqlite import Sqlite
from tests.shadow.exchanges import answer

READ = Stratum("read", "2xx", "json", "")
BASIS = Basis(Setup(rules="rules1"), b"x-build")
HIDING = Rules((Rule("build", "/@header/x-build", ignore=True),))


def pair(patient="P-1", modern=b"{}", at=0.0, builds=("", ""), **candidate):
    legacy, other = (answer(arm, body, **({"X_Build": told} if told else {}), **more)
                     for arm, body, told, more in zip(("legacy", "modern"), (b"{}", modern), builds, ({}, candidate),
                                                      strict=True))
    request = Request("GET", f"/patients/{patient}".encode(), Headers())
    return Pair("results", "read", request, legacy, other, "trace", at, rules=HIDING)


class Kept:
    """A writer on a store in memory, with the two steps as one."""

    def __init__(self, store=None, custody=None):
        self.store = store or Memory(Memory.Options())
        self.custody = custody or SqliteCustody(None)
        self.writer = Writer(self.store, self.custody)

    async def standing(self, made, basis=BASIS):
        return self.writer.standing(made, basis) or await self.writer.first_standing(made, basis)

    async def exchange(self, made, basis=BASIS):
        self.writer.keep(compare(made), await self.standing(made, basis))

    async def evidence(self):
        await self.writer.close()
        return self.store.read("results").evidence


async def test_polling_buys_no_confidence():
    kept = Kept()
    for number in range(50):
        await kept.exchange(pair(at=number))
        await kept.exchange(pair(f"P-{number % 5}", at=number))
    [row] = await kept.evidence()
    assert (row.stratum, row.outcome, row.count, row.effective) == (READ, Outcome.MATCH, 100, 5)
    await kept.exchange(pair(at=HOUR))
    [row] = await kept.evidence()
    assert (row.count, row.effective, row.first, row.last) == (101, 6, 0.0, HOUR)


async def test_a_match_does_not_take_the_place_of_a_mismatch_that_is_asked_again():
    kept = Kept()
    differing = pair(modern=b"[]")
    standing = await kept.standing(differing)
    await kept.exchange(pair())
    kept.writer.keep(compare(differing), standing)
    rows = {row.outcome: (row.count, row.effective) for row in await kept.evidence()}
    assert rows == {Outcome.MATCH: (1, 0), Outcome.MISMATCH: (1, 1)}


@pytest.mark.parametrize(("bad", "outcome"), [
    ({"modern": b"[]"}, Outcome.MISMATCH), ({"failure": "reset"}, Outcome.CANDIDATE_ERROR),
])
async def test_what_goes_wrong_when_a_subject_is_asked_about_again_counts_once(bad, outcome):
    kept = Kept()
    for patient in ("P-1", "P-2"):
        await kept.exchange(pair(patient))
        for _ in range(3):
            await kept.exchange(pair(patient, **bad))
    rows = {row.outcome: (row.count, row.effective) for row in await kept.evidence()}
    assert rows == {Outcome.MATCH: (2, 2), outcome: (6, 2)}


async def test_the_mismatch_of_one_worker_does_not_drown_in_the_match_of_another():
    one = Kept()
    other = Kept(one.store, one.custody)
    await one.exchange(pair())
    await one.evidence()
    await other.exchange(pair(modern=b"[]"))
    await other.exchange(pair("P-2"))
    rows = {row.outcome: (row.count, row.effective) for row in await other.evidence()}
    assert rows == {Outcome.MATCH: (2, 2), Outcome.MISMATCH: (1, 1)}


async def test_a_build_or_a_rule_that_changes_starts_anew_and_silence_does_not():
    kept = Kept()
    for builds in (("1", "7"), ("", "7"), ("1", ""), ("1", "8")):
        await kept.exchange(pair(f"P-{builds}", builds=builds))
    await kept.exchange(pair("P-2", builds=("1", "Anna Meier")))
    await kept.exchange(pair("P-3", failure="reset"))
    await kept.exchange(pair("P-4"), replace_rules(BASIS, "rules2"))
    rows = {(row.epoch, row.outcome): row.count for row in await kept.evidence()}
    assert rows == {
        (Epoch("1", "7", Setup(rules="rules1"), VERSION), Outcome.MATCH_NORMALISED): 3,
        (Epoch("1", "8", Setup(rules="rules1"), VERSION), Outcome.MATCH_NORMALISED): 2,
        (Epoch("1", "8", Setup(rules="rules1"), VERSION), Outcome.CANDIDATE_ERROR): 1,
        (Epoch("1", "8", Setup(rules="rules2"), VERSION), Outcome.MATCH): 1,
    }


async def test_a_known_difference_that_expires_starts_anew():
    kept = Kept()
    rules = Rules(known=(Known("K-1", "/a", "why", "tests", 100.0), Known("K-2", "/b", "why", "tests", 200.0)))
    for at in (99.0, 100.0, 150.0, 200.0):
        await kept.exchange(replace(pair(f"P-{at}", at=at), rules=rules))
    rows = {row.epoch.rules: row.count for row in await kept.evidence()}
    assert rows == {"rules1": 1, "rules1-1": 2, "rules1-2": 1}


def replace_rules(basis, rules):
    return basis._replace(setup=Setup(rules=rules))


def a_tally(outcome, reason=""):
    return Tally("results", "read", outcome, reason)


def asked(patient="P-1", control=None, query=""):
    return LeftOut(Request("GET", f"/patients/{patient}{query}".encode(), Headers()), control, 0.0)


async def test_what_is_left_out_before_its_epoch_is_known_or_by_the_sample_is_no_evidence():
    kept = Kept()
    shed = a_tally(Outcome.SHED, "queue_full")
    kept.writer.count(shed, asked())
    await kept.exchange(pair())
    kept.writer.count(shed)
    kept.writer.count(a_tally(Outcome.SKIPPED, "not_sampled"), asked("P-2"))
    rows = {(row.stratum.status, row.outcome): (row.count, row.effective) for row in await kept.evidence()}
    assert rows == {("2xx", Outcome.MATCH): (1, 1), ("", Outcome.SHED): (1, 0)}
    assert kept.store.read().tallies[shed] == 2
    [calendar] = [one for one in kept.store.read().calendars if one.epoch is None]
    assert sum(count for _, count in calendar.hours) == 4, "there was traffic all the same"


async def test_what_is_left_out_keeps_its_stratum_and_counts_once_for_each_subject_and_hour():
    kept = Kept()
    await kept.exchange(pair())
    for patient in ("P-1", "P-2", "P-2"):
        kept.writer.count(a_tally(Outcome.SHED, "queue_full"), asked(patient, query="?date=1"))
    kept.writer.count(a_tally(Outcome.SKIPPED, "client_gone"), asked("P-3", answer("legacy", status=404)))
    rows = {(row.stratum, row.outcome, row.reason): (row.count, row.effective) for row in await kept.evidence()}
    assert rows == {
        (READ, Outcome.MATCH, ""): (1, 1),
        (Stratum("read", "", "", "date"), Outcome.SHED, "queue_full"): (3, 2),
        (Stratum("read", "4xx", "json", ""), Outcome.SKIPPED, "client_gone"): (1, 1),
    }


async def test_what_is_left_out_takes_no_place_of_what_is_compared():
    kept = Kept()
    await kept.exchange(pair())
    kept.writer.count(a_tally(Outcome.SHED, "queue_full"), asked("P-2"))
    await kept.exchange(pair("P-2"))
    rows = {row.outcome: row.effective for row in await kept.evidence()}
    assert rows == {Outcome.MATCH: 2, Outcome.SHED: 1}


@pytest.mark.parametrize(("outcome", "reason", "kept_reason"), [
    (Outcome.TRANSIENT, "after_2s", "after_2s"), (Outcome.UNSTABLE, "noise", "noise"),
    (Outcome.NOT_COMPARABLE, "undecodable", "undecodable"), (Outcome.SHED, "comparer_slow", "comparer_slow"),
    (Outcome.MISMATCH, "reproduced_2", ""), (Outcome.CANDIDATE_ERROR, "reset", ""),
])
async def test_what_modern_had_a_hand_in_counts_once_an_hour_even_after_a_match(outcome, reason, kept_reason):
    kept = Kept()
    await kept.exchange(pair())
    for _ in range(3):
        kept.writer.keep(Comparison(a_tally(outcome, reason), "trace", 0.0), await kept.standing(pair()))
    rows = {(row.outcome, row.reason): (row.count, row.effective) for row in await kept.evidence()}
    assert rows == {(Outcome.MATCH, ""): (1, 1), (outcome, kept_reason): (3, 1)}


async def test_a_race_is_right_and_a_declared_difference_keeps_no_id_as_its_reason():
    kept = Kept()
    for patient, outcome, reason in (("P-1", Outcome.TRANSIENT, "race"), ("P-2", Outcome.KNOWN_DIFFERENCE, "K-1"),
                                     ("P-1", Outcome.TRANSIENT, "race")):
        kept.writer.keep(Comparison(a_tally(outcome, reason), "trace", 0.0), await kept.standing(pair(patient)))
    rows = {(row.outcome, row.reason): (row.count, row.effective) for row in await kept.evidence()}
    assert rows == {(Outcome.TRANSIENT, "race"): (2, 1), (Outcome.KNOWN_DIFFERENCE, ""): (1, 1)}


async def test_hours_and_sizes_are_of_everything_that_was_to_be_compared():
    kept = Kept()
    await kept.exchange(pair())
    for patient in ("P-1", "P-2"):
        await kept.exchange(pair(patient, at=HOUR))
        await kept.exchange(pair(patient, at=HOUR))
    kept.writer.count(a_tally(Outcome.SHED, "queue_full"), LeftOut(pair().request, None, 0.0, size=LARGEST))
    [standing] = {await kept.standing(pair("P-3", at=HOUR))}
    kept.writer.keep(Comparison(a_tally(Outcome.NOT_COMPARABLE, "legacy_reset"), "trace", HOUR), standing)
    [standing] = {await kept.standing(pair("P-4"))}
    kept.writer.keep(Comparison(a_tally(Outcome.NOT_COMPARABLE, "syntax"), "trace", 0.0), standing)
    await kept.writer.close()
    ledger = kept.store.read("results")
    calendars = {row.epoch is None: row.hours for row in ledger.calendars}
    assert calendars == {True: ((0, 3), (1, 5)), False: ((0, 2), (1, 2))}
    [sizes] = ledger.sizes
    assert sizes.buckets == ((2, 7, 3), (LARGEST, 1, 0)), "what could not be read proves nothing of its size"


async def test_a_store_that_fails_loses_no_hour_and_no_size():
    kept = Kept(Failing(Failing.Options()))
    for number in range(3):
        await kept.exchange(pair(f"P-{number}"))
        await kept.writer.close()
    ledger = kept.store.read("results")
    assert {row.hours for row in ledger.calendars} == {((0, 3),)}
    assert [row.buckets for row in ledger.sizes] == [((2, 3, 3),)]


async def test_criticals_are_counted_however_often_a_subject_is_asked_about():
    kept = Kept()
    found = Difference("value", "/dose", Shape("string"), Shape("string"), Severity.CRITICAL)
    made = Comparison(Tally("results", "read", Outcome.MISMATCH), "trace", 0.0, (found,))
    for comparison in (made, replace(made, reproduced=(found.signature,)),
                       settled(made, "after_2s"), settled(replace(made, differences=()), "after_2s")):
        kept.writer.keep(comparison, await kept.standing(pair()))
    rows = {row.outcome: (row.count, row.effective, row.critical, row.reproduced) for row in await kept.evidence()}
    assert rows == {Outcome.MISMATCH: (2, 1, 2, 1), Outcome.TRANSIENT: (2, 0, 1, 0)}, "and once if any is bad"


class Failing(Memory):
    """A store that fails a few times."""

    fails = 2

    def write(self, *batch, **more):
        if self.fails:
            self.fails -= 1
            raise StoreError("no")
        return super().write(*batch, **more)


async def test_a_store_that_fails_loses_no_evidence():
    kept = Kept(Failing(Failing.Options()))
    for number in range(3):
        await kept.exchange(pair(f"P-{number}", at=number))
        await kept.writer.close()
    [row] = kept.store.read("results").evidence
    assert (row.count, row.effective, row.first, row.last) == (3, 3, 0, 2)
    assert kept.writer.failures == 2


@pytest.mark.parametrize("values", [("P-MRN00123", "Anna%20Meier")])
async def test_no_value_gets_into_the_file(tmp_path, values):
    from shadow.stores.sqlite import Sqlite

    kept = Kept(Sqlite(Sqlite.Options(tmp_path / "figway.db")))
    made = pair(values[0])
    target = f"/patients/{values[0]}?name={values[1]}&{values[0]}=x".encode()
    await kept.exchange(replace(made, request=Request("GET", target, Headers())))
    await kept.evidence()
    await asyncio.to_thread(kept.store.close)
    written = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert b"name,{key}" in written or b"{key},name" in written
    for value in (*values, "MRN00123", "Meier"):
        assert value.encode() not in written


async def test_an_exchange_without_a_key_counts_and_proves_nothing():
    kept = Kept()
    kept.custody.close()
    for number in range(3):
        await kept.exchange(pair(f"P-{number}"))
    [row] = await kept.evidence()
    assert (row.count, row.effective) == (3, 0)
    assert kept.writer.keys.failures == 1
    assert kept.store.read("results").gaps == [Gap("results", Reason.UNLINKED, 3, 0.0, 0.0)]
    assert kept.writer.unwritten() == {}


async def test_a_verdict_says_what_it_misses_while_custody_fails():
    """What was right before must not stand for what comes now."""
    kept = Kept()
    for number in range(500):
        await kept.exchange(pair(f"P-{number}"))
    await kept.evidence()
    kept.custody.close()
    kept.writer.keys.heed(kept.writer.keys.look())
    for number in range(500):
        await kept.exchange(pair(f"P-{number}", modern=b"[]"))
    await kept.evidence()
    criteria = Criteria(("read",), limit=0.01, critical_limit=0.01)
    [found] = fold(kept.store.read(), {"results": criteria}).capabilities
    assert (found.evidence.answer, found.mismatching, found.lost) == (Answer.NOT_ENOUGH, 500, {})
    assert "500 since custody failed" in found.evidence.says


async def test_the_key_of_an_epoch_goes_with_its_evidence():
    kept = Kept()
    for number in range(EPOCHS + 2):
        await kept.exchange(pair(at=number, builds=("1", str(number))))
        await kept.writer.close()
    epochs = {row.epoch for row in kept.store.read("results").evidence}
    assert len(epochs) == EPOCHS
    assert kept.custody.scopes(PURPOSE).keys() == {scope("results", epoch) for epoch in epochs}


async def test_what_is_held_outlives_its_retention_with_its_key():
    kept = Kept()
    day = 24 * HOUR
    await kept.exchange(pair(builds=("", "1")))
    await kept.evidence()
    kept.custody.hold(Hold("results", 1.0, "jo", "case"))
    await kept.exchange(pair(at=400 * day, builds=("", "2")))
    assert {row.epoch.modern for row in await kept.evidence()} == {"1", "2"}
    assert len(kept.custody.scopes(PURPOSE)) == 2
    kept.custody.release("results")
    await kept.exchange(pair(at=400 * day + HOUR, builds=("", "2")))
    assert {row.epoch.modern for row in await kept.evidence()} == {"2"}
    assert kept.custody.scopes(PURPOSE).keys() == {scope("results", Epoch("", "2", Setup(rules="rules1"), VERSION))}


async def test_nothing_is_dropped_while_nobody_knows_what_is_held():
    kept = Kept()
    await kept.exchange(pair(builds=("", "1")))
    await kept.evidence()
    kept.custody.close()
    await kept.exchange(pair(at=1e9, builds=("", "2")))
    assert {row.epoch.modern for row in await kept.evidence()} == {"1", "2"}


# --- who is who ---

def bonded(made, *names):
    return replace(compare(made), bonds=tuple(Bond("Patient", name, name.upper()) for name in names))


async def crossings(kept):
    await kept.writer.close()
    return {row.kind: (row.count, row.trace_id) for row in kept.store.read("results").crossings}


async def test_what_exchanges_prove_of_identifiers_is_written_under_their_epoch():
    kept = Kept()
    for build, names in (("1", "ab"), ("2", "c")):
        made = pair(builds=("", build))
        kept.writer.keep(bonded(made, *names), await kept.standing(made))
    await kept.writer.close()
    counts = {row.epoch: row.count for row in kept.store.read("results").crossings}
    assert counts == {digest(Epoch("", build, BASIS.setup, VERSION)): count for build, count in (("1", 2), ("2", 1))}


async def test_a_store_that_fails_loses_no_pair():
    class Failing(Memory):
        failing = True

        def write(self, *batch, **more):
            if self.failing:
                raise StoreError("not now")
            return super().write(*batch, **more)

    kept = Kept(Failing(Memory.Options()))
    made = pair()
    kept.writer.keep(bonded(made, "a"), await kept.standing(made))
    assert await crossings(kept) == {}
    kept.store.failing = False
    assert await crossings(kept) == {Crossed.PAIR: (1, "trace")}


async def test_pairs_past_the_bound_are_counted_as_lost():
    kept = Kept()
    made = pair()
    standing = await kept.standing(made)
    kept.writer.keep(bonded(made, *map(str, range(BINDINGS))), standing)
    kept.writer.keep(bonded(made, "one more"), standing)
    assert kept.writer.lost == {"differences": 1}


async def test_an_hour_in_which_clients_ask_is_known_in_every_stage():
    kept = Kept()
    await kept.exchange(pair(at=9.0 * HOUR))
    for hour, stage, arm, requests in ((9, "shadow", "legacy", 5), (21, "legacy", "legacy", 5), (22, "", "modern", 0)):
        kept.writer.add(Traffic("results", "", stage, arm, requests, 0, Histogram(), hour * HOUR + 5.0))
    await kept.writer.close()
    [found] = [one.hours for one in kept.store.read("results").calendars if one.epoch is None]
    assert found == ((9, 1), (21, 0)), "what the lane alone asked shows nothing of clients"


async def test_what_a_worker_loses_in_its_first_second_is_kept_like_any_other_gap(tmp_path):
    path, began = tmp_path / "figway.db", time.time()
    with closing(Sqlite(Sqlite.Options(path))) as store:
        first = Writer(store, SqliteCustody(None))
        first.adopt(seat(path))
        first.take("results")
        first.leave()  # as if it were killed: it has not written yet
        assert all(began <= at <= time.time() for one in left(path) for at in (one.first, one.last))
        second = Writer(store, SqliteCustody(None))
        second.adopt(seat(path))
        await second.close()
        second.add(Traffic("results", "read", "shadow", "legacy", 1, 0, Histogram(), time.time()))
        await second.close()
        assert [(gap.reason, gap.exchanges) for gap in store.read().gaps] == [(Reason.UNWRITTEN, 1)]
        second.leave()
