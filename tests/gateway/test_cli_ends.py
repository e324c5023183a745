"""How commands end that are cut short: by a person, by a disk that is full, for want of a standard input."""

import errno
import os
import signal
import subprocess
import sys

import pytest

from shadow.custody.sqlite import SqliteCustody
from shadow.stores.sqlite import Sqlite
from tests.backends.processes import FIGWAY, LONG, ended, started

pytestmark = pytest.mark.slow

ROUTES = """
version: 1
store: {sqlite: {path: figway.db}}
upstreams: {legacy: {url: "http://127.0.0.1:9001"}}
default: {upstream: legacy}
"""


def test_who_is_interrupted_gave_no_answer(tmp_path):
    os.mkfifo(tmp_path / "legacy.json")
    (tmp_path / "modern.json").write_text("{}")
    command = [*FIGWAY, "compare", str(tmp_path / "legacy.json"), str(tmp_path / "modern.json")]
    with (
        started(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process,
        (tmp_path / "legacy.json").open("w"),  # opens once the command has: now it reads, and waits
    ):
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=LONG)
    assert (process.returncode, out, err) == (130, "", "figway: interrupted\n")


@pytest.mark.parametrize("command", [["schema"], ["shadow", "minimise", "--legacy", "a.json", "--modern", "b.json"]])
def test_a_full_disk_is_no_finding(tmp_path, command):
    (tmp_path / "a.json").write_text('{"a": 1}')
    (tmp_path / "b.json").write_text('{"a": 2}')
    with open("/dev/full", "w") as full:
        done = ended([*FIGWAY, *command], cwd=tmp_path, stdout=full)
    reason = os.strerror(errno.ENOSPC)
    assert (done.returncode, done.stderr) == (2, f"figway: the output cannot be written: {reason}\n")


def test_a_subject_is_asked_for_where_standard_input_is_closed(tmp_path):
    command = f'exec "{sys.executable}" -m gateway.cli.main shadow purge --subject - --reason wish <&-'
    done = ended(["/bin/sh", "-c", command], cwd=tmp_path)
    assert (done.returncode, "standard input has no identifier" in done.stderr) == (2, True)
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", [
    ["schema"], ["--help"], ["report", "--help"], ["report", "--store", "figway.db"],
    ["report", "--store", "figway.db", "-o", "json"], ["shadow", "audit"],
], ids=" ".join)
def test_who_reads_no_more_hears_nothing(tmp_path, command):
    Sqlite(Sqlite.Options(tmp_path / "figway.db")).close()
    SqliteCustody(tmp_path / "figway.db.custody").close()
    (tmp_path / "routes.yaml").write_text(ROUTES)
    reads, writes = os.pipe()
    os.close(reads)
    try:
        done = ended([*FIGWAY, *command], cwd=tmp_path, stdout=writes)
    finally:
        os.close(writes)
    assert (done.returncode, done.stderr) == (141, "")
