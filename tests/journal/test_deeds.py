"""Custody's trail in the journal: taken over once, from any release, and compared with it from then on."""

import json
import sqlite3
import threading
from contextlib import closing
from dataclasses import replace
from importlib.resources import files

import pytest
from click.testing import CliRunner

from gateway.cli.main import main
from gateway.flips.base import Actor, Conflict, Position
from gateway.flips.examined import examine, records
from gateway.flips.record import ORIGIN, Record
from gateway.flips.sqlite import SqliteStages
from gateway.stage import Stage
from shadow.custody.base import Deed
from shadow.custody.sqlite import SqliteCustody
from tests.journal.kept import FLIP, changed

ROUTES = """
version: 1
store: {sqlite: {path: figway.db}}
upstreams: {legacy: {url: "http://127.0.0.1:9001"}}
capabilities:
  labs: {owner: us, operations: {read: {path: "/labs/{id}"}}, legacy: legacy, stage: legacy}
default: {upstream: legacy}
"""
# A custody as the release before the journal made it.
BEFORE = """
CREATE TABLE key (
    purpose TEXT NOT NULL, scope TEXT NOT NULL, made REAL NOT NULL, key BLOB NOT NULL, PRIMARY KEY (purpose, scope)
) WITHOUT ROWID;
CREATE TABLE hold (
    scope TEXT PRIMARY KEY, at REAL NOT NULL, actor TEXT NOT NULL, reason TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE trail (
    number INTEGER PRIMARY KEY, at REAL NOT NULL, actor TEXT NOT NULL, role TEXT NOT NULL, action TEXT NOT NULL,
    subject TEXT NOT NULL, reason TEXT NOT NULL, chain TEXT NOT NULL
);
CREATE TABLE name (name TEXT NOT NULL);
INSERT INTO name VALUES ('0a1b2c3d');
INSERT INTO trail VALUES
    (1, 1767225600.0, 'jo', 'reviewer', 'view', '00000000000000a1', 'why? MRN 12345678',
     'c53f4ee41c3dd73e8501d3adcc6c1bffc3153fef066afeaeb0710003a256d5b5'),
    (2, 1767225660.5, 'jo', '', 'hold', 'labs', 'inquiry 7',
     '7ceeaf2204b79c36dfd31dc3e677e9c96dcd2ea76336bd32f5132359cd0ccd87'),
    (3, 1767225720.25, 'al', 'operator', 'shred', 'labs', '',
     '49f8ae0028ad139c820d504a5fe73956c643fa2e5e16152253e15858e158420b');
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "routes.yaml").write_text(ROUTES)
    with closing(sqlite3.connect(tmp_path / "figway.db.custody")) as connection:
        connection.executescript(BEFORE)
    return tmp_path


@pytest.fixture
def control(folder):
    stages = SqliteStages(folder / "figway.db.control")
    stages.adopt({"labs": Position(Stage.LEGACY, Stage.LEGACY)}, Actor("start", source="start"))
    stages.close()
    return folder / "figway.db.control"


@pytest.fixture
def figway(folder):
    def figway(*arguments, status=0):
        done = CliRunner().invoke(main, [*arguments, "--config", str(folder / "routes.yaml")])
        assert done.exit_code == status, done.output
        return done

    return figway


def trail(figway, status=0):
    found = json.loads(figway("shadow", "audit", "-o", "json", status=status).stdout)
    assert found["complete"] is (status == 0)
    return [(one["who"], one["did"], one["to"]) for one in found["deeds"]]


def journal(control):
    return [(one.record.actor, one.record.role, one.record.action, one.record.capability, one.record.reason)
            for one in records(control) if one.record.source == "custody"]


OLD = [("jo", "view", "00000000000000a1"), ("jo", "hold", "labs"), ("al", "shred", "labs")]


def test_a_trail_of_the_release_before_is_taken_over_once_with_its_links(figway, control, folder):
    for _ in range(2):
        assert trail(figway) == OLD
    assert journal(control) == [("jo", "reviewer", "view", "", "why? [record number]"), ("jo", "", "hold", "labs",
                                "inquiry 7"), ("al", "operator", "shred", "labs", "")]
    assert examine(control).checked.faults == ()
    first = next(one.record for one in records(control) if one.record.source == "custody")
    assert first.time == "2026-01-01T00:00:00.000Z"
    assert first.detail == {"custody": "0a1b2c3d", "line": 1, "subject": "00000000000000a1",
                            "link": "c53f4ee41c3dd73e8501d3adcc6c1bffc3153fef066afeaeb0710003a256d5b5"}
    custody = SqliteCustody(folder / "figway.db.custody")
    assert custody.trail()[0][0].reason == "why? MRN 12345678"  # as typed, where the keys are
    custody.close()
    assert b"12345678" not in control.read_bytes()


def test_without_a_control_file_the_trail_stays_where_it_is(figway, folder):
    assert trail(figway) == OLD
    figway("shadow", "hold", "labs", "--reason", "inquiry 8")
    assert len(trail(figway)) == 4
    assert not (folder / "figway.db.control").exists()


def test_what_a_command_does_is_in_the_journal_when_it_ends(figway, control):
    figway("shadow", "hold", "labs", "--reason", "inquiry 8, call jo@clinic.example")
    assert journal(control)[-1][2:] == ("hold", "labs", "inquiry 8, call [e-mail]")
    figway("shadow", "release", "labs", "--reason", " ", status=1)
    assert journal(control)[-1][2:] == ("release_refused", "labs", "")
    found = json.loads(figway("audit", "search", "--capability", "labs", "--action", "hold", "-o", "json").stdout)
    assert [one["reason"] for one in found["records"]] == ["inquiry 8, call [e-mail]", "inquiry 7"]
    assert len(trail(figway)) == 5


@pytest.mark.parametrize("statement", [
    "DELETE FROM trail WHERE number = 3", "DELETE FROM trail WHERE number = 2", "DELETE FROM trail",
    "UPDATE trail SET reason = 'another' WHERE number = 1", "UPDATE trail SET chain = 'f' WHERE number = 3",
    # The last line written anew, with a link that fits.
    "UPDATE trail SET action = 'view', chain = '9b85f3ca10f8d8c6f0d51f7ad31fba8ea6a7c5e93ac85a5b2f1c8f5a3ee9a0d0' "
    "WHERE number = 3"])
def test_a_line_that_was_changed_or_cut_off_after_that_shows(figway, control, folder, statement):
    assert trail(figway) == OLD
    changed(folder / "figway.db.custody", statement)
    found = trail(figway, status=1)
    assert set(OLD) <= set(found)  # the journal still says what was done


def test_the_last_line_written_anew_with_a_link_that_fits_shows(figway, control, folder):
    assert trail(figway) == OLD
    changed(folder / "figway.db.custody", "DELETE FROM trail WHERE number = 3")
    custody = SqliteCustody(folder / "figway.db.custody")
    custody.record(Deed(1767225720.25, "al", "operator", "view", "labs", ""))
    assert custody.trail()[1]
    custody.close()
    assert set(trail(figway, status=1)) == {*OLD, ("al", "view", "labs")}


def test_a_line_that_did_not_fit_its_chain_when_it_was_taken_over_is_named(figway, control, folder):
    changed(folder / "figway.db.custody", "UPDATE trail SET reason = 'another' WHERE number = 2")
    trail(figway, status=1)
    assert examine(control).broken == (3,)
    assert "did not fit" in " ".join(figway("audit", "verify").stdout.split())


def test_deeds_outlive_the_custody_that_they_were_done_with(figway, control, folder):
    assert trail(figway) == OLD
    (folder / "figway.db.custody").unlink()
    SqliteCustody(folder / "figway.db.custody").close()
    assert trail(figway) == OLD


def test_many_take_over_at_once_and_each_line_once(control, folder):
    def take():
        stages, custody = SqliteStages(control), SqliteCustody(folder / "figway.db.custody")
        stages.take_over(custody.name, custody.lines())
        stages.close()
        custody.close()

    threads = [threading.Thread(target=take) for _ in range(6)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(journal(control)) == 3
    assert examine(control).checked.faults == ()


def test_a_control_file_that_fails_keeps_nobody_from_a_hold(figway, control, folder):
    control.write_bytes(b"this is no database" * 400)
    figway("shadow", "hold", "labs", "--reason", "inquiry 8")
    assert len(trail(figway)) == 4


def test_a_control_file_of_the_release_before_opens_and_stays_whole(figway, folder):
    control = folder / "figway.db.control"
    first = Record(1, "2026-01-01T00:00:00.000Z", "start", "", "start", "reload", "labs", 1, "",
                   after={"reads": "legacy", "writes": "legacy", "share": 0}, previous=ORIGIN)
    with closing(sqlite3.connect(control)) as connection, connection:
        for script in ("001.sql", "002.sql"):
            connection.executescript((files("gateway.flips") / "migrations" / script).read_text())
        connection.execute("PRAGMA user_version = 2")
        connection.execute("INSERT INTO control VALUES ('c0', 1)")
        connection.execute("INSERT INTO stand VALUES ('labs', 'legacy', 'legacy', 0, 1)")
        connection.execute("INSERT INTO journal VALUES (1, ?, ?, ?, 'start', 'reload', 'labs', 1)",
                           (first.body().decode(), first.digest, first.time))
    assert examine(control).checked.faults == ()
    assert trail(figway) == OLD
    assert [one.record.number for one in records(control)] == [1, 2, 3, 4]
    assert examine(control).checked.faults == ()
    stages = SqliteStages(control)
    stages.flip(FLIP)
    stages.close()
    assert examine(control).checked.faults == ()


def test_a_deed_is_not_taken_for_the_change_that_was_first(control, folder):
    stages, custody = SqliteStages(control), SqliteCustody(folder / "figway.db.custody")
    known = stages.read().revision
    stages.flip(FLIP)
    stages.take_over(custody.name, custody.lines())
    with pytest.raises(Conflict, match="ann did flip labs") as raised:
        stages.flip(replace(FLIP, reads=Stage.MODERN, revision=known))
    assert raised.value.record.action == "flip"
    stages.close()
    custody.close()
