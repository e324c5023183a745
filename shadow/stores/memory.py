"""The store that forgets: aggregates in this process, for tests, first steps and a single worker."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from threading import Lock

from shadow.compare.comparison import Comparison, Outcome, Tally
from shadow.compare.difference import Difference, Signature
from shadow.evidence.epoch import Epoch
from shadow.evidence.noise import Noise, Spot, added, spot
from shadow.evidence.stratum import HOUR, Stratum, placed
from shadow.latency import Histogram
from shadow.ledger.groups import Pattern, merged, patterns, standing, worst
from shadow.ledger.rows import (
    EPOCHS,
    HOURS,
    SUBJECTS,
    Binding,
    Declared,
    Evidence,
    Finding,
    Gap,
    Hidden,
    Ledger,
    Sighting,
    Traffic,
    bridged,
    hidden,
    hourly,
    joined,
    latest,
)
from shadow.ledger.unlink import Tokens, Trace, Unlinked, theirs, tokenless, unlinked
from shadow.stores.base import NONE_HELD, RETENTION, SIGNATURES, Held, is_held
from shadow.stores.memory_crosswalk import MemoryCrosswalk


class Memory:
    """Keeps what `Store` says in dictionaries. Gone with the process; not shared between workers."""

    @dataclass(frozen=True, slots=True)
    class Options:
        """`signatures`: kinds of differences, and patterns of them, kept of each capability; `retention`: days after
        which what was not seen again is forgotten."""

        signatures: int = SIGNATURES
        retention: float = RETENTION

    def __init__(self, options: Options) -> None:
        self._limit = options.signatures
        self._retention = options.retention * 86_400
        self._lock = Lock()
        self._tallies: Counter[Tally] = Counter()
        self._traffic: dict[tuple[str, str, str, str], Traffic] = {}
        self._findings: dict[tuple[str, str, Signature], Finding] = {}
        self._kept: Counter[str] = Counter()
        self._overflow: Counter[str] = Counter()
        self._patterns: dict[tuple[str, str, str], Pattern] = {}
        self._patternless: Counter[str] = Counter()
        self._hidden: dict[tuple[str, str], Hidden] = {}
        self._noise: dict[Spot, Noise] = {}
        self._evidence: dict[tuple[str, Epoch], dict[tuple[Stratum, Outcome], Evidence]] = {}
        self._declared: defaultdict[tuple[str, Epoch], Counter[tuple[str, str]]] = defaultdict(Counter)
        self._tokens: defaultdict[int, set[bytes]] = defaultdict(set)
        self._crosswalk = MemoryCrosswalk()
        self._gaps: dict[tuple[str, str, int], Gap] = {}
        self._hour = 0

    def write(
        self, comparisons: Sequence[Comparison], tallies: Mapping[Tally, int], traffic: Sequence[Traffic],
        sightings: Sequence[Sighting] = (), held: Held = NONE_HELD, bindings: Sequence[Binding] = (),
        gaps: Sequence[Gap] = (),
    ) -> Collection[tuple[str, Epoch]]:
        with self._lock:
            before = set(self._evidence)
            self._tallies.update(tallies)
            for comparison in comparisons:
                self._tallies[comparison.tally] += 1
                # A signature counts once for each exchange, however often it occurs in it.
                for signature, difference in worst(comparison.differences).items():
                    self._find(comparison, signature, difference)
            for place, found in patterns(comparisons).items():
                self._fold(place, found)
            for rule in hidden(comparisons):
                key = rule.capability, rule.rule
                self._hidden[key] = joined(self._hidden[key], rule) if key in self._hidden else rule
            for row in traffic:
                self._add(row)
            for one in sightings:
                self._sight(one, held)
            for bound in bindings:
                self._crosswalk.add(bound, held)
            for gap in gaps:
                hour = gap.capability, gap.reason, int(gap.last) // HOUR
                self._gaps[hour] = bridged(self._gaps[hour], gap) if hour in self._gaps else gap
            self._forget(latest(comparisons, traffic, sightings), held)
            return (before | {(one.capability, one.epoch) for one in sightings}) - self._evidence.keys()

    def _find(self, comparison: Comparison, signature: Signature, difference: Difference) -> None:
        capability, operation = comparison.tally.capability, comparison.tally.operation
        key = capability, operation, signature
        known = self._findings.get(key)
        if known is None and self._kept[capability] >= self._limit:
            self._overflow[capability] += 1
            return
        if known is None:
            self._kept[capability] += 1
        else:
            severity = standing(signature, known.exemplar.severity, difference.severity)
            difference = replace(difference, severity=severity)
        self._findings[key] = Finding(
            capability, operation, 1 + (known.count if known else 0),
            min(known.first_seen, comparison.at) if known else comparison.at,
            max(known.last_seen, comparison.at) if known else comparison.at, difference, comparison.trace_id,
            comparison.asked_again + (known.again if known else 0),
            (signature in comparison.reproduced) + (known.reproduced if known else 0),
        )

    def _fold(self, place: tuple[str, str, str], found: Pattern) -> None:
        known = self._patterns.get(place)
        if known is not None:
            self._patterns[place] = merged(known, found)
        elif sum(capability == found.capability for capability, _, _ in self._patterns) < self._limit:
            self._patterns[place] = found
        else:
            self._patternless[found.capability] += found.count

    def _hear(self, noisy: Noise) -> None:
        place = spot(noisy)
        if place in self._noise:
            self._noise[place] = added(self._noise[place], noisy)
        elif sum(other[:2] == place[:2] for other in self._noise) < self._limit:
            self._noise[place] = noisy

    def _add(self, row: Traffic) -> None:
        key = row.capability, row.operation, row.stage, row.arm
        known = self._traffic.get(key)
        seconds = Histogram(row.seconds.counts)
        if known is not None:
            seconds.merge(known.seconds)
            row = replace(row, requests=row.requests + known.requests, errors=row.errors + known.errors,
                          at=max(row.at, known.at))
        self._traffic[key] = replace(row, seconds=seconds)

    def _sight(self, one: Sighting, held: Held) -> None:
        new: Counter[int] = Counter()
        for hour, token in one.tokens:
            tokens = self._tokens[hour]
            if token not in tokens and len(tokens) < SUBJECTS:
                tokens.add(token)
                new[hour] += 1
        for noisy in one.noise:
            self._hear(noisy)
        rows = self._rows(one.capability, one.epoch, held)
        if one.known:
            self._declared[one.capability, one.epoch].update(
                {(one.stratum.operation, known): count for known, count in one.known})
        place = placed(one.stratum, {stratum for stratum, _ in rows}), one.outcome
        old = rows.get(place) or Evidence(one.capability, one.epoch, *place, 0, 0, 0, 0, one.first, one.last)
        rows[place] = Evidence(
            one.capability, one.epoch, *place, old.count + one.count, old.effective + new.total(),
            old.critical + one.critical, old.reproduced + one.reproduced, min(old.first, one.first),
            max(old.last, one.last), hourly(old.hours, new),
        )

    def _rows(self, capability: str, epoch: Epoch, held: Held) -> dict[tuple[Stratum, Outcome], Evidence]:
        """The rows of an epoch. Makes room for one that is new."""
        rows = self._evidence.get((capability, epoch))
        if rows is None:
            known = [] if is_held(capability, held) else [key for key in self._evidence if key[0] == capability]
            for over in sorted(known, key=self._last)[:max(0, len(known) - EPOCHS + 1)]:
                del self._evidence[over]
                self._declared.pop(over, None)
                self._noise = {place: row for place, row in self._noise.items() if place[:2] != over}
            rows = self._evidence[capability, epoch] = {}
        return rows

    def _last(self, key: tuple[str, Epoch]) -> float:
        """When an epoch was last seen."""
        return max(row.last for row in self._evidence[key].values())

    def _forget(self, now: float, held: Held) -> None:
        """Once an hour, drop what is too old."""
        hour, before = int(now) // HOUR, now - self._retention
        if hour <= self._hour:
            return
        self._hour = hour
        for over in [one for one in self._tokens if one <= hour - HOURS]:
            del self._tokens[over]

        def is_kept(capability: str, last: float) -> bool:
            return last >= before or is_held(capability, held)

        for old in [key for key in self._evidence if not is_kept(key[0], self._last(key))]:
            del self._evidence[old]
            self._declared.pop(old, None)
        self._findings = {key: found for key, found in self._findings.items() if is_kept(key[0], found.last_seen)}
        self._kept = Counter(capability for capability, _, _ in self._findings)
        self._patterns = {key: found for key, found in self._patterns.items() if is_kept(key[0], found.last_seen)}
        self._noise = {place: row for place, row in self._noise.items() if is_kept(place[0], row.last_seen)}
        self._gaps = {place: gap for place, gap in self._gaps.items() if is_kept(place[0], gap.last)}
        self._crosswalk.forget(before, held)

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
                [row for (name, _), rows in self._evidence.items() if wanted(name) for row in rows.values()],
                [row for row in self._noise.values() if wanted(row.capability)],
                [row for row in self._hidden.values() if wanted(row.capability)],
                [row for row in self._crosswalk.rows() if wanted(row.capability)],
                [Declared(*place, *known, count) for place, counts in self._declared.items() if wanted(place[0])
                 for known, count in counts.items()],
                [gap for gap in self._gaps.values() if wanted(gap.capability)],
            )

    def unlink(self, tokens: Tokens, traces: Collection[Trace], held: Held = NONE_HELD) -> Unlinked:
        with self._lock:
            every = theirs(self._findings.values(), self._patterns.values(), tokens, traces)
            found = {one for one in every if not is_held(one[0], held)}
            bindings, kept = self._crosswalk.unlink(tokens, held)
            for key, finding in self._findings.items():
                if (finding.capability, finding.trace_id) in found:
                    self._findings[key] = replace(finding, exemplar=tokenless(finding.exemplar))
            self._patterns = {place: unlinked(pattern, found) for place, pattern in self._patterns.items()}
            return Unlinked(len(found), bindings, len(every) - len(found) + kept)

    def close(self) -> None:
        """Nothing is held that has to be given back."""
