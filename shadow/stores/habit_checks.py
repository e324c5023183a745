"""The part of check_store that is about clients' habits. See checks.py."""

from shadow.ledger.habits import DAY, NOTHING, OTHERS, REACHES, SPEAKS, Habit, Thing
from shadow.stores.base import CLIENTS, Attentive, Batch, Store

_OLD = Thing(SPEAKS, "http_1_0")
_READ = Thing(REACHES, "read", "results", "legacy")
_HOUR = 3600.0


def check_habits(store: Store, attentive: Attentive) -> None:
    """Check a store without habits."""
    start = 2_000_000_000.0 // _HOUR * _HOUR

    def write(*rows: Habit) -> None:
        store.write(Batch(habits=rows))

    def found(thing: Thing) -> dict[str, tuple[float, float, int]]:
        return {row.token: (row.first, row.last, row.hours) for row in attentive.habits() if row.thing == thing}

    assert list(attentive.habits()) == [], "starts without habits"
    write(Habit(NOTHING, OTHERS, start, start), Habit(_OLD, "a", start, start + 1), Habit(_READ, "a", start, start))
    write(Habit(_OLD, "a", start + 2, start + 3), Habit(_OLD, "b", start + 5, start + 5))
    assert found(_OLD) == {"a": (start, start + 3, 1), "b": (start + 5, start + 5, 1)}, "rows of one client become one"
    write(Habit(_OLD, "a", start - 9, start + _HOUR), Habit(_OLD, "a", start - 8, start - 8))
    assert found(_OLD)["a"] == (start - 9, start + _HOUR, 2), "hours count once each, and no time goes back"
    assert found(_READ) == {"a": (start, start, 1)}, "things are apart"

    later = start + 2 * DAY
    write(*(Habit(_READ, f"{number:04}", later, later) for number in range(CLIENTS)))
    tokens = found(_READ)
    assert len(tokens) == CLIENTS + 1, "there is room for so many clients of each thing"
    assert OTHERS in tokens, "past that the one that came in one hour alone, a day before, is counted with the others"
    assert "a" not in tokens, "and makes way"
    write(Habit(_READ, "new", later + 1, later + 1))
    assert found(_READ)[OTHERS] == (start, later + 1, 2), "if there is none, the new one is counted with the others"
    assert "new" not in found(_READ), "and has no row"
    write(Habit(_READ, "0007", later + 2, later + 2))
    assert found(_READ)["0007"] == (later, later + 2, 1), "known clients go on"

    far = later + 900 * DAY
    write(Habit(_READ, "late", far, far))
    assert {row.token for row in attentive.habits()} == {OTHERS, "late"}, "habits that are too old are forgotten"
    assert found(NOTHING) == {OTHERS: (start, start, 1)}, "but not since when they are kept"
