"""Starts the demo's processes, waits for them, and always ends them, whatever happens in between.

Each runs in a process group of its own. So Ctrl-C in the terminal reaches only the demo, which then ends its processes
in order; the children of a process end with its group. No other process is ever signalled.
"""

import http.client
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

START = 30.0
"""Seconds in which a process must answer."""

GRACE = 15.0
"""Seconds between SIGTERM and SIGKILL when a process is ended."""


class DemoError(Exception):
    """The demo cannot go on. The message says where to look."""


@dataclass(frozen=True, slots=True)
class Running:
    """A process of the demo, and the file that takes its output."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def alive(self) -> bool:
        return self.process.poll() is None

    def said(self) -> str:
        """The last lines of its output, for an error message."""
        last = self.log.read_text(errors="replace").splitlines()[-8:]
        if not last:
            return "it said nothing" + ("; the disk is full" if shutil.disk_usage(self.log.parent).free == 0 else "")
        return "\n".join(("it said:", *last))


class Processes:
    """Starts processes; made by `processes()`, which ends them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._listeners: dict[str, socket.socket] = {}
        self.running: list[Running] = []

    def start(
        self, name: str, module: str, *arguments: str,
        fds: Sequence[int] = (), environment: Mapping[str, str] | None = None,
    ) -> Running:
        """Run `python -m module arguments…`. Its output goes to `name`.log in the folder."""
        log = self._folder / f"{name}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(  # noqa: S603 - our own modules, by the same Python
                [sys.executable, "-m", module, *arguments], stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                pass_fds=fds, env={**os.environ, **(environment or {})}, process_group=0,
            )
        self.running.append(Running(name, process, log))
        return self.running[-1]

    def service(self, name: str, *arguments: str) -> str:
        """Run one of the sample services on a socket that listens already, and return its URL. One that runs already is
        replaced, at the same URL: calls meanwhile wait in the socket's queue."""
        listener = self._listeners.get(name)
        if listener is None:
            listener = self._listeners[name] = socket.create_server(("127.0.0.1", 0), backlog=1024)
        for before in [one for one in self.running if one.name == name]:
            _end(before)
            self.running.remove(before)
        number = listener.fileno()
        self.start(name, f"gateway.demo.{name}", "--fd", str(number), *arguments, fds=[number])
        return f"http://127.0.0.1:{listener.getsockname()[1]}"

    def end(self) -> None:
        """End all processes, the last started first, and wait for each to end."""
        for one in reversed(self.running):
            _end(one)
        self.running.clear()
        for listener in self._listeners.values():
            listener.close()


def _end(one: Running) -> None:
    """SIGTERM, then SIGKILL after the grace."""
    _signal_group(one.process, signal.SIGTERM)
    try:
        one.process.wait(GRACE)
    except subprocess.TimeoutExpired:
        pass
    # The group may hold children that outlived their parent.
    _signal_group(one.process, signal.SIGKILL)
    one.process.wait()


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        pass


@contextmanager
def processes(folder: Path) -> Iterator[Processes]:
    """Processes for the length of a `with` block. SIGTERM and SIGHUP leave the block as Ctrl-C does."""
    folder.mkdir(parents=True, exist_ok=True)
    started = Processes(folder)
    before = {number: signal.signal(number, _interrupt) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield started
    finally:
        for number in before:
            signal.signal(number, signal.SIG_IGN)  # a second Ctrl-C must not stop the ending half-way
        try:
            started.end()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _interrupt(number: int, _: object) -> None:
    raise KeyboardInterrupt


def wait_until_says(one: Running, pattern: str) -> tuple[str, ...]:
    """Wait until a line of its output matches, and return the match's groups. Raises DemoError as `wait_until_answers`
    does."""
    for _ in _until_late(one):
        found = re.search(rf"(?m)^{pattern}$", one.log.read_text(errors="replace"))
        if found:
            return found.groups()
    raise DemoError(f"the {one.name} process has said nothing for {START:.0f} s; its log is {one.log}")


def wait_until_answers(one: Running, url: str, status: int = 200) -> None:
    """Wait until GET `url` returns `status`. Raises DemoError if the process ends first or takes too long."""
    for _ in _until_late(one):
        if get(url)[0] == status:
            return
    raise DemoError(f"the {one.name} process is not ready after {START:.0f} s; its log is {one.log}")


def get(url: str) -> tuple[int, str]:
    """Status and text of GET `url`, without a proxy; status 0 if there is no answer."""
    host, _, path = url.removeprefix("http://").partition("/")
    connection = http.client.HTTPConnection(host, timeout=5)
    try:
        connection.request("GET", f"/{path}")
        response = connection.getresponse()
        return response.status, response.read().decode(errors="replace")
    except (OSError, http.client.HTTPException):
        return 0, ""
    finally:
        connection.close()


def _until_late(one: Running) -> Iterator[None]:
    """Yields every twentieth of a second, for as long as a process may take to start."""
    deadline = time.monotonic() + START
    while time.monotonic() < deadline:
        if not one.alive():
            raise DemoError(f"the {one.name} process has ended; {one.said()}")
        yield
        time.sleep(0.05)
