"""Connections are kept, shared and closed as each client's version of HTTP has it, and never mixed up."""

import socket
import threading
from pathlib import Path

import orjson
import pytest

from tests.backends.figway import running
from tests.backends.upstream import pours, until
from tests.backends.wire import PATIENCE, Cut, Wire, request, response

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
    # Larger than what is gathered before it is sent, and so much of it there that the rest is waited for.
    smuggled = (request("GET", "/smuggled") * 2000)[:60_000]
    wire = plain.connect().send(request("POST", "/", ("Content-Length", "70000")) + bytes(10_000))
    assert wire.read_reply().body == b"early"
    legacy.answers(response(200, body=b"next"))
    try:
        answer = wire.send(smuggled + request("GET", "/next")).read_reply().body
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


@pytest.fixture(scope="module")
def patient(everlasting_legacy, tmp_path_factory):
    """A gateway that answers clients of HTTP/1.1 which have ended their side."""
    with running(tmp_path_factory.mktemp("patient"), f"""
version: 1
server: {{drain: {{grace: 2s}}, half_close: true}}
upstreams: {{legacy: {{url: "{everlasting_legacy.url}"}}}}
default: {{upstream: legacy}}
""") as figway:
        yield figway


def takes_its_time(gone):
    """Answers once it is known that the client has ended its side."""
    def handler(wire, asked):
        wire.read_body(asked)
        assert gone.wait(PATIENCE)
        wire.silent(0.1)
        wire.send(response(200, body=asked.target))

    return handler


@pytest.mark.proves(46)
@pytest.mark.parametrize("asked", [
    b"GET /old HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    b"POST /old HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nhi",
    b"GET /old HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
], ids=["HTTP/1.0 to keep", "HTTP/1.0 with a body", "HTTP/1.1 to close"])
def test_a_client_that_closes_its_side_is_answered(plain, legacy, asked):
    gone = threading.Event()
    legacy.does(takes_its_time(gone))
    wire = plain.connect().send(asked)
    until(lambda: legacy.asked, "nothing arrives")
    wire.half_close()
    gone.set()
    reply = wire.read_reply()

    assert (reply.status, reply.body) == (200, b"/old")
    assert reply.get("Connection") == "close"
    assert wire.ends()


@pytest.mark.proves(46)
@pytest.mark.parametrize("when", ["at once", "while it waits"])
def test_a_client_of_http_1_1_that_closes_its_side_is_answered_where_that_is_set(patient, legacy, when):
    gone = threading.Event()
    legacy.does(takes_its_time(gone))
    wire = patient.connect().send(request("POST", "/new", body=b"hi"))
    if when == "while it waits":
        until(lambda: legacy.asked, "nothing arrives")
    wire.half_close()
    gone.set()
    reply = wire.read_reply()

    assert (reply.status, reply.body) == (200, b"/new")
    assert wire.ends()


@pytest.mark.proves(46, 45)
def test_all_requests_that_were_sent_ahead_of_a_closed_side_are_answered(patient, legacy):
    gone = threading.Event()
    legacy.does(takes_its_time(gone))
    wire = patient.connect().send(b"".join(request("GET", f"/{number}") for number in range(5)))
    wire.half_close()
    gone.set()

    assert [wire.read_reply().body for _ in range(5)] == [b"/0", b"/1", b"/2", b"/3", b"/4"]
    assert wire.ends()


@pytest.mark.proves(5, 46)
def test_a_side_that_closes_within_a_request_ends_it(patient, legacy):
    for part in (b"GET / HT", b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\nhalf"):
        wire = patient.connect().send(part)
        wire.half_close()
        assert wire.read_reply().status == 400
    assert legacy.settled() == []
    wire = patient.connect()
    wire.half_close()
    assert wire.ends()


@pytest.mark.proves(32)
def test_a_client_of_http_1_1_that_closes_its_side_has_gone_unless_that_is_set(plain, legacy):
    gone = threading.Event()

    def legacy_waits(wire, asked):
        if wire.ends():
            gone.set()

    legacy.does(legacy_waits)
    wire = plain.connect().send(request("GET", "/new"))
    until(lambda: legacy.asked, "nothing arrives")
    wire.half_close()
    assert wire.ends()
    assert gone.wait(PATIENCE), "the upstream's call goes on"


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


def test_equal_fields_mean_what_each_method_makes_of_them(plain, legacy):
    upgrade = [("Connection", "Upgrade"), ("Upgrade", "websocket")]
    wire = plain.connect().send(request("POST", "/", *upgrade) + request("GET", "/", *upgrade))
    for _ in range(2):
        wire.read_reply()
    assert [one.get("Upgrade") for one in legacy.asked] == [None, "websocket"]

    legacy.forget()
    spent = ("Max-Forwards", "0")
    wire = plain.connect().send(request("GET", "/", spent) + request("OPTIONS", "/", spent))
    for _ in range(2):
        wire.read_reply()
    assert [one.method for one in legacy.asked] == ["GET"]


@pytest.mark.proves(31, 45)
def test_pipelined_requests_wait_while_the_client_takes_no_answers(plain, legacy):
    size, number = 50_000, 1300
    legacy.answers(response(200, body=bytes(size)))
    wire = plain.connect(receive_buffer=4096).send(request("GET", "/") * number)
    until(lambda: legacy.asked != [], "the requests do not arrive")
    asked = -1
    while asked != len(legacy.asked):
        asked = len(legacy.asked)
        threading.Event().wait(0.5)

    assert asked < number / 2
    assert all(len(wire.read_reply().body) == size for _ in range(number))


@pytest.mark.proves(45)
def test_the_end_of_an_answer_waits_for_a_client_that_reads_late(plain, legacy):
    """Old clients send CRLF after a POST's body. Sizes just beyond what the kernel holds are those at stake."""
    legacy.does(pours(1 << 30))
    wire = plain.connect(receive_buffer=4096).send(request("GET", "/"))
    room = -1
    while room != (room := queued(plain.port)):
        threading.Event().wait(0.3)
    wire.close()

    def legacy_sends_so_much(wire, asked):
        wire.read_body(asked)
        wire.send(response(200, body=bytes(int(asked.target[1:]))))

    legacy.does(legacy_sends_so_much)
    sizes = [room + 20_000 * step for step in range(-2, 8)]
    wires = [plain.connect(receive_buffer=4096) for _ in sizes]
    for wire, size in zip(wires, sizes, strict=True):
        wire.send(request("POST", f"/{size}", ("Connection", "close"), body=b"a=b") + b"\r\n")
    threading.Event().wait(2.2)
    assert [len(wire.read_reply().body) for wire in wires] == sizes


def queued(port):
    """How many bytes the kernel holds on their way from this loopback port: not sent, or not read."""
    held = 0
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, remote, _, queues, *_ = line.split()
        sending, receiving = (int(one, 16) for one in queues.split(":"))
        held += sending * local.endswith(f":{port:04X}") + receiving * remote.endswith(f":{port:04X}")
    return held


@pytest.mark.proves(27)
def test_a_connection_whose_client_waits_for_word_before_its_body_closes_with_a_final_answer(plain, strict, legacy):
    """The client may send the body now or leave it out, and nobody can tell which."""
    def legacy_refuses(wire, asked):
        wire.send(response(403, body=b"no"))
        wire.rest()

    legacy.does(legacy_refuses)
    fields = [("Expect", "100-continue"), ("Content-Length", "100")]
    for figway, target, status in [(plain, "/", 403), (strict, "/small/1", 413)]:
        wire = figway.connect().send(request("POST", target, *fields))
        reply = wire.read_reply()
        assert (reply.status, reply.interim, reply.get("Connection")) == (status, [], "close")
        assert wire.ends()


def test_a_client_on_a_unix_socket_has_no_address_to_forward(legacy, tmp_path):
    with running(tmp_path, f"""
version: 1
server: {{forwarded: both}}
upstreams: {{legacy: {{url: "{legacy.url}"}}}}
default: {{upstream: legacy}}
""", "--listen", "unix:data.sock"):
        link = socket.socket(socket.AF_UNIX)
        link.settimeout(PATIENCE)
        link.connect(str(tmp_path / "data.sock"))
        wire = Wire(link)
        assert wire.send(request("GET", "/")).read_reply().status == 200
        wire.close()
    assert legacy.asked[0].get("X-Forwarded-For") in (None, "unknown")
    assert "for=;" not in legacy.asked[0].get("Forwarded")
