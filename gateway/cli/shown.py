"""How a record of the journal is shown to people."""

from collections.abc import Iterator, Mapping
from typing import Any

from gateway.cli.chosen import folded
from gateway.flips.record import Record


def lines(one: Record, width: int) -> Iterator[str]:
    """A record, within the width."""
    how = ", ".join(part for part in (one.role, one.source) if part)
    yield from folded(f"{one.number}  {one.time}  {one.action}{' ' if one.capability else ''}{one.capability}  "
                      f"by {one.actor}{f' ({how})' if how else ''}", width)
    for part in (one.plan or _moved(one), one.detail.get("why"), one.detail.get("subject"), one.reason):
        if isinstance(part, str) and part and part != one.capability:
            yield from folded(part, width, "    ")


def _moved(one: Record) -> str:
    """From where to where; "" if nothing moved."""
    before, after = one.before, one.after
    parts = [f"{part} {_at(before, part)} → {_at(after, part)}" for part in ("reads", "writes")
             if _at(before, part) != _at(after, part)]
    return ", ".join(parts)


def _at(said: Mapping[str, Any], part: str) -> str:
    stage = said.get(part)
    if stage is None:
        return "none"
    share = said.get("share")
    return f"{stage} {share / 100:g}%" if stage == "canary" and isinstance(share, int) and share else str(stage)
