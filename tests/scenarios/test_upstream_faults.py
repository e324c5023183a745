"""Whatever an upstream does wrong, the client gets a clear answer or a visible cut, and never another's bytes.

Answers that are not HTTP, or are not quite, are in test_old_servers.py.
"""

import re
import threading

import orjson
import pytest

from tests.backends.figway import running
from tests.backends.upstream import BlackHole, closed_port, never, resets, until
from tests.backends.wire import PATIENCE, Cut, request, response

CHUNKED = ("Transfer-Encoding", "chunked")


@pytest.fixture(scope="module")
def faulty(everlasting_legacy, tmp_path_factory):
    """A gateway with short timeouts. Below /refused, /blackhole and /nowhere there is nobody to answer; below the
    names of the others there is the legacy system, told of in another way or under other bounds."""
    hole, here = BlackHole(), everlasting_legacy.url
    ways = {
        "refused": f'url: "http://127.0.0.1:{closed_port()}"',
        "blackhole": f'url: "{hole.url}", timeouts: {{connect: 300ms}}',
        "nowhere": 'url: "http://nowhere.invalid:80", timeouts: {connect: 1s}',
        "named": f'url: "http://localhost:{everlasting_legacy.port}", host: clinic.internal',
        "small": f'url: "{here}", pool: {{connections: 2, pending: 1}}',
        "brief": f'url: "{here}", timeouts: {{total: 500ms}}',
    }
    upstreams = "".join(f"\n  {name}: {{{options}}}" for name, options in ways.items())
    capabilities = "".join(
        f'\n  {name}: {{owner: t, operations: {{any: {{path: "/{name}/{{rest*}}"}}}}, stage: legacy, legacy: {name}}}'
        for name in ways)
    with running(tmp_path_factory.mktemp("faulty"), f"""
version: 1
server: {{drain: {{grace: 2s}}}}
upstreams:
  legacy:
    url: "{here}"
    timeouts: {{connect: 1s, first_byte: 1s, between_bytes: 1s}}
    ejection: {{failures: 0, for: 1s}}{upstreams}
capabilities:{capabilities}
default: {{upstream: legacy}}
""") as figway:
        yield figway
    hole.close()


def problem(reply, status, error):
    """The reply is the gateway's own, of this status and RFC 9209 error type; returns its document."""
    assert reply.status == status, (reply.start, reply.body[:300])
    assert reply.get("Content-Type") == "application/problem+json"
    assert re.fullmatch(rf'figway; error={error}(; [a-z-]+=("[^"]*"|[^;]+))*', reply.get("Proxy-Status"))
    document = orjson.loads(reply.body)
    assert document["status"] == status
    assert re.fullmatch(r"[0-9a-f]{32}", document["trace_id"])
    return document


# ---- no answer


@pytest.mark.proves(14)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_refused_connection_is_502(faulty, method):
    document = problem(faulty.ask(method, "/refused/x", body=b"x"), 502, "connection_refused")
    assert document["code"] == "upstream_refused"


@pytest.mark.proves(14)
def test_a_connection_that_is_never_made_is_504(faulty):
    problem(faulty.ask("GET", "/blackhole/x"), 504, "connection_timeout")


@pytest.mark.proves(14)
def test_a_name_that_nobody_knows_is_502(faulty):
    problem(faulty.ask("GET", "/nowhere/x"), 502, "dns_error")


@pytest.mark.proves(14)
def test_an_upstream_that_never_answers_is_504(faulty, legacy):
    legacy.does(never)
    problem(faulty.ask("GET", "/"), 504, "http_response_timeout")
    assert len(legacy.asked) == 1


@pytest.mark.proves(14)
def test_the_trace_id_is_the_one_that_the_upstream_was_sent(faulty, legacy):
    legacy.does(never)
    document = problem(faulty.ask("GET", "/"), 504, "http_response_timeout")
    assert legacy.asked[0].get("traceparent").split("-")[1] == document["trace_id"]


@pytest.mark.proves(14)
@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 2", b"HTTP/1.1 200 Fine\r\nContent-Le"],
                         ids=["before the head", "in the status line", "in a field"])
@pytest.mark.parametrize("leave", ["reset", "close"])
def test_an_upstream_that_leaves_before_its_head_is_whole_is_502(faulty, legacy, sent, leave):
    def legacy_leaves(wire, asked):
        wire.read_body(asked)
        wire.send(sent)
        getattr(wire, leave)()

    legacy.does(legacy_leaves)
    problem(faulty.ask("POST", "/", body=b"x"), 502, "connection_terminated")
    assert len(legacy.asked) == 1


def test_an_upstream_that_leaves_is_left_alone_by_problem_details_with_head(faulty, legacy):
    legacy.does(resets)
    reply = faulty.ask("HEAD", "/")
    assert (reply.status, reply.body) == (502, b"")


# ---- answers that are none


@pytest.mark.proves(28)
def test_a_flood_of_interim_answers_is_502(faulty, legacy):
    legacy.answers(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 1000 + response(200, body=b"ok"))
    reply = faulty.ask("GET", "/")

    problem(reply, 502, "http_protocol_error")
    assert len(reply.interim) <= 100


@pytest.mark.proves(14)
@pytest.mark.parametrize("fields", [
    [("X-Big", "b" * (1 << 20))], [("X-" + "b" * (1 << 20), "x")], [("X-Many", "b" * 1000)] * 1000,
    [("a", "b")] * 20_000,
], ids=["one field", "one name", "a thousand fields", "20,000 fields"])
def test_a_head_too_large_is_502(faulty, legacy, fields):
    legacy.answers(response(200, *fields, body=b"ok"))
    reply = faulty.ask("GET", "/")
    assert reply.status == 502
    assert len(reply.head) < 2000


# ---- answers cut short


@pytest.mark.proves(6)
@pytest.mark.parametrize("leave", ["reset", "close", "hang"])
@pytest.mark.parametrize("framing", [("Content-Length", "100"), CHUNKED], ids=["length", "chunked"])
def test_a_body_cut_short_never_looks_whole(faulty, legacy, framing, leave):
    def legacy_leaves_in_the_middle(wire, asked):
        wire.send(response(200, framing, body=b"5\r\nhello\r\n" if framing == CHUNKED else b"hello"))
        wire.silent(0.1)
        if leave == "hang":
            wire.rest()
        else:
            getattr(wire, leave)()

    legacy.does(legacy_leaves_in_the_middle)
    with pytest.raises(Cut) as caught:
        faulty.ask("GET", "/")
    assert caught.value.partial == b"hello"


@pytest.mark.proves(6)
def test_a_body_cut_by_a_reset_never_looks_whole_to_an_old_client(faulty, legacy):
    """HTTP/1.0 without a length ends with the connection: only a reset can tell that it ended too early."""
    def legacy_resets(wire, asked):
        wire.send(response(200, CHUNKED, body=b"5\r\nhello\r\n"))
        wire.silent(0.1)
        wire.reset()

    legacy.does(legacy_resets)
    with pytest.raises(Cut) as caught:
        faulty.say(b"GET / HTTP/1.0\r\n\r\n")
    assert caught.value.reset


def test_every_fault_is_the_upstreams_and_never_a_500(faulty):
    assert faulty.metric("figway_errors_total", code="internal") == 0


# ---- bounds


def test_a_full_pool_makes_some_wait_and_refuses_the_rest(faulty, legacy):
    free = threading.Event()

    def legacy_waits(wire, asked):
        free.wait(PATIENCE)
        wire.send(response(200, body=b"ok"))

    legacy.does(legacy_waits)
    waiting = [faulty.connect().send(request("GET", f"/small/{number}")) for number in range(3)]
    until(lambda: len(legacy.asked) == 2, "two do not arrive")
    until(lambda: "3 pending" in faulty.readiness()[1], "the third is not waiting")
    refused = faulty.ask("GET", "/small/rest")
    free.set()

    problem(refused, 503, "connection_limit_reached")
    assert [wire.read_reply().body for wire in waiting] == [b"ok"] * 3


def test_a_total_timeout_ends_an_answer_that_trickles(faulty, legacy):
    def legacy_trickles(wire, asked):
        wire.send(response(200, CHUNKED))
        while wire.silent(0.1):
            wire.send(b"1\r\nx\r\n")

    legacy.does(legacy_trickles)
    with pytest.raises(Cut):
        faulty.ask("GET", "/brief/x")


def test_a_name_is_looked_up(faulty, legacy):
    assert faulty.ask("GET", "/named/x").status == 200
    assert legacy.asked[0].get("Host") == "clinic.internal"


@pytest.mark.proves(6)
@pytest.mark.parametrize("sent", [100_000, 200_000], ids=["more of the request is to come", "the request is whole"])
def test_an_answer_without_a_length_that_is_cut_by_a_reset_never_looks_whole(faulty, legacy, sent):
    """Such an answer is whole where its connection ends, and a reset is no end."""
    def legacy_resets(wire, asked):
        wire.read(sent)
        wire.send(b"HTTP/1.1 200 Fine\r\n\r\nhalf of it")
        wire.reset()

    legacy.does(legacy_resets)
    wire = faulty.connect().send(request("POST", "/", ("Content-Length", "200000")) + bytes(sent))
    with pytest.raises(Cut) as caught:
        wire.read_reply()
    assert caught.value.reset
    wire.close()
