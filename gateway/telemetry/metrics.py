"""The Prometheus families of a scrape, added up from the snapshots of one or several workers."""

from collections.abc import Iterable

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric

from gateway.telemetry.facts import RecorderFacts
from shadow.latency import BOUNDS, SIZE

# The buckets that Prometheus gets: every fourth bound, from 0.8 ms to 26 s.
_SHOWN = tuple(range(16, 78, 4))


def families(snapshots: Iterable[RecorderFacts]) -> Iterable[Metric]:
    """The Prometheus families of one or several workers' snapshots."""
    requests = CounterMetricFamily("figway_requests", "Requests answered.",
                                   labels=["capability", "operation", "arm", "code"])
    received = CounterMetricFamily("figway_received_bytes", "Bytes of request bodies.", labels=["capability"])
    sent = CounterMetricFamily("figway_sent_bytes", "Bytes of response bodies.", labels=["capability"])
    errors = CounterMetricFamily("figway_errors", "Answers that the gateway made itself.",
                                 labels=["capability", "code"])
    fallbacks = CounterMetricFamily("figway_fallbacks", "Calls that legacy answered because modern failed.",
                                    labels=["capability"])
    durations = HistogramMetricFamily("figway_request_duration_seconds", "From a request's head to its answer's end.",
                                      labels=["capability"])
    arms = HistogramMetricFamily("figway_arm_duration_seconds", "Time that the serving arm took.",
                                 labels=["capability", "arm"])
    dropped = CounterMetricFamily("figway_log_lines_dropped", "Log lines dropped because the reader was too slow.")
    counts: dict[tuple[str, str, str, int], int] = {}
    sizes: dict[str, list[int]] = {}
    whole: dict[str, tuple[list[int], float]] = {}
    by_arm: dict[tuple[str, str], list[int]] = {}
    failed: dict[tuple[str, str], int] = {}
    fallen: dict[str, int] = {}
    lost = 0
    for snapshot in snapshots:
        for capability, operation, arm, status, count, into, out in snapshot["counters"]:
            key = (capability, operation, arm, status)
            counts[key] = counts.get(key, 0) + count
            size = sizes.setdefault(capability, [0, 0])
            size[0] += into
            size[1] += out
        for capability, arm, seconds, buckets, arm_buckets in snapshot["latencies"]:
            before, total = whole.get(capability, ([0] * SIZE, 0.0))
            whole[capability] = ([a + b for a, b in zip(before, buckets, strict=True)], total + seconds)
            if arm:
                held = by_arm.get((capability, arm), [0] * SIZE)
                by_arm[capability, arm] = [a + b for a, b in zip(held, arm_buckets, strict=True)]
        for capability, code, count in snapshot["errors"]:
            failed[capability, code] = failed.get((capability, code), 0) + count
        for capability, count in snapshot["fallbacks"]:
            fallen[capability] = fallen.get(capability, 0) + count
        lost += snapshot["log_dropped"]
    for key, count in sorted(counts.items()):
        requests.add_metric([key[0], key[1], key[2], f"{key[3]}xx" if key[3] else "none"], count)
    for capability, (into, out) in sorted(sizes.items()):
        received.add_metric([capability], into)
        sent.add_metric([capability], out)
    for (capability, code), count in sorted(failed.items()):
        errors.add_metric([capability, code], count)
    for capability, count in sorted(fallen.items()):
        fallbacks.add_metric([capability], count)
    for capability, (buckets, seconds) in sorted(whole.items()):
        durations.add_metric([capability], _cumulative(buckets), seconds)
    for (capability, arm), buckets in sorted(by_arm.items()):
        arms.add_metric([capability, arm], _cumulative(buckets), None)
    dropped.add_metric([], lost)
    return [requests, received, sent, errors, fallbacks, durations, arms, dropped]


def mirrored(rows: Iterable[tuple[str, str, float, list[int]]]) -> Metric:
    """The family of the times that both arms took over mirrored requests: (capability, arm, seconds, buckets)."""
    family = HistogramMetricFamily("figway_shadow_duration_seconds", "Time that each arm of a mirrored request took.",
                                   labels=["capability", "arm"])
    whole: dict[tuple[str, str], tuple[list[int], float]] = {}
    for capability, arm, seconds, buckets in rows:
        before, total = whole.get((capability, arm), ([0] * SIZE, 0.0))
        whole[capability, arm] = [a + b for a, b in zip(before, buckets, strict=True)], total + seconds
    for key, (buckets, seconds) in sorted(whole.items()):
        family.add_metric(list(key), _cumulative(buckets), seconds)
    return family


def _cumulative(buckets: list[int]) -> list[tuple[str, float]]:
    shown = [(f"{BOUNDS[bound]:.6g}", float(sum(buckets[:bound + 1]))) for bound in _SHOWN]
    return [*shown, ("+Inf", float(sum(buckets)))]
