"""An upgrade is offered for WebSocket alone, and bytes flow raw only after the upstream has agreed to it."""

import threading

import pytest

from tests.backends.figway import running
from tests.backends.upstream import until
from tests.backends.wire import Cut, request, response

UPGRADE = [("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13"),
           ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")]
SWITCHING = b"HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"


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


WEBSOCKET, OPTION = ("Upgrade", "websocket"), ("Connection", "Upgrade")


@pytest.mark.proves(11, 13)
@pytest.mark.parametrize(("method", "version", "fields", "body"), [
    ("GET", "1.1", [WEBSOCKET], None),
    ("GET", "1.1", [WEBSOCKET, ("Connection", "keep-alive")], None),
    ("GET", "1.1", [WEBSOCKET, ("Connection", "keep-alive"), ("Connection", "X-Hop")], None),
    ("GET", "1.1", [WEBSOCKET, ("Proxy-Connection", "Upgrade")], None),
    ("GET", "1.0", [WEBSOCKET, ("Connection", "keep-alive")], None),
    ("GET", "1.0", [WEBSOCKET, ("Connection", "keep-alive, Upgrade")], None),
    ("POST", "1.1", [WEBSOCKET, OPTION], b"body"),
    ("GET", "1.1", [WEBSOCKET, OPTION], b"body"),
    ("GET", "1.1", [("Upgrade", "h2c, websocket"), OPTION], None),
    ("GET", "1.1", [("Upgrade", "h2c"), WEBSOCKET, OPTION], None),
    ("GET", "1.1", [WEBSOCKET, ("Upgrade", "h2c"), OPTION], None),
    ("GET", "1.1", [("Upgrade", ""), OPTION], None),
], ids=["no Connection", "keep-alive alone", "two Connection fields without it", "Proxy-Connection", "HTTP/1.0",
        "HTTP/1.0 that asks", "POST", "a body", "a list", "the last of two", "the first of two", "empty"])
def test_what_asks_for_no_upgrade_opens_no_tunnel(plain, legacy, method, version, fields, body):
    """An upstream that would switch at the sight of `Upgrade` is shown none, and the next request is read as one."""
    def legacy_is_eager(wire, asked):
        wire.read_body(asked)
        if asked.get("Upgrade"):
            wire.send(SWITCHING)
            wire.rest()
        else:
            wire.send(response(200, body=b"plain"))

    legacy.does(legacy_is_eager)
    wire = plain.connect()
    wire.send(request(method, "/first", *fields, body=body, version=version) + request("GET", "/next"))

    assert [wire.read_reply().body for _ in range(2)] == [b"plain", b"plain"]
    assert legacy.targets() == ["/first", "/next"]
    assert all(asked.get("Upgrade") is None for asked in legacy.asked)


@pytest.mark.proves(13)
@pytest.mark.parametrize("fields", [
    [WEBSOCKET, ("Connection", "keep-alive"), ("Connection", "upgrade")], [("upgrade", "WebSocket"), OPTION],
    [WEBSOCKET, ("Connection", "keep-alive, Upgrade")], [OPTION, OPTION, WEBSOCKET],
], ids=["in the second of two fields", "another case", "in a list", "twice"])
def test_what_asks_for_an_upgrade_by_both_fields_gets_it(plain, legacy, fields):
    def legacy_upgrades(wire, asked):
        assert asked.get("Upgrade").lower() == "websocket"
        wire.send(SWITCHING)
        wire.send(wire.read(4))

    legacy.does(legacy_upgrades)
    wire = plain.connect().send(request("GET", "/socket", *fields))
    assert wire.read_reply().status == 101
    assert wire.send(b"ping").read(4) == b"ping"


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


@pytest.fixture(scope="module")
def hasty(everlasting_legacy, tmp_path_factory):
    """A gateway that waits only a moment between bytes of a body, and takes only small ones for `chat`."""
    with running(tmp_path_factory.mktemp("hasty"), f"""
version: 1
server: {{drain: {{grace: 2s}}}}
upstreams: {{legacy: {{url: "{everlasting_legacy.url}", timeouts: {{between_bytes: 200ms}}}}}}
capabilities:
  chat:
    owner: chat-team
    operations: {{any: {{path: "/chat/{{rest*}}"}}}}
    legacy: legacy
    stage: legacy
    limits: {{body: 1KiB}}
default: {{upstream: legacy}}
""") as figway:
        yield figway


@pytest.mark.proves(13, 31)
def test_a_tunnel_whose_client_was_slow_once_may_be_quiet_afterwards(hasty, legacy):
    size, sent = 24 << 20, 0

    def legacy_pours_and_echoes(wire, asked):
        nonlocal sent
        wire.send(SWITCHING + b"\x82\x7f" + size.to_bytes(8, "big"))
        for _ in range(size >> 16):
            wire.send(bytes(1 << 16))
            sent += 1 << 16
        wire.send(wire.read(4))
        wire.rest()

    legacy.does(legacy_pours_and_echoes)
    wire = hasty.connect(receive_buffer=1 << 17).send(request("GET", "/socket", *UPGRADE))
    assert wire.read_reply().status == 101
    until(lambda: sent > 0, "nothing comes")
    held = -1
    while held != sent:
        held = sent
        threading.Event().wait(0.3)
    assert held < size, "the upstream is never made to wait"
    assert wire.skip(10 + size) == 10 + size
    assert wire.silent(1.2)
    assert wire.send(b"ping").read(4) == b"ping"


@pytest.mark.proves(13)
def test_the_limit_of_a_body_is_none_of_a_tunnel(hasty, legacy):
    def legacy_echoes(wire, asked):
        wire.send(SWITCHING)
        while data := wire.receive():
            wire.send(data)

    legacy.does(legacy_echoes)
    wire = hasty.connect().send(request("GET", "/chat/1", *UPGRADE))
    assert wire.read_reply().status == 101
    message = bytes(range(256)) * 16
    assert wire.send(message).read(len(message)) == message


@pytest.fixture(scope="module")
def prompt(everlasting_legacy, tmp_path_factory):
    """A gateway that waits much longer between the bytes of a body than for the first."""
    with running(tmp_path_factory.mktemp("prompt"), f"""
version: 1
server: {{drain: {{grace: 2s}}}}
upstreams: {{legacy: {{url: "{everlasting_legacy.url}", timeouts: {{first_byte: 2s, between_bytes: 60s}}}}}}
default: {{upstream: legacy}}
""") as figway:
        yield figway


@pytest.mark.proves(13, 31)
@pytest.mark.parametrize("ending", ["length", "chunks", "close"])
def test_a_declined_upgrade_is_answered_at_the_upstream_s_pace(prompt, legacy, ending):
    """The answer is an ordinary one: it is due by its next byte, not as a whole."""
    framing = {"length": b"Content-Length: 6\r\n", "chunks": b"Transfer-Encoding: chunked\r\n", "close": b""}[ending]
    first, rest = (b"3\r\nabc\r\n", b"3\r\ndef\r\n0\r\n\r\n") if ending == "chunks" else (b"abc", b"def")

    def legacy_takes_its_time(wire, asked):
        wire.send(b"HTTP/1.1 200 Fine\r\n" + framing + b"\r\n" + first)
        threading.Event().wait(4.0)
        wire.send(rest)
        if ending == "close":
            wire.close()

    legacy.does(legacy_takes_its_time)
    reply = prompt.ask("GET", "/socket", *UPGRADE)
    assert (reply.status, reply.body) == (200, b"abcdef")


@pytest.mark.proves(13, 31)
def test_a_declined_upgrade_whose_answer_stalls_is_cut(hasty, legacy):
    def legacy_stalls(wire, asked):
        wire.send(b"HTTP/1.1 200 Fine\r\nContent-Length: 6\r\n\r\nabc")
        wire.rest()

    legacy.does(legacy_stalls)
    with pytest.raises(Cut) as cut:
        hasty.ask("GET", "/socket", *UPGRADE)
    assert cut.value.partial == b"abc"


@pytest.mark.proves(13, 31)
def test_a_declined_upgrade_whose_answer_stalls_after_its_client_was_slow_is_cut(hasty, legacy):
    """Also where the client made the upstream wait meanwhile: only a tunnel may be quiet for as long as it likes."""
    size, sent = 24 << 20, 0

    def legacy_pours_and_stalls(wire, asked):
        nonlocal sent
        wire.send(b"HTTP/1.1 200 Fine\r\nContent-Length: %d\r\n\r\n" % (size + 1))
        for _ in range(size >> 16):
            wire.send(bytes(1 << 16))
            sent += 1 << 16
        wire.rest()

    legacy.does(legacy_pours_and_stalls)
    wire = hasty.connect(receive_buffer=1 << 17).send(request("GET", "/socket", *UPGRADE))
    until(lambda: sent > 0, "nothing comes")
    held = -1
    while held != sent:
        held = sent
        threading.Event().wait(0.3)
    assert held < size, "the upstream is never made to wait"
    wire.read_head()
    assert wire.skip(size) == size
    assert wire.ends()


@pytest.mark.proves(13)
def test_an_upgrade_may_be_declined_in_the_middle_of_a_login(plain, legacy):
    """Servers that log in connections challenge a request for an upgrade too; its client answers on the same one."""
    def legacy_logs_in(wire, asked):
        number = asked.get("Authorization")
        challenge = [("WWW-Authenticate", f"NTLM {number[-1]}")] if number in ("NTLM 1", "NTLM 2") else []
        if number == "NTLM 3":
            wire.send(SWITCHING + b"hello")
            wire.rest()
        else:
            wire.send(response(401, *challenge, body=b"who"))

    legacy.does(legacy_logs_in)
    wire = plain.connect()
    for number in "12":
        reply = wire.send(request("GET", "/socket", *UPGRADE, ("Authorization", f"NTLM {number}"))).read_reply()
        assert (reply.status, reply.get("WWW-Authenticate")) == (401, f"NTLM {number}")
    assert wire.send(request("GET", "/socket", *UPGRADE, ("Authorization", "NTLM 3"))).read_reply().status == 101
    assert wire.read(5) == b"hello"
    assert [asked.number for asked in legacy.asked] == [1, 2, 3]
