"""What a test needs from elsewhere: found, or said to be missing, and never missing in CI."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.backends.packages import debian, needs, node_modules
from tests.backends.processes import LONG

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]

SKIPS = """
import pytest
from tests.backends.packages import node_modules

def test_that_runs():
    assert True

def test_that_needs_what_nobody_has():
    node_modules("figway-nobody-has-this")
"""


def run(folder: Path, **environment: str) -> subprocess.CompletedProcess:
    """A run of pytest with the suite's own conftest over one test that runs and one that cannot."""
    (folder / "test_it.py").write_text(SKIPS)
    ours = {name: value for name, value in os.environ.items() if name != "CI" and not name.startswith("PYTEST_")}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-c", ROOT / "pyproject.toml", "-p", "tests.conftest", folder / "test_it.py"],
        cwd=ROOT, capture_output=True, text=True, timeout=LONG, env={**ours, **environment})


def test_a_run_says_what_did_not_run_and_why(tmp_path):
    done = run(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 of the tests: needs figway-nobody-has-this, of the npm package" in done.stdout


def test_in_ci_a_run_fails_that_did_not_run_everything(tmp_path):
    done = run(tmp_path, CI="true")
    assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stdout + done.stderr
    assert "did not run, which fails a run in CI" in done.stdout


@pytest.mark.parametrize("program", debian())
def test_a_program_of_the_list_is_found(program):
    assert os.access(needs(program), os.R_OK if program.startswith("/") else os.X_OK)


def test_a_module_of_node_is_found_by_a_script():
    script = "process.stdout.write(typeof require('express'))"
    done = subprocess.run(
        [needs("node"), "-e", script], env=node_modules("express"), capture_output=True, text=True, check=True)
    assert done.stdout == "function"
