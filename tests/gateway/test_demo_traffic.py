"""The demo's clients and its processes."""

import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
from collections import Counter
from pathlib import Path

import pytest

from gateway.demo.clinic import build
from gateway.demo.defects import DEFECTS, spoil
from gateway.demo.processes import DemoError, get, processes, wait_until_answers
from gateway.demo.rest import FRONT, OPERATIONS
from gateway.demo.traffic import once_each, plan, send
from tests.backends.processes import LONG, started
from tests.backends.upstream import until

pytestmark = pytest.mark.slow

CLINIC = build()


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.parametrize("requests", [1, 50, 500])
def test_traffic_hits_every_defect_and_is_the_same_for_the_same_seed(requests):
    asks = plan(CLINIC, requests, seed=1)
    assert asks == plan(CLINIC, requests, seed=1)
    assert asks != plan(CLINIC, requests, seed=2)
    assert len(asks) == max(requests, 11)
    hit = [defect for ask in asks for defect in spoil(ask.operation, ask.asked, ask.right)[1]]
    assert {one.name for one in hit} == {one.name for one in DEFECTS}


def test_traffic_asks_for_everything_there_is():
    assert {ask.operation for ask in plan(CLINIC, 1000, seed=1)} == {*OPERATIONS, FRONT}


def test_clients_tell_right_answers_from_spoilt_and_wrong_ones(tmp_path):
    with processes(tmp_path) as demo:
        url = demo.service("modern")
        wait_until_answers(demo.running[0], f"{url}/departments")
        asks = [ask for ask in plan(CLINIC, 300, seed=3) if not ask.spoilt.torn and ask.operation != FRONT]
        answers = []
        tally = send(asks, url, lambda: answers.append(1))
    refused = sum(ask.refused for ask in asks)
    assert len(answers) == tally.total == len(asks)
    assert tally.spoilt == sum(bool(spoil(ask.operation, ask.asked, ask.right)[1]) for ask in asks if not ask.refused)
    # The modern service asks for no key: what should have been refused was not.
    assert len(tally.wrong) == refused > 0


def test_clients_count_what_does_not_answer_as_wrong(tmp_path):
    asks = plan(CLINIC, 20, seed=1)
    tally = send(asks, "http://127.0.0.1:1", lambda: None)
    assert len(tally.wrong) == len(asks)


def test_every_patient_is_asked_for_once_and_some_whom_nobody_has():
    asks = once_each(CLINIC, seed=1)
    assert asks == once_each(CLINIC, seed=1) != once_each(CLINIC, seed=2)
    asked = Counter(ask.asked["id"] for ask in asks)
    assert set(asked.values()) == {1}
    assert {*CLINIC.patients} < {*asked}
    assert {ask.right.status for ask in asks} == {200, 404}
    assert all(ask.spoilt == ask.right for ask in asks)


def test_a_service_is_replaced_at_its_url_and_the_one_before_is_ended(tmp_path):
    with processes(tmp_path) as demo:
        url = demo.service("modern")
        wait_until_answers(demo.running[0], f"{url}/departments")
        before = demo.running[0].process.pid
        assert demo.service("modern", "--mended", "patients") == url
        assert not alive(before)
        [now] = demo.running
        wait_until_answers(now, f"{url}/departments")
        assert get(f"{url}/patients/P-9")[0] == 404  # what the build before got wrong


def test_no_process_outlives_its_block(tmp_path):
    with processes(tmp_path) as demo:
        demo.service("legacy")
        demo.service("modern")
        pids = [one.process.pid for one in demo.running]
        assert all(map(alive, pids))
    assert not any(map(alive, pids))


def test_no_process_outlives_an_interrupted_block(tmp_path):
    pids = []

    def interrupted(number):
        with processes(tmp_path) as demo:
            demo.service("legacy")
            pids.append(demo.running[0].process.pid)
            os.kill(os.getpid(), number)
            threading.Event().wait(LONG)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        before = signal.getsignal(number)
        with pytest.raises(KeyboardInterrupt):
            interrupted(number)
        assert signal.getsignal(number) == before
    assert len(pids) == 3
    assert not any(map(alive, pids))


def test_what_a_process_started_goes_with_it(tmp_path):
    parent = textwrap.dedent("""
        import subprocess, sys, time
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        print(child.pid, flush=True)
        time.sleep(600)
    """)
    (tmp_path / "spawner.py").write_text(parent)
    with processes(tmp_path) as demo:
        one = demo.start("spawner", "spawner", environment={"PYTHONPATH": str(tmp_path)})
        while not one.log.read_text().endswith("\n"):
            assert one.alive()
        child = int(one.log.read_text())
    assert not alive(one.process.pid)
    until(lambda: not alive(child), "what the process started is still there")


def test_a_process_that_ends_early_is_named_with_what_it_said(tmp_path):
    with processes(tmp_path) as demo:
        one = demo.start("legacy", "gateway.demo.legacy", "--port", "no-number")
        with pytest.raises(DemoError, match=r"(?s)the legacy process has ended; it said:.*no-number"):
            wait_until_answers(one, "http://127.0.0.1:1/")


def test_a_sample_service_says_in_one_line_that_its_port_is_taken():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = subprocess.run([sys.executable, "-m", "gateway.demo.modern", "--port", port], capture_output=True,
                               text=True, timeout=LONG)
    assert ended.returncode == 2
    assert f"python -m gateway.demo.modern: error: port {port} cannot be used: " in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_sample_services_run_by_hand_too():
    with started([sys.executable, "-m", "gateway.demo.legacy"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline().startswith("legacy: http://127.0.0.1:")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=LONG)
