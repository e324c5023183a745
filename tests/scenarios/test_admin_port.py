"""The admin port: asked for by an address or an allowed name, by no page of another origin, and held open by nobody."""

import socket
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import orjson
import pytest

from tests.backends.upstream import until
from tests.backends.wire import Cut, connect, request

HEAD = 10.0
"""Seconds after which a request that is not whole is given up."""


def routes(legacy):
    return f"""
version: 1
server: {{drain: {{delay: 0s, grace: 2s}}}}
upstreams: {{legacy: {{url: "{legacy.url}"}}}}
default: {{upstream: legacy}}
"""


def ask(figway, *fields, target="/livez", data=None):
    """One request to the admin port, with these fields and no others."""
    wire = connect(figway.admin_port)
    lines = [f"GET {target} HTTP/1.1", *(f"{name}: {value}" for name, value in fields), "Connection: close", "", ""]
    try:
        return wire.send(data or "\r\n".join(lines).encode()).read_reply()
    finally:
        wire.close()


# --- Host ---

@pytest.mark.parametrize("host", [
    "127.0.0.1", "127.0.0.1:9090", "10.1.2.3:9090", "[::1]:9090", "[2001:db8::7]", "localhost", "LocalHost:9090",
    "localhost.", "a.localhost:1"])
def test_an_address_and_localhost_are_known(plain, host):
    assert ask(plain, ("Host", host)).status == 200


@pytest.mark.parametrize("host", [
    "evil.example", "evil.example:9090", "127.0.0.1.evil.example", "localhost.evil.example", "notlocalhost", "figway",
    "", "[evil.example]", "127.0.0.1@evil.example", "evil.example/127.0.0.1", "[::1", "127.0.0.1:x", "999.1.1.1",
    "127.0.0.1 x"])
@pytest.mark.parametrize("target", ["/livez", "/report", "/report.html", "/nothing"])
def test_another_name_is_refused_and_told_how_to_be_allowed(plain, host, target):
    reply = ask(plain, ("Host", host), target=target)
    assert (reply.status, reply.get("Content-Type")) == (421, "application/problem+json")
    assert "--admin-host" in orjson.loads(reply.body)["title"]


def test_the_log_says_once_what_a_client_that_shows_no_bodies_does_not(gateway, legacy):
    """Prometheus tells of the status and of nothing else."""
    figway = gateway(routes(legacy))
    for _ in range(3):
        assert ask(figway, ("Host", "figway.example"), target="/metrics").status == 421
        assert ask(figway, ("Host", "127.0.0.1"), ("Origin", "http://evil.example")).status == 403
    figway.stop()
    told = [(line["status"], line["reason"]) for line in figway.log() if line["event"] == "admin_refused"]
    assert [status for status, _ in told] == [421, 403]
    assert "--admin-host" in told[0][1]
    assert "example" not in figway.stdout()


def test_each_answer_says_when_it_was_made(plain):
    """RFC 9110 section 6.6.1."""
    made = parsedate_to_datetime(ask(plain, ("Host", "127.0.0.1")).get("Date"))
    assert abs((datetime.now(UTC) - made).total_seconds()) < 600


def test_no_host_is_a_probe_of_http_1_0_and_two_are_nonsense(plain):
    assert ask(plain, data=b"GET /livez HTTP/1.0\r\n\r\n").status == 200
    assert ask(plain).status == 400
    assert ask(plain, ("Host", "127.0.0.1"), ("Host", "evil.example")).status == 400


def test_names_are_allowed_one_by_one_by_domain_and_by_the_environment(gateway, legacy, monkeypatch):
    names = gateway(routes(legacy), "--admin-host", "figway", "--admin-host", ".clinic.example")
    for host, status in {
        "figway:9090": 200, "FIGWAY": 200, "clinic.example": 200, "a.b.clinic.example:1": 200, "127.0.0.1": 200,
        "evilclinic.example": 421, "figway.evil.example": 421, "clinic.example.evil": 421,
    }.items():
        assert ask(names, ("Host", host)).status == status, host
    monkeypatch.setenv("FIGWAY_ADMIN_HOST", "one two")
    told = gateway(routes(legacy), "--workers", "2")
    for host, status in {"one": 200, "two:9": 200, "three": 421}.items():
        assert ask(told, ("Host", host)).status == status, host
    monkeypatch.setenv("FIGWAY_ADMIN_HOST", "*")
    assert ask(gateway(routes(legacy)), ("Host", "anything.example")).status == 200


# --- Origin ---

@pytest.mark.parametrize("fields", [
    [("Origin", "http://127.0.0.1:9090")], [("Origin", "HTTP://127.0.0.1:9090")], [("Sec-Fetch-Site", "same-origin")],
    [("Sec-Fetch-Site", "none"), ("Sec-Fetch-Mode", "navigate")],
    [("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "document")]])
def test_its_own_pages_and_links_may_ask(plain, fields):
    assert ask(plain, ("Host", "127.0.0.1:9090"), *fields, target="/report").status == 200


@pytest.mark.parametrize("fields", [
    [("Origin", "http://evil.example")], [("Origin", "null")], [("Origin", "http://127.0.0.1:8080")], [("Origin", "")],
    [("Origin", "http://127.0.0.1:9090.evil.example")], [("Origin", "127.0.0.1:9090")],
    [("Origin", "http://127.0.0.1:9090"), ("Origin", "http://evil.example")],
    [("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "no-cors")],
    [("Sec-Fetch-Site", "same-site"), ("Sec-Fetch-Mode", "cors")]])
def test_the_page_of_another_origin_may_not(plain, fields):
    reply = ask(plain, ("Host", "127.0.0.1:9090"), *fields, target="/report")
    assert (reply.status, reply.get("Content-Type")) == (403, "application/problem+json")


def test_what_ends_tls_before_it_leaves_the_origin_alone(gateway, legacy):
    figway = gateway(routes(legacy), "--admin-host", "admin.example")
    assert ask(figway, ("Host", "admin.example"), ("Origin", "https://admin.example")).status == 200
    assert ask(figway, ("Host", "admin.example:443"), ("Origin", "https://admin.example")).status == 200


# --- slow and many ---

def ended(wire):
    """Whether the gateway has ended a connection, by now."""
    wire.socket.setblocking(False)
    try:
        return wire.receive() == b""
    except BlockingIOError:
        return False


def trickle(wire, data):
    """One more piece to a connection that may be over."""
    try:
        wire.socket.send(data)
    except OSError:
        return


def test_a_request_that_does_not_come_to_an_end_is_given_up(plain):
    whole = b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    slow = [(connect(plain.admin_port).send(begin), more) for begin, more in [
        (b"", b""), (b"G", b""), (whole, b"X: y\r\n"), (whole + b"\r\nGET /", b"x"),
        (b"POST /livez HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 60000\r\n\r\n", b"z")]]

    def over():
        for one in list(slow):
            if ended(one[0]):
                slow.remove(one)
            else:
                trickle(*one)
        return not slow

    until(over, "one is held open", 6 * HEAD)
    assert ask(plain, ("Host", "127.0.0.1")).status == 200


def test_more_connections_than_it_holds_cost_the_oldest_of_those_that_say_nothing(plain):
    old = [connect(plain.admin_port).send(b"GET /livez HTTP/1.1\r\n") for _ in range(150)]
    for _ in range(3):
        assert ask(plain, ("Host", "127.0.0.1")).status == 200
    until(lambda: sum(ended(one) for one in old) >= 50, "all are held")
    for one in old:
        one.close()


def test_a_request_may_not_be_endless(plain):
    wire = connect(plain.admin_port)
    with pytest.raises((Cut, ConnectionError)):
        wire.send(b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"y" * (1 << 20)).read_reply()


def test_slow_requests_do_not_hold_a_stop(gateway, legacy):
    figway = gateway(routes(legacy), "--workers", "2")
    slow = [connect(figway.admin_port).send(data) for data in (
        b"", b"GET /", b"POST /livez HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\n") for _ in range(10)]
    figway.stop()
    for one in slow:
        one.close()


def test_connections_are_kept_between_requests(plain):
    wire = connect(plain.admin_port)
    for _ in range(3):
        assert wire.send(request("GET", "/readyz", ("Host", "127.0.0.1"))).read_reply().status == 200
    wire.send(request("GET", "/livez", ("Host", "127.0.0.1")) * 3)
    assert [wire.read_reply().status for _ in range(3)] == [200] * 3
    wire.socket.shutdown(socket.SHUT_RDWR)
