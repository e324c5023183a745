"""Stopping under load: whoever connects is answered or refused, and nobody is cut off or left waiting."""

import os
import signal
import socket
import ssl
import threading
import time
from collections import Counter
from contextlib import contextmanager

import pytest

from tests.backends.pki import Authority
from tests.backends.processes import FIGWAY, started
from tests.backends.upstream import until
from tests.backends.wire import Cut, Wire, request, response

BOUND = 40.0
"""Seconds after which a client that was neither answered nor refused hangs; less than `drain.grace`."""


def routes(legacy, delay="1s"):
    return f"""
version: 1
server: {{drain: {{delay: {delay}, grace: 120s}}}}
shadow: {{drain: 100ms}}
upstreams: {{legacy: {{url: "{legacy.url}"}}}}
default: {{upstream: legacy}}
"""


def dial(address, seconds=BOUND):
    """A connection to a Unix socket's path, or to (host, port), with TLS where a third part is its context."""
    link = socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET)
    link.settimeout(seconds)
    try:
        if isinstance(address, str):
            link.connect(address)
            return Wire(link)
        link.connect(address[:2])
        return Wire(address[2].wrap_socket(link) if address[2:] else link)
    except BaseException:
        link.close()
        raise


def one_client(address):
    """How one client fares on a connection of its own."""
    try:
        wire = dial(address)
    except (ConnectionRefusedError, FileNotFoundError):
        return "refused"
    except TimeoutError:
        return "hangs before it is connected"
    except OSError as cut:
        return f"cut in its handshake: {cut}"
    try:
        return wire.send(request("GET", "/quick")).read_reply().status
    except TimeoutError:
        return "hangs"
    except (Cut, OSError) as cut:
        return f"cut: {cut}"
    finally:
        wire.close()


@contextmanager
def clients(address, count=6):
    """What comes of clients that connect without pause while the block runs, counted."""
    fares, over = Counter(), threading.Event()

    def go_on():
        while not over.is_set():
            fare = one_client(address)
            fares[fare] += 1
            if fare == "refused":
                time.sleep(0.01)

    threads = [threading.Thread(target=go_on, daemon=True) for _ in range(count)]
    for one in threads:
        one.start()
    try:
        yield fares
    finally:
        over.set()
        for one in threads:
            one.join(3 * BOUND)


@pytest.fixture
def upstream(legacy):
    """Answers `/slow` once `release` is called, all else at once. Its `begun` counts the slow ones."""
    released = threading.Event()
    legacy.begun = 0

    def handler(wire, asked):
        if asked.target == b"/slow":
            legacy.begun += 1
            assert released.wait(6 * BOUND)
        wire.send(response(200, body=b"ok"))

    legacy.does(handler)
    legacy.release = released.set
    yield legacy
    released.set()


def slow_requests(figway, upstream, address, workers):
    """Requests under way in every worker, so that none of them has stopped before `upstream.release`."""
    wires = []

    def busy():
        wires.append(dial(address, 6 * BOUND).send(request("GET", "/slow")))
        until(lambda: upstream.begun == len(wires), "a slow request does not arrive")
        return {worker for worker in workers if established(worker, address)} == set(workers)

    until(busy, "a worker gets no request", 3 * BOUND)
    return wires


def established(worker, address):
    """Whether a worker has a client connection."""
    inodes = set()
    for one in os.listdir(f"/proc/{worker}/fd"):
        try:
            inodes.add(os.readlink(f"/proc/{worker}/fd/{one}"))
        except OSError:
            continue
    if isinstance(address, str):
        with open("/proc/net/unix") as table:
            # State 03 is connected; accepted sockets bear the listener's path.
            return any(f"socket:[{row[6]}]" in inodes for row in (line.split() for line in table)
                       if row[-1] == address and row[5] == "03")
    with open("/proc/net/tcp") as table:
        rows = [line.split() for line in table][1:]
    return any(f"socket:[{row[9]}]" in inodes for row in rows
               if row[1].endswith(f":{address[1]:04X}") and row[3] == "01")


def answered(wires):
    return [wire.read_reply().status for wire in wires] == [200] * len(wires)


@pytest.fixture(params=["tcp", "unix", "tls"])
def place(request, tmp_path):
    """(what to say to --listen, or nothing; where clients connect, given the gateway)."""
    if request.param == "unix":
        path = str(tmp_path / "data.sock")
        return ("--listen", f"unix:{path}"), lambda figway: path
    if request.param == "tls":
        pair = Authority(tmp_path, "clinic").issue("figway")
        context = ssl.create_default_context(cafile=tmp_path / "clinic.pem")
        context.check_hostname = False
        return (("--tls-cert", str(pair.cert), "--tls-key", str(pair.key)),
                lambda figway: ("127.0.0.1", figway.port, context))
    return (), lambda figway: ("127.0.0.1", figway.port)


@pytest.mark.parametrize("workers", [1, 2])
def test_while_all_workers_stop_every_client_is_answered_or_refused(gateway, upstream, place, workers):
    listen, where = place
    figway = gateway(routes(upstream), "--workers", str(workers), *listen)
    address = where(figway)
    pids = figway.workers() if workers > 1 else [figway.process.pid]
    assert len(pids) == workers
    slow = slow_requests(figway, upstream, address, pids)
    with clients(address) as fares:
        until(lambda: fares[200] >= 50, "nobody is answered")
        figway.terminate()
        until(lambda: figway.readiness()[0] in (0, 503), "readiness stays")
        before = fares[200]
        until(lambda: fares[200] > before, "nobody is answered while the delay passes")
        until(lambda: fares["refused"] >= 50, "nobody is refused", 3 * BOUND)
        assert figway.process.poll() is None
    assert fares.keys() == {200, "refused"}
    upstream.release()
    assert answered(slow)
    figway.stop()


def test_where_every_process_is_told_at_once_nobody_is_cut_off(gateway, upstream):
    figway = gateway(routes(upstream, delay="0s"), "--workers", "2")
    address = ("127.0.0.1", figway.port)
    with clients(address) as fares:
        until(lambda: fares[200] >= 50, "nobody is answered")
        for pid in (*figway.workers(), figway.process.pid):
            os.kill(pid, signal.SIGTERM)
        until(lambda: fares["refused"] >= 50, "nobody is refused", 3 * BOUND)
    assert fares.keys() == {200, "refused"}
    figway.stop()


def test_ctrl_c_in_a_terminal_stops_all_workers_as_sigterm_does(gateway, upstream):
    figway = gateway(routes(upstream, delay="0s"), "--workers", "2")
    with clients(("127.0.0.1", figway.port)) as fares:
        until(lambda: fares[200] >= 50, "nobody is answered")
        for pid in (*figway.workers(), figway.process.pid):
            os.kill(pid, signal.SIGINT)
        until(lambda: fares["refused"] >= 50, "nobody is refused", 3 * BOUND)
    assert fares.keys() == {200, "refused"}
    figway.process.wait(3 * BOUND)
    figway.stop()


@pytest.mark.parametrize("workers", [1, 2])
def test_ctrl_c_twice_cuts_calls_in_flight_and_ends_as_well_as_ever(gateway, upstream, workers):
    figway = gateway(routes(upstream, delay="0s"), "--workers", str(workers))
    serving = figway.workers() if workers > 1 else [figway.process.pid]
    wires = slow_requests(figway, upstream, ("127.0.0.1", figway.port), serving)
    for _ in range(2):
        for pid in {*serving, figway.process.pid}:
            os.kill(pid, signal.SIGINT)
        until(lambda: [line["event"] for line in figway.log()].count("draining") == workers, "it does not stop")
    assert figway.process.wait(3 * BOUND) == 0
    assert [line["event"] for line in figway.log()].count("stopped") == workers
    for wire in wires:
        with pytest.raises(Cut):
            wire.read_reply()
        wire.close()


def test_a_worker_that_stops_alone_leaves_its_clients_to_the_others(gateway, upstream, place):
    listen, where = place
    figway = gateway(routes(upstream), "--workers", "2", *listen)
    first, second = figway.workers()
    with clients(where(figway)) as fares:
        until(lambda: fares[200] >= 50, "nobody is answered")
        os.kill(first, signal.SIGTERM)
        until(lambda: len(figway.workers()) == 2 and first not in figway.workers(), "it is not replaced", 6 * BOUND)
        before = fares[200]
        until(lambda: fares[200] >= before + 50, "nobody is answered")
    assert fares.keys() == {200}
    assert second in figway.workers()


def test_a_worker_that_is_killed_while_all_stop_takes_nobody_else_with_it(gateway, upstream):
    figway = gateway(routes(upstream, delay="0s"), "--workers", "2")
    address = ("127.0.0.1", figway.port)
    first, second = figway.workers()
    slow = slow_requests(figway, upstream, address, [first, second])
    figway.terminate()
    until(lambda: one_client(address) == "refused", "the port does not close", 3 * BOUND)
    os.kill(first, signal.SIGKILL)
    until(lambda: first not in figway.workers(), "it lives")
    assert one_client(address) == "refused"
    assert figway.process.poll() is None
    upstream.release()
    fares = Counter()
    for wire in slow:
        try:
            fares[wire.read_reply().status] += 1
        except (Cut, ConnectionError):
            fares["cut"] += 1
    assert fares[200] >= 1
    figway.stop()


@contextmanager
def starting(folder, config, workers):
    """The process of a gateway that nobody waits for."""
    (folder / "routes.yaml").write_text(config)
    with (folder / "stdout").open("wb") as out, (folder / "stderr").open("wb") as err:
        command = [*FIGWAY, "serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--workers", workers]
        with started(command, cwd=folder, stdout=out, stderr=err) as process:
            yield process


@pytest.mark.parametrize("workers", ["1", "2"])
def test_sigterm_while_it_starts_ends_it(tmp_path, upstream, workers):
    """At any moment after the port is bound; before that, nothing is there that could be stopped."""
    for wait in (0.0, 0.2, 0.7):
        with starting(tmp_path, routes(upstream), workers) as process:
            until(lambda: b"figway listens" in (tmp_path / "stderr").read_bytes(), "it does not start", 3 * BOUND)
            time.sleep(wait)
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
            assert b"Traceback" not in (tmp_path / "stderr").read_bytes()


def test_a_gateway_that_took_over_the_path_keeps_it(gateway, upstream, tmp_path):
    path = str(tmp_path / "data.sock")
    old = gateway(routes(upstream), "--listen", f"unix:{path}")
    gateway(routes(upstream), "--listen", f"unix:{path}")
    old.stop()
    assert one_client(path) == 200


def test_a_client_that_was_answered_early_does_not_hold_up_the_stop(gateway, legacy):
    """Its connection was to stay open, and the rest of its request comes once the gateway stops."""
    legacy.does(lambda wire, asked: wire.send(response(200, body=b"enough")))
    figway = gateway(f"""
version: 1
server: {{timeouts: {{idle: 10m, body_grace: 2m}}, drain: {{delay: 100ms, grace: 10m}}}}
shadow: {{drain: 100ms}}
upstreams: {{legacy: {{url: "{legacy.url}"}}}}
default: {{upstream: legacy}}
""")
    wire = figway.connect().send(request("POST", "/", ("Content-Length", "100000")) + bytes(50_000))
    assert wire.read_reply().get("Connection") is None
    figway.terminate()
    until(lambda: one_client(("127.0.0.1", figway.port)) == "refused", "it goes on listening")
    assert wire.send(bytes(50_000)).ends()
