"""figway shadow minimise: two files, one test without anybody in it."""

import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

from gateway.cli.main import main
from tests.backends.processes import LONG

LEGACY = {"entry": [{"id": "MRN-48151623", "name": "Zebulon", "birthDate": "1931-07-23"}, {"id": "2", "name": "B"}]}
MODERN = {"entry": [LEGACY["entry"][1], {**LEGACY["entry"][0], "name": "Quarrington", "birthDate": "1931-07-24"}]}
CANARIES = ("Zebulon", "Quarrington", "48151623", "1931")


@pytest.fixture
def run(tmp_path):
    def call(legacy, modern, *options):
        for name, body in (("legacy", legacy), ("modern", modern)):
            (tmp_path / f"{name}.json").write_bytes(body if isinstance(body, bytes) else json.dumps(body).encode())
        done = CliRunner().invoke(main, [
            "shadow", "minimise", "--legacy", str(tmp_path / "legacy.json"), "--modern", str(tmp_path / "modern.json"),
            *map(str, options)])
        assert done.exception is None or isinstance(done.exception, SystemExit)
        assert not [one for one in CANARIES if one in done.output]
        return done

    return call


def pytest_of(file):
    return subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", "/dev/null", file],
                          capture_output=True, text=True, cwd=file.parent, timeout=LONG)


@pytest.mark.slow
def test_the_file_is_a_test_that_passes_and_fails_where_the_answers_agree(run, tmp_path):
    file = tmp_path / "test_case.py"
    done = run(LEGACY, MODERN, "-o", file)
    assert (done.exit_code, done.stdout) == (0, "")
    assert done.stderr.endswith("comparisons; the test has been run and holds\n")
    text = file.read_text()
    assert not [one for one in CANARIES if one in text]
    passed = pytest_of(file)
    assert "1 passed" in passed.stdout
    file.write_text(text.replace("LEGACY, MODERN", "LEGACY, LEGACY"))
    assert "1 failed" in pytest_of(file).stdout


def test_one_place_may_be_chosen(run):
    done = run(LEGACY, MODERN, "--at", "/entry/*/name")
    assert (done.exit_code, "birthDate" in done.stdout, "'/entry/*/name', 'string word'" in done.stdout) == (
        0, False, True)


def test_rules_that_say_what_differs_are_written_along(run, tmp_path):
    (tmp_path / "rules.yaml").write_text("rules: [{at: /entry/*/name, severity: critical}, {at: /x, volatile: int}]")
    done = run(LEGACY, MODERN, "--rules", tmp_path / "rules.yaml", "--at", "/entry/*/name")
    assert "Rule('rule 1', '/entry/*/name', severity=Severity.CRITICAL)" in done.stdout
    assert "volatile" not in done.stdout


@pytest.mark.parametrize(("legacy", "modern", "options", "says"), [
    (LEGACY, LEGACY, (), "no mismatch"), (LEGACY, MODERN, ("--at", "/entry"), "nothing differs at that path"),
    (LEGACY, MODERN, ("--rules", "/nowhere/rules.yaml"), "cannot be read"),
    (LEGACY, MODERN, ("--modern", "/nowhere/modern.json"), "cannot be read"),
    (LEGACY, MODERN, ("-o", "/nowhere/test_case.py"), "cannot be written"),
])
def test_what_cannot_be_done_is_said(run, legacy, modern, options, says):
    done = run(legacy, modern, *options)
    assert (done.exit_code, done.stdout) == (2, "")
    assert says in done.stderr


def test_two_files_are_needed():
    assert CliRunner().invoke(main, ["shadow", "minimise", "--legacy", "a.json"]).exit_code == 2
