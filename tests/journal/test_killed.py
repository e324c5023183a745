"""kill -9 at any moment leaves a journal that is whole, in which each act has its record or neither is there."""

import random
import signal
import subprocess
import sys

import pytest

from gateway.flips.examined import examine, records
from gateway.flips.precedence import position
from gateway.flips.sqlite import SqliteStages
from gateway.stage import Stage
from shadow.custody.sqlite import SqliteCustody

FLIPS = """
import sys
from contextlib import suppress
from pathlib import Path
from gateway.flips.base import Actor, Already, Flip, Kind, Position
from gateway.flips.sqlite import SqliteStages
from gateway.stage import Stage

stages = SqliteStages(Path(sys.argv[1], "figway.db.control"))
stages.adopt({"labs": Position(Stage.SHADOW, Stage.LEGACY)}, Actor("start", source="start"))
while True:
    for kind, reads in ((Kind.FLIP, Stage.VERIFY), (Kind.ROLLBACK, Stage.LEGACY)):
        with suppress(Already):
            state, record = stages.flip(Flip(kind, "labs", Actor("ann"), "why", reads=reads))
            print(record.number, flush=True)
"""
DEEDS = """
import sys, time
from pathlib import Path
from gateway.flips.sqlite import SqliteStages
from shadow.custody.base import Deed
from shadow.custody.sqlite import SqliteCustody

custody, stages = (kind(Path(sys.argv[1], name)) for kind, name in (
    (SqliteCustody, "figway.db.custody"), (SqliteStages, "figway.db.control")))
while True:
    custody.record(Deed(time.time(), "jo", "", "view", "0123456789abcdef", "why"))
    stages.take_over(custody.name, custody.lines())
    print(len(custody.lines()), flush=True)
"""


def killed(program, folder, chance):
    """Run a program and kill it in one of its acts. Returns the last number that it printed."""
    process = subprocess.Popen([sys.executable, "-c", program, str(folder)], stdout=subprocess.PIPE, text=True)
    said = [process.stdout.readline() for _ in range(chance.randint(1, 12))]
    process.send_signal(signal.SIGKILL)
    return int([*said, *process.communicate(timeout=30)[0].split()][-1])


@pytest.mark.slow
def test_flips_that_are_killed_leave_the_record_and_the_stage_or_neither(tmp_path):
    chance = random.Random(7)
    for _ in range(6):
        last = killed(FLIPS, tmp_path, chance)
        found = examine(tmp_path / "figway.db.control")
        assert found.checked.faults == ()
        assert found.checked.length >= last, "what was answered for is there"
        stages = SqliteStages(tmp_path / "figway.db.control")
        said = [one.record for one in records(tmp_path / "figway.db.control")][-1]
        assert position(stages.read().stands["labs"]).reads is Stage(said.after["reads"])
        stages.close()


@pytest.mark.slow
def test_deeds_that_are_killed_are_in_the_journal_once_after_the_next(tmp_path):
    chance = random.Random(8)
    for _ in range(6):
        last = killed(DEEDS, tmp_path, chance)
        custody, stages = SqliteCustody(tmp_path / "figway.db.custody"), SqliteStages(tmp_path / "figway.db.control")
        lines = custody.lines()
        assert len(lines) >= last
        assert all(line.fits for line in lines)
        stages.take_over(custody.name, lines)
        links = [one.record.detail["link"] for one in records(tmp_path / "figway.db.control")]
        assert links == [line.link for line in lines]
        assert examine(tmp_path / "figway.db.control").checked.faults == ()
        stages.close()
        custody.close()
