"""Chooses records of the journal for the commands of `figway audit`, and folds what they print."""

import shutil
import textwrap
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from gateway import units
from gateway.cli.control import control_file, end
from gateway.cli.opened import plain
from gateway.cli.sources import Refused
from gateway.flips.base import OutOfReach
from gateway.flips.examined import Stored, records
from gateway.flips.record import Record


def file_of(chosen: Mapping[str, Any]) -> Path:
    """The control file that the options name. Ends the command if there is none."""
    try:
        return chosen["control"] or control_file(chosen["config"])
    except Refused as refused:
        end(refused)


def records_of(path: Path, chosen: Mapping[str, Any]) -> Iterator[Stored]:
    """The records that the options choose, oldest first. Ends the command if the file cannot be
    read."""
    since, until = _moment(chosen["since"]), _moment(chosen["until"])
    wanted = {name: chosen[name] for name in ("actor", "capability", "action") if chosen[name] is not None}
    try:
        for one in records(path):
            if all(getattr(one.record, name) == value for name, value in wanted.items()) and _is_in(
                    one.record, since, until):
                yield one
    except OutOfReach as error:
        end(Refused(str(error), 5))


def width() -> int:
    """How many columns there are to write in: 80 where no terminal says."""
    return max(shutil.get_terminal_size().columns, 20)


def folded(text: str, width: int, indent: str = "") -> list[str]:
    """Lines that are safe to print and fit the width."""
    return textwrap.wrap(plain(text), width, initial_indent=indent, subsequent_indent=f"{indent}    ",
                         break_on_hyphens=False)


def _is_in(record: Record, since: datetime | None, until: datetime | None) -> bool:
    if since is None and until is None:
        return True
    try:
        at = datetime.fromisoformat(record.time)
    except (ValueError, TypeError):
        return False
    return (since is None or at >= since) and (until is None or at < until)


def _moment(text: str | None) -> datetime | None:
    """A time as a person types it. A date is its beginning; without a zone it is UTC."""
    if text is None:
        return None
    ago = units.duration(text.removesuffix(" ago"))
    if ago is not None:
        return datetime.fromtimestamp(time.time() - ago, UTC)
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise click.UsageError("a time is a date, 2026-01-31, a moment, 2026-01-31T08:00Z, or 24h for 24 hours ago"
                               ) from None
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)
