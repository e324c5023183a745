"""From the recorder's counters, which only grow, to the rows of traffic that a store adds up."""

from collections.abc import Callable, Mapping

from gateway.telemetry.record import Counter
from shadow.latency import SIZE, Histogram
from shadow.ledger import Traffic


class TrafficFold:
    """Remembers what was told already, so that each row holds what came since."""

    def __init__(self) -> None:
        self._told: dict[tuple[str, str, str, int], tuple[int, list[int]]] = {}

    def rows(
        self, counters: Mapping[tuple[str, str, str, int], Counter], stage: Callable[[str], str], at: float
    ) -> list[Traffic]:
        """What each arm answered since the last call. `stage` gives a capability's stage of now."""
        rows = []
        for key, counter in counters.items():
            capability, operation, arm, status = key
            told, buckets = self._told.get(key, (0, [0] * SIZE))
            if counter.count == told:
                continue
            since = Histogram(now - then for now, then in zip(counter.arm_buckets, buckets, strict=True))
            count = counter.count - told
            rows.append(Traffic(capability, operation, stage(capability), arm, count, count if status == 5 else 0,
                                since, at))
            self._told[key] = (counter.count, list(counter.arm_buckets))
        return rows
