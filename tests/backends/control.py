"""Flips of a running gateway: over its Unix socket, and by command."""

import os
import sqlite3
import subprocess
import termios
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx2

from gateway.flips.base import State
from gateway.flips.record import ORIGIN, digest, parsed
from gateway.flips.sqlite import SqliteStages
from tests.backends.processes import FIGWAY, LONG, ended, started

ROUTES = """
version: 1
store: {{sqlite: {{path: figway.db}}}}
{more}
upstreams:
  legacy: {{url: "{legacy}"}}
  modern: {{url: "{modern}"}}
capabilities:
  labs:
    owner: tests
    operations:
      read: {{path: "/labs/{{id}}", method: GET}}
      order: {{path: /labs, method: POST}}
    legacy: legacy
    modern: modern
    stage: {stage}
    writes: {writes}
    split: {{percent: 0%, sticky: ["header:X-Tenant", client_ip]}}
    shadow: {{sample: 0%}}
default: {{upstream: legacy}}
"""


def routes(legacy: str, modern: str, stage: str = "legacy", writes: str = "legacy", more: str = "") -> str:
    """A routes.yaml with one capability, `labs`, which has all that any stage needs."""
    return ROUTES.format(legacy=legacy, modern=modern, stage=stage, writes=writes, more=more)


def door(folder: Path) -> httpx2.Client:
    """A client of the socket for commands."""
    transport = httpx2.HTTPTransport(uds=str(folder / "figway.db.control.sock"))
    return httpx2.Client(base_url="http://localhost", transport=transport, timeout=60)


def flip(client: httpx2.Client, **wanted: Any) -> httpx2.Response:
    """Ask for a flip of labs, whatever its gate says."""
    return client.post("/flips", json={"capability": "labs", "reason": "a test", "force": True} | wanted)


def command(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `figway` in the folder of a gateway."""
    return ended([*FIGWAY, *arguments], cwd=folder)


def on_terminal(folder: Path, *arguments: str) -> list[str]:
    """The lines that `figway` prints to a terminal of 80 columns."""
    ours, its = os.openpty()
    termios.tcsetwinsize(its, (24, 80))
    shown = b""
    with started([*FIGWAY, *arguments], cwd=folder, stdout=its) as process:
        os.close(its)
        with suppress(OSError):  # the terminal's end
            while more := os.read(ours, 4096):
                shown += more
        process.wait(LONG)
    os.close(ours)
    return shown.decode().splitlines()


def kept(folder: Path) -> State:
    """What the control file has, after checking that flips and records are there together: each record follows the one
    before, each has its line in the outbox, and where a capability stands is what its last record says."""
    stages = SqliteStages(folder / "figway.db.control")
    try:
        state = stages.read()
    finally:
        stages.close()
    with sqlite3.connect(folder / "figway.db.control") as connection:
        rows = connection.execute("SELECT number, body, digest FROM journal ORDER BY number").fetchall()
        outbox = [number for [number] in connection.execute("SELECT number FROM outbox ORDER BY number")]
    connection.close()
    previous, last = ORIGIN, {}
    for number, body, known in rows:
        record = parsed(body)
        assert (record.number, record.previous, digest(body.encode())) == (number, previous, known)
        previous = known
        if record.capability and record.action != "refusal":
            last[record.capability] = record
    assert state.head == previous
    assert outbox == [number for number, _, _ in rows]
    for name, stand in state.stands.items():
        if name in last:
            assert stand.changed <= last[name].revision
            assert last[name].after["reads"] == (
                stand.override.reads if stand.override and stand.override.reads else stand.file.reads)
    return state
