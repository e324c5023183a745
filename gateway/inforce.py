"""The configuration and stages in force in a worker, and how new ones replace them.

A reload builds a new configuration while the old one is in use. A flip changes only the stages behind the same paths.
Both put a new route table in force by one assignment. A request keeps the table that it started with, so the upstreams
and policies of the old configuration are closed only when they are idle. A file with problems changes nothing: the
worker reports them and goes on as before. So does a file that lacks what an override needs.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from math import inf, isfinite
from pathlib import Path
from typing import Any, TypeAlias

from gateway.binding import let_in
from gateway.config.attempts import Attempts
from gateway.config.compile import Configuration
from gateway.config.controlling import GATE, OVERRIDE
from gateway.config.problem import Invalid
from gateway.config.sealing import custody_beside
from gateway.edges.http1 import descriptors
from gateway.edges.http1.edge import Edge
from gateway.flips import gates
from gateway.flips.base import State
from gateway.flips.fitting import in_table, unusable, written
from gateway.flips.following import Following
from gateway.flips.opening import Opened, provisional
from gateway.flips.precedence import position
from gateway.flips.snapshot import snapshot
from gateway.flips.steps import words
from gateway.pipeline import Pipeline
from gateway.policies.base import Policy
from gateway.routing import RouteTable
from gateway.telemetry.facts import ReloadFacts, StagesFacts
from gateway.telemetry.record import Recorder
from shadow.report.report import Report
from shadow.sealed.base import Bounds

_RETIRE = 10.0
"""Seconds for which calls may still use a policy that is in no table any more."""
_SHOWN = 20
"""The most problems in one line of the log."""

Reports: TypeAlias = Callable[[RouteTable, str, float], Report]
"""The report of a capability by a table, with the verdict on a step to a share of clients."""

Spawn: TypeAlias = Callable[[Coroutine[Any, Any, None]], None]
"""Runs a coroutine in the background; it ends with the worker."""


@dataclass(slots=True)
class Reloads:
    """The record of reloads: the revision in force, how many reloads succeeded, whether the last attempt did and when
    (`at`, seconds since 1970), its problems if it was refused, and the settings that wait for a restart."""

    revision: str
    count: int = 0
    successful: bool = True
    at: float = 0.0
    problems: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()


class InForce:
    """The configuration in force. Call `reload` when one of `files` changes. `following` has the stages."""

    def __init__(
        self, path: Path, configuration: Configuration, pipeline: Pipeline, edge: Edge, recorder: Recorder,
        limit: int, spawn: Spawn, opened: Opened, reports: Reports,
    ) -> None:
        """`pipeline` and `edge` use `configuration` already, with the stages that `opened` has. The process may have
        `limit` file descriptors. `reports` says what is known of a capability that a file moves forward."""
        self.configuration = self._began = configuration
        self.files = configuration.files
        self.reloads = Reloads(configuration.revision, at=time.time())
        self.following = Following(opened, lambda: written(self.configuration.table.capabilities), self._flipped)
        self._path = path
        self._pipeline = pipeline
        self._edge = edge
        self._recorder = recorder
        self._limit = limit
        self._spawn = spawn
        self._reports = reports
        self._attempts = Attempts(path)
        self._reloading = asyncio.Lock()
        self._waits = False

    def start(self) -> None:
        """Begin to watch the upstreams, and report if there are fewer file descriptors than the configuration needs."""
        self._watch_upstreams()
        self._report_descriptors()

    async def reload(self) -> None:
        """Read the files again and put them in force. Never raises because of their contents."""
        if self._waits:
            return  # a reload waits already, and will read the files as they are then
        self._waits = True
        async with self._reloading:
            self._waits = False
            previous = self.configuration
            try:
                fresh = await self._attempts.build(previous)
            except Invalid as invalid:
                # Watch the missing files too: the fix may be to create one.
                self.files = (*previous.files, *invalid.files)
                self._refuse(tuple(str(problem) for problem in invalid.problems))
                return
            except Exception as error:
                # A bug, ours or a plugin's, must not end reloading, and must be reported.
                self._refuse((f"{self._path.name} cannot be read: {type(error).__name__}",))
                return
            self.files = fresh.files
            if fresh.digest == previous.digest and self.reloads.successful:
                return
            known, refused = await self._gated(fresh, previous)
            lacking = unusable(fresh.table.capabilities, self.following.state)
            if lacking:
                # The last good table stays, as with any other problem of a file.
                self._refuse(tuple(f"{self._path}: {why} [{OVERRIDE}]" for why in lacking.values()))
                return
            if refused:
                self._refuse(refused)
                return
            await self.following.adopt(written(fresh.table.capabilities), known)
            # There is no await in between: no request sees the new stages in the former table.
            self._put(fresh, previous)

    async def _gated(
        self, fresh: Configuration, previous: Configuration,
    ) -> tuple[dict[str, Any], tuple[str, ...]]:
        """What is known of the capabilities that a file moves forward by itself, and the problems of those that may not
        move: only where `control` is set."""
        known: dict[str, Any] = {}
        refused: list[str] = []
        if not fresh.control.is_set and not previous.control.is_set:
            return known, ()
        state = self.following.state
        for name, after in provisional(state, written(fresh.table.capabilities)).stands.items():
            stand = state.stands.get(name)
            step = None if stand is None else gates.step(position(stand), position(after))
            if step is None:
                continue
            # Evidence counts by the criteria and the setup of the new file.
            known[name] = await snapshot(partial(self._reports, fresh.table), name, step)
            error = gates.objection(step, known[name])
            if error is not None:
                refused.append(f"{self._path}: {name} would move to {words(position(after))}: {error} [{GATE}]")
        return known, tuple(refused)

    def _flipped(self, state: State) -> None:
        """Put the stages of another state in force."""
        pipeline = self._pipeline
        table = pipeline.table.with_stages(in_table(self.configuration.table.capabilities, state))
        if table is not pipeline.table:
            pipeline.table = table
            self._edge.settle()
        self._recorder.event("stages_changed", revision=state.revision, control=state.name, journal=state.length,
                             head=state.head)
        if not self.reloads.successful:
            # The file may have been refused for an override that has ended.
            self._spawn(self.reload())

    async def close(self) -> None:
        """Close the upstreams and policies in force."""
        for upstream in self.configuration.upstreams.values():
            await upstream.close()
        for policy in self.configuration.policies.values():
            await policy.close()

    def facts(self) -> ReloadFacts:
        """The record of reloads, for the admin port."""
        reloads = self.reloads
        return {"successful": reloads.successful, "count": reloads.count, "at": reloads.at,
                "problems": list(reloads.problems), "waiting": list(reloads.waiting),
                "hanging": self._attempts.hanging}

    def stage_facts(self) -> StagesFacts:
        """The stages in force, for the admin port."""
        control = self.following.control()
        return {"revision": control.revision, "stale": control.stale, "drifting": control.drifting,
                "ignored": list(unusable(self.configuration.table.capabilities, self.following.state).values())}

    def certificates(self) -> list[tuple[str, str, str, float]]:
        """When certificates of upstreams end: see WorkerFacts."""
        found: list[tuple[str, str, str, float]] = []
        for one in self.configuration.upstreams.values():
            if isfinite(one.settings.tls.expires):
                found += [(one.name, endpoint.url, "client", one.settings.tls.expires) for endpoint in one.endpoints
                          if endpoint.url.startswith("https:")]
            found += [(one.name, endpoint.url, "server", ends) for endpoint in one.endpoints
                      if isfinite(ends := one.tally.certificates.get(endpoint.url, inf))]
        return found

    def _refuse(self, problems: tuple[str, ...]) -> None:
        self.reloads = Reloads(self.reloads.revision, self.reloads.count, False, time.time(), problems)
        self._recorder.event("reload_failed", level="error", running=self.reloads.revision,
                             problems=list(problems[:_SHOWN]))

    def _put(self, fresh: Configuration, previous: Configuration) -> None:
        self.configuration = fresh
        self._pipeline.table = fresh.table.with_stages(in_table(fresh.table.capabilities, self.following.state))
        self._edge.settle()
        if fresh.control.is_set != previous.control.is_set and self._began.control.socket is not None:
            with contextlib.suppress(OSError):
                let_in(self._began.control.socket, everybody=fresh.control.is_set)
        self._edge.most = clients(fresh, self._limit)
        self._edge.use(fresh.edge)
        if fresh.edge != previous.edge:
            self._report_descriptors()
        self.reloads = Reloads(fresh.revision, self.reloads.count + 1, True, time.time())
        self._watch_upstreams()
        self._recorder.event("reloaded", revision=fresh.revision, was=previous.revision)
        self.reloads.waiting = needs_restart(fresh, self._began)
        if self.reloads.waiting:
            self._recorder.event("restart_needed", level="warning", settings=list(self.reloads.waiting))
        upstreams, policies = fresh.replaces(previous)
        for upstream in upstreams:
            upstream.hand_over(fresh.upstreams.get(upstream.name))
            # Idle connections close now, busy ones when their calls end.
            self._spawn(upstream.close())
        for policy in policies:
            self._spawn(_retire(policy))

    def _watch_upstreams(self) -> None:
        for upstream in self.configuration.upstreams.values():
            upstream.watch()

    def _report_descriptors(self) -> None:
        edge = self._edge
        if edge.most < edge.settings.connections:
            self._recorder.event("descriptors_short", level="warning", descriptors=self._limit,
                                 connections=edge.most, wanted=edge.settings.connections)


async def _retire(policy: Policy) -> None:
    """Close a policy that is in no table any more, once the calls that may still use it are over."""
    try:
        await asyncio.sleep(_RETIRE)
    finally:
        await policy.close()


def clients(configuration: Configuration, limit: int) -> int:
    """How many client connections a process with a `limit` of file descriptors can have, in addition to those to the
    upstreams and those of the shadow lane."""
    pooled = sum((one.settings.pool.connections + one.settings.pool.logins + one.settings.pool.most_streams)
                 * len(one.endpoints) for one in configuration.upstreams.values())
    return descriptors.clients(limit, pooled + configuration.lane.concurrency)


def needs_restart(fresh: Configuration, began: Configuration) -> tuple[str, ...]:
    """The settings that a reload cannot change, and in which `fresh` differs from the configuration at the start."""
    return tuple(name for name, changed in (
        ("store", fresh.store != began.store),
        ("shadow", (fresh.lane, _custody(fresh)) != (began.lane, _custody(began)) or _sealed(fresh) != _sealed(began)),
        ("control", fresh.store == began.store and _kept(fresh) != _kept(began)),
        ("server.tls", (fresh.edge.cbc, fresh.edge.strength) != (began.edge.cbc, began.edge.strength)),
        ("server.drain.grace", fresh.edge.drain_grace != began.edge.drain_grace),
    ) if changed)


def _kept(configuration: Configuration) -> tuple[Path | None, Path | None]:
    """Where flips are kept, and made. If they are beside the store, they move with it."""
    return configuration.control.path, configuration.control.socket


def _custody(configuration: Configuration) -> Path | None:
    """The custody's file; None if it is beside the store's file, and so moves only when `store` does."""
    stored = getattr(configuration.store[1], "path", None)
    beside = isinstance(stored, Path) and configuration.custody == custody_beside(stored)
    return None if beside else configuration.custody


def _sealed(configuration: Configuration) -> tuple[Path, Bounds] | None:
    """The sealed capture's settings that a worker holds on to. Viewers can change without a restart."""
    return None if configuration.sealed is None else (configuration.sealed.path, configuration.sealed.bounds)
