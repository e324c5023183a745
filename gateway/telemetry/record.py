"""What the gateway remembers of every request it finished: one access-log line, and counters.

Nothing here may hold PHI: names come from the configuration, the rest are numbers and ids. A path, a query, a
header's value, an address or a body never reach this module. Counters are plain ints, folded into Prometheus
families when they are scraped: an increment costs a tenth of what a client library's costs.
"""

import time
from bisect import bisect_left

import orjson

from gateway.telemetry.facts import RecorderFacts
from gateway.telemetry.output import Output
from shadow.latency import BOUNDS, SIZE

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "REPORT"})


class Latency:
    """How one arm of one capability has been doing, over all its operations: the buckets of shadow.latency."""

    __slots__ = ("arm_buckets", "buckets", "count", "errors", "seconds")

    def __init__(self) -> None:
        self.count = 0
        self.errors = 0
        self.seconds = 0.0
        self.buckets = [0] * SIZE
        self.arm_buckets = [0] * SIZE


class Counter:
    """What is counted of one kind of request."""

    __slots__ = ("bytes_in", "bytes_out", "count", "latency", "names")

    def __init__(self, capability: str, operation: str, arm: str, latency: Latency) -> None:
        # The access log's share that is the same for all of them; the configuration's names need no escaping.
        self.names = f'"event":"request","capability":"{capability}","operation":"{operation}","arm":"{arm}"'
        self.latency = latency
        self.count = 0
        self.bytes_in = 0
        self.bytes_out = 0


class Recorder:
    """Logs and counts finished requests, for one worker."""

    def __init__(self, output: Output, *, access_log: bool = True) -> None:
        self.output = output
        # By capability, operation, arm ("" where none answered) and the status's class.
        self.counters: dict[tuple[str, str, str, int], Counter] = {}
        # By capability and arm: histograms by operation would be a burden to keep and to show.
        self.latencies: dict[tuple[str, str], Latency] = {}
        self.errors: dict[tuple[str, str], int] = {}
        self.fallbacks: dict[str, int] = {}
        self.in_flight = 0
        self._access_log = access_log
        self._second = 0
        self._stamp = ""

    def finished(
        self, capability: str, operation: str, stage: str, arm: str, reason: str, method: str, status: int,
        error: str, bytes_in: int, bytes_out: int, seconds: float, arm_seconds: float, trace_id: str,
        request_id: str, fallback: str,
    ) -> None:
        """Remember one request. `error` is a code of gateway.errors, "client_gone" or ""; `seconds` are from the
        head's arrival to the last byte handed to the client, `arm_seconds` those the serving arm took of them."""
        key = (capability, operation, arm, status // 100)
        counter = self.counters.get(key)
        if counter is None:
            latency = self.latencies.setdefault((capability, arm), Latency())
            counter = self.counters[key] = Counter(capability, operation, arm, latency)
        counter.count += 1
        counter.bytes_in += bytes_in
        counter.bytes_out += bytes_out
        latency = counter.latency
        latency.count += 1
        latency.seconds += seconds
        latency.buckets[bisect_left(BOUNDS, seconds)] += 1
        latency.arm_buckets[bisect_left(BOUNDS, arm_seconds)] += 1
        if status >= 500:
            latency.errors += 1
        if error:
            self.errors[capability, error] = self.errors.get((capability, error), 0) + 1
        if fallback:
            self.fallbacks[capability] = self.fallbacks.get(capability, 0) + 1
        if not self._access_log:
            return
        now = time.time()
        second = int(now)
        if second != self._second:
            self._second = second
            self._stamp = time.strftime('{"ts":"%Y-%m-%dT%H:%M:%S', time.gmtime(second))
        rest = ""
        if error:
            rest = f',"error":"{error}"'
        if request_id:
            rest += f',"request_id":"{request_id}"'
        if fallback:
            rest += f',"fallback":"{fallback}"'
        self.output.write(
            f'{self._stamp}.{int((now - second) * 1000):03d}Z",{counter.names},"stage":"{stage}","reason":"{reason}",'
            f'"method":"{method if method in _METHODS else "OTHER"}","status":{status},"bytes_in":{bytes_in},'
            f'"bytes_out":{bytes_out},"us":{int(seconds * 1e6)},"arm_us":{int(arm_seconds * 1e6)},'
            f'"trace_id":"{trace_id}"{rest}}}\n'
        )

    def refused(self, code: str, trace_id: str, *, told: bool = True) -> None:
        """Remember a request that the edge refused before it was one. One that is not `told` has no line of its own:
        there may be very many, and something else tells of them."""
        self.errors["_edge", code] = self.errors.get(("_edge", code), 0) + 1
        if told:
            self.event("refused", level="warning", code=code, trace_id=trace_id)

    def event(self, name: str, /, *, level: str = "info", **facts: str | int | float | bool | list[str]) -> None:
        """Log something that is not a request. The facts must be ours: names, numbers, codes."""
        now = time.time()
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now % 1 * 1000):03d}Z"
        line = orjson.dumps({"ts": stamp, "event": name, "level": level, **facts}, option=orjson.OPT_APPEND_NEWLINE)
        self.output.write(line.decode())

    def snapshot(self) -> RecorderFacts:
        """Everything that was counted."""
        return {
            "counters": [(*key, c.count, c.bytes_in, c.bytes_out) for key, c in self.counters.items()],
            "latencies": [(*key, one.seconds, one.buckets, one.arm_buckets) for key, one in self.latencies.items()],
            "errors": [(*key, count) for key, count in self.errors.items()],
            "fallbacks": list(self.fallbacks.items()),
            "in_flight": self.in_flight,
            "log_dropped": self.output.dropped,
        }
