"""The part of `shadow.testing.check_store` about paces: how the times of both arms compare."""

from dataclasses import replace

from shadow.compare.comparison import Outcome
from shadow.evidence.pace import BLOCK, Held, Moment, Pace
from shadow.evidence.stratum import HOUR
from shadow.ledger.rows import EPOCHS, Sighting
from shadow.stores.base import Batch, Store
from shadow.stores.verdict_checks import STRATUM, epoch_of


def _row(*counts: int, build: str = "1", last: float = 10 * HOUR) -> Pace:
    return Pace("paced", epoch_of(build), "read", Moment.LAST, 1.2, 0.005, (Held(*counts),), last)


def check_paces(store: Store) -> None:
    """Check what a store does with paces. It has none yet. Raises AssertionError."""
    def write(*rows: Pace) -> None:
        store.write(Batch(paces=rows))

    def seen(build: str, hour: int) -> None:
        at = hour * HOUR
        store.write(Batch(sightings=[Sighting("paced", epoch_of(build), STRATUM, Outcome.MATCH, 1, 0, 0, at, at)]))

    write(_row(30, 3, 2, 1))
    write(_row(BLOCK - 30, 0, 0, 4, last=9 * HOUR))
    write(_row(7, 7, 7, 0))
    assert store.read("paced").paces == [replace(_row(), blocks=(Held(BLOCK, 3, 2, 5), Held(7, 7, 7, 0)))], (
        "pairs keep their order, in blocks, and when the latest was seen")
    write(replace(_row(1), moment=Moment.FIRST), replace(_row(2), operation="search"), replace(_row(3), ratio=2.0))
    found = {(row.operation, row.moment, row.ratio): row.total.pairs for row in store.read("paced").paces}
    assert found == {("read", Moment.LAST, 1.2): BLOCK + 7, ("read", Moment.FIRST, 1.2): 1,
                     ("search", Moment.LAST, 1.2): 2, ("read", Moment.LAST, 2.0): 3}, "each place is counted by itself"
    for number in range(1, 10):
        write(replace(_row(1, last=(10 + number) * HOUR), ratio=2.0 + number))
    ratios = {row.ratio for row in store.read("paced").paces if row.operation == "read"}
    assert max(ratios) == 11.0, "the latest `ratio` counts"
    assert len(ratios) <= 5, "how many are kept is bounded"
    assert store.read("results").paces == [], "one capability is read by itself"
    seen("1", 20)
    for number in range(EPOCHS):
        seen(f"new{number}", 21 + number)
        write(_row(1, build=f"new{number}", last=(21 + number) * HOUR))
    builds = {row.epoch.modern for row in store.read().paces}
    assert builds == {f"new{number}" for number in range(EPOCHS)}, "paces go with their epoch"
