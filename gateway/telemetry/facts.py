"""What one worker says of itself to the admin port: its state of the moment, and its counters since it started.

Facts cross process boundaries as JSON, so each is a dictionary with fixed keys; tuples arrive as lists.
"""

from collections.abc import Callable
from typing import TypedDict


class ReloadFacts(TypedDict):
    """How the last reload went: `at` in seconds since 1970, `problems` as printed, `waiting` the settings that need a
    restart, `hanging` the attempts that were given up and still run."""

    successful: bool
    count: int
    at: float
    problems: list[str]
    waiting: list[str]
    hanging: int


class LaneFacts(TypedDict):
    """The shadow lane: whether it takes mirrors, how many have no outcome yet, and the bytes that they hold."""

    on: bool
    unfinished: int
    held_bytes: int


class StoreFacts(TypedDict):
    """Failed writes, and the exchanges that were lost, by reason."""

    failures: int
    lost: dict[str, int]


class CustodyFacts(TypedDict):
    """How often a key could not be made, found or destroyed."""

    failures: int


class CertificateFacts(TypedDict):
    """The data port's certificate: what is wrong with it ("" for nothing), and its end in seconds since 1970."""

    problem: str
    ends: float


class MemoryFacts(TypedDict):
    """Bytes held for clients, their limit (0 for none), and how often there was no room for more."""

    held: int
    limit: int
    refused: int


class RecorderFacts(TypedDict):
    """What was counted of requests: see gateway.telemetry.record, which makes the rows, and metrics, which folds them.

    `counters`: capability, operation, arm, status class, requests, bytes in, bytes out. `latencies`: capability, arm,
    seconds, buckets, buckets of the arm. `errors`: capability, code, count. `fallbacks`: capability, count."""

    counters: list[tuple[str, str, str, int, int, int, int]]
    latencies: list[tuple[str, str, float, list[int], list[int]]]
    errors: list[tuple[str, str, int]]
    fallbacks: list[tuple[str, int]]
    in_flight: int
    log_dropped: int


class WorkerFacts(TypedDict):
    """All of one worker. `at` is when this was said, in seconds since 1970; `workers` how many there should be;
    `revision` that of the configuration in force.

    `shadow`: capability, operation, outcome, reason, count. `upstreams`: name, endpoint's URL, whether it is
    available, pending calls, pooled connections, connections outside the pool, the last failure. `faults`: why the
    store, custody, the sealed file or the file of marks does not work now. `overloaded`: what there is too little of
    now, "connections" or "memory". `descriptors`: the process's limit of file descriptors."""

    at: float
    workers: int
    draining: bool
    revision: str
    reload: ReloadFacts
    shadow: list[tuple[str, str, str, str, int]]
    lane: LaneFacts
    store: StoreFacts
    capture: dict[str, int]
    custody: CustodyFacts
    certificate: CertificateFacts | None
    faults: dict[str, str]
    connections: int
    connections_limit: int
    connections_wanted: int
    turned_away: int
    descriptors: int
    memory: MemoryFacts
    overloaded: list[str]
    upstreams: list[tuple[str, str, bool, int, int, int, str]]
    recorder: RecorderFacts


Facts = Callable[[], WorkerFacts]
