"""Records every finished request: one line of the access log, and counters.

An Account is all that this module knows about a request; the log and the metrics are its sinks. It must hold no PHI
(protected health information): names come from the configuration, and the rest are numbers and ids. Paths, queries,
header values and bodies never reach this module. Addresses pass through it to clients.py, which makes tokens of them;
no Account and no line holds one. Counters are plain ints, which become Prometheus families when they are scraped: an
increment costs a tenth of what it costs in a client library.
"""

import time
from bisect import bisect_left
from collections import Counter as Counts
from collections.abc import Collection

import orjson

from gateway.telemetry.clients import Clients
from gateway.telemetry.facts import RecorderFacts
from gateway.telemetry.output import Output
from shadow.latency import BOUNDS, SIZE

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "REPORT"})


class Account:
    """What happened to one request: opened when it arrives, handed to the Recorder when it ends.

    `arm` is the arm that was asked last, "" for none; `status` is the status that the client got, 0 for no answer.
    `error` is a code of gateway.errors, "client_gone" or "". `fallback` says why legacy answered instead of modern: a
    status, a Failure's kind, "slow" or "ejected"; "" if it did not. `rule` is the rule of HTTP/1.1 for which the arm's
    answer was refused (gateway.wire.rules), "" for none. `safe` is whether the request is a read. Times are in seconds:
    `started` and `arm_started` by the monotonic clock, `seconds` from the head's arrival to the last byte sent to the
    client, `arm_seconds` the answering arm's share of them. `arm_started` is when the arm was asked; it is not set
    before one is.
    """

    __slots__ = (
        "arm", "arm_seconds", "arm_started", "bytes_in", "bytes_out", "capability", "error", "fallback", "method",
        "operation", "reason", "request_id", "rule", "safe", "seconds", "stage", "started", "status", "trace_id",
    )
    arm_started: float

    def __init__(self, method: str, trace_id: str, request_id: str, started: float) -> None:
        self.method = method
        self.trace_id = trace_id
        self.request_id = request_id
        self.started = started
        self.capability = self.operation = self.stage = self.arm = self.error = self.fallback = self.rule = ""
        self.reason = "refused"
        self.safe = True
        self.status = self.bytes_in = self.bytes_out = 0
        self.seconds = self.arm_seconds = 0.0


class Latency:
    """How fast one arm of one capability answers, over all its operations, in the buckets of shadow.latency."""

    __slots__ = ("arm_buckets", "buckets", "count", "errors", "seconds")

    def __init__(self) -> None:
        self.count = 0
        self.errors = 0
        self.seconds = 0.0
        self.buckets = [0] * SIZE
        self.arm_buckets = [0] * SIZE


class Counter:
    """The counts of requests that share capability, operation, arm and class of status. `place` are the first three,
    and `met` the clients that are known to have reached it (clients.py)."""

    __slots__ = ("bytes_in", "bytes_out", "count", "latency", "met", "names", "place")

    def __init__(self, capability: str, operation: str, arm: str, latency: Latency, met: Collection[str]) -> None:
        self.place = capability, operation, arm
        self.met = met
        # The part that all their log lines share. Names from the configuration need no escaping.
        self.names = f'"event":"request","capability":"{capability}","operation":"{operation}","arm":"{arm}"'
        self.latency = latency
        self.count = 0
        self.bytes_in = 0
        self.bytes_out = 0


class Recorder:
    """Logs and counts finished requests, for one worker."""

    def __init__(self, output: Output, *, access_log: bool = True) -> None:
        self.output = output
        # By capability, operation, arm ("" if none was asked) and the status's class.
        self.counters: dict[tuple[str, str, str, int], Counter] = {}
        # By capability and arm: histograms for each operation would be too many to keep and to show.
        self.latencies: dict[tuple[str, str], Latency] = {}
        self.errors: dict[tuple[str, str], int] = {}
        self.fallbacks: dict[str, int] = {}
        # Writes that modern took, or may have taken, since somebody last counted: by capability and operation.
        self.writes: Counts[tuple[str, str]] = Counts()
        self.clients = Clients()
        self.in_flight = 0
        self._access_log = access_log
        self._second = 0
        self._stamp = ""

    def finished(self, account: Account) -> Counter:
        """Count one request that was in flight, and write its line of the access log. Returns where it counts."""
        self.in_flight -= 1
        capability, operation, arm, status = account.capability, account.operation, account.arm, account.status
        error, fallback = account.error, account.fallback
        bytes_in, bytes_out = account.bytes_in, account.bytes_out
        seconds, arm_seconds = account.seconds, account.arm_seconds
        key = (capability, operation, arm, status // 100)
        counter = self.counters.get(key)
        if counter is None:
            latency = self.latencies.setdefault((capability, arm), Latency())
            counter = self.counters[key] = Counter(capability, operation, arm, latency,
                                                   self.clients.reached(capability, operation, arm))
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
        if not account.safe and arm == "modern" and (not 400 <= status < 500 or error == "client_gone"):
            # One that failed may have been made all the same, but not one that is the client's mistake.
            self.writes[capability, operation] += 1
        if error:
            self.errors[capability, error] = self.errors.get((capability, error), 0) + 1
        if fallback:
            self.fallbacks[capability] = self.fallbacks.get(capability, 0) + 1
        if not self._access_log:
            return counter
        now = time.time()
        second = int(now)
        if second != self._second:
            self._second = second
            self._stamp = time.strftime('{"ts":"%Y-%m-%dT%H:%M:%S', time.gmtime(second))
        rest = ""
        if error:
            rest = f',"error":"{error}"'
            if account.rule:
                rest += f',"rule":"{account.rule}"'
        if account.request_id:
            rest += f',"request_id":"{account.request_id}"'
        if fallback:
            rest += f',"fallback":"{fallback}"'
        method = account.method
        self.output.write(
            f'{self._stamp}.{int((now - second) * 1000):03d}Z",{counter.names},"stage":"{account.stage}",'
            f'"reason":"{account.reason}","method":"{method if method in _METHODS else "OTHER"}","status":{status},'
            f'"bytes_in":{bytes_in},"bytes_out":{bytes_out},"us":{int(seconds * 1e6)},'
            f'"arm_us":{int(arm_seconds * 1e6)},"trace_id":"{account.trace_id}"{rest}}}\n'
        )
        return counter

    def refused(self, code: str, trace_id: str, rule: str, client: str, *, logged: bool = True) -> None:
        """Count a request that the edge refused before an exchange began, as it broke `rule`. Without `logged` it is no
        fault of the client, and gets no line in the log: there may be very many of these, and the edge logs their
        number."""
        self.errors["_edge", code] = self.errors.get(("_edge", code), 0) + 1
        if logged:
            self.clients.refuse(client, rule)
            self.event("refused", level="warning", code=code, rule=rule, trace_id=trace_id)

    def unheard(self, rule: str, client: str) -> None:
        """Count a client whose handshake failed by a rule."""
        self.clients.refuse(client, rule)

    def event(self, name: str, /, *, level: str = "info", **facts: str | int | float | bool | list[str]) -> None:
        """Log an event other than a request. The facts must be the gateway's own: names, numbers, codes."""
        now = time.time()
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now % 1 * 1000):03d}Z"
        line = orjson.dumps({"ts": stamp, "event": name, "level": level, **facts}, option=orjson.OPT_APPEND_NEWLINE)
        self.output.write(line.decode())

    def snapshot(self) -> RecorderFacts:
        """All counts so far."""
        return {
            "counters": [(*key, c.count, c.bytes_in, c.bytes_out) for key, c in self.counters.items()],
            "latencies": [(*key, one.seconds, one.buckets, one.arm_buckets) for key, one in self.latencies.items()],
            "errors": [(*key, count) for key, count in self.errors.items()],
            "fallbacks": list(self.fallbacks.items()),
            "refusals": list(self.clients.refusals.items()),
            "in_flight": self.in_flight,
            "log_dropped": self.output.dropped,
        }
