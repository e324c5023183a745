"""What waits to be written to the store, added up meanwhile, and the task that writes it in a thread.

A store that fails loses no outcome: what could not be written is kept and written with the next batch. Only the
differences of comparisons past a bound are let go, and counted. What is lost all the same (a worker is killed, a store
deleted, a disk full to the end) is known by the marks (shadow.stores.marks), and the store is told of it: see `Gap`.

What an exchange proves is settled in two steps. It is sighted as soon as both arms have spoken, so that whatever is
asked of the same subject later in the hour cannot take its place; it counts once its outcome is known.
"""

import asyncio
import time
from collections import Counter, defaultdict
from typing import NamedTuple, TypeAlias

from shadow.compare.comparison import COMPARED, VERSION, Comparison, Outcome, Tally
from shadow.compare.difference import Severity
from shadow.compare.pair import Pair
from shadow.compare.rules import NONE, Rules
from shadow.custody.base import Custody
from shadow.evidence.epoch import Basis, Epoch, build_of, digest
from shadow.evidence.noise import table
from shadow.evidence.stratum import Stratum, subject
from shadow.lane.keys import EpochKeys
from shadow.lane.unwritten import Calls, Exchanges
from shadow.ledger.rows import FASTER, HOURS, JUDGED, SLOWER, Binding, Gap, Reason, Traffic, bridged
from shadow.stores.base import Batch, Store, StoreError, StoreRenewed
from shadow.stores.marks import Marks, Seat
from shadow.words import worded

FLUSH = 0.5
"""Seconds between writes."""

IDLE = 3.0
"""Seconds after which the store is written to though there is nothing to be: whether it is well, and still the same."""

UNWRITTEN = 2_000
"""Comparisons kept while the store cannot be written; of more, only the outcome is."""


BINDINGS = 100_000
"""Pairs of identifiers kept while the store cannot be written. Exchanges that bring more are counted as lost."""

AGAIN = 0.2
"""Seconds between two tries to write what is left at the end."""

CLAIMS = 50_000
"""Subjects of an hour that are kept in mind. Exchanges of more are counted, but prove nothing."""

_BAD = frozenset({Outcome.MISMATCH, Outcome.CANDIDATE_ERROR})


NOT_SAMPLED = "not_sampled"
"""Why an exchange is skipped that nobody misses: chance left it out."""


class Sight(NamedTuple):
    """What an exchange may come to prove: in which epoch and stratum. `token` is empty where its epoch has no key, and
    where there are too many subjects; `first` tells that its subject was not seen in that hour before."""

    epoch: Epoch
    stratum: Stratum
    hour: int
    token: bytes
    first: bool


_Place: TypeAlias = tuple[str, Epoch, Stratum, Outcome]


class Writer:
    """Batches for one store. All but the store's own `write`, and custody, happens in one event loop.

    `lost` counts exchanges by why they are not in the store: reasons of a Gap, and "differences" for those of which
    only the differences are not. `failures` counts the writes that failed, `fault` says why the last one did ("" where
    it did not), `renewals` the times that the store was another. `keys` are the epochs'.
    """

    def __init__(self, store: Store | None, custody: Custody | None) -> None:
        """None of what is yet to be opened: see `use`."""
        self.lost: Counter[str] = Counter()
        self.failures = 0
        self.renewals = 0
        self.fault = ""
        self.keys = EpochKeys(custody)
        self._store = store
        self._tallies: Counter[Tally] = Counter()
        self._comparisons: list[Comparison] = []
        self._traffic: defaultdict[tuple[str, str, str, str], Calls] = defaultdict(Calls)
        self._exchanges: dict[_Place, Exchanges] = {}
        self._epochs: dict[str, Epoch] = {}
        self._bindings: list[Binding] = []
        self._gaps: dict[tuple[str, Reason], Gap] = {}
        self._marks = Marks()
        self._latest: dict[str, float] = {}
        self._claimed: defaultdict[int, set[bytes]] = defaultdict(set)
        self._looked = 0.0
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def use(self, store: Store, custody: Custody) -> None:
        """Write here from now on."""
        self._store = store
        self.keys.use(custody)

    def adopt(self, seat: Seat) -> None:
        """Mark in this file what is taken and what is written, and tell the store what others have left in it."""
        for one in self._marks.adopt(seat):
            self._miss(one.gap())

    def take(self, capability: str) -> None:
        """An exchange is to come to an outcome."""
        self._marks.take(capability)

    def unwritten(self) -> dict[str, int]:
        """How many exchanges have come to an outcome, or are to, and are not written, by capability."""
        return self._marks.pending()

    def _miss(self, gap: Gap) -> None:
        self.lost[str(gap.reason)] += gap.exchanges
        self._gap(gap)

    def _gap(self, gap: Gap) -> None:
        place = gap.capability, gap.reason
        self._gaps[place] = bridged(self._gaps[place], gap) if place in self._gaps else gap

    def sight(self, pair: Pair, basis: Basis) -> Sight | None:
        """Take an exchange for what it may prove, as soon as both arms have spoken. Cheap, and raises nothing.
        None where its epoch's key is yet to be had: see `first_sight`."""
        epoch = self._epoch(pair, basis)
        key = self.keys.get(pair.capability, epoch)
        return None if key is None else self._sight(pair, basis, epoch, key)

    async def first_sight(self, pair: Pair, basis: Basis) -> Sight:
        """The same for the first of an epoch. Raises nothing: without a key an exchange counts, and proves nothing."""
        epoch = self._epoch(pair, basis)
        await self.keys.make(pair.capability, epoch)
        return self._sight(pair, basis, epoch, self.keys.get(pair.capability, epoch) or b"")

    def _sight(self, pair: Pair, basis: Basis, epoch: Epoch, key: bytes) -> Sight:
        found = subject(pair, key, epoch, basis.parameters)
        claimed = self._claimed[found.hour]
        first = bool(found.token) and found.token not in claimed and len(claimed) < CLAIMS
        if not claimed:
            for over in [hour for hour in self._claimed if hour <= found.hour - HOURS]:
                del self._claimed[over]
        if first:
            claimed.add(found.token)
        return Sight(epoch, found.stratum, found.hour, found.token if found.token in claimed else b"", first)

    def key(self, capability: str, sight: Sight | None) -> bytes:
        """What tokens of an exchange are made by; empty where there is none."""
        return self.keys.get(capability, sight.epoch) or b"" if sight is not None else b""

    def count(self, tally: Tally) -> None:
        """An exchange that never came to be asked of both arms."""
        self._tallies[tally] += 1
        if tally.reason == Reason.STORE_UNAVAILABLE:
            # No epoch is known before the first pair, so that they count by when they came.
            now = time.time()
            return self._gap(Gap(tally.capability, Reason.STORE_UNAVAILABLE, 1, now, now))
        epoch = self._epochs.get(tally.capability)
        # What a sample leaves out by chance leaves no doubt.
        if epoch is not None and tally.reason != NOT_SAMPLED:
            place = tally.capability, epoch, Stratum(tally.operation, "", "", ""), tally.outcome
            self._exchanges_at(place, self._latest[tally.capability]).count += 1
        return None

    def keep(self, comparison: Comparison, sight: Sight | None = None, rules: Rules = NONE) -> None:
        """The end of an exchange, by which rules, with what it proves where both arms were asked."""
        if sight is not None:
            self._weigh(comparison, sight, rules)
            self._bind(comparison, sight)
            self._keep(comparison)
        elif _tells(comparison):
            self._keep(comparison)
        else:
            self.count(comparison.tally)

    def _keep(self, comparison: Comparison) -> None:
        told = _tells(comparison)
        if told and len(self._comparisons) < UNWRITTEN:
            self._comparisons.append(comparison)
            return
        self.lost["differences"] += told
        self._tallies[comparison.tally] += 1

    def _bind(self, comparison: Comparison, sight: Sight) -> None:
        if not comparison.bonds:
            return
        if len(self._bindings) + len(comparison.bonds) > BINDINGS:
            self.lost["differences"] += 1
            return
        place = comparison.tally.capability, digest(sight.epoch)
        self._bindings += [Binding(*place, one.name, one.legacy, one.modern, one.split, one.merged, comparison.at,
                                   comparison.trace_id) for one in comparison.bonds]

    def _weigh(self, comparison: Comparison, sight: Sight, rules: Rules) -> None:
        outcome = comparison.tally.outcome
        found = self._exchanges_at((comparison.tally.capability, sight.epoch, sight.stratum, outcome), comparison.at)
        found.count += 1
        if outcome is Outcome.MISMATCH and comparison.severity is Severity.CRITICAL:
            critical = {one.signature for one in comparison.differences if one.severity is Severity.CRITICAL}
            found.critical += 1
            found.reproduced += not critical.isdisjoint(comparison.reproduced)
        if comparison.hidden and rules.known and outcome in COMPARED:
            hidden = dict(comparison.hidden)
            found.known.update(one.id for one in rules.known if one.id in hidden)
        if comparison.drifts:
            found.hear(table([comparison], sight.epoch).values())
        # Good and bad are told apart: a mismatch does not drown in another worker's match, nor in an earlier one of its
        # own subject, as where only the second reading is wrong. Each counts once.
        if sight.token and outcome in _BAD:
            found.tokens.add((sight.hour, sight.token + b"!"))
        elif sight.first and outcome in JUDGED:
            found.tokens.add((sight.hour, sight.token))

    def _exchanges_at(self, place: _Place, at: float) -> Exchanges:
        found = self._exchanges.get(place)
        if found is None:
            found = self._exchanges[place] = Exchanges(at, at)
        elif at > found.last:
            found.last = at
        elif at < found.first:
            found.first = at
        return found

    def _epoch(self, pair: Pair, basis: Basis) -> Epoch:
        """The epoch of an exchange. An arm that does not tell its build now is taken to be the one that it was."""
        self._latest[pair.capability] = pair.at
        known = self._epochs.get(pair.capability)
        legacy, modern = ("", "") if not basis.build else (
            build_of(pair.control, basis.build), build_of(pair.candidate, basis.build))
        # A known difference that expires is a rule that goes.
        expired = sum(one.expires <= pair.at for one in pair.rules.known) if pair.rules.known else 0
        custody = self.keys.custody
        if known is None:
            known = self._epochs[pair.capability] = Epoch(legacy, modern, basis.setup, VERSION, expired, custody)
        elif ((legacy and legacy != known.legacy) or (modern and modern != known.modern) or expired != known.expired
              or basis.setup != known.setup or custody != known.custody):
            known = self._epochs[pair.capability] = Epoch(
                legacy or known.legacy, modern or known.modern, basis.setup, VERSION, expired, custody)
        return known

    def add(self, row: Traffic) -> None:
        """Calls down an arm; rows of one key are added up."""
        known = self._traffic[row.capability, row.operation, row.stage, row.arm]
        known.requests += row.requests
        known.errors += row.errors
        known.seconds.merge(row.seconds)
        known.at = max(known.at, row.at)

    def call(self, capability: str, operation: str, arm: str, seconds: float, failed: bool, at: float) -> None:
        """One call of the lane's own down an arm: no client's request, so it counts none."""
        known = self._traffic[capability, operation, "", arm]
        known.errors += failed
        known.seconds.add(seconds)
        if at > known.at:
            known.at = at

    def gap(self, pair: Pair) -> None:
        """How much longer one arm took than the other over the same request, where both answered."""
        if pair.control.failure is None and pair.candidate.failure is None:
            gap = pair.candidate.seconds - pair.control.seconds
            self.call(pair.capability, pair.operation, SLOWER if gap > 0 else FASTER, abs(gap), False, pair.at)

    def start(self) -> None:
        """Begin to write, in the running event loop."""
        self._task = asyncio.create_task(self._run())

    async def close(self, until: float = 0.0) -> None:
        """Write what is left, and stop. Where the store fails it is tried again up to a time of the event loop. It may
        be called again, for what came later."""
        self._stopping.set()
        task, self._task = self._task, None
        # The task is not cancelled: a batch whose thread is at work must be known to be written or not.
        await (task or self._flush())
        while self.fault and asyncio.get_running_loop().time() < until:
            await asyncio.sleep(AGAIN)
            await self._flush(looks=True)
        await self.keys.refresh()

    def leave(self) -> None:
        """Give the marks back: what is not written now is lost, and whoever comes next finds it in them."""
        self._marks.close()

    async def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                async with asyncio.timeout(FLUSH):
                    await self._stopping.wait()
            except TimeoutError:
                pass
            await self._flush(looks=True)
            await self.keys.refresh()

    async def _flush(self, *, looks: bool = False) -> None:
        """Write what waits; where nothing does, and it `looks`, have a look at the store now and then."""
        self._marks.tick(time.time())
        store = self._store
        if store is None:
            return
        batch, now = self._take(), time.monotonic()
        if batch.is_empty and not (looks and now - self._looked >= IDLE):
            return
        self._looked = now
        try:
            dropped = await asyncio.to_thread(lambda: store.write(batch, self.keys.held()))
        except StoreRenewed as renewed:
            self.renewals += 1
            self._put_back(batch)
            for one in self._marks.forget():
                anew = renewed.made >= one.first > 0
                self._miss(one.gap(Reason.STORE_DELETED if anew else Reason.STORE_REPLACED))
            await self._flush()
        except Exception as error:
            # Whatever it was, the store took nothing of the batch (that is its contract) and serving goes on.
            self.failures += 1
            self._looked = 0.0  # to know soon when it is well again
            self.fault = worded(error, StoreError)
            self._put_back(batch)
        else:
            self.fault = ""
            self.keys.doom(dropped or ())
            now = time.time()
            for capability, exchanges in _settled(batch).items():
                self._marks.wrote(capability, exchanges, now)

    def _take(self) -> Batch:
        """What waits to be written."""
        comparisons, self._comparisons = self._comparisons, []
        tallies, self._tallies = self._tallies, Counter()
        calls, self._traffic = self._traffic, defaultdict(Calls)
        exchanges, self._exchanges = self._exchanges, {}
        bindings, self._bindings = self._bindings, []
        gaps, self._gaps = self._gaps, {}
        return Batch(
            comparisons, tallies, [one.row(*key) for key, one in calls.items()],
            [one.sighting(*place) for place, one in exchanges.items()], bindings, list(gaps.values()))

    def _put_back(self, batch: Batch) -> None:
        """Keep a batch that was not written, to be written with the next."""
        self._tallies.update(batch.tallies)
        for comparison in batch.comparisons:
            self._keep(comparison)
        for one in batch.sightings:
            self._exchanges_at((one.capability, one.epoch, one.stratum, one.outcome), one.last).add(one)
        self._bindings = [*batch.bindings, *self._bindings]
        for row in batch.traffic:
            self.add(row)
        for gap in batch.gaps:
            self._gap(gap)


def _tells(comparison: Comparison) -> bool:
    """Whether more is to be remembered of it than its outcome."""
    return bool(comparison.differences or comparison.hidden)


def _settled(batch: Batch) -> Counter[str]:
    """How many exchanges the store knows the end of by a batch, by capability: those with an outcome, and those that
    were lost before they had one."""
    counts: Counter[str] = Counter()
    for tally, count in batch.tallies.items():
        counts[tally.capability] += count if tally.reason != NOT_SAMPLED else 0
    for comparison in batch.comparisons:
        counts[comparison.tally.capability] += 1
    for gap in batch.gaps:
        counts[gap.capability] += gap.exchanges if gap.reason is not Reason.STORE_UNAVAILABLE else 0
    return counts
