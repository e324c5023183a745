"""The figures: medians of the rounds with their spread, ratios within each round, and what the contract asks."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from statistics import median
from typing import Any

from tests.benchmarks.run import Sample


@dataclass(frozen=True, slots=True)
class Spread:
    """A figure: the median of some rounds, the lowest and the highest. It is not `sound` if most of the rounds in which
    it could be measured were disturbed; then it is of all rounds."""

    median: float
    low: float
    high: float
    rounds: int
    sound: bool

    def scaled(self, by: float) -> "Spread":
        return replace(self, median=self.median * by, low=self.low * by, high=self.high * by)

    def stored(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Of:
    """One figure of one peer in one row: `what` is a field of Sample."""

    row: str
    peer: str
    what: str


class Found:
    """All samples of a run, to take figures from. A figure is of the rounds that nothing disturbed if those are at
    least half, else of all rounds, and then it is not sound."""

    def __init__(self, samples: Iterable[Sample]) -> None:
        self.samples = list(samples)
        self._rounds: dict[tuple[str, str], dict[int, Sample]] = defaultdict(dict)
        for sample in self.samples:
            self._rounds[sample.row, sample.peer][sample.round] = sample

    def peers(self, row: str) -> list[str]:
        """Who was measured in this row, in the order of the first round."""
        return [peer for one, peer in self._rounds if one == row]

    def figure(self, of: Of) -> Spread | None:
        """A figure with its spread; None where it was not measured."""
        return self._spread([of], lambda values: values[0])

    def ratio(self, over: Of, under: Of) -> Spread | None:
        """One figure divided by another, within each round, and then the spread of that."""
        return self._spread([over, under], lambda values: values[0] / values[1])

    def disturbed(self, row: str) -> dict[str, list[str]]:
        """Peer → why its spells in this row cannot be trusted, those that can left out."""
        found = {peer: [one.doubt for one in self._rounds[row, peer].values() if one.doubt] for peer in self.peers(row)}
        return {peer: doubts for peer, doubts in found.items() if doubts}

    def _spread(self, figures: Sequence[Of], combined: Callable[[list[float]], float]) -> Spread | None:
        rounds = [self._rounds.get((one.row, one.peer), {}) for one in figures]
        shared = [number for number in rounds[0] if all(number in other for other in rounds)]
        all_rounds, quiet = {}, {}
        for number in shared:
            samples = [one[number] for one in rounds]
            values = [getattr(sample, one.what) for sample, one in zip(samples, figures, strict=True)]
            if None in values or 0 in values[1:]:
                continue
            all_rounds[number] = combined(values)
            if not any(sample.doubt for sample in samples):
                quiet[number] = all_rounds[number]
        if not all_rounds:
            return None
        sound = 2 * len(quiet) >= len(all_rounds)
        values = list((quiet if sound else all_rounds).values())
        return Spread(median(values), min(values), max(values), len(values), sound)


@dataclass(frozen=True, slots=True)
class Target:
    """What the contract asks: that a figure, multiplied by `scale`, or its ratio to another is at most `highest`. None
    asks nothing: people want to see it."""

    said: str
    over: Of
    under: Of | None
    highest: float | None
    scale: float = 1.0


# The share of exchanges that must have been compared; some are under way as the load ends.
COMPARED = 0.98
KIB_IN_MB = 1024 / 1e6
CPU, P99 = "CPU a request, to Envoy's", "p99, to Envoy's"


def target(
    row: str, peer: str, highest: float | None, what: str = "cpu", said: str = CPU, base: str = "envoy"
) -> Target:
    """A target for a ratio to another peer in the same row."""
    return Target(f"{row}: {peer}, {said}", Of(row, peer, what), Of(row, base, what), highest)


def targets() -> list[Target]:
    found = [
        target("pass-through", "figway", 0.9),
        target("pass-through", "figway-compiled", 0.7),
        target("pass-through", "figway-compiled", 1.0, said="CPU a request, to nginx's (the goal)", base="nginx"),
        target("fresh", "figway", None),
        target("fresh", "figway-compiled", 1.1),
        target("shadow", "figway", None, "p50", "p50, to that with the shadow off", "figway-unmirrored"),
    ]
    for peer in ("figway", "figway-compiled"):
        many, few = Of("operations-10000", peer, "cpu"), Of("operations-10", peer, "cpu")
        found.append(Target(f"10,000 operations: {peer}, CPU a request, to that with ten", many, few, 1.15))
        found += [target(row, peer, 1.0) for row in ("shadow-50", "shadow", "shadow-saturated")]
        found.append(target("half", peer, 1.0, "p99", P99))
        four, one = Of("workers-4", peer, "cpu"), Of("workers-1", peer, "cpu")
        found += [
            Target(f"four workers: {peer}, PSS of a worker in MB", Of("memory-4", peer, "worker"), None, 50, KIB_IN_MB),
            Target(f"four workers: {peer}, CPU a request, to that of one", four, one, 1.05),
            Target(f"four workers: {peer}, most connections of a worker, to the mean",
                   Of("workers-4", peer, "unevenness"), None, 1.5),
        ]
    return found


def checks(found: Found) -> list[str]:
    """How each target that was measured stands, in a sentence with the figure and its spread."""
    said = []
    for one in targets():
        spread = found.figure(one.over) if one.under is None else found.ratio(one.over, one.under)
        if spread is not None:
            spread = spread.scaled(one.scale)
            judged = "" if one.highest is None else f"; {verdict(spread, one.highest)}"
            said.append(f"{one.said}: {worded(spread)}{judged}{given_up(found, one.over)}")
    return said


def given_up(found: Found, of: Of) -> str:
    """What to add to a verdict on mirroring if the peer did not compare every exchange, and so did less work."""
    compared = found.figure(Of(of.row, of.peer, "compared"))
    if compared is None or compared.median >= COMPARED:
        return ""
    return f", BUT it compared {compared.median:.0%} of the exchanges, and gave up the rest"


def verdict(spread: Spread, highest: float) -> str:
    """Whether a figure meets its target: "meets", "MISSES … by", or that the target lies within the spread."""
    limit = f"{highest:,g}"
    if spread.high <= highest:
        said = f"meets {limit}"
    elif spread.low > highest:
        said = f"MISSES {limit} by {spread.median / highest - 1:.0%}"
    else:
        near = "below" if spread.median <= highest else f"{spread.median / highest - 1:.0%} above"
        said = f"{limit} lies within the spread, the median {near}"
    return said if spread.sound else said + "; NOT TO BE TRUSTED, the machine was not quiet"


def number(value: float) -> str:
    """A figure with as many digits as it deserves: three."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def worded(spread: Spread | None, scale: float = 1.0) -> str:
    """Words for a figure, "28.9 (28.1–30.2)": the median, the lowest and the highest. A "?" follows what cannot be
    trusted; "–" is what was not measured."""
    if spread is None:
        return "–"
    spread = spread.scaled(scale)
    middle, low, high = map(number, (spread.median, spread.low, spread.high))
    return f"{middle} ({low}–{high})" + ("" if spread.sound else "?")
