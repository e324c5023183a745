"""Case files: tests for pytest that keep running, wherever the code behind them moves."""

import ast
import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import pytest

from shadow import guide, moved, observation
from shadow.cases import running
from shadow.cases.case import write
from shadow.cases.minimise import Minimal, findings
from shadow.compare.difference import Severity
from shadow.compare.pair import Pair
from shadow.compare.patterns import Order
from shadow.compare.rules import Class, Known, Rule, Rules
from shadow.normalisers.volatile import Volatile
from tests.backends.processes import LONG
from tests.shadow.exchanges import pair

OLD = Path(__file__).parent / "fixtures" / "case_of_0_1.py"
"""What `shadow.cases.case.write` wrote in version 0.1 (commit a6dcec7), with every name that such a file may import."""

LINES = {
    "shadow.compare": ["compare"], "shadow.diff": ["Severity"], "shadow.guide": ["Order"],
    "shadow.observation": ["Pair"], "shadow.rules": ["Class", "Known", "Rule", "Rules"],
}


def pytest_of(text, folder):
    """The test of a case file, run by pytest in a process of its own, with every warning shown."""
    (folder / "test_case.py").write_text(text)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull, "-W", "always",
         "test_case.py"], capture_output=True, text=True, cwd=folder, timeout=LONG)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def ruled():
    found = pair({"rows": [{"k": "1", "v": "g", "at": "2024-01-01T00:00:00Z"}], "note": "a"},
                 {"rows": [{"k": "1", "v": "h", "at": "2025-01-01T00:00:00Z"}], "note": "b"})
    found.rules = Rules((
        Rule("volatile", "/rows/*/at", Volatile(Volatile.Options("instant"))),
        Rule("order", "/rows", order=Order("keyed", (("k",),))),
        Rule("minor", "/rows/*/v", severity=Severity.MINOR), Rule("who", "/rows/*/k", crosswalk="Patient"),
    ), (Known("K-1", "/note", "why", "who", 9e9),), (Class("Patient"),))
    return Minimal(found, findings(found), 1, whole=False, exhausted=False)


@pytest.mark.slow
def test_a_case_imports_from_one_public_module_and_runs(tmp_path):
    text = write(ruled())
    modules = {node.module for node in ast.parse(text).body if isinstance(node, ast.ImportFrom)}
    assert modules == {"shadow.cases.running"}
    told = pytest_of(text, tmp_path)
    assert "1 passed" in told
    assert "Warning" not in told


@pytest.mark.slow
def test_a_case_of_the_version_before_runs_and_is_told_every_new_line(tmp_path):
    told = pytest_of(OLD.read_text(), tmp_path)
    assert "1 passed" in told
    for module, names in LINES.items():
        for name in names:
            line = f"DeprecationWarning: {module}.{name} has moved: write `from shadow.cases.running import {name}`"
            assert line in told


def test_an_old_path_gives_the_very_object_and_points_at_the_line_that_asks():
    with pytest.warns(DeprecationWarning, match="from shadow.cases.running import Pair") as told:
        assert observation.Pair is Pair is running.Pair
    assert told[0].filename == __file__


@pytest.mark.parametrize("module", [guide, observation])
def test_an_old_path_knows_no_other_name(module):
    with pytest.raises(AttributeError, match=f"module '{module.__name__}' has no attribute 'Elsewhere'"):
        _ = module.Elsewhere


def test_what_is_public_for_cases_is_there():
    assert all(hasattr(running, name) for name in running.__all__)
    assert running.__name__ == moved.HOME


# Each with a field of its own, whatever fields rules come to have.
EVERY_RULE = (
    Rule("", "/a", normaliser=Volatile(Volatile.Options("instant"))), Rule("", "/b", order=Order("multiset")),
    Rule("", "/c", ignore=True),
    Rule("", "/d", severity=Severity.MINOR), Rule("", "/e", reveal=True), Rule("", "/f", ignore=True, kind="type"),
    Rule("", "/g", crosswalk="Patient"), Rule("", "/h", keys="data"), Rule("", "/i", defaults=False),
)
# People wrote these: they may name somebody.
LEFT_OUT = {"id", "reason"}


def test_no_field_of_a_rule_is_lost_in_a_case_file():
    plain = Rule("", "")
    fields = {one.name for one in dataclasses.fields(Rule)} - LEFT_OUT
    assert {name for name in fields for rule in EVERY_RULE if getattr(rule, name) != getattr(plain, name)} == fields
    one = pair({"a": 1}, {"a": 2})
    one.rules = Rules(EVERY_RULE)
    space = {}
    exec(write(Minimal(one, findings(one), 1, whole=False, exhausted=False)), space)
    read = space["RULES"].rules
    assert [dataclasses.replace(rule, id="") for rule in read] == list(EVERY_RULE)
