"""How differences are shown by commands: kinds, places and shapes, no value."""

from typing import Any

from shadow.diff import Difference


def line(one: Difference) -> str:
    """A difference for people."""
    return f"{one.severity:<9} {one.kind:<9} {one.path or '(whole)'}: {one.legacy} → {one.modern}"


def fact(one: Difference) -> dict[str, Any]:
    """A difference as JSON-ready values."""
    return {"kind": one.kind, "path": one.path, "legacy": str(one.legacy), "modern": str(one.modern),
            "severity": one.severity}
