"""What an installed Figway has: the wheel, built from a copy of the sources, looked into and run by itself."""

import os
import shutil
import sys
import sysconfig
import tomllib
import zipfile
from pathlib import Path

import pytest

from tests.backends.processes import ended

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
PACKAGES = ("adapters", "gateway", "shadow")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The unpacked wheel. It is built in a copy, since a build writes beside what it builds."""
    sources, built = tmp_path_factory.mktemp("sources"), tmp_path_factory.mktemp("wheel")
    for name in PACKAGES:
        shutil.copytree(ROOT / name, sources / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, sources)
    done = ended([sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--no-build-isolation",
                  "--no-deps", "--no-index", "--wheel-dir", built, sources])
    assert done.returncode == 0, done.stdout + done.stderr
    [file] = built.glob("figway-*.whl")
    with zipfile.ZipFile(file) as archive:
        archive.extractall(built / "unpacked")
    return built / "unpacked"


def run(wheel, folder, *arguments):
    """Run the wheel's `figway` with what it depends on, and without this clone: -S leaves out what `make` installed."""
    path = os.pathsep.join(map(str, [wheel, sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]))
    return ended([sys.executable, "-S", "-m", "gateway.cli.main", *arguments], cwd=folder,
                 env={**os.environ, "PYTHONPATH": path})


def test_it_has_every_file_of_the_packages_but_the_demo(wheel):
    """Apart from what was compiled for the machine, where the suite runs on the compiled build."""
    def files(root):
        return {path.relative_to(root).as_posix() for name in PACKAGES for path in (root / name).rglob("*")
                if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".so"}

    assert files(wheel) == {name for name in files(ROOT) if not name.startswith("gateway/demo/")}


def test_it_tells_of_its_types_and_its_licence(wheel):
    for name in PACKAGES:
        assert (wheel / name / "py.typed").is_file()
    [licence] = wheel.glob("figway-*.dist-info/licenses/LICENSE")
    assert licence.read_bytes() == (ROOT / "LICENSE").read_bytes()
    written = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    [metadata] = wheel.glob("figway-*.dist-info/METADATA")
    assert f"License-Expression: {written['license']}\n" in metadata.read_text()


def test_its_demo_says_where_to_get_it(wheel, tmp_path):
    done = run(wheel, tmp_path, "demo")
    assert (done.returncode, done.stdout) == (2, "")
    [line] = done.stderr.splitlines()
    assert "clone Figway's repository" in line
    assert "make demo" in line


def test_everything_else_works_without_the_demo(wheel, tmp_path):
    (tmp_path / "routes.yaml").write_text(
        'version: 1\nupstreams: {legacy: {url: "http://127.0.0.1:9101"}}\ndefault: {upstream: legacy}\n')
    done = run(wheel, tmp_path, "validate")
    assert (done.returncode, done.stderr) == (0, "")
    assert "routes.yaml: valid" in done.stdout
