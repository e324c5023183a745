"""The Dockerfile and the Makefile, read and held to their rules: there is no Docker where the tests run."""

import ast
import json
import os
import re
import shlex
import subprocess
from fnmatch import fnmatch
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def instructions():
    """(instruction, rest) of each, continued lines joined, comments left out."""
    text = re.sub(r"(?m)^\s*#.*\n", "", (ROOT / "Dockerfile").read_text()).replace("\\\n", " ")
    return [tuple(line.split(maxsplit=1)) for line in text.splitlines() if line.strip()]


def stages():
    found = []
    for name, rest in instructions():
        if name == "FROM":
            found.append([])
        if found:
            found[-1].append((name, rest))
    return found


def last(name):
    return [rest for one, rest in stages()[-1] if one == name]


def test_it_is_built_in_one_stage_and_run_in_another_that_installs_nothing():
    build, final = stages()
    assert build[0][1].endswith("-slim AS build")
    assert final[0][1].endswith("-slim")
    assert not any("pip" in rest or "apt" in rest for name, rest in final if name == "RUN")
    assert [rest for rest in last("COPY") if not rest.startswith("--from=build ")] == []


def test_it_runs_as_nobody_in_particular():
    assert last("USER") == ["65532:65532"]
    after = [name for name, _ in stages()[-1]][[name for name, _ in stages()[-1]].index("USER"):]
    assert "RUN" not in after
    assert "COPY" not in after


def test_it_writes_nothing_into_its_root():
    environment = " ".join(last("ENV"))
    assert "PYTHONDONTWRITEBYTECODE=1" in environment
    store = re.search(r"FIGWAY_STORE=(\S+)/", environment)[1]
    assert json.loads(last("VOLUME")[0]) == [store]


def test_it_stops_drains_and_tells_its_health_as_an_orchestrator_asks():
    assert last("STOPSIGNAL") == ["SIGTERM"]
    assert last("EXPOSE") == ["8080 9090"]
    assert json.loads(last("ENTRYPOINT")[0]) == ["figway"]
    command = json.loads(last("CMD")[0])
    assert command[0] == "serve"
    assert dict(pairwise(command))["--listen"] == "0.0.0.0:8080"
    assert dict(pairwise(command))["--admin"] == "0.0.0.0:9090"
    health = json.loads(last("HEALTHCHECK")[0].partition("CMD")[2])
    assert health[:2] == ["python", "-c"]
    ast.parse(health[2])
    assert "/readyz" in health[2]


def test_it_copies_what_is_there_and_the_build_context_holds_nothing_else():
    ignored, *kept = (ROOT / ".dockerignore").read_text().split()
    assert ignored == "*"
    allowed = [one.removeprefix("!") for one in kept if one.startswith("!")]
    copied = [name for one, rest in stages()[0] if one == "COPY" for name in shlex.split(rest)[:-1]]
    assert sorted(copied) == sorted(allowed)
    for name in copied:
        assert (ROOT / name).exists()
    assert not any(fnmatch(".git", one) or fnmatch(".env", one) for one in allowed)


def make(*arguments):
    free = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "FIGWAY_COMPILE"))}
    return subprocess.run(["make", "-C", ROOT, *arguments], capture_output=True, text=True, check=True, env=free).stdout


@pytest.mark.parametrize("target", [
    "demo", "run", "test", "test-fast", "test-compiled", "test-latest", "compiled", "lint", "coverage", "mutants",
    "golden", "bench", "update", "clean"])
def test_make_knows_its_targets_and_help_tells_of_each(target):
    assert re.search(rf"make {target}\s+\w", make("help"))
    assert make("--dry-run", target)


def test_make_test_runs_each_test_once():
    measured, apart = re.findall(r"-m pytest --numprocesses [0-9]+ --dist loadfile (.*)", make("--dry-run", "test"))
    assert measured == " ".join(f"--ignore={name}" for name in apart.split())
    assert all((ROOT / name).exists() for name in apart.split())


def test_ci_runs_what_make_test_runs():
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert "set -euo pipefail" in script.read_text()
    assert re.findall(r"(?m)^make .*$", script.read_text()) == ["make test"]
