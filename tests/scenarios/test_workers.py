"""Several workers are copies of one process, which is patient with those that start slowly, and never their end."""

import os
import re
import resource
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.backends.faulty import installed
from tests.backends.figway import Figway, running, workers
from tests.backends.processes import FIGWAY, LONG, end_group
from tests.backends.upstream import closed_port, until
from tests.backends.wire import request as written

ROUTES = """
version: 1
server: {drain: {delay: 0s, grace: 1s}}
upstreams: {legacy: {url: "http://127.0.0.1:9"}}
default: {upstream: legacy}
"""


@pytest.fixture
def starting(tmp_path, request):
    """A gateway with two workers that has just been started, by a command if there is one."""
    (tmp_path / "routes.yaml").write_text(ROUTES)
    with (tmp_path / "err").open("wb") as err:
        process = subprocess.Popen(
            [*getattr(request, "param", ()), *FIGWAY, "serve", "--listen", f"127.0.0.1:{closed_port()}",
             "--admin", f"127.0.0.1:{closed_port()}", "--workers", "2"],
            cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=err, start_new_session=True)
    yield process
    end_group(process)


@pytest.mark.slow
def test_a_worker_that_starts_slowly_is_not_replaced(starting):
    until(lambda: len(workers(starting.pid)) == 2, "no worker is started", LONG)
    first = workers(starting.pid)
    # As on a machine that is busy with other things: longer than a worker that serves may take to answer.
    for pid in first:
        os.kill(pid, signal.SIGSTOP)
    threading.Event().wait(7.0)
    for pid in first:
        os.kill(pid, signal.SIGCONT)
    threading.Event().wait(2.0)
    assert workers(starting.pid) == first
    starting.send_signal(signal.SIGTERM)
    assert starting.wait(LONG) == 0


@pytest.mark.parametrize("starting", [["sh", "-c", "trap '' CHLD; exec \"$@\"", "sh"]], indirect=True, ids=["ignored"])
def test_who_starts_a_gateway_may_have_ignored_the_ends_of_children(starting):
    until(lambda: len(workers(starting.pid)) == 2, "no worker is started", LONG)
    first = workers(starting.pid)
    os.kill(first[0], signal.SIGKILL)
    until(lambda: len({*workers(starting.pid)} - {first[0]}) == 2, "the killed worker is not replaced", LONG)
    starting.send_signal(signal.SIGTERM)
    assert starting.wait(LONG) == 0


ENDED = """
import signal, subprocess, sys
import uvicorn
from gateway.supervisor import Supervisor
from gateway.worker import Shared

class Ended:
    pid, exitcode = int(sys.argv[1]), -9

supervisor = Supervisor(uvicorn.Config("x", workers=2), [], Shared(("127.0.0.1", 0), (), None, sys.argv[2]))
supervisor.processes = [Ended()]
supervisor.handle_hup()
"""


def test_sighup_is_not_passed_on_to_the_number_of_a_worker_that_has_ended(tmp_path):
    other = subprocess.Popen(["sleep", str(LONG)])
    try:
        subprocess.run([sys.executable, "-c", ENDED, str(other.pid), str(tmp_path)], check=True, timeout=LONG)
        assert other.poll() is None
    finally:
        other.terminate()
        assert other.wait(LONG) == -signal.SIGTERM


CLINIC = """
version: 1
server: {{drain: {{delay: 0s, grace: 2s}}}}
upstreams: {{legacy: {{url: "{url}"}}}}
default: {{upstream: legacy{more}}}
"""


def test_no_two_workers_make_the_same_ids(gateway, legacy):
    figway = gateway(CLINIC.format(url=legacy.url, more=""), "--workers", "4")
    wires = [figway.connect() for _ in range(16)]
    for _ in range(4):
        for wire in wires:
            assert wire.send(written("GET", "/")).read_reply().status == 200
    parents = [asked.get("traceparent") for asked in legacy.asked]
    assert len(parents) == 64
    assert len({parent[3:35] for parent in parents}) == 64
    assert len({parent[36:52] for parent in parents}) == 64
    for wire in wires:
        wire.close()


def test_workers_share_most_of_their_memory(gateway, legacy):
    figway = gateway(CLINIC.format(url=legacy.url, more=""), "--workers", "4")
    for _ in range(40):
        assert figway.ask("GET", "/").status == 200
    sizes = [dict(re.findall(r"^(Rss|Pss): +(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE))
             for pid in figway.workers()]
    assert sum(int(size["Pss"]) for size in sizes) < 0.6 * sum(int(size["Rss"]) for size in sizes), sizes


def test_where_their_parent_is_killed_workers_go_on_without_a_word(tmp_path, legacy):
    figway = Figway(tmp_path, CLINIC.format(url=legacy.url, more=""), "--workers", "2")
    serving = figway.workers()
    try:
        before = figway.stderr()
        figway.process.kill()
        figway.process.wait()
        for _ in range(20):
            assert figway.ask("GET", "/").status == 200
        assert figway.stderr() == before
        for pid in serving:
            os.kill(pid, signal.SIGTERM)
        until(lambda: not any(map(runs, serving)), "they do not stop", LONG)
        assert figway.stderr() == before
    finally:
        end_group(figway.process)


def runs(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


LIVELY = """
import os, threading
from tests.backends.faulty import Policy as Lively

with open(os.environ["LOADED"], "a") as file:
    print(os.getpid(), file=file)
threading.Thread(target=threading.Event().wait, daemon=True).start()
"""


def test_a_plugin_that_starts_a_thread_runs_in_the_workers_and_not_in_what_they_are_copies_of(
        tmp_path, legacy, monkeypatch):
    plugins, loaded = tmp_path / "plugins", tmp_path / "loaded"
    plugins.mkdir()
    monkeypatch.setenv("LOADED", str(loaded))
    with installed(plugins):
        (plugins / "lively.py").write_text(LIVELY)
        entries = plugins / "faulty-1.dist-info" / "entry_points.txt"
        entries.write_text(entries.read_text() + "lively = lively:Lively\n")
        config = CLINIC.format(url=legacy.url, more=", policies: [lively]") + "policies: {lively: {lively: {}}}\n"
        with running(tmp_path, config, "--workers", "2") as figway:
            pids = set(map(int, loaded.read_text().split()))
            assert set(figway.workers()) < pids
            assert figway.process.pid not in pids
            assert len(os.listdir(f"/proc/{figway.process.pid}/task")) == 1
            assert figway.ask("GET", "/").status == 200


def test_where_a_killed_worker_cannot_be_replaced_the_other_serves_until_it_can(gateway, legacy):
    figway = gateway(CLINIC.format(url=legacy.url, more=""), "--workers", "2")
    parent, victim = figway.process.pid, figway.workers()[0]
    limits = resource.prlimit(parent, resource.RLIMIT_NOFILE, (3, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    os.kill(victim, signal.SIGKILL)
    until(lambda: "a worker cannot be replaced yet: Too many open files" in figway.stderr(), "it is not tried", LONG)
    for _ in range(10):
        assert figway.ask("GET", "/").status == 200
    resource.prlimit(parent, resource.RLIMIT_NOFILE, limits)
    until(lambda: victim not in figway.workers() and len(figway.workers()) == 2, "it is not replaced", LONG)
    until(lambda: "workers: 2 of 2" in figway.readiness()[1], "it does not serve", LONG)
