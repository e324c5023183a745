"""The store that forgets: aggregates in this process, for tests, first steps and a single worker."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from threading import Lock

from shadow.compare import Comparison, Tally
from shadow.diff import Difference, Signature
from shadow.latency import Histogram
from shadow.ledger import Finding, Ledger, Traffic
from shadow.signatures import Pattern, merged, patterns
from shadow.stores.base import SIGNATURES


class Memory:
    """Keeps what `Store` says in dictionaries. Gone with the process; not shared between workers."""

    @dataclass(frozen=True, slots=True)
    class Options:
        """`signatures`: kinds of differences, and patterns of them, kept of each capability."""

        signatures: int = SIGNATURES

    def __init__(self, options: Options) -> None:
        self._limit = options.signatures
        self._lock = Lock()
        self._tallies: Counter[Tally] = Counter()
        self._traffic: dict[tuple[str, str, str, str], Traffic] = {}
        self._findings: dict[tuple[str, str, Signature], Finding] = {}
        self._kept: Counter[str] = Counter()
        self._overflow: Counter[str] = Counter()
        self._patterns: dict[tuple[str, str, str], Pattern] = {}
        self._patternless: Counter[str] = Counter()

    def write(
        self, comparisons: Sequence[Comparison], tallies: Mapping[Tally, int], traffic: Sequence[Traffic]
    ) -> None:
        with self._lock:
            self._tallies.update(tallies)
            for comparison in comparisons:
                self._tallies[comparison.tally] += 1
                # A signature counts once for each exchange, however often it occurs in it.
                for signature, difference in {found.signature: found for found in comparison.differences}.items():
                    self._find(comparison, signature, difference)
            for place, found in patterns(comparisons).items():
                self._fold(place, found)
            for row in traffic:
                self._add(row)

    def _find(self, comparison: Comparison, signature: Signature, difference: Difference) -> None:
        capability, operation = comparison.tally.capability, comparison.tally.operation
        key = capability, operation, signature
        known = self._findings.get(key)
        if known is None and self._kept[capability] >= self._limit:
            self._overflow[capability] += 1
            return
        if known is None:
            self._kept[capability] += 1
        self._findings[key] = Finding(
            capability, operation, 1 + (known.count if known else 0),
            min(known.first_seen, comparison.at) if known else comparison.at,
            max(known.last_seen, comparison.at) if known else comparison.at, difference, comparison.trace_id,
        )

    def _fold(self, place: tuple[str, str, str], found: Pattern) -> None:
        known = self._patterns.get(place)
        if known is not None:
            self._patterns[place] = merged(known, found)
        elif sum(capability == found.capability for capability, _, _ in self._patterns) < self._limit:
            self._patterns[place] = found
        else:
            self._patternless[found.capability] += found.count

    def _add(self, row: Traffic) -> None:
        key = row.capability, row.operation, row.stage, row.arm
        known = self._traffic.get(key)
        seconds = Histogram(row.seconds.counts)
        if known is not None:
            seconds.merge(known.seconds)
            row = replace(row, requests=row.requests + known.requests, errors=row.errors + known.errors,
                          at=max(row.at, known.at))
        self._traffic[key] = replace(row, seconds=seconds)

    def read(self, capability: str | None = None) -> Ledger:
        def wanted(name: str) -> bool:
            return capability is None or name == capability

        with self._lock:
            return Ledger(
                {tally: count for tally, count in self._tallies.items() if wanted(tally.capability)},
                [replace(row, seconds=Histogram(row.seconds.counts)) for row in self._traffic.values()
                 if wanted(row.capability)],
                [finding for finding in self._findings.values() if wanted(finding.capability)],
                {name: count for name, count in self._overflow.items() if wanted(name)},
                [found for found in self._patterns.values() if wanted(found.capability)],
                {name: count for name, count in self._patternless.items() if wanted(name)},
            )

    def close(self) -> None:
        """Nothing is held that has to be given back."""
