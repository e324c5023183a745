"""Connections are kept, shared and closed as each client's version of HTTP has it, and never mixed up."""

import threading

import orjson
import pytest

from tests.backends.wire import Cut, request, response

CHUNKED = ("Transfer-Encoding", "chunked")


def test_a_connection_serves_many_requests(plain, legacy):
    wire = plain.connect()
    for number in range(20):
        body = str(number).encode()
        reply = wire.send(request("POST", f"/{number}", body=body)).read_reply()
        assert orjson.loads(reply.body)["body"] == str(number)
    assert legacy.targets() == [f"/{number}" for number in range(20)]


@pytest.mark.proves(45)
def test_pipelined_requests_are_answered_in_order(plain, legacy):
    def legacy_is_slow_at_first(wire, asked):
        wire.read_body(asked)
        if asked.target == b"/0":
            threading.Event().wait(0.1)
        wire.send(response(200, body=asked.target + asked.body))

    legacy.does(legacy_is_slow_at_first)
    wire = plain.connect()
    wire.send(b"".join(request("POST", f"/{number}", body=b"x" * number) for number in range(10)))

    assert [wire.read_reply().body for _ in range(10)] == [b"/%d" % number + b"x" * number for number in range(10)]


@pytest.mark.proves(45)
def test_a_head_may_come_byte_by_byte(plain, legacy):
    wire = plain.connect()
    for byte in request("POST", "/slow", body=b"hi"):
        wire.send(bytes([byte]))
    assert orjson.loads(wire.read_reply().body)["body"] == "hi"


def test_an_empty_line_before_a_request_is_ignored(plain, legacy):
    assert plain.say(b"\r\n" + request("GET", "/")).status == 200


def test_close_is_honoured(plain, legacy):
    wire = plain.connect().send(request("GET", "/", ("Connection", "close")))
    assert wire.read_reply().get("Connection") == "close"
    assert wire.ends()


@pytest.mark.proves(45)
def test_nothing_after_a_request_that_closes_is_served(plain, legacy):
    wire = plain.connect().send(request("GET", "/last", ("Connection", "close")) + request("GET", "/too-late"))
    assert wire.read_reply().status == 200
    assert wire.ends()
    assert legacy.targets() == ["/last"]


@pytest.mark.proves(4, 45)
def test_the_rest_of_a_body_that_was_answered_early_is_never_a_request(plain, legacy):
    def legacy_answers_at_once(wire, asked):
        wire.send(response(200, body=b"early"))
        wire.rest()

    legacy.does(legacy_answers_at_once)
    smuggled = request("GET", "/smuggled")
    wire = plain.connect().send(request("POST", "/", ("Content-Length", str(2 * len(smuggled)))))
    assert wire.read_reply().body == b"early"
    legacy.answers(response(200, body=b"next"))
    try:
        answer = wire.send(smuggled + smuggled + request("GET", "/next")).read_reply().body
    except (Cut, ConnectionError):
        answer = b"next"

    assert answer == b"next"
    assert "/smuggled" not in legacy.targets()


@pytest.mark.proves(46)
def test_an_http_1_0_client_needs_no_host_and_is_closed_after_the_answer(plain, legacy):
    wire = plain.connect().send(b"GET /old HTTP/1.0\r\n\r\n")
    reply = wire.read_reply()

    assert reply.status == 200
    assert wire.ends()
    assert legacy.asked[0].start == b"GET /old HTTP/1.1"
    assert legacy.asked[0].get("Host") == f"127.0.0.1:{legacy.port}"


@pytest.mark.proves(46)
def test_an_http_1_0_client_may_ask_to_keep_the_connection(plain, legacy):
    wire = plain.connect()
    for _ in range(2):
        reply = wire.send(b"GET /old HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n").read_reply()
        assert reply.get("Connection").lower() == "keep-alive"
        assert reply.framing == "length"


@pytest.mark.proves(46)
def test_an_http_1_0_client_is_never_sent_chunks(plain, legacy):
    legacy.answers(response(200, CHUNKED, body=b"5\r\nhello\r\n0\r\n\r\n"))
    wire = plain.connect().send(b"GET /old HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    reply = wire.read_reply()

    assert (reply.framing, reply.body) == ("close", b"hello")
    assert reply.get("Transfer-Encoding") is None


@pytest.mark.proves(46)
def test_an_http_1_0_client_may_close_its_side_after_asking(plain, legacy):
    def legacy_takes_its_time(wire, asked):
        threading.Event().wait(0.2)
        wire.send(response(200, body=b"patience"))

    legacy.does(legacy_takes_its_time)
    wire = plain.connect().send(b"GET /old HTTP/1.0\r\n\r\n")
    wire.half_close()
    assert wire.read_reply().body == b"patience"


@pytest.mark.proves(7)
def test_no_cookie_crosses_from_one_client_to_another(plain, legacy):
    legacy.answers(response(200, ("Set-Cookie", "session=of-a; Path=/"), ("WWW-Authenticate", "Basic"), body=b"ok"))
    plain.ask("GET", "/", ("Authorization", "Basic YTpi"))
    plain.ask("GET", "/")

    assert legacy.asked[1].get("Cookie") is None
    assert legacy.asked[1].get("Authorization") is None


@pytest.mark.proves(49, 41)
@pytest.mark.parametrize(("method", "target"), [("CONNECT", "clinic.example:443"), ("CONNECT", "/x"), ("TRACE", "/")])
def test_connect_and_trace_are_refused(plain, legacy, method, target):
    wire = plain.connect().send(request(method, target))

    assert wire.read_reply().status in (400, 405, 501)
    assert legacy.asked == []


@pytest.mark.proves(49)
def test_max_forwards_counts_down_to_an_answer_of_the_gateways_own(plain, legacy):
    assert plain.ask("OPTIONS", "/", ("Max-Forwards", "5")).status == 200
    assert legacy.asked[0].get("Max-Forwards") == "4"

    legacy.forget()
    assert plain.ask("OPTIONS", "/", ("Max-Forwards", "0")).status in (200, 204)
    assert legacy.asked == []
