"""Exchanges that were judged before, judged again by the rules as they are now: what that changes, in shapes alone."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from shadow.compare.comparison import Comparison, Outcome
from shadow.compare.pair import Pair
from shadow.ledger.groups import key


class Earlier(NamedTuple):
    """How an exchange was judged: its outcome, and the key of its differences' signatures, "" where it had none."""

    outcome: Outcome
    pattern: str

    @classmethod
    def of(cls, comparison: Comparison) -> "Earlier":
        return cls(comparison.tally.outcome, key(comparison.differences) if comparison.differences else "")


@dataclass(frozen=True, slots=True)
class Again:
    """One exchange, by its id: how it was judged, and how it is judged now."""

    id: str
    before: Earlier
    now: Comparison

    @property
    def changed(self) -> bool:
        """Whether it ends otherwise, or differs in another way."""
        return Earlier.of(self.now) != self.before


class Recompared(NamedTuple):
    """Exchanges judged again; by outcome, how many ended so before and now; and by the rule's id, how many differences
    each rule takes away."""

    exchanges: tuple[Again, ...]
    before: Counter[Outcome]
    now: Counter[Outcome]
    hidden: Counter[str]


def recompare(pairs: Iterable[tuple[str, Earlier, Pair]], judge: Callable[[Pair], Comparison]) -> Recompared:
    """Have pairs judged again, in their order, by the rules that each of them has."""
    found = Recompared((), Counter(), Counter(), Counter())
    again = []
    for id, before, pair in pairs:
        now = judge(pair)
        again.append(Again(id, before, now))
        found.before[before.outcome] += 1
        found.now[now.tally.outcome] += 1
        found.hidden.update(dict(now.hidden))
    return found._replace(exchanges=tuple(again))
