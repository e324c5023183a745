"""How often known differences occur: one that is more frequent than was declared is a mismatch from then on.

Each worker counts for itself, and anew when the rules change: that acts at once. What all workers and their restarts
come to is seen in the store, and held against what was declared by a gate of the verdict (shadow.evidence.gate).
"""

from collections import Counter

from shadow.compare.comparison import COMPARED, Comparison
from shadow.compare.rules import Rules

FEWEST = 1_000
"""Compared exchanges that a share is taken of, at the least: few of them make no rate."""

_NONE: frozenset[str] = frozenset()


class Rates:
    """Counts by capability and rules, of which there are few at any time."""

    def __init__(self) -> None:
        self._rules: dict[tuple[str, str], str] = {}
        self._compared: Counter[tuple[str, str]] = Counter()
        self._seen: dict[tuple[str, str], Counter[str]] = {}
        self._over: dict[tuple[str, str], frozenset[str]] = {}

    def count(self, rules: Rules, comparison: Comparison) -> None:
        """One exchange of an operation with its outcome."""
        if not rules.known or comparison.tally.outcome not in COMPARED:
            return
        place = comparison.tally.capability, comparison.tally.operation
        if self._rules.get(place) != rules.digest:
            self._rules[place] = rules.digest
            self._compared[place] = 0
            self._seen[place] = Counter()
            self._over[place] = frozenset()
        self._compared[place] += 1
        seen, most = self._seen[place], max(self._compared[place], FEWEST)
        seen.update(name for name, _ in comparison.hidden)
        self._over[place] |= {one.id for one in rules.known if seen[one.id] > one.max_rate * most}

    def over(self, capability: str, operation: str, rules: Rules) -> frozenset[str]:
        """The ids of the known differences of an operation that were more frequent than declared."""
        if not rules.known:
            return _NONE
        place = capability, operation
        return self._over[place] if self._rules.get(place) == rules.digest else _NONE
