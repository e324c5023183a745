"""A process that has a store open and does what it is told, a line at a time, and answers each with a line.

`open PATH BUSY`, `close`, `write NAME COUNT`, `read`; `slowly NAME COUNT` answers "within" while it holds the write
lock, and goes on after the next line.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from shadow.compare.comparison import Outcome, Tally
from shadow.ledger.rows import Traffic
from shadow.stores.base import Batch, StoreError
from shadow.stores.sqlite import Sqlite


class Slow(list[Traffic]):
    """No rows. Whoever first looks for some waits for a line."""

    looked = False

    def __iter__(self) -> Iterator[Traffic]:
        if not self.looked:
            self.looked = True
            print("within", flush=True)
            sys.stdin.readline()
        return iter(())


def main() -> None:
    """See the head of this file."""
    store: Sqlite | None = None
    for line in sys.stdin:
        what, *more = line.split()
        try:
            if what == "open":
                store = Sqlite(Sqlite.Options(Path(more[0]), busy=float(more[1])))
            assert store is not None
            if what == "close":
                store.close()
            if what in ("write", "slowly"):
                store.write(Batch(tallies={Tally(more[0], "read", Outcome.MATCH): int(more[1])},
                                  traffic=Slow() if what == "slowly" else ()))
            counts = {one.capability: count for one, count in store.read().tallies.items()} if what == "read" else {}
            said = json.dumps(counts) if what == "read" else "done"
        except StoreError as error:
            said = f"{type(error).__name__}: {error}"
        print(said, flush=True)


if __name__ == "__main__":
    main()
