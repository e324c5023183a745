"""A connection to an upstream is used again only when nothing speaks against it, and nothing is asked twice by it."""

import signal
import threading

import pytest

from tests.backends.figway import running
from tests.backends.upstream import echo, until
from tests.backends.wire import PATIENCE, request, response

CHUNKED = ("Transfer-Encoding", "chunked")


@pytest.fixture(scope="module")
def pooling(everlasting_legacy, tmp_path_factory):
    """A gateway that never ejects its one endpoint."""
    with running(tmp_path_factory.mktemp("pooling"), f"""
version: 1
server: {{drain: {{grace: 2s}}}}
upstreams:
  legacy: {{url: "{everlasting_legacy.url}", timeouts: {{first_byte: 3s}}, ejection: {{failures: 0, for: 1s}}}}
capabilities:
  declared:
    owner: t
    operations:
      search: {{method: [POST, PATCH], path: /declared/search, safe: true}}
      count: {{method: GET, path: /declared/count, safe: false}}
    legacy: legacy
    stage: legacy
default: {{upstream: legacy}}
""") as figway:
        yield figway


@pytest.mark.proves(8)
def test_bytes_left_over_are_never_the_next_answer(pooling, legacy):
    legacy.answers(response(200, body=b"right") + response(200, body=b"left over"))
    for number in range(10):
        assert pooling.ask("GET", f"/{number}").body == b"right"


@pytest.mark.proves(8)
def test_bytes_that_come_while_a_connection_idles_are_never_the_next_answer(pooling, legacy):
    def legacy_says_more(wire, asked):
        wire.send(response(200, body=b"right"))
        wire.silent(0.05)
        wire.send(response(200, body=b"unasked for"))

    legacy.does(legacy_says_more)
    for number in range(5):
        assert pooling.ask("GET", f"/{number}").body == b"right"
        wire = pooling.connect()
        wire.silent(0.1)
        wire.close()


@pytest.mark.proves(8)
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("first", ["the request", "the bytes"])
@pytest.mark.parametrize("more", [response(200, body=b"unasked for"), response(408), b"x", b""],
                         ids=["an answer", "408", "a byte", "the end"])
def test_bytes_that_come_in_the_turn_of_the_next_request_are_not_its_answer(pooling, legacy, method, first, more):
    """The gateway stands still while both arrive, so that it finds them at once, and sends the request elsewhere."""
    go, gone = threading.Event(), threading.Event()

    def legacy_says_more(wire, asked):
        wire.read_body(asked)
        wire.send(response(200, body=asked.target))
        if asked.target == b"/first":
            go.wait(PATIENCE)
            wire.send(more)
            if not more:
                wire.close()
            gone.set()

    def say_more():
        go.set()
        assert gone.wait(PATIENCE)

    legacy.does(legacy_says_more)
    wire = pooling.connect()
    assert wire.send(request("GET", "/first")).read_reply().body == b"/first"
    next_one = request(method, "/next", body=b"x" if method == "POST" else None)
    steps = [lambda: wire.send(next_one), say_more]
    pooling.process.send_signal(signal.SIGSTOP)
    try:
        for step in steps if first == "the request" else reversed(steps):
            step()
    finally:
        pooling.process.send_signal(signal.SIGCONT)
    assert wire.read_reply().body == b"/next"
    assert legacy.targets() == ["/first", "/next"]


@pytest.mark.proves(8, 28)
@pytest.mark.parametrize(("method", "answer"), [
    ("HEAD", response(200, body=b"a body nonetheless")), ("GET", response(204) + b"a body nonetheless"),
    ("GET", response(304, ("Content-Length", "5")) + b"hello"),
    ("HEAD", response(200, CHUNKED, body=b"5\r\nhello\r\n0\r\n\r\n")),
], ids=["HEAD", "204", "304", "HEAD chunked"])
def test_a_body_where_none_may_be_reaches_nobody(pooling, legacy, method, answer):
    legacy.answers(answer)
    wire = pooling.connect().send(request(method, "/"))
    assert wire.read_reply(method).body == b""

    legacy.answers(response(200, body=b"right"))
    assert wire.send(request("GET", "/")).read_reply().body == b"right"
    for _ in range(3):
        assert pooling.ask("GET", "/").body == b"right"


@pytest.mark.proves(8)
def test_an_early_answer_leaves_no_half_sent_request_behind(pooling, legacy):
    def legacy_answers_early(wire, asked):
        if asked.method == "POST":
            wire.send(response(403, body=b"no"))
            wire.rest()
        else:
            wire.send(response(200, body=b"right"))

    legacy.does(legacy_answers_early)
    wire = pooling.connect().send(request("POST", "/", ("Content-Length", "100000")) + b"start")
    assert wire.read_reply().status == 403
    wire.close()
    for number in range(5):
        assert pooling.ask("GET", f"/{number}").body == b"right"


@pytest.mark.proves(8)
@pytest.mark.parametrize("answer", [
    response(200, ("Connection", "close"), body=b"ok"), b"HTTP/1.0 200 Fine\r\nContent-Length: 2\r\n\r\nok"],
    ids=["Connection: close", "HTTP/1.0"])
def test_a_connection_that_the_upstream_will_close_is_not_used_again(pooling, legacy, answer):
    legacy.answers(answer)
    for _ in range(5):
        assert pooling.ask("GET", "/").body == b"ok"
    assert {one.number for one in legacy.asked[1:]} == {1}


@pytest.mark.proves(8)
def test_a_connection_is_used_again_when_nothing_speaks_against_it(pooling, legacy):
    for _ in range(10):
        pooling.ask("POST", "/", body=b"x")
    assert max(one.number for one in legacy.asked) >= 9


@pytest.mark.proves(15)
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"])
@pytest.mark.parametrize("leave", ["close", "reset"])
def test_a_stale_connection_is_replaced_once_for_what_may_be_asked_twice(pooling, legacy, method, leave):
    def legacy_was_restarted(wire, asked):
        if asked.number > 1 and asked.target == b"/again":
            getattr(wire, leave)()
        else:
            wire.send(response(200, body=b"" if asked.method == "HEAD" else b"ok"))

    legacy.does(legacy_was_restarted)
    pooling.ask("GET", "/first")

    assert pooling.ask(method, "/again").status == 200
    assert [one.number > 1 for one in legacy.asked if one.target == b"/again"] == [True, False]


@pytest.mark.proves(15)
def test_an_upgrade_asked_on_a_stale_connection_is_asked_once_more(pooling, legacy):
    def legacy_was_restarted(wire, asked):
        if asked.number > 1 and asked.target == b"/socket":
            wire.reset()
        elif asked.target == b"/socket":
            wire.send(b"HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello")
            wire.close()
        else:
            wire.send(response(200, body=b"ok"))

    legacy.does(legacy_was_restarted)
    pooling.ask("GET", "/first")
    wire = pooling.connect().send(request("GET", "/socket", ("Connection", "Upgrade"), ("Upgrade", "websocket")))

    assert wire.read_reply().status == 101
    assert wire.rest() == b"hello"


@pytest.mark.proves(15)
@pytest.mark.parametrize(("method", "target"), [("POST", "/once"), ("PATCH", "/once"), ("GET", "/declared/count")])
def test_what_may_not_be_asked_twice_is_asked_once(pooling, legacy, method, target):
    def legacy_was_restarted(wire, asked):
        wire.read_body(asked)
        if asked.number > 1 and asked.target == target.encode():
            wire.close()
        else:
            wire.send(response(200, body=b"ok"))

    legacy.does(legacy_was_restarted)
    pooling.ask("GET", "/first")
    reply = pooling.ask(method, target, body=None if method == "GET" else b"pay")

    assert reply.status == 502
    assert legacy.targets().count(target) == 1


@pytest.mark.proves(15)
@pytest.mark.parametrize("method", ["POST", "PATCH"])
@pytest.mark.parametrize("leave", ["close", "reset"])
def test_a_post_that_is_declared_safe_is_asked_again_with_its_body(pooling, legacy, method, leave):
    bodies = []

    def legacy_was_restarted(wire, asked):
        wire.read_body(asked)
        bodies.append(asked.body)
        if asked.number > 1 and asked.target == b"/declared/search":
            getattr(wire, leave)()
        else:
            wire.send(response(200, body=b"ok"))

    legacy.does(legacy_was_restarted)
    pooling.ask("GET", "/first")

    assert pooling.ask(method, "/declared/search", body=b"name=x").status == 200
    assert [one.number > 1 for one in legacy.asked] == [legacy.asked[0].number > 1, True, False]
    assert bodies == [b"", b"name=x", b"name=x"]


@pytest.mark.proves(15)
def test_a_post_that_is_declared_safe_is_not_asked_again_once_an_answer_has_begun(pooling, legacy):
    def legacy_breaks_off(wire, asked):
        wire.read_body(asked)
        if asked.target == b"/declared/search":
            wire.send(b"HTTP/1.1 2")
            wire.close()
        else:
            wire.send(response(200, body=b"ok"))

    legacy.does(legacy_breaks_off)
    pooling.ask("GET", "/first")
    assert pooling.ask("POST", "/declared/search", body=b"name=x").status == 502
    assert legacy.targets().count("/declared/search") == 1


@pytest.mark.proves(15)
def test_a_fresh_connection_that_fails_is_not_tried_again(pooling, legacy):
    def legacy_always_leaves(wire, asked):
        wire.close()

    legacy.does(legacy_always_leaves)
    assert pooling.ask("GET", "/").status == 502
    assert len(legacy.asked) <= 2
    assert [one.number for one in legacy.asked].count(1) == 1


@pytest.mark.proves(15)
def test_connections_closed_by_an_idle_upstream_lose_no_post(pooling, legacy):
    for number in range(5):
        assert pooling.ask("POST", f"/{number}", body=b"x").status == 200
        legacy.drop()
        # The gateway hears of it as soon as it looks, which one more turn of its loop makes sure of.
        pooling.metrics()
    assert legacy.targets() == [f"/{number}" for number in range(5)]


@pytest.mark.proves(14)
def test_a_pool_that_is_full_is_told_to_who_waits_and_makes_nobody_ill(gateway, legacy):
    checks = 0

    def legacy_takes_its_time(wire, asked):
        nonlocal checks
        checks += asked.target == b"/health"
        if asked.target == b"/slow":
            wire.send(response(200, ("Content-Length", "1000"), body=b"it begins"))
            wire.rest()
        else:
            echo(wire, asked)

    legacy.does(legacy_takes_its_time)
    small = gateway(f"""
version: 1
server: {{drain: {{grace: 500ms}}}}
upstreams:
  legacy:
    url: "{legacy.url}"
    pool: {{connections: 2}}
    timeouts: {{first_byte: 500ms}}
    health: {{path: /health, every: 50ms, timeout: 1s, unhealthy: 1, healthy: 1}}
default: {{upstream: legacy}}
""")
    slow = [small.connect().send(request("GET", "/slow")) for _ in range(2)]
    assert [wire.read_line() for wire in slow] == [b"HTTP/1.1 200 Fine"] * 2

    assert small.ask("GET", "/").status in (503, 504)
    before = checks
    until(lambda: checks > before + 3, "nobody asks for its health")
    assert small.metric("figway_endpoint_available", upstream="legacy") == 1

    slow[0].close()
    until(lambda: small.ask("GET", "/").status == 200, "the place is not given away")
    slow[1].close()
