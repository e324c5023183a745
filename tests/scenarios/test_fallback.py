"""In canary, legacy answers a read that modern could not. Never a write."""

import pytest

from tests.backends.upstream import BlackHole, closed_port, never, resets
from tests.backends.wire import Cut, request, response

pytestmark = pytest.mark.proves(47)


def config(legacy_url, modern_url, stage="canary"):
    return f"""
version: 1
server: {{drain: {{grace: 2s}}}}
upstreams:
  legacy: {{url: "{legacy_url}"}}
  modern: {{url: "{modern_url}", timeouts: {{connect: 300ms, first_byte: 300ms, between_bytes: 300ms}},
            ejection: {{failures: 0, for: 1s}}}}
capabilities:
  results:
    owner: results-team
    operations:
      read: {{method: [GET, HEAD], path: "/results/{{id}}"}}
      search: {{method: POST, path: /results/_search, safe: true}}
      add: {{method: POST, path: /results}}
    legacy: legacy
    modern: modern
    stage: {stage}
    writes: {"canary" if stage == "canary" else "legacy"}
    split: {{percent: 100%, sticky: [client_ip]}}
default: {{upstream: legacy}}
"""


@pytest.fixture
def canary(gateway, legacy, modern):
    legacy.answers(response(200, body=b"legacy"))
    modern.answers(response(200, body=b"modern"))
    return gateway(config(legacy.url, modern.url))


def status(number):
    def handler(wire, asked):
        wire.read_body(asked)
        wire.send(response(number, ("X-From", "modern"), body=b"modern is unwell"))
    return handler


def broken(wire, asked):
    wire.send(b"nonsense\r\n\r\n")
    wire.close()


def fell_back(reply):
    return (reply.status, reply.body, reply.get("X-Figway-Fallback")) == (200, b"legacy", "legacy")


def test_modern_serves_while_it_is_well(canary):
    reply = canary.ask("GET", "/results/1")
    assert (reply.body, reply.get("X-Figway-Fallback")) == (b"modern", None)


@pytest.mark.parametrize("fails", [never, resets, broken, status(502), status(503), status(504)],
                         ids=["no answer", "a reset", "garbage", "502", "503", "504"])
def test_a_read_that_modern_fails_is_answered_by_legacy_and_labelled(canary, legacy, modern, fails):
    modern.does(fails)
    assert fell_back(canary.ask("GET", "/results/1"))
    assert fell_back(canary.ask("POST", "/results/_search", body=b"name"))

    assert legacy.asked[1].body == b"name"
    assert canary.metric("figway_fallbacks_total", capability="results") == 2
    canary.stop()
    assert [line.get("fallback") is not None for line in canary.log() if line["event"] == "request"] == [True, True]


def test_a_read_falls_back_when_modern_is_down(gateway, legacy):
    legacy.answers(response(200, body=b"legacy"))
    hole = BlackHole()
    for url in [f"http://127.0.0.1:{closed_port()}", hole.url]:
        assert fell_back(gateway(config(legacy.url, url)).ask("GET", "/results/1"))
    hole.close()


def test_a_search_sent_in_chunks_falls_back_whole(canary, legacy, modern):
    modern.does(resets)
    reply = canary.say(request("POST", "/results/_search", ("Transfer-Encoding", "chunked"),
                               body=b"3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n"))
    assert fell_back(reply)
    assert legacy.asked[0].body == b"abcdef"


@pytest.mark.parametrize(("fails", "expected"), [(never, 504), (resets, 502), (broken, 502), (status(503), 503)],
                         ids=["no answer", "a reset", "garbage", "503"])
def test_a_write_never_falls_back(canary, legacy, modern, fails, expected):
    modern.does(fails)
    assert canary.ask("POST", "/results", body=b"x").status == expected
    assert legacy.asked == []
    assert modern.targets().count("/results") == 1


@pytest.mark.parametrize("number", [400, 401, 404, 429, 500, 501])
def test_any_other_status_is_modern_answering(canary, legacy, modern, number):
    modern.does(status(number))
    reply = canary.ask("GET", "/results/1")
    assert (reply.status, reply.get("X-From")) == (number, "modern")
    assert legacy.asked == []


def test_an_answer_that_has_begun_is_not_replaced(canary, legacy, modern):
    def modern_leaves(wire, asked):
        wire.send(response(200, ("Content-Length", "100"), body=b"begun"))
        wire.silent(0.1)
        wire.reset()

    modern.does(modern_leaves)
    with pytest.raises(Cut):
        canary.ask("GET", "/results/1")
    assert legacy.asked == []


def test_a_failing_fallback_is_told_as_it_is(canary, legacy, modern):
    for one in (legacy, modern):
        one.does(resets)
    assert canary.ask("GET", "/results/1").status == 502
    assert (len(modern.asked), len(legacy.asked)) == (1, 1)


def test_fallbacks_have_a_budget(canary, legacy, modern):
    modern.does(resets)
    statuses = [canary.ask("GET", f"/results/{number}").status for number in range(60)]
    assert set(statuses) == {200, 502}
    assert len(legacy.asked) == statuses.count(200) < 40


def test_modern_alone_has_no_fallback(gateway, legacy, modern):
    modern.does(resets)
    assert gateway(config(legacy.url, modern.url, stage="modern")).ask("GET", "/results/1").status == 502
    assert legacy.asked == []
