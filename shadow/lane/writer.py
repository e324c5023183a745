"""The writer: it adds up what the lane learns, and writes it to the store in batches, in a thread.

A store that fails loses no outcome: a batch that could not be written is kept and written with the next. Only the
differences of comparisons past a bound are dropped, and these comparisons are counted. Exchanges can still be lost if a
worker is killed, a store is deleted, or a disk stays full. The marks (shadow.stores.marks) show how many, and they are
written to the store as gaps (shadow.ledger.rows.Gap).

Evidence of an exchange is taken in three steps. It joins a cohort (shadow.lane.cohorts) when it comes. It gets its
standing (shadow.lane.standing) as soon as both arms have answered. It counts once its outcome is known, and is written
once the outcomes of all that came before it are known too.
"""

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Sequence
from math import inf
from typing import NamedTuple

from shadow.compare.comparison import COMPARED, Comparison, Outcome, Tally
from shadow.compare.difference import Severity
from shadow.compare.pair import Pair
from shadow.compare.rules import NONE, Rules
from shadow.custody.base import Custody
from shadow.evidence.counting import BAD, EFFECTIVE, NOT_SAMPLED, Counts, counts_as, reason_kept, shows_nothing
from shadow.evidence.epoch import Basis, Epoch, digest
from shadow.evidence.noise import table
from shadow.evidence.stratum import HOUR, LeftOut
from shadow.lane.cohorts import Cohort, Cohorts
from shadow.lane.doubts import Doubts
from shadow.lane.epoch_keys import EpochKeys, Look
from shadow.lane.habits import Habits
from shadow.lane.members import Members
from shadow.lane.pacing import Pacing
from shadow.lane.restarts import Restarts
from shadow.lane.standing import Standing, Standings
from shadow.lane.unwritten import Calls, Exchanges
from shadow.ledger.rows import FASTER, NOT_LOST, SLOWER, Binding, Gap, Reason, Traffic, bridged
from shadow.settings import Slower
from shadow.stores.base import Batch, Store, StoreError, StoreRenewed, last_of, prove, writer_of
from shadow.stores.marks import Marks, Seat
from shadow.words import worded

FLUSH = 0.8
"""Seconds between writes, for as long as an exchange has no outcome yet or something waits to be written. A write takes
as much time for a few exchanges as for some dozens. It is less than a second, since it looks at the keys too (FRESH in
shadow.lane.epoch_keys)."""

IDLE = 3.0
"""Seconds after which an empty batch is written, to see whether the store is well and still the same file. A writer at
rest wakes up for nothing else."""

UNWRITTEN = 2_000
"""Comparisons kept while the store cannot be written. Of further ones only the outcome is kept."""

BINDINGS = 100_000
"""Pairs of identifiers kept while the store cannot be written. Exchanges with further pairs are counted as lost."""

AGAIN = 0.2
"""Seconds between two attempts to write the remaining batch at the end."""


class _Taken(NamedTuple):
    """What is written at once: a batch, and the cohorts whose evidence is in it, by capability."""

    batch: Batch
    cohorts: dict[str, Cohort]


class Writer:
    """Writes one store. It belongs to one event loop; the store and custody are called in threads.

    `lost` counts exchanges that are not in the store, by the reason of a Gap, or under "differences" if only their
    differences are missing. `failures` counts the writes that failed. `fault` says why the last write failed, and is ""
    if it did not. `renewals` counts how often the store was replaced. `keys` are the keys of epochs. `pacing` has the
    times of both arms; `habits` are those of clients that wait to be written.
    """

    def __init__(
        self, store: Store | None, custody: Custody | None, *, swept: bool = False,
        before: Callable[[], object] = lambda: None,
    ) -> None:
        """`store` and `custody` are None if they are not open yet: see `use`. `swept`: all exchanges are a sweep's.
        `before` is called just before what waits is written: what ends then is written too."""
        self.lost: Counter[str] = Counter()
        self.failures = 0
        self.renewals = 0
        self.fault = ""
        self.keys = EpochKeys(custody)
        self.pacing = Pacing()
        self._restarts = Restarts()
        self._standings = Standings(self.keys, self._restarts)
        self._store = store
        self._swept = swept
        self._before = before
        self._tallies: Counter[Tally] = Counter()
        self._comparisons: list[Comparison] = []
        self._traffic: defaultdict[tuple[str, str, str, str], Calls] = defaultdict(Calls)
        self._cohorts = Cohorts()
        self._doubts = Doubts()
        self.habits = Habits()
        self._eligible: Counter[tuple[str, int]] = Counter()
        # The hour since 1970, as of the last look: counting what the sample leaves out reads no clock.
        self._hour = int(time.time()) // HOUR
        self._members = Members()
        self._bindings: list[Binding] = []
        self._gaps: dict[tuple[str, Reason], Gap] = {}
        self._marks = Marks()
        self._looked = -inf
        self._stopping = False
        self._due = asyncio.Event()
        # While the writer runs, the timer that sets `_due`: in FLUSH where the writer is busy, else in IDLE.
        self._timer: asyncio.TimerHandle | None = None
        self._busy = True
        self._task: asyncio.Task[None] | None = None

    def use(self, store: Store, custody: Custody) -> None:
        """Write to this store from now on, with keys of this custody."""
        self._store = store
        self.keys.use(custody)

    def adopt(self, seat: Seat) -> None:
        """Keep the marks in this file from now on. What former workers have left in it becomes gaps."""
        for one in self._marks.adopt(seat):
            self._miss(one.gap())
        self.live()

    def live(self) -> None:
        """Mark that this worker is alive now. What is lost if it is killed was taken before the next call."""
        self._marks.tick(time.time())

    def take(self, capability: str) -> None:
        """Mark that an exchange was taken, and will have an outcome."""
        if not self._busy:
            self._write_soon()
        self._marks.take(capability)

    def join(self, capability: str) -> Cohort:
        """The cohort of an exchange that was taken, and whose outcome is not known yet: see `keep`."""
        return self._cohorts.join(capability)

    def unwritten(self) -> dict[str, int]:
        """How many exchanges were taken and are not written yet, by capability."""
        return self._marks.pending()

    def _miss(self, gap: Gap) -> None:
        self.lost[str(gap.reason)] += gap.exchanges
        self._gap(gap)

    def _gap(self, gap: Gap) -> None:
        self._write_soon()
        place = gap.capability, gap.reason
        self._gaps[place] = bridged(self._gaps[place], gap) if place in self._gaps else gap

    def standing(self, pair: Pair, basis: Basis) -> Standing | None:
        """See Standings.of."""
        return self._standings.of(pair, basis)

    async def first_standing(self, pair: Pair, basis: Basis) -> Standing:
        """See Standings.first."""
        await self._restarts.make_known(self._store)
        return await self._standings.first(pair, basis)

    def key(self, capability: str, standing: Standing | None) -> bytes:
        """The key that an exchange's tokens are made with; empty if there is none."""
        return self.keys.get(capability, standing.epoch) or b"" if standing is not None else b""

    def count(self, tally: Tally, left_out: LeftOut | None = None) -> None:
        """Count an exchange that was not sent to both arms. `left_out` says what is known of it."""
        self._count(tally, left_out, self._cohorts.present(tally.capability))

    def _count(self, tally: Tally, left_out: LeftOut | None, cohort: Cohort) -> None:
        self._write_soon()
        cohort.settled += tally.reason != NOT_SAMPLED
        self._tallies[tally] += 1
        self._eligible[tally.capability, self._hour if left_out is None else int(left_out.at) // HOUR] += 1
        if tally.reason == Reason.STORE_UNAVAILABLE:
            # Its epoch may not be known before the first pair, so the time says which epoch the gap is in.
            now = time.time()
            self._gap(Gap(tally.capability, Reason.STORE_UNAVAILABLE, 1, now, now))
        # An exchange that the sample left out by chance is no gap in the evidence.
        elif tally.reason != NOT_SAMPLED:
            standing = self._standings.of_left_out(tally.capability, tally.operation, left_out)
            if standing is not None:
                self._count_for(standing, tally, cohort)

    def count_members(self, tally: Tally, standing: Standing, who: Sequence[tuple[str, str]]) -> None:
        """Count a finished exchange of both arms for those who asked, if it is effective: (dimension, name)."""
        counts, nothing = counts_as(tally.outcome, tally.reason), shows_nothing(tally.outcome, tally.reason)
        bad = counts in BAD and not nothing
        if bad and not self._standings.is_first_bad(tally.capability, standing):
            return
        if bad or (standing.first and (nothing or counts is Counts.RIGHT)):
            key = self.keys.get(tally.capability, standing.epoch)
            if key:
                self._members.count(tally.capability, standing.epoch, key, who, bad=bad)

    def keep(
        self, comparison: Comparison, standing: Standing | None = None, rules: Rules = NONE,
        left_out: LeftOut | None = None, cohort: Cohort | None = None,
    ) -> None:
        """Keep a finished exchange: its comparison by these rules, and what it proves if both arms were asked. If not,
        `left_out` says what is known of it. It leaves its `cohort`, or None if it came just now."""
        cohort = cohort or self.join(comparison.tally.capability)
        cohort.open -= 1
        if standing is None and not _has_details(comparison):
            self._count(comparison.tally, left_out, cohort)
            return
        cohort.settled += 1
        if standing is not None:
            capability = comparison.tally.capability
            self._eligible[capability, standing.hour] += 1
            if not standing.linked:
                self._gap(Gap(capability, Reason.UNLINKED, 1, standing.at, standing.at))
            self._weigh(comparison, standing, rules, cohort)
            if comparison.bonds:
                self._bind(comparison, standing)
        self._keep(comparison)

    def _keep(self, comparison: Comparison) -> None:
        if _has_details(comparison):
            if len(self._comparisons) < UNWRITTEN:
                self._comparisons.append(comparison)
                return
            self.lost["differences"] += 1
        self._tallies[comparison.tally] += 1

    def _bind(self, comparison: Comparison, standing: Standing) -> None:
        if len(self._bindings) + len(comparison.bonds) > BINDINGS:
            self.lost["differences"] += 1
            return
        place = comparison.tally.capability, digest(standing.epoch)
        self._bindings += [Binding(*place, one.name, one.legacy, one.modern, one.split, one.merged, comparison.at,
                                   comparison.trace_id) for one in comparison.bonds]

    def _weigh(self, comparison: Comparison, standing: Standing, rules: Rules, cohort: Cohort) -> None:
        outcome = comparison.tally.outcome
        found = self._count_for(standing, comparison.tally, cohort)
        if outcome is Outcome.MISMATCH and comparison.severity is Severity.CRITICAL:
            critical = {one.signature for one in comparison.differences if one.severity is Severity.CRITICAL}
            found.critical += 1
            found.reproduced += not critical.isdisjoint(comparison.reproduced)
        elif outcome is Outcome.TRANSIENT and comparison.was_critical:
            found.critical += 1
        if comparison.hidden and outcome in COMPARED:
            hidden = dict(comparison.hidden)
            found.known.update(one.id for one in rules.known if one.id in hidden)
        if comparison.drifts:
            found.add_noise(table([comparison], standing.epoch).values())

    def _count_for(self, standing: Standing, tally: Tally, cohort: Cohort) -> Exchanges:
        """Count an exchange where it stands. Returns the exchanges of its kind in its cohort."""
        reason = reason_kept(tally.outcome, tally.reason)
        found = cohort.at((tally.capability, standing.epoch, standing.stratum, tally.outcome, reason), standing.at)
        found.count += 1
        if standing.size >= 0:
            found.sizes[standing.size] += 1
        if standing.token:
            counts = counts_as(tally.outcome, reason)
            if standing.first and standing.size >= 0 and counts in EFFECTIVE and counts is not Counts.AFTER:
                found.sizes_first[standing.size] += 1
            # A subject has a token for each way to count, so that it counts once an hour in each. Otherwise a mismatch
            # would not count after another worker's match, or after an earlier match of its own subject.
            if counts in BAD:
                found.tokens.add((standing.hour, standing.token + b"!"))
            elif counts is Counts.BEFORE:
                found.tokens.add((standing.hour, standing.token + b"-"))
            elif standing.first:
                found.tokens.add((standing.hour, standing.token))
        return found

    def add(self, row: Traffic) -> None:
        """Add calls to an arm. Rows of one key are added up."""
        self._write_soon()
        if row.requests:
            # Clients asked in this hour, though nothing may be eligible in it, as where the stage has no shadow.
            self._eligible[row.capability, int(row.at) // HOUR] += 0
        known = self._traffic[row.capability, row.operation, row.stage, row.arm]
        known.requests += row.requests
        known.errors += row.errors
        known.seconds.merge(row.seconds)
        known.at = max(known.at, row.at)

    def call(self, capability: str, operation: str, arm: str, seconds: float, failed: bool, at: float) -> None:
        """Add one call to an arm by the lane itself. It is no client's request, so it does not count as one."""
        known = self._traffic[capability, operation, "", arm]
        known.errors += failed
        known.seconds.add(seconds)
        if at > known.at:
            known.at = at

    def times(self, pair: Pair, epoch: Epoch, by: Slower | None) -> None:
        """Add the times of both arms over the same request, and by how much one took longer than the other, as far as
        both answered at their own pace: to the end of the answer, or else to its head."""
        longer = self.pacing.count(pair, epoch, by)
        if longer is not None:
            self.call(pair.capability, pair.operation, SLOWER if longer > 0 else FASTER, abs(longer), False, pair.at)

    def start(self) -> None:
        """Begin to write, in the running event loop."""
        self._busy = True
        self._wake_in(FLUSH)
        self._task = asyncio.create_task(self._run())

    async def close(self, until: float = 0.0) -> None:
        """Write everything that waits, and stop. If the store fails, try again until that time of the event loop. It
        may be called again for exchanges that came later."""
        self._stopping = True
        self._due.set()
        task, self._task = self._task, None
        if task is not None:
            # It is not cancelled: whether the batch that its thread is writing was written must be known.
            await task
        await self._flush()
        while self.fault and asyncio.get_running_loop().time() < until:
            await asyncio.sleep(AGAIN)
            await self._flush(looks=True)
        await self.keys.refresh()

    def leave(self) -> None:
        """Give the marks back. What is not written now is lost; in the marks the next worker finds how much that is."""
        self._marks.close()

    def _write_soon(self) -> None:
        """Write within FLUSH: an exchange has begun, or something waits to be written."""
        if not self._busy and self._timer is not None:
            self._busy = True
            self._wake_in(FLUSH)

    def _wake_in(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(seconds, self._wake)

    def _wake(self) -> None:
        self._due.set()
        self._before()

    async def _run(self) -> None:
        # At rest, when every exchange that was taken is written, nothing but the look once in IDLE wakes up the loop.
        while True:
            await self._due.wait()
            self._due.clear()
            if self._stopping:
                break
            self._busy = False
            self._wake_in(IDLE)
            if not await self._flush(looks=True) or self.keys.any_unwanted:
                await self.keys.refresh()
            if self.fault or self._marks.pending():
                self._write_soon()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def _flush(self, *, looks: bool = False) -> bool:
        """Write what waits. If nothing does and `looks` is True, write an empty batch now and then: see IDLE.

        Returns whether something was written. Then custody was looked at too: one thread does both, because handing
        work to a thread takes as long as writing a few exchanges."""
        self._hour = int(time.time()) // HOUR
        self.live()
        store = self._store
        if store is None:
            return False
        taken, now = self._take(), asyncio.get_running_loop().time()
        batch = taken.batch
        # FLUSH less than IDLE: the timer was set just before the last look.
        if batch.is_empty and not (looks and now - self._looked >= IDLE - FLUSH):
            return False
        self._looked = now
        self._marks.writes(_settled(taken), last_of(store)[0])
        try:
            dropped, look = await asyncio.to_thread(self._written, store, batch)
        except StoreRenewed as renewed:
            self.renewals += 1
            self._put_back(taken)
            for one in self._marks.forget():
                anew = renewed.made >= one.first > 0
                self._miss(one.gap(Reason.STORE_DELETED if anew else Reason.STORE_REPLACED))
            return await self._flush()
        except Exception as error:
            # Whatever was raised, the store took nothing of the batch (that is its contract), and serving goes on.
            self.failures += 1
            self._looked = -inf  # so that it is soon known when the store is well again
            self.fault = worded(error, StoreError)
            self._put_back(taken)
            return False
        self.fault = ""
        self.keys.heed(look)
        self.keys.destroy_soon(dropped or ())
        self._marks.wrote(time.time(), writer_of(store), last_of(store)[1])
        return True

    def _written(self, store: Store, batch: Batch) -> tuple[Collection[tuple[str, Epoch]], Look]:
        """Write a batch, in a thread, and look at the store and at custody. Returns dropped epochs, and the look."""
        prove(store, self._marks.unproven)
        dropped = store.write(batch, self.keys.held())
        self._restarts.look(store)
        return dropped, self.keys.look()

    def _take(self) -> _Taken:
        """What may be written now."""
        comparisons, self._comparisons = self._comparisons, []
        tallies, self._tallies = self._tallies, Counter()
        calls, self._traffic = self._traffic, defaultdict(Calls)
        now = asyncio.get_running_loop().time()
        cohorts = self._cohorts.due(now)
        bindings, self._bindings = self._bindings, []
        gaps, self._gaps = self._gaps, {}
        eligible, self._eligible = self._eligible, Counter()
        return _Taken(Batch(
            comparisons, tallies, [one.row(*key) for key, one in calls.items()],
            [exchanges.sighting(*place, swept=self._swept) for cohort in cohorts.values()
             for (place, _), exchanges in cohort.evidence.items()], bindings,
            list(gaps.values()), {} if self._swept else eligible, self._members.take(), self.pacing.take(),
            self._doubts.news(self._cohorts.doubtful(now), time.time()), self.habits.take()), cohorts)

    def _put_back(self, taken: _Taken) -> None:
        """Keep what was not written, to be written with the next batch."""
        batch = taken.batch
        self._tallies.update(batch.tallies)
        self._eligible.update(batch.eligible)
        self._members.add(batch.members)
        for comparison in batch.comparisons:
            self._keep(comparison)
        for capability, cohort in taken.cohorts.items():
            self._cohorts.put_back(capability, cohort)
        self._bindings = [*batch.bindings, *self._bindings]
        for row in batch.traffic:
            self.add(row)
        for gap in batch.gaps:
            self._gap(gap)
        self.pacing.put_back(batch.paces)
        self._doubts.put_back(batch.waiting)
        self.habits.add(batch.habits)


def _has_details(comparison: Comparison) -> bool:
    """Whether there is more to store than its outcome."""
    return bool(comparison.differences or comparison.hidden)


def _settled(taken: _Taken) -> Counter[str]:
    """How many exchanges are settled once this is written, by capability: those whose outcome is known and whose
    evidence is written, and those that were lost before."""
    counts = Counter({capability: cohort.settled for capability, cohort in taken.cohorts.items()})
    for gap in taken.batch.gaps:
        counts[gap.capability] += gap.exchanges if gap.reason not in NOT_LOST else 0
    return counts
