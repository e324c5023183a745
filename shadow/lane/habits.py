"""Habits of clients that wait to be written (Habits), within bounds."""

from collections.abc import Iterable

from shadow.ledger.habits import OTHERS, Habit, together

WAITING = 20_000
"""Rows that wait while the store cannot be written. Past that, clients that are new are counted together."""


class Habits:
    """The rows that wait, for one event loop."""

    def __init__(self, most: int = WAITING) -> None:
        self._rows: dict[tuple[object, str], Habit] = {}
        self._most = most

    def add(self, rows: Iterable[Habit]) -> None:
        """Add rows. Those of one client and one thing become one."""
        for row in rows:
            place = row.thing, row.token
            if place not in self._rows and len(self._rows) >= self._most:
                row = row._replace(token=OTHERS)
                place = row.thing, OTHERS
            known = self._rows.get(place)
            self._rows[place] = row if known is None else together(known, row)._replace(hours=1)

    def take(self) -> list[Habit]:
        """All rows, which wait no more."""
        rows, self._rows = list(self._rows.values()), {}
        return rows
