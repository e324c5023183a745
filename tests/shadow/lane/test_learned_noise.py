"""What a worker learns of noise: it takes for noise what legacy does itself, as often, and nothing else."""

import random

import pytest

from shadow.compare.comparison import Comparison, Drift, Outcome, Tally
from shadow.compare.difference import Difference, Severity, Shape
from shadow.evidence.epoch import Basis, Epoch, Setup
from shadow.evidence.noise import EXPIRES, PROPOSED
from shadow.lane.learned_noise import CROWD, EPOCHS, FIRST, MOST, PATHS, SEEN, TURN, TURNS, LearnedNoise, Scope
from shadow.settings import LaneSettings, Recheck
from shadow.stores.memory import Memory
from tests.shadow.exchanges import answer, later, mirror
from tests.shadow.lane.test_lane import checked

STAMP = Shape("string", 20, "instant")
SCOPE = Scope("results", "read", 2, Epoch("1", "7", Setup(rules="rules"), "3"))
MISMATCH = Tally("results", "read", Outcome.MISMATCH)


def differs(*paths, at=1.0, **other):
    found = [Difference(**{"kind": "value", "path": path, "legacy": STAMP, "modern": STAMP, **other}) for path in paths]
    return Comparison(MISMATCH, "trace", at, tuple(found))


def bracket(path="/servedAt", modern=True, legacy=True, plain=True, at=1.0):
    return Comparison(MISMATCH, "trace", at, drifts=(Drift("value", path, modern, legacy, plain),))


NOTHING = Comparison(Tally("results", "read", Outcome.MATCH), "trace", 1.0)


def learned(*brackets, scope=SCOPE):
    found = LearnedNoise()
    for one in brackets:
        found.add(scope, one)
    return found


def test_a_path_is_noise_once_legacy_has_disagreed_with_itself_often_enough():
    known = LearnedNoise()
    for number in range(PROPOSED):
        assert not known.explains(SCOPE, differs("/servedAt")), number
        known.add(SCOPE, bracket())
    assert known.explains(SCOPE, differs("/servedAt"))


@pytest.mark.parametrize("found", [
    differs("/servedAt", "/dose"),
    differs("/other"),
    differs("/servedAt", kind="missing"),
    differs("/servedAt", kind="type"),
    differs("/servedAt", modern=Shape("string", 19, "instant")),
    differs("/servedAt", severity=Severity.CRITICAL),
    differs("/servedAt", at=2 + EXPIRES),
    differs(),
], ids=["beside a defect", "elsewhere", "gone", "type", "length", "critical", "long ago", "nothing"])
def test_nothing_else_is(found):
    assert not learned(*[bracket()] * 10).explains(SCOPE, found)


def test_other_operations_status_classes_and_builds_learn_apart():
    known = learned(*[bracket()] * 10)
    for other in (SCOPE._replace(operation="list"), SCOPE._replace(status=4),
                  SCOPE._replace(epoch=Epoch("1", "8", Setup(rules="rules"), "3"))):
        assert not known.explains(other, differs("/servedAt"))


def test_rare_noise_is_left_to_asking_again():
    """A path that legacy hardly ever disagrees with itself about would hide more than it explains."""
    often, seldom = [NOTHING] * 30 + [bracket()] * 10, [NOTHING] * 91 + [bracket()] * 9
    assert learned(*often).explains(SCOPE, differs("/servedAt"))
    assert not learned(*seldom).explains(SCOPE, differs("/servedAt"))


def test_what_was_ever_more_than_a_value_is_no_noise():
    assert not learned(*[bracket()] * 10, bracket(plain=False)).explains(SCOPE, differs("/servedAt"))


def test_a_path_where_modern_alone_is_worse_is_noise_no_more():
    noisy = [bracket(), bracket(modern=False), bracket(legacy=False)] * 10
    assert learned(*noisy).explains(SCOPE, differs("/servedAt"))
    assert not learned(*noisy, *[bracket(legacy=False)] * 20).explains(SCOPE, differs("/servedAt"))


def test_what_is_kept_is_bounded():
    drifts = tuple(Drift("value", f"/{'a' * number}", True, True, True) for number in range(1, PATHS + 2))
    known = learned(*[Comparison(MISMATCH, "trace", 1.0, drifts=drifts)] * 12)
    assert known.explains(SCOPE, differs("/a"))
    assert not known.explains(SCOPE, differs(f"/{'a' * (PATHS + 1)}"))
    builds = [SCOPE._replace(epoch=Epoch("1", str(number), Setup(rules="rules"), "3")) for number in range(EPOCHS + 1)]
    for scope in builds:
        known.asked(scope)
        for _ in range(PROPOSED):
            known.add(scope, bracket())
    assert [known.explains(scope, differs("/servedAt")) for scope in builds] == [False] + [True] * EPOCHS


def test_of_many_answers_a_sample_waits_for_repeats_and_every_target_has_its_turn():
    noise, targets = LearnedNoise(), [b"/patients/%d" % number for number in range(400)]
    assert all(noise.awaits_repeat(SCOPE, target, 1.0) for target in [*targets, *targets[:CROWD - 400]])
    # A crowd of answers has come within the turn, and then enough repeats have been compared.
    crowded = [target for target in targets if noise.awaits_repeat(SCOPE, target, 1.0)]
    for _ in range(SEEN):
        noise.repeated(SCOPE)
    turns = [{target for target in targets if noise.awaits_repeat(SCOPE, target, TURN * turn + 1)}
             for turn in range(TURNS)]
    assert turns[0] == set(crowded)
    assert all(turns)
    assert sorted(target for turn in turns for target in turn) == sorted(targets)


def test_the_first_exchanges_are_wanted():
    known = LearnedNoise()
    for _ in range(FIRST):
        assert known.wants(SCOPE)
        known.asked(SCOPE)
    assert not known.wants(SCOPE)
    known.add(SCOPE, bracket())
    for _ in range(MOST - FIRST):
        assert known.wants(SCOPE), "legacy disagreed with itself, and not yet often enough"
        known.asked(SCOPE)
    assert not known.wants(SCOPE)


def fresh(roll):
    """A value that is new each time."""
    return f"{roll.getrandbits(32):08x}-0000-4000-8000-000000000000"


ONE_BY_ONE = LaneSettings(queue=10_000, memory=64 << 20, concurrency=1, drain=5)


class Arms:
    """Both arms draw from the same noise, and modern is wrong besides as often as `wrong` says."""

    def __init__(self, field, wrong=0.0):
        self.field, self.wrong, self.roll = field, wrong, random.Random(5)

    def __call__(self, one, arm, extra, heard):
        said = "c" if arm == "modern" and self.roll.random() < self.wrong else self.field(self.roll)
        # It takes a while, as any call does: what is there to be compared is compared meanwhile.
        return later(heard, answer(arm, {"id": 1, "state": said}), turns=5)

    def mirrors(self, number, noise=0.02, **more):
        return [mirror(f'{{"id": 1, "state": "{self.field(self.roll)}"}}'.encode(), noise=noise, **more)
                for _ in range(number)]


async def outcomes(arms, number, **more):
    counts = await checked(arms.mirrors(number, **more), ask=arms, settings=ONE_BY_ONE, store=Memory(Memory.Options()))
    return {outcome: sum(count for (found, _), count in counts.items() if found is outcome) for outcome in Outcome}


@pytest.mark.parametrize("ask", ["modern", "legacy"])
async def test_a_service_beside_itself_does_not_mismatch_whatever_it_makes_anew(ask):
    found = await outcomes(Arms(fresh), 2_000, ask=ask)
    assert (found[Outcome.MISMATCH], found[Outcome.UNSTABLE]) == (0, 2_000)


async def test_a_field_of_few_values_is_known_after_the_first_exchanges():
    """Two values, as often: legacy's two answers agree in half of the brackets, by chance."""
    recheck = Recheck((0.0001,), 0.05, True)
    found = await outcomes(Arms(lambda roll: roll.choice("ab")), 2_000, noise=1.0, recheck=recheck)
    assert found[Outcome.MISMATCH] <= 4
    assert found[Outcome.MATCH] > 700


@pytest.mark.slow
async def test_a_regression_on_a_noisy_path_is_found_through_the_brackets():
    """The field flips between two values by itself; modern says a third in three of ten answers."""
    # All are bracketed, so that chance is the arms' alone: it is the same at each run.
    found = await outcomes(Arms(lambda roll: "b" if roll.random() < 0.3 else "a", wrong=0.3), 2_000, noise=1.0)
    assert found[Outcome.MISMATCH] > 500
    same = await outcomes(Arms(lambda roll: "b" if roll.random() < 0.3 else "a"), 2_000, noise=1.0)
    assert same[Outcome.MISMATCH] <= 8


async def test_what_is_unstable_says_whether_that_was_known_before():
    arms = Arms(fresh)
    counts = await checked(arms.mirrors(200), ask=arms, settings=ONE_BY_ONE)
    assert counts[Outcome.UNSTABLE, ""] + counts[Outcome.UNSTABLE, "noise"] == 200
    assert counts[Outcome.UNSTABLE, ""] >= FIRST


async def test_a_new_build_is_learned_anew():
    """The field drifts in the old build; in the new one it is wrong at each asking, and never drifts."""
    roll = random.Random(1)
    right, wrong = fresh(roll), fresh(roll)

    def ask(one, arm, extra, heard):
        said = fresh(roll) if one.way == b"1" else wrong if arm == "modern" else right
        return later(heard, answer(arm, {"state": said}, X_Build=one.way.decode()))

    def made(build, number):
        basis = Basis(Setup(rules="rules"), b"x-build")
        return [mirror(f'{{"state": "{right}"}}'.encode(), way=build, noise=0.02, basis=basis)
                for _ in range(number)]

    counts = await checked([*made(b"1", 100), *made(b"2", 100)], ask=ask, settings=ONE_BY_ONE)
    assert counts[Outcome.MISMATCH, ""] == 100
