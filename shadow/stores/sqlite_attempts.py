"""The table of attempts in the SQLite store. All of it runs inside the store's own transactions."""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

from shadow.evidence.epoch import Epoch
from shadow.ledger.rows import ATTEMPTS, Attempt, Sighting

_GO_ON = """
UPDATE attempt SET effective = effective + ?, first = min(first, ?), last = max(last, ?)
WHERE (capability, legacy, modern, rules, comparator) = (?, ?, ?, ?, ?) AND closed = 0
"""
_BEGIN = """
INSERT INTO attempt SELECT ?1, 1 + (SELECT coalesce(max(number), 0) FROM attempt WHERE capability = ?1),
    ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0
"""
_CLOSE = """
UPDATE attempt SET closed = 1 WHERE (capability, legacy, modern, rules, comparator) = (?, ?, ?, ?, ?) AND closed = 0
"""
_THIN = """
DELETE FROM attempt WHERE capability = ?1 AND number IN (
    SELECT number FROM attempt WHERE capability = ?1 AND closed = 1 ORDER BY effective, number
    LIMIT max(0, (SELECT count(*) FROM attempt WHERE capability = ?1) - ?2))
"""


def write(connection: sqlite3.Connection, sightings: Sequence[Sighting], effective: int) -> None:
    """Add exchanges of one epoch to its attempt, which begins with them if there is none that is open."""
    capability, stored = sightings[0].capability, sightings[0].epoch.stored
    first, last = min(one.first for one in sightings), max(one.last for one in sightings)
    if not connection.execute(_GO_ON, (effective, first, last, capability, *stored)).rowcount:
        connection.execute(_BEGIN, (capability, *stored, effective, first, last))
        connection.execute(_THIN, (capability, ATTEMPTS))


def close(connection: sqlite3.Connection, epochs: Iterable[Sequence[str]]) -> None:
    """Close the attempts of epochs whose evidence is dropped, given as (capability, and the epoch's four texts)."""
    connection.executemany(_CLOSE, epochs)


def read(row: Sequence[Any]) -> Attempt:
    """A row of `attempt`."""
    effective, first, last, closed = row[6:]
    return Attempt(row[0], row[1], Epoch.from_stored(*row[2:6]), effective, first, last, bool(closed))
