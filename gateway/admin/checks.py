"""Readiness: the checks of the workers, and which of them decide whether load balancers should send requests here."""

import time
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

from gateway.build import build
from gateway.telemetry.facts import WorkerFacts
from shadow.words import noun

Check: TypeAlias = tuple[str, bool, str]
"""One check: its name, whether it passes, and a text about it."""

_STALE = 15.0
"""Seconds after which a worker's facts count as out of date."""

_DECIDING = frozenset({"accepting"})
"""The checks that decide. All others are only shown: for example, the gateway still serves after a refused reload."""


def readiness(workers: Iterable[tuple[bool, WorkerFacts]]) -> tuple[bool, list[Check]]:
    """Whether requests should be sent here, and every check. A gateway is not ready if none of its workers runs."""
    now = time.time()
    living = [facts for runs, facts in workers if runs and now - facts["at"] < _STALE]
    checks = list(_checks(living))
    return bool(living) and all(passed for name, passed, _ in checks if name in _DECIDING), checks


def _checks(living: Sequence[WorkerFacts]) -> Iterator[Check]:
    draining = any(facts["draining"] for facts in living)
    yield "accepting", not draining, "draining: no new requests please" if draining else "new requests"
    yield "build", True, build()
    if living:
        # Every worker reads the same file and calls the same upstreams, so the first speaks for all.
        yield from _configuration(living[0])
        yield from _stages(living)
        yield from _bounds(living)
        yield from _shadow(living)
    certificates = [facts["certificate"]["problem"] for facts in living if facts["certificate"] is not None]
    if certificates:
        yield "certificate", not any(certificates), next(filter(None, certificates), "")
    wanted = max((facts["workers"] for facts in living), default=1)
    yield "workers", len(living) >= wanted, f"{len(living)} of {wanted}"


def _configuration(facts: WorkerFacts) -> Iterator[Check]:
    """How the last reload went, and whether the upstreams can be called."""
    reload = facts["reload"]
    why = f"revision {facts['revision']}"
    if not reload["successful"]:
        why = f"the last file was refused, {why} still runs; " + "; ".join(reload["problems"])
    if reload["waiting"]:
        why += "; a restart is needed for " + ", ".join(reload["waiting"])
    yield "config", reload["successful"], why
    for name, url, available, pending, connections, streams, last in facts["upstreams"]:
        state = f"{pending} pending, {connections} {noun(connections, 'connection')}"
        state += f", {streams} outside the pool" if streams else ""
        state += f", last failure {last}" if last else ""
        yield f"upstream {name} {url}", available, state


def _stages(living: Sequence[WorkerFacts]) -> Iterator[Check]:
    """Whether every worker has the latest stages, and can apply them."""
    every = [facts["stages"] for facts in living]
    stale = next((one["stale"] for one in every if one["stale"]), "")
    ignored = every[0]["ignored"]
    why = f"stale: {stale}" if stale else f"revision {min(one['revision'] for one in every)}"
    drifting = every[0]["drifting"]
    why += f", {drifting} elsewhere than the file says" if drifting else ""
    yield "stages", not stale and not ignored, "; ".join([why, *ignored])


def _bounds(living: Sequence[WorkerFacts]) -> Iterator[Check]:
    """How many connections and bytes clients take, and whether a worker refuses clients now for lack of room."""
    lacking = {what for facts in living for what in facts["overloaded"]}
    allowed = sum(facts["connections_limit"] for facts in living)
    wanted = sum(facts["connections_wanted"] for facts in living)
    why = f"{sum(facts['connections'] for facts in living):,} of {allowed:,}"
    if allowed < wanted:
        why += f", {wanted:,} are configured and a worker has {living[0]['descriptors']:,} file descriptors"
    if refused := sum(facts["turned_away"] for facts in living):
        why += f", {refused:,} turned away"
    yield "connections", allowed >= wanted and "connections" not in lacking, why
    why = f"{sum(facts['memory']['held'] for facts in living):,} bytes held"
    if limit := sum(facts["memory"]["limit"] for facts in living):
        why += f" of {limit:,}"
    if refused := sum(facts["memory"]["refused"] for facts in living):
        why += f", {refused:,} refused"
    yield "memory", "memory" not in lacking, why


def _shadow(living: Sequence[WorkerFacts]) -> Iterator[Check]:
    """The shadow's files and its lane. A check fails if any worker has a fault now. Past failures are only shown."""
    faults = {what: why for facts in living for what, why in facts["faults"].items()}
    lost = sum(count for facts in living for count in facts["store"]["lost"].values())
    writes = sum(facts["store"]["failures"] for facts in living)
    keys = sum(facts["custody"]["failures"] for facts in living)
    captures = sum(facts["capture"].get("failed", 0) for facts in living)
    for name, failed, word in (("store", writes, "failed write"), ("custody", keys, "failure"),
                               ("sealed", captures, "failure")):
        said = [faults[name]] if name in faults else []
        said += [f"{failed:,} {noun(failed, word)}"] if failed or name == "store" else []
        said += [f"{lost:,} {noun(lost, 'exchange')} lost"] if name == "store" else []
        if name != "sealed" or said or any(facts["capture"] for facts in living):
            yield name, name not in faults, ", ".join(said)
    if "marks" in faults:
        yield "marks", False, faults["marks"]
    on = all(facts["lane"]["on"] for facts in living)
    state = (f"{sum(facts['lane']['unfinished'] for facts in living):,} unfinished, "
             f"{sum(facts['lane']['held_bytes'] for facts in living):,} bytes held")
    yield "shadow lane", on, state if on else f"off, {state}"
