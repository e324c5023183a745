"""Loads routes.yaml and the files that it includes into one tree, whose values keep their file, line and column."""

import glob
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from gateway.config.nodes import Node, parse
from gateway.config.problem import Findings, Place
from gateway.config.substitute import Substitution
from gateway.config.unmatched import of_glob
from gateway.files import read_plain

MAPS = ("upstreams", "policies", "capabilities")
_FIRST_ONLY = ("server", "store", "shadow", "control", "default")
MAX_FILE = 16 << 20
"""Bytes of one file; all together may have four times as many. That is far more than anybody writes by hand, and still
read within seconds."""
_MAX_FILES = 10_000


@dataclass(frozen=True, slots=True)
class Document:
    """The merged tree, None if the first file cannot be read at all. `files` are all that were read, and the
    directories of globs: a change of any may change the configuration. `secrets` are the files that a "${file:…}"
    names, each with the place of that reference."""

    root: Node | None
    files: tuple[Path, ...]
    secrets: tuple[tuple[Path, Place], ...]


def load(path: Path, environ: Mapping[str, str], findings: Findings) -> Document:
    """Read `path` and what it includes. A fault in a file is added to `findings`, and never raised."""
    loading = _Loading(environ, findings)
    root = loading.file(path, Place(path), ())
    files = tuple(dict.fromkeys([*loading.files, *loading.substitution.files]))
    return Document(loading.merged(root) if root is not None else None, files,
                    tuple(loading.substitution.places))


class _Loading:
    def __init__(self, environ: Mapping[str, str], findings: Findings) -> None:
        self._findings = findings
        self._included: list[Node] = []
        self._seen: set[Path] = set()
        self._left = 4 * MAX_FILE
        self.substitution = Substitution(environ, findings)
        self.files: list[Path] = []

    def _problem(self, place: Place, message: str, code: str) -> None:
        self._findings.problem(place, message, code)

    def file(self, path: Path, asked: Place, within: tuple[Path, ...]) -> Node | None:
        """One file's root map, with its includes read into `_included`. `asked` is the place that names the file."""
        self.files.append(path)
        try:
            real = path.resolve(strict=True)
            data = read_plain(path, MAX_FILE)
        except (OSError, RuntimeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "a loop of links"
            self._problem(asked, f"{path} cannot be read: {reason}", "unreadable")
            return None
        self._seen.add(real)
        self._left -= len(data)
        if self._left < 0:
            self._problem(asked, f"all files together are larger than {4 * MAX_FILE >> 20}MiB", "unreadable")
            return None
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line_start = data.rfind(b"\n", 0, error.start) + 1
            place = Place(path, data.count(b"\n", 0, error.start) + 1, error.start - line_start + 1)
            self._problem(place, "not UTF-8 text", "bad_yaml")
            return None
        root = parse(text, path, self.substitution, self._findings)
        if root is None:
            return None
        if not isinstance(root.value, dict):
            self._problem(root.place, "wants a map at the top", "wrong_type")
            return None
        self._include(root, path, (*within, real))
        return root

    def _include(self, root: Node, path: Path, within: tuple[Path, ...]) -> None:
        include = root.child("include")
        if include is None or not isinstance(include.value, list):
            return  # not a list: the schema reports that
        for item in include.value:
            if not isinstance(item.value, str) or item.broken:
                continue
            for found in self._named(path.parent, item):
                real = found.resolve()
                if real in within:
                    chain = " → ".join(one.name for one in (*within[within.index(real):], real))
                    self._problem(item.place, f"files include each other: {chain}", "include_cycle")
                elif real not in self._seen:
                    node = self.file(found, item.place, within)
                    if node is not None:
                        self._included.append(node)

    def _named(self, folder: Path, item: Node) -> list[Path]:
        pattern = str(item.value)
        if not glob.has_magic(pattern):
            return [folder / pattern]
        every = glob.iglob(str(Path(glob.escape(str(folder))) / pattern))
        found = [Path(name) for name in sorted(islice(every, _MAX_FILES + 1))]
        if len(found) > _MAX_FILES:
            self._problem(item.place, f"this names more than {_MAX_FILES:,} files", "unreadable")
            return []
        # A new file or folder changes the folder that it is in, so watch each folder that the pattern passes through.
        parts = Path(pattern).parts
        fixed = next(number for number, part in enumerate(parts) if glob.has_magic(part))
        self.files.append(folder.joinpath(*parts[:fixed]))
        for depth in range(fixed + 1, len(parts)):
            passed = glob.iglob(str(Path(glob.escape(str(folder)), *parts[:depth])))
            self.files += [path for name in islice(passed, _MAX_FILES) if (path := Path(name)).is_dir()]
        files = [one for one in found if one.is_file()]
        if not files:
            within = folder.joinpath(*parts[:fixed])
            names = [one.name for one in islice(within.iterdir(), _MAX_FILES)] if within.is_dir() else None
            shown = "/".join(parts[:fixed]) or "this folder"
            self._findings.warn(item.place, of_glob(pattern, shown, names), "unmatched")
        return files

    def merged(self, first: Node) -> Node:
        """The first file's tree with the other files' upstreams, policies and capabilities in it."""
        assert isinstance(first.value, dict)
        values, keys = dict(first.value), dict(first.keys)
        for node in self._included:
            assert isinstance(node.value, dict)
            for name, value in node.value.items():
                place = node.keys[name]
                if name in _FIRST_ONLY:
                    self._problem(place, f'"{name}" belongs into the first file, not into an included one', "not_here")
                elif name in MAPS and name in values:
                    values[name] = self._joined(name, values[name], value)
                elif name == "version":
                    if value.value != 1:
                        self._problem(value.place, "the version is 1, as in the first file", "bad_value")
                elif name != "include" or not isinstance(value.value, list):
                    values.setdefault(name, value)
                    keys.setdefault(name, place)
        return Node(first.place, values, keys)

    def _joined(self, name: str, left: Node, right: Node) -> Node:
        if not isinstance(left.value, dict) or not isinstance(right.value, dict):
            wrong = right if isinstance(left.value, dict) else left
            if wrong is right:
                self._problem(wrong.place, "wants a map", "wrong_type")
            return left
        values, keys = dict(left.value), dict(left.keys)
        for key, value in right.value.items():
            if key in values:
                self._problem(right.keys[key], f'"{key}" of {name} is already at {keys[key]}', "duplicate_key")
            else:
                values[key], keys[key] = value, right.keys[key]
        return Node(left.place, values, keys)
