"""Records what people do to stored data: in custody's trail first, then in the journal, where there is one."""

import time
from datetime import datetime
from pathlib import Path

from gateway.cli.sources import actor
from gateway.config.compile import Configuration
from gateway.flips.base import OutOfReach
from gateway.flips.deeds import SOURCE
from gateway.flips.examined import records
from gateway.flips.record import Record
from gateway.flips.sqlite import SqliteStages
from shadow.custody.base import Custody, Deed


def record(built: Configuration, custody: Custody, action: str, subject: str, reason: str, role: str = "") -> None:
    """Record a deed of the user who runs this; call it before the deed is done. Raises CustodyError."""
    custody.record(Deed(time.time(), actor(), role, action, subject, reason))
    take_over(built.control.path, custody)


def take_over(control: Path | None, custody: Custody) -> None:
    """Copy to the journal what it lacks of the trail. If there is no control file yet, or it cannot be written now, the
    next command or the next start of a gateway does it. Raises CustodyError."""
    if control is None or not control.is_file():
        return
    stages = SqliteStages(control)
    try:
        stages.take_over(custody.name, custody.lines())
    except OutOfReach:
        return
    finally:
        stages.close()


def trail(control: Path | None, custody: Custody) -> tuple[list[Deed], bool]:
    """All deeds, oldest first, of custody and of the custodies before it, as far as the journal knows them; and whether
    the trail is whole: no line was changed or removed, at its end neither. Raises CustodyError."""
    lines = custody.lines()
    links = {line.link for line in lines}
    deeds, whole = [line.deed for line in lines], all(line.fits for line in lines)
    for deed, custodys, link in _in_journal(control):
        if link not in links:
            deeds.append(deed)
            whole = whole and custodys != custody.name
    return sorted(deeds, key=lambda deed: deed.at), whole


def _in_journal(control: Path | None) -> list[tuple[Deed, str, str]]:
    """Each deed of the journal with its custody's name and its link."""
    if control is None or not control.is_file():
        return []
    try:
        return [_read(one.record) for one in records(control) if one.record.source == SOURCE]
    except (OutOfReach, ValueError):
        return []


def _read(record: Record) -> tuple[Deed, str, str]:
    subject, custody, link = (str(record.detail.get(name, "")) for name in ("subject", "custody", "link"))
    at = datetime.fromisoformat(record.time).timestamp()
    return Deed(at, record.actor, record.role, record.action, subject, record.reason), custody, link
