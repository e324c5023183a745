"""The lane's way back into the gateway: which arm is asked, and when nobody is."""

import pytest

from adapters.base import AdapterError
from adapters.message import Headers, Request
from gateway.call import Arrival, Head
from gateway.capability import Arm, Capability, Match, Operation, Target
from gateway.mirroring import Way, ask_mirror
from gateway.transports.http.upstream import Upstream
from gateway.transports.settings import UpstreamSettings
from shadow.lane.mirror import Mirror
from shadow.plan import ShadowPlan
from tests.shadow.exchanges import answer

READ = Request("GET", b"/results/7", Headers([(b"Host", b"clinic")]))


class Refusing:
    """An adapter that takes no request."""

    def operations(self):
        return None

    def request(self, operation, params, request):
        raise AdapterError("request", "the id is too long")


def arm(name, adapter=None, healthy=True):
    """An arm that no test reaches: its endpoint is nobody's."""
    upstream = Upstream(UpstreamSettings(name, ("http://127.0.0.1:1",)))
    for asked in (upstream, upstream.for_mirrors()):
        for endpoint in asked.endpoints:
            endpoint.health.healthy = healthy
    return Arm(name, upstream, adapter)


def heard(name, legacy=None, modern=None, said=None, extra=False):
    """What is heard, as soon as an arm is asked, and whether there is anything to cancel."""
    capability = Capability("results", "", (Operation("read", "/results/{id}"),), legacy, modern)
    match = Match(Target(capability, capability.operations[0], ("id",)), (b"7",))
    way = Way(match, Arrival(READ, Head(READ.headers, host=b"clinic"), "0" * 32), said)
    one = Mirror("results", "read", READ, answer("legacy"), name, "0" * 32, 1.0, way, ShadowPlan(1.0))
    found = []
    cancel = ask_mirror(one, name, extra, found.append)
    return found, cancel


def test_an_observation_in_hand_is_not_asked_for():
    said = answer("modern", status=503)
    assert heard("modern", arm("legacy"), arm("modern"), said=said) == ([said], None)


def test_a_call_beyond_it_is_made_all_the_same():
    """Where both arms are asked again, what modern had done before the fallback is no answer."""
    [again], cancel = heard("modern", arm("legacy"), arm("modern", healthy=False), said=answer("modern"), extra=True)
    assert (again.arm, again.failure.kind, cancel) == ("modern", "no_endpoint", None)


@pytest.mark.parametrize("name", ["legacy", "modern"])
def test_an_arm_that_there_is_not_is_not_asked(name):
    assert heard(name) == ([None], None)


def test_legacy_is_not_asked_beyond_what_it_must_while_an_endpoint_is_out():
    assert heard("legacy", arm("legacy", healthy=False), extra=True) == ([None], None)
    [found], _ = heard("legacy", arm("legacy", healthy=False))
    assert found.failure.kind == "no_endpoint"


def test_an_adapter_that_takes_no_request_is_observed_and_nothing_is_sent():
    [found], cancel = heard("modern", arm("legacy"), arm("modern", Refusing()))
    assert (found.arm, found.status, cancel) == ("modern", 0, None)
    assert (found.failure.kind, found.failure.source, found.failure.detail) == (
        "adapter", "request", "the id is too long")
