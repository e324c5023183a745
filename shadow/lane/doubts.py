"""What a worker tells the store of exchanges that may be wrong and do not count yet (shadow.ledger.rows.Waiting)."""

import secrets
from collections.abc import Iterable, Mapping
from math import inf

from shadow.ledger.rows import WAITED, Waiting

Doubtful = Mapping[str, tuple[int, int]]
"""By capability: how many exchanges may be wrong, and how many of them have a critical difference."""


class Doubts:
    """What was told last. It belongs to one event loop."""

    def __init__(self) -> None:
        self._worker = secrets.token_hex(8)
        self._told: dict[str, tuple[int, int]] = {}
        self._at = -inf

    def news(self, found: Doubtful, at: float) -> list[Waiting]:
        """The rows to write: none if nothing is new. `at` is now, in seconds since 1970."""
        if found == self._told and (not found or abs(at - self._at) < WAITED / 2):
            return []
        rows = [Waiting(capability, self._worker, *found.get(capability, (0, 0)), at)
                for capability in sorted({*found, *self._told})]
        self._told, self._at = dict(found), at
        return rows

    def put_back(self, rows: Iterable[Waiting]) -> None:
        """These rows were not written: say it again."""
        self._at = -inf
        for row in rows:
            self._told.setdefault(row.capability, (0, 0))
