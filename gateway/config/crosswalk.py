"""Compiles `crosswalk` as written to classes of identifiers. Reads and checks each seed file once in a build."""

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from adapters import crosswalk
from gateway.config import spec
from gateway.config.nodes import Node
from gateway.config.problem import Findings, Place
from gateway.files import read_plain
from shadow.compare.identifiers import REFERENCE, RESOURCE, URN
from shadow.compare.rules import Class, Rule

# Bytes: enough for a million pairs, the most that a seed may have, if their identifiers have a usual length.
_MOST = 256 << 20


class Seeds:
    """Compiles classes; adds to `findings`. `files` are the seed files that were read, with their digests
    ("" for one that cannot be used): a change of any changes the rules."""

    def __init__(self, findings: Findings) -> None:
        self.files: dict[Path, str] = {}
        self._findings = findings
        self._named: dict[Path, Counter[str]] = {}

    def classes(self, written: Mapping[str, spec.Crosswalk], node: Node, rules: Iterable[Rule]) -> tuple[Class, ...]:
        """The classes of the map at `node`; `rules` are all rules that may name a class."""
        said = {one.crosswalk for one in rules if one.crosswalk}
        found = []
        for name, one in written.items():
            place = node.key(name)
            if name in (REFERENCE, RESOURCE, URN):
                self._findings.problem(place, "this name is reserved: give the class another",
                                              "bad_crosswalk")
            elif not said & {name, REFERENCE, RESOURCE}:
                self._findings.warn(place, "no rule says `crosswalk` for this class", "unused")
            found.append(self._class(name, one, node.find(name)))
        if said & {REFERENCE, RESOURCE} and not written:
            self._findings.warn(
                node.place, "no class is declared in `shadow.crosswalk`: references and resources name none", "unused")
        return tuple(sorted(found, key=lambda one: one.name))

    def _class(self, name: str, written: spec.Crosswalk, node: Node) -> Class:
        if written.seed is None:
            return Class(name, written.learn)
        place = node.find("seed").place
        path = place.file.parent / written.seed
        if path not in self.files:
            self._read(path, place)
        if self.files[path] and name not in self._named[path]:
            self._findings.problem(place, "the seed has no pair of this class", "bad_crosswalk")
        return Class(name, written.learn, str(path), self.files[path], self._named[path][name])

    def _read(self, path: Path, place: Place) -> None:
        self.files[path], self._named[path] = "", Counter()
        try:
            found = crosswalk.seed(read_plain(path, _MOST))
        except OSError as error:
            self._findings.problem(place, f"the seed cannot be read: {error.strerror}", "no_file")
            return
        self.files[path], self._named[path] = found.digest, Counter(one.name for one in found.entries)
        for fault in found.faults:
            self._findings.problem(Place(path, fault.line, 1), fault.says, "bad_seed")
        if found.faults:
            self.files[path] = ""
