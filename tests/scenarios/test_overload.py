"""What clients make a worker hold has a bound, and so have its file descriptors: past it whoever wants more is told so,
and nobody else notices."""

import re
import threading

import pytest

from tests.backends.upstream import until
from tests.backends.wire import PATIENCE, Cut, request, response

MEBIBYTE = 1 << 20
CHUNKED = ("Transfer-Encoding", "chunked")


def held(figway):
    return figway.metric("figway_memory_held_bytes")


def empties(figway):
    until(lambda: held(figway) == 0, "what was held is still counted")


def asks_well(figway, count=20):
    """A client that holds nothing is answered as ever."""
    wire = figway.connect()
    for _ in range(count):
        assert wire.send(request("GET", "/other")).read_reply().status == 200
    wire.close()


def checks(figway):
    """The readiness checks by name: whether each passed, and what it says."""
    found = re.findall(r"(?m)^\[([+-])\] (connections|memory): (.*)$", figway.readiness()[1])
    return {name: (passed == "+", why) for passed, name, why in found}


@pytest.fixture
def small(gateway, legacy):
    """A gateway that holds 4 MiB for its clients; what it translates and mirrors may be 1 MiB a body."""
    return gateway(f"""
version: 1
server:
  limits: {{memory: 4MiB, body: 64MiB}}
  timeouts: {{head: 20s, body_grace: 20s}}
  drain: {{grace: 2s}}
upstreams:
  legacy: {{url: "{legacy.url}"}}
capabilities:
  translated:
    owner: t
    operations: {{read: {{method: POST, path: /translated, safe: true}}}}
    legacy: {{upstream: legacy, adapter: {{identity: {{}}}}}}
    stage: legacy
    limits: {{buffer: 1MiB}}
  mirrored:
    owner: t
    operations: {{read: {{method: POST, path: /mirrored, safe: true}}}}
    legacy: legacy
    modern: legacy
    stage: shadow
    shadow: {{sample: 100%}}
    limits: {{buffer: 1MiB}}
  both:
    owner: t
    operations: {{read: {{method: POST, path: /both, safe: true}}}}
    legacy: {{upstream: legacy, adapter: {{identity: {{}}}}}}
    modern: legacy
    stage: shadow
    shadow: {{sample: 100%}}
    limits: {{buffer: 1MiB}}
default: {{upstream: legacy, policies: []}}
""")


@pytest.mark.proves(36)
def test_bodies_that_are_held_and_never_end_find_room_only_so_far(small, legacy):
    part = request("POST", "/translated", ("Content-Length", str(MEBIBYTE))) + bytes(900_000)
    wires = [small.connect().send(part) for _ in range(12)]
    until(lambda: small.metric("figway_memory_refused_total") >= 8, "nobody is refused")
    asks_well(small)
    assert held(small) <= 4 * MEBIBYTE
    refused = 0
    for wire in wires:
        if not wire.silent(0.2):
            reply = wire.read_reply()
            assert (reply.status, b"overloaded" in reply.body) == (503, True)
            refused += 1
    assert refused == 8

    assert checks(small)["memory"][0] is False
    assert small.readiness()[0] == 200
    for wire in wires:
        wire.close()
    empties(small)
    assert small.ask("POST", "/translated", body=b"x" * 500_000).status == 200
    empties(small)
    until(lambda: [one["of"] for one in small.log() if one["event"] == "overloaded"] == ["memory"], "it is not told")
    assert not [one for one in small.log() if one["event"] == "refused"]


def test_long_heads_that_never_end_find_room_only_so_far(small, legacy):
    head = b"GET / HTTP/1.1\r\nHost: a\r\n" + b"".join(b"X-%d: %b\r\n" % (at, b"a" * 1000) for at in range(57))
    with small.watching_memory() as resident:
        wires = [small.connect().send(head) for _ in range(300)]
        until(lambda: small.metric("figway_memory_refused_total") >= 200, "nobody is refused")
        asks_well(small)
    assert held(small) <= 4 * MEBIBYTE
    assert max(resident) - resident[0] < 40 * MEBIBYTE
    assert sum(not wire.silent(0.01) and wire.read_reply().status == 503 for wire in wires) >= 200
    for wire in wires:
        wire.close()
    empties(small)


def test_answers_that_nobody_takes_find_room_only_so_far(small, legacy):
    size = {b"/big": 20 * MEBIBYTE}
    legacy.does(lambda wire, asked: wire.send(response(200, body=bytes(size.get(asked.target, 10)))))
    wires = [small.connect(receive_buffer=4096).send(request("GET", "/big")) for _ in range(60)]
    until(lambda: small.metric("figway_memory_refused_total") > 0, "nobody is refused")
    asks_well(small)
    assert held(small) <= 4 * MEBIBYTE
    for wire in wires:
        wire.reset()
    empties(small)


def test_requests_sent_ahead_find_room_only_so_far(small, legacy):
    may_end = threading.Event()

    def legacy_waits(wire, asked):
        if asked.target == b"/slow":
            may_end.wait(PATIENCE)
        wire.send(response(200))

    legacy.does(legacy_waits)
    many = request("GET", "/slow") + request("GET", "/other") * 4000
    wires, senders = [small.connect() for _ in range(60)], []
    for wire in wires:
        senders.append(threading.Thread(target=send, args=(wire, many), daemon=True))
        senders[-1].start()
    until(lambda: small.metric("figway_memory_refused_total") > 0, "nobody is refused")
    asks_well(small)
    assert held(small) <= 4 * MEBIBYTE
    for wire in wires:
        wire.reset()
    may_end.set()
    empties(small)


def send(wire, data):
    try:
        wire.send(data)
    except OSError:
        pass


def test_uploads_that_the_upstream_does_not_take_find_room_only_so_far(small, legacy):
    may_end = threading.Event()

    def legacy_waits(wire, asked):
        if asked.target == b"/upload":
            may_end.wait(PATIENCE)
            wire.close()
        else:
            wire.send(response(200))

    legacy.does(legacy_waits)
    wires, senders = [small.connect() for _ in range(60)], []
    data = request("PUT", "/upload", ("Content-Length", str(20 * MEBIBYTE))) + bytes(20 * MEBIBYTE)
    for wire in wires:
        senders.append(threading.Thread(target=send, args=(wire, data), daemon=True))
        senders[-1].start()
    until(lambda: small.metric("figway_memory_refused_total") > 0, "nobody is refused")
    asks_well(small)
    assert held(small) <= 4 * MEBIBYTE
    for wire in wires:
        wire.reset()
    may_end.set()
    empties(small)


def test_a_mirror_is_given_up_where_there_is_no_room_for_it_and_the_request_is_not(small, legacy):
    part = request("POST", "/translated", ("Content-Length", str(MEBIBYTE))) + bytes(1_000_000)
    wires = [small.connect().send(part) for _ in range(3)]
    until(lambda: held(small) >= 3_000_000, "nothing is held")
    wire = small.connect().send(request("POST", "/mirrored", CHUNKED))
    for _ in range(9):
        wire.send(b"%x\r\n%b\r\n" % (100_000, bytes(100_000)))
    assert wire.send(b"0\r\n\r\n").read_reply().status == 200
    until(lambda: small.metric("figway_shadow_total", reason="overloaded") == 1, "the mirror is not counted")
    for wire in wires:
        wire.close()
    empties(small)


def test_a_mirrored_and_a_translated_exchange_leave_nothing_counted(small, legacy):
    for path in ("/mirrored", "/translated"):
        assert small.ask("POST", path, body=b"x" * 500_000).status == 200
        assert small.ask("POST", path, CHUNKED, body=b"5\r\nhello\r\n" * 900 + b"0\r\n\r\n").status == 200
    wire = small.connect().send(request("POST", "/mirrored", ("Content-Length", "100000")) + bytes(50_000))
    until(lambda: any(one.complete is None for one in legacy.asked), "it does not arrive")
    wire.reset()
    empties(small)


def test_a_body_that_is_translated_and_mirrored_is_counted_once_beside_its_translation(small, legacy):
    may_answer = threading.Event()

    def legacy_waits(wire, asked):
        wire.read_body(asked)
        may_answer.wait(PATIENCE)
        wire.send(response(200))

    legacy.does(legacy_waits)
    size = 40_000
    wire = small.connect().send(request("POST", "/both", body=bytes(size)))
    until(lambda: legacy.asked, "it does not arrive")
    assert 2 * size <= held(small) < 2.5 * size
    may_answer.set()
    assert wire.read_reply().status == 200
    empties(small)


@pytest.fixture
def tight(gateway, legacy):
    """A gateway with 200 file descriptors."""
    return gateway(f"""
version: 1
server: {{drain: {{grace: 2s}}, timeouts: {{idle: 30s}}, limits: {{connections: 20000}}}}
upstreams: {{legacy: {{url: "{legacy.url}"}}}}
default: {{upstream: legacy, policies: []}}
""", descriptors=200)


def test_who_asks_for_no_number_of_connections_gets_as_many_as_there_are_descriptors_for(gateway, legacy):
    figway = gateway(f"""
version: 1
upstreams: {{legacy: {{url: "{legacy.url}"}}}}
default: {{upstream: legacy}}
""", descriptors=200)
    passed, why = checks(figway)["connections"]
    allowed = int(figway.metric("figway_connections_limit"))
    assert 20 < allowed < 150
    assert (passed, why) == (True, f"0 of {allowed}")
    assert all(line["event"] != "descriptors_short" for line in figway.log())


def dared(figway):
    """A connection, or None where it was reset at once."""
    try:
        return figway.connect()
    except ConnectionResetError:
        return None


@pytest.mark.proves(36)
def test_more_clients_than_there_are_descriptors_are_told_so_and_others_served(tight, legacy):
    passed, why = checks(tight)["connections"]
    assert not passed
    assert "20,000 are configured" in why
    assert "200 file descriptors" in why
    allowed = int(tight.metric("figway_connections_limit"))
    assert 20 < allowed < 150

    mine = tight.connect()
    assert mine.send(request("GET", "/")).read_reply().status == 200
    crowd = [wire for wire in (dared(tight) for _ in range(250)) if wire is not None]
    for _ in range(20):
        assert mine.send(request("GET", "/other")).read_reply().status == 200
    assert tight.readiness()[0] == 200
    assert tight.metric("figway_connections_refused_total") > 0
    turned_away = 0
    for wire in crowd:
        try:
            if not wire.silent(0.01):
                reply = wire.read_reply()
                assert (reply.status, b"overloaded" in reply.body) == (503, True)
                turned_away += 1
        except (Cut, OSError):
            # It made way for another.
            turned_away += 1
    assert turned_away > 0
    for _ in range(5):
        assert mine.send(request("GET", "/other")).read_reply().status == 200
    for wire in crowd:
        wire.close()
    until(lambda: tight.metric("figway_connections") < 10, "connections stay")
    asks_well(tight)
    events = [one["event"] for one in tight.log()]
    assert events.count("descriptors_short") == 1
    assert events.count("overloaded") == 1
    assert "refused" not in events
    assert "loop_error" not in events


def test_connections_on_which_nothing_is_asked_make_way(tight, legacy):
    allowed = int(tight.metric("figway_connections_limit"))
    mine = tight.connect()
    assert mine.send(request("GET", "/")).read_reply().status == 200
    silent = [tight.connect().send(b"GET / HT" if number % 2 else b"") for number in range(allowed - 1)]
    until(lambda: tight.metric("figway_connections") == allowed, "they are not all there")
    threading.Event().wait(0.2)
    for _ in range(20):
        assert tight.ask("GET", "/other").status == 200
    assert mine.send(request("GET", "/")).read_reply().status == 200
    assert silent[0].ends()
    for wire in silent:
        wire.close()


@pytest.mark.proves(36)
def test_upstreams_can_be_called_while_every_client_connection_is_taken(tight, legacy):
    may_end = threading.Event()
    legacy.does(lambda wire, asked: (may_end.wait(PATIENCE), wire.send(response(200))))
    allowed = int(tight.metric("figway_connections_limit"))
    wires = [tight.connect() for _ in range(allowed)]
    for wire in wires:
        wire.send(request("GET", "/"))
    until(lambda: len(legacy.asked) >= min(allowed, 256), "they do not all arrive")
    may_end.set()
    assert [wire.read_reply().status for wire in wires] == [200] * allowed


def test_a_connection_limit_that_is_reached_is_told_once_and_ends(gateway, legacy):
    figway = gateway(f"""
version: 1
server: {{limits: {{connections: 5}}, drain: {{grace: 2s}}}}
upstreams: {{legacy: {{url: "{legacy.url}"}}}}
default: {{upstream: legacy, policies: []}}
""")
    assert checks(figway)["connections"][0]
    wires = [figway.connect() for _ in range(5)]
    for wire in wires:
        assert wire.send(request("GET", "/")).read_reply().status == 200
    assert figway.connect().read_reply().status == 503
    assert wires[0].send(request("GET", "/")).read_reply().status == 200
    until(lambda: [one["of"] for one in figway.log() if one["event"] == "overloaded"] == ["connections"], "not told")
    assert not checks(figway)["connections"][0]
    for wire in wires:
        wire.close()
    until(lambda: any(one["event"] == "overload_over" for one in figway.log()), "its end is not told")
    assert checks(figway)["connections"][0]
