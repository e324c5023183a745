"""The rate limit: exact against a model that knows only the rule, bounded, and plain about where a client stands."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.message import Headers, Request
from gateway.call import Call, Principal
from gateway.policies.ratelimit import SECOND, RateLimit
from gateway.policies.testing import check_policy
from gateway.services import Clock as Clocks
from gateway.services import Services


class Clock:
    now = 5 * SECOND

    def __call__(self):
        return self.now


def make(clock=None, **options):
    return RateLimit("fair", RateLimit.Options(**options), Services(Clocks(monotonic_ns=clock or Clock())))


def call(client="192.0.2.1", headers=(), principal=None):
    return Call(Request("GET", b"/", Headers(headers)), "results", "read", True, client, principal=principal)


def admitted(policy, **given):
    return policy.admit(call(**given)) is None


def fields(policy, **given):
    made = call(**given)
    verdict = policy.admit(made)
    return dict(made.response_headers or () if verdict is None else verdict.headers)


@pytest.mark.slow
def test_it_satisfies_the_contract():
    check_policy(lambda: make(rate="2/1m"), call())
    check_policy(lambda: make(rate="1000000/s", key="header:X-Tenant"), call(headers=[(b"X-Tenant", b"a")]))
    check_policy(lambda: make(rate="3/1h", burst=1, key="principal"), call(principal=Principal("jwt", "ann")))


@settings(deadline=None)
@given(
    st.integers(1, 7), st.integers(1, 3), st.integers(1, 9),
    st.lists(st.tuples(st.integers(0, 2 * SECOND), st.sampled_from("ab")), max_size=60),
)
def test_it_admits_exactly_what_a_leaking_bucket_would(limit, window, burst, steps):
    clock = Clock()
    policy = make(clock, rate=f"{limit}/{window}s", burst=burst)
    levels, seen = {}, {}
    for wait, client in steps:
        clock.now += wait
        # The bucket leaks `limit` calls a window; a call fits while the level, with it, is at most `burst`.
        leaked = Fraction((clock.now - seen.get(client, clock.now)) * limit, window * SECOND)
        level = max(Fraction(0), levels.get(client, Fraction(0)) - leaked)
        fits = level + 1 <= burst
        levels[client], seen[client] = level + fits, clock.now
        made = call(client)
        verdict = policy.admit(made)
        assert (verdict is None) == fits
        told = dict(made.response_headers or () if fits else verdict.headers)
        left = int(burst - level - 1) if fits else 0
        rest = (level + 1) if fits else (level + 1 - burst)
        seconds = -(-(rest * window) // limit)
        assert told[b"RateLimit"] == b'"fair";r=%d;t=%d' % (left, seconds)


def test_the_burst_comes_at_once_and_then_the_rate():
    clock = Clock()
    policy = make(clock, rate="60/1m", burst=3)
    assert [admitted(policy) for _ in range(4)] == [True, True, True, False]
    clock.now += SECOND - 1
    assert not admitted(policy)
    clock.now += 1
    assert [admitted(policy) for _ in range(2)] == [True, False]


def test_a_client_is_told_where_it_stands():
    policy = make(rate="100/1m")
    assert fields(policy) == {b"RateLimit-Policy": b'"fair";q=100;w=60', b"RateLimit": b'"fair";r=99;t=1'}
    policy = make(rate="1/m")
    assert admitted(policy)
    verdict = policy.admit(call())
    assert (verdict.code, verdict.policy) == ("rate_limited", "fair")
    assert dict(verdict.headers) == {
        b"RateLimit-Policy": b'"fair";q=1;w=60', b"RateLimit": b'"fair";r=0;t=60', b"Retry-After": b"60"}


def test_clients_are_told_apart_by_what_the_options_say():
    policy = make(rate="1/m", key="principal")
    ann = Principal("jwt", "ann")
    assert admitted(policy, principal=ann)
    assert not admitted(policy, client="192.0.2.9", principal=ann)
    assert admitted(policy, principal=Principal("apikey", "ann"))
    assert admitted(policy, client="192.0.2.9")
    assert not admitted(policy, client="192.0.2.9")

    policy = make(rate="1/m", key="header:X-Tenant")
    long = b"t" * 5000
    assert admitted(policy, headers=[(b"x-tenant", long)])
    assert not admitted(policy, headers=[(b"X-Tenant", long)])
    assert admitted(policy, headers=[(b"X-Tenant", long + b"u")])


@pytest.mark.parametrize(("one", "other", "same"), [
    ("192.0.2.1", "192.0.2.2", False),
    ("192.0.2.1", "::ffff:192.0.2.1", True),
    ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
    ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
    ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
    ("fe80::1%eth0", "fe80::2%eth1", True),
    ("not:an:address", "not:an:addres", False),
])
def test_an_ipv6_client_is_its_network(one, other, same):
    policy = make(rate="1/m")
    assert admitted(policy, client=one)
    assert admitted(policy, client=other) is not same


def test_no_more_clients_are_remembered_than_the_bound():
    clock = Clock()
    policy = make(clock, rate="1/m", max_clients=10)
    for number in range(100):
        assert admitted(policy, client=f"c{number}")
    assert len(policy._arrivals) == 10
    assert not admitted(policy, client="c99")
    # Those at rest are forgotten, two for each new one, and that changes no verdict.
    clock.now += 60 * SECOND
    for number in range(5):
        assert admitted(policy, client=f"d{number}")
    assert len(policy._arrivals) == 5


@pytest.mark.parametrize(("options", "says"), [
    ({"rate": "many"}, "^rate: "), ({"rate": "0/1m"}, "^rate: "), ({"rate": "5/250ms"}, "^rate: "),
    ({"rate": "5/1.5s"}, "^rate: "), ({"rate": "5/0s"}, "^rate: "), ({"rate": "5/1..s"}, "^rate: "),
    ({"rate": "5/s", "burst": 0}, "^burst: "), ({"rate": "5/s", "key": "cookie"}, "^key: "),
    ({"rate": "5/s", "key": "header:"}, "^key: "), ({"rate": "5/s", "max_clients": 0}, "^max_clients: "),
])
def test_options_that_cannot_be_say_which(options, says):
    with pytest.raises(ValueError, match=says):
        make(**options)
