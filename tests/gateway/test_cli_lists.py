"""-o json of the commands that list something, so that a script need not take tables apart."""

import json
import sqlite3

import click
import pytest
from click.testing import CliRunner

from gateway.cli.main import COMMANDS, SHADOW, main
from gateway.cli.sources import actor
from shadow.custody.base import Hold
from shadow.custody.sqlite import SqliteCustody
from shadow.sealed.base import Bounds
from shadow.sealed.sqlite import SqliteVault
from tests.gateway.test_cli_sealed import NOW, ROUTES, captured

LISTS = {"clients", "compare", "drift", "explain", "flip", "gate", "history", "plan", "report", "resume", "rollback",
         "status", "sweep", "tail", "validate"}
SHADOW_LISTS = {"audit", "case", "holds", "list", "recompare", "replay"}
OTHERS = {"serve", "init", "schema", "shadow", "audit", "demo"} | {
    "view", "minimise", "hold", "release", "purge", "restart", "shred"}
"""Commands that list nothing: they act, or print one document."""


@pytest.fixture
def custody(tmp_path):
    (tmp_path / "routes.yaml").write_text(ROUTES.replace("WHO", "jo"))
    custody = SqliteCustody(tmp_path / "figway.db.custody")
    yield custody
    custody.close()


@pytest.fixture
def listed(tmp_path, custody):
    def listed(*arguments, status=0):
        found = CliRunner().invoke(main, ["shadow", *arguments, "-o", "json", "--config", f"{tmp_path}/routes.yaml"])
        assert found.exit_code == status, found.output
        return json.loads(found.stdout)

    return listed


def test_every_command_that_lists_something_has_json():
    assert COMMANDS.keys() | SHADOW.keys() == LISTS | SHADOW_LISTS | OTHERS
    group = main.get_command(click.Context(main), "shadow")
    for names, known in ((LISTS, main), (SHADOW_LISTS, group)):
        for name in names:
            [output] = [one for one in known.get_command(click.Context(known), name).params if "-o" in one.opts]
            assert "json" in output.type.choices, name


def test_sealed_exchanges_are_listed(listed, custody, tmp_path):
    vault = SqliteVault(tmp_path / "figway.sealed", custody, Bounds())
    vault.seal(captured(1))
    vault.seal(captured(2, at=NOW + 2, capability="booking"))
    vault.close()
    custody.hold(Hold("booking", 1.0, "jo", "case"))
    first, second = listed("list")["exchanges"]
    assert (first["id"], first["capability"], first["operation"], first["at"], first["held"]) == (
        captured(1).id, "results", "read", NOW, False)
    assert (first["pattern"], first["trace_id"], first["expires"] > NOW, first["bytes"] > 0) == (
        "patternkey", "trace1", True, True)
    assert (second["capability"], second["held"]) == ("booking", True)
    assert [one["id"] for one in listed("list", "booking")["exchanges"]] == [captured(2).id]


def test_holds_are_listed(listed, custody):
    assert listed("holds") == {"holds": []}
    custody.hold(Hold("booking", 1.0, "jo", "case\x1b 7"))
    assert listed("holds") == {"holds": [{"held": "booking", "since": 1.0, "by": "jo", "reason": "case\x1b 7"}]}


def test_the_trail_is_listed_and_says_whether_it_is_complete(listed, custody, tmp_path):
    done = CliRunner().invoke(main, ["shadow", "hold", "results", "--reason", "case 7", "--config",
                                     f"{tmp_path}/routes.yaml"])
    assert done.exit_code == 0
    found = listed("audit")
    [deed] = found["deeds"]
    assert (found["complete"], deed["who"], deed["did"], deed["to"], deed["reason"]) == (
        True, actor(), "hold", "results", "case 7")
    custody.close()
    with sqlite3.connect(tmp_path / "figway.db.custody") as connection:
        connection.execute("UPDATE trail SET reason = 'another' WHERE number = 1")
    connection.close()
    assert listed("audit", status=1)["complete"] is False
