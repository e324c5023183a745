"""The facts that one worker reports to the admin port: its current state, and its counters since it started.

Facts cross process boundaries as JSON, so each is a dictionary with fixed keys; tuples arrive as lists.
"""

from collections.abc import Callable
from typing import TypedDict


class ReloadFacts(TypedDict):
    """The result of the last reload: `at` is in seconds since 1970, `problems` are as printed, `waiting` names the
    settings that need a restart, and `hanging` counts the attempts that were given up and still run."""

    successful: bool
    count: int
    at: float
    problems: list[str]
    waiting: list[str]
    hanging: int


class StagesFacts(TypedDict):
    """The stages in force: their revision, why they may not be the latest ("" if they are), how many capabilities stand
    elsewhere than the file says, and which overrides are ignored, with the reason."""

    revision: int
    stale: str
    drifting: int
    ignored: list[str]


class LaneFacts(TypedDict):
    """The shadow lane: whether it accepts mirrors, how many have no outcome yet, and how many bytes those hold.

    `extra`: capability, requests to legacy beyond what its clients asked. `spared`: capability, operation ("" for all),
    and why such requests are stopped now."""

    on: bool
    unfinished: int
    held_bytes: int
    extra: list[tuple[str, int]]
    spared: list[tuple[str, str, str]]


class StoreFacts(TypedDict):
    """Failed writes, and the exchanges that were lost, by reason."""

    failures: int
    lost: dict[str, int]


class CustodyFacts(TypedDict):
    """How often a key could not be made, found or destroyed."""

    failures: int


class CertificateFacts(TypedDict):
    """The data port's certificate: its problem ("" for none), and when it expires, in seconds since 1970."""

    problem: str
    ends: float


class MemoryFacts(TypedDict):
    """Bytes held for clients, their limit (0 for none), and how often there was no room for more."""

    held: int
    limit: int
    refused: int


class RecorderFacts(TypedDict):
    """The counts of requests. gateway.telemetry.record makes the rows, and gateway.telemetry.metrics adds them up.

    `counters`: capability, operation, arm, status class, requests, bytes in, bytes out. `latencies`: capability, arm,
    seconds, buckets, buckets of the arm. `errors`: capability, code, count. `fallbacks`: capability, count. `refusals`:
    rule that a client broke, count."""

    counters: list[tuple[str, str, str, int, int, int, int]]
    latencies: list[tuple[str, str, float, list[int], list[int]]]
    errors: list[tuple[str, str, int]]
    fallbacks: list[tuple[str, int]]
    refusals: list[tuple[str, int]]
    in_flight: int
    log_dropped: int


class WorkerFacts(TypedDict):
    """All facts of one worker. `at` is when they were taken, in seconds since 1970; `workers` is how many workers there
    should be; `revision` is that of the configuration in force.

    `shadow`: capability, operation, outcome, reason, count. `mirrored`: capability, arm, seconds that it took over
    mirrored requests, and their buckets. `upstreams`: name, endpoint's URL, whether it is available, pending calls,
    connections (of the pool and logged in), connections outside the pool, the last failure. `breaches`: upstream, rule
    of HTTP/1.1 that answers broke, "repaired" or "refused", count. `certificates`: upstream, endpoint's URL, whose
    certificate ("client" or "server"), when it ends, in seconds since 1970. `faults`: why the store, custody, the
    sealed file or the file of marks does not work now. `overloaded`: the resources that are exhausted now,
    "connections" or "memory". `descriptors`: the limit of file descriptors."""

    at: float
    workers: int
    draining: bool
    revision: str
    reload: ReloadFacts
    stages: StagesFacts
    shadow: list[tuple[str, str, str, str, int]]
    mirrored: list[tuple[str, str, float, list[int]]]
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
    breaches: list[tuple[str, str, str, int]]
    certificates: list[tuple[str, str, str, float]]
    recorder: RecorderFacts


Facts = Callable[[], WorkerFacts]
