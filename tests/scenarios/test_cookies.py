"""Two arms behind one host: each sees its own cookies alone, and clients are told their own host."""

from urllib.parse import urlsplit

import orjson
import pytest

from tests.backends.figway import running
from tests.backends.upstream import pours, until
from tests.backends.wire import request, response

OUTCOMES = "figway_shadow_total"
OWN = "cookies: {own: [JSESSIONID]}"
SOCKET = [("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13"),
          ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")]


@pytest.fixture
def modern(everlasting_modern):
    everlasting_modern.forget()
    yield everlasting_modern
    assert everlasting_modern.failures == []


def config(legacy, modern):
    def capability(name, stage, legacy="legacy", modern="modern", more=""):
        return f"""
  {name}:
    owner: t
    operations: {{any: {{path: "/{name}/{{rest*}}"}}}}
    legacy: {legacy}
    modern: {modern}
    stage: {stage}
    {more}"""

    shadow = "shadow: {sample: 100%, credentials: pass, recheck: {after: []}}"
    split = "split: {percent: 100%, sticky: [client_ip]}"
    return f"""
version: 1
server: {{drain: {{grace: 2s}}}}
upstreams:
  legacy: {{url: "{legacy.url}", host: upstream, rewrite: {{location: true, cookie_domain: true}}}}
  modern: {{url: "{modern.url}", host: intern.example, rewrite: {{location: true, cookie_path: {{/app: /}}}}}}
  plain: {{url: "{legacy.url}"}}
capabilities:
{capability("results", "legacy", f"{{upstream: legacy, {OWN}}}", f"{{upstream: modern, {OWN}}}")}
{capability("orders", "modern", more="writes: modern")}
{capability("mirrored", "shadow", more=shadow)}
{capability("verified", "verify", more=shadow)}
{capability("canary", "canary", more=f"{split}{chr(10)}    {shadow}")}
{capability("adapted", "shadow", "{upstream: legacy, adapter: {identity: {}}}", more=shadow)}
{capability("foreign", "legacy", "plain")}
default: {{upstream: legacy}}
"""


@pytest.fixture(scope="module")
def figway(everlasting_legacy, everlasting_modern, tmp_path_factory):
    with running(tmp_path_factory.mktemp("cookies"), config(everlasting_legacy, everlasting_modern)) as figway:
        yield figway


def cookies(asked):
    """The Cookie fields of a request that an upstream got."""
    return [value.decode() for value in asked.headers.get_all(b"cookie")]


def fields(reply, name):
    return [value.decode() for value in reply.headers.get_all(name.encode())]


def ask(figway, target, *held, host="portal.example", method="GET", body=None):
    """A client's request with the cookies that it holds."""
    given = [("Host", host), *(("Cookie", one) for one in held)]
    return figway.say(request(method, target, *given, body=body), method)


def compared(figway, number):
    """Wait for so many outcomes more than when this was called; returns how to wait."""
    before = figway.metric(OUTCOMES)
    matches = figway.metric(OUTCOMES, outcome="match")

    def ended():
        until(lambda: figway.metric(OUTCOMES) - before >= number, "no outcome")
        return figway.metric(OUTCOMES, outcome="match") - matches

    return ended


def test_each_arm_sets_its_session_beside_the_others(figway, legacy, modern):
    for one in (legacy, modern):
        one.answers(response(200, ("Set-Cookie", "JSESSIONID=s; Path=/; HttpOnly"), ("Set-Cookie", "theme=dark")))
    held = []
    for target, name in (("/results/1", "legacy~JSESSIONID"), ("/orders/1", "modern~JSESSIONID")):
        set_by = fields(ask(figway, target), "set-cookie")
        assert set_by == [f"{name}=s; Path=/; HttpOnly", "theme=dark"]
        held.append(f"{name}=s")
    legacy.forget(), modern.forget()
    for target, upstream in (("/results/1", legacy), ("/orders/1", modern), ("/elsewhere", legacy)):
        ask(figway, target, "; ".join([*held, "theme=dark"]))
        assert cookies(upstream.asked[-1]) == ["JSESSIONID=s; theme=dark"]


def test_an_upstream_without_own_cookies_sees_none_of_them(figway, legacy):
    assert ask(figway, "/foreign/1", "legacy~JSESSIONID=s", "modern~JSESSIONID=t; a=1").status == 200
    assert cookies(legacy.asked[-1]) == ["a=1"]


def test_who_has_a_cookie_from_before_is_not_logged_out(figway, legacy, modern):
    ask(figway, "/results/1", "JSESSIONID=old")
    ask(figway, "/orders/1", "JSESSIONID=old")
    assert (cookies(legacy.asked[-1]), cookies(modern.asked[-1])) == (["JSESSIONID=old"], [])
    legacy.answers(response(200, ("Set-Cookie", "JSESSIONID=new; Path=/; HttpOnly")))
    assert fields(ask(figway, "/results/1", "JSESSIONID=old"), "set-cookie") == [
        "legacy~JSESSIONID=new; Path=/; HttpOnly",
        "JSESSIONID=; Path=/; HttpOnly; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0"]


@pytest.mark.parametrize(("target", "arm", "other"), [
    ("/mirrored/1", "legacy", "modern"), ("/verified/1", "modern", "legacy")])
def test_a_mirror_carries_the_cookies_of_its_own_arm(figway, legacy, modern, target, arm, other):
    upstreams = {"legacy": legacy, "modern": modern}
    for name, one in upstreams.items():
        one.answers(response(200, ("Set-Cookie", f"JSESSIONID={name}; Path=/"), body=b"same"))
    ended = compared(figway, 1)
    reply = ask(figway, target, "legacy~JSESSIONID=l; a=1; modern~JSESSIONID=m")
    assert fields(reply, "set-cookie") == [f"{arm}~JSESSIONID={arm}; Path=/"]
    assert ended() == 1
    assert cookies(legacy.asked[-1]) == ["JSESSIONID=l; a=1"]
    assert cookies(modern.asked[-1]) == ["a=1; JSESSIONID=m"]


def test_a_mirror_to_modern_does_not_carry_a_session_from_before(figway, legacy, modern):
    ended = compared(figway, 1)
    ask(figway, "/mirrored/1", "JSESSIONID=old; a=1")
    ended()
    assert (cookies(legacy.asked[-1]), cookies(modern.asked[-1])) == (["JSESSIONID=old; a=1"], ["a=1"])


def test_a_fallback_asks_legacy_with_its_own_cookies_and_compares_what_was_said(figway, legacy, modern):
    modern.answers(response(503, ("Set-Cookie", "JSESSIONID=m"), ("Location", "http://intern.example/x")))
    legacy.answers(response(200, ("Set-Cookie", "JSESSIONID=l")))
    ended = compared(figway, 1)
    reply = ask(figway, "/canary/1", "legacy~JSESSIONID=1; modern~JSESSIONID=2")
    assert (reply.status, fields(reply, "set-cookie")) == (200, ["legacy~JSESSIONID=l"])
    ended()
    assert (cookies(legacy.asked[-1]), cookies(modern.asked[-1])) == (["JSESSIONID=1"], ["JSESSIONID=2"])


def test_an_adapter_and_its_upstream_know_of_nothing(figway, legacy, modern):
    host = urlsplit(legacy.url).netloc
    for one, name in ((legacy, host), (modern, "intern.example")):
        one.answers(response(201, ("Set-Cookie", "JSESSIONID=n"), ("Location", f"http://{name}/adapted/2")))
    ended = compared(figway, 1)
    reply = ask(figway, "/adapted/1", "legacy~JSESSIONID=l")
    assert fields(reply, "set-cookie") == ["legacy~JSESSIONID=n"]
    assert fields(reply, "location") == ["http://portal.example/adapted/2"]
    assert cookies(legacy.asked[-1]) == ["JSESSIONID=l"]
    assert ended() == 1


def test_a_host_is_no_difference_between_the_arms(figway, legacy, modern):
    for one, name in ((legacy, urlsplit(legacy.url).netloc), (modern, "intern.example")):
        one.answers(response(
            200, ("Content-Location", f"http://{name}/mirrored/1"), ("Refresh", f"5; url=http://{name}/"),
            ("Link", f'<http://{name}/mirrored/?page=2>; rel="next", </x>; rel=up'), body=b"same"))
    ended = compared(figway, 1)
    reply = ask(figway, "/mirrored/1")
    assert (fields(reply, "content-location"), fields(reply, "refresh"), fields(reply, "link")) == (
        ["http://portal.example/mirrored/1"], ["5; url=http://portal.example/"],
        ['<http://portal.example/mirrored/?page=2>; rel="next", </x>; rel=up'])
    assert ended() == 1


def test_domains_and_paths_of_cookies_are_the_clients(figway, legacy, modern):
    legacy.answers(response(200, ("Set-Cookie", "a=1; Domain=127.0.0.1; Path=/app")))
    modern.answers(response(200, ("Set-Cookie", "JSESSIONID=1; Domain=intern.example; Path=/app/")))
    assert fields(ask(figway, "/results/1"), "set-cookie") == ["a=1; Domain=portal.example; Path=/app"]
    assert fields(ask(figway, "/orders/1"), "set-cookie") == ["modern~JSESSIONID=1; Domain=intern.example; Path=/"]


def test_early_hints_name_the_clients_host(figway, legacy):
    name = urlsplit(legacy.url).netloc
    legacy.answers(b"HTTP/1.1 103 Early Hints\r\nLink: <http://%b/a.css>; rel=preload\r\n\r\n" % name.encode()
                   + response(200))
    reply = ask(figway, "/results/1")
    assert fields(reply.interim[0], "link") == ["<http://portal.example/a.css>; rel=preload"]


def test_a_handshake_carries_the_arms_own_cookies_in_both_directions(figway, modern):
    def shakes(wire, asked):
        wire.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                  b"Set-Cookie: JSESSIONID=new\r\n\r\n")
        wire.send(wire.receive())

    modern.does(shakes)
    wire = figway.connect()
    wire.send(request("GET", "/orders/1", ("Host", "portal.example"), *SOCKET,
                      ("Cookie", "legacy~JSESSIONID=l; modern~JSESSIONID=m")))
    reply = wire.read_reply()
    assert (reply.status, fields(reply, "set-cookie")) == (101, ["modern~JSESSIONID=new"])
    assert wire.send(b"ping").receive() == b"ping"
    assert cookies(modern.asked[-1]) == ["JSESSIONID=m"]
    wire.close()


def test_bodies_of_any_size_pass(figway, legacy):
    legacy.does(pours(64 << 20))
    reply = ask(figway, "/results/1", "legacy~JSESSIONID=l", method="POST", body=b"x" * (3 << 20))
    assert (len(reply.body), len(legacy.asked[-1].body)) == (64 << 20, 3 << 20)


def test_whoever_asks_without_a_host_is_told_a_path(figway, legacy):
    legacy.answers(response(302, ("Location", f"{legacy.url}/a"), ("Set-Cookie", "a=1; Domain=127.0.0.1")))
    reply = figway.say(b"GET /results/1 HTTP/1.0\r\n\r\n")
    assert (fields(reply, "location"), fields(reply, "set-cookie")) == (["/a"], ["a=1"])


def test_no_name_or_value_of_a_cookie_is_logged(figway, legacy):
    legacy.answers(response(200, ("Set-Cookie", "JSESSIONID=very-secret"), ("Location", f"{legacy.url}/very-secret")))
    ask(figway, "/results/1", "legacy~JSESSIONID=very-secret; JSESSIONID=very-secret")
    assert b"very-secret" not in orjson.dumps(figway.log())
    assert "very-secret" not in figway.metrics() + figway.stderr()
