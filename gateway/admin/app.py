"""The admin port: health, readiness, metrics and the report, for operators; never on the data port.

    /livez           200 while the process answers
    /readyz          200 while requests should be sent here, else 503; ?verbose lists every check
    /metrics         Prometheus text, of all workers
    /report          what the shadow has learnt, as JSON; ?capability=NAME
    /report.html     the same as a page; without a capability, the list of all
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from gateway.admin.access import AdminAccess, problem_answer
from gateway.telemetry.metrics import families
from gateway.telemetry.peers import Peers
from shadow.ledger.rows import Reason
from shadow.renderers import html
from shadow.renderers.json import to_json
from shadow.report.report import Report
from shadow.stores.base import StoreError
from shadow.words import noun

Check = tuple[str, bool, str]

# A page holds what is known of a system under migration: no frame, cache or other site is to have it.
_PAGE = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff"}
_FRAMES = "frame-ancestors 'none'; "
_STALE = 15.0


def admin_app(
    peers: Peers, report: Callable[[str | None], Report], version: str, names: Iterable[str] = (),
    refused: Callable[[int, str], None] = lambda status, reason: None,
) -> Starlette:
    """The admin port's application. `report` folds what the store has of a capability, or of all, and may block; it
    raises LookupError where there is no such capability. `names` are the hosts by which it may be asked for, beside
    addresses; `refused` is told when somebody is refused, of each status once."""

    async def livez(request: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def readyz(request: Request) -> Response:
        workers = await asyncio.to_thread(peers.all)
        checks = list(_checks(workers))
        ready = all(passed for name, passed, _ in checks if name in _DECIDING)
        text = "ok\n" if ready else "not ready\n"
        if "verbose" in request.query_params:
            text = "".join(f"[{'+' if passed else '-'}] {name}{': ' + why if why else ''}\n"
                           for name, passed, why in checks) + text
        return PlainTextResponse(text, 200 if ready else 503)

    async def metrics(request: Request) -> Response:
        workers = await asyncio.to_thread(peers.all)
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Scrape(workers, version))
        return Response(generate_latest(registry), media_type="text/plain; version=0.0.4; charset=utf-8")

    def found(name: str | None) -> Report:
        unfinished = sum(facts["lane"]["unfinished"] for lives, facts in peers.all() if lives)
        return replace(report(name), unfinished=unfinished)

    async def rendered(request: Request, render: Callable[[str | None], Response]) -> Response:
        try:
            return await asyncio.to_thread(render, request.query_params.get("capability"))
        except LookupError:
            return problem_answer(404, "No such capability")
        except StoreError as error:
            return problem_answer(503, str(error))

    async def show_report(request: Request) -> Response:
        return await rendered(request, lambda name: Response(to_json(found(name)), media_type="application/json"))

    async def show_page(request: Request) -> Response:
        def page(name: str | None) -> Response:
            told = found(name)
            text = (html.index(told, "?capability=") if name is None else
                    html.page(told.capabilities[0], told.unfinished))
            return HTMLResponse(text, headers=_PAGE | {"Content-Security-Policy": _FRAMES + html.policy()})

        return await rendered(request, page)

    return Starlette(routes=[
        Route("/livez", livez), Route("/readyz", readyz), Route("/metrics", metrics), Route("/report", show_report),
        Route("/report.html", show_page),
    ], middleware=[Middleware(AdminAccess, names, refused)])


# A refused reload or a sick upstream is shown and does not take the gateway out of service: what runs, runs on.
_DECIDING = frozenset({"draining"})


def _checks(workers: Iterable[tuple[bool, dict[str, Any]]]) -> Iterator[Check]:
    living = [facts for lives, facts in workers if lives and time.time() - facts["at"] < _STALE]
    draining = any(facts["draining"] for facts in living)
    yield "draining", not draining, "no new requests please" if draining else "no"
    for facts in living[:1]:
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
    if living:
        yield from _bounds(living)
        yield from _shadow(living)
    certificates = [facts["certificate"]["problem"] for facts in living if facts["certificate"] is not None]
    if certificates:
        yield "certificate", not any(certificates), next(filter(None, certificates), "")
    wanted = max((facts["workers"] for facts in living), default=1)
    yield "workers", len(living) >= wanted, f"{len(living)} of {wanted}"


def _bounds(living: Sequence[dict[str, Any]]) -> Iterator[Check]:
    """What there is room for, and whether a worker refuses now because there is none."""
    lacking = {of for facts in living for of in facts["overloaded"]}
    now, allowed, wanted, refused = (sum(facts[name] for facts in living) for name in (
        "connections", "connections_limit", "connections_wanted", "turned_away"))
    why = f"{now:,} of {allowed:,}"
    if allowed < wanted:
        why += f", {wanted:,} are configured and a worker has {living[0]['descriptors']:,} file descriptors"
    if refused:
        why += f", {refused:,} turned away"
    yield "connections", allowed >= wanted and "connections" not in lacking, why
    why = f"{_sum(living, 'memory', 'held'):,} bytes held"
    if limit := _sum(living, "memory", "limit"):
        why += f" of {limit:,}"
    if refused := _sum(living, "memory", "refused"):
        why += f", {refused:,} refused"
    yield "memory", "memory" not in lacking, why


def _shadow(living: Sequence[dict[str, Any]]) -> Iterator[Check]:
    """What is so now, in any worker, decides; what has been is told beside it."""
    faults = {what: why for facts in living for what, why in facts["faults"].items()}
    lost = sum(count for facts in living for count in facts["store"]["lost"].values())
    for name, failed, word in (("store", _sum(living, "store", "failures"), "failed write"),
                               ("custody", _sum(living, "custody", "failures"), "failure"),
                               ("sealed", _sum(living, "capture", "failed"), "failure")):
        told = [faults[name]] if name in faults else []
        told += [f"{failed:,} {noun(failed, word)}"] if failed or name == "store" else []
        told += [f"{lost:,} {noun(lost, 'exchange')} lost"] if name == "store" else []
        if name != "sealed" or told or any(facts["capture"] for facts in living):
            yield name, name not in faults, ", ".join(told)
    if "marks" in faults:
        yield "marks", False, faults["marks"]
    on = all(facts["lane"]["on"] for facts in living)
    state = f"{_sum(living, 'lane', 'unfinished'):,} unfinished, {_sum(living, 'lane', 'held_bytes'):,} bytes held"
    yield "shadow lane", on, state if on else f"off, {state}"


def _sum(workers: Sequence[dict[str, Any]], part: str, count: str) -> int:
    return sum(facts[part].get(count, 0) for facts in workers)


class _Scrape:
    """One scrape's families, as prometheus_client collects them."""

    def __init__(self, workers: list[tuple[bool, dict[str, Any]]], version: str) -> None:
        self._workers = workers
        self._version = version

    def collect(self) -> Iterator[Metric]:
        facts = [facts for _, facts in self._workers]
        living = [facts for lives, facts in self._workers if lives]
        yield from families(one["recorder"] for one in facts)
        outcomes: dict[tuple[str, ...], int] = {}
        for one in facts:
            for *key, count in one["shadow"]:
                outcomes[tuple(key)] = outcomes.get(tuple(key), 0) + count
        shadow = CounterMetricFamily("figway_shadow", "Exchanges eligible for shadowing, by how they ended.",
                                     labels=["capability", "operation", "outcome", "reason"])
        for key_, count in sorted(outcomes.items()):
            shadow.add_metric(list(key_), count)
        yield shadow
        yield _gauge("figway_requests_in_flight", "Requests being answered.",
                     sum(one["recorder"]["in_flight"] for one in living))
        yield _gauge("figway_shadow_unfinished", "Mirrors without an outcome yet.",
                     sum(one["lane"]["unfinished"] for one in living))
        yield _gauge("figway_shadow_held_bytes", "Bytes that they hold.",
                     sum(one["lane"]["held_bytes"] for one in living))
        yield CounterMetricFamily("figway_store_failures", "Writes to the store that failed.",
                                  value=sum(one["store"]["failures"] for one in facts))
        lost = CounterMetricFamily("figway_store_lost", "Exchanges that the store does not have, or not all of.",
                                   labels=["reason"])
        for reason in (*Reason, "differences"):
            if reason != Reason.STORE_UNAVAILABLE:  # those have an outcome
                lost.add_metric([reason], sum(one["store"]["lost"].get(reason, 0) for one in facts))
        yield lost
        well = GaugeMetricFamily("figway_shadow_well", "1 if a part of the shadow works in every worker, else 0.",
                                 labels=["part"])
        for part in ("lane", "store", "custody", "sealed", "marks"):
            well.add_metric([part], int(all(
                one["lane"]["on"] if part == "lane" else part not in one["faults"] for one in living)))
        yield well
        capture = CounterMetricFamily("figway_capture", "Mismatches to be sealed, by how that went.", labels=["result"])
        for result in ("sealed", "discarded", "shed", "failed"):
            capture.add_metric([result], sum(one["capture"].get(result, 0) for one in facts))
        yield capture
        yield CounterMetricFamily("figway_custody_failures", "Keys that could not be made, found or destroyed.",
                                  value=sum(one["custody"]["failures"] for one in facts))
        expires = GaugeMetricFamily("figway_certificate_expires_timestamp_seconds",
                                    "When the data port's certificate expires, where there is one.", labels=[])
        if certificates := [one["certificate"]["ends"] for one in living if one["certificate"] is not None]:
            expires.add_metric([], min(certificates))
        yield expires
        yield _gauge("figway_connections", "Client connections.", sum(one["connections"] for one in living))
        yield _gauge("figway_connections_limit", "Client connections that there is room for.",
                     sum(one["connections_limit"] for one in living))
        yield CounterMetricFamily("figway_connections_refused", "Client connections turned away for want of room.",
                                  value=sum(one["turned_away"] for one in facts))
        yield _gauge("figway_descriptors_limit", "File descriptors that the workers may have.",
                     sum(one["descriptors"] for one in living))
        yield _gauge("figway_memory_held_bytes", "Bytes held for clients.",
                     sum(one["memory"]["held"] for one in living))
        yield _gauge("figway_memory_limit_bytes", "Bytes that may be held for clients, 0 for no bound.",
                     sum(one["memory"]["limit"] for one in living))
        yield CounterMetricFamily("figway_memory_refused", "Times that there was no room to hold more.",
                                  value=sum(one["memory"]["refused"] for one in facts))
        yield _gauge("figway_config_last_reload_successful", "1 if the last file read is in force, else 0.",
                     int(all(one["reload"]["successful"] for one in living)))
        yield _gauge("figway_config_reloads_hanging", "Attempts to reload that were given up and have not ended.",
                     sum(one["reload"]["hanging"] for one in living))
        yield CounterMetricFamily("figway_config_reloads", "Configurations put in force since the start.",
                                  value=max(one["reload"]["count"] for one in living))
        available = GaugeMetricFamily("figway_endpoint_available", "1 if the endpoint is well and not ejected.",
                                      labels=["upstream", "endpoint"])
        for name, url, up, *_ in living[0]["upstreams"]:
            available.add_metric([name, url], int(up))
        yield available
        info = InfoMetricFamily("figway_build", "What is running.")
        info.add_metric([], {"version": self._version, "revision": living[0]["revision"]})
        yield info


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=value)
