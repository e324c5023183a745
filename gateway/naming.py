"""Makes tokens of clients' addresses (Naming): for the log, which names who is refused, and for the store; and says
what a store knows of clients.

The keys are in custody, one for each quarter of a year. A key is destroyed once nothing that it made is kept any more,
unless something is held.
"""

import os
import time
from pathlib import Path
from typing import Any, NamedTuple

from gateway.routing import RouteTable
from gateway.telemetry.clients import Taken
from shadow.custody.base import Custody
from shadow.ledger.habits import OTHERS, PURPOSE, Clients, Habit, Operation, clients, is_over, quarter, token
from shadow.stores.base import RETENTION, Attentive, Store, StoreError

MARKS = 5_000
"""Files by which the workers of one gateway know whom another one has named."""

_HOUR = 3600.0


class Named(NamedTuple):
    """Rows for the store, and whom to name in the log: (token, rule)."""

    habits: list[Habit]
    refused: list[tuple[str, str]]


class Naming:
    """Names the clients of one worker. `days` is how long the store keeps rows. `run_dir` is the folder that several
    workers share, "" for a single worker. Its methods belong in a thread: they read custody's file."""

    def __init__(self, days: float, run_dir: str = "") -> None:
        self._days = days
        self._folder = Path(run_dir) if run_dir else None
        self._marks = 0
        self._swept = 0.0

    def name(self, taken: Taken, custody: Custody) -> Named:
        """The tokens of what was taken. Raises CustodyError."""
        now = time.time()
        key = custody.key(PURPOSE, quarter(now), now)
        if now - self._swept >= _HOUR:
            self._swept = now
            self._forget(custody, now)
        rows = [Habit(thing, token(key, address), now, now) for thing, address in taken.met]
        rows += [Habit(thing, OTHERS, now, now) for thing in taken.others]
        refused = [(token(key, address), rule) for address, rule in taken.refused]
        return Named(rows, [one for one in refused if self._is_first(*one)])

    def _forget(self, custody: Custody, now: float) -> None:
        """Destroy the keys whose tokens are kept nowhere any more."""
        over = [scope for scope in custody.scopes(PURPOSE) if is_over(scope, now, self._days)]
        if over and not custody.holds():
            custody.destroy(PURPOSE, *over)

    def _is_first(self, name: str, rule: str) -> bool:
        """Whether no other worker has named this client for this rule. Past MARKS, each worker names for itself."""
        if self._folder is None or self._marks >= MARKS:
            return True
        try:
            os.close(os.open(self._folder / f"named-{rule}-{name}", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        except FileExistsError:
            return False
        except OSError:
            return True  # a full disk: rather twice than never
        self._marks += 1
        return True


def days_kept(options: Any) -> float:
    """For how many days a store with these options keeps rows."""
    days: float = getattr(options, "retention", RETENTION)
    return days


def known_clients(store: Store, options: Any, table: RouteTable) -> Clients:
    """What a store with these options knows of clients, and the operations of the table that none reaches on legacy.
    Raises StoreError, also if the store keeps no such thing."""
    if not isinstance(store, Attentive):
        raise StoreError("the store does not keep what clients do")
    operations = [Operation(one.name, operation.name) for one in (*table.capabilities.values(), table.default)
                  for operation in one.operations]
    return clients(store.habits(), operations, time.time(), days_kept(options))
