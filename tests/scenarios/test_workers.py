"""The supervisor of several workers: patient with those that start slowly, and never the end of those that serve."""

import os
import signal
import subprocess
import sys
import threading

import pytest

from tests.backends.processes import FIGWAY, LONG, end_group
from tests.backends.upstream import closed_port, until

ROUTES = """
version: 1
server: {drain: {delay: 0s, grace: 1s}}
upstreams: {legacy: {url: "http://127.0.0.1:9"}}
default: {upstream: legacy}
"""


@pytest.fixture
def starting(tmp_path):
    """A gateway with two workers that has just been started."""
    (tmp_path / "routes.yaml").write_text(ROUTES)
    with (tmp_path / "err").open("wb") as err:
        process = subprocess.Popen(
            [*FIGWAY, "serve", "--listen", f"127.0.0.1:{closed_port()}", "--admin", f"127.0.0.1:{closed_port()}",
             "--workers", "2"], cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=err, start_new_session=True)
    yield process
    end_group(process)


def workers(process):
    """The process ids of its workers that live."""
    found = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{entry}/stat") as stat, open(f"/proc/{entry}/cmdline") as cmdline:
                fields = stat.read().rpartition(")")[2].split()
                if int(fields[1]) == process.pid and fields[0] != "Z" and "spawn_main" in cmdline.read():
                    found.append(int(entry))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return sorted(found)


@pytest.mark.slow
def test_a_worker_that_starts_slowly_is_not_replaced(starting):
    until(lambda: len(workers(starting)) == 2, "no worker is started", LONG)
    first = workers(starting)
    # As on a machine that is busy with other things: longer than a worker that serves may take to answer.
    for pid in first:
        os.kill(pid, signal.SIGSTOP)
    threading.Event().wait(7.0)
    for pid in first:
        os.kill(pid, signal.SIGCONT)
    threading.Event().wait(2.0)
    assert workers(starting) == first
    starting.send_signal(signal.SIGTERM)
    assert starting.wait(LONG) == 0


ENDED = """
import signal, subprocess, sys
import uvicorn
from gateway.workers import Shared, Supervisor

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
