"""Names in single-byte codes pass, encoded and raw, and each upstream gets raw bytes as it wants them."""

import orjson
import pytest

from tests.backends.figway import running
from tests.backends.wire import request


@pytest.fixture(scope="module")
def figway(everlasting_legacy, tmp_path_factory):
    ways = ("pass", "encode", "refuse")
    upstreams = "".join(f'\n  {way}: {{url: "{everlasting_legacy.url}", raw_targets: {way}}}' for way in ways)
    capabilities = "".join(
        f'\n  {way}: {{owner: t, operations: {{any: {{path: "/{way}/{{rest*}}"}}}}, stage: legacy, legacy: {way}}}'
        for way in ways)
    with running(tmp_path_factory.mktemp("figway"), f"""
version: 1
upstreams:{upstreams}
capabilities:{capabilities}
default: {{upstream: pass}}
""") as started:
        yield started


@pytest.mark.proves(16)
@pytest.mark.parametrize("target", [
    "/by-name/IB%C1%D1EZ", "/by-name/%C0NGEL", "/by-name/%CC%C8%CA%CE%CB%C0%AF%C2", "/by-name/%C0.", "/by-name/%c9.",
    "/by-name/%D0%B3%D1%8E?from=%C0%AE%C0%AE", "/1%2E2%2E840/x", "/a%2Fb.", "/by-name/IB\xc1\xd1EZ",
    "/\xc0\xee\xef/\xff",
])
def test_names_in_every_code_arrive_byte_for_byte(figway, legacy, target):
    assert figway.say(request("GET", target)).status == 200
    assert legacy.targets() == [target]


@pytest.mark.proves(17)
@pytest.mark.parametrize("target", [
    "/open/\xc0\xae\xc0\xae/refused", "/open/\xc0%ae./refused", "/open/%252e%252e/refused", "/open/..\xc0\xafrefused",
    "/open/%C0%2E%C0%2E/refused", "/open/%EF%BC%8E%EF%BC%8E/refused", "/open/%fc%80%80%80%80%ae./refused",
    "/open%25%32%66../refused",
])
def test_dot_segments_are_refused_in_any_code(figway, legacy, target):
    reply = figway.say(request("GET", target))
    assert (reply.status, orjson.loads(reply.body)["code"]) == (400, "bad_target")
    assert legacy.asked == []


def test_each_upstream_gets_raw_bytes_as_it_wants_them(figway, legacy):
    raw = "/{}/IB\xc1\xd1EZ/%c1~?q=\xe9%e9&\xc3\xa9"
    assert figway.say(request("GET", raw.format("pass"))).status == 200
    assert figway.say(request("GET", raw.format("encode"))).status == 200
    reply = figway.say(request("GET", raw.format("refuse")))
    assert legacy.targets() == [raw.format("pass"), "/encode/IB%C1%D1EZ/%c1~?q=%E9%e9&%C3%A9"]
    assert (reply.status, orjson.loads(reply.body)["code"]) == (400, "raw_target")
    assert "percent-encode" in orjson.loads(reply.body)["title"]
    assert figway.ask("GET", "/refuse/ib%C1%D1ez").status == 200, "what is encoded is not raw"


def test_raw_bytes_leave_an_upstream_in_good_standing(figway, legacy):
    """What the configuration refuses is no fault of the endpoint, which would be ejected after five."""
    for _ in range(8):
        assert figway.say(request("GET", "/refuse/\xe9")).status == 400
    assert figway.ask("GET", "/refuse/e").status == 200
    assert figway.metric("figway_errors_total", code="raw_target") >= 8
