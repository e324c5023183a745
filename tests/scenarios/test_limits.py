"""What is too large or takes too long is told so, and costs little."""

import threading

import pytest

from tests.backends.malformed import CHUNKED, refuse, table
from tests.backends.upstream import until
from tests.backends.wire import BUFFERS, PATIENCE, request

LIMIT = 1 << 20
"""The body limit of the gateway under test, in bytes."""


@pytest.mark.proves(29)
@table({
    "a target beyond 16 KiB": (request("GET", "/" + "a" * (16 << 10)), {414}),
    "a query beyond 16 KiB": (request("GET", "/?" + "a" * (16 << 10)), {414}),
    "a target of a megabyte": (request("GET", "/" + "a" * (1 << 20)), {414}),
    "a field beyond 64 KiB": (request("GET", "/", ("X-Big", "b" * (65 << 10))), {431}),
    "a name beyond 64 KiB": (request("GET", "/", ("X-" + "b" * (65 << 10), "x")), {431}),
    "fields beyond 64 KiB together": (request("GET", "/", *[("X-Big", "b" * 1000)] * 80), {431}),
    "101 fields": (request("GET", "/", *[(f"X-{number}", "y") for number in range(100)]), {431}),
    "10,000 fields": (request("GET", "/", *[("a", "")] * 10_000), {431}),
    "a body that says it is too large": (request("PUT", "/", ("Content-Length", str(LIMIT + 1))), {413}),
    "a body of 18 digits": (request("PUT", "/", ("Content-Length", "9" * 18)), {413}),
    "chunks that grow too large": (
        request("PUT", "/", CHUNKED,
            body=b"10000\r\n" + bytes(1 << 16) + b"\r\n") + (b"10000\r\n" + bytes(1 << 16) + b"\r\n") * 17,
        {413}),
    "more than a capability takes": (request("PUT", "/small/1", body=b"12345678901"), {413}),
    "more chunks than a capability takes": (
        request("PUT", "/small/1", CHUNKED, body=b"6\r\n123456\r\n6\r\n123456\r\n0\r\n\r\n"), {413}),
    "one chunk that is too large": (request("PUT", "/", CHUNKED, body=b"%x\r\n" % (LIMIT * 2)) + b"x", {413}),
})
def test_what_is_too_large_is_told_so(strict, legacy, data, statuses):
    refuse(strict, legacy, data, statuses)


@pytest.mark.proves(29)
@pytest.mark.parametrize("data", [
    request("GET", "/" + "a" * ((16 << 10) - 1)), request("GET", "/", ("X-Big", "b" * (60 << 10))),
    request("GET", "/", *[(f"X-{number}", "y") for number in range(99)]), request("PUT", "/", body=bytes(LIMIT)),
], ids=["target", "field", "fields", "body"])
def test_what_just_fits_passes(strict, legacy, data):
    assert strict.say(data).status == 200
    assert len(legacy.settled()) == 1


@pytest.mark.proves(29)
def test_a_body_too_large_is_refused_before_it_is_sent(strict, legacy):
    fields = [("Content-Length", str(LIMIT + 1)), ("Expect", "100-continue")]
    reply = strict.say(request("PUT", "/", *fields))

    assert (reply.status, reply.interim) == (413, [])
    assert legacy.asked == []


@pytest.mark.proves(27)
def test_an_unknown_expectation_is_refused(strict, legacy):
    assert strict.ask("POST", "/", ("Expect", "miracles"), body=b"x").status == 417
    assert legacy.asked == []


@pytest.mark.proves(30)
@pytest.mark.parametrize("sent", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: a\r\nX-"], ids=["nothing", "a line",
    "a field"])
def test_a_head_that_never_ends_is_given_up(strict, legacy, sent):
    wire = strict.connect().send(sent)
    answer = wire.rest()

    assert answer == b"" or answer.startswith(b"HTTP/1.1 408 ")
    assert legacy.asked == []


@pytest.mark.proves(30)
def test_a_body_that_trickles_is_given_up(strict, legacy):
    wire = strict.connect().send(request("POST", "/", ("Content-Length", "100000")) + b"x")
    for _ in range(80):
        if not wire.silent(0.1):
            break
        wire.send(b"x")

    assert wire.read_reply().status == 408
    assert legacy.settled() == []


@pytest.mark.proves(30)
def test_a_body_that_trickles_is_given_up_after_a_pause_in_taking_the_answer_too(strict, legacy):
    over = threading.Event()

    def legacy_answers_early(wire, asked):
        wire.send(b"HTTP/1.1 200 Fine\r\nContent-Length: %d\r\n\r\n" % (2 * BUFFERS) + b"x" * BUFFERS)
        over.wait(PATIENCE)
        wire.close()

    legacy.does(legacy_answers_early)
    logged = len(strict.log())
    wire = strict.connect(receive_buffer=64 << 10)
    wire.send(request("POST", "/", ("Content-Length", "200000")) + b"x" * 100_000)
    until(lambda: len(legacy.asked) == 1, "the request does not arrive")
    # The gateway has more of the answer than it keeps for a client that takes nothing.
    assert not wire.silent(PATIENCE)
    wire.silent(1.0)
    wire.rest()
    over.set()

    def ends():
        return [line["error"] for line in strict.log()[logged:] if line.get("bytes_in", 0) >= 100_000]

    until(ends, "the request is not given up")
    assert ends() == ["request_timeout"]


@pytest.mark.proves(30)
def test_an_idle_connection_is_closed_and_says_nothing(strict, legacy):
    wire = strict.connect()
    wire.send(request("GET", "/")).read_reply()
    assert wire.ends()


@pytest.mark.proves(30)
def test_many_slow_clients_cost_little_and_hold_up_nobody(strict, legacy):
    before = strict.memory()
    slow = [strict.connect().send(b"GET / HTTP/1.1\r\nX-") for _ in range(1000)]
    for _ in range(20):
        assert strict.ask("GET", "/").status == 200
    assert strict.memory() - before < 50 << 20
    for wire in slow:
        wire.close()
