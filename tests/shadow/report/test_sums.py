"""What exchanges count as in the verdict: two rates on one denominator, and what persons declare or sign."""

from dataclasses import replace

import pytest

from gateway import plugins
from gateway.config.rules import read_rules
from shadow.compare.comparison import VERSION, Outcome, Tally
from shadow.evidence.criteria import Accepted, Answer, Criteria, Hours, Lag, State
from shadow.evidence.epoch import Epoch, Setup
from shadow.evidence.noise import Noise
from shadow.evidence.stratum import Stratum
from shadow.ledger.rows import (
    START,
    Attempt,
    Calendar,
    Course,
    Declared,
    Evidence,
    Ledger,
    Member,
    Point,
    Sizes,
)
from shadow.report.report import fold
from shadow.report.verdict import Rest, verdict

NEW = Epoch("1", "8", Setup(rules="r"), VERSION)
OLD = Epoch("1", "7", Setup(rules="r"), VERSION)
READ = Stratum("read", "2xx", "Patient", "")
ONE = Criteria(("read",), critical_limit=0.001)
DAY = 86_400.0
NOW = 5 * DAY


def row(outcome=Outcome.MATCH, effective=9_000, reason="", stratum=READ, epoch=NEW, critical=0, first=0.0, last=NOW,
        count=None):
    return Evidence("results", epoch, stratum, outcome, effective if count is None else count, effective, critical, 0,
                    first, last, (), reason)


def state(found, name):
    return next(one.state for one in found.gates if one.name == name)


def test_a_wrong_first_answer_is_wrong_even_if_it_settles():
    found = verdict([row(), row(Outcome.TRANSIENT, 90, "after_2s")], ONE)
    assert found.answer is Answer.NOT_SAFE
    assert [one.name for one in found.gates if one.state is State.FAIL] == ["first answers", "strata"]
    assert state(found, "mismatches") is State.PASS


def test_polls_beside_it_do_not_dilute_it():
    many = row(Outcome.MATCH, 9_000, count=1_000_000)
    found = verdict([many, row(Outcome.TRANSIENT, 90, "after_2s", count=90)], ONE)
    assert found.answer is Answer.NOT_SAFE


def test_a_race_is_right():
    assert verdict([row(), row(Outcome.TRANSIENT, 900, "race", critical=9)], ONE).answer is Answer.SAFE


def test_where_legacy_disagrees_with_itself_nothing_is_safe_and_nothing_is_shown_to_be_wrong():
    rows = [row(), row(Outcome.UNSTABLE, 900, "noise"), row(Outcome.UNSTABLE, 90)]
    late = Rest(courses=[course(Point(0), Point(9_000), Point(9_990, after=(("", 90), ("noise", 900))))])
    for rest in (None, late):
        found = verdict(rows, ONE, rest=rest)
        assert (found.answer, state(found, "mismatches")) == (Answer.NOT_ENOUGH, State.MISSING)
        assert found.action.startswith("990 exchanges left out after modern had answered (900 noise, 90 unstable) must")
    signed = tuple(Accepted(reason, 0.2, "Ada", "known", 2 * NOW) for reason in ("noise", "unstable"))
    assert verdict(rows, replace(ONE, accepted=signed), rest=late).answer is Answer.SAFE


@pytest.mark.parametrize(("outcome", "reason"), [
    (Outcome.NOT_COMPARABLE, "syntax"), (Outcome.SHED, "comparer_slow"),
])
def test_what_is_left_out_after_modern_has_answered_is_wrong_unless_a_person_signs(outcome, reason):
    rows = [row(), row(outcome, 90, reason)]
    assert state(verdict(rows, ONE), "mismatches") is State.FAIL
    signed = Accepted(reason, 0.02, "Ada", "known", 2 * NOW)
    found = verdict(rows, replace(ONE, accepted=(signed,)))
    assert found.answer is Answer.SAFE
    assert f"Accepted by Ada: {reason} in up to 2% of exchanges" in found.says
    # What is above the share that was signed counts, and so does all of it once the signature is over.
    assert verdict([row(), row(outcome, 900, reason)], replace(ONE, accepted=(signed,))).answer is Answer.NOT_SAFE
    assert verdict(rows, replace(ONE, accepted=(signed._replace(expires=NOW - 1),))).answer is Answer.NOT_SAFE
    assert verdict(rows, replace(ONE, accepted=(signed._replace(reason="other"),))).answer is Answer.NOT_SAFE


def test_a_lag_that_is_declared_is_right_up_to_its_share():
    rows = [row(), row(Outcome.TRANSIENT, 90, "after_2s", critical=3)]
    lag = Lag("read", 5.0, 0.02, "Ada", "replication", 2 * NOW)
    found = verdict(rows, replace(ONE, lags=(lag,)))
    assert (found.answer, "`read` lags up to 5 s in up to 2% of exchanges" in found.says) == (Answer.SAFE, True)
    for other in (lag._replace(within=1.0), lag._replace(max_rate=0.001), lag._replace(operation="other"),
                  lag._replace(expires=1.0)):
        assert verdict(rows, replace(ONE, lags=(other,))).answer is Answer.NOT_SAFE


def test_a_critical_difference_that_settled_blocks_until_it_is_declared():
    rows = [row(), row(Outcome.TRANSIENT, 1, "after_2s", critical=1)]
    found = verdict(rows, ONE)
    assert (found.answer, state(found, "criticals")) == (Answer.NOT_ENOUGH, State.MISSING)
    assert found.action == "mend what is critical on first answer, or declare the lag of its operation as `expect_lag`"
    lag = Lag("read", 5.0, 0.02, "Ada", "replication", 2 * NOW)
    assert verdict(rows, replace(ONE, lags=(lag,))).answer is Answer.SAFE


def test_what_is_left_out_before_modern_answers_is_bounded_in_all_and_for_each_kind():
    search = Stratum("read", "2xx", "Bundle", "date")
    shed = row(Outcome.SHED, 60, "queue_full", Stratum("read", "", "", "date"))
    found = verdict([row(), row(effective=60, stratum=search), shed], ONE)
    assert state(found, "excluded") is State.MISSING
    assert "it is 60 of 120" in next(one.says for one in found.gates if one.name == "excluded")
    assert state(verdict([row(), row(effective=5_000, stratum=search), shed], ONE), "excluded") is State.PASS
    assert state(verdict([row(), replace(shed, count=900, effective=900)], ONE), "excluded") is State.MISSING


def test_a_proposal_that_is_accepted_as_written_does_not_blind_the_gate(tmp_path):
    """Legacy disagrees with itself in a fifth of the exchanges; then modern is always wrong there."""
    noise = Noise("results", NEW, "read", "value", "/at", 0, 30, 170, True, 0.0, NOW)
    tallies = {Tally("results", "read", Outcome.MATCH): 800, Tally("results", "read", Outcome.UNSTABLE): 200}
    [one] = fold(Ledger(tallies, evidence=[row()], noise=[noise]), {"results": ONE}).capabilities[0].noise
    assert one.says == "proposal"
    file = tmp_path / "rules.yaml"
    file.write_text(f"known_differences: [{one.rule.replace('OWNER', 'Ada')}]")
    [known] = read_rules(file, plugins.load)[0].known
    assert 0.2 < known.max_rate < 0.25
    criteria = replace(ONE, known=((known.id, known.max_rate),))
    for hidden, answer in ((1_800, Answer.SAFE), (9_000, Answer.NOT_SAFE)):
        seen = Declared("results", NEW, "read", known.id, hidden)
        assert verdict([row(Outcome.KNOWN_DIFFERENCE)], criteria, declared=[seen]).answer is answer


# --- recent evidence ---

def course(*points, stratum=None):
    return Course("results", NEW, stratum, points)


def test_a_new_defect_does_not_drown_in_old_evidence():
    rows = [row(effective=1_000_000), row(Outcome.MISMATCH, 8)]
    assert state(verdict(rows, ONE), "mismatches") is State.PASS
    late = course(Point(0), Point(1_000_000 // START * START), Point(1_000_008, wrong=8))
    found = verdict(rows, ONE, rest=Rest(courses=[late]))
    assert (found.answer, found.says.startswith("NOT SAFE: 8 of the latest 8 ")) == (Answer.NOT_SAFE, True)
    assert found.action.startswith("mend ")
    assert found.wanted == ()
    # In the course of its stratum it shows too, and another epoch's course says nothing.
    assert state(verdict(rows, ONE, rest=Rest(courses=[replace(late, stratum=READ)])), "strata") is State.FAIL
    assert verdict(rows, ONE, rest=Rest(courses=[replace(late, epoch=OLD)])).answer is Answer.SAFE


def test_a_reason_that_is_signed_is_no_defect_of_late_either():
    rows = [row(effective=1_000_000), row(Outcome.NOT_COMPARABLE, 8, "syntax")]
    late = Rest(courses=[course(Point(0), Point(1_000_000), Point(1_000_008, after=(("syntax", 8),)))])
    assert verdict(rows, ONE, rest=late).answer is Answer.NOT_SAFE
    signed = Accepted("syntax", 0.02, "Ada", "known", 2 * NOW)
    assert verdict(rows, replace(ONE, accepted=(signed,)), rest=late).answer is Answer.SAFE


# --- attempts ---

def attempt(number, effective, epoch=OLD):
    return Attempt("results", number, epoch, effective, 0.0, 1.0, True)


@pytest.mark.parametrize(("before", "attempt_now", "needs"), [
    ([], 1, 4_356), ([50], 1.05, 4_437), ([500], 1.5, 5_045), ([1_000], 2, 5_555), ([9_000], 2, 5_555),
    ([4_356, 9_000], 3, 6_301), ([10] * 50, 1.5, 5_045), ([99_999] * 9, 10, 8_655), ([99_999] * 99, 100, 13_371),
])
def test_an_attempt_makes_the_next_one_take_more_by_the_exchanges_that_it_had(before, attempt_now, needs):
    attempts = [attempt(number, effective) for number, effective in enumerate(before, 1)]
    attempts.append(attempt(len(before) + 1, 100, NEW))
    found = verdict([row(effective=100)], ONE, rest=Rest(attempts=attempts))
    assert (found.attempt, len(found.attempts)) == (attempt_now, len(before))
    assert next(one.needs for one in found.gates if one.name == "mismatches") == needs - 100


def test_a_store_that_keeps_no_attempts_has_them_in_its_epochs():
    found = verdict([row(epoch=OLD, effective=5_000, last=10.0), row(first=11.0)], ONE)
    assert (found.attempt, [(one.modern, one.spent) for one in found.attempts]) == (2, [("7", 1.0)])


# --- time and shape ---

HOURS = Hours()


def calendar(hours, epoch=NEW):
    return Calendar("results", epoch, tuple((hour, 5) for hour in hours))


# 1970-01-01 was a Thursday, so hours 48 to 95 are a weekend.
WEEK = [24 * day + hour for day in range(14) for hour in range(8, 20)]
CLINIC = [24 * day + hour for day in range(14) if (day + 3) % 7 < 5 for hour in range(8, 18)]


@pytest.mark.parametrize(("hours", "traffic", "state_of"), [
    (WEEK[:36], WEEK, State.PASS), (WEEK[:24], WEEK, State.MISSING), (WEEK[:5], WEEK[:5], State.MISSING),
    (CLINIC[:20], CLINIC, State.MISSING), (CLINIC[:30], CLINIC, State.PASS),
    # A weekend and a night of which nothing is known yet are not without clients: that takes 14 days.
    (CLINIC[:30], CLINIC[:-10], State.MISSING), (CLINIC[:50], CLINIC[:50], State.MISSING),
    # What was seen before the last 14 days has been seen too, though clients have left those hours since.
    (CLINIC[:30], [*range(-24 * 7, -24 * 3), *CLINIC[:-10]], State.PASS),
    (CLINIC[:30], WEEK, State.MISSING), ([8, 32, 56], WEEK, State.MISSING),
])
def test_exchanges_must_have_been_compared_at_the_times_at_which_clients_ask(hours, traffic, state_of):
    rest = Rest(calendars=[calendar(hours), calendar(traffic, None)])
    found = verdict([row()], replace(ONE, calendar=HOURS), rest=rest)
    assert state(found, "calendar") is state_of
    assert (found.answer is Answer.SAFE) is (state_of is State.PASS)


def test_time_counts_over_builds_where_that_is_asked_for_and_is_said():
    rest = Rest(calendars=[calendar(WEEK[:36], OLD), calendar(WEEK[36:40]), calendar(WEEK, None)])
    criteria = replace(ONE, calendar=HOURS)
    assert state(verdict([row()], criteria, rest=rest), "calendar") is State.MISSING
    found = verdict([row()], replace(criteria, across_builds=True), rest=rest)
    assert (state(found, "calendar"), "over modern's builds" in found.says) == (State.PASS, True)


def test_a_store_that_knows_no_hours_is_not_safe_where_they_are_asked_for():
    assert state(verdict([row()], replace(ONE, calendar=HOURS)), "calendar") is State.MISSING


@pytest.mark.parametrize(("buckets", "state_of"), [
    (((8, 900, 900), (20, 100, 0)), State.MISSING), (((8, 900, 900), (20, 100, 10)), State.PASS),
    (((8, 950, 950), (20, 50, 0)), State.PASS), (((8, 900, 900), (63, 100, 0)), State.MISSING),
])
def test_the_largest_tenth_of_bodies_must_have_been_compared(buckets, state_of):
    found = verdict([row()], ONE, rest=Rest(sizes=[Sizes("results", NEW, buckets)]))
    assert state(found, "sizes") is state_of


def test_a_stratum_that_clients_asked_for_lately_must_be_compared_in_this_epoch_too():
    other = Stratum("read", "4xx", "json", "")
    found = verdict([row(epoch=OLD, effective=50, stratum=other, last=10.0), row(first=11.0)], ONE)
    assert (found.answer, [one.needs for one in found.coverage if one.status == "4xx"]) == (Answer.NOT_ENOUGH, [10])
    long_ago = verdict([row(epoch=OLD, effective=50, stratum=other, last=10.0), row(first=11.0, last=40 * DAY)], ONE)
    assert long_ago.answer is Answer.SAFE


def test_a_stratum_that_is_hardly_asked_for_does_not_block_and_is_said_not_to_be_proven():
    scanner = Stratum("read", "4xx", "json", "")
    found = verdict([row(last=30 * DAY), row(effective=2, stratum=scanner)], ONE)
    assert found.answer is Answer.SAFE
    assert [(one.status, one.seen, one.needs) for one in found.coverage if one.status == "(rare)"] == [("(rare)", 2, 0)]
    assert "1 more stratum is too rare to be proven" in next(
        one.says for one in found.gates if one.name == "coverage")


def test_what_a_small_sample_saw_seldom_need_not_be_rare():
    seldom = [row(last=30 * DAY), row(effective=2, stratum=Stratum("read", "4xx", "json", ""))]
    assert verdict(seldom, replace(ONE, sample=0.5)).answer is Answer.SAFE
    found = verdict(seldom, replace(ONE, sample=0.01))
    assert (found.answer, [one.needs for one in found.coverage if one.status == "4xx"]) == (Answer.NOT_ENOUGH, [8])


def test_a_small_group_with_many_wrong_answers_does_not_drown_in_the_mean():
    rows = [row(effective=90_000), row(Outcome.MISMATCH, 9)]
    members = [Member("results", NEW, "facility", f"#{number}", 1_000, 0) for number in range(80)]
    sick = Member("results", NEW, "facility", "#sick", 30, 9)
    assert verdict(rows, ONE, rest=Rest(members=members)).answer is Answer.SAFE
    some = verdict(rows, ONE, rest=Rest(members=[*members, replace(members[0], token="#some", bad=1)]))
    assert "worst off: facility #some with 1 of 1,000" in next(one.says for one in some.gates if one.name == "groups")
    found = verdict(rows, ONE, rest=Rest(members=[*members, sick]))
    assert (found.answer, "for facility #sick: 9 of 30 effective exchanges are bad" in found.says) == (
        Answer.NOT_SAFE, True)
