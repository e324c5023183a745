"""Deprecations are said to everybody, the arm to permitted callers alone; and no comparison sees either."""

import hashlib
import threading
from email.utils import parsedate_to_datetime

import pytest

from tests.backends.figway import running
from tests.backends.upstream import closed_port, until
from tests.backends.wire import PATIENCE, request, response

KEYS = {"probe": "a key of a prober", "lab": "a key of a laboratory"}
HOST = ("Host", "clinic.example")
COURTESY = {b"deprecation", b"sunset", b"link", b"server-timing", b"x-figway-arm"}
BODY = ("Content-Type", "text/plain")


def config(legacy, modern, insight='["principal:apikey:probe", "address:203.0.113.0/24"]'):
    keys = ", ".join(f'{name}: "sha256:{hashlib.sha256(key.encode()).hexdigest()}"' for name, key in KEYS.items())
    deprecation = ('deprecation: {since: 2026-03-01, sunset: 2027-03-01T06:00:00Z, sunset_link: /end, '
                   'link: "https://clinic.example/why"}')
    return f"""
version: 1
server: {{drain: {{grace: 2s}}, trusted_hops: 1, trusted_fields: x-forwarded, insight: {insight}}}
upstreams:
  legacy: {{url: "{legacy}"}}
  modern: {{url: "{modern}", ejection: {{failures: 0, for: 1s}}}}
  down: {{url: "http://127.0.0.1:{closed_port()}", ejection: {{failures: 0, for: 1s}}}}
policies: {{partners: {{apikey: {{keys: {{{keys}}}}}}}}}
capabilities:
  old:
    owner: tests
    operations: {{read: {{path: "/old/{{id}}"}}}}
    legacy: legacy
    modern: modern
    stage: shadow
    shadow: {{sample: 100%, recheck: {{after: []}}}}
    {deprecation}
  keyed:
    owner: tests
    operations: {{read: {{path: "/keyed/{{id}}"}}}}
    legacy: legacy
    stage: legacy
    policies: [partners]
    limits: {{body: 10B}}
    {deprecation}
  falling:
    owner: tests
    operations: {{read: {{path: "/falling/{{id}}"}}}}
    legacy: legacy
    modern: down
    stage: canary
    split: {{percent: 100%, sticky: [client_ip]}}
  broken:
    owner: tests
    operations: {{read: {{path: "/broken/{{id}}"}}}}
    legacy: down
    stage: legacy
default: {{upstream: legacy, policies: []}}
"""


@pytest.fixture(scope="module")
def figway(everlasting_legacy, everlasting_modern, tmp_path_factory):
    folder = tmp_path_factory.mktemp("courtesy")
    with running(folder, config(everlasting_legacy.url, everlasting_modern.url)) as figway:
        yield figway


@pytest.fixture
def modern(everlasting_modern):
    everlasting_modern.forget()
    yield everlasting_modern
    assert everlasting_modern.failures == []


def added(answer):
    return {name.lower() for name, _ in answer.headers} & COURTESY


def links(answer):
    return answer.headers.get_all(b"link")


def settled(figway, exchanges=0):
    """How many exchanges were to be compared, at least so many, and how many matched, once all have an outcome."""
    until(lambda: figway.eligible() >= exchanges and not figway.metric("figway_shadow_unfinished"), "no outcome yet")
    return figway.eligible(), figway.metric("figway_shadow_total", outcome="match")


def test_each_answer_of_a_deprecated_capability_says_so(figway, legacy, modern):
    legacy.answers(response(200, BODY, ("Link", '</2>; rel="next"'), body=b"x"))
    modern.answers(response(200, BODY, ("Link", '</2>; rel="next"'), body=b"x"))
    exchanges, matches = settled(figway)
    answer = figway.ask("GET", "/old/1", HOST)
    assert answer.get("Deprecation") == "@1772323200"
    assert parsedate_to_datetime(answer.get("Sunset")).isoformat() == "2027-03-01T06:00:00+00:00"
    assert links(answer) == [b'</2>; rel="next"', b'<https://clinic.example/why>; rel="deprecation"',
                             b'</end>; rel="sunset"']
    assert added(answer) == COURTESY - {b"server-timing", b"x-figway-arm"}
    assert settled(figway, exchanges + 1) == (exchanges + 1, matches + 1)


def test_refusals_say_so_too(figway, legacy):
    assert figway.ask("GET", "/keyed/1", HOST).get("Deprecation") == "@1772323200"
    assert figway.ask("GET", "/keyed/1", HOST, ("X-API-Key", "nobody's")).status == 401
    too_large = figway.ask("POST", "/keyed/1", HOST, body=b"more than ten bytes")
    assert (too_large.status, too_large.get("Deprecation")) == (413, "@1772323200")


def test_what_the_upstream_says_stays(figway, legacy, modern):
    said = [BODY, ("Deprecation", "@1"), ("Link", '</own>; rel="deprecation"')]
    legacy.answers(response(200, *said, body=b"x"))
    modern.answers(response(200, *said, body=b"x"))
    answer = figway.ask("GET", "/old/1", HOST)
    assert answer.get("Deprecation") == "@1"
    assert answer.get("Sunset") is not None
    assert links(answer) == [b'</own>; rel="deprecation"', b'</end>; rel="sunset"']


def test_a_304_keeps_the_links_of_a_cache(figway, legacy, modern):
    legacy.answers(response(304, ("ETag", '"1"')))
    modern.answers(response(304, ("ETag", '"1"')))
    answer = figway.ask("GET", "/old/1", HOST, ("If-None-Match", '"1"'))
    assert (answer.status, links(answer), answer.get("Deprecation")) == (304, [], "@1772323200")


def test_other_capabilities_say_nothing(figway, legacy):
    legacy.answers(response(200, BODY, body=b"x"))
    assert added(figway.ask("GET", "/elsewhere", HOST)) == set()
    assert added(figway.ask("GET", "/falling/1", HOST)) == set()


def test_only_a_permitted_caller_sees_the_arm(figway, legacy):
    legacy.answers(response(200, BODY, ("Server-Timing", "db;dur=1"), body=b"x"))
    seen = figway.ask("GET", "/keyed/1", HOST, ("X-API-Key", KEYS["probe"]))
    assert seen.get("X-Figway-Arm") == "legacy"
    own, ours = seen.headers.get_all(b"server-timing")
    assert (own, ours.startswith(b"figway;dur="), ours.endswith(b';desc="legacy"')) == (b"db;dur=1", True, True)
    other = figway.ask("GET", "/keyed/1", HOST, ("X-API-Key", KEYS["lab"]))
    assert (other.status, other.get("X-Figway-Arm"), other.headers.get_all(b"server-timing")) == (
        200, None, [b"db;dur=1"])
    refused = figway.ask("GET", "/keyed/1", HOST, ("X-API-Key", "nobody's"))
    assert (refused.status, refused.get("Server-Timing")) == (401, None)


def test_an_address_is_the_one_that_a_trusted_proxy_reports(figway, legacy):
    legacy.answers(response(200, BODY, body=b"x"))
    seen = figway.ask("GET", "/falling/1", HOST, ("X-Forwarded-For", "203.0.113.9"))
    assert (seen.get("X-Figway-Arm"), seen.get("X-Figway-Fallback")) == ("legacy", "legacy")
    assert figway.ask("GET", "/", HOST, ("X-Forwarded-For", "203.0.113.9")).get("X-Figway-Arm") == "legacy"
    for forged in ("203.0.113.9, 192.0.2.1", "", "unknown"):
        assert added(figway.ask("GET", "/falling/1", HOST, ("X-Forwarded-For", forged))) == set()


def test_an_answer_of_the_gateway_names_the_arm_that_failed(figway):
    answer = figway.ask("GET", "/broken/1", HOST, ("X-Forwarded-For", "203.0.113.9"))
    assert (answer.status, answer.get("X-Figway-Arm")) == (502, "legacy")
    assert answer.get("Server-Timing").startswith("figway;dur=")


def test_what_a_client_forges_is_not_passed_on(figway, legacy):
    legacy.answers(response(200, BODY, body=b"x"))
    figway.ask("GET", "/", HOST, ("X-Figway-Arm", "modern"), ("X_Figway_Arm", "modern"), ("x-figway-insight", "1"))
    assert not [name for name, _ in legacy.asked[-1].headers if b"figway-arm" in name.lower().replace(b"_", b"-")]


def test_a_comparison_sees_none_of_it(figway, legacy, modern):
    legacy.answers(response(200, BODY, body=b"x"))
    modern.answers(response(200, BODY, ("Server-Timing", "db;dur=1"), ("X-Figway-Arm", "inner"), body=b"x"))
    exchanges, matches = settled(figway)
    seen = figway.ask("GET", "/old/1", HOST, ("X-Forwarded-For", "203.0.113.9"))
    assert added(seen) == COURTESY
    assert settled(figway, exchanges + 1) == (exchanges + 1, matches + 1)


def test_a_reload_begins_and_ends_it(gateway, legacy, modern):
    legacy.answers(response(200, BODY, body=b"x"))
    begun = config(legacy.url, modern.url, '["address:127.0.0.1"]').replace(
        "trusted_hops: 1, trusted_fields: x-forwarded, ", "")
    figway = gateway(begun)
    assert figway.ask("GET", "/", HOST).get("X-Figway-Arm") == "legacy"
    figway.reload(begun.replace('["address:127.0.0.1"]', "[]").replace("since: 2026-03-01,", "since: 2026-03-02,"))
    until(lambda: added(figway.ask("GET", "/", HOST)) == set(), "the reload changes nothing")
    assert figway.ask("GET", "/old/1", HOST).get("Deprecation") == "@1772409600"


def test_a_stream_passes_piece_by_piece(figway, legacy):
    read = threading.Event()

    def streams(wire, asked):
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
                  b"5\r\nfirst\r\n")
        assert read.wait(PATIENCE)
        wire.send(b"4\r\nlast\r\n0\r\n\r\n")

    legacy.does(streams)
    wire = figway.connect().send(request("GET", "/keyed/1", HOST, ("X-API-Key", KEYS["probe"])))
    _, _, headers = wire.read_head()
    assert (headers.get(b"deprecation"), headers.get(b"x-figway-arm")) == (b"@1772323200", b"legacy")
    assert wire.read(10) == b"5\r\nfirst\r\n"
    read.set()
    assert wire.read(14) == b"4\r\nlast\r\n0\r\n\r\n"


def test_a_tunnel_begins_with_it(figway, legacy):
    def upgrades(wire, asked):
        wire.send(b"HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello")
        wire.close()

    legacy.does(upgrades)
    wire = figway.connect().send(request("GET", "/keyed/1", HOST, ("X-API-Key", KEYS["probe"]), (
        "Connection", "Upgrade"), ("Upgrade", "websocket")))
    reply = wire.read_reply()
    assert (reply.status, reply.get("Deprecation"), reply.get("X-Figway-Arm")) == (101, "@1772323200", "legacy")
    assert wire.rest() == b"hello"


def test_a_pipelined_answer_has_its_own(figway, legacy, modern):
    legacy.answers(response(200, BODY, body=b"x"))
    modern.answers(response(200, BODY, body=b"x"))
    wire = figway.connect()
    wire.send(request("GET", "/old/1", HOST) + request("GET", "/", HOST) + request("GET", "/old/2", HOST))
    answers = [wire.read_reply("GET") for _ in range(3)]
    assert [answer.get("Deprecation") for answer in answers] == ["@1772323200", None, "@1772323200"]
