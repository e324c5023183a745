"""What one connection sends at once is worked off a piece at a time, and no more of it is taken than waits within a
bound: neither side of the gateway can make it hold or do without end."""

import contextlib
import socket
import threading

import orjson
import pytest

from tests.backends.upstream import until
from tests.backends.wire import PATIENCE, Cut, request, response
from tests.scenarios.test_streams import steady

CHUNKED = ("Transfer-Encoding", "chunked")
TINY = b"1\r\nx\r\n"
GROWTH = 40 << 20


class Flood:
    """Sends one piece again and again, as fast as it is taken, on a thread of its own until the block ends."""

    def __init__(self, wire, piece):
        self.sent = 0
        self._wire, self._piece = wire, piece
        self._over = False
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        try:
            while not self._over:
                self.sent += self._wire.socket.send(self._piece)
        except OSError:
            pass

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over = True
        with contextlib.suppress(OSError):
            self._wire.socket.shutdown(socket.SHUT_RDWR)
        self._wire.reset()
        self._thread.join(PATIENCE)


def test_a_client_that_asks_without_pause_is_read_no_further_than_it_is_answered(plain, legacy):
    piece = request("GET", "/v") * 2000
    wire = plain.connect()
    with plain.watching_memory() as resident, Flood(wire, piece):
        for _ in range(1500):
            assert wire.read_reply().status == 200
        for _ in range(20):
            assert plain.ask("GET", "/other").status == 200
    assert max(resident) - resident[0] < GROWTH


def test_a_client_that_asks_without_pause_and_reads_nothing_is_read_no_further(plain, legacy):
    legacy.answers(response(200, body=bytes(2000)))
    wire = plain.connect(receive_buffer=4096)
    with plain.watching_memory() as resident, Flood(wire, request("GET", "/v") * 500) as flood:
        steady(lambda: flood.sent)
        assert plain.ask("GET", "/other").status == 200
    assert max(resident) - resident[0] < GROWTH


def test_requests_that_are_refused_are_answered_in_order_however_many_come_at_once(gateway, legacy):
    guarded = gateway(f"""
version: 1
server: {{drain: {{grace: 2s}}}}
upstreams: {{legacy: {{url: "{legacy.url}"}}}}
capabilities:
  guarded:
    owner: t
    operations: {{any: {{path: "/guarded/{{rest*}}"}}}}
    legacy: legacy
    stage: legacy
    limits: {{body: 1B}}
default: {{upstream: legacy, policies: []}}
""")
    wire = guarded.connect()
    some = request("POST", "/guarded/1", body=b"xx") + request("GET", "/open")
    sender = threading.Thread(target=lambda: wire.send(some * 3000), daemon=True)
    sender.start()
    for _ in range(3000):
        assert wire.read_reply().status == 413
        assert wire.read_reply().status == 200
    sender.join(PATIENCE)


def test_small_requests_with_bodies_are_told_apart_when_they_come_at_once(plain, legacy):
    asks, bodies = b"", []
    for number in range(400):
        body = b"%d" % number * (number % 7)
        bodies.append(body.decode())
        if number % 2:
            asks += request("POST", "/", body=body) + b"\r\n" * (number % 3)
        else:
            chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in body)
            asks += request("POST", "/", CHUNKED, body=chunks + b"0\r\n\r\n")
    wire = plain.connect()
    sender = threading.Thread(target=lambda: wire.send(asks), daemon=True)
    sender.start()
    assert [orjson.loads(wire.read_reply().body)["body"] for _ in bodies] == bodies
    sender.join(PATIENCE)


def test_what_follows_a_refused_body_is_still_a_request(plain, strict, legacy):
    """The refusal comes with the body's last piece, the next request in the same."""
    big = request("POST", "/small/1", CHUNKED)
    wire = strict.connect().send(request("POST", "/small/1", ("Content-Length", "20")))
    assert wire.read_reply().status == 413
    wire.send(bytes(20) + request("GET", "/next"))
    assert wire.read_reply().status == 200

    wire = strict.connect().send(big + b"b\r\n" + b"x" * 11 + b"\r\n0\r\n\r\n" + request("GET", "/after"))
    assert wire.read_reply().status == 413
    legacy.settled()
    assert set(legacy.targets()) <= {"/next", "/after"}


@pytest.mark.parametrize("count", [100, 600, 200_000])
def test_a_body_in_tiny_chunks_arrives_whole(plain, legacy, count):
    heard = {}

    def legacy_reads(wire, asked):
        wire.read_body(asked)
        heard[asked.target] = asked.body
        wire.send(response(200, body=b"ok"))

    legacy.does(legacy_reads)
    wire = plain.connect()
    wire.send(request("POST", "/tiny", CHUNKED, body=TINY * count + b"0\r\n\r\n") + request("GET", "/next"))
    assert wire.read_reply().status == 200
    assert wire.read_reply().status == 200
    assert heard[b"/tiny"] == b"x" * count
    assert heard[b"/next"] == b""


@pytest.mark.parametrize("count", [100, 600, 200_000])
def test_an_answer_in_tiny_chunks_arrives_whole_and_its_connection_serves_on(plain, legacy, count):
    answer = response(200, CHUNKED, body=TINY * count + b"0\r\nX-Sum: 1\r\n\r\n")
    legacy.answers(answer)
    wire = plain.connect()
    for _ in range(3):
        reply = wire.send(request("GET", "/")).read_reply()
        assert reply.body == b"x" * count
        assert reply.trailers.get(b"x-sum") == b"1"
    assert [asked.number for asked in legacy.asked[1:]] == [legacy.asked[0].number + 1, legacy.asked[0].number + 2]


def test_tiny_chunks_wait_for_an_upstream_that_does_not_read(plain, legacy):
    may_read = threading.Event()

    def legacy_waits(wire, asked):
        may_read.wait(PATIENCE * 2)
        try:
            wire.read_body(asked)
        except Cut:
            return
        wire.send(response(200))

    legacy.does(legacy_waits)
    wire = plain.connect().send(request("POST", "/", CHUNKED))
    with plain.watching_memory() as resident, Flood(wire, TINY * 10_000) as flood:
        sent = steady(lambda: flood.sent)
        may_read.set()
        until(lambda: flood.sent > sent + (1 << 20), "the upload does not go on")
        assert plain.ask("HEAD", "/other").status == 200
    assert max(resident) - resident[0] < GROWTH


def test_an_answer_in_tiny_chunks_waits_for_a_client_that_does_not_read(plain, legacy):
    sent = 0

    def legacy_pours(wire, asked):
        nonlocal sent
        wire.send(response(200, CHUNKED))
        for _ in range(600):
            wire.send(TINY * 10_000)
            sent += 1
        wire.send(b"0\r\n\r\n")

    legacy.does(legacy_pours)
    wire = plain.connect(receive_buffer=1 << 16).send(request("GET", "/"))
    with plain.watching_memory() as resident:
        steady(lambda: sent)
        assert len(wire.read_reply().body) == 6_000_000
    assert max(resident) - resident[0] < GROWTH


def test_interim_answers_that_come_at_once_go_out_in_order(plain, legacy):
    hints = b"".join(b"HTTP/1.1 103 Early Hints\r\nLink: <%d>\r\n\r\n" % number for number in range(90))
    legacy.answers(hints + response(200, body=b"ok"))
    reply = plain.ask("GET", "/")
    assert [one.get("Link") for one in reply.interim] == [f"<{number}>" for number in range(90)]
    assert reply.body == b"ok"


def test_a_long_head_may_come_byte_by_byte_and_its_lenient_end_is_still_seen(plain, legacy):
    wire = plain.connect()
    for byte in request("GET", "/" + "a" * 2000):
        wire.send(bytes([byte]))
    assert wire.read_reply().status == 200
    for ending in [b"\n\n", b"\r\n\n", b"\n\r\n"]:
        wire = plain.connect()
        for byte in b"GET / HTTP/1.1\r\nHost: a" + ending:
            wire.send(bytes([byte]))
        assert wire.read_reply().status == 400
