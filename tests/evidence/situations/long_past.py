"""3: a new defect after a long clean past, which is written into the store as counts."""

import json
import sqlite3
import tempfile
from contextlib import closing
from functools import lru_cache, partial
from pathlib import Path

from shadow.ledger.course import BEGINNING, grown
from shadow.ledger.rows import Attempt, Point
from shadow.report.verdict import Rest
from shadow.stores.sqlite import Sqlite
from tests.evidence.drawn import CAPABILITY, CLEAN, EPOCH, READ, Book, Told, World
from tests.evidence.laned import MONDAY, Laned, laned
from tests.evidence.situations.common import HORIZON, RATES, drawn, questions, waited_for, wrong_in
from tests.evidence.table import FALSE_NOT_SAFE, Bound, Case

BATCH = 500
SOON = Bound(least_not_safe=0.95, median=100, most=200)
THIRD = tuple(Attempt(CAPABILITY, number, EPOCH._replace(modern=str(number)), 5_000, 0.0, 1.0, True)
              for number in (1, 2))


@lru_cache
def past(clean: int) -> tuple[Point, ...]:
    """The course of a long clean past, in batches."""
    points = BEGINNING
    for _ in range(clean // BATCH):
        points = grown(points, Point(BATCH))
    return points


def after(clean: int) -> Book:
    """A book with a long clean past, in the third epoch."""
    book = Book(rest=Rest(attempts=[*THIRD, Attempt(CAPABILITY, 3, EPOCH, clean, 0.0, 1.0, False)]))
    book.rows[CLEAN] = [clean, clean, 0.0, book.now]
    book.points[READ] = book.points[None] = past(clean)
    return book


def fill(path: Path, clean: int) -> None:
    """Put a long clean past before what a store holds: the counts that the store itself would have made of it."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE evidence SET count = count + ?, effective = effective + ?", (clean, clean))
        connection.execute("UPDATE attempt SET effective = effective + ?", (clean,))
        for operation, points in connection.execute("SELECT operation, points FROM course").fetchall():
            now = [[effective + clean, *more] for effective, *more in json.loads(points) if effective]
            longer = [*([point.effective] for point in past(clean)), *now]
            connection.execute("UPDATE course SET points = ? WHERE operation = ?", (json.dumps(longer), operation))


def filled(name: str, clean: int, rate: float, most: int, bound: Bound) -> Case:
    """A case through the lane and a store in a file: a short clean run, a long clean past before it, and then a modern
    that is wrong in a share of all. Exchanges are counted from then on."""
    def run(seed: str) -> Told:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "learnt.db"
            store = partial(Sqlite, Sqlite.Options(path))
            laned(Laned(questions(seed, wrong_in(0), 300, 100), store=store), RATES)
            fill(path, clean)
            draw = wrong_in(rate)
            told = laned(
                Laned(questions(f"{name} {seed}", lambda rng, number: draw(rng, number + 300), most, 5), store=store,
                      begin=MONDAY + 60), RATES, until=waited_for(bound))
        before = clean + 300
        return told._replace(safe=told.safe and told.safe - before, not_safe=told.not_safe and told.not_safe - before)

    return Case(3, name, bound, run, "lane")


CASES = [
    drawn(3, "a tenth wrong after ten million clean ones, in the third epoch", World(0.1), SOON, most=2_000,
          book=partial(after, 10_000_000)),
    drawn(3, "a tenth wrong after a million clean ones, in the third epoch", World(0.1), SOON, most=2_000,
          book=partial(after, 1_000_000)),
    drawn(3, "a fifth wrong after 12,000 clean ones", World(0.2), SOON, most=2_000, book=partial(after, 12_000)),
    drawn(3, "a tenth of the limit, after ten million clean ones", World(RATES.limit / 10), FALSE_NOT_SAFE,
          most=HORIZON, book=partial(after, 10_000_000)),
    filled("a tenth wrong after ten million clean ones", 10_000_000, 0.1, 1_000, SOON),
    filled("a tenth of the limit, after ten million clean ones", 10_000_000, RATES.limit / 10, 2_000, FALSE_NOT_SAFE),
]
