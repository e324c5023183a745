"""What tests rest on: ports that nobody else takes, and processes that end with their test."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.backends.processes import ended, started
from tests.backends.upstream import closed_port, until

ROOT = Path(__file__).parents[1]
PORTS = """
from tests.backends.upstream import closed_port
print(*(closed_port() for _ in range(50)), flush=True)
input()
"""
FAMILY = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(child.pid, flush=True)
time.sleep(600)
"""


def test_processes_that_run_at_once_are_given_different_ports():
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "cwd": ROOT}
    command = [sys.executable, "-c", PORTS]
    with started(command, **pipes) as one, started(command, **pipes) as other:
        given = [*one.stdout.readline().split(), *other.stdout.readline().split()]
    given += [str(closed_port()) for _ in range(50)]
    assert len(set(given)) == 150


def test_a_closed_port_refuses_and_can_be_listened_at():
    port = closed_port()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))
    with socket.create_server(("127.0.0.1", port)), socket.create_connection(("127.0.0.1", port)):
        pass


@pytest.mark.parametrize("failure", [AssertionError, KeyboardInterrupt])
def test_what_a_test_starts_ends_with_it_and_so_does_what_that_has_started(failure):
    seen = []

    def fails():
        with started([sys.executable, "-c", FAMILY], stdout=subprocess.PIPE, text=True) as process:
            seen.extend([process, int(process.stdout.readline())])
            raise failure

    with pytest.raises(failure):
        fails()
    process, child = seen
    assert process.returncode is not None
    until(lambda: not alive(child), "what the process started is still there")


def test_a_command_that_ends_has_said_what_it_says():
    done = ended([sys.executable, "-c", "import sys; print(1); print(2, file=sys.stderr); sys.exit(3)"])
    assert (done.returncode, done.stdout, done.stderr) == (3, "1\n", "2\n")


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
