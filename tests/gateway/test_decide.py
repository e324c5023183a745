"""Who serves and who is mirrored: by the stage's table, and where that says "split", by a sticky hash."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.message import Headers, Request
from gateway.admit import admit
from gateway.call import Call, Head, Principal
from gateway.capability import Arm, Capability, Operation, Split
from gateway.decide import bucket, decide, passing_by, sticky_key
from gateway.stage import READS, WRITES, Stage
from gateway.transports.http.upstream import Upstream
from gateway.transports.settings import UpstreamSettings
from shadow.plan import ShadowPlan

OLD = Arm("legacy", Upstream(UpstreamSettings("old", ("http://127.0.0.1:1",))))
NEW = Arm("modern", Upstream(UpstreamSettings("new", ("http://127.0.0.1:2",))))
ALL = ShadowPlan(1.0)


def call(*fields, target=b"/a", safe=True, client="192.0.2.1", params=None, claims=None):
    principal = Principal("jwt", "s", claims) if claims is not None else None
    return Call(Request("GET", target, Headers(fields)), "c", "o", safe, client, params or {}, principal)


def capability(reads=Stage.CANARY, writes=Stage.LEGACY, share=5000, shadow=ALL, legacy=OLD, upgrade=True, **split):
    split = {"sticky": ("client_ip",), "salt": "s", **split}
    return Capability("c", "", (Operation("o"),), legacy, NEW, reads, writes, Split(share, **split), shadow,
                      upgrade=upgrade)


def decided(one, target, roll=0.5, *, logged_in=False, **head):
    return decide(admit(one, ()), target, roll, Head(one.request.headers, **head), logged_in=logged_in)


@pytest.mark.parametrize("stage", [one for one in Stage if one != Stage.CANARY])
@pytest.mark.parametrize("safe", [True, False])
def test_without_a_split_the_stage_s_table_decides(stage, safe):
    if not safe and stage not in WRITES:
        return
    keys = {"reads": stage} if safe else {"reads": Stage.LEGACY, "writes": stage}
    legacy = None if stage == Stage.RETIRED else OLD
    decision = decided(call(safe=safe), capability(**keys, legacy=legacy))
    roles = (READS if safe else WRITES)[stage]
    assert decision.serve.name == roles.serve
    other = {"legacy": NEW, "modern": legacy}[roles.serve]
    assert decision.mirror is (other if roles.mirror else None)
    assert decision.fallback is None
    assert (decision.reason, decision.sampled) == ("stage", True)


@pytest.mark.parametrize("share", [0, 5000, 10_000])
def test_a_write_is_never_mirrored_and_never_falls_back(share):
    for stage in WRITES:
        decision = decided(call(safe=False), capability(writes=stage, share=share))
        assert (decision.mirror, decision.fallback) == (None, None)


def test_in_canary_the_other_arm_is_mirrored_and_only_modern_falls_back():
    modern, legacy = (decided(call(), capability(share=share)) for share in (10_000, 0))
    assert (modern.serve, modern.mirror, modern.fallback) == (NEW, OLD, OLD)
    assert (legacy.serve, legacy.mirror, legacy.fallback) == (OLD, NEW, None)


def test_without_shadow_a_canary_is_not_mirrored():
    assert decided(call(), capability(shadow=None)).mirror is None


def test_the_published_buckets_stay_what_they_are():
    """SHA-256(salt ":" key) mod 10,000: any other implementation must come to these too."""
    assert [bucket(*pair) for pair in [("", ""), ("patients", "P-1001"), ("patients", "P-1002"), ("s", "ä")]] == [
        8935, 1572, 8476, 4831]


@given(st.text(), st.integers(0, 10_000), st.integers(0, 10_000))
def test_raising_the_share_moves_no_key_back(client, one, other):
    low, high = sorted((one, other))
    before, after = (decided(call(client=client), capability(share=share)).serve for share in (low, high))
    assert not (before is NEW and after is OLD)


@given(st.text(min_size=1), st.integers(0, 10_000), st.floats(0, 1, exclude_max=True))
def test_capabilities_of_one_salt_move_a_key_together_whatever_the_roll(client, share, roll):
    first = decided(call(client=client), capability(share=share, salt="group"), roll)
    second = decided(call(client=client), capability(share=share, salt="group", sticky=("claim:x", "client_ip")), 0.1)
    assert first.serve is second.serve


@pytest.mark.parametrize("on_missing", ["legacy", "modern", "random"])
def test_at_share_0_nobody_is_left_on_modern(on_missing):
    target = capability(share=0, sticky=("claim:sub",), on_missing=on_missing)
    assert decided(call(), target, 0.0).serve is OLD
    assert decided(call(claims={"sub": "x"}), target, 0.0).serve is OLD


@pytest.mark.parametrize(("on_missing", "roll", "serve"), [
    ("legacy", 0.0, OLD), ("modern", 0.9, NEW), ("random", 0.24999, NEW), ("random", 0.25, OLD),
])
def test_a_call_without_a_key_goes_where_it_is_told(on_missing, roll, serve):
    target = capability(share=2500, sticky=("claim:sub",), on_missing=on_missing)
    decision = decided(call(), target, roll)
    assert (decision.serve, decision.fallback) == (serve, OLD if serve is NEW else None)


def test_a_canary_without_a_split_stays_on_legacy():
    decision = decided(call(), replace(capability(), split=None))
    assert (decision.serve, decision.mirror, decision.fallback) == (OLD, NEW, None)
    assert decision.reason == "no split"


def test_a_connection_is_not_logged_in_unless_it_is_said():
    one = call()
    decision = decide(admit(one, ()), capability(), 0.5, Head(one.request.headers))
    assert (decision.mirror is None, decision.skipped) == (False, "")


@pytest.mark.parametrize(("source", "one", "key"), [
    ("claim:sub", call(claims={"sub": "x"}), "x"),
    ("claim:n", call(claims={"n": 7}), "7"),
    ("claim:sub", call((b"sub", b"x")), None),
    ("claim:urn:mrn", call(claims={"urn:mrn": "x"}), "x"),
    ("header:X-Tenant", call((b"x-tenant", b"t")), "t"),
    ("cookie:s", call((b"Cookie", b"a=1; b{]=,; s=2")), "2"),
    ("cookie:s", call((b"Cookie", b"a=1"), (b"cookie", b's="3"')), "3"),
    ("cookie:s", call((b"Cookie", b"ss=1")), None),
    ("cookie:s", call((b"Cookie", b"a=1;s=X=2;b=3")), "X=2"),
    ("query:p", call(target=b"/a?q=1&p=a%20b&p=c"), "a b"),
    ("query:p", call(target=b"/a?p="), None),
    ("query:p", call(target=b"/a?q=1"), None),
    ("path:id", call(params={"id": "9"}), "9"),
    ("client_ip", call(), "192.0.2.1"),
])
def test_a_key_is_found_where_it_is_said_to_be(source, one, key):
    assert sticky_key(Split(1, (source,), "s"), one) == key


def test_the_first_source_that_has_a_key_gives_it():
    split = Split(1, ("claim:sub", "header:X", "client_ip"), "s")
    assert sticky_key(split, call((b"X", b"h"), claims={"sub": "c"})) == "c"
    assert sticky_key(split, call((b"X", b"h"))) == "h"
    assert sticky_key(split, call()) == "192.0.2.1"


def test_the_sample_is_a_share_of_the_rolls():
    target = capability(Stage.SHADOW, shadow=ShadowPlan(0.25))
    decisions = [decided(call(), target, n / 10_007) for n in range(10_007)]
    sampled = sum(one.sampled for one in decisions)
    assert 2400 < sampled < 2600
    assert all((one.mirror is NEW) == one.sampled for one in decisions)


@pytest.mark.parametrize("roll", [0.0, 0.5, 0.999999])
def test_a_sample_of_all_takes_each_roll_and_a_sample_of_none_takes_none(roll):
    everything, nothing = (decided(call(), capability(Stage.SHADOW, shadow=ShadowPlan(share)), roll)
                           for share in (1.0, 0.0))
    assert (everything.mirror, everything.skipped) == (NEW, "")
    assert (nothing.mirror, nothing.skipped) == (None, "not_sampled")


def test_an_arm_that_is_not_there_cannot_serve():
    with pytest.raises(ValueError, match="capability c has no legacy arm"):
        decided(call(), capability(Stage.LEGACY, legacy=None))


@pytest.mark.parametrize(("keys", "reason"), [
    ({}, ""), ({"shadow": True}, "loop"), ({"upgrade": b"websocket"}, "upgraded"),
    ({"logs_in": True}, "connection_auth"), ({"logged_in": True}, "connection_auth"),
])
def test_a_decision_says_why_a_mirror_that_is_due_is_left_out(keys, reason):
    decision = decided(call(), capability(reads=Stage.SHADOW), **keys)
    assert (decision.mirror, decision.skipped) == (None if reason else NEW, reason)
    assert decided(call(), capability(reads=Stage.LEGACY), **keys).skipped == ""


def test_a_condition_is_mirrored_and_an_upgrade_only_where_the_capability_takes_none():
    for name in (b"If-Range", b"If-None-Match", b"If-Match"):
        decision = decided(call((name, b'"1"')), capability(reads=Stage.SHADOW))
        assert (decision.mirror, decision.skipped) == (NEW, "")
    decision = decided(call(), capability(reads=Stage.SHADOW, upgrade=False), upgrade=b"websocket")
    assert (decision.mirror, decision.skipped) == (NEW, "")


def test_a_call_that_is_not_sampled_is_not_looked_at_further():
    decision = decided(call(), capability(reads=Stage.SHADOW, shadow=ShadowPlan(0.0)), shadow=True)
    assert (decision.mirror, decision.skipped, decision.sampled) == (None, "not_sampled", False)


@pytest.mark.parametrize(("target", "roll", "kept", "serve", "reason"), [
    (capability(Stage.SHADOW), 0.5, "", OLD, "stage"),
    (capability(share=4832, salt="s", sticky=("header:k",)), 0.5, "", NEW, "split: bucket 4831, modern below 4832"),
    (capability(share=4831, salt="s", sticky=("header:k",)), 0.5, "", OLD, "split: bucket 4831, modern below 4831"),
    (capability(share=0), 0.5, "", OLD, "split: share 0"),
    (capability(share=1, sticky=("claim:x",), on_missing="modern"), 0.5, "", NEW, "split: no key"),
    (capability(share=1, sticky=("claim:x",), on_missing="random"), 0.0, "", NEW, "split: no key, at random"),
    (capability(share=1, sticky=("claim:x",), on_missing="random"), 0.0001, "", OLD, "split: no key, at random"),
    # A login stays at its arm while any share goes to modern, and no longer.
    (capability(share=1), 0.5, "modern", NEW, "split: logged in"),
    (capability(share=10_000), 0.5, "legacy", OLD, "split: logged in"),
    (capability(share=0), 0.5, "modern", OLD, "split: share 0"),
    (capability(Stage.SHADOW), 0.5, "modern", OLD, "stage"),
])
def test_a_decision_says_what_chose_the_arm(target, roll, kept, serve, reason):
    one = call((b"k", "ä".encode("latin-1")))
    decision = decide(admit(one, ()), target, roll, Head(one.request.headers), kept)
    assert (decision.serve, decision.reason, decision.admitted.call) == (serve, reason, one)
    assert decision.log_reason == ("stage" if reason == "stage" else "split")


def test_an_arm_that_is_out_is_passed_by_and_asked_in_the_shadow():
    decision = decided(call(), capability(share=10_000))
    passed = passing_by(decision)
    assert (passed.serve, passed.mirror, passed.fallback, passed.reason) == (OLD, NEW, None, "ejected")
    unmirrored = passing_by(decided(call(), capability(share=10_000, shadow=None)))
    assert (unmirrored.serve, unmirrored.mirror, unmirrored.fallback) == (OLD, None, None)
    legacy = decided(call(), capability(share=0))
    assert passing_by(legacy) is legacy
