"""A worker's shadow: the lane, the files that it needs, and the reports about them.

Traffic does not wait for the files (see shadow.lane.archive): the worker serves from the start, and the lane begins as
soon as its store and its custody are open.
"""

import asyncio
import time
from functools import partial
from pathlib import Path
from typing import Any

from gateway import plugins
from gateway.config.compile import Configuration
from gateway.mirroring import ask_mirror
from gateway.naming import Naming, days_kept
from gateway.stdio import to_stderr
from gateway.telemetry.facts import CustodyFacts, LaneFacts, StoreFacts
from gateway.telemetry.faults import Faults
from gateway.telemetry.record import Recorder
from shadow.custody.base import Custody
from shadow.custody.sqlite import SqliteCustody
from shadow.lane.archive import CUSTODY, OPENING, SEALED, STORE, Archive
from shadow.lane.lane import Lane
from shadow.ledger.rows import Reason
from shadow.sealed.base import Vault
from shadow.sealed.capture import Capture
from shadow.sealed.sqlite import SqliteVault
from shadow.stores.base import Store, StoreError
from shadow.stores.earlier import as_of_now
from shadow.stores.marks import seat
from shadow.words import noun


class Shadowing:
    """The lane with its files. Everything here belongs to the worker's event loop, except `store`."""

    def __init__(self, configuration: Configuration, recorder: Recorder, patience: float, run_dir: str = "") -> None:
        """For `patience` seconds from now, a file that is not open yet does not count as a fault. `run_dir` is the
        folder that several workers share while they run, "" for a single worker."""
        self.lane = Lane(ask_mirror, None, configuration.lane)
        self._archive = _archive(configuration, run_dir)
        self._recorder = recorder
        self._faults = Faults(recorder)
        self._patient = time.monotonic() + patience
        self._naming = Naming(days_kept(configuration.store[1]), run_dir)
        self._on = self._marking = self._is_naming = False
        # How often the store and the custody were replaced by new files, as last reported.
        self._renewals = (0, 0)

    def start(self) -> asyncio.Event:
        """Open the files, on the running event loop. The event is set after the first attempt."""
        return self._archive.open(self._opened)

    def _opened(self) -> None:
        """Called after each attempt: start the lane once its files are open, and sealing once its file is."""
        archive, lane = self._archive, self.lane
        if not self._on and archive.store is not None and archive.custody is not None:
            self._on = True
            lane.use(archive.store, archive.custody)
            lane.start()
        elif not self._on and not self._faults.any_reported:
            reasons = "; ".join(archive.faults.values())
            to_stderr(f"figway: the shadow lane is off, and starts by itself once this is fixed: {reasons}")
        if archive.seat is not None and not self._marking:
            self._marking = True
            lane.writer.adopt(archive.seat)
        if self._on and lane.capture is None and archive.vault is not None:
            lane.seal(Capture(archive.vault))
        self.report_faults()

    async def drain(self, seconds: float) -> None:
        """Finish the mirrors under way within `seconds`, and drop the rest."""
        await self.lane.drain(seconds)

    async def close(self) -> None:
        """Report what could not be written, and close the files."""
        self._report_loss()
        self.lane.writer.leave()
        await asyncio.to_thread(self._archive.close)

    def store(self) -> Store:
        """The open store. Raises StoreError if it is not open."""
        store = self._archive.store
        if store is None:
            raise StoreError(f"the store is not open: {self._archive.faults.get(STORE, OPENING)}")
        return store

    def faults(self) -> dict[str, str]:
        """The files that do not work now (store, custody, the sealed file, the file of marks), each with the reason."""
        writer, capture = self.lane.writer, self.lane.capture
        working = {STORE: writer.fault, CUSTODY: writer.keys.fault, SEALED: capture.fault if capture else ""}
        return self._archive.faults | {what: why for what, why in working.items() if why}

    def report_faults(self) -> None:
        """Log the faults that began or ended, and the files that were replaced by new ones."""
        faults = self.faults()
        if time.monotonic() < self._patient:
            faults = {what: why for what, why in faults.items() if why != OPENING}
        writer, capture = self.lane.writer, self.lane.capture
        self._faults.report(faults, {STORE: writer.failures, CUSTODY: writer.keys.failures,
                                     SEALED: capture.counts["failed"] if capture is not None else 0})
        self._report_renewals()
        for one in self.lane.newly_spared():
            self._recorder.event("legacy_spared", level="warning", capability=one.capability, operation=one.operation,
                                 reason=one.reason, seconds=one.pause)

    def _report_renewals(self) -> None:
        """Report a file that was deleted or replaced: it did not fail, but its contents are lost."""
        writer = self.lane.writer
        (stores, custodies), self._renewals = self._renewals, (writer.renewals, writer.keys.renewals)
        if writer.renewals > stores:
            lost = writer.lost
            self._recorder.event("store_renewed", level="error",
                                 lost=lost[Reason.STORE_DELETED] + lost[Reason.STORE_REPLACED])
        if writer.keys.renewals > custodies:
            self._recorder.event("custody_renewed", level="error")

    async def note_clients(self, *, last: bool = False) -> None:
        """Write what clients still do with the next batch, and name in the log who was refused. While custody or the
        store cannot be opened, or custody fails, it waits."""
        clients, writer = self._recorder.clients, self.lane.writer
        if not self._is_naming and self._on and (taken := clients.take()) is not None:
            self._is_naming, named = True, None
            try:
                named = await asyncio.to_thread(writer.keys.other, partial(self._naming.name, taken))
            finally:
                self._is_naming = False
                if named is None:
                    clients.put_back(taken)
            if named is not None:
                writer.habits.add(named.habits)
                for client, rule in named.refused:
                    clients.named(rule)
                    self._recorder.event("client_refused", level="warning", client=client, rule=rule)
        for rule, count in clients.untold(last=last):
            self._recorder.event("clients_refused", level="warning", rule=rule, count=count)

    def _report_loss(self) -> None:
        """Log the exchanges that were never written, at the end. If there is a file of marks, the next start finds them
        there too. They do not change the exit status, because a restart would not bring them back."""
        why = self.faults().get(STORE, "there was no time")
        for capability, exchanges in self.lane.writer.unwritten().items():
            self._recorder.event("evidence_lost", level="error", capability=capability, exchanges=exchanges, reason=why)
            to_stderr(f"figway: {exchanges:,} {noun(exchanges, 'exchange')} of {capability} "
                      f"{noun(exchanges, 'was', 'were')} not written: {why}")

    # --- for the admin port ----------------------------------------------------------------------------------------

    def outcomes(self) -> list[tuple[str, str, str, str, int]]:
        """Counts of the eligible exchanges: (capability, operation, outcome, reason, count)."""
        return [(tally.capability, tally.operation, str(tally.outcome), tally.reason, count)
                for tally, count in self.lane.counters().items()]

    def mirrored(self) -> list[tuple[str, str, float, list[int]]]:
        """How long each arm took over mirrored requests: (capability, arm, seconds in all, buckets)."""
        return [(capability, arm, spent.sum, spent.histogram.counts)
                for capability, both in self.lane.writer.pacing.spent.items()
                for arm, spent in zip(("legacy", "modern"), both, strict=True)]

    def lane_facts(self) -> LaneFacts:
        """The lane's state. Each capability with an exchange is among those with `extra` requests, if only with 0."""
        extra = {tally.capability: 0 for tally in self.lane.counters()} | dict(self.lane.extra)
        return {"on": self.lane.on and self._on, "unfinished": self.lane.unfinished, "held_bytes": self.lane.held,
                "extra": list(extra.items()), "spared": self.lane.spared()}

    def store_facts(self) -> StoreFacts:
        """The store's failures and losses."""
        return {"failures": self.lane.writer.failures, "lost": dict(self.lane.writer.lost)}

    def custody_facts(self) -> CustodyFacts:
        """The custody's failures."""
        return {"failures": self.lane.writer.keys.failures}

    def capture_counts(self) -> dict[str, int]:
        """Counts of the mismatches chosen for sealing, by result; empty if nothing is sealed."""
        return dict(self.lane.capture.counts) if self.lane.capture is not None else {}


def _archive(configuration: Configuration, run_dir: str) -> Archive:
    """The files of the shadow, as configured. Their settings are valid, so a file that cannot be opened is a temporary
    fault, which may be fixed while traffic goes on.

    Several workers share what a single one keeps in memory: it is in files of `run_dir`, which end with the gateway. If
    each had its own, a report would depend on who answers, a subject would count once for each worker, and no sum of
    the workers' ledgers could tell the order of their exchanges, which the verdict needs."""
    (name, options), sealed, keys = configuration.store, configuration.sealed, configuration.custody
    if name == "memory" and run_dir:
        file = Path(run_dir, "figway.db")
        name, options = "sqlite", _shared(options, file)
        keys = keys or file.with_name("figway.db.custody")

    def store() -> Store:
        return as_of_now(plugins.load("figway.stores", name)(options))

    def custody() -> Custody:
        return SqliteCustody(keys)

    def vault(custody: Custody) -> Vault:
        assert sealed is not None
        return SqliteVault(sealed.path, custody, sealed.bounds)

    path = getattr(options, "path", None)
    return Archive(store, custody, vault if sealed is not None else None,
                   partial(seat, path) if isinstance(path, Path) else None)


def _shared(options: Any, file: Path) -> Any:
    """The options of the store in a file that keeps what the memory store with these options would."""
    kind: Any = plugins.load("figway.stores", "sqlite")
    return kind.Options(file, options.signatures, options.retention)
