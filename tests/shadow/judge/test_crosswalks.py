"""What one process knows of identifiers: seeded, learnt from one exchange for the next, bounded, apart by scope."""

from dataclasses import replace

import pytest

from adapters.crosswalk import digest
from shadow.compare.comparison import Bond, Outcome
from shadow.compare.difference import Severity
from shadow.compare.rules import Class, Rule, Rules
from shadow.judge.crosswalks import SCOPES, Crosswalks, SeedError, seeded
from shadow.judge.judgement import judge
from tests.shadow.exchanges import answer, pair

SEED = b"class,legacy,modern\nPatient,1,a\nOrder,1,b\n"


@pytest.fixture
def seed(tmp_path):
    def make(text=SEED, **more):
        (tmp_path / "seed.csv").write_bytes(text)
        return Class("Patient", seed=str(tmp_path / "seed.csv"), digest=digest(text), **more)

    return make


def asked(legacy, modern, *classes, capability="results"):
    made = pair(answer("legacy", {"patient": legacy}), answer("modern", {"patient": modern}))
    rules = Rules((Rule("ids", "/patient", crosswalk="Patient"),), (), classes)
    return replace(made, capability=capability, rules=rules)


def outcomes(crosswalks, *pairs):
    return [judge(one, crosswalks).tally.outcome for one in pairs]


def test_what_one_exchange_proves_the_next_is_held_to():
    known = Crosswalks()
    assert outcomes(known, asked("1", "a"), asked("1", "a"), asked("1", "b"), asked("2", "a"), asked("2", "b")) == [
        Outcome.MATCH_NORMALISED, Outcome.MATCH_NORMALISED, Outcome.MISMATCH, Outcome.MISMATCH,
        Outcome.MATCH_NORMALISED]


def test_an_exchange_whose_identifiers_find_no_room_is_no_match():
    known = Crosswalks(learnt=1)
    kept, *crowded = asked("1", "a"), asked("2", "b"), asked("2", "c"), asked("3", "b")
    assert outcomes(known, kept, kept, *crowded) == [Outcome.MATCH_NORMALISED] * 2 + [Outcome.NOT_COMPARABLE] * 3
    assert judge(crowded[0], known).tally.reason == "crosswalk_full"
    crossed = judge(asked("1", "b"), known)
    assert (crossed.tally.outcome, crossed.severity) == (Outcome.MISMATCH, Severity.CRITICAL)


def test_an_exchange_that_differs_is_a_mismatch_with_room_or_without():
    known = Crosswalks(learnt=0)
    one = asked("1", "a")
    differs = replace(one, candidate=answer("modern", {"patient": "a", "more": 1}))
    assert outcomes(known, differs, one) == [Outcome.MISMATCH, Outcome.NOT_COMPARABLE]


def test_capabilities_do_not_learn_from_each_other():
    known = Crosswalks()
    assert outcomes(known, asked("1", "a"), asked("1", "b", capability="other")) == [Outcome.MATCH_NORMALISED] * 2


def test_seeds_are_known_beforehand_each_class_its_own(seed):
    known = seeded((seed(),))
    assert (known.modern("Patient", "1"), known.modern("Order", "1"), len(known)) == ("a", None, 1)
    assert outcomes(Crosswalks(), asked("1", "a", seed()), asked("1", "b", seed())) == [
        Outcome.MATCH_NORMALISED, Outcome.MISMATCH]


def test_a_seed_that_is_not_what_the_rules_speak_of_lets_nothing_be_said(seed, tmp_path):
    one = seed()
    (tmp_path / "seed.csv").write_bytes(SEED + b"Patient,2,b\n")
    with pytest.raises(SeedError, match="changed"):
        seeded((one,))
    found = judge(asked("1", "a", one), Crosswalks())
    assert (found.tally.outcome, found.tally.reason) == (Outcome.NOT_COMPARABLE, "crosswalk")
    (tmp_path / "seed.csv").unlink()
    with pytest.raises(SeedError, match="cannot be read"):
        seeded((one,))


def test_scopes_are_bounded():
    known = Crosswalks()
    first = known.of(asked("1", "a"))
    for number in range(SCOPES):
        known.of(asked("1", "a", capability=f"other-{number}"))
    assert known.of(asked("1", "a")) is not first


KEY = bytes(range(32))


def bonds(crosswalks, *pairs):
    return [len(judge(replace(one, key=KEY), crosswalks).bonds) for one in pairs]


def test_a_pair_is_told_once_as_tokens_of_the_epoch():
    known = Crosswalks()
    assert bonds(known, asked("1", "a"), asked("1", "a"), asked("2", "b"), asked("2", "b")) == [1, 0, 1, 0]
    one, same = (judge(replace(asked("17", "abc"), key=KEY), Crosswalks()).bonds for _ in range(2))
    [other] = judge(replace(asked("17", "abc"), key=KEY[::-1]), Crosswalks()).bonds
    assert one == same != (other,)
    assert [one[0].name, len(one[0].legacy), len(one[0].modern)] == ["Patient", 24, 24]
    assert "17" not in (one[0].legacy, one[0].modern)


def test_another_epoch_begins_with_what_was_seeded(seed):
    known = Crosswalks()
    assert outcomes(known, replace(asked("2", "b", seed()), key=KEY), replace(asked("2", "c", seed()), key=KEY[::-1]),
                    replace(asked("1", "c", seed()), key=KEY[::-1])) == [
        Outcome.MATCH_NORMALISED, Outcome.MATCH_NORMALISED, Outcome.MISMATCH]


def test_without_a_key_nothing_is_told():
    assert judge(asked("1", "a"), Crosswalks()).bonds == ()


def test_a_conflict_that_is_certain_is_told_by_its_class():
    known = Crosswalks()
    judge(asked("1", "a"), known)
    assert judge(asked("1", "b"), known).bonds == (Bond("Patient", split=True),)
    assert judge(asked("2", "a"), known).bonds == (Bond("Patient", merged=True),)
