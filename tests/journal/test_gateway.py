"""A running gateway: it takes over custody's trail when it starts, and its log holds the journal's heads."""

import json
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from gateway.flips.examined import examine, records
from gateway.flips.sqlite import SqliteStages
from tests.backends.figway import running
from tests.backends.upstream import until
from tests.journal.kept import FLIP, changed
from tests.journal.test_deeds import BEFORE, ROUTES


def audit(folder, *arguments):
    return subprocess.run([sys.executable, "-m", "gateway.cli.main", "audit", *map(str, arguments), "--config",
                           str(folder / "routes.yaml")], capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_a_start_takes_over_a_trail_of_before_and_the_log_shows_an_end_that_was_cut_off(tmp_path):
    with closing(sqlite3.connect(tmp_path / "figway.db.custody")) as connection:
        connection.executescript(BEFORE)
    control = tmp_path / "figway.db.control"
    with running(tmp_path, ROUTES, "--workers", "2") as figway:
        until(lambda: sum(one.record.source == "custody" for one in records(control)) == 3, "nothing is taken over")
        stages = SqliteStages(control)
        stages.flip(FLIP)
        stages.close()
        until(lambda: any(one["event"] == "stages_changed" for one in figway.log()), "no worker saw the flip")
        (tmp_path / "kept.log").write_text("\n".join(map(json.dumps, figway.log())))
    (tmp_path / "routes.yaml").write_text(ROUTES)
    said = audit(tmp_path, "verify", "--segment", tmp_path / "kept.log")
    assert (said.returncode, "whole" in said.stdout, "cannot be seen" in said.stdout) == (0, True, False)
    length = examine(control).checked.length
    revision = [one.record.revision for one in records(control)][-2]
    changed(control, f"DELETE FROM journal WHERE number = {length}", f"UPDATE control SET revision = {revision}",
            f"DELETE FROM outbox WHERE number = {length}", "DELETE FROM override")
    control.with_name("figway.db.control.stages").unlink()
    said = audit(tmp_path, "verify", "--segment", tmp_path / "kept.log")
    assert (said.returncode, f"record {length} cut" in said.stdout) == (1, True)
