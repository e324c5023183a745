"""Connections are spread over the workers: however they come, and whatever happens to a worker meanwhile."""

import os
import signal
import ssl
import threading
from contextlib import contextmanager

import pytest

from tests.backends.figway import running, workers
from tests.backends.pki import Authority
from tests.backends.processes import FIGWAY, LONG, started
from tests.backends.upstream import closed_port, until
from tests.backends.wire import request
from tests.scenarios.test_stopping import dial

WORKERS = 4
TRIES = 3


def routes(legacy):
    return f"""
version: 1
server: {{drain: {{delay: 0s, grace: 2s}}}}
upstreams: {{legacy: {{url: "{legacy.url}"}}}}
default: {{upstream: legacy}}
"""


@pytest.fixture(scope="module")
def spreading(everlasting_legacy, tmp_path_factory):
    """A gateway with four workers."""
    with running(tmp_path_factory.mktemp("spread"), routes(everlasting_legacy), "--workers", str(WORKERS)) as figway:
        yield figway


def held(figway, address):
    """How many connections each worker has."""
    return {pid: len(inodes(address) & sockets(pid)) for pid in figway.workers()}


def inodes(address):
    """The inodes of the sockets that are connected to clients."""
    if isinstance(address, str):
        with open("/proc/net/unix") as table:
            return {row[6] for row in (line.split() for line in table) if row[-1] == address and row[5] == "03"}
    with open("/proc/net/tcp") as table:
        rows = [line.split() for line in table][1:]
    return {row[9] for row in rows if row[1].endswith(f":{address[1]:04X}") and row[3] == "01"}


def sockets(pid):
    """The inodes of a process's sockets."""
    found = set()
    try:
        for one in os.listdir(f"/proc/{pid}/fd"):
            found.add(os.readlink(f"/proc/{pid}/fd/{one}").removeprefix("socket:[").removesuffix("]"))
    except OSError:
        pass
    return found


def place(figway):
    return "127.0.0.1", figway.port


@contextmanager
def connected(figway, count, pause=0.0, address=None):
    """So many clients, each of which was answered and stays connected."""
    address = address or place(figway)
    wires = []
    try:
        for _ in range(count):
            wires.append(dial(address))
            threading.Event().wait(pause)
        for wire in wires:
            wire.send(request("GET", "/"))
        assert {wire.read_reply().status for wire in wires} == {200}
        yield wires
    finally:
        for wire in wires:
            wire.close()


def all_ended(figway, address=None):
    until(lambda: not any(held(figway, address or place(figway)).values()), "connections stay")


def is_spread(counts):
    return max(counts) * len(counts) <= 1.5 * sum(counts)


@pytest.mark.parametrize("pause", [0.0, 0.01], ids=["at once", "one by one"])
@pytest.mark.parametrize("count", [16, 40, 100])
def test_no_worker_has_more_than_one_and_a_half_times_the_mean(spreading, legacy, count, pause):
    # What came before does not matter: many that ended at once, or some that went on.
    with connected(spreading, 60):
        pass
    all_ended(spreading)
    # A worker that the machine does not let run in time is left out, so it may take more than one try.
    for _ in range(TRIES):
        with connected(spreading, count, pause):
            counts = list(held(spreading, place(spreading)).values())
            assert sum(counts) == count
        all_ended(spreading)
        if is_spread(counts):
            break
    assert is_spread(counts), counts


def test_clients_that_come_as_the_gateway_starts_are_spread_too(legacy, tmp_path):
    (tmp_path / "routes.yaml").write_text(routes(legacy))
    address = "127.0.0.1", closed_port()
    with (tmp_path / "out").open("wb") as out:
        command = [*FIGWAY, "serve", "--listen", f"127.0.0.1:{address[1]}", "--admin", "127.0.0.1:0",
                   "--workers", str(WORKERS)]
        with started(command, cwd=tmp_path, stdout=out, stderr=out) as process:
            wires = []

            def all_connected():
                try:
                    wires.append(dial(address))
                except ConnectionRefusedError:
                    return False
                return len(wires) == 40

            until(all_connected, "it does not listen", LONG)
            for wire in wires:
                wire.send(request("GET", "/"))
            assert {wire.read_reply().status for wire in wires} == {200}
            counts = [len(sockets(pid) & inodes(address)) for pid in workers(process.pid)]
            assert sum(counts) == 40
            assert is_spread(counts), counts
            for wire in wires:
                wire.close()


@pytest.mark.parametrize("kind", ["unix", "tls"])
def test_unix_sockets_and_tls_are_spread_too(gateway, legacy, tmp_path, kind):
    if kind == "unix":
        path = str(tmp_path / "data.sock")
        figway = gateway(routes(legacy), "--workers", str(WORKERS), "--listen", f"unix:{path}")
        address = path
    else:
        pair = Authority(tmp_path, "clinic").issue("figway")
        context = ssl.create_default_context(cafile=tmp_path / "clinic.pem")
        context.check_hostname = False
        figway = gateway(routes(legacy), "--workers", str(WORKERS), "--tls-cert", str(pair.cert),
                         "--tls-key", str(pair.key))
        address = (*place(figway), context)
    with connected(figway, 40, address=address):
        counts = list(held(figway, address).values())
        assert sum(counts) == 40
        assert is_spread(counts), counts


def test_where_a_worker_is_killed_the_others_take_its_part_until_another_does(gateway, legacy):
    figway = gateway(routes(legacy), "--workers", str(WORKERS))
    with connected(figway, 24):
        victim = figway.workers()[0]
        os.kill(victim, signal.SIGKILL)
        with connected(figway, 24):
            until(lambda: victim not in figway.workers() and len(figway.workers()) == WORKERS, "it is not replaced")
            until(lambda: figway.readiness()[1].find(f"workers: {WORKERS} of {WORKERS}") > 0, "it is not ready")
            with connected(figway, 24):
                counts = list(held(figway, place(figway)).values())
                assert sum(counts) >= 48
                assert is_spread(counts), counts


def test_a_worker_that_stands_still_is_given_nothing_and_holds_up_nobody(gateway, legacy):
    figway = gateway(routes(legacy), "--workers", str(WORKERS))
    still, *others = figway.workers()
    os.kill(still, signal.SIGSTOP)
    try:
        with connected(figway, 40):
            counts = held(figway, place(figway))
            assert counts.get(still, 0) == 0
            assert is_spread([counts[pid] for pid in others]), counts
    finally:
        os.kill(still, signal.SIGCONT)
    # It is well again, or another has taken its place.
    until(lambda: len(figway.workers()) == WORKERS, "a worker is missing")
    until(lambda: figway.readiness()[1].find(f"workers: {WORKERS} of {WORKERS}") > 0, "it is not ready")
    all_ended(figway)
    with connected(figway, 40):
        counts = list(held(figway, place(figway)).values())
        assert is_spread(counts), counts


def test_two_workers_that_get_one_connection_after_another_leave_none_waiting(gateway, legacy):
    """Each connection ends with its answer, so that nobody has more than another."""
    figway = gateway(routes(legacy), "--workers", "2")
    for _ in range(300):
        assert figway.ask("GET", "/").status == 200
