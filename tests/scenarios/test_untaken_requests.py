"""An upstream that does not take all of a request hangs nobody, costs no memory, and is heard all the same. It listens
on a Unix socket, whose buffer is small and does not grow."""

import threading

import pytest

from tests.backends.figway import running
from tests.backends.upstream import Upstream, until
from tests.backends.wire import PATIENCE, Cut, connect, request, response

LARGE = 1_000_000


@pytest.fixture(scope="module")
def legacy(tmp_path_factory):
    upstream = Upstream(path=tmp_path_factory.mktemp("upstream") / "socket")
    yield upstream
    upstream.close()


@pytest.fixture(scope="module")
def gateway(legacy, tmp_path_factory):
    """What comes under /held/ is whole before it is sent; /alone has one connection."""
    with running(tmp_path_factory.mktemp("untaken"), f"""
version: 1
server: {{drain: {{delay: 0s, grace: 1s}}}}
upstreams:
  legacy: {{url: "{legacy.url}", timeouts: {{first_byte: 2s, between_bytes: 1s}}, ejection: {{failures: 0}}}}
  alone: {{url: "{legacy.url}", pool: {{connections: 1}}}}
  total: {{url: "{legacy.url}", timeouts: {{total: 500ms}}, ejection: {{failures: 1, for: 1m}}}}
capabilities:
  held:
    owner: t
    operations: {{any: {{path: "/held/{{rest*}}"}}}}
    legacy: {{upstream: legacy, adapter: {{identity: {{}}}}}}
    stage: legacy
  alone: {{owner: t, operations: {{any: {{path: "/alone/{{rest*}}"}}}}, legacy: alone, stage: legacy}}
  total: {{owner: t, operations: {{any: {{path: "/total/{{rest*}}"}}}}, legacy: total, stage: legacy}}
default: {{upstream: legacy, policies: []}}
""") as figway:
        yield figway


@pytest.fixture
def over(legacy):
    """An event that is set when the test is over, for handlers that wait."""
    event = threading.Event()
    legacy.forget()
    yield event
    event.set()


def pushes(wire, data):
    """Send from a thread of its own, as far as it goes."""
    def push():
        try:
            wire.send(data)
        except OSError:
            pass

    thread = threading.Thread(target=push, daemon=True)
    thread.start()
    return thread


def test_an_answer_to_a_request_that_is_not_taken_leaves_no_connection_that_hangs_the_next(gateway, legacy, over):
    def refuses_unread(wire, asked):
        if asked.method == "POST":
            wire.send(response(401))
            asked.complete = True
            over.wait(PATIENCE)
        else:
            wire.send(response(200, body=b"right"))

    legacy.does(refuses_unread)
    for _ in range(3):
        assert gateway.ask("POST", "/held/1", body=bytes(LARGE)).status == 401
        assert gateway.ask("GET", "/").body == b"right"


@pytest.mark.parametrize("target", ["/", "/held/1"])
def test_an_answer_that_stops_after_its_request_was_taken_slowly_is_given_up(gateway, legacy, over, target):
    def stops(wire, asked):
        wire.send(b"HTTP/1.1 200 Fine\r\nContent-Length: 100\r\n\r\nstart")
        over.wait(0.5)
        wire.read_body(asked)
        over.wait(PATIENCE)

    legacy.does(stops)
    wire = gateway.connect()
    pushes(wire, request("POST", target, body=bytes(LARGE)))
    if target == "/":
        with pytest.raises(Cut):
            wire.read_reply()
    else:
        assert wire.read_reply().status == 504
    wire.close()


def test_an_upload_that_waited_for_a_connection_goes_no_faster_than_the_upstream_takes_it(gateway, legacy, over):
    go = threading.Event()

    def takes_nothing(wire, asked):
        if asked.method == "GET":
            go.wait(PATIENCE)
            wire.send(response(200))
        else:
            over.wait(PATIENCE)

    legacy.does(takes_nothing)
    first = gateway.connect().send(request("GET", "/alone/1"))
    until(lambda: len(legacy.asked) == 1, "it is not asked")
    upload = gateway.connect().send(request("POST", "/alone/2", ("Content-Length", str(1 << 30))))
    upload.socket.settimeout(1)

    def push():
        try:
            while True:
                upload.send(bytes(1 << 20))
        except TimeoutError:
            pass

    with gateway.watching_memory() as resident:
        push()
        go.set()
        assert first.read_reply().status == 200
        until(lambda: len(legacy.asked) == 2, "it is not asked")
        push()
    assert max(resident) - resident[0] < 20 << 20
    upload.close()
    first.close()


def test_an_upstream_that_refuses_an_upload_and_leaves_is_heard(tmp_path):
    """As servers do that have a limit: they answer, and close with most of the body unread, which is a reset."""
    legacy = Upstream()

    def leaves(wire, asked):
        wire.send(response(413, ("Connection", "close"), body=b"too much"))
        wire.close()

    legacy.does(leaves)
    with running(tmp_path, f"""
version: 1
server: {{drain: {{delay: 0s, grace: 1s}}}}
upstreams: {{legacy: {{url: "{legacy.url}"}}}}
default: {{upstream: legacy, policies: []}}
""") as gateway:
        for _ in range(20):
            wire = gateway.connect()
            pushing = pushes(wire, request("POST", "/", body=bytes(10 << 20)))
            reply = wire.read_reply()
            assert (reply.status, reply.body) == (413, b"too much")
            wire.close()
            pushing.join()
    legacy.close()


def test_clients_that_are_slow_eject_nobody(gateway, legacy, over):
    wire = gateway.connect().send(request("POST", "/total/1", ("Content-Length", "1000000")) + b"start")
    assert wire.read_reply().status == 504
    wire.close()
    assert gateway.metric("figway_endpoint_available", upstream="total") == 1


def test_those_who_have_their_share_have_no_connection_opened_that_they_may_not_use(tmp_path):
    """Nor asked for again and again, where the upstream takes no more of them."""
    legacy, go = Upstream(), threading.Event()

    def waits(wire, asked):
        go.wait(PATIENCE)
        wire.send(response(200))

    legacy.does(waits)
    with running(tmp_path, f"""
version: 1
server: {{drain: {{delay: 0s, grace: 1s}}}}
upstreams: {{legacy: {{url: "{legacy.url}", pool: {{connections: 8}}}}}}
default: {{upstream: legacy, policies: []}}
""") as gateway:
        wires = []
        for number in range(1, 13):
            wires.append(gateway.connect().send(request("GET", "/")))
            until(lambda number=number: f"{number} pending" in gateway.readiness()[1], "it does not come")
        assert wires[0].silent(2)
        assert legacy.connections == 6
        go.set()
        assert [wire.read_reply().status for wire in wires] == [200] * 12
        for wire in wires:
            wire.close()
        assert connect(gateway.port, source="127.0.0.2").send(request("GET", "/")).read_reply().status == 200
    legacy.close()
