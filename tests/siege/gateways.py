"""The gateways under siege: Figway, and nginx where it is installed. Both stand before the same upstream."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from tests.backends.figway import memory, running
from tests.backends.upstream import closed_port, until
from tests.backends.wire import connect
from tests.benchmarks import nginx
from tests.benchmarks.child import Place

START = 30.0
POOL = 64
"""Figway's connections to the upstream: a quarter of the default, so that few can fill it."""


class Gateway(Protocol):
    """One that runs: where it listens, and what it holds."""

    port: int

    def memory(self) -> int:
        """Resident bytes, of all its processes."""
        ...


@contextmanager
def figway(folder: Path, upstream: int, memory: int, descriptors: int) -> Iterator[Gateway]:
    """Figway with `memory` bytes for its clients; what comes under /held/ must be whole before it goes on."""
    with running(folder, f"""
version: 1
server: {{limits: {{memory: {memory}B}}, drain: {{delay: 0s, grace: 1s}}}}
upstreams: {{legacy: {{url: "http://127.0.0.1:{upstream}", pool: {{connections: {POOL}}}}}}}
capabilities:
  held:
    owner: siege
    operations: {{any: {{path: "/held/{{rest*}}"}}}}
    legacy: {{upstream: legacy, adapter: {{identity: {{}}}}}}
    stage: legacy
default: {{upstream: legacy, policies: []}}
""", "--no-access-log", descriptors=descriptors) as gateway:
        yield gateway


class _Nginx:
    def __init__(self, pid: int, port: int) -> None:
        self._pid = pid
        self.port = port

    def memory(self) -> int:
        return memory(self._pid)


@contextmanager
def rival(folder: Path, upstream: int, memory: int, descriptors: int) -> Iterator[Gateway]:
    """nginx with its defaults: it puts bodies on disk, and has no bound on memory."""
    place = Place(folder, closed_port(), 0, upstream)
    command = nginx.write(place, f"""\
    access_log off;
    client_max_body_size 0;
    map $http_upgrade $option {{ default upgrade; '' ''; }}
    {nginx.server("upstream", upstream)}
    server {{
        listen 127.0.0.1:{place.port};
        location / {{
            proxy_pass http://upstream;
            proxy_http_version 1.1;
            proxy_set_header Connection $option;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Host $http_host;
        }}
    }}
""")
    if descriptors:
        file = folder / "nginx.conf"
        text = re.sub(r"worker_rlimit_nofile \d+", f"worker_rlimit_nofile {descriptors}", file.read_text())
        file.write_text(re.sub(r"worker_connections \d+", f"worker_connections {descriptors - 20}", text))
    with serving([*command], place.port) as process:
        yield _Nginx(process.pid, place.port)


@contextmanager
def serving(command: list[str], port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A process for as long as the block runs, once it listens on `port`."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, cwd=os.getcwd())

    def listens() -> bool:
        try:
            connect(port).close()
        except OSError:
            return process.poll() is not None
        return True

    try:
        until(listens, "it does not listen", START)
        assert process.poll() is None, f"{command[0]} ended at once"
        yield process
    finally:
        process.terminate()
        try:
            process.wait(START)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def python(module: str, *arguments: object) -> list[str]:
    """The command line of one of our modules."""
    return [sys.executable, "-m", module, *map(str, arguments)]
