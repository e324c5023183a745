"""How commands end that are cut short: by a person, by a disk that is full, for want of a standard input."""

import os
import signal
import subprocess
import sys

import pytest

from shadow.custody import Custody
from shadow.stores.sqlite import Sqlite

FIGWAY = [sys.executable, "-m", "gateway.cli.main"]
ROUTES = """
version: 1
store: {sqlite: {path: figway.db}}
upstreams: {legacy: {url: "http://127.0.0.1:9001"}}
default: {upstream: legacy}
"""


def test_who_is_interrupted_gave_no_answer(tmp_path):
    os.mkfifo(tmp_path / "legacy.json")
    (tmp_path / "modern.json").write_text("{}")
    process = subprocess.Popen(
        [*FIGWAY, "compare", str(tmp_path / "legacy.json"), str(tmp_path / "modern.json")],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with (tmp_path / "legacy.json").open("w"):  # opens once the command has: now it reads, and waits
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, "", "figway: interrupted\n")


@pytest.mark.parametrize("command", [["schema"], ["shadow", "minimise", "--legacy", "a.json", "--modern", "b.json"]])
def test_a_full_disk_is_no_finding(tmp_path, command):
    (tmp_path / "a.json").write_text('{"a": 1}')
    (tmp_path / "b.json").write_text('{"a": 2}')
    with open("/dev/full", "w") as full:
        done = subprocess.run([*FIGWAY, *command], cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, text=True,
                              timeout=60, check=False)
    assert (done.returncode, done.stderr) == (2, "figway: the output cannot be written: No space left on device\n")


def test_a_subject_is_asked_for_where_standard_input_is_closed(tmp_path):
    command = f'exec "{sys.executable}" -m gateway.cli.main shadow purge --subject - --reason wish <&-'
    done = subprocess.run(["/bin/sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, timeout=60,
                          check=False)
    assert (done.returncode, "standard input has no identifier" in done.stderr) == (2, True)
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", [
    ["schema"], ["--help"], ["report", "--help"], ["report", "--store", "figway.db"],
    ["report", "--store", "figway.db", "-o", "json"], ["shadow", "audit"],
], ids=" ".join)
def test_who_reads_no_more_hears_nothing(tmp_path, command):
    Sqlite(Sqlite.Options(tmp_path / "figway.db")).close()
    Custody(tmp_path / "figway.db.custody").close()
    (tmp_path / "routes.yaml").write_text(ROUTES)
    reads, writes = os.pipe()
    os.close(reads)
    try:
        done = subprocess.run([*FIGWAY, *command], cwd=tmp_path, stdout=writes, stderr=subprocess.PIPE, text=True,
                              timeout=60, check=False)
    finally:
        os.close(writes)
    assert (done.returncode, done.stderr) == (141, "")
