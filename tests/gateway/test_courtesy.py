"""What the gateway says in answers: deprecations, and the arm to those who may see it."""

from ipaddress import ip_network

import pytest

from adapters.message import Headers, Request
from gateway.call import Call, Principal
from gateway.courtesy import Courtesy, Insight, shown
from gateway.outlet import Courteous
from gateway.telemetry.record import Account
from gateway.testing import Sent, check_outlet

ONCE = ((b"Deprecation", b"@1772323200"), (b"Sunset", b"Mon, 01 Mar 2027 00:00:00 GMT"))
LINKS = (("deprecation", (b"Link", b'</why>; rel="deprecation"')), ("sunset", (b"Link", b'</end>; rel="sunset"')))
WHOLE = Courtesy(ONCE, LINKS)


def call(client="192.0.2.7", subject=None, **claims):
    principal = None if subject is None else Principal("jwt", subject, claims)
    return Call(Request("GET", b"/", Headers()), "labs", "read", True, client, principal=principal)


def account(arm="legacy"):
    account = Account("GET", "", "", 100.0)
    account.arm = arm
    account.arm_started = 100.5
    return account


def sent(courtesy, *fields, status=200, by=None, arm="legacy"):
    """The names and values that an outlet adds to an answer with these fields."""
    outlet = Sent()
    given = Headers(fields)
    Courteous(outlet, courtesy, account(arm), by or call()).send_head(status, b"OK", given, 0)
    assert given == Headers(fields)  # the Witness has these
    return outlet.headers


def test_the_outlet_keeps_the_contract():
    check_outlet(lambda outlet: Courteous(outlet, WHOLE, account(), call()))


def test_an_answer_says_that_its_capability_is_deprecated():
    assert sent(WHOLE, (b"X", b"y")) == [(b"X", b"y"), *ONCE, LINKS[0][1], LINKS[1][1]]


@pytest.mark.parametrize(("said", "left"), [
    ((b"deprecation", b"@1"), [ONCE[1], LINKS[0][1], LINKS[1][1]]),
    ((b"SUNSET", b"Sun, 06 Nov 1994 08:49:37 GMT"), [ONCE[0], LINKS[0][1], LINKS[1][1]]),
    ((b"Link", b'</more>; rel="next"'), [*ONCE, LINKS[0][1], LINKS[1][1]]),
    ((b"link", b'</more>; rel=next, </own>; rel="Help Deprecation"; type="text/html"'), [*ONCE, LINKS[1][1]]),
    ((b"Link", b'</own>;rel="sunset"'), [*ONCE, LINKS[0][1]]),
    ((b"Link", b"broken <"), [*ONCE, LINKS[0][1], LINKS[1][1]]),
])
def test_what_the_upstream_says_of_itself_stays_and_is_not_said_again(said, left):
    assert sent(WHOLE, said) == [said, *left]


def test_a_304_has_no_link_that_would_replace_those_that_a_cache_keeps():
    assert sent(WHOLE, status=304) == [*ONCE]


def test_nothing_to_say_leaves_the_fields_themselves():
    given = Headers([(b"X", b"y")])
    assert Courtesy().added(200, given) is given
    assert sent(Courtesy(insight=Insight(principals=frozenset({("jwt", "other")}))), (b"X", b"y")) == [(b"X", b"y")]


INSIGHT = Insight((ip_network("10.0.0.0/8"), ip_network("2001:db8::/32")),
                  frozenset({("jwt", "probe"), ("apikey", "anna")}), (("role", "tester"), ("level", "7")))


@pytest.mark.parametrize("by", [
    call("10.1.2.3"), call("2001:db8::7"), call(subject="probe"), call(subject="anna", role="tester"),
    call(subject="anna", role=["nurse", "tester"]), call(subject="anna", level=7),
])
def test_a_permitted_caller_sees_the_arm(by):
    assert INSIGHT.permits(by)


@pytest.mark.parametrize("by", [
    call("11.0.0.1"), call(""), call("probe"), call("2001:db9::7"), call(subject="anna"), call(subject="role=tester"),
    call(subject="anna", role="tester x"), call(subject="anna", role={"tester": 1}), call(subject="anna", level=True),
])
def test_nobody_else_does(by):
    assert not INSIGHT.permits(by)


def test_the_arm_and_the_times_stand_in_the_answer():
    fields = shown(Headers([(b"X", b"y")]), account("modern"), 101.0)
    assert fields == [(b"X", b"y"), (b"X-Figway-Arm", b"modern"),
                      (b"Server-Timing", b'figway;dur=1000.000, arm;dur=500.000;desc="modern"')]


def test_where_no_arm_was_asked_there_is_only_the_whole_time():
    assert shown(Headers(), account(""), 101.0) == [(b"Server-Timing", b"figway;dur=1000.000")]


def test_an_upstreams_timing_stays_and_its_word_for_the_arm_does_not():
    kept = (b"Server-Timing", b"db;dur=3")
    fields = shown(Headers([kept, (b"x-figway-arm", b"forged")]), account(), 101.0)
    assert fields[:2] == [kept, (b"X-Figway-Arm", b"legacy")]
    assert len(fields) == 3
