"""A control file with a journal of ten records, as flips, refusals, a trip, a reload and an expiry leave it; and how to
tamper with it."""

import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from gateway.flips.base import Actor, Flip, FlipError, Kind, Position
from gateway.flips.sqlite import SqliteStages
from gateway.stage import Stage

FILE = {"labs": Position(Stage.SHADOW, Stage.LEGACY, 500), "rooms": Position(Stage.LEGACY, Stage.LEGACY)}
ANN = Actor("ann", "operator", "socket")
FLIP = Flip(Kind.FLIP, "labs", ANN, "wards agreed", reads=Stage.VERIFY, evidence={"answer": "SAFE", "of": [1, 0.25]})
LENGTH = 10


def journal(path: Path) -> Path:
    """Make the file."""
    stages = SqliteStages(path)
    stages.adopt(FILE, Actor("start", source="start"))
    stages.flip(FLIP)
    with suppress(FlipError):
        stages.flip(Flip(Kind.FLIP, "labs", ANN, "late", reads=Stage.MODERN, revision=1))
    stages.flip(Flip(Kind.TRIP, "labs", Actor("errors", source="guard"), "20% errors", reads=Stage.LEGACY))
    stages.flip(Flip(Kind.RESUME, "labs", ANN, "fixed"))
    stages.flip(Flip(Kind.FLIP, "labs", ANN, "an hour", reads=Stage.CANARY, lasts=-1.0))
    stages.expire()
    stages.adopt(FILE | {"rooms": Position(Stage.SHADOW, Stage.LEGACY)}, Actor("file", source="file"))
    stages.flip(Flip(Kind.ROLLBACK, "labs", ANN, "", reads=Stage.LEGACY, writes=Stage.LEGACY))
    stages.close()
    return path


def changed(path: Path, *statements: str) -> None:
    """Change the file as somebody who can write to it."""
    with closing(sqlite3.connect(path)) as connection, connection:
        for one in statements:
            connection.execute(one)


def rows(path: Path) -> list[tuple]:
    """The journal as it is stored."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT * FROM journal ORDER BY number").fetchall()


def put(path: Path, rows: list[tuple]) -> None:
    """Store other rows in place of the journal's."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM journal")
        connection.executemany(f"INSERT INTO journal VALUES ({', '.join('?' * len(rows[0]))})", rows)
