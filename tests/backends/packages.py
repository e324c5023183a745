"""Programs that tests run but pip does not install: from Debian, and modules for Node.js.

A test or a fixture that needs one asks for it, and is skipped where it is missing; the end of the run says what did not
run and why. Where the environment variable CI is set, any skipped test fails the run.

    nginx = needs("nginx")                                         # the path of the program
    subprocess.Popen([needs("node"), script], env=node_modules("express"))

To need another program, or a plugin by its whole path, add its Debian package to tests/backends/debian.txt: .ci/run
installs it. To need another module of Node.js, add it to tests/backends/node/package.json and run `make update`: `make
test` installs what the lock file beside it says into .venv/node. What comes from PyPI belongs into the group `dev` of
pyproject.toml.
"""

import os
import shutil
import sys
from pathlib import Path

import pytest

_HERE = Path(__file__).parent
_MODULES = Path(sys.prefix) / "node" / "node_modules"


def debian(file: Path = _HERE / "debian.txt") -> dict[str, str]:
    """Program, or path of a plugin → the Debian package that contains it, as listed in `file`."""
    lines = (line.split() for line in file.read_text().splitlines() if not line.startswith("#"))
    return {program: package for package, program in lines}


def needs(program: str) -> str:
    """The path of a program or plugin that debian.txt lists. The calling test is skipped if it is not installed."""
    package = debian()[program]
    if program.startswith("/"):  # a plugin is no program: it need not be executable
        found = program if Path(program).is_file() else None
    else:
        found = shutil.which(program, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")
    if found is None:
        pytest.skip(f"needs {program}, of the Debian package {package}")
    return found


def node_modules(*names: str) -> dict[str, str]:
    """The environment in which a script of Node.js can `require` these modules of node/package.json."""
    for name in names:
        if not (_MODULES / name / "package.json").exists():
            pytest.skip(f"needs {name}, of the npm package {name}: `make test` installs it where npm is there")
    return {**os.environ, "NODE_PATH": str(_MODULES)}

