"""Runs the real gateway as a process: `figway serve` with a routes.yaml, stopped by SIGTERM."""

import os
import re
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from tests.backends.processes import FIGWAY, end_group
from tests.backends.upstream import closed_port, until
from tests.backends.wire import Cut, Reply, Wire, connect, request

START = 120.0
"""Seconds in which a gateway must become ready, and in which it must stop."""


class Figway:
    """One running gateway. All its workers are ready when the constructor returns, and their lanes are at work unless
    `lane` is False; `stop` ends it. `config` is the text of its routes.yaml. `descriptors`, if given, is its limit of
    file descriptors, which it cannot raise. `files` is the folder of the packages that it runs, if not those of the
    tests."""

    def __init__(
        self, folder: Path, config: str, *options: str, descriptors: int = 0, lane: bool = True,
        files: Path | None = None,
    ) -> None:
        self.folder = folder
        self.file = folder / "routes.yaml"
        self.file.write_text(config)
        self.port, self.admin_port = closed_port(), closed_port()
        workers = options[options.index("--workers") + 1] if "--workers" in options else "1"
        # Any worker may answer for readiness. It counts the workers only if there are several.
        self._all = "" if workers == "1" else f"workers: {workers} of {workers}"
        # A gateway serves before the files of its shadow are open, which takes seconds on a busy machine.
        self._lane = "[+] shadow lane" if lane else ""
        self._out, self._err = folder / "stdout", folder / "stderr"
        limited = ["sh", "-c", f'ulimit -n {descriptors}; exec "$@"', "sh"] if descriptors else []
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self.process = subprocess.Popen(
                [*limited, *FIGWAY, "serve", "--config", str(self.file),
                 "--listen", f"127.0.0.1:{self.port}", "--admin", f"127.0.0.1:{self.admin_port}", *options],
                stdout=out, stderr=err, cwd=folder, start_new_session=True,
                env=os.environ | ({"PYTHONPATH": str(files)} if files else {}),
            )
        try:
            until(lambda: self.process.poll() is not None or self.is_whole(), "it does not become ready", START)
            assert self.process.poll() is None, f"the gateway did not start: {self.stderr()}"
        except BaseException:
            end_group(self.process)
            raise

    def is_whole(self) -> bool:
        """Whether it is ready with all its workers, and their lanes if these are waited for."""
        status, text = self.readiness()
        return status == 200 and self._all in text and self._lane in text

    # as a client

    def connect(self, *, receive_buffer: int = 0) -> Wire:
        return connect(self.port, receive_buffer=receive_buffer)

    def ask(self, method: str, target: str, *fields: tuple[str, str], body: bytes | None = None) -> Reply:
        """One request on a connection of its own."""
        return self.say(request(method, target, *fields, body=body), method)

    def say(self, data: bytes, method: str = "GET") -> Reply:
        """Exact bytes on a connection of their own, and the first answer to them."""
        wire = self.connect()
        try:
            return wire.send(data).read_reply(method)
        finally:
            wire.close()

    # as an operator

    def readiness(self) -> tuple[int, str]:
        """Status and text of /readyz?verbose; status 0 if the port is closed, or its process is being killed."""
        try:
            reply = self.admin("/readyz?verbose")
        except (OSError, Cut):
            return 0, ""
        return reply.status, reply.body.decode()

    def admin(self, target: str) -> Reply:
        wire = connect(self.admin_port)
        try:
            return wire.send(request("GET", target, ("Host", "127.0.0.1"), ("Connection", "close"))).read_reply()
        finally:
            wire.close()

    def metrics(self) -> str:
        """The whole text of /metrics."""
        return self.admin("/metrics").body.decode()

    def metric(self, name: str, **labels: str) -> float:
        """The sum over the samples of `name` whose labels include `labels`; 0 if there is none."""
        return _sum(self.metrics(), name, labels)

    def eligible(self) -> float:
        """How many exchanges were to be compared so far, with an outcome or without one yet. Two metrics say this, and
        any worker may answer for them, each knowing more or less of the others: so both are of one answer."""
        page = self.metrics()
        return _sum(page, "figway_shadow_total", {}) + _sum(page, "figway_shadow_unfinished", {})

    def stdout(self) -> str:
        return self._out.read_text()

    def stderr(self) -> str:
        return self._err.read_text()

    def log(self) -> list[dict[str, Any]]:
        """Every line of standard output, each of which must be one JSON object."""
        return [orjson.loads(line) for line in self._out.read_bytes().splitlines()]

    def reload(self, config: str) -> None:
        """Replace the configuration file at once, and send SIGHUP."""
        fresh = self.file.with_suffix(".new")
        fresh.write_text(config)
        fresh.replace(self.file)
        self.process.send_signal(signal.SIGHUP)

    def workers(self) -> list[int]:
        """The process ids of the workers of a gateway that has several."""
        return workers(self.process.pid)

    def memory(self) -> int:
        """Resident bytes of the gateway and the processes it has started."""
        return memory(self.process.pid)

    @contextmanager
    def watching_memory(self) -> Iterator[list[int]]:
        """A list to which the gateway's resident bytes are added every 20 ms, while the block runs."""
        seen, over = [self.memory()], threading.Event()

        def watch() -> None:
            while not over.wait(0.02):
                seen.append(self.memory())

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            yield seen
        finally:
            over.set()
            watcher.join()

    def terminate(self) -> None:
        """Send SIGTERM, and do not wait."""
        self.process.send_signal(signal.SIGTERM)

    def stop(self) -> None:
        """Send SIGTERM. The gateway must exit with status 0, print no traceback, and leave no process behind."""
        if self.process.poll() is None:
            self.terminate()
        try:
            self.process.wait(START)
        finally:
            end_group(self.process)
        assert "Traceback" not in self.stderr() + self.stdout(), self.stderr()[-4000:]
        assert self.process.returncode == 0, self.stderr()[-4000:]


@contextmanager
def running(
    folder: Path, config: str, *options: str, descriptors: int = 0, lane: bool = True,
) -> Iterator[Figway]:
    """A gateway that runs during the block, and must stop cleanly after it."""
    figway = Figway(folder, config, *options, descriptors=descriptors, lane=lane)
    try:
        yield figway
    finally:
        figway.stop()


def _sum(page: str, name: str, labels: Mapping[str, str]) -> float:
    """The sum over the samples of a page of metrics: see Figway.metric."""
    total = 0.0
    for line in page.splitlines():
        found = re.fullmatch(r"([a-zA-Z_:]+)(?:\{(.*)\})? (\S+)", line)
        if found and found[1] == name:
            given = dict(re.findall(r'(\w+)="([^"]*)"', found[2] or ""))
            if labels.items() <= given.items():
                total += float(found[3])
    return total


def workers(pid: int) -> list[int]:
    """The process ids of the workers that live, given the one of a gateway that has several: they are its children."""
    return [child for child in _own_children(pid) if _command(child)]


def memory(pid: int) -> int:
    """Resident bytes of a process and those that it has started."""
    return sum(_resident(one) for one in [pid, *_children(pid)])


def _command(pid: int) -> bytes:
    """The command line of a process; empty for one that has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def _own_children(pid: int) -> list[int]:
    try:
        tasks = os.listdir(f"/proc/{pid}/task")
        return [int(one) for task in tasks for one in Path(f"/proc/{pid}/task/{task}/children").read_text().split()]
    except OSError:
        return []


def _children(pid: int) -> list[int]:
    direct = _own_children(pid)
    return [*direct, *(one for child in direct for one in _children(child))]


def _resident(pid: int) -> int:
    try:
        found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    except OSError:
        return 0
    return int(found[1]) << 10 if found else 0
