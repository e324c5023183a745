"""Drift: where the stages in force differ from routes.yaml, and what the files are if they say what is in force."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from gateway.config.load import load
from gateway.config.nodes import Node
from gateway.config.patching import Unpatchable, Wanted, patched
from gateway.config.problem import Findings, Place
from gateway.flips.base import Position, Stand
from gateway.flips.precedence import ORDER, position
from gateway.stage import Stage

_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Drift:
    """One capability that is elsewhere than the file says: `file`, None if the file does not have it. `place` is where
    it says its stage."""

    capability: str
    file: Position | None
    stand: Stand
    place: Place

    @property
    def now(self) -> Position:
        """Where it is."""
        return position(self.stand)


@dataclass(frozen=True, slots=True)
class Patch:
    """A file that differs from what is in force: its bytes now, and as they would be."""

    file: Path
    before: bytes
    after: bytes


def drifts(path: Path, files: Mapping[str, Position], stands: Mapping[str, Stand]) -> list[Drift]:
    """Where the `stands` in force differ from `files`, the positions that the configuration at `path` sets."""
    root = _root(path)
    return [Drift(name, files.get(name), stand, _place(root, path, name)) for name, stand in stands.items()
            if (name in files or stand.override or stand.latch) and files.get(name) != position(stand)]


def patches(path: Path, found: Iterable[Drift]) -> tuple[list[Patch], list[tuple[Drift, str]]]:
    """What each file would be, and the drifts that cannot be written, each with the reason."""
    root = _root(path)
    texts: dict[Path, tuple[bytes, str]] = {}
    unwritten: list[tuple[Drift, str]] = []
    for drift in found:
        file = drift.place.file
        if drift.file is None:
            unwritten.append((drift, "the file does not have it"))
            continue
        before, text = texts.get(file) or _read(file)
        try:
            texts[file] = before, patched(text, _wanted(drift, drift.file, root.find("capabilities", drift.capability)))
        except Unpatchable as error:
            unwritten.append((drift, str(error)))
    written = [Patch(file, before, _mark(before) + text.encode()) for file, (before, text) in texts.items()]
    return [one for one in written if one.before != one.after], unwritten


def _wanted(drift: Drift, file: Position, node: Node) -> list[Wanted]:
    """The values that have to be written for one capability."""
    now, above = drift.now, ("capabilities", drift.capability)
    wanted = []
    if now.reads != file.reads:
        wanted.append(Wanted((*above, "stage"), str(now.reads)))
    # From modern on, a file must say the stage of writes, and so it may have to say even the default.
    if now.writes != file.writes or (ORDER.index(now.reads) >= ORDER.index(Stage.MODERN)
                                     and node.child("writes") is None):
        wanted.append(Wanted((*above, "writes"), str(now.writes)))
    if now.share != file.share:
        wanted.append(Wanted((*above, "split", "percent"), f"{now.share / 100:g}%"))
    return wanted


def _root(path: Path) -> Node:
    root = load(path, os.environ, Findings()).root
    return root if root is not None else Node(Place(path), {})


def _place(root: Node, path: Path, capability: str) -> Place:
    """Where a capability says its stage; the beginning of the file if it is not there."""
    node = root.find("capabilities")
    if node.child(capability) is None:
        return Place(path)
    # An alias is read at its anchor, which may stand elsewhere in the same file.
    return root.key("capabilities", capability, "stage")


def _read(file: Path) -> tuple[bytes, str]:
    data = file.read_bytes()
    return data, data.decode("utf-8-sig")


def _mark(data: bytes) -> bytes:
    return _MARK if data.startswith(_MARK) else b""
