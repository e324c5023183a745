"""Moves of stages, and what is recorded of each: a table, one row a test."""

from dataclasses import replace

import pytest

from gateway.flips import steps
from gateway.flips.base import Actor, Already, BadFlip, Conflict, Flip, Kind, Stand, State
from gateway.flips.precedence import position
from gateway.flips.record import digest_of
from gateway.stage import Stage
from tests.flips.test_precedence import at, latch, override

ANN = Actor("ann", "operator", "socket")
NOW = 1_000.0


def stand(text, said=None, held=None):
    return State("store", 7, {"labs": Stand(at(text), said and override(said), held and latch(held), 3)}, 9)


def flip(kind="flip", wanted="-/-/-", **more):
    reads, writes, share = (None if one == "-" else one for one in wanted.split("/"))
    return Flip(Kind(kind), "labs", ANN, "why", reads and Stage(reads), writes and Stage(writes),
                None if share is None else int(share), **more)


@pytest.mark.parametrize(("file", "said", "held", "wanted", "result"), [
    ("shadow/legacy/500", None, None, ("flip", "canary/-/-"), "canary/legacy/500"),
    ("shadow/legacy/500", None, None, ("flip", "canary/-/2500"), "canary/legacy/2500"),
    ("canary/legacy/500", None, None, ("flip", "-/-/2500"), "canary/legacy/2500"),
    ("canary/legacy/500", "-/-/2500", None, ("flip", "verify/-/-"), "verify/legacy/500"),
    ("canary/legacy/500", "verify/-/-", None, ("flip", "-/canary/-"), "verify/canary/500"),
    ("modern/modern/500", None, None, ("flip", "retired/retired/-"), "retired/retired/500"),
    ("shadow/legacy/500", "verify/-/-", None, ("flip", "shadow/-/-"), "shadow/legacy/500"),
    ("verify/legacy/500", None, None, ("rollback", "legacy/legacy/-"), "legacy/legacy/500"),
    ("verify/canary/500", None, None, ("rollback", "legacy/-/-"), "legacy/canary/500"),
    ("verify/canary/500", "-/-/2500", None, ("rollback", "legacy/-/-"), "legacy/canary/2500"),
    ("canary/legacy/500", "-/-/2500", None, ("rollback", "legacy/legacy/-"), "legacy/legacy/500"),
    ("modern/modern/500", None, None, ("rollback", "shadow/legacy/-"), "shadow/legacy/500"),
    ("legacy/modern/500", None, None, ("rollback", "shadow/legacy/-"), "legacy/legacy/500"),
    ("canary/legacy/500", "verify/-/-", None, ("to_file", "-/-/-"), "canary/legacy/500"),
    ("canary/legacy/500", "verify/-/-", "legacy/-", ("resume", "-/-/-"), "verify/legacy/500"),
    ("canary/legacy/500", "verify/-/-", "legacy/-", ("to_file", "-/-/-"), "legacy/legacy/500"),
    ("canary/legacy/500", "verify/modern/-", "legacy/-", ("flip", "-/legacy/-"), "legacy/legacy/500"),
    ("canary/modern/500", "verify/-/-", "legacy/-", ("rollback", "legacy/legacy/-"), "legacy/legacy/500"),
    ("verify/modern/500", None, None, ("trip", "legacy/-/-"), "legacy/modern/500"),
    ("verify/modern/500", None, "legacy/-", ("trip", "-/legacy/-"), "legacy/legacy/500"),
])
def test_a_move_is_made_and_recorded(file, said, held, wanted, result):
    before = stand(file, said, held)
    state, record = steps.act(before, flip(*wanted), NOW)
    assert position(state.stands["labs"]) == at(result)
    assert (state.revision, record.revision, state.stands["labs"].changed) == (8, 8, 8)
    assert (record.number, record.previous, state.head) == (10, before.head, record.digest)
    assert (record.action, record.actor, record.role, record.source, record.reason) == (
        wanted[0], "ann", "operator", "socket", "why")
    assert record.before == position(before.stands["labs"])._asdict()
    assert record.after == at(result)._asdict()


@pytest.mark.parametrize(("file", "said", "held", "wanted", "error", "why"), [
    ("shadow/legacy", None, None, ("flip", "shadow/-/-"), Already, "there already"),
    ("shadow/legacy", "verify/-/-", None, ("flip", "verify/-/-"), Already, "there already"),
    ("shadow/legacy", "legacy/legacy/-", None, ("rollback", "legacy/legacy/-"), Already, "there already"),
    ("shadow/legacy", None, None, ("to_file", "-/-/-"), BadFlip, "no override"),
    ("shadow/legacy", None, None, ("resume", "-/-/-"), BadFlip, "no latch"),
    ("canary/legacy/500", None, "legacy/-", ("flip", "verify/-/-"), BadFlip, "figway resume"),
])
def test_a_move_is_refused(file, said, held, wanted, error, why):
    with pytest.raises(error, match=why):
        steps.act(stand(file, said, held), flip(*wanted), NOW)


def test_a_flip_that_was_decided_on_an_older_revision_loses():
    state = stand("shadow/legacy")
    steps.act(state, flip(wanted="canary/-/-", revision=3), NOW)
    with pytest.raises(Conflict, match="revision 3"):
        steps.act(state, flip(wanted="canary/-/-", revision=2), NOW)


def test_an_expiry_is_that_of_the_last_flip_and_ends_the_override():
    state, _ = steps.act(stand("shadow/legacy"), flip(wanted="verify/-/-", lasts=60.0), NOW)
    assert steps.expire(state, NOW + 59) == (state, [])
    ended, [record] = steps.expire(state, NOW + 60)
    assert position(ended.stands["labs"]) == at("shadow/legacy")
    assert (record.action, record.source, record.detail["author"]) == ("expiry", "clock", "ann")
    forever, _ = steps.act(state, flip(wanted="-/canary/-"), NOW)
    assert forever.stands["labs"].override.expires is None


def test_what_moves_forward_without_a_gate_is_recorded_as_ungated():
    state, _ = steps.act(stand("verify/legacy"), flip(wanted="legacy/-/-", lasts=60.0), NOW)
    _, [expiry] = steps.expire(state, NOW + 60)
    assert expiry.detail["gate"] == "ungated"
    safe = {"labs": {"answer": "SAFE"}}
    for files, known, gate in (("verify/legacy", {}, "ungated"), ("verify/legacy", safe, "safe"),
                               ("shadow/legacy", {}, None)):
        _, [reload] = steps.adopt(stand("legacy/legacy"), {"labs": at(files)}, ANN, NOW, known)
        assert (reload.detail.get("gate"), reload.evidence) == (gate, known.get("labs"))


def test_a_refusal_keeps_the_evidence():
    wanted = replace(flip(wanted="verify/-/-"), evidence={"answer": "NOT SAFE"})
    _, record = steps.refuse(stand("shadow/legacy"), wanted, BadFlip("no"), NOW)
    assert (record.evidence, record.evidence_digest) == ({"answer": "NOT SAFE"}, digest_of({"answer": "NOT SAFE"}))


def test_a_rollback_of_writes_records_how_many_legacy_lacks_and_one_of_reads_alone_does_not():
    state = stand("verify/modern/500")
    _, record = steps.act(state, flip("rollback", "legacy/legacy/-"), NOW, {"order": 3})
    assert record.detail["writes_that_legacy_lacks"] == {"order": 3}
    _, record = steps.act(state, flip("rollback", "legacy/-/-"), NOW, {"order": 3})
    assert "writes_that_legacy_lacks" not in record.detail


def test_a_file_that_loses_a_capability_forgets_it_and_keeps_one_with_an_override():
    state = stand("shadow/legacy")
    after, [record] = steps.adopt(state, {}, ANN, NOW)
    assert after.stands == {}
    assert (record.action, record.after) == ("reload", {})
    held = stand("shadow/legacy", "verify/-/-")
    assert steps.adopt(held, {}, ANN, NOW) == (held, [])


def test_a_lost_store_goes_on_from_the_last_known_revision():
    lost = stand("shadow/legacy", "legacy/-/-")
    state, record = steps.recover(lost, State("fresh", 0, {}), "the control file was lost", NOW)
    assert (state.name, state.revision, state.stands) == ("fresh", 8, lost.stands)
    assert record.detail == {"lost": "store", "revision": 7, "length": 9, "head": lost.head}
    assert replace(record, number=1) == record
