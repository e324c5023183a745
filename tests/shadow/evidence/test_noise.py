"""Noise told from difference: what a bracket says of one exchange, and the paired table of many."""

import random
from dataclasses import replace
from fractions import Fraction
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.crosswalk import Crosswalk
from shadow.compare.comparison import Bond, Comparison, Drift, Outcome, Tally, compare
from shadow.compare.diff import MAX_DIFFERENCES
from shadow.compare.difference import Severity
from shadow.compare.rules import Rule, Rules
from shadow.evidence.epoch import Epoch, Setup
from shadow.evidence.noise import (
    ALARM,
    EXPIRES,
    Noise,
    added,
    bracketed,
    e_value,
    most,
    seen_again,
    settled,
    table,
    unstable,
    weighed,
    with_bonds,
)
from shadow.observation import Observation
from tests.shadow.exchanges import answer, pair

EPOCH = Epoch("1", "7", Setup(rules="rules"), "4")


def bracket(first, modern, second):
    """The judgement on legacy's first answer, modern's, and legacy's second."""
    one, candidate, other = (said if isinstance(said, Observation) else answer(arm, said)
                             for arm, said in (("legacy", first), ("modern", modern), ("legacy", second)))
    return bracketed(*(compare(pair(*two)) for two in ((one, candidate), (one, other), (other, candidate))))


def test_whoever_was_taken_for_another_neither_settles_nor_is_noise():
    rules = Rules((Rule("ids", "/patient", crosswalk="Patient"),))
    known = Crosswalk()
    known.bind("Patient", "1", "a")
    found = compare(replace(pair({"patient": "1"}, {"patient": "b"}), rules=rules), known)
    assert settled(found, "race") is unstable(found) is found


def test_a_critical_difference_that_settled_is_remembered():
    bad = compare(pair({"resourceType": "Patient", "birthDate": "1970-01-01"}, {"resourceType": "Patient"}))
    found = replace(bad, differences=tuple(replace(one, severity=Severity.CRITICAL) for one in bad.differences))
    plain = replace(bad, differences=tuple(replace(one, severity=Severity.MINOR) for one in bad.differences))
    assert [settled(one, "after_2s").was_critical for one in (found, plain)] == [True, False]
    assert (unstable(settled(found, "after_2s")).was_critical, found.was_critical) == (True, False)


def test_what_a_bracket_and_each_asking_prove_of_identifiers_is_kept_once():
    first, again = (replace(compare(pair({}, {})), bonds=tuple(Bond("Patient", *one) for one in bonds))
                    for bonds in (["1a"], ["1a", "2b"]))
    assert with_bonds(first, (again,)).bonds == (Bond("Patient", "1", "a"), Bond("Patient", "2", "b"))
    assert with_bonds(first, (first,)) is first


@pytest.mark.parametrize(("first", "modern", "second", "outcome", "reason", "paths"), [
    ({"a": 1}, {"a": 1}, {"a": 1}, Outcome.MATCH, "", []),
    ({"a": 1}, {"a": 1}, {"a": 2}, Outcome.MATCH, "", []),
    ({"a": 1}, {"a": 2}, {"a": 1}, Outcome.MISMATCH, "", ["/a"]),
    ({"a": 1}, {"a": 2}, {"a": 2}, Outcome.TRANSIENT, "race", []),
    ({"a": 1}, {"a": 2}, {"a": 3}, Outcome.UNSTABLE, "", []),
    ({"a": 1, "b": 1}, {"a": 2, "b": 2}, {"a": 3, "b": 2}, Outcome.UNSTABLE, "", []),
    # A defect beside noise stays, and alone.
    ({"at": 1, "dose": 5}, {"at": 2, "dose": 50}, {"at": 3, "dose": 5}, Outcome.MISMATCH, "", ["/dose"]),
    ({"at": 1, "b": 1}, {"at": 2, "b": 2}, {"at": 2, "b": 1}, Outcome.MISMATCH, "", ["/b"]),
    # Modern's kind of difference is not legacy's: its value drifts, but modern's is missing, or of another type.
    ({"at": 1}, {}, {"at": 2}, Outcome.MISMATCH, "", ["/at"]),
    ({"at": 1}, {"at": "2"}, {"at": 2}, Outcome.MISMATCH, "", ["/at"]),
    # Nor is what no noise does: to empty a value, or to make another sort of text of it.
    ({"at": "2024-01-01"}, {"at": ""}, {"at": "2024-01-02"}, Outcome.MISMATCH, "", ["/at"]),
    ({"at": "2024-01-01"}, {"at": "error"}, {"at": "2024-01-02"}, Outcome.MISMATCH, "", ["/at"]),
    ({"at": 1}, {"at": None}, {"at": "2"}, Outcome.MISMATCH, "", ["/at"]),
    ({"at": "a1"}, {"at": "12"}, {"at": "b2"}, Outcome.UNSTABLE, "", []),
    ({"at": 36}, {"at": 36.5}, {"at": 37}, Outcome.UNSTABLE, "", []),
    # Legacy's flaw excuses no other status than its own.
    ({}, answer("modern", {}, 404), answer("legacy", {}, 503), Outcome.MISMATCH, "", [""]),
    # Nor does it make modern's failure right.
    ({}, answer("modern", {}, 503), answer("legacy", {}, 503), Outcome.MISMATCH, "", [""]),
    ({}, answer("modern", {}, 404), answer("legacy", {}, 404), Outcome.TRANSIENT, "race", []),
    # The same path of another item is another place.
    ({"items": [{"id": 1, "v": 1}, {"id": 2, "v": 1}]}, {"items": [{"id": 1, "v": 2}, {"id": 2, "v": 9}]},
     {"items": [{"id": 1, "v": 3}, {"id": 2, "v": 1}]}, Outcome.MISMATCH, "", ["/items/1/v"]),
])
def test_a_bracket_tells_what_is_real(first, modern, second, outcome, reason, paths):
    found = bracket(first, modern, second)
    assert found.tally[2:] == (outcome, reason)
    assert [one.path for one in found.differences] == paths


def test_noise_under_one_masked_name_hides_nothing_under_another():
    first, modern, second = ({"4711": {"at": at}, "0815": {"at": dose}} for at, dose in ((1, 5), (2, 50), (3, 5)))
    sides = [answer(arm, body) for arm, body in (("legacy", first), ("modern", modern), ("legacy", second))]
    three = [compare(replace(pair(sides[one], sides[other]), key=b"k")) for one, other in ((0, 1), (0, 2), (2, 1))]
    found = bracketed(*three)
    assert [one.path for one in found.differences] == ["/{key}/at"]
    assert found.differences[0].key_token == three[2].differences[1].key_token, "it is the name that legacy agrees on"
    without = bracketed(*(compare(pair(sides[one], sides[other])) for one, other in ((0, 1), (0, 2), (2, 1))))
    assert without.tally.outcome is Outcome.MISMATCH, "without a key nobody knows which name legacy disagrees on"


def test_a_bracket_that_cannot_be_compared_changes_nothing():
    for second in (answer("legacy", failure="reset"), answer("legacy", complete=False)):
        found = bracket({"a": 1}, {"a": 2}, second)
        assert (found.tally.outcome, found.drifts) == (Outcome.MISMATCH, ())
    many = {f"a{'b' * number}": 1 for number in range(MAX_DIFFERENCES)}
    found = bracket(many, dict.fromkeys(many, 2), dict.fromkeys(many, 3))
    assert (found.tally.outcome, found.drifts) == (Outcome.MISMATCH, ()), "what was not kept may be real"
    failed = bracket({"a": 1}, answer("modern", failure="reset"), {"a": 1})
    assert failed.tally.outcome is Outcome.CANDIDATE_ERROR


def test_drifts_say_who_disagreed_and_whether_only_a_value_drifted():
    first = {"at": "10:00", "id": "x", "n": 1, "tags": ["a"], "12": "a", "gone": 1}
    modern = {"at": "10:01", "id": "y", "n": 1, "tags": ["b"], "12": "b"}
    second = {"at": "10:02", "id": "x", "n": 22, "tags": ["c"], "12": "c"}
    assert bracket(first, modern, second).drifts == (
        Drift("missing", "/gone", True, True, False),
        Drift("value", "/at", True, True, True),
        Drift("value", "/id", True, False, True),
        Drift("value", "/n", False, True, False),
        Drift("value", "/tags/*", True, True, False),
        Drift("value", "/{key}", True, True, False),
    )


def test_what_is_seen_again_each_time_is_reproduced():
    found = bracket({"a": 1, "b": 1}, {"a": 2, "b": 2}, {"a": 1, "b": 1})
    other = bracket({"a": 1, "b": 1}, {"a": 2, "b": 1}, {"a": 1, "b": 1})
    once = seen_again(found, found, 1)
    assert (once.tally.reason, len(once.reproduced)) == ("reproduced_1", 2)
    twice = seen_again(once, other, 2)
    assert (twice.tally.reason, [one.path for one in twice.reproduced]) == ("reproduced_2", ["/a"])
    assert seen_again(twice, found, 3).reproduced == twice.reproduced
    gone = settled(twice, "after_2s")
    assert (gone.tally[2:], gone.differences, gone.reproduced) == ((Outcome.TRANSIENT, "after_2s"), (), ())
    assert gone.drifts == found.drifts


@given(st.integers(0, 200), st.integers(0, 200))
def test_the_e_value_is_the_integral(modern, legacy):
    total = modern + legacy
    exact = Fraction(sum(comb(total + 1, k) for k in range(modern + 1)), (total + 1) * comb(total, modern))
    assert e_value(modern, legacy) == pytest.approx(float(exact), rel=1e-9)


def test_the_e_value_is_a_fair_bet():
    """Its mean is 1 where both are as frequent; it takes seven in a row to be beyond doubt of one path."""
    for total in (1, 10, 100, 1000):
        mean = sum(float(Fraction(comb(total, b), 2 ** total)) * e_value(b, total - b) for b in range(total + 1))
        assert mean == pytest.approx(1.0)
    assert e_value(6, 0) < ALARM < e_value(7, 0)
    assert e_value(10 ** 6, 10 ** 6) < 1 < e_value(10 ** 6, 0) < float("inf")


@pytest.mark.slow
def test_looking_daily_raises_no_false_alarm():
    """Modern is one more draw of the same noise, and is looked at after each of 1,000 exchanges, for 200 paths."""
    roll = random.Random(7)
    alarms = 0
    for _ in range(200):
        counts = [0, 0]
        for _ in range(1_000):
            counts[roll.random() < 0.5] += 1
            if e_value(*counts) >= ALARM:
                alarms += 1
                break
    assert alarms <= 10


def judged(exchanges, path="/state"):
    """The report of brackets (P1, C, P2) of one field."""
    rows = {}
    for number, (first, modern, second) in enumerate(exchanges):
        drifts = Drift("value", path, first != modern, first != second, True),
        comparison = Comparison(Tally("results", "read", Outcome.MISMATCH), "trace", float(number), drifts=drifts)
        for place, row in table([comparison], EPOCH).items():
            rows[place] = added(rows[place], row) if place in rows else row
    return weighed(rows.values(), float(len(exchanges)))


def test_a_regression_that_marginal_counts_would_hide_is_found():
    """The field flips between two states, in a third of all answers; modern says something else in one of seven.

    Marginal counts, as Diffy compares them, see modern differ from legacy hardly more often than legacy from itself:
    less than its threshold of 20 %. In pairs it is beyond doubt.
    """
    roll = random.Random(3)

    def state():
        return "b" if roll.random() < 0.3 else "a"

    noisy = [(state(), state(), state()) for _ in range(1_500)]
    wrong = [(first, "c" if roll.random() < 0.15 else modern, second) for first, modern, second in noisy]
    raw, noise = (sum(one[0] != one[at] for one in wrong) for at in (1, 2))
    assert abs(raw - noise) / (raw + noise) < 0.2
    [found] = judged(wrong)
    assert (found.says, found.path) == ("regression", "/state")
    [found] = judged(noisy)
    assert found.says == "proposal", "without the defect it is noise"


def test_only_plain_and_recent_noise_is_proposed():
    def row(path, **other):
        return Noise(**{"capability": "results", "epoch": EPOCH, "operation": "read", "kind": "value", "path": path,
                        "modern": 1, "legacy": 2, "both": 3, "plain": True, "first_seen": 0.0,
                        "last_seen": EXPIRES * 2, **other})

    found = weighed([
        row("/at"), row("/length", plain=False), row("/once", both=1), row("/old", last_seen=EXPIRES - 1),
        row("/defect", modern=40, legacy=0, both=0), row("/worse", modern=40),
    ], EXPIRES * 2, rates={"read": 0.31234}, shapes={("value", "/at"): "string instant"})
    assert {one.path: one.says for one in found} == {
        "/worse": "regression", "/at": "proposal", "/length": "drift", "/once": "", "/old": "", "/defect": ""}
    assert [one.path for one in found][:2] == ["/worse", "/at"]
    assert {one.path: one.expires for one in found if one.expires} == {"/at": EXPIRES * 3}
    assert [one.rule for one in found if one.rule] == [
        '{id: noise-at, at: "/at", kind: value, shape: string instant, reason: legacy disagrees with '
        "itself, owner: OWNER, max_rate: 31.24%, expires: 1970-02-12}"]
    assert weighed([], 0.0) == ()


@pytest.mark.parametrize(("differing", "exchanges"), [(0, 0), (0, 50), (10, 100), (300, 1_000), (50, 50)])
def test_the_most_of_a_share_is_above_it_and_no_more_than_all(differing, exchanges):
    bound = most(differing, exchanges)
    share = differing / exchanges if exchanges else 1.0
    assert share <= bound <= 1.0
    assert bound < share + 0.2 or exchanges < 100
    # Three standard errors: what differs as often as before stays below it in all but one of a thousand cases.
    assert bound >= share + 3 * (share * (1 - share) / max(exchanges, 1)) ** 0.5 - 1e-9 or share > 0.5


def test_where_more_than_a_value_drifts_a_person_is_to_write_the_rule():
    def row(**other):
        return Noise(**{"capability": "results", "epoch": EPOCH, "operation": "read", "kind": "value", "path": "/load",
                        "modern": 1, "legacy": 2, "both": 3, "plain": False, "first_seen": 0.0, "last_seen": 1.0,
                        **other})

    rules = {("value", "/load"): "a rule"}
    for other, said in [({}, ("drift", "a rule")), ({"kind": "missing"}, ("drift", "")), ({"both": 2}, ("", "")),
                        ({"modern": 40}, ("regression", ""))]:
        [found] = weighed([row(**other)], 1.0, rules)
        assert (found.says, found.rule, found.expires) == (*said, 0.0), other
    assert weighed([row()], EXPIRES + 1.0, rules)[0].says == ""
