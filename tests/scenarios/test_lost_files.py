"""The files of the shadow, when they fail: at the start and while the gateway runs, traffic goes on, somebody is told,
and the shadow begins, or goes on, once they are well."""

import json
import os
import re
import resource
import shutil
import signal
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


def is_well(figway):
    """Whether nothing of the shadow is said to fail."""
    return re.search(r"^\[-\] (store|custody|sealed|marks|shadow lane)", figway.readiness()[1], re.M) is None


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
@pytest.mark.proves(38)
def test_a_store_that_cannot_be_opened_stops_nothing(gateway, arms, tmp_path, broken, words, workers):
    folder = tmp_path / "var"
    if broken is not no_folder:
        folder.mkdir()
    path = folder / "figway.db"
    mend = broken(path)
    custody = tmp_path / "custody"
    figway = gateway(config(*arms, path, f", custody: {custody}"), "--workers", workers, lane=False)
    asks(figway, 5)
    until(lambda: outcomes(figway, outcome="shed", reason="store_unavailable") == 5, "they are not shed")
    is_told(figway, "store", words)
    assert "[-] shadow lane: off" in figway.readiness()[1]
    assert "figway: the shadow lane is off, and starts by itself once this is fixed: " in figway.stderr()

    reply = figway.admin("/report")
    assert (reply.status, reply.get("Content-Type")) == (503, "application/problem+json")
    assert words in json.loads(reply.body)["title"]
    assert CliRunner().invoke(main, ["gate", "patients", "--config", str(figway.file)]).exit_code == 2
    assert str(folder) not in figway.stdout() + figway.readiness()[1] + reply.body.decode()

    mend()
    comes_back(figway, "store")
    until(lambda: is_well(figway), "something is still off", LONG)


@pytest.mark.parametrize(("broken", "words"), [
    (damaged, "SQLITE_NOTADB"), (locked, "SQLITE_BUSY"), (no_folder, "No such file or directory"),
])
@pytest.mark.proves(38)
def test_custody_that_cannot_be_opened_stops_nothing(gateway, arms, tmp_path, broken, words):
    path = tmp_path / "var" / "custody"
    if broken is not no_folder:
        path.parent.mkdir()
    mend = broken(path)
    figway = gateway(config(*arms, lane=f", custody: {path}"), lane=False)
    asks(figway, 3)
    until(lambda: outcomes(figway, outcome="shed", reason="store_unavailable") == 3, "they are not shed")
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
    figway = gateway(config(*arms, path).replace("busy: 0.5", "busy: 3600.0"), lane=False)
    asks(figway)
    assert "it is just being opened" in figway.admin("/report").body.decode()
    figway.stop()
    release()


def test_what_was_left_out_before_the_store_came_is_written_once_it_does(gateway, arms, tmp_path):
    path = tmp_path / "var" / "figway.db"
    figway = gateway(config(*arms, path), lane=False)
    asks(figway, 7)
    path.parent.mkdir()
    comes_back(figway, "store")
    [found] = json.loads(figway.admin("/report").body)["capabilities"]
    assert found["shed"]["store_unavailable"] >= 7
    assert found["shed"]["store_unavailable"] == outcomes(figway, outcome="shed")
    shutil.rmtree(path.parent, ignore_errors=True)


# --- while it runs ---

def report(figway):
    reply = figway.admin("/report")
    found = json.loads(reply.body).get("capabilities") if reply.status == 200 else None
    return found[0] if found else {"eligible": 0, "matching": 0, "lost": {}, "shed": {}, "evidence": {"gaps": []}}


def adds_up(figway, asked):
    """Every exchange has an outcome in the store, or is counted there as lost."""
    def known():
        found = report(figway)
        return found["eligible"] + sum(found["lost"].values())

    try:
        until(lambda: known() == asked, "", LONG)
    except AssertionError:
        raise AssertionError(f"{known()} are known of {asked}: {report(figway)}") from None
    return report(figway)


def cannot_grow(figway, size):
    """No file of the gateway may grow past so many bytes, as on a disk that is full; None lifts that."""
    limit = resource.RLIM_INFINITY if size is None else size
    for pid in [figway.process.pid, *figway.workers()]:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.proves(38)
def test_what_a_full_disk_takes_at_the_stop_is_told_and_is_known_ever_after(gateway, arms, workers):
    figway = gateway(config(*arms), "--no-access-log", "--workers", workers)
    asks(figway, 20)
    adds_up(figway, 20)
    cannot_grow(figway, 20_000)
    asks(figway, 40)
    is_told(figway, "store", "SQLITE_")
    figway.stop()  # with status 0: nothing is mended by being started again

    told = events(figway, "evidence_lost")
    assert {line["capability"] for line in told} == {"patients"}
    assert sum(line["exchanges"] for line in told) == 40
    assert all("SQLITE_" in line["reason"] for line in told)
    assert "of patients were not written: the SQLite store" in figway.stderr()
    says = CliRunner().invoke(main, ["gate", "patients", "--config", str(figway.file)]).stdout
    says = " ".join(says.split())
    assert "40 exchanges are missing between" in says
    assert "40 since the store could not be written at the end" in says
    assert "40 of 60 eligible exchanges were left out" in says

    again = gateway(config(*arms, figway.folder / "figway.db"))
    found = adds_up(again, 60)
    assert found["lost"] == {"unwritten": 40}
    [gap] = found["evidence"]["gaps"]
    assert (gap["reason"], gap["exchanges"]) == ("unwritten", 40)
    assert again.metric("figway_store_lost_total", reason="unwritten") == 40
    asks(again, 5)
    adds_up(again, 65)
    again.stop()
    assert not list(figway.folder.glob("figway.db.worker-*")), "there is nothing left to be found"


@pytest.mark.proves(38)
def test_a_disk_that_is_full_for_a_while_costs_nothing(gateway, arms):
    figway = gateway(config(*arms), "--no-access-log", "--workers", "2")
    cannot_grow(figway, 20_000)
    asks(figway, 30)
    is_told(figway, "store", "SQLITE_")
    cannot_grow(figway, None)
    comes_back(figway, "store")
    until(lambda: report(figway)["matching"] == outcomes(figway, outcome="match"), "some are gone", LONG)
    assert report(figway)["lost"] == {}


def another(path):
    spare = path.with_name("spare")
    Sqlite(Sqlite.Options(spare)).close()
    with closing(sqlite3.connect(spare, isolation_level=None)) as connection:
        connection.execute("UPDATE origin SET made = 1000")
        connection.execute("PRAGMA journal_mode = DELETE")
    spare.replace(path)


def deleted(path):
    for part in ("", "-wal", "-shm"):
        path.with_name(path.name + part).unlink(missing_ok=True)


def deleted_alone(path):
    path.unlink()


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize(("happens", "reason"), [
    (deleted, "store_deleted"), (deleted_alone, "store_deleted"), (another, "store_replaced"),
])
def test_a_store_that_is_deleted_or_replaced_is_noticed_and_what_it_held_is_counted(
        gateway, arms, happens, reason, workers):
    figway = gateway(config(*arms), "--workers", workers)
    asks(figway, 25)
    adds_up(figway, 25)
    happens(figway.folder / "figway.db")

    asked = 25

    def all_have_noticed():
        nonlocal asked
        asked += 1
        asks(figway)
        return figway.metric("figway_store_lost_total", reason=reason) == 25

    until(all_have_noticed, "it is not noticed", LONG)
    until(lambda: events(figway, "store_renewed"), "it is not logged")
    found = adds_up(figway, asked)
    assert found["lost"] == {reason: 25}
    with closing(sqlite3.connect(figway.folder / "figway.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    until(lambda: is_well(figway), "something fails", LONG)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_log_that_is_deleted_under_the_store_costs_nothing(gateway, arms, workers):
    figway = gateway(config(*arms), "--workers", workers)
    asks(figway, 10)
    adds_up(figway, 10)
    (figway.folder / "figway.db-wal").unlink()
    asks(figway, 10)
    found = adds_up(figway, 20)
    assert (found["matching"], found["lost"]) == (20, {})
    with closing(sqlite3.connect(figway.folder / "figway.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_a_folder_that_is_deleted_costs_what_was_in_it(gateway, arms, tmp_path):
    folder = tmp_path / "var"
    folder.mkdir()
    figway = gateway(config(*arms, folder / "figway.db", lane=f", custody: {tmp_path / 'custody'}"))
    asks(figway, 10)
    adds_up(figway, 10)
    shutil.rmtree(folder)
    asks(figway, 10)
    is_told(figway, "store", "No such file or directory")
    folder.mkdir()
    found = adds_up(figway, 20)
    assert found["lost"] == {"store_deleted": 10}


def test_a_custody_that_is_deleted_begins_evidence_anew(gateway, arms):
    figway = gateway(config(*arms))
    asks(figway, 10)
    adds_up(figway, 10)
    before = report(figway)["evidence"]
    assert (before["effective"], before["history"]) == (10, [])
    (figway.folder / "figway.db.custody").unlink()
    until(lambda: asks(figway) or events(figway, "custody_renewed"), "it is not told")
    until(lambda: asks(figway) or report(figway)["evidence"]["effective"] == 1, "evidence goes on", LONG)
    found = report(figway)["evidence"]
    [past] = found["history"]
    assert past == before["epoch"] | {"last": past["last"], "exchanges": past["exchanges"]}
    assert found["epoch"]["rules"] != past["rules"]
    assert (figway.folder / "figway.db.custody").is_file()


def kills(figway):
    """The workers, which are killed."""
    killed = set(figway.workers())
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    return killed


def is_replaced(figway, killed):
    """Whether there are as many others at work. One that was just killed may still count as one that runs."""
    others = set(figway.workers())
    return len(others) == len(killed) and not others & killed and figway.is_whole()


def test_what_a_killed_worker_had_not_written_is_counted_as_lost(gateway, arms):
    figway = gateway(config(*arms), "--workers", "2")
    asks(figway, 10)
    adds_up(figway, 10)
    with closing(sqlite3.connect(figway.folder / "figway.db", isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")  # so that nothing is written
        asks(figway, 20)
        # An answer may be with its client a moment before the exchange is counted.
        until(lambda: figway.eligible() == 30, "they are not counted")
        killed = kills(figway)
    until(lambda: is_replaced(figway, killed), "no new workers come", LONG)
    found = adds_up(figway, 30)
    assert found["lost"] == {"killed": 20}
    assert figway.metric("figway_store_lost_total", reason="killed") == 20
    assert "20 exchanges are missing between" in found["evidence"]["says"]


def test_what_killed_workers_had_written_to_a_store_that_was_deleted_before_the_next_came_is_counted(gateway, arms):
    figway = gateway(config(*arms), "--workers", "2")
    asks(figway, 20)
    adds_up(figway, 20)
    killed, stopped = kills(figway), set()

    def both_are_stopped():
        for pid in set(figway.workers()) - killed - stopped:
            os.kill(pid, signal.SIGSTOP)  # long before it opens a file
            stopped.add(pid)
        return len(stopped) == 2

    until(both_are_stopped, "no new worker comes", LONG, pause=0.01)
    deleted(figway.folder / "figway.db")
    for pid in stopped:
        os.kill(pid, signal.SIGCONT)
    until(lambda: is_replaced(figway, killed), "no new workers come", LONG)
    asks(figway, 10)
    found = adds_up(figway, 30)
    assert (found["matching"], found["lost"]) == (10, {"store_deleted": 20})


def test_what_a_killed_worker_lost_before_anything_of_its_epoch_was_written_counts_against_it(gateway, arms):
    figway = gateway(config(*arms), "--workers", "2")
    with closing(sqlite3.connect(figway.folder / "figway.db", isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")  # so that nothing is written
        asks(figway, 20)
        until(lambda: figway.eligible() == 20, "they are not counted")
        killed = kills(figway)
    until(lambda: is_replaced(figway, killed), "no new workers come", LONG)
    asks(figway, 1)
    found = adds_up(figway, 21)
    [gap] = found["evidence"]["gaps"]
    assert (gap["reason"], gap["exchanges"]) == ("killed", 20)
    [excluded] = [gate for gate in found["evidence"]["gates"] if gate["name"] == "excluded"]
    assert excluded["says"].startswith("20 of 21 eligible exchanges were left out")
