"""Counts how often known differences occur. One that is more frequent than declared is a mismatch from then on.

Each worker counts for itself, and starts again from zero when the rules change, so that this acts at once. The store
has the counts of all workers, also from before restarts; a gate of the verdict (shadow.evidence.gate) checks those.
"""

from collections import Counter

from shadow.compare.comparison import COMPARED, Comparison
from shadow.compare.rules import Rules

FEWEST = 1_000
"""A share is taken of at least this many compared exchanges: a few exchanges make no rate."""

_NONE: frozenset[str] = frozenset()


class Rates:
    """Counts of known differences, by capability and operation."""

    def __init__(self) -> None:
        self._rules: dict[tuple[str, str], str] = {}
        self._compared: Counter[tuple[str, str]] = Counter()
        self._seen: dict[tuple[str, str], Counter[str]] = {}
        self._over: dict[tuple[str, str], frozenset[str]] = {}

    def count(self, rules: Rules, comparison: Comparison) -> None:
        """Count one exchange and the known differences in it."""
        if not rules.known or comparison.tally.outcome not in COMPARED:
            return
        key = comparison.tally.capability, comparison.tally.operation
        if self._rules.get(key) != rules.digest:
            self._rules[key] = rules.digest
            self._compared[key] = 0
            self._seen[key] = Counter()
            self._over[key] = frozenset()
        self._compared[key] += 1
        seen, most = self._seen[key], max(self._compared[key], FEWEST)
        seen.update(name for name, _ in comparison.hidden)
        self._over[key] |= {one.id for one in rules.known if seen[one.id] > one.max_rate * most}

    def over(self, capability: str, operation: str, rules: Rules) -> frozenset[str]:
        """The ids of the known differences of an operation that were more frequent than declared."""
        if not rules.known:
            return _NONE
        key = capability, operation
        return self._over[key] if self._rules.get(key) == rules.digest else _NONE
