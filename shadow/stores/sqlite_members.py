"""The tables of members in the SQLite store. All of it runs inside the store's own transactions."""

import sqlite3
from collections.abc import Sequence
from itertools import groupby
from typing import Any

from shadow.evidence.epoch import Epoch
from shadow.evidence.stratum import share
from shadow.ledger.rows import MEMBERS, Member

_WHERE = "WHERE (capability, legacy, modern, rules, comparator, dimension) = (?, ?, ?, ?, ?, ?)"
_AGAIN = f"UPDATE member SET effective = effective + ?, bad = bad + ? {_WHERE} AND token = ?"  # noqa: S608
_FIRST = "INSERT INTO member VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
_THIN = f"DELETE FROM member {_WHERE} AND token >= ?"  # noqa: S608 (all three are made of fixed text)
_SIZE = f"SELECT count, halvings FROM members {_WHERE}"  # noqa: S608
_RESIZE = "INSERT OR REPLACE INTO members VALUES (?, ?, ?, ?, ?, ?, ?, ?)"

_Key = tuple[str, ...]


def add(connection: sqlite3.Connection, rows: Sequence[Member]) -> None:
    """Add rows, up to MEMBERS of each dimension of an epoch."""
    for key, some in groupby(sorted(rows, key=_key), key=_key):
        count, halvings = connection.execute(_SIZE, key).fetchone() or (0, 0)
        for row in some:
            if row.token >= share(halvings).hex():
                continue
            if connection.execute(_AGAIN, (row.effective, row.bad, *key, row.token)).rowcount:
                continue
            connection.execute(_FIRST, (*key, row.token, row.effective, row.bad))
            count += 1
            while count > MEMBERS:
                halvings += 1
                count -= connection.execute(_THIN, (*key, share(halvings).hex())).rowcount
        connection.execute(_RESIZE, (*key, count, halvings))


def _key(row: Member) -> _Key:
    return row.capability, *row.epoch.stored, row.dimension


def read(row: Sequence[Any]) -> Member:
    """A row of `member`."""
    return Member(row[0], Epoch.from_stored(*row[1:5]), *row[5:])
