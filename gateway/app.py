"""Puts a worker together from its parts, starts them and stops them.

A Gateway is the application that uvicorn runs. Its lifespan starts and stops the worker. The native listener
(gateway/edges/http1) hands its requests to the Gateway's `edge`. Called as an ASGI application, the Gateway serves
requests with the same pipeline (gateway/edges/asgi.py).
"""

import asyncio
import contextlib
import gc
import logging
import signal
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, MutableMapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from uvicorn.config import STARTUP_FAILURE

from gateway import hangup, plugins
from gateway.certificates import Unusable
from gateway.config.attempts import build_in_time
from gateway.config.extensions import Find
from gateway.config.problem import Invalid
from gateway.config.watch import look, watch
from gateway.control.desk import Desk
from gateway.digests import DIGESTS
from gateway.edges.asgi import Asgi
from gateway.edges.http1 import descriptors
from gateway.edges.http1.edge import Edge
from gateway.edges.http1.tls import Certificate, ServerTls
from gateway.flips.base import OutOfReach
from gateway.flips.fitting import in_table, written
from gateway.flips.opening import opened
from gateway.heap import Heap
from gateway.inforce import InForce, clients
from gateway.naming import known_clients
from gateway.own_thread import in_own_thread
from gateway.pipeline import Pipeline
from gateway.renewal import Renewal
from gateway.routing import RouteTable
from gateway.shadowing import Shadowing
from gateway.stdio import to_stderr
from gateway.telemetry.breaches import Breaches
from gateway.telemetry.bridge import Bridge
from gateway.telemetry.facts import WorkerFacts
from gateway.telemetry.faults import Faults
from gateway.telemetry.output import Output
from gateway.telemetry.peers import Peers
from gateway.telemetry.record import Recorder
from gateway.telemetry.traffic import TrafficFold
from shadow.ledger.habits import Clients
from shadow.report.report import Report, fold

_SWEEP = 0.5
"""Seconds between two looks for overdue connections."""
_SETTLE = 2.0
"""Seconds in which the digests of bodies that have ended are made. Only what was handed over is left."""
_PUBLISH = 1.0
"""Seconds after which counters go to the store and to the other workers again."""
_OPEN = 2.0
"""Seconds that the start waits for the first attempt to open the shadow's files."""
_STAGES = 5.0
"""Seconds that the start waits for the control file."""

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Launch:
    """The settings that a worker is started with. They are passed to its process. `run_dir` is the folder in which the
    workers of one gateway share their facts, "" for a single worker. `certificate` and `key` are PEM files for TLS on
    the data port, "" for none. `find` finds the configuration's plugins."""

    config: str
    run_dir: str = ""
    access_log: bool = True
    workers: int = 1
    certificate: str = ""
    key: str = ""
    find: Find = plugins.load


class Gateway:
    """One worker's whole gateway."""

    def __init__(self, launch: Launch) -> None:
        """Raises Invalid if the configuration has problems, and Unusable if a TLS file cannot be used. `start` opens
        the shadow's files later."""
        path, files = Path(launch.config), (Path(launch.certificate), Path(launch.key))
        # Note the files' state before reading them, so that a change in between is noticed.
        known = look([path, *files])
        configuration = build_in_time(path, find=launch.find)
        self._known = look(configuration.files) | known
        self._path = path
        self._workers = launch.workers
        self._limit = descriptors.limit()
        self.recorder = Recorder(Output(), access_log=launch.access_log)
        self.shadowing = Shadowing(configuration, self.recorder, _OPEN, launch.run_dir)
        capabilities = configuration.table.capabilities
        stages = opened(configuration.control.path, written(capabilities), _STAGES, configuration.custody)
        self.pipeline = Pipeline(configuration.table.with_stages(in_table(capabilities, stages.state)),
                                 self.shadowing.lane, self.recorder)
        self.edge = Edge(self.pipeline, configuration.edge, most=clients(configuration, self._limit),
                         spare=descriptors.backlog(self._limit))
        self.in_force = InForce(path, configuration, self.pipeline, self.edge, self.recorder, self._limit, self._spawn,
                                stages, self._report)
        self.desk = Desk(self.in_force.following, lambda: self.in_force.configuration.control,
                         lambda: self.in_force.configuration.table.capabilities, self._tell_writes, self.report)
        self.renewal = Renewal(Certificate(ServerTls(*files, configuration.edge.cbc, configuration.edge.strength)),
                               self.recorder) if launch.certificate else None
        self.peers = Peers(Path(launch.run_dir) if launch.run_dir else None, self.facts)
        self._traffic = TrafficFold()
        self._heap = Heap()
        self._asgi = Asgi(self.pipeline, lambda: self.edge.settings)
        self._breaches = Breaches(self.recorder)
        self._faults = Faults(self.recorder)
        self._tasks: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application. Its lifespan starts and stops the worker; its requests go through the pipeline."""
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
        """Start the worker's tasks in the running event loop. The returned event is set after the first attempt to open
        the shadow's files. The lane works once they are open."""
        bridge = Bridge(self.recorder)
        logging.getLogger().addHandler(bridge)
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(bridge.loop_error)
        in_force, renewal = self.in_force, self.renewal
        self._spawn(self._tick())
        self._spawn(watch(lambda: in_force.files, in_force.reload, known=self._known))
        self._spawn(in_force.following.run())
        if renewal is not None:
            self._spawn(watch(lambda: renewal.certificate.files, renewal.renew, known=self._known))
        loop.add_signal_handler(signal.SIGHUP, self._hangup)
        hangup.release()
        # Objects made so far live as long as the process, so the garbage collector need not look at them again.
        gc.collect()
        gc.freeze()
        gc.set_threshold(20_000, 20, 20)
        stages = in_force.following.state
        self.recorder.event("started", revision=in_force.reloads.revision, config=self._path.name,
                            control=stages.name, journal=stages.length, head=stages.head)
        in_force.start()
        return self.shadowing.start()

    def begin_drain(self) -> None:
        """Switch readiness off and close each connection after its answer. Requests are still accepted."""
        self.pipeline.draining = True
        self.recorder.event("draining")

    async def stop(self) -> None:
        """End connections and tasks at once and mirrors within `lane.drain` seconds, then close everything else."""
        self.pipeline.draining = True
        for connection in list(self.edge.connections):
            connection.abort()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._flush_traffic()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._tell_writes(), _SETTLE)
        await self.shadowing.note_clients(last=True)
        self._breaches.report(self._broken(), last=True)
        await DIGESTS.settle(_SETTLE)
        await self.shadowing.drain(self.in_force.configuration.lane.drain)
        await self.in_force.close()
        await self.shadowing.close()
        await asyncio.to_thread(self.in_force.following.stages.close)
        self.peers.publish()
        self.recorder.event("stopped")
        self.recorder.output.close()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine in the background, until it ends or the worker stops."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _hangup(self) -> None:
        """SIGHUP: read everything again."""
        self._spawn(self.in_force.reload())
        if self.renewal is not None:
            self._spawn(self.renewal.renew())

    async def _tick(self) -> None:
        """The periodic work: end overdue connections, and send counters to the store and to the other workers."""
        published = 0.0
        while True:
            await asyncio.sleep(_SWEEP)
            self.edge.sweep()
            now = time.monotonic()
            if now - published >= _PUBLISH:
                published = now
                self._flush_traffic()
                if self.recorder.clients.are_due:
                    self._spawn(self.shadowing.note_clients())
                self.shadowing.report_faults()
                self._breaches.report(self._broken())
                stale = self.in_force.following.stale
                self._faults.report({"control": stale} if stale else {}, {})
                if self.recorder.writes:
                    self._spawn(self._tell_writes())
                if self.peers.are_there:
                    await asyncio.to_thread(self.peers.publish)
                await self._heap.look(now, time.process_time())

    def _flush_traffic(self) -> None:
        self.shadowing.lane.record(self._traffic.rows(self.recorder.latencies, self._stage, time.time()))

    async def _tell_writes(self) -> None:
        """Tell the control file of the writes that modern took. If it cannot be told now, it is later."""
        writes, self.recorder.writes = self.recorder.writes, Counter()
        if writes:
            try:
                await in_own_thread(self.in_force.following.stages.took, writes)
            except OutOfReach:
                self.recorder.writes.update(writes)

    def _stage(self, capability: str) -> str:
        table = self.pipeline.table
        return str(table.capabilities.get(capability, table.default).reads)

    def _broken(self) -> list[tuple[str, str, str, int]]:
        """The answers that broke a rule of HTTP/1.1: see WorkerFacts."""
        return [(upstream.name, rule, became, count)
                for upstream in self.in_force.configuration.upstreams.values()
                for (rule, became), count in upstream.tally.counts.items()]

    # --- for the admin port ----------------------------------------------------------------------------------------

    def report(self, capability: str | None, share: float = 1.0) -> Report:
        """The shadow's report: see gateway.admin.base.Reports."""
        return self._report(self.pipeline.table, capability, share)

    def _report(self, table: RouteTable, capability: str | None, share: float) -> Report:
        asked = [one for one in table.capabilities.values() if capability in (None, one.name)]
        report = fold(self.shadowing.store().read(capability),
                      {one.name: replace(one.criteria(), share=share) for one in asked},
                      {one.name: one.profile() for one in asked}, now=time.time())
        if capability is not None and not report.capabilities:
            raise LookupError(capability)
        return report

    def clients(self) -> Clients:
        """What clients still do. May block. Raises StoreError."""
        configuration = self.in_force.configuration
        return known_clients(self.shadowing.store(), configuration.store[1], configuration.table)

    def refused(self, status: int, reason: str) -> None:
        """Log that the admin port has refused to answer a request."""
        self.recorder.event("admin_refused", level="warning", status=status, reason=reason)

    def facts(self) -> WorkerFacts:
        """This worker's state and counters."""
        edge, room, shadowing, now = self.edge, self.pipeline.room, self.shadowing, time.monotonic()
        return {
            "at": time.time(),
            "workers": self._workers,
            "draining": self.pipeline.draining,
            "revision": self.in_force.reloads.revision,
            "reload": self.in_force.facts(),
            "stages": self.in_force.stage_facts(),
            "shadow": shadowing.outcomes(),
            "mirrored": shadowing.mirrored(),
            "lane": shadowing.lane_facts(),
            "store": shadowing.store_facts(),
            "capture": shadowing.capture_counts(),
            "custody": shadowing.custody_facts(),
            "certificate": self.renewal.facts() if self.renewal is not None else None,
            "faults": shadowing.faults(),
            "connections": edge.taken,
            "connections_limit": edge.allowed,
            "connections_wanted": edge.settings.connections,
            "turned_away": edge.turned_away,
            "descriptors": self._limit,
            "memory": {"held": room.held, "limit": room.limit, "refused": room.refused},
            "overloaded": edge.overloaded(),
            "upstreams": [(upstream.name, endpoint.url, endpoint.available(now), endpoint.pending,
                           endpoint.connections, endpoint.streams, endpoint.last_failure)
                          for upstream in self.in_force.configuration.upstreams.values()
                          for endpoint in upstream.endpoints],
            "breaches": self._broken(),
            "certificates": self.in_force.certificates(),
            "recorder": self.recorder.snapshot(),
        }


def create(launch: Launch) -> Gateway:
    """Make a worker's application. uvicorn calls this in every process. If it fails, the process ends with a line that
    says why, and with the status by which uvicorn recognises a failed start."""
    try:
        return Gateway(launch)
    except (Invalid, Unusable) as error:
        reason = "; ".join(map(str, error.problems)) if isinstance(error, Invalid) else str(error)
        to_stderr(f"figway: a worker cannot start: {reason}")
        sys.exit(STARTUP_FAILURE)
