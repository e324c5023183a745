"""What a mirror asks: the client's request, without what is the client's or the other arm's own."""

import zlib

import pytest

from adapters.message import Headers, Request
from gateway.capability import Arm, Capability, Match, Operation, Target
from gateway.question import question
from gateway.transports.http.upstream import Upstream
from gateway.transports.settings import UpstreamSettings
from shadow.compare.bodies import CODINGS, decoded
from shadow.plan import ShadowPlan
from shadow.preconditions import is_conditional
from tests.shadow.exchanges import answer

LEGACY = Arm("legacy", Upstream(UpstreamSettings("legacy", ("http://127.0.0.1:1",))))
OPERATION = Operation("read", "/results/{id}")


class Clinic:
    """A policy that takes a key from a field of its own."""

    credentials = (b"x-clinic",)


def asked(*fields, target=b"/results/7", method="GET", body=b"", served=200, own=False, plain=True, passes=False,
          conditions=False):
    """What is asked, from a request with these fields."""
    capability = Capability("results", "", (OPERATION,), LEGACY, policies=(Clinic(),),
                            shadow=ShadowPlan(1.0, pass_credentials=passes))
    match = Match(Target(capability, OPERATION, ("id",)), (target.rpartition(b"/")[2].partition(b"?")[0],))
    original = Request(method, target, Headers([(b"Host", b"clinic"), *fields]), body)
    return question(match, original, served, own=own, plain=plain, conditions=conditions), original


def names(found):
    return [name for name, _ in found.request.headers]


def test_a_request_that_lacks_nothing_is_the_same_object():
    """Its lines are made already."""
    found, original = asked((b"Accept-Encoding", b"gzip, deflate;q=0.5, identity"))
    assert found.request is original


@pytest.mark.parametrize("field", [b"If-None-Match", b"If-Modified-Since", b"If-Match", b"If-Unmodified-Since",
                                   b"If-Range"])
def test_conditions_are_put_to_modern_alone_and_the_tag_of_a_range_to_nobody(field):
    is_condition = field != b"If-Range"
    for own in (False, True):
        assert names(asked((field, b"x"), own=own)[0]) == [b"Host"]
        assert names(asked((field, b"x"), own=own, conditions=True)[0]) == [b"Host", *([field] * is_condition)]
    assert is_conditional(asked((field, b"x"))[1]) is is_condition


def test_a_wish_to_be_told_to_go_on_is_put_to_the_arm_as_it_came():
    assert names(asked((b"Expect", b"100-continue"))[0]) == [b"Host", b"Expect"]


@pytest.mark.parametrize(("tags", "other"), [
    (b'"abc"', b'"figway"'), (b'W/"3"', b'W/"888888888"'), (b'"888888888"', b'"777777777"'),
    (b'W/"12345678901", "x"', b'W/"88888888888", "figway"'), (b'""', b'"figway"'),
    (b"*", None), (b"3", None), (b'"3', None), (b"", None),
])
def test_where_legacy_has_said_304_modern_is_asked_by_a_tag_that_nobody_has_given(tags, other):
    found, _ = asked((b"If-None-Match", tags), served=304, conditions=True)
    assert found.request.headers.get_all(b"if-none-match") == ([] if other is None else [other])


def test_where_legacy_has_said_304_modern_is_asked_by_a_time_before_anything_was_written():
    since = (b"If-Modified-Since", b"Tue, 15 Nov 1994 08:12:31 GMT")
    found, _ = asked((b"If-None-Match", b'"1"'), (b"if-none-match", b'"a"'), since, served=304, conditions=True)
    assert found.request.headers[1:] == [(b"If-None-Match", b'"888888888", "figway"'),
                                         (b"If-Modified-Since", b"Thu, 01 Jan 1970 00:00:00 GMT")]
    first, _ = asked((b"If-Modified-Since", b"Thu, 01 Jan 1970 00:00:01 GMT"), served=304, conditions=True)
    assert names(first) == [b"Host"], "a file may be of that day"


@pytest.mark.parametrize(("served", "kept"), [(206, [b"Host", b"Range"]), (200, [b"Host"])])
def test_a_range_is_asked_for_only_if_the_client_got_one_by_its_tag(served, kept):
    assert names(asked((b"Range", b"bytes=0-1"), (b"If-Range", b'"1"'), served=served)[0]) == kept
    assert names(asked((b"Range", b"bytes=0-1"), served=served)[0]) == [b"Host", b"Range"]


SECRET = ((b"Authorization", b"Basic eDp5"), (b"X-Auth-Token", b"t"), (b"X-Clinic", b"k"))


def test_credentials_go_to_the_arm_that_had_them_and_to_another_only_if_they_are_passed():
    target = b"/results/7;jsessionid=ABC?access_token=abc&a=1"
    bare, _ = asked(*SECRET, target=target)
    assert (names(bare), bare.request.target, bare.match.captures) == ([b"Host"], b"/results/7?a=1", (b"7",))
    for more in ({"own": True}, {"passes": True}):
        whole, original = asked(*SECRET, target=target, **more)
        assert whole.request is original
        assert whole.match.captures == (b"7;jsessionid=ABC",)


@pytest.mark.parametrize("plain", [True, False])
def test_a_form_is_as_long_as_what_is_left_of_it(plain):
    fields = (b"Content-Type", b"application/x-www-form-urlencoded"), (b"Content-Length", b"12")
    found, _ = asked(*fields, method="POST", body=b"a=1&apikey=2", plain=plain)
    assert found.request.body == b"a=1"
    assert found.request.headers.get(b"content-length") == (b"3" if plain else None)  # an adapter writes its own


@pytest.mark.parametrize(("value", "left"), [
    (b"br, zstd, gzip", b"gzip"), (b"br", b"identity"), (b"GZIP;q=0.8 , br;q=1", b"GZIP;q=0.8"),
    (b"*", b"identity"), (b"gzip, *;q=0", b"gzip, *;q=0"), (b"br, *;q=0.000", b"*;q=0.000"), (b"x-gzip", b"x-gzip"),
])
def test_only_codings_that_can_be_taken_off_are_asked_for(value, left):
    for own in (True, False):
        assert asked((b"Accept-Encoding", value), own=own)[0].request.headers.get(b"accept-encoding") == left


def test_each_coding_that_is_asked_for_is_taken_off():
    packer = zlib.compressobj(wbits=31)
    coded = {"identity": b"{}", "deflate": zlib.compress(b"{}"), "gzip": packer.compress(b"{}") + packer.flush()}
    coded["x-gzip"] = coded["gzip"]
    assert set(coded) == CODINGS
    for coding, body in coded.items():
        assert decoded(answer("modern", body, Content_Encoding=coding)) == b"{}"
