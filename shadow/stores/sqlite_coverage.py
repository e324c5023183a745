"""The tables of what evidence covers, in the SQLite store: hours of traffic (Calendar) and sizes of bodies (Sizes). All
of it runs inside the store's own transactions."""

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from shadow.evidence.epoch import Epoch
from shadow.ledger.rows import DAY, DAYS, Calendar, Sighting, Sizes

_HOURS = """
INSERT INTO calendar VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET exchanges = exchanges + excluded.exchanges
"""
_SIZES = """
INSERT INTO size VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET exchanges = exchanges + excluded.exchanges, effective = effective + excluded.effective
"""
# What was to be compared belongs to no epoch. Each epoch has a comparator.
_NO_EPOCH = "", "", "", ""


def add_eligible(connection: sqlite3.Connection, eligible: Mapping[tuple[str, int], int]) -> None:
    """Add exchanges that were to be compared, by capability and hour."""
    connection.executemany(_HOURS, [(capability, *_NO_EPOCH, hour, count)
                                    for (capability, hour), count in eligible.items()])


def write(connection: sqlite3.Connection, sightings: Sequence[Sighting], hours: Mapping[int, int]) -> None:
    """Add the exchanges of one epoch: their effective ones by hour, and their sizes."""
    key = sightings[0].capability, *sightings[0].epoch.stored
    connection.executemany(_HOURS, [(*key, hour, count) for hour, count in hours.items() if count])
    sizes: dict[int, tuple[int, int]] = {}
    for one in sightings:
        for bucket, exchanges, effective in one.sizes:
            known = sizes.get(bucket, (0, 0))
            sizes[bucket] = known[0] + exchanges, known[1] + effective
    connection.executemany(_SIZES, [(*key, bucket, *counts) for bucket, counts in sizes.items()])


def forget(connection: sqlite3.Connection, hour: int) -> None:
    """Drop hours of more than DAYS ago."""
    connection.execute("DELETE FROM calendar WHERE hour <= ?", (hour - DAYS * DAY,))


def read_calendars(rows: Iterable[Sequence[Any]]) -> list[Calendar]:
    """The rows of `calendar`, in the order of their key."""
    found: defaultdict[tuple[str, ...], list[tuple[int, int]]] = defaultdict(list)
    for *key, hour, exchanges in rows:
        found[tuple(key)].append((hour, exchanges))
    return [Calendar(key[0], Epoch.from_stored(*key[1:]) if any(key[1:]) else None, tuple(hours))
            for key, hours in found.items()]


def read_sizes(rows: Iterable[Sequence[Any]]) -> list[Sizes]:
    """The rows of `size`, in the order of their key."""
    found: defaultdict[tuple[str, ...], list[tuple[int, int, int]]] = defaultdict(list)
    for *key, bucket, exchanges, effective in rows:
        found[tuple(key)].append((bucket, exchanges, effective))
    return [Sizes(key[0], Epoch.from_stored(*key[1:]), tuple(buckets)) for key, buckets in found.items()]
