"""The copy of the stages in force: a small file beside the control file, which is replaced by a rename.

A start that cannot read the control file takes the stages from here. It never takes them from routes.yaml alone, since
that would undo a rollback. Commands read it too: it needs no lock and no gateway.
"""

import os
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson

from gateway.flips.base import Latch, Override, Position, Stand, State
from gateway.stage import Stage


def beside(path: Path) -> Path:
    """The copy's file, beside the control file."""
    return path.with_name(f"{path.name}.stages")


def read(path: Path) -> State | None:
    """The state of a copy; None if there is none that can be read."""
    try:
        return unpacked(orjson.loads(path.read_bytes()))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def keep(path: Path, state: State, latest: Callable[[], State]) -> None:
    """Write the state, unless the copy is as late. Several processes may do so at once: each looks after its rename
    whether a later state has come, so the last of them leaves the latest. Raises OSError, and what `latest` raises."""
    while True:
        known = read(path)
        if known is not None and (known.name, known.revision) == (state.name, state.revision):
            return
        _replace(path, orjson.dumps(packed(state), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
        now = latest()
        if now.revision == state.revision:
            return
        state = now


def packed(state: State) -> dict[str, Any]:
    """A state as JSON-ready values."""
    return {
        "name": state.name, "revision": state.revision, "length": state.length, "head": state.head,
        "stands": {name: {
            "file": stand.file._asdict(), "changed": stand.changed,
            "override": asdict(stand.override) if stand.override is not None else None,
            "latch": asdict(stand.latch) if stand.latch is not None else None,
        } for name, stand in state.stands.items()},
    }


def unpacked(data: dict[str, Any]) -> State:
    """The state of such values. Raises KeyError, TypeError or ValueError if they are no state."""
    return State(str(data["name"]), int(data["revision"]), {
        name: Stand(_position(one["file"]), _override(one["override"]), _latch(one["latch"]), int(one["changed"]))
        for name, one in data["stands"].items()
    }, int(data["length"]), str(data["head"]))


def _position(data: dict[str, Any]) -> Position:
    return Position(Stage(data["reads"]), Stage(data["writes"]), int(data["share"]))


def _override(data: dict[str, Any] | None) -> Override | None:
    return None if data is None else Override(**_staged(data))


def _latch(data: dict[str, Any] | None) -> Latch | None:
    return None if data is None else Latch(**_staged(data))


def _staged(data: dict[str, Any]) -> dict[str, Any]:
    return data | {part: None if data[part] is None else Stage(data[part]) for part in ("reads", "writes")}


def _replace(path: Path, data: bytes) -> None:
    """Write a file at once: whoever opens it sees the former one or the whole new one, also after a loss of power."""
    descriptor, fresh = tempfile.mkstemp(prefix=f"{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, path)
    except BaseException:
        os.unlink(fresh)
        raise
