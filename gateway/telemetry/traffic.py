"""Turns the recorder's latencies, which only grow, into rows of traffic that a store can add up."""

from collections.abc import Callable, Mapping

from gateway.telemetry.record import Latency
from shadow.latency import SIZE, Histogram
from shadow.ledger.rows import Traffic


class TrafficFold:
    """Remembers the counts of earlier rows, so that each new row holds only the traffic since then."""

    def __init__(self) -> None:
        self._before: dict[tuple[str, str], tuple[int, int, list[int]]] = {}

    def rows(
        self, latencies: Mapping[tuple[str, str], Latency], stage: Callable[[str], str], at: float
    ) -> list[Traffic]:
        """The answers of each arm since the last call of this method, over all operations of a capability (the rows
        name no operation). `stage` gives a capability's current stage."""
        rows = []
        for key, now in latencies.items():
            capability, arm = key
            count, errors, buckets = self._before.get(key, (0, 0, [0] * SIZE))
            if now.count == count:
                continue
            since = Histogram(after - before for after, before in zip(now.arm_buckets, buckets, strict=True))
            served, failed = now.count - count, now.errors - errors
            rows.append(Traffic(capability, "", stage(capability), arm, served, failed, since, at))
            self._before[key] = (now.count, now.errors, list(now.arm_buckets))
        return rows
