"""A flip puts other stages behind the same paths: the table that comes of it is the one that a reload would make."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.capability import Capability, Operation
from gateway.routes import Paths
from gateway.routing import Ambiguous, RouteTable
from gateway.stage import Stage
from tests.gateway.test_reading import GATES, OLD, ask, capability, operation, table

SAFE = st.sampled_from(list(Stage))
UNSAFE = st.sampled_from([Stage.LEGACY, Stage.CANARY, Stage.MODERN, Stage.RETIRED])
PATHS = ["/a", "/A", "/a/{x}", "/{y}/b", "/a/b", "/{rest*}", "/a;v=1"]
TARGETS = ["/a", "/A", "/a/b", "/a/B", "/a/", "/a;v=1", "/%61/b", "/x/b", "/a/./b", "/", "/a?q=1&q=2", "/b/b?q=2"]
OPERATIONS = st.lists(st.builds(
    lambda name, path, methods, query: operation(name, path, *methods, query=query),
    st.sampled_from("opqr"), st.sampled_from(PATHS), st.sampled_from([(), ("GET",), ("POST",)]),
    st.sampled_from([(), (("q", "1"),), (("q", "2"),)])), min_size=1, max_size=4)
CAPABILITIES = st.lists(st.tuples(OPERATIONS, st.sampled_from([(), GATES[:1], GATES])), min_size=1, max_size=3)


def found(routes, request):
    """What a request is, with who would answer it; or the code of its refusal."""
    try:
        match = routes.match(request)
    except Ambiguous as ambiguous:
        return ambiguous.code
    one = match.target.capability
    return one.name, match.target.operation, match.captures, one.stage(safe=True), one.stage(safe=False)


@given(CAPABILITIES, st.lists(st.tuples(st.integers(0, 2), SAFE, UNSAFE), min_size=1, max_size=4))
def test_any_flips_come_to_what_a_reload_would_make(written, flips):
    every = [capability(f"c{at}", *operations, policies=policies)
             for at, (operations, policies) in enumerate(written)]
    flipped = table(*every)
    for at, reads, writes in flips:
        name = f"c{at % len(every)}"
        flipped = flipped.with_stages({name: (reads, writes, flipped.capabilities[name].stands[2])})
    fresh = RouteTable([one.at(flipped.capabilities[one.name].reads, flipped.capabilities[one.name].writes)
                        for one in every], flipped.default)
    for target in TARGETS:
        for method in ("GET", "POST"):
            request = ask(method, target)
            assert found(flipped, request) == found(fresh, request)
            assert [(one.target.operation, one.why) for one in flipped.explain(request)] == [
                (one.target.operation, one.why) for one in fresh.explain(request)]
    assert [(one.operation, other.operation) for one, other in flipped.alike()] == [
        (one.operation, other.operation) for one, other in fresh.alike()]


def test_a_request_keeps_the_table_that_it_started_with():
    before = table(capability("labs", operation("read", "/labs", "GET")))
    after = before.with_stages({"labs": (Stage.VERIFY, Stage.LEGACY, 0)})
    request = ask("GET", "/labs")
    assert before.match(request).target.capability.stage(safe=True) == "legacy"
    assert after.match(request).target.capability.stage(safe=True) == "verify"
    assert after.capabilities["labs"].reads is Stage.VERIFY
    assert before.capabilities["labs"].reads is Stage.LEGACY


def test_stages_that_are_in_force_already_change_nothing():
    routes = table(capability("labs", operation("read", "/labs")))
    there = routes.capabilities["labs"].stands
    assert routes.with_stages({"labs": there, "unknown": (Stage.MODERN, Stage.MODERN, 0)}) is routes


def test_a_share_alone_is_a_change():
    routes = table(capability("labs", operation("read", "/labs")))
    reads, writes, share = routes.capabilities["labs"].stands
    flipped = routes.with_stages({"labs": (reads, writes, share + 1)})
    assert flipped.capabilities["labs"].split.share == share + 1
    assert routes.capabilities["labs"].split.share == share


def test_a_flip_makes_no_path_anew():
    routes = table(capability("labs", operation("read", "/labs/{id}")), capability("notes", operation("get", "/notes")))
    flipped = routes.with_stages({"labs": (Stage.MODERN, Stage.MODERN, 0)})
    assert isinstance(flipped._paths, Paths)
    assert flipped._paths is routes._paths
    # What did not change is the same object, and costs a flip nothing.
    assert flipped.match(ask("GET", "/notes")).target is routes.match(ask("GET", "/notes")).target


@pytest.mark.parametrize(("change", "reads", "writes"), [
    ({"modern": None}, Stage.MODERN, Stage.LEGACY), ({"modern": None}, Stage.LEGACY, Stage.MODERN),
    ({"legacy": None}, Stage.LEGACY, Stage.MODERN), ({"split": None}, Stage.CANARY, Stage.LEGACY),
])
def test_a_stage_that_lacks_an_arm_or_a_split_is_refused(change, reads, writes):
    whole = capability("labs", operation("read", "/labs"), reads=Stage.MODERN, writes=Stage.MODERN)
    default = Capability("_default", "", (Operation("_default"),), OLD)
    routes = RouteTable([dataclasses.replace(whole, **change)], default)
    with pytest.raises(ValueError, match="labs lacks an arm or a split"):
        routes.with_stages({"labs": (reads, writes, 0)})
