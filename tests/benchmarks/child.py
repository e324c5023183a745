"""Processes that we start: pinned to a core, in a session of their own, and ended with all their children."""

import os
import resource
import shutil
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.backends.packages import debian

DEBIAN = Path(__file__).with_name("debian.txt")
ROOT = Path(__file__).parents[2]
PATIENCE = 120.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where one process works: a directory of its own, the ports that it listens on, and the upstream's: at its port
    `differing` it answers a tenth of the targets otherwise."""

    directory: Path
    port: int
    admin: int
    upstream: int
    differing: int = 0


class Absent(Exception):
    """A peer cannot be measured here. The message goes on after its name, and says what to do."""


def program(name: str) -> str | None:
    """The path of a program that debian.txt lists, None if it is not installed."""
    return shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")


def needed(name: str) -> str:
    """The same; raises Absent if it is not installed."""
    found = program(name)
    if found is None:
        raise Absent(f"is not installed (Debian package {debian(DEBIAN)[name]})")
    return found


def cores() -> tuple[int, int]:
    """The core for what is measured and the core for the rest; the same one where we may use but one."""
    mine = sorted(os.sched_getaffinity(0))
    return mine[0], mine[1 % len(mine)]


def raise_file_limit() -> int:
    """Lets us and our children open as many files as the machine allows; returns that number."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


@contextmanager
def started(command: list[str], place: Place, core: int, cwd: Path = ROOT) -> Iterator[int]:
    """Runs `command` on `core`, in the folder `cwd`, until the block is left; yields its process id once it answers on
    the place's port.

    What it prints goes to `output` in the place's directory; the end of that is shown when it does not come up.
    """
    output = place.directory / "output"
    with output.open("wb") as sink:
        process = subprocess.Popen(
            command,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=lambda: os.sched_setaffinity(0, {core}),
        )
    try:
        wait_until_up(process, place.port, output)
        yield process.pid
    finally:
        end(process)


def wait_until_up(process: subprocess.Popen[bytes], port: int, output: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        try:
            fetch(port, "/")
        except OSError:
            time.sleep(0.05)
        else:
            return
    printed = output.read_text(errors="replace")[-2000:]
    raise RuntimeError(f"{output.parent.name} did not come up (exit status {process.poll()}); it printed:\n{printed}")


def end(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM to the process, time to take leave, then SIGKILL to what is left of its session."""
    process.terminate()
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        pass
    finally:  # even when somebody is too impatient to wait
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()


def fetch(port: int, path: str) -> bytes:
    """The body of a 200 from loopback, no proxies asked; OSError for anything else."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"http://127.0.0.1:{port}{path}", timeout=10) as response:
        return bytes(response.read())
