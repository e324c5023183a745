"""Reads a control file for an auditor (examine): nothing in it is believed, and nothing is written.

Besides the chain, what stands beside it must follow from it: the revision, the stages in force, and the copy.
"""

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from gateway.flips import copy
from gateway.flips.base import OutOfReach, State
from gateway.flips.chain import CUT, Checked, Fault, Head, Row, check
from gateway.flips.deeds import BROKEN, SOURCE
from gateway.flips.memory import NAME as MEMORY
from gateway.flips.precedence import position
from gateway.flips.record import Record, parsed
from gateway.flips.sqlite import state_in

COLUMNS = ("time", "actor", "action", "capability", "revision")
_TYPES = {"number": int, "revision": int, "before": dict, "after": dict, "detail": dict} | dict.fromkeys(
    ("time", "actor", "role", "source", "action", "capability", "reason", "plan", "evidence_digest", "correlation",
     "previous"), str)
DAMAGED, STAGES, REPLACED = "damaged", "stages", "replaced"


@dataclass(frozen=True, slots=True)
class Lost:
    """An earlier control file that was lost, as the record `number` says: its name, length and last digest."""

    number: int
    control: str
    length: int
    head: str


@dataclass(frozen=True, slots=True)
class Examined:
    """What was found in a control file: its name, its journal, the control files that were lost before, the records of
    lines of custody's trail that did not fit their chain when they were taken over, and how many heads it was compared
    with."""

    control: str
    checked: Checked
    lost: tuple[Lost, ...]
    broken: tuple[int, ...]
    heads: int


class _Notes:
    """What the bodies say that is needed afterwards."""

    def __init__(self) -> None:
        self.lost: list[Lost] = []
        self.broken: list[int] = []
        self.revision = 0
        # By capability: what the last record says is in force, and the record's number.
        self.last: dict[str, tuple[int, Any]] = {}

    def see(self, said: dict[str, Any]) -> None:
        """Take note of a record."""
        revision, detail, capability = said.get("revision"), said.get("detail"), said.get("capability")
        if type(revision) is int:
            self.revision = revision
        if said.get("action") == "recovery" and isinstance(detail, dict):
            with_name, length, head = detail.get("lost"), detail.get("length"), detail.get("head")
            if isinstance(with_name, str) and type(length) is int and isinstance(head, str):
                self.lost.append(Lost(said["number"], with_name, length, head))
            self.last.clear()
        elif said.get("source") == SOURCE:
            if isinstance(detail, dict) and detail.get("chain") == BROKEN:
                self.broken.append(said["number"])
        elif isinstance(capability, str):
            self.last[capability] = said["number"], said.get("after")


def examine(path: Path, heads: Sequence[Head] = ()) -> Examined:
    """Verify the control file at `path`. Raises OutOfReach if it cannot be opened."""
    # The copy is read first: a journal that is read later can only be longer.
    known = copy.read(copy.beside(path))
    with _opened(path) as connection:
        damage = _damage(connection)
        try:
            [[control]] = connection.execute("SELECT name FROM control").fetchmany(2)
            notes = _Notes()
            if known is not None and known.name == control and known.length:
                heads = [*heads, Head(known.length, known.head, copy.beside(path).name, known.name)]
            ours = [head for head in heads if head.control in ("", control)]
            checked = check(_rows(connection), ours, notes.see)
            beside = [*damage, *_beside(connection, notes, sound=not checked.faults)]
        except (sqlite3.DatabaseError, ValueError) as error:
            if damage:
                return Examined("", Checked(0, "", tuple(damage)), (), (), 0)
            if isinstance(error, sqlite3.OperationalError):
                raise OutOfReach(_words(path, error)) from None
            return Examined("", Checked(0, "", (Fault(0, DAMAGED, "the file is no control file any more"),)), (), (), 0)
    lost = tuple(notes.lost)
    ours_or_lost = {"", control, MEMORY, *(one.control for one in lost)}
    strange = {head.control: head for head in heads if head.control not in ours_or_lost}
    foreign = [Fault(0, REPLACED, f"{head.where} has a head of the control file {name}, which is neither this one, "
                     f"{control}, nor one that its journal says was lost") for name, head in strange.items()]
    faults = tuple(sorted({*checked.faults, *beside, *foreign}))
    return Examined(control, Checked(checked.length, checked.head, faults), lost, tuple(notes.broken), len(ours))


class Stored(NamedTuple):
    """A record with its body and its digest, as they are stored."""

    record: Record
    body: str
    digest: str


def records(path: Path) -> Iterator[Stored]:
    """The records in order. What cannot be read as a record is left out:
    `examine` names it. Raises OutOfReach."""
    try:
        with _opened(path) as connection:
            for body, digest in connection.execute("SELECT body, digest FROM journal ORDER BY number"):
                try:
                    record = parsed(body)
                except (ValueError, TypeError, RecursionError):
                    continue
                if _is_sound(record):
                    yield Stored(record, body, str(digest))
    except sqlite3.DatabaseError as error:
        raise OutOfReach(_words(path, error)) from None


def _is_sound(record: Record) -> bool:
    """Whether the fields are of their types. Those of one that was tampered with may not be."""
    return all(type(value) is _TYPES[name] for name, value in record.facts().items() if name in _TYPES)


def name_of(path: Path) -> str:
    """The name of a control file. Raises OutOfReach."""
    try:
        with _opened(path) as connection:
            [found] = connection.execute("SELECT name FROM control").fetchone()
            return str(found)
    except (sqlite3.DatabaseError, TypeError) as error:
        raise OutOfReach(_words(path, error)) from None


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    """The file, for reading alone, in one transaction."""
    if not path.is_file():
        raise OutOfReach(f"there is no control file at {path} yet: it is made when a gateway starts")
    # SQLite reads a file with a log only where it may write beside it. A copy on a medium that cannot be written to has
    # no log.
    effective = os.access in os.supports_effective_ids
    fixed = (not os.access(path.parent, os.W_OK, effective_ids=effective)
             and not path.with_name(f"{path.name}-wal").exists())
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro{'&immutable=1' if fixed else ''}", uri=True,
                                     isolation_level=None, timeout=5.0)) as connection:
            connection.execute("BEGIN")
            yield connection
    except sqlite3.OperationalError as error:
        raise OutOfReach(_words(path, error)) from None


def _words(path: Path, error: Exception) -> str:
    return f"{path} cannot be read: {getattr(error, 'sqlite_errorname', type(error).__name__)}"


def _damage(connection: sqlite3.Connection) -> list[Fault]:
    """What is wrong with the file itself."""
    try:
        said = [str(row[0]) for row in connection.execute("PRAGMA integrity_check(5)")]
        found = [Fault(0, DAMAGED, "the file is damaged, or was changed from outside SQLite")] if said != ["ok"] else []
        for kind, name in connection.execute("SELECT type, name FROM sqlite_master WHERE type IN ('trigger', 'view')"):
            found.append(Fault(0, DAMAGED, f"the file has a {kind} that Figway did not make: {name}"))
        return found
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError:
        return [Fault(0, DAMAGED, "the file is damaged, or was changed from outside SQLite")]


def _rows(connection: sqlite3.Connection) -> Iterator[Row]:
    connection.text_factory = _text
    have = {row[1] for row in connection.execute("PRAGMA table_info(journal)")}
    columns = [one for one in (*COLUMNS, "link") if one in have]
    for number, body, digest, *others in connection.execute(
            f"SELECT number, body, digest, {', '.join(columns)} FROM journal ORDER BY number"):  # noqa: S608 - our own
        yield Row(number, body, digest, dict(zip(columns, others, strict=True)))


def _text(stored: bytes) -> str | bytes:
    """Text, or the bytes of what is none."""
    try:
        return stored.decode()
    except UnicodeDecodeError:
        return stored


def _beside(connection: sqlite3.Connection, notes: _Notes, *, sound: bool) -> Iterator[Fault]:
    """What stands beside the journal and does not follow from it. Stages are compared with a `sound` journal alone."""
    try:
        state = state_in(connection)
    except (ValueError, TypeError):
        yield Fault(0, STAGES, "the stages in force cannot be read")
        return
    [last] = connection.execute("SELECT max(number) FROM outbox").fetchone()
    if type(last) is int and last > state.length:
        yield Fault(state.length + 1, CUT, f"the outbox has a line of record {last}")
    if state.revision > notes.revision:
        yield Fault(state.length + 1, CUT, f"the file is at revision {state.revision}, and the journal ends at "
                    f"{notes.revision}: records are missing at its end")
        return
    if state.revision < notes.revision:
        yield Fault(0, STAGES, f"the file is at revision {state.revision}, and the journal at {notes.revision}")
    if sound:
        yield from _stages(state, notes)


def _stages(state: State, notes: _Notes) -> Iterator[Fault]:
    for name, stand in state.stands.items():
        at = position(stand)
        said = {"reads": str(at.reads), "writes": str(at.writes), "share": at.share}
        number, after = notes.last.get(name, (0, None))
        if number and after != said:
            yield Fault(number, STAGES, f"{name} is not where this, its last record, says: what is in force was "
                        "changed without a record")
        elif not number and not notes.lost:
            yield Fault(0, STAGES, f"{name} has stages in force, and no record")
