"""What waits to be written to the store, added up meanwhile, and the task that writes it in a thread.

A store that fails loses no outcome: what could not be written is kept and written with the next batch. Only the
differences of comparisons past a bound are let go, and counted.
"""

import asyncio
from collections import Counter
from dataclasses import replace

from shadow.compare import Comparison, Tally
from shadow.latency import Histogram
from shadow.ledger import Traffic
from shadow.stores.base import Store

FLUSH = 0.5
"""Seconds between writes."""

UNWRITTEN = 2_000
"""Comparisons kept while the store cannot be written; of more, only the outcome is."""


class Journal:
    """Batches for one store. All but the store's own `write` happens in one event loop.

    `lost` counts comparisons whose differences were let go, `failures` the writes that failed.
    """

    def __init__(self, store: Store) -> None:
        self.lost = 0
        self.failures = 0
        self._store = store
        self._tallies: Counter[Tally] = Counter()
        self._comparisons: list[Comparison] = []
        self._traffic: dict[tuple[str, str, str, str], Traffic] = {}
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def count(self, tally: Tally) -> None:
        """An exchange that left nothing but its outcome."""
        self._tallies[tally] += 1

    def keep(self, comparison: Comparison) -> None:
        """A comparison with its differences; it counts its own outcome."""
        if not comparison.differences:
            self._tallies[comparison.tally] += 1
        elif len(self._comparisons) < UNWRITTEN:
            self._comparisons.append(comparison)
        else:
            self.lost += 1
            self._tallies[comparison.tally] += 1

    def add(self, row: Traffic) -> None:
        """Calls down an arm; rows of one key are added up."""
        key = row.capability, row.operation, row.stage, row.arm
        known = self._traffic.get(key)
        if known is None:
            self._traffic[key] = replace(row, seconds=Histogram(row.seconds.counts))
            return
        known.seconds.merge(row.seconds)
        self._traffic[key] = replace(known, requests=known.requests + row.requests, errors=known.errors + row.errors,
                                     at=max(known.at, row.at))

    def call(self, capability: str, operation: str, arm: str, seconds: float, failed: bool, at: float) -> None:
        """One call of the lane's own down an arm: no client's request, so it counts none."""
        key = capability, operation, "", arm
        known = self._traffic.get(key) or Traffic(capability, operation, "", arm, 0, 0, Histogram(), at)
        known.seconds.add(seconds)
        self._traffic[key] = replace(known, errors=known.errors + failed, at=max(known.at, at))

    def start(self) -> None:
        """Begin to write, in the running event loop."""
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Write what is left, and stop. It may be called again, for what came later."""
        self._stopping.set()
        task, self._task = self._task, None
        # The task is not cancelled: a batch whose thread is at work must be known to be written or not.
        await (task or self._flush())

    async def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                async with asyncio.timeout(FLUSH):
                    await self._stopping.wait()
            except TimeoutError:
                pass
            await self._flush()

    async def _flush(self) -> None:
        comparisons, self._comparisons = self._comparisons, []
        tallies, self._tallies = self._tallies, Counter()
        traffic, self._traffic = self._traffic, {}
        if not (comparisons or tallies or traffic):
            return
        try:
            await asyncio.to_thread(self._store.write, comparisons, tallies, list(traffic.values()))
        except Exception:
            # Whatever it was, the store took nothing of the batch (that is its contract) and serving goes on.
            self.failures += 1
            self._tallies.update(tallies)
            for comparison in comparisons:
                self.keep(comparison)
            for row in traffic.values():
                self.add(row)
