"""Answers that may have no Content-Length (RFC 9110 section 8.6) have none, and those that may keep theirs."""

import pytest

from tests.backends.wire import request as ask
from tests.backends.wire import response

UPGRADE = [("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13"),
           ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")]


@pytest.fixture
def adapted(gateway, legacy):
    """A gateway that translates every answer."""
    return gateway(f"""
version: 1
upstreams: {{legacy: {{url: "{legacy.url}"}}}}
capabilities:
  all:
    owner: t
    operations: {{any: {{path: "/{{rest*}}"}}}}
    legacy: {{upstream: legacy, adapter: {{identity: {{}}}}}}
    stage: legacy
default: {{upstream: legacy}}
""")


@pytest.mark.parametrize("through", ["plain", "adapted"])
@pytest.mark.parametrize("lengths", [("0",), ("5",), ()])
def test_204_has_no_length_and_its_connection_goes_on(request, through, legacy, lengths):
    figway = request.getfixturevalue(through)
    fields = [("content-LENGTH", one) for one in lengths]
    legacy.answers(response(204, ("X-A", "1"), *fields, ("X-B", "2")), response(200, body=b"next"))
    wire = figway.connect()
    reply = wire.send(ask("DELETE", "/record")).read_reply("DELETE")
    assert (reply.status, reply.headers.get_all(b"content-length")) == (204, [])
    assert (reply.get("X-A"), reply.get("X-B")) == ("1", "2")
    assert reply.get("Transfer-Encoding") is None
    assert wire.send(ask("GET", "/")).read_reply().body == b"next"


def test_head_and_304_keep_theirs(plain, legacy):
    legacy.answers(response(200, ("Content-Length", "1234")), response(304, ("Content-Length", "99")))
    assert plain.ask("HEAD", "/").get("Content-Length") == "1234"
    assert plain.ask("GET", "/", ("If-None-Match", '"a"')).get("Content-Length") == "99"


def test_interim_answers_have_none(plain, legacy):
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nContent-Length: 0\r\n\r\n"
    legacy.answers(hints + response(200, body=b"ok"))
    reply = plain.ask("GET", "/")
    [interim] = reply.interim
    assert (interim.status, interim.get("Link"), interim.get("Content-Length")) == (103, "</a>", None)
    assert (reply.body, reply.get("Content-Length")) == (b"ok", "2")


def test_101_has_none(plain, legacy):
    def upgrades(wire, asked):
        wire.send(b"HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                  b"Content-Length: 0\r\n\r\nhello")
        wire.close()

    legacy.does(upgrades)
    wire = plain.connect().send(ask("GET", "/socket", *UPGRADE))
    reply = wire.read_reply()
    assert (reply.status, reply.get("Content-Length"), reply.get("Upgrade")) == (101, None, "websocket")
    assert wire.rest() == b"hello"
