"""Too many subjects in an hour: a share of them counts, which their tokens choose, the good like the bad."""

from dataclasses import replace

import pytest

from shadow.custody.sqlite import SqliteCustody
from shadow.evidence.epoch import Basis, Setup
from shadow.evidence.stratum import HOUR, LARGEST, LeftOut
from shadow.lane.epoch_keys import EpochKeys
from shadow.lane.restarts import Restarts
from shadow.lane.standing import Standings
from shadow.stores.memory import Memory
from tests.shadow.exchanges import answer
from tests.shadow.lane.test_writer import pair

BASIS = Basis(Setup(rules="rules1"))
MOST = 500


async def standings(most=MOST):
    restarts = Restarts()
    restarts.look(Memory(Memory.Options()))
    found = Standings(EpochKeys(SqliteCustody(None), fresh=1e9), restarts, most)
    await found.first(pair("first", at=-HOUR), BASIS)
    return found


async def test_mismatches_after_too_many_clean_subjects_still_count_in_proportion():
    every = await standings()
    clean = [every.of(pair(f"P-{number}"), BASIS) for number in range(MOST)]
    assert all(one.first and one.token for one in clean)
    later = [every.of(pair(f"Q-{number}"), BASIS) for number in range(4 * MOST)]
    bad, good = later[::2], later[1::2]
    counting = [sum(bool(one.token) for one in some) for some in (bad, good)]
    assert counting[0] == pytest.approx(counting[1], rel=0.2), "what will turn out bad is thinned like the rest"
    assert MOST < sum(counting) < 2 * MOST
    assert all(one.first is bool(one.token) for one in later)


async def test_a_subject_above_the_share_counts_no_more_and_one_below_it_counts_on():
    every = await standings()
    for number in range(3 * MOST):
        every.of(pair(f"P-{number}"), BASIS)
    again = [every.of(pair(f"P-{number}"), BASIS) for number in range(3 * MOST)]
    assert not any(one.first for one in again)
    assert 0 < sum(bool(one.token) for one in again) <= MOST
    left_out = [every.of_left_out("results", "read", LeftOut(pair(f"P-{number}").request, None, 0.0))
                for number in range(3 * MOST)]
    assert [one.token for one in left_out] == [one.token for one in again], "and so it is with what is left out"


async def test_the_next_hour_and_another_capability_have_room_of_their_own():
    every = await standings()
    for number in range(3 * MOST):
        every.of(pair(f"P-{number}"), BASIS)
    assert all(every.of(pair(f"P-{number}", at=HOUR), BASIS).first for number in range(MOST))
    other = replace(pair("first"), capability="booking")
    await every.first(other, BASIS)
    assert every.of(replace(other, request=pair("second").request), BASIS).first


@pytest.mark.parametrize(("said", "size"), [
    (answer("legacy", b""), 0), (answer("legacy", b"x"), 1), (answer("legacy", b"x" * 1024), 11),
    (answer("legacy", b"x", complete=False), LARGEST), (answer("legacy", failure="oversize"), LARGEST),
    (answer("legacy", failure="reset"), -1),
])
async def test_a_standing_has_the_size_of_legacy_s_body(said, size):
    made = pair()
    made.control = said
    assert (await standings()).of(made, BASIS).size == size


async def test_a_custody_that_turns_out_to_be_new_begins_another_epoch_and_counts_no_subject_twice(tmp_path):
    path, restarts = tmp_path / "custody", Restarts()
    restarts.look(Memory(Memory.Options()))
    custody = SqliteCustody(path)
    every = Standings(EpochKeys(custody, fresh=0.0), restarts)
    before = await every.first(pair("P-1"), BASIS)
    path.unlink()
    after = await every.first(pair("P-1"), BASIS)
    assert after.epoch != before.epoch, "the former epoch would see the subject once more, by another token"
    assert after.epoch.custody == custody.name != before.epoch.custody
    assert after.token != before.token
    custody.close()
