"""The verdict as it is reported: on the epoch that goes on, with what is missing, and the same in every form."""

import io
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import pytest

from shadow.compare.comparison import VERSION, Outcome
from shadow.evidence.criteria import Accepted, Answer, Criteria, State
from shadow.evidence.epoch import Epoch, Setup, digest
from shadow.evidence.stratum import Stratum
from shadow.latency import Histogram
from shadow.ledger.rows import BARE, Crossed, Crossing, Evidence, Gap, Reason, Restart, Traffic
from shadow.renderers import markdown
from shadow.renderers.junit import to_junit
from shadow.renderers.table import show_evidence, terminal
from shadow.report.verdict import Rest, span, verdict
from shadow.report.wording import mend, told

OLD, NEW = Epoch("1", "7", Setup(rules="r"), "2"), Epoch("1", "8", Setup(rules="r"), "2")
READ = Stratum("read", "2xx", "Patient", "")
SEARCH = Stratum("search", "2xx", "Bundle", "date")
BOTH = Criteria(("read", "search"), ("write",), critical_limit=0.001)
HOUR = 3600.0


def row(stratum=READ, outcome=Outcome.MATCH, effective=5_000, epoch=NEW, count=None, critical=0, first=0.0, last=HOUR):
    """Effective exchanges that all came in the last hour, of those that are told."""
    return Evidence("results", epoch, stratum, outcome, effective if count is None else count, effective, critical, 0,
                    first, last, ((int(last // HOUR), effective),) if effective else ())


def table(found):
    file = io.StringIO()
    show_evidence(found, terminal(file))
    return file.getvalue()


def test_safe_with_everything_seen():
    found = verdict([row(), row(SEARCH, effective=500), row(count=400, effective=0)], BOTH)
    assert found.answer is Answer.SAFE
    assert found.says.startswith("SAFE for reads. Writes, trailers and 1 operation (write) are not judged. ")
    assert found.says.endswith(". 0 of 5,500 effective exchanges differ: below 0.1% at 95% confidence")
    assert (found.wanted, found.unseen, found.unmirrored, found.effective) == ((), (), ("write",), 5_500)
    assert (found.epoch.modern, found.epoch.exchanges, found.history) == ("8", 5_900, ())


def test_every_line_of_a_verdict_fits_a_terminal_of_80_columns():
    found = verdict([row(), row(SEARCH, effective=500)], BOTH)
    file = io.StringIO()
    console = terminal(file)
    console.width = 80
    show_evidence(found, console, ["legacy was asked by its clients alone, `so` " + "some words follow here " * 8])
    lines = file.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    assert "  note: legacy was asked by its clients alone, so some" in file.getvalue()


def test_what_was_swept_is_evidence_and_the_first_line_says_so():
    found = verdict([replace(row(), swept=5_000, hours=()), row(SEARCH, effective=500)], BOTH)
    assert (found.answer, found.effective, found.swept, found.per_hour) == (Answer.SAFE, 5_500, 5_000, 500)
    assert "5,000 of 5,500 effective exchanges were swept, which shows nothing of clients and hours. " in found.says


def test_the_verdict_is_on_the_epoch_that_goes_on_alone():
    found = verdict([
        row(outcome=Outcome.MISMATCH, epoch=OLD, critical=9, last=HOUR), row(last=2 * HOUR),
        row(SEARCH, last=2 * HOUR, effective=10),
    ], BOTH)
    assert found.answer is Answer.NOT_ENOUGH
    assert [one.modern for one in found.history] == ["7"]
    assert {gate.name for gate in found.gates if gate.state is not State.PASS} == {"coverage"}
    # 90 more, at ten in two hours.
    assert found.wanted == ("≈ 90 more of `search`, ≈ 18 h at today's rate",)


@pytest.mark.parametrize(("old", "new", "answer", "modern"), [
    # Two builds are at work in turn: what the one proves does not excuse the other, whichever was seen last.
    ((0.0, 3_000.0), (1_000.0, 2_999.0), Answer.NOT_SAFE, "8"),
    ((0.0, 2_999.0), (1_000.0, 3_000.0), Answer.NOT_SAFE, "8"),
    # One came after the other, but for what was under way then.
    ((1_000.0, 2_000.0), (0.0, 1_030.0), Answer.SAFE, "7"),
    # The worse one is gone again: for more than ten minutes, and ten times as long as it ever was.
    ((0.0, 9_000.0), (5_500.0, 8_399.0), Answer.SAFE, "7"), ((0.0, 9_000.0), (5_500.0, 8_401.0), Answer.NOT_SAFE, "8"),
    ((0.0, 9_000.0), (1_000.0, 7_600.0), Answer.SAFE, "7"), ((0.0, 9_000.0), (1_000.0, 7_700.0), Answer.NOT_SAFE, "8"),
])
def test_a_verdict_is_on_the_worse_of_two_epochs_that_go_on_side_by_side(old, new, answer, modern):
    rows = [row(epoch=OLD, first=old[0], last=old[1]), row(SEARCH, epoch=OLD, first=old[0], last=old[1]),
            row(outcome=Outcome.MISMATCH, effective=50, critical=9, first=new[0], last=new[1])]
    found = verdict(rows, BOTH)
    assert (found.answer, found.epoch.modern, len(found.history)) == (answer, modern, 1)


@pytest.mark.parametrize("epoch", [
    Epoch("1", "8", Setup(rules="stricter"), "0"), Epoch("1", "8", Setup(rules="laxer"), VERSION),
])
def test_what_other_rules_or_another_comparator_found_is_not_safe_now(epoch):
    rows = [row(epoch=epoch), row(SEARCH, effective=500, epoch=epoch)]
    assert verdict(rows, BOTH).answer is Answer.SAFE, "nobody says what the rules are now"
    found = verdict(rows, replace(BOTH, setup=Setup(rules="stricter")))
    assert found.answer is Answer.NOT_ENOUGH
    assert found.says == ("NOT ENOUGH EVIDENCE: nothing was compared since the arms, the rules or the comparator "
                          "changed. Writes, trailers and 1 operation (write) are not judged")
    assert (found.epoch, found.effective, [one.effective for one in found.history]) == (None, 0, [5_500])
    assert found.unseen == ("read", "search")
    assert "no evidence yet; 5,500 effective exchanges on 1 earlier one" in table(found)
    assert "Before: 5,500 exchanges" in markdown.evidence(found)


def test_what_other_arms_were_found_to_say_is_not_safe_now():
    epoch = Epoch("1", "8", Setup("here", rules="r"), VERSION, expired=1)
    rows = [row(epoch=epoch), row(SEARCH, epoch=epoch)]
    found = verdict(rows, replace(BOTH, setup=Setup("here", rules="r")))
    assert (found.answer, found.epoch.arms, found.epoch.rules) == (Answer.SAFE, "here", "r-1")
    assert found.is_on(epoch)
    assert "arms here, rules r-1, comparator" in table(found)
    assert "arms here, rules r-1, comparator" in markdown.evidence(found)
    assert verdict(rows, replace(BOTH, setup=Setup("there", rules="r"))).answer is Answer.NOT_ENOUGH


def test_who_does_not_know_where_the_arms_are_is_told_of_those_of_the_file():
    epoch = Epoch("1", "8", Setup("arms", "here", rules="r"), VERSION, expired=1)
    rows = [row(epoch=epoch), row(SEARCH, epoch=epoch)]
    assert verdict(rows, replace(BOTH, setup=Setup("arms", rules="r"))).answer is Answer.SAFE
    assert verdict(rows, replace(BOTH, setup=Setup("arms", "here", rules="r"))).answer is Answer.SAFE
    assert verdict(rows, replace(BOTH, setup=Setup("arms", "there", rules="r"))).answer is Answer.NOT_ENOUGH
    assert verdict(rows, replace(BOTH, setup=Setup("others", rules="r"))).answer is Answer.NOT_ENOUGH


def test_an_epoch_of_which_known_differences_have_expired_is_of_the_same_rules():
    epoch = Epoch("1", "8", Setup(rules="r"), VERSION, expired=1)
    rows = [row(epoch=epoch), row(SEARCH, epoch=epoch)]
    assert verdict(rows, replace(BOTH, setup=Setup(rules="r"))).answer is Answer.SAFE


@pytest.mark.parametrize(("legacy", "modern", "arms"), [
    ("", "", "legacy and modern"), ("1", "", "modern"), ("", "8", "legacy"), ("1", "8", ""),
])
def test_a_build_that_is_not_reported_is_noted(legacy, modern, arms):
    found = verdict([row(epoch=Epoch(legacy, modern, Setup(rules="r"), "2"))], BOTH)
    for shown in (table(found), markdown.evidence(found)):
        assert (f"no build is reported by {arms}" in shown) == bool(arms)
        assert ("so a new build does not start new evidence" in shown) == bool(arms)


def test_the_rules_of_now_count_on_as_they_did():
    now = Epoch("1", "8", Setup(rules="stricter"), VERSION)
    rows = [row(epoch=now, last=2 * HOUR), row(SEARCH, effective=500, epoch=now), row(epoch=OLD)]
    assert verdict(rows, replace(BOTH, setup=Setup(rules="stricter"))).answer is Answer.SAFE


def test_what_is_missing_is_told_with_the_time_that_it_takes():
    found = verdict([row(effective=1_000, last=4 * HOUR)], BOTH)
    assert found.wanted == ("≈ 3,356 more effective exchanges, ≈ 13 h at today's rate",
                            "≈ 100 more of `search`, not seen yet")
    assert found.unseen == ("search",)
    assert verdict([], BOTH).wanted[0] == "≈ 4,356 more effective exchanges, not seen yet"
    assert verdict([], BOTH).epoch is None


def test_the_rate_is_that_of_the_last_day():
    """A busy week, and a quiet day after it: 3,356 more take as long as they take today."""
    hours = tuple((hour, 1) for hour in range(168 - 23, 169))
    seen = replace(row(effective=1_000, last=168.5 * HOUR), hours=hours)
    alone = Criteria(("read",), critical_limit=0.001)
    found = verdict([seen], alone)
    assert found.per_hour == pytest.approx(24 / 23.5)
    assert found.wanted == ("≈ 3,356 more effective exchanges, ≈ 137 days at today's rate",)
    gone = replace(seen, hours=((100, 5),), last=100.5 * HOUR)
    [wanted] = verdict([gone, row(count=1, effective=0, last=168.5 * HOUR)], alone).wanted
    assert wanted == "≈ 3,356 more effective exchanges, not seen today"


def test_a_few_minutes_do_not_make_a_rate():
    assert verdict([row(effective=60, last=60.0)], BOTH).per_hour == 60


def test_what_was_left_out_is_counted_and_makes_no_stratum():
    shed = row(Stratum("read", "", "", ""), Outcome.SHED, effective=0, count=3_000)
    found = verdict([row(), row(SEARCH), shed], BOTH)
    assert [(gate.name, gate.value) for gate in found.gates if gate.state is State.MISSING] == [
        ("excluded", 3_000 / 13_000)]
    assert {one.status for one in found.coverage} == {"", "2xx"}


def test_a_known_difference_is_no_mismatch_and_an_unstable_one_no_evidence():
    found = verdict([row(outcome=Outcome.KNOWN_DIFFERENCE), row(SEARCH),
                    row(outcome=Outcome.UNSTABLE, effective=0, count=30)], BOTH)
    assert found.answer is Answer.SAFE
    assert found.gates[0].says.startswith("0 of 10,000")


def test_a_stratum_that_is_left_out_does_not_drown_in_the_total():
    left_out = row(SEARCH, Outcome.UNSTABLE, effective=0, count=200)
    found = verdict([row(), row(SEARCH, effective=300), left_out], BOTH)
    assert found.answer is Answer.NOT_ENOUGH
    [gate] = [gate for gate in found.gates if gate.state is not State.PASS]
    assert (gate.name, gate.state) == ("excluded", State.MISSING)
    assert gate.says.endswith("in each stratum too: in search 2xx Bundle ?date it is 200 of 500")
    assert found.wanted == ("200 exchanges left out after modern had answered (200 unstable) must be explained: by a "
                            "rule, or by a reason that is signed under `gate.accept`",)
    few = row(SEARCH, Outcome.UNSTABLE, effective=0, count=20)
    assert verdict([row(), row(SEARCH, effective=300), few], BOTH).answer is Answer.SAFE, "that may be chance"


def test_what_could_not_be_read_shows_nothing_of_critical_differences_even_if_it_is_signed_for():
    accept = Accepted("syntax", 0.5, "t", "known to be odd", 10 * HOUR)
    rows = [row(effective=700), row(SEARCH, effective=300),
            replace(row(outcome=Outcome.NOT_COMPARABLE, effective=900), reason="syntax")]
    lax = replace(BOTH, limit=0.01, critical_limit=0.003, accepted=(accept,))
    gates = {gate.name: gate for gate in verdict(rows, lax).gates}
    assert gates["mismatches"].state is State.PASS
    assert gates["criticals"].state is State.MISSING
    assert "below 0.436%" in gates["criticals"].says, "of 1,000 exchanges, not of 1,900"


def test_a_critical_difference_that_is_open_says_what_would_close_it():
    found = verdict([row(effective=50_000), row(SEARCH), row(SEARCH, Outcome.MISMATCH, 1, critical=1)], BOTH)
    assert found.answer is Answer.NOT_ENOUGH
    assert found.wanted == ("1 critical difference must be reproduced, or explained by a rule or a new build",)
    assert "1 exchange with a critical difference, reproduced in 0 of them, and seen once in its " in found.says


@pytest.mark.parametrize(("rows", "answer"), [
    ([row(), row(SEARCH)], Answer.SAFE),
    ([row(), row(SEARCH, Outcome.MISMATCH, 400, critical=400)], Answer.NOT_SAFE),
    ([row(effective=30)], Answer.NOT_ENOUGH),
    ([], Answer.NOT_ENOUGH),
])
def test_every_form_has_the_same_numbers(rows, answer):
    found = verdict(rows, BOTH)
    assert found.answer is answer
    text, shown = markdown.evidence(found), table(found)
    suite = ElementTree.fromstring(to_junit("results", found))
    cases = {case.get("name"): [(part.tag, part.get("message", part.text)) for part in case]
             for case in suite.iter("testcase")}
    tags = {State.PASS: "system-out", State.FAIL: "failure", State.MISSING: "error"}
    assert found.says in text
    assert suite.find("properties/property").get("value") == found.says
    for gate in found.gates:
        assert gate.says in text
        assert gate.says in shown
        assert cases[gate.name] == [(tags[gate.state], told(gate))]
    for line in found.wanted:
        assert line in text
        assert line in shown
    assert (int(suite.get("failures")) > 0) == (answer is Answer.NOT_SAFE)
    assert (int(suite.get("failures")) + int(suite.get("errors")) == 0) == (answer is Answer.SAFE)


@pytest.mark.parametrize(("hours", "told"), [(0.001, "1 min"), (0.5, "30 min"), (3.2, "3 h"), (240, "10 days")])
def test_times_for_people(hours, told):
    assert span(hours) == told


# --- who is who ---

def crossing(kind, count=1, epoch=NEW, name="Patient", at=5.0):
    return Crossing("results", digest(epoch), name, kind, count, at, at + 1, f"trace-{at:g}")


def test_exchanges_that_contradict_each_other_are_not_safe():
    every = [row(), row(SEARCH)]
    pairs = [crossing(Crossed.PAIR, 40), crossing(Crossed.OVERFLOW, 2)]
    assert verdict(every, BOTH, pairs).answer is Answer.SAFE
    found = verdict(every, BOTH, [*pairs, crossing(Crossed.SPLIT, 2), crossing(Crossed.MERGED, 1, at=9.0)])
    assert (found.answer, {one.name: one.state for one in found.gates}["criticals"]) == (Answer.NOT_SAFE, State.FAIL)
    assert "exchanges contradicted each other 3 times about who is who" in found.says
    [known] = found.identities
    assert (known.learnt, known.overflow, known.split, known.merged) == (40, 2, 2, 1)
    assert (known.first_seen, known.last_seen, known.trace_id) == (5.0, 10.0, "trace-9")


def test_what_another_epoch_knew_of_identifiers_is_not_held_against_this_one():
    found = verdict([row(), row(SEARCH), row(epoch=OLD, last=1.0)], BOTH, [crossing(Crossed.SPLIT, epoch=OLD)])
    assert (found.answer, found.identities) == (Answer.SAFE, ())


def test_identifiers_are_told_by_class_in_every_form():
    criteria = Criteria(("read", "search"), seeded=(("Order", 7), ("Patient", 0)))
    found = verdict([row(), row(SEARCH)], criteria, [crossing(Crossed.PAIR, 1_000), crossing(Crossed.MERGED)])
    order, patient = "Order: 7 pairs seeded, 0 learnt", (
        "Patient: 0 pairs seeded, 1,000 learnt; exchanges certainly contradict each other: "
        "one legacy identifier is two in modern 0 times, two are one in modern 1 time")
    for text in (table(found), markdown.evidence(found)):
        assert order in text
        assert patient in text


@pytest.mark.parametrize(("wrong", "answer"), [(3, Answer.NOT_ENOUGH), (1, Answer.SAFE)])
def test_what_clients_met_does_not_drown_in_what_was_swept(wrong, answer):
    """Of 2,000 that clients asked, more than 0.1 % were wrong; 60,000 that were swept were right."""
    rows = [replace(row(effective=62_000 - wrong), swept=60_000), row(SEARCH, effective=500),
            row(outcome=Outcome.MISMATCH, effective=wrong)]
    found = verdict(rows, BOTH)
    assert found.answer is answer
    assert (found.wanted == ()) is (answer is Answer.SAFE)
    assert ("of those that clients asked, 3 of 2,500 were" in found.says) is (answer is Answer.NOT_ENOUGH)


def spread(epoch, count, first, last, outcome=Outcome.MATCH):
    return row(effective=count, epoch=epoch, first=first, last=last, outcome=outcome)


def test_a_build_that_few_requests_reach_goes_on_beside_the_other():
    """It is seen every eleven minutes; the verdict must not change in the tenth minute after each of them."""
    rows = [spread(NEW, 20_000, 0.0, 16 * HOUR), spread(OLD, 88, 660.0, 16 * HOUR - 650.0, Outcome.MISMATCH)]
    found = verdict([*rows, row(SEARCH, effective=500, last=16 * HOUR)], BOTH)
    assert (found.answer, found.epoch.modern) == (Answer.NOT_SAFE, "7")


@pytest.mark.parametrize("old", [spread(OLD, 3_000, 0.0, 8 * HOUR, Outcome.MISMATCH),
                                 spread(OLD, 300, 9 * HOUR, 9 * HOUR + 300, Outcome.MISMATCH)])
def test_a_build_that_was_replaced_or_rolled_back_is_history(old):
    now = [spread(NEW, 20_000, 8 * HOUR, 16 * HOUR), row(SEARCH, effective=500, first=8 * HOUR, last=16 * HOUR)]
    assert verdict([old, *now], BOTH).answer is Answer.SAFE


@pytest.mark.parametrize("first", [0.0, 30 * HOUR])
def test_a_clock_that_was_ahead_for_a_moment_makes_no_build_the_latest(first):
    ahead = spread(OLD, 20_000, first, 30 * HOUR)
    rows = [ahead, spread(NEW, 500, 5 * HOUR, 6 * HOUR, Outcome.MISMATCH), row(SEARCH, effective=500, last=6 * HOUR)]
    found = verdict(rows, BOTH, now=6 * HOUR + 60)
    assert (found.answer, found.epoch.modern) == (Answer.NOT_SAFE, "8")


def test_what_rests_on_a_known_difference_is_history_once_that_has_expired():
    """Though nothing was compared since."""
    setup = Setup(rules="r")
    rows = [replace(one, epoch=Epoch("1", "8", setup, VERSION)) for one in (row(), row(SEARCH, effective=500))]
    criteria = replace(BOTH, setup=setup, expiries=(2 * HOUR, 9 * HOUR))
    assert verdict(rows, criteria, now=2 * HOUR - 1).answer is Answer.SAFE
    found = verdict(rows, criteria, now=2 * HOUR)
    assert (found.answer, found.epoch) == (Answer.NOT_ENOUGH, None)
    assert "nothing was compared since the arms, the rules or the comparator changed" in found.says
    again = [replace(one, epoch=one.epoch._replace(expired=1), last=2 * HOUR + 9) for one in rows]
    assert verdict([*rows, *again], criteria, now=3 * HOUR).answer is Answer.SAFE


def test_evidence_of_before_a_restart_is_history_and_the_restart_stands_beside_it():
    bad = row(outcome=Outcome.MISMATCH, critical=9)
    restarts = [Restart("results", 1, 60.0, "anna", "first try"),
                Restart("results", 2, 2 * HOUR, "ben", "mended | now")]
    waiting = verdict([bad], BOTH, rest=Rest(restarts=restarts))
    assert (waiting.answer, waiting.epoch, len(waiting.history)) == (Answer.NOT_ENOUGH, None, 1)
    assert waiting.cause == "nothing was compared since ben began evidence anew at 1970-01-01 02:00:00Z (mended | now)"
    assert waiting.says.startswith(f"NOT ENOUGH EVIDENCE: {waiting.cause}")
    # Late exchanges of the epoch before do not bring it back, although they were seen last.
    anew = NEW._replace(restarts=2)
    found = verdict([row(outcome=Outcome.MISMATCH, critical=9, last=4 * HOUR),
                     row(effective=9_000, epoch=anew, last=3 * HOUR),
                     row(SEARCH, effective=500, epoch=anew, last=3 * HOUR)], BOTH, rest=Rest(restarts=restarts))
    assert (found.answer, found.effective, found.epoch.restarts) == (Answer.SAFE, 9_500, 2)
    assert (found.is_on(anew), found.is_on(NEW), len(found.history)) == (True, False, 1)
    assert [(one.number, one.who, one.reason) for one in found.restarts] == [
        (2, "ben", "mended | now"), (1, "anna", "first try")]
    assert "evidence was begun anew on 1970-01-01 02:00:00Z by ben: mended | now" in table(found)
    assert "Evidence was begun anew on 1970-01-01 02:00:00Z by ben: mended \\| now." in markdown.evidence(found)


def test_changed_rules_are_said_to_be_the_cause_where_no_restart_is():
    restarts = [Restart("results", 1, 60.0, "anna", "mended")]
    found = verdict([row(epoch=NEW._replace(restarts=1))], replace(BOTH, setup=Setup(rules="other")),
                    rest=Rest(restarts=restarts))
    assert "since the arms, the rules or the comparator changed" in found.says


def killed(last, exchanges=241):
    return Gap("results", Reason.KILLED, exchanges, last - 1.0, last)


@pytest.mark.parametrize(("before", "restarts", "last", "lost"), [
    ((), (), 5.0, 241),
    ((row(epoch=OLD, first=0.0, last=50.0),), (), 60.0, 241),
    ((row(epoch=OLD, first=0.0, last=50.0),), (), 50.0, 0),
    ((row(epoch=OLD, first=0.0, last=50.0),), (Restart("results", 1, 70.0, "anna", "mended"),), 60.0, 0),
    ((row(epoch=OLD, first=0.0, last=50.0),), (Restart("results", 1, 55.0, "anna", "mended"),), 60.0, 241),
    ((row(epoch=OLD, first=0.0, last=4 * HOUR),), (), 60.0, 0),
    ((row(epoch=OLD, first=0.0, last=4 * HOUR),), (), 3 * HOUR, 241),
], ids=["no epoch before", "after the epoch before", "in the epoch before", "before the restart", "after the restart",
        "before two that overlap", "while two overlap"])
def test_what_was_lost_before_the_first_written_exchange_counts_against_the_epoch_that_it_may_be_of(
        before, restarts, last, lost):
    epoch = NEW._replace(restarts=len(restarts))
    rows = [row(epoch=epoch, first=100.0, last=5 * HOUR), row(SEARCH, epoch=epoch, first=100.0, last=5 * HOUR)]
    found = verdict([*before, *rows], BOTH, gaps=[killed(last)], rest=Rest(restarts=restarts))
    assert found.epoch.modern == NEW.modern
    assert sum(one.exchanges for one in found.gaps) == lost
    assert ("241 exchanges are missing" in found.says) is bool(lost)


def test_an_epoch_of_which_most_was_lost_is_not_safe_by_the_rest():
    found = verdict([row(first=100.0), row(SEARCH, first=100.0)], BOTH, gaps=[killed(90.0, 90_000)])
    assert found.answer is Answer.NOT_ENOUGH
    assert "90,000 of 10" in next(gate.says for gate in found.gates if gate.name == "excluded"), found.says


def test_where_legacy_failed_nothing_is_right_and_what_is_wrong_in_the_rest_does_not_drown():
    broke = row(Stratum("read", "", "", ""), Outcome.NOT_COMPARABLE, 1_150)
    rows = [row(effective=117), row(outcome=Outcome.MISMATCH, effective=3), replace(broke, reason="legacy_5xx")]
    lax = replace(BOTH, operations=("read",), limit=0.01, critical_limit=0.01)
    found = verdict(rows, lax)
    assert (found.answer, found.effective) == (Answer.NOT_ENOUGH, 120)
    gates = {gate.name: gate for gate in found.gates}
    assert (gates["excluded"].state, gates["mismatches"].state) == (State.MISSING, State.MISSING)
    assert gates["excluded"].says.startswith("1,150 of 1,270 eligible exchanges were left out")


def bare(at, count=450):
    seconds = Histogram()
    for _ in range(count):
        seconds.add(0.0)
    return Traffic("results", "read", "", BARE, 0, 0, seconds, at)


def test_credentials_that_mirrors_did_not_carry_are_said_not_to_be_judged():
    rows = [row(first=10.0), row(SEARCH, first=10.0)]
    found = verdict(rows, BOTH, rest=Rest(bare=[bare(20.0)]))
    says = ("Credentials are not judged: 450 mirrors carried none of the client's; to judge them, write "
            "`credentials: pass` under `capabilities.results.shadow`, if modern may have them")
    assert found.answer is Answer.SAFE
    assert found.uncovered.endswith(f"are not judged. {says}")
    assert found.says.startswith(f"SAFE for reads. {found.uncovered}. ")
    waiting = verdict([row(effective=9, first=10.0)], BOTH, rest=Rest(bare=[bare(20.0)]))
    assert says.partition("; ")[0] in waiting.says, "whatever the answer is"
    for none in (Rest(), Rest(bare=[bare(9.0)])):
        assert "redential" not in verdict(rows, BOTH, rest=none).says, "mirrors have carried them since"


def test_one_exchange_is_told_as_one():
    found = verdict([row(outcome=Outcome.TRANSIENT, effective=1)], BOTH)
    assert "1 of 1 effective exchange was wrong on first answer" in table(found)
    found = verdict([row(outcome=Outcome.MISMATCH, effective=1)], BOTH)
    assert "1 of 1 effective exchange differs" in table(found)


def test_a_tiny_rate_is_told_as_no_way():
    assert mend("it", 4_356, 0.1) == ("mend it; then about 4,356 exchanges without a bad one, more than a year at "
                                      "today's rate")
    [wanted, *_] = verdict([replace(row(effective=2, last=30 * HOUR), hours=((29, 1),))], BOTH).wanted
    assert wanted.endswith("more effective exchanges, more than a year at today's rate")
