"""Stages as commands and the admin port show them: JSON-ready values, and lines for people."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from gateway.flips.base import Position, Stand, State
from gateway.flips.precedence import drifts, position
from gateway.flips.steps import stamp, words
from gateway.stage import Stage


def shown(state: State) -> dict[str, Any]:
    """A state."""
    return {"revision": state.revision, "head": state.head,
            "capabilities": {name: shown_stand(stand) for name, stand in state.stands.items()}}


def shown_stand(stand: Stand) -> dict[str, Any]:
    """Where one capability stands: `by` what ("latch", "override" or "file"), and whether it drifts from the file."""
    by = "latch" if stand.latch is not None else "override" if stand.override is not None else "file"
    return {
        "in_force": position(stand)._asdict(), "file": stand.file._asdict(), "by": by, "drift": drifts(stand),
        "changed": stand.changed, "override": asdict(stand.override) if stand.override is not None else None,
        "latch": asdict(stand.latch) if stand.latch is not None else None,
    }


def lines(found: Mapping[str, Any]) -> Iterator[str]:
    """For people: each capability that an override or a latch moves, and what is stale. `found` is as `shown` makes
    it, and may have crossed a process as JSON."""
    if found.get("stale"):
        yield f"stale: {found['stale']}"
    for name, one in found["capabilities"].items():
        latch, override = one["latch"], one["override"]
        for by, who in ((latch, latch and latch["guard"]), (override, override and override["author"])):
            if by:
                until = f", until {stamp(by['expires'])}" if by.get("expires") else ""
                kind = "latch" if by is latch else "override"
                yield (f"{name}: {_words(one['in_force'])} by {kind} of {who} at revision {by['revision']}{until}"
                       f"{': ' if by['reason'] else ''}{by['reason']}")
                break
        if one["drift"]:
            yield f"  drift: the file says {_words(one['file'])}"


def _words(said: Mapping[str, Any]) -> str:
    return words(Position(Stage(said["reads"]), Stage(said["writes"]), int(said["share"])))
