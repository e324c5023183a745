"""/metrics: the facts of all workers as Prometheus families.

Counters, except that of reloads, are summed over all workers, also those that have ended. Gauges show those that run.
"""

from collections import Counter
from collections.abc import Iterator, Sequence

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric

from gateway.telemetry.facts import WorkerFacts
from gateway.telemetry.metrics import families, mirrored
from shadow.lane.sparing import ANOTHER_KIND, CLIENT_ERRORS
from shadow.ledger.rows import NOT_LOST, Reason


def scrape(workers: Sequence[tuple[bool, WorkerFacts]], version: str) -> bytes:
    """All families in Prometheus' text format. `version` is Figway's."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Scrape(workers, version))
    return generate_latest(registry)


class _Scrape:
    """One scrape, as prometheus_client collects it."""

    def __init__(self, workers: Sequence[tuple[bool, WorkerFacts]], version: str) -> None:
        self._every = [facts for _, facts in workers]
        self._living = [facts for runs, facts in workers if runs]
        self._version = version

    def collect(self) -> Iterator[Metric]:
        yield from families(one["recorder"] for one in self._every)
        yield _counted("figway_shadow", "Exchanges eligible for shadowing, by how they ended.",
                       ["capability", "operation", "outcome", "reason"],
                       [((capability, operation, outcome, reason), count) for one in self._every
                        for capability, operation, outcome, reason, count in one["shadow"]])
        yield mirrored(row for one in self._every for row in one["mirrored"])
        yield _gauge("figway_requests_in_flight", "Requests being answered.",
                     sum(one["recorder"]["in_flight"] for one in self._living))
        yield from self._shadow()
        yield from self._edge()
        yield from self._configuration()

    def _shadow(self) -> Iterator[Metric]:
        """The lane, the files that the shadow keeps, and what was lost."""
        every, living = self._every, self._living
        yield _gauge("figway_shadow_unfinished", "Mirrors without an outcome yet.",
                     sum(one["lane"]["unfinished"] for one in living))
        yield _gauge("figway_shadow_held_bytes", "Bytes that they hold.",
                     sum(one["lane"]["held_bytes"] for one in living))
        yield _counted("figway_legacy_extra", "Requests to legacy beyond what its clients asked.", ["capability"],
                       [((capability,), count) for one in every for capability, count in one["lane"]["extra"]])
        spared = GaugeMetricFamily("figway_legacy_spared", "Workers in which such requests are stopped.",
                                   labels=["capability", "operation", "reason"])
        stops = Counter({(capability, "", reason): 0 for one in living for capability, _ in one["lane"]["extra"]
                         for reason in (ANOTHER_KIND, CLIENT_ERRORS)})
        stops.update((capability, operation, reason) for one in living
                     for capability, operation, reason in one["lane"]["spared"])
        for stop, workers in sorted(stops.items()):
            spared.add_metric([*stop], workers)
        yield spared
        yield CounterMetricFamily("figway_store_failures", "Writes to the store that failed.",
                                  value=sum(one["store"]["failures"] for one in every))
        lost = CounterMetricFamily("figway_store_lost", "Exchanges that the store does not have, or not all of.",
                                   labels=["reason"])
        for reason in (*Reason, "differences"):
            if reason not in NOT_LOST:
                lost.add_metric([reason], sum(one["store"]["lost"].get(reason, 0) for one in every))
        yield lost
        well = GaugeMetricFamily("figway_shadow_well", "1 if a part of the shadow works in every worker, else 0.",
                                 labels=["part"])
        for part in ("lane", "store", "custody", "sealed", "marks"):
            well.add_metric([part], int(all(
                one["lane"]["on"] if part == "lane" else part not in one["faults"] for one in living)))
        yield well
        capture = CounterMetricFamily("figway_capture", "Mismatches to be sealed, by how that went.", labels=["result"])
        for result in ("sealed", "discarded", "shed", "failed"):
            capture.add_metric([result], sum(one["capture"].get(result, 0) for one in every))
        yield capture
        yield CounterMetricFamily("figway_custody_failures", "Keys that could not be made, found or destroyed.",
                                  value=sum(one["custody"]["failures"] for one in every))

    def _edge(self) -> Iterator[Metric]:
        """The data port: its certificate, its connections and the memory that clients take."""
        every, living = self._every, self._living
        expires = GaugeMetricFamily("figway_certificate_expires_timestamp_seconds",
                                    "When the data port's certificate expires, where there is one.", labels=[])
        if certificates := [one["certificate"]["ends"] for one in living if one["certificate"] is not None]:
            expires.add_metric([], min(certificates))
        yield expires
        yield _gauge("figway_connections", "Client connections.", sum(one["connections"] for one in living))
        yield _gauge("figway_connections_busiest", "Client connections of the worker that has most.",
                     max((one["connections"] for one in living), default=0))
        yield _gauge("figway_connections_limit", "Client connections that there is room for.",
                     sum(one["connections_limit"] for one in living))
        yield _counted("figway_refusals", "Requests and handshakes that were refused, by the rule.", ["rule"],
                       [((rule,), count) for one in every for rule, count in one["recorder"]["refusals"]])
        yield CounterMetricFamily("figway_connections_refused", "Client connections turned away for want of room.",
                                  value=sum(one["turned_away"] for one in every))
        yield _gauge("figway_descriptors_limit", "File descriptors that the workers may have.",
                     sum(one["descriptors"] for one in living))
        yield _gauge("figway_memory_held_bytes", "Bytes held for clients.",
                     sum(one["memory"]["held"] for one in living))
        yield _gauge("figway_memory_limit_bytes", "Bytes that may be held for clients, 0 for no bound.",
                     sum(one["memory"]["limit"] for one in living))
        yield CounterMetricFamily("figway_memory_refused", "Times that there was no room to hold more.",
                                  value=sum(one["memory"]["refused"] for one in every))

    def _configuration(self) -> Iterator[Metric]:
        """The configuration in force. Every worker calls the same upstreams, so the first speaks for all."""
        living = self._living
        yield _gauge("figway_config_last_reload_successful", "1 if the last file read is in force, else 0.",
                     int(all(one["reload"]["successful"] for one in living)))
        yield _gauge("figway_config_reloads_hanging", "Attempts to reload that were given up and have not ended.",
                     sum(one["reload"]["hanging"] for one in living))
        yield CounterMetricFamily("figway_config_reloads", "Configurations put in force since the start.",
                                  value=max((one["reload"]["count"] for one in living), default=0))
        yield _gauge("figway_stages_revision", "Revision of the stages in force, the least of all workers.",
                     min((one["stages"]["revision"] for one in living), default=0))
        yield _gauge("figway_stages_stale", "Workers whose stages may not be the latest.",
                     sum(bool(one["stages"]["stale"]) for one in living))
        yield _gauge("figway_stages_drifting", "Capabilities that stand elsewhere than the file says.",
                     max((one["stages"]["drifting"] for one in living), default=0))
        available = GaugeMetricFamily("figway_endpoint_available", "1 if the endpoint is well and not ejected.",
                                      labels=["upstream", "endpoint"])
        for name, url, up, *_ in living[0]["upstreams"] if living else ():
            available.add_metric([name, url], int(up))
        yield available
        ends = GaugeMetricFamily("figway_upstream_certificate_expires_timestamp_seconds",
                                 "When an upstream's certificate, or the one that it is shown, expires.",
                                 labels=["upstream", "endpoint", "certificate"])
        seen: dict[tuple[str, str, str], float] = {}
        for name, url, whose, at in (row for one in living for row in one["certificates"]):
            seen[name, url, whose] = min(at, seen.get((name, url, whose), at))
        for key, at in sorted(seen.items()):
            ends.add_metric([*key], at)
        yield ends
        for became, text in (("repaired", "Answers that broke a rule of HTTP/1.1 and had one meaning."),
                             ("refused", "Answers that broke a rule of HTTP/1.1 and were refused.")):
            yield _counted(f"figway_answers_{became}", text, ["upstream", "rule"], [
                ((upstream, rule), count) for one in self._every
                for upstream, rule, how, count in one["breaches"] if how == became])
        info = InfoMetricFamily("figway_build", "What is running.")
        info.add_metric([], {"version": self._version, "revision": living[0]["revision"] if living else ""})
        yield info


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=value)


def _counted(name: str, text: str, labels: list[str], rows: list[tuple[tuple[str, ...], int]]) -> Metric:
    """A counter with its rows added up by their labels, and sorted."""
    counts: dict[tuple[str, ...], int] = {}
    for key, count in rows:
        counts[key] = counts.get(key, 0) + count
    counter = CounterMetricFamily(name, text, labels=labels)
    for key, count in sorted(counts.items()):
        counter.add_metric(list(key), count)
    return counter
