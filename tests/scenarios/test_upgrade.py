"""An upgrade is offered for WebSocket alone, and bytes flow raw only after the upstream has agreed to it."""

import pytest

from tests.backends.wire import request, response

UPGRADE = [("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13"),
           ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")]


@pytest.mark.proves(13)
def test_bytes_flow_raw_after_101_and_only_then(plain, legacy):
    def legacy_upgrades(wire, asked):
        assert asked.get("Upgrade") == "websocket"
        assert asked.get("Connection").lower() == "upgrade"
        wire.send(b"HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                  b"Sec-WebSocket-Accept: x\r\n\r\nhello")
        assert wire.read(4) == b"\x00\r\n\xff"
        wire.send(b"bye")
        wire.close()

    legacy.does(legacy_upgrades)
    wire = plain.connect().send(request("GET", "/socket", *UPGRADE))
    reply = wire.read_reply()

    assert reply.start == b"HTTP/1.1 101 Switching"
    assert (reply.get("Upgrade"), reply.get("Sec-WebSocket-Accept")) == ("websocket", "x")
    assert wire.read(5) == b"hello"
    assert wire.send(b"\x00\r\n\xff").rest() == b"bye"


@pytest.mark.proves(13)
def test_a_refused_upgrade_passes_and_the_connection_stays_http(plain, legacy):
    legacy.answers(response(403, body=b"no sockets"), response(200, body=b"still here"))
    wire = plain.connect()

    assert wire.send(request("GET", "/socket", *UPGRADE)).read_reply().body == b"no sockets"
    assert wire.send(request("GET", "/")).read_reply().body == b"still here"


@pytest.mark.proves(13)
def test_bytes_sent_ahead_of_a_refused_upgrade_never_reach_the_upstream_raw(plain, legacy):
    legacy.answers(response(403, body=b"no"))
    wire = plain.connect().send(request("GET", "/socket", *UPGRADE) + b"\x81\x05GET /smuggled HTTP/1.1\r\n\r\n")

    assert wire.read_reply().status == 403
    wire.rest()
    assert legacy.targets() == ["/socket"]


@pytest.mark.proves(13)
@pytest.mark.parametrize(("method", "upgrade"), [("POST", "websocket"), ("GET", "h2c"), ("GET", "TLS/1.0")])
def test_no_other_upgrade_is_offered_to_the_upstream(plain, legacy, method, upgrade):
    fields = [("Connection", "Upgrade, HTTP2-Settings"), ("Upgrade", upgrade), ("HTTP2-Settings", "AAM")]
    reply = plain.ask(method, "/", *fields)

    assert reply.status in (200, 400)
    for asked in legacy.asked:
        assert asked.get("Upgrade") is None
        assert asked.get("HTTP2-Settings") is None


@pytest.mark.proves(14)
def test_a_101_that_nobody_asked_for_is_a_fault_of_the_upstream(plain, legacy):
    legacy.answers(b"HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nraw")
    assert plain.ask("GET", "/").status == 502


@pytest.mark.proves(13)
def test_a_capability_may_refuse_upgrades(gateway, legacy):
    closed = gateway(f"""
version: 1
upstreams: {{legacy: {{url: "{legacy.url}"}}}}
capabilities:
  chat:
    owner: chat-team
    operations: {{any: {{path: "/chat/{{rest*}}"}}}}
    legacy: legacy
    stage: legacy
    upgrade: false
default: {{upstream: legacy}}
""")
    assert closed.ask("GET", "/chat/1", *UPGRADE).status == 200
    assert legacy.asked[0].get("Upgrade") is None
