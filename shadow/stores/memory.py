"""The store in memory (Memory): the same tables of SQLite, in this process alone.

It is for tests and first steps, since it ends with the process. A gateway with several workers keeps the same tables in
a file that the workers share, and that ends with the gateway (gateway.shadowing).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from shadow.evidence.epoch import Epoch
from shadow.ledger.habits import Habit
from shadow.ledger.rows import Ledger
from shadow.ledger.unlink import Tokens, Trace, Unlinked
from shadow.stores.base import NONE_HELD, RETENTION, SIGNATURES, Batch, Held
from shadow.stores.sqlite import IN_MEMORY, Sqlite


class Memory:
    """A Store that lasts as long as the process."""

    @dataclass(frozen=True, slots=True)
    class Options:
        """`signatures`: kinds of differences, and patterns of them, kept of each capability; `retention`: days after
        which rows that were not seen again are dropped."""

        signatures: int = SIGNATURES
        retention: float = RETENTION

    def __init__(self, options: Options) -> None:
        self._store = Sqlite(Sqlite.Options(IN_MEMORY, options.signatures, options.retention))

    def write(self, batch: Batch, held: Held = NONE_HELD) -> Collection[tuple[str, Epoch]]:
        return self._store.write(batch, held)

    def read(self, capability: str | None = None) -> Ledger:
        return self._store.read(capability)

    def unlink(self, tokens: Tokens, traces: Collection[Trace], held: Held = NONE_HELD) -> Unlinked:
        return self._store.unlink(tokens, traces, held)

    def restart(self, capability: str, at: float, who: str, reason: str) -> int:
        return self._store.restart(capability, at, who, reason)

    def restarts(self) -> Mapping[str, int]:
        return self._store.restarts()

    def habits(self) -> Sequence[Habit]:
        return self._store.habits()

    def close(self) -> None:
        self._store.close()
