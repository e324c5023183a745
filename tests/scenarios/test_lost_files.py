"""The files of the shadow, when they fail: at the start and while the gateway runs, traffic goes on, somebody is told,
and the shadow begins, or goes on, once they are well."""

import json
import shutil
import sqlite3
from contextlib import closing

import pytest
from click.testing import CliRunner

from gateway.cli.main import main
from shadow.stores.sqlite import Sqlite
from tests.backends.upstream import until
from tests.backends.wire import response

LONG = 60.0
"""Seconds within which what is mended is taken up, on a machine that is busy."""


def config(legacy, modern, store="figway.db", lane=""):
    return f"""
version: 1
server: {{drain: {{grace: 2s}}}}
store: {{sqlite: {{path: {store}, busy: 0.5}}}}
shadow: {{drain: 1s{lane}}}
upstreams: {{legacy: {{url: "{legacy}"}}, modern: {{url: "{modern}"}}}}
capabilities:
  patients:
    owner: patients-team
    operations: {{read: {{method: GET, path: "/patients/{{id}}"}}}}
    legacy: legacy
    modern: modern
    stage: shadow
    shadow: {{sample: 100%, noise: 0%, recheck: {{after: []}}}}
default: {{upstream: legacy}}
"""


@pytest.fixture
def arms(legacy, modern):
    for arm in (legacy, modern):
        arm.answers(response(200, ("Content-Type", "application/json"), body=b"{}"))
    return legacy.url, modern.url


def asks(figway, number=1):
    for one in range(number):
        assert figway.ask("GET", f"/patients/{one}").status == 200


def outcomes(figway, **labels):
    return figway.metric("figway_shadow_total", **labels)


def events(figway, name):
    return [line for line in figway.log() if line["event"] == name]


def is_told(figway, what, words):
    """Readiness, the log and the metrics say of a fault what it is, and traffic is sent here all the same."""
    def lines():
        status, text = figway.readiness()
        assert status == 200
        return [line for line in text.splitlines() if line.startswith(f"[-] {what}: ")]

    until(lambda: any(words in line for line in lines()), "readiness does not tell")
    until(lambda: any(words in line["reason"] for line in events(figway, f"{what}_failed")), "it is not logged")
    until(lambda: figway.metric("figway_shadow_well", part=what) == 0, "it is not in the metrics")


def comes_back(figway, what):
    """Exchanges are compared and written, and nothing is said to fail any more."""
    def compares():
        asks(figway)
        return outcomes(figway, outcome="match") > 0

    until(compares, "the shadow does not begin", LONG)
    until(lambda: f"[-] {what}" not in figway.readiness()[1], "the fault does not end", LONG)
    until(lambda: any(line["what"] == what for line in events(figway, "recovered")), "that it ended is not logged")
    until(lambda: figway.metric("figway_shadow_well", part=what) == 1, "the metric does not end")
    until(lambda: json.loads(figway.admin("/report").body)["capabilities"][0]["matching"] > 0, "nothing is written")


# --- how a file can be broken, and how it is mended ---

def damaged(path):
    path.write_bytes(b"this is no database" * 1000)
    return path.unlink


def cut(path):
    Sqlite(Sqlite.Options(path)).close()
    path.write_bytes(path.read_bytes()[:5000])
    return path.unlink


def a_folder(path):
    path.mkdir()
    return path.rmdir


def no_folder(path):
    return path.parent.mkdir


def newer(path):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 999")
    before = path.read_bytes()

    def mend():
        assert path.read_bytes() == before
        path.unlink()

    return mend


def locked(path):
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN EXCLUSIVE")
    return connection.close


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize(("broken", "words"), [
    (damaged, "SQLITE_NOTADB"), (cut, "SQLITE_CORRUPT"), (a_folder, "SQLITE_CANTOPEN"), (locked, "SQLITE_BUSY"),
    (newer, "written by a newer Figway"), (no_folder, "SQLITE_CANTOPEN"),
])
def test_a_store_that_cannot_be_opened_stops_nothing(gateway, arms, tmp_path, broken, words, workers):
    folder = tmp_path / "var"
    if broken is not no_folder:
        folder.mkdir()
    path = folder / "figway.db"
    mend = broken(path)
    custody = tmp_path / "custody"
    figway = gateway(config(*arms, path, f", custody: {custody}"), "--workers", workers)
    asks(figway, 5)
    assert outcomes(figway, outcome="shed", reason="store_unavailable") == 5
    is_told(figway, "store", words)
    assert "[-] shadow lane: off" in figway.readiness()[1]
    assert "figway: the shadow lane is off, and begins by itself once this is mended: " in figway.stderr()

    reply = figway.admin("/report")
    assert (reply.status, reply.get("Content-Type")) == (503, "application/problem+json")
    assert words in json.loads(reply.body)["title"]
    assert CliRunner().invoke(main, ["gate", "patients", "--config", str(figway.file)]).exit_code == 2
    assert str(folder) not in figway.stdout() + figway.readiness()[1] + reply.body.decode()

    mend()
    comes_back(figway, "store")
    until(lambda: "[-]" not in figway.readiness()[1], "something is still off", LONG)


@pytest.mark.parametrize(("broken", "words"), [
    (damaged, "SQLITE_NOTADB"), (locked, "SQLITE_BUSY"), (no_folder, "No such file or directory"),
])
def test_custody_that_cannot_be_opened_stops_nothing(gateway, arms, tmp_path, broken, words):
    path = tmp_path / "var" / "custody"
    if broken is not no_folder:
        path.parent.mkdir()
    mend = broken(path)
    figway = gateway(config(*arms, lane=f", custody: {path}"))
    asks(figway, 3)
    assert outcomes(figway, outcome="shed", reason="store_unavailable") == 3
    is_told(figway, "custody", words)
    mend()
    comes_back(figway, "custody")


def test_sealed_records_that_cannot_be_kept_leave_the_lane_at_work(gateway, arms, tmp_path):
    path = tmp_path / "sealed"
    mend = damaged(path)
    figway = gateway(config(*arms, lane=f", capture: {{path: {path}, views: {{all: [root]}}}}"))
    asks(figway, 3)
    until(lambda: outcomes(figway, outcome="match") == 3, "the lane is off")
    assert "[-] sealed: the sealed file fails: SQLITE_NOTADB" in figway.readiness()[1]
    mend()
    until(lambda: "[+] sealed" in figway.readiness()[1], "sealing does not begin", LONG)


def test_a_locked_store_holds_up_neither_the_start_nor_the_stop(gateway, arms, tmp_path):
    path = tmp_path / "figway.db"
    release = locked(path)
    figway = gateway(config(*arms, path).replace("busy: 0.5", "busy: 3600.0"))
    asks(figway)
    assert "it is just being opened" in figway.admin("/report").body.decode()
    figway.stop()
    release()


def test_what_was_left_out_before_the_store_came_is_written_once_it_does(gateway, arms, tmp_path):
    path = tmp_path / "var" / "figway.db"
    figway = gateway(config(*arms, path))
    asks(figway, 7)
    path.parent.mkdir()
    comes_back(figway, "store")
    [found] = json.loads(figway.admin("/report").body)["capabilities"]
    assert found["shed"]["store_unavailable"] >= 7
    assert found["shed"]["store_unavailable"] == outcomes(figway, outcome="shed")
    shutil.rmtree(path.parent, ignore_errors=True)
