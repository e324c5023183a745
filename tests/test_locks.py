"""What is installed: the lock files name every release by its hash, agree with pyproject.toml, and name no host.

Nothing is asked of an index here. Where a test fails that pyproject.toml was changed for, run `make update`.
"""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
LOCKS = {path.stem: path.read_text() for path in (ROOT / ".locks").glob("*")}
WRITTEN = tomllib.loads((ROOT / "pyproject.toml").read_text())
RUN = WRITTEN["project"]["dependencies"]
ASKED = (
    {name: asked for name, asked in WRITTEN["dependency-groups"].items() if name != "dev"}
    | {"run": RUN, "dev": RUN + WRITTEN["dependency-groups"]["dev"]}
    | {f"extra-{name}": RUN + asked for name, asked in WRITTEN["project"].get("optional-dependencies", {}).items()}
)


def entries(text: str) -> dict[str, tuple[str, str]]:
    """The name of each package of a lock file → its version, and what else the entry says."""
    return {found[1]: (found[2], found[3]) for found in re.finditer(r"(?ms)^([\w.-]+)==(\S+)(.*?)(?=^\S|\Z)", text)}


def test_everything_that_is_installed_has_a_lock_file():
    assert LOCKS.keys() == ASKED.keys(), "run `make update`"


@pytest.mark.parametrize("name", ASKED)
def test_a_lock_file_holds_what_pyproject_asks_for_and_nothing_that_nobody_asks_for(name):
    locked = entries(LOCKS[name])
    asked = [Requirement(one) for one in ASKED[name]]
    for one in asked:
        version, _ = locked[canonicalize_name(one.name)]
        assert one.specifier.contains(version, prereleases=True), f"{one}, but {version} is locked: run `make update`"
    direct = {package for package, (_, rest) in locked.items() if "figway (pyproject.toml" in rest}
    assert direct == {canonicalize_name(one.name) for one in asked}, "run `make update`"
    for package, (_, rest) in locked.items():
        reasons = set(re.findall(r"^ +#(?: via)? +([\w.-]+)", rest, re.MULTILINE)) - {"via"}
        assert reasons, package
        assert reasons <= locked.keys() | {"figway"}, package


@pytest.mark.parametrize("name", ASKED)
def test_every_entry_of_a_lock_file_has_a_hash_and_no_place(name):
    for package, (_, rest) in entries(LOCKS[name]).items():
        assert re.search(r"--hash=sha256:[0-9a-f]{64}\b", rest), package
    lines = [line for line in LOCKS[name].splitlines() if not line.lstrip().startswith(("#", "--hash=sha256:"))]
    assert [line for line in lines if not re.fullmatch(r"[\w.-]+==\S+( ; [^\\@/]+)? \\", line)] == []
    assert not re.search(r"://|--index|--find|@ ", LOCKS[name])


def test_a_package_has_one_version():
    versions = {(package, version) for text in LOCKS.values() for package, (version, _) in entries(text).items()}
    assert len(versions) == len({package for package, _ in versions})


def test_the_modules_of_node_are_locked_by_hash_and_name_no_host():
    folder = ROOT / "tests" / "backends" / "node"
    asked = json.loads((folder / "package.json").read_text())["dependencies"]
    locked = json.loads((folder / "package-lock.json").read_text())["packages"]
    assert locked[""]["dependencies"] == asked, "run `make update`"
    for name, one in locked.items():
        assert not name or one["integrity"].startswith("sha512-")
        assert "resolved" not in one


@pytest.mark.parametrize("file", ["Makefile", "Dockerfile", ".ci/run"])
def test_nothing_is_installed_but_what_is_locked(file):
    """Each call of pip takes a lock file, or nothing from an index; `make test-latest` is the one that may."""
    text = (ROOT / file).read_text().replace("\\\n", " ")
    text = re.sub(r"(?s)ifdef LATEST\n.*?else\n", "", text)
    for call in re.findall(r"pip(?: --python \S+)? (?:install|wheel) [^\n&|]*|\$\(call pip,[^\n]*", text):
        locked = re.search(r"--require-hashes --only-binary :all: (?:-r|--requirement) \.locks/", call)
        assert locked or "--no-deps" in call or call.startswith("pip --disable"), call
        assert locked or "--no-build-isolation" in call or "--no-index" in call or "$(1)" in call, call


def test_an_update_says_what_changed():
    script = (
        "import runpy; changes = runpy.run_path('.ci/lock.py')['changes']; "
        "print(changes({'a==1', 'b==1', 'c==1'}, {'a==1', 'b==2', 'd==1'}))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['b 1 → 2', 'c 1, gone', 'd 1, new']"
