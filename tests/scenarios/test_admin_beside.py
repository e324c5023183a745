"""The admin port needs no worker to live in: a process beside them serves it from what they write."""

import sys
from pathlib import Path

import orjson
import pytest

from tests.backends.figway import Figway
from tests.backends.processes import end_group, started
from tests.backends.upstream import closed_port, until
from tests.backends.wire import Cut, connect, request

ROOT = Path(__file__).parents[2]


class Beside:
    """The process beside."""

    def __init__(self, process, port):
        self.process = process
        self.port = port

    def ask(self, target):
        wire = connect(self.port)
        try:
            return wire.send(request("GET", target, ("Host", "127.0.0.1"), ("Connection", "close"))).read_reply()
        finally:
            wire.close()

    def ready(self):
        """Status and text of /readyz?verbose, (0, "") while nobody listens."""
        assert self.process.poll() is None
        try:
            reply = self.ask("/readyz?verbose")
        except (OSError, Cut):
            return 0, ""
        return reply.status, reply.body.decode()


@pytest.fixture
def workers(legacy, tmp_path, monkeypatch):
    """A gateway of two workers, whose run directory is in `tmp_path`; it ends by being killed."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    figway = Figway(tmp_path, f"""
version: 1
server: {{drain: {{delay: 0s, grace: 2s}}}}
store: {{sqlite: {{path: figway.db}}}}
upstreams: {{legacy: {{url: "{legacy.url}"}}}}
default: {{upstream: legacy}}
capabilities:
  labs:
    owner: me
    legacy: {{upstream: legacy}}
    stage: legacy
    operations: {{read: {{path: /labs, method: GET}}}}
""", "--workers", "2")
    yield figway
    end_group(figway.process)


@pytest.fixture
def beside(workers, tmp_path):
    [run_dir] = tmp_path.glob("figway-*")
    port = closed_port()
    command = [sys.executable, "-m", "tests.backends.beside", str(run_dir), str(tmp_path / "figway.db"), str(port)]
    with started(command, cwd=ROOT) as process:
        beside = Beside(process, port)
        until(lambda: beside.ready()[0] == 200, "the process beside does not find the workers ready")
        yield beside


def test_it_answers_for_workers_that_run_elsewhere(workers, beside):
    for _ in range(4):
        assert workers.ask("GET", "/labs").status == 200
    until(lambda: 'operation="read"} 4.0' in beside.ask("/metrics").body.decode(), "the workers' counters do not come")
    status, text = beside.ready()
    assert (status, text.splitlines()[-1]) == (200, "ok")
    assert "[+] workers: 2 of 2" in text
    assert beside.ask("/livez").body == b"ok\n"
    until(lambda: [one["capability"] for one in orjson.loads(beside.ask("/report").body)["capabilities"]] == ["labs"],
          "the report does not name the capability")
    assert beside.ask("/report?capability=labs").status == 200
    assert beside.ask("/report?capability=nothing").status == 404
    assert beside.ask("/report.html").status == 200


def test_a_gateway_of_which_no_worker_runs_is_not_ready_and_keeps_its_counters(workers, beside):
    assert workers.ask("GET", "/labs").status == 200
    until(lambda: 'operation="read"} 1.0' in beside.ask("/metrics").body.decode(), "the workers' counters do not come")
    # Killed, it leaves its run directory behind.
    end_group(workers.process)
    until(lambda: beside.ready()[0] == 503, "the process beside does not notice that the workers are gone")
    assert "[-] workers: 0 of 1" in beside.ready()[1]
    assert 'operation="read"} 1.0' in beside.ask("/metrics").body.decode()
    assert beside.ask("/livez").status == 200
