"""Renews the lock files and says what changed: `make update` runs it, with uv and, where there is npm, npm.

Each set of packages that is installed has a file in .locks, with the hash of every release, for every platform and for
every Python that pyproject.toml admits:

    run.txt         what Figway runs on
    dev.txt         the same, and what the tests need
    NAME.txt        a dependency group of pyproject.toml, such as bench, and what it needs
    extra-NAME.txt  what Figway runs on with an extra

A package has one version in all of them. The files name no host: what is installed is known by its hash, wherever it
comes from.
"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
LOCKS = ROOT / ".locks"
NODE = ROOT / "tests" / "backends" / "node"

HEAD = "# Made by `make update`, which says what changed. Not to be edited.\n"


def sets() -> dict[str, list[str]]:
    """The name of each lock file → what uv is asked to resolve for it."""
    written = tomllib.loads((ROOT / "pyproject.toml").read_text())
    found = {"run": ["pyproject.toml"], "dev": ["pyproject.toml", "--group", "dev"]}
    for group in written["dependency-groups"]:
        found.setdefault(group, ["--group", group])
    for extra in written["project"].get("optional-dependencies", {}):
        found[f"extra-{extra}"] = ["pyproject.toml", "--extra", extra]
    return found


def everything() -> list[str]:
    """What uv is asked to resolve so that a package has one version in all lock files."""
    written = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = [word for group in written["dependency-groups"] for word in ("--group", group)]
    return ["pyproject.toml", "--all-extras", *groups]


def resolve(uv: str, asked: list[str], *options: str, like: str = "") -> str:
    """The text of a lock file, with the versions that the lock file `like` has."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "lock.txt")
        file.write_text(like)
        subprocess.run(
            [uv, "pip", "compile", *asked, "--quiet", "--universal", "--generate-hashes", "--no-header",
             "--output-file", file, *options], cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
        return HEAD + file.read_text()


def pins(text: str) -> set[str]:
    """name==version of every package of a lock file."""
    return set(re.findall(r"(?m)^[\w.-]+==[^\s;]+", text))


def renew(uv: str) -> dict[str, str]:
    """The text of every lock file, on the newest releases that pyproject.toml admits."""
    newest = resolve(uv, everything(), "--upgrade")
    return {name: resolve(uv, asked, like=newest) for name, asked in sets().items()}


def modules(text: str) -> set[str]:
    """name==version of every module of package-lock.json."""
    return {f"{name.removeprefix('node_modules/')}=={one['version']}"
            for name, one in json.loads(text)["packages"].items() if name}


def renew_modules() -> str:
    """The text of package-lock.json, on the newest modules that package.json admits."""
    subprocess.run(
        ["npm", "--prefix", NODE, "update", "--package-lock-only", "--omit-lockfile-registry-resolved",
         "--ignore-scripts", "--no-audit", "--no-fund"], stdout=subprocess.DEVNULL, check=True)
    return (NODE / "package-lock.json").read_text()


def changes(before: set[str], after: set[str]) -> list[str]:
    """What a person wants to know: "name 1 → 2", "name 1, new", "name 1, gone"; nothing where nothing changed."""
    old, new = (dict(pin.split("==") for pin in one) for one in (before, after))
    told = []
    for name in sorted(old.keys() | new.keys()):
        match old.get(name), new.get(name):
            case None, version:
                told.append(f"{name} {version}, new")
            case version, None:
                told.append(f"{name} {version}, gone")
            case was, version if was != version:
                told.append(f"{name} {was} → {version}")
    return told


def main(uv: str) -> None:
    LOCKS.mkdir(exist_ok=True)
    before = {path.stem: path.read_text() for path in LOCKS.glob("*.txt")}
    after = renew(uv)
    for name in before.keys() - after.keys():
        (LOCKS / f"{name}.txt").unlink()
    for name, text in after.items():
        (LOCKS / f"{name}.txt").write_text(text)
    told = changes(set().union(*map(pins, before.values())), set().union(*map(pins, after.values())))
    if shutil.which("npm"):
        was = (NODE / "package-lock.json").read_text()
        told += changes(modules(was), modules(renew_modules()))
    else:
        print("npm is not installed: tests/backends/node/package-lock.json stays as it is", file=sys.stderr)
    print("\n".join(told) or "Nothing changed.")


if __name__ == "__main__":
    main(sys.argv[1])
