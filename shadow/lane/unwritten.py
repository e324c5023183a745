"""What waits to be written to the store, added up: exchanges of one kind (Exchanges), calls to one arm (Calls)."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from shadow.compare.comparison import Outcome
from shadow.evidence.epoch import Epoch
from shadow.evidence.noise import Noise, Spot, added, spot
from shadow.evidence.stratum import Stratum
from shadow.latency import Histogram
from shadow.ledger.rows import Sighting, Traffic

NOISE = 500
"""Noisy paths of one kind of exchange that wait to be written."""


@dataclass(slots=True)
class Exchanges:
    """Exchanges of one epoch, stratum, outcome and reason: a Sighting that can be added to."""

    first: float
    last: float
    count: int = 0
    critical: int = 0
    reproduced: int = 0
    tokens: set[tuple[int, bytes]] = field(default_factory=set)
    noise: dict[Spot, Noise] = field(default_factory=dict)
    known: Counter[str] = field(default_factory=Counter)
    sizes: Counter[int] = field(default_factory=Counter)
    sizes_first: Counter[int] = field(default_factory=Counter)

    def add(self, other: Sighting) -> None:
        """Add those of another sighting of the same kind."""
        self.first, self.last = min(self.first, other.first), max(self.last, other.last)
        self.count += other.count
        self.critical += other.critical
        self.reproduced += other.reproduced
        self.tokens |= other.tokens
        self.known.update(dict(other.known))
        for size, exchanges, first in other.sizes:
            self.sizes[size] += exchanges
            self.sizes_first[size] += first
        self.add_noise(other.noise)

    def add_noise(self, rows: Iterable[Noise]) -> None:
        """Add noise, up to NOISE paths."""
        for row in rows:
            place = spot(row)
            if place in self.noise:
                self.noise[place] = added(self.noise[place], row)
            elif len(self.noise) < NOISE:
                self.noise[place] = row

    def sighting(
        self, capability: str, epoch: Epoch, stratum: Stratum, outcome: Outcome, reason: str, *, swept: bool,
    ) -> Sighting:
        """These exchanges as a row for the store."""
        return Sighting(
            capability, epoch, stratum, outcome, self.count, self.critical, self.reproduced, self.first, self.last,
            frozenset(self.tokens), tuple(self.noise.values()), tuple(self.known.items()), reason, swept,
            tuple((size, exchanges, self.sizes_first[size]) for size, exchanges in self.sizes.items()))


class Calls:
    """Calls to one arm: a Traffic that can be added to."""

    __slots__ = ("at", "errors", "requests", "seconds")

    def __init__(self) -> None:
        self.requests = self.errors = 0
        self.seconds = Histogram()
        self.at = 0.0

    def row(self, capability: str, operation: str, stage: str, arm: str) -> Traffic:
        """These calls as a row for the store."""
        return Traffic(capability, operation, stage, arm, self.requests, self.errors, self.seconds, self.at)
