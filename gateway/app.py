"""The composition root of a worker: the only place that constructs things, and the one that reloads them.

A Gateway is the application that uvicorn runs: its lifespan starts and stops everything, its `edge` is what the
native listener (edge/http1.py) finds, and as an ASGI application it serves the same pipeline (edge/asgi.py).
"""

import asyncio
import contextlib
import gc
import logging
import signal
import sys
import time
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from uvicorn.config import STARTUP_FAILURE

from gateway import hangup, plugins
from gateway.apart import Apart
from gateway.certificates import Unusable
from gateway.config.attempts import RELOAD_SECONDS, Attempts, build_in_time
from gateway.config.compile import Configuration
from gateway.config.problem import Invalid
from gateway.config.watch import look, watch
from gateway.edges.asgi import Asgi
from gateway.edges.http1 import descriptors
from gateway.edges.http1.edge import Edge
from gateway.edges.http1.tls import Certificate, ServerTls
from gateway.mirroring import ask_mirror, begin_mirror
from gateway.pipeline import Pipeline
from gateway.policies.base import Policy
from gateway.standard import tell
from gateway.telemetry.bridge import Bridge
from gateway.telemetry.faults import Faults
from gateway.telemetry.output import Output
from gateway.telemetry.peers import Peers
from gateway.telemetry.record import Recorder
from gateway.telemetry.traffic import TrafficFold
from gateway.transports.http.upstream import Upstream
from shadow.custody.sqlite import Custody
from shadow.lane.archive import CUSTODY, OPENING, SEALED, STORE, Archive
from shadow.lane.lane import Lane
from shadow.ledger.rows import Reason
from shadow.report.report import Report, fold
from shadow.sealed.capture import Capture
from shadow.sealed.vault import Bounds, Vault
from shadow.stores.base import Store, StoreError
from shadow.stores.marks import seat
from shadow.words import noun

_SWEEP = 0.5
_PUBLISH = 1.0
_RETIRE = 10.0
_OPEN = 2.0
"""Seconds for which the start waits until the files of the shadow were tried once."""

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Launch:
    """What a worker is started with; it crosses process boundaries. `run_dir` is where workers leave word for each
    other, "" for a worker that is alone; `certificate` and `key` are PEM files for TLS on the data port, "" for
    none."""

    config: str
    run_dir: str = ""
    access_log: bool = True
    workers: int = 1
    certificate: str = ""
    key: str = ""


@dataclass(slots=True)
class Reloads:
    """How reloading has gone: what runs, what was refused and why, and which settings wait for a restart."""

    revision: str
    count: int = 0
    successful: bool = True
    at: float = 0.0
    problems: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()


class Gateway:
    """One worker's whole gateway. `configuration` is the one in force."""

    def __init__(self, launch: Launch) -> None:
        """Raises Invalid where the configuration has problems, Unusable where a file of TLS has. The shadow's files are
        opened later, by `start`."""
        self._path = Path(launch.config)
        # Before they are read, so that what changes in between is noticed.
        self._known = look([self._path, Path(launch.certificate), Path(launch.key)])
        self.configuration = self._began = configuration = build_in_time(self._path)
        self._known = look(configuration.files) | self._known
        self._workers = launch.workers
        self._files = configuration.files
        self.archive = _archive(configuration)
        self.recorder = Recorder(Output(), access_log=launch.access_log)
        self.lane = Lane(ask_mirror, None, configuration.lane, begin=begin_mirror)
        self.pipeline = Pipeline(configuration.table, self.lane, self.recorder)
        self._descriptors = descriptors.limit()
        self.edge = Edge(self.pipeline, configuration.edge, most=self._room_for(configuration),
                         spare=descriptors.backlog(self._descriptors))
        self.certificate = Certificate(ServerTls(Path(launch.certificate), Path(launch.key), configuration.edge.cbc)) \
            if launch.certificate else None
        self.reloads = Reloads(configuration.revision, at=time.time())
        self.peers = Peers(Path(launch.run_dir) if launch.run_dir else None, self.facts)
        self._traffic = TrafficFold()
        self._faults = Faults(self.recorder)
        self._shadowing = self._marking = False
        self._renewals = (0, 0)
        self._patient = time.monotonic() + _OPEN
        self._asgi = Asgi(self.pipeline, lambda: self.edge.settings)
        self._attempts = Attempts(self._path)
        self._reloading = asyncio.Lock()
        self._reload_waits = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._admin: Callable[[], Awaitable[None]] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application: its lifespan is the worker's; its requests go through the same pipeline."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        else:
            await self._asgi(scope, receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        tried = self.start()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_OPEN):
                await tried.wait()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.stop()
        await send({"type": "lifespan.shutdown.complete"})

    # --- start and stop --------------------------------------------------------------------------------------------

    def start(self) -> asyncio.Event:
        """Begin to work, in the running event loop. The event is set once the shadow's files were tried; where they are
        well, the lane works from then on."""
        bridge = Bridge(self.recorder)
        logging.getLogger().addHandler(bridge)
        asyncio.get_running_loop().set_exception_handler(bridge.loop_error)
        self._watch_upstreams()
        for work in (self._tick(), watch(lambda: self._files, self.reload, known=self._known)):
            self._spawn(work)
        if (certificate := self.certificate) is not None:
            self._spawn(watch(lambda: certificate.files, lambda: self._renew(certificate), known=self._known))
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._hangup)
        hangup.release()
        # What lives from here on lives for ever; a collection need not look at it again.
        gc.collect()
        gc.freeze()
        gc.set_threshold(20_000, 20, 20)
        self.recorder.event("started", revision=self.reloads.revision, config=self._path.name)
        self._tell_descriptors()
        return self.archive.open(self._begin_shadowing)

    def _begin_shadowing(self) -> None:
        """The archive was tried: the lane begins once it has what it needs, and sealing once there is where to."""
        archive, lane = self.archive, self.lane
        if not self._shadowing and archive.store is not None and archive.custody is not None:
            self._shadowing = True
            lane.use(archive.store, archive.custody)
            lane.start()
        elif not self._shadowing and not self._faults.told:
            reasons = "; ".join(archive.faults.values())
            tell(f"figway: the shadow lane is off, and begins by itself once this is mended: {reasons}")
        if archive.seat is not None and not self._marking:
            self._marking = True
            lane.writer.adopt(archive.seat)
        if self._shadowing and lane.capture is None and archive.vault is not None:
            lane.seal(Capture(archive.vault))
        self._tell_faults()

    def begin_drain(self) -> None:
        """Readiness goes off and every answer closes its connection; requests are still taken."""
        self.pipeline.draining = True
        self.recorder.event("draining")

    async def stop(self) -> None:
        """End everything: the lane drains or sheds within its time, the store and the log are written out."""
        self.pipeline.draining = True
        for connection in list(self.edge.connections):
            connection.abort()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._flush_traffic()
        await self.lane.drain(self.configuration.lane.drain)
        for upstream in self.configuration.upstreams.values():
            await upstream.close()
        for policy in self.configuration.policies.values():
            await policy.close()
        self._tell_loss()
        self.lane.writer.leave()
        await asyncio.to_thread(self.archive.close)
        self.peers.publish()
        self.recorder.event("stopped")
        self.recorder.output.close()

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _room_for(self, configuration: Configuration) -> int:
        """How many client connections there are descriptors for."""
        pooled = sum((one.settings.pool.connections + one.settings.pool.bound + one.settings.pool.most_streams)
                     * len(one.endpoints) for one in configuration.upstreams.values())
        return descriptors.clients(self._descriptors, pooled + configuration.lane.concurrency)

    def _tell_descriptors(self) -> None:
        edge = self.edge
        if edge.most < edge.settings.connections:
            self.recorder.event("descriptors_short", level="warning", descriptors=self._descriptors,
                                connections=edge.most, wanted=edge.settings.connections)

    def _watch_upstreams(self) -> None:
        for upstream in self.configuration.upstreams.values():
            upstream.watch()

    async def _tick(self) -> None:
        """What is done by the clock: overdue connections, counters to the store and to the other workers."""
        published = 0.0
        while True:
            await asyncio.sleep(_SWEEP)
            self.edge.sweep()
            now = time.monotonic()
            if now - published >= _PUBLISH:
                published = now
                self._flush_traffic()
                self._tell_faults()
                if self.peers.others_care:
                    await asyncio.to_thread(self.peers.publish)

    def _tell_faults(self) -> None:
        faults = self.faults()
        if time.monotonic() < self._patient:
            faults = {what: why for what, why in faults.items() if why != OPENING}
        self._faults.tell(faults, self._failures())
        self._tell_renewals()

    def tell_refused(self, status: int, reason: str) -> None:
        """The admin port has refused to answer whoever asked."""
        self.recorder.event("admin_refused", level="warning", status=status, reason=reason)

    def _tell_loss(self) -> None:
        """What never came to be written, at the end. Whoever starts next finds it, where there is a file of marks; the
        process ends as well as ever, for nothing is mended by its being started again."""
        why = self.faults().get(STORE, "there was no time")
        for capability, exchanges in self.lane.writer.unwritten().items():
            self.recorder.event("evidence_lost", level="error", capability=capability, exchanges=exchanges, reason=why)
            tell(f"figway: {exchanges:,} {noun(exchanges, 'exchange')} of {capability} "
                 f"{noun(exchanges, 'was', 'were')} not written: {why}")

    def _tell_renewals(self) -> None:
        """That a file was deleted or replaced: it did not fail, and what it held is gone all the same."""
        told, self._renewals = self._renewals, (self.lane.writer.renewals, self.lane.writer.keys.renewals)
        if self._renewals[0] > told[0]:
            lost = self.lane.writer.lost
            self.recorder.event("store_renewed", level="error",
                                lost=lost[Reason.STORE_DELETED] + lost[Reason.STORE_REPLACED])
        if self._renewals[1] > told[1]:
            self.recorder.event("custody_renewed", level="error")

    def faults(self) -> dict[str, str]:
        """Why the store, custody or the sealed file is not well now; nothing of what is."""
        keys, capture = self.lane.writer.keys, self.lane.capture
        working = {STORE: self.lane.writer.fault, CUSTODY: keys.fault, SEALED: capture.fault if capture else ""}
        return self.archive.faults | {what: why for what, why in working.items() if why}

    def _failures(self) -> dict[str, int]:
        writer, capture = self.lane.writer, self.lane.capture
        return {STORE: writer.failures, CUSTODY: writer.keys.failures,
                SEALED: capture.counts["failed"] if capture is not None else 0}

    def _flush_traffic(self) -> None:
        self.lane.record(self._traffic.rows(self.recorder.latencies, self._stage, time.time()))

    def _stage(self, capability: str) -> str:
        found = self.pipeline.table.capabilities.get(capability, self.pipeline.table.default)
        return str(found.reads)

    # --- reload ----------------------------------------------------------------------------------------------------

    async def reload(self) -> None:
        """Build a new table and put it in force by one assignment; a bad file changes nothing and is told of."""
        if self._reload_waits:
            return  # the one that waits will read what is there by then
        self._reload_waits = True
        async with self._reloading:
            self._reload_waits = False
            previous = self.configuration
            try:
                fresh = await self._attempts.build(previous)
            except Invalid as invalid:
                # A file that was missing may be what is mended next.
                self._files = (*previous.files, *invalid.files)
                problems = tuple(str(problem) for problem in invalid.problems)
                self._refuse_reload(problems)
                return
            except Exception as error:
                # A fault of ours or of a plugin must not end reloading, nor go unseen.
                self._refuse_reload((f"{self._path.name} cannot be read: {type(error).__name__}",))
                return
            self._files = fresh.files
            if fresh.digest != previous.digest or not self.reloads.successful:
                self._put_in_force(fresh, previous)

    def _hangup(self) -> None:
        self._spawn(self.reload())
        if self.certificate is not None:
            self._spawn(self._renew(self.certificate))

    async def _renew(self, certificate: Certificate) -> None:
        """Take up the data port's certificate as it is in its files now; a bad one changes nothing and is told of."""
        known = certificate.problem
        renewing = Apart(certificate.renew)
        if not await renewing.soon(RELOAD_SECONDS):
            certificate.problem = "the files of TLS cannot be read: they hang"
        elif renewing.result():
            self.recorder.event("certificate_renewed")
        if certificate.problem and certificate.problem != known:
            self.recorder.event("certificate_refused", level="error", problem=certificate.problem)

    def _refuse_reload(self, problems: tuple[str, ...]) -> None:
        self.reloads = Reloads(self.reloads.revision, self.reloads.count, False, time.time(), problems)
        self.recorder.event("reload_failed", level="error", running=self.reloads.revision, problems=list(problems[:20]))

    def _put_in_force(self, fresh: Configuration, previous: Configuration) -> None:
        self.configuration = fresh
        self.pipeline.table = fresh.table
        self.edge.most = self._room_for(fresh)
        self.edge.use(fresh.edge)
        if fresh.edge != previous.edge:
            self._tell_descriptors()
        self.reloads = Reloads(fresh.revision, self.reloads.count + 1, True, time.time())
        self._watch_upstreams()
        self.recorder.event("reloaded", revision=fresh.revision, was=previous.revision)
        self.reloads.waiting = self._waiting(fresh)
        if self.reloads.waiting:
            self.recorder.event("restart_needed", level="warning", settings=list(self.reloads.waiting))
        for one in fresh.replaces(previous):
            if isinstance(one, Upstream):
                one.hand_over(fresh.upstreams.get(one.name))
            self._spawn(self._retire(one))

    async def _retire(self, replaced: Upstream | Policy) -> None:
        """Close what no table holds any more: an upstream's idle connections now, its busy ones when they are done;
        a policy once the calls that may still wait for it are over."""
        try:
            if not isinstance(replaced, Upstream):
                await asyncio.sleep(_RETIRE)
        finally:
            await replaced.close()

    def _waiting(self, fresh: Configuration) -> tuple[str, ...]:
        """What a reload cannot change."""
        began = self._began
        return tuple(name for name, changed in (
            ("store", fresh.store != began.store),
            ("shadow", (fresh.lane, fresh.custody) != (began.lane, began.custody) or _kept(fresh) != _kept(began)),
            ("server.tls", fresh.edge.cbc != began.edge.cbc),
            ("server.drain.grace", fresh.edge.drain_grace != began.edge.drain_grace),
        ) if changed)

    # --- what the admin port tells ---------------------------------------------------------------------------------

    def report(self, capability: str | None) -> Report:
        """What the shadow has learnt. Reads the store: call it in a thread. Raises LookupError for a
        capability that is in neither the table nor the store, StoreError where the store cannot be read."""
        criteria = {name: one.criteria() for name, one in self.pipeline.table.capabilities.items()
                    if capability in (None, name)}
        store = self.archive.store
        if store is None:
            raise StoreError(f"the store is not open: {self.archive.faults.get(STORE, OPENING)}")
        report = fold(store.read(capability), criteria)
        if capability is not None and not report.capabilities:
            raise LookupError(capability)
        return report

    def facts(self) -> dict[str, Any]:
        """This worker's state and counters, as JSON-ready values."""
        return {
            "at": time.time(),
            "workers": self._workers,
            "draining": self.pipeline.draining,
            "revision": self.reloads.revision,
            "reload": {"successful": self.reloads.successful, "count": self.reloads.count, "at": self.reloads.at,
                       "problems": list(self.reloads.problems), "waiting": list(self.reloads.waiting),
                       "hanging": self._attempts.hanging},
            "shadow": [[tally.capability, tally.operation, str(tally.outcome), tally.reason, count]
                       for tally, count in self.lane.counters().items()],
            "lane": {"on": self.lane.on and self._shadowing, "unfinished": self.lane.unfinished,
                     "held_bytes": self.lane.held},
            "store": {"failures": self.lane.writer.failures, "lost": dict(self.lane.writer.lost)},
            "capture": dict(self.lane.capture.counts) if self.lane.capture is not None else {},
            "custody": {"failures": self.lane.writer.keys.failures},
            "certificate": None if self.certificate is None else {
                "problem": self.certificate.problem or self.certificate.validity.warning(time.time()),
                "ends": self.certificate.validity.ends},
            "faults": self.faults(),
            "connections": len(self.edge.connections) + len(self.edge.handshakes),
            "connections_limit": self.edge.allowed,
            "connections_wanted": self.edge.settings.connections,
            "turned_away": self.edge.turned_away,
            "descriptors": self._descriptors,
            "memory": {"held": self.pipeline.room.held, "limit": self.pipeline.room.limit,
                       "refused": self.pipeline.room.refused},
            "overloaded": self.edge.overloaded(),
            "upstreams": [[upstream.name, endpoint.url, endpoint.available(time.monotonic()), endpoint.pending,
                           endpoint.connections, endpoint.streams, endpoint.last_failure]
                          for upstream in self.configuration.upstreams.values() for endpoint in upstream.endpoints],
            "recorder": self.recorder.snapshot(),
        }


def _kept(configuration: Configuration) -> tuple[Path, Bounds] | None:
    """What of sealing a worker keeps to; who may view is no matter of its."""
    return None if configuration.sealed is None else (configuration.sealed.path, configuration.sealed.bounds)


def _archive(configuration: Configuration) -> Archive:
    """The files of the shadow, as configured. What they are named in is right: what goes wrong with them is a fault of
    the moment, which may be mended while traffic is carried."""
    (name, options), sealed = configuration.store, configuration.sealed

    def store() -> Store:
        made: Store = plugins.load("figway.stores", name)(options)
        return made

    def custody() -> Custody:
        return Custody(configuration.custody)

    def vault(custody: Custody) -> Vault:
        assert sealed is not None
        return Vault(sealed.path, custody, sealed.bounds)

    file = getattr(options, "path", None)
    return Archive(store, custody, vault if sealed is not None else None,
                   partial(seat, file) if isinstance(file, Path) else None)


def create(launch: Launch) -> Gateway:
    """A worker's application: what uvicorn calls in every process. Where it cannot be made the process ends, with a
    line that says why and the status by which uvicorn knows a failed start."""
    try:
        return Gateway(launch)
    except (Invalid, Unusable) as error:
        told = "; ".join(map(str, error.problems)) if isinstance(error, Invalid) else str(error)
        tell(f"figway: a worker cannot start: {told}")
        sys.exit(STARTUP_FAILURE)
