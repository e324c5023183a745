"""No client keeps others from an upstream: what goes at a client's pace holds no place in the pool, and where requests
wait, those of an address that has its share go last."""

import threading
from contextlib import contextmanager

import pytest

from tests.backends.upstream import until
from tests.backends.wire import PATIENCE, connect, request, response

CHUNKED = ("Transfer-Encoding", "chunked")
UPGRADE = request("GET", "/socket", ("Connection", "Upgrade"), ("Upgrade", "websocket"))
SWITCHING = b"HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
EVENTS = response(200, ("Content-Type", "text/event-stream;charset=utf-8"), CHUNKED, body=b"9\r\ndata: 1\n\n\r\n")
LARGE = response(200, body=bytes(8 << 20))


def config(legacy, pool="connections: 8", more=""):
    return f"""
version: 1
server: {{drain: {{grace: 1s}}}}
upstreams: {{legacy: {{url: "{legacy.url}", pool: {{{pool}}}, ejection: {{failures: 0}}{more}}}}}
default: {{upstream: legacy}}
"""


@contextmanager
def many(figway, number, data, *, source="127.0.0.1", receive_buffer=0):
    """So many connections from one address, each of which has sent `data`; all end with the block."""
    wires = []
    try:
        for _ in range(number):
            wire = connect(figway.port, source=source, receive_buffer=receive_buffer)
            wires.append(wire)
            wire.send(data)
        yield wires
    finally:
        for wire in wires:
            wire.close()


def asks(figway, target="/", source="127.0.0.2"):
    """One request from an address of its own."""
    wire = connect(figway.port, source=source)
    try:
        return wire.send(request("GET", target)).read_reply()
    finally:
        wire.close()


def told(figway, words):
    until(lambda: words in figway.readiness()[1], f"readiness never says {words}: {figway.readiness()[1]}")


def serves_all(wire, asked):
    """Answers as the target wants it."""
    if asked.target == b"/large":
        wire.send(LARGE)
    elif asked.target == b"/medium":
        wire.send(response(200, body=bytes(150_000)))
    elif asked.target == b"/events":
        wire.send(EVENTS)
        wire.rest()
    elif asked.get("Upgrade"):
        wire.send(SWITCHING)
        wire.rest()
    else:
        wire.read_body(asked)
        wire.send(response(200, body=b"served"))


@pytest.mark.parametrize("framing", [
    ("Content-Length", "60000"), ("Content-Length", "1000000"), CHUNKED], ids=["small", "large", "chunked"])
@pytest.mark.parametrize("expects", [(), (("Expect", "100-continue"),)], ids=["", "asks to go on"])
def test_uploads_that_trickle_leave_others_alone(kept, legacy, framing, expects):
    legacy.does(serves_all)
    figway = kept(config(legacy))
    piece = b"1\r\nx\r\n" if framing is CHUNKED else b"x"
    with many(figway, 260, request("POST", "/", framing, *expects) + piece) as wires:
        for _ in range(20):
            assert asks(figway).body == b"served"
        for wire in wires[::40]:
            wire.send(piece)
        assert asks(figway).body == b"served"


def test_small_uploads_that_trickle_leave_their_own_address_alone(gateway, legacy):
    legacy.does(serves_all)
    figway = gateway(config(legacy, "connections: 1"))

    def asked():
        # Uploads of other tests, which have just ended, may still arrive.
        return [one for one in legacy.asked if one.target == b"/small"]

    with many(figway, 30, request("POST", "/small", ("Content-Length", "10")) + b"12345") as wires:
        assert figway.ask("GET", "/small").body == b"served"
        assert [one.method for one in asked()] == ["GET"]
        assert [wire.send(b"67890").read_reply().body for wire in wires] == [b"served"] * 30
    assert {one.body for one in asked()} == {b"", b"1234567890"}


@pytest.mark.parametrize("source", ["127.0.0.1", "127.0.0.2"])
def test_readers_that_are_slow_leave_others_alone(gateway, legacy, source):
    legacy.does(serves_all)
    figway = gateway(config(legacy, "connections: 8, streams: 400"))
    with many(figway, 150, request("GET", "/large"), receive_buffer=4096):
        for _ in range(20):
            assert asks(figway, source=source).body == b"served"


def test_what_has_left_the_pool_leaves_each_address_its_share(gateway, legacy):
    """Past the bound of what may leave, slow readers of one address still find no more of the pool than its share."""
    legacy.does(serves_all)
    figway = gateway(config(legacy, "connections: 8, streams: 8"))
    with many(figway, 60, request("GET", "/large"), receive_buffer=4096):
        told(figway, "4 outside the pool")
        for _ in range(20):
            assert asks(figway).body == b"served"


def test_an_answer_that_is_read_ahead_frees_its_connection(gateway, legacy):
    legacy.does(serves_all)
    figway = gateway(config(legacy, "connections: 1, streams: 1"))
    with many(figway, 10, request("GET", "/medium"), receive_buffer=4096) as wires:
        assert asks(figway).body == b"served"
        assert {len(wire.read_reply().body) for wire in wires} == {150_000}


@pytest.mark.parametrize("data", [UPGRADE, request("GET", "/events")], ids=["tunnels", "event streams"])
def test_tunnels_and_event_streams_leave_the_pool_and_have_a_bound_of_their_own(gateway, legacy, data):
    legacy.does(serves_all)
    figway = gateway(config(legacy, "connections: 2, streams: 6"))
    with many(figway, 3, data) as mine, many(figway, 3, data, source="127.0.0.2") as others:
        for wire in [*mine, *others]:
            assert int(wire.read_line().split(b" ")[1]) in (101, 200)
        told(figway, "6 outside the pool")
        assert asks(figway).body == b"served"
        for source in ["127.0.0.1", "127.0.0.3"]:
            with many(figway, 1, data, source=source) as refused:
                reply = refused[0].read_reply()
                assert (reply.status, b"upstream_busy" in reply.body) == (503, True)
        assert asks(figway).body == b"served"
        mine[0].close()
        told(figway, "5 outside the pool")
        with many(figway, 1, data) as again:
            assert int(again[0].read_line().split(b" ")[1]) in (101, 200)


def test_one_address_has_no_more_tunnels_than_its_share(gateway, legacy):
    legacy.does(serves_all)
    figway = gateway(config(legacy, "connections: 8, streams: 20, per_client: 25%"))
    with many(figway, 20, UPGRADE) as wires:
        statuses = [wire.read_reply().status for wire in wires]
        assert (statuses.count(101), statuses.count(503)) == (5, 15)
        with many(figway, 1, UPGRADE, source="127.0.0.2") as others:
            assert others[0].read_reply().status == 101


@pytest.fixture
def free():
    event = threading.Event()
    yield event
    event.set()


def waits_for(free):
    def handler(wire, asked):
        if asked.target == b"/wait":
            free.wait(PATIENCE)
        wire.send(response(200, body=b"served"))

    return handler


def test_an_address_that_waits_for_a_slow_upstream_leaves_room_for_others(gateway, legacy, free):
    legacy.does(waits_for(free))
    figway = gateway(config(legacy))
    with many(figway, 40, request("GET", "/wait")) as wires:
        told(figway, "40 pending")
        for _ in range(10):
            assert asks(figway).body == b"served"
        free.set()
        assert {wire.read_reply().body for wire in wires} == {b"served"}


def test_addresses_take_turns(gateway, legacy, free):
    """Whoever comes last waits for none of the many that one address has put in line."""
    legacy.does(waits_for(free))
    figway = gateway(config(legacy, "connections: 2"))
    with many(figway, 30, request("GET", "/wait")) as wires:
        told(figway, "30 pending")
        with many(figway, 3, request("GET", "/other"), source="127.0.0.2") as others:
            told(figway, "33 pending")
            free.set()
            assert {wire.read_reply().body for wire in [*wires, *others]} == {b"served"}
    order = [one.target for one in legacy.asked]
    assert max(place for place, target in enumerate(order) if target == b"/other") < 12


def test_no_address_fills_the_line(gateway, legacy, free):
    legacy.does(waits_for(free))
    figway = gateway(config(legacy, "connections: 2, pending: 10"))
    with many(figway, 12, request("GET", "/wait")) as wires:
        told(figway, "12 pending")
        assert asks(figway, source="127.0.0.1").status == 503
        with many(figway, 5, request("GET", "/other"), source="127.0.0.2") as others:
            for wire in wires[-5:]:
                assert wire.read_reply().status == 503
            free.set()
            assert [wire.read_reply().status for wire in [*wires[:-5], *others]] == [200] * 12


def test_one_address_may_have_the_whole_pool_while_nobody_waits(gateway, legacy, free):
    legacy.does(waits_for(free))
    figway = gateway(config(legacy, "connections: 8, per_client: 100%"))
    with many(figway, 9, request("GET", "/wait")) as wires:
        until(lambda: len(legacy.asked) == 8, "the pool is not used up")
        free.set()
        assert {wire.read_reply().body for wire in wires} == {b"served"}


def test_an_answer_without_an_end_leaves_the_pool_when_its_place_is_needed(gateway, legacy):
    def legacy_goes_on(wire, asked):
        if asked.target == b"/":
            wire.send(response(200, body=b"served"))
            return
        wire.send(response(200, CHUNKED))
        while wire.silent(0.2):
            wire.send(b"1\r\nx\r\n")

    legacy.does(legacy_goes_on)
    figway = gateway(config(legacy, "connections: 1", ", timeouts: {first_byte: 25s}"))
    with many(figway, 1, request("GET", "/log")) as wires:
        wires[0].read_head()
        with many(figway, 1, request("GET", "/"), source="127.0.0.2") as others:
            others[0].socket.settimeout(25)
            assert others[0].read_reply().body == b"served"
