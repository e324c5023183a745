"""Judges earlier exchanges again, by other rules, and says what that changes. It shows shapes and no values."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from shadow.compare.comparison import Comparison, Outcome
from shadow.compare.pair import Pair
from shadow.ledger.groups import key


class Earlier(NamedTuple):
    """How an exchange was judged before: its outcome, and the key of its pattern, "" if nothing differed."""

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
        """Whether its outcome has changed, or the arms differ in another way than before."""
        return Earlier.of(self.now) != self.before


class Recompared(NamedTuple):
    """Exchanges judged again, with the counts of outcomes before and now. `hidden` counts, by the rule's id, the
    differences that each rule hides now."""

    exchanges: tuple[Again, ...]
    before: Counter[Outcome]
    now: Counter[Outcome]
    hidden: Counter[str]


def recompare(pairs: Iterable[tuple[str, Earlier, Pair]], judge: Callable[[Pair], Comparison]) -> Recompared:
    """Judge pairs again, in their order, each by the rules that it carries."""
    found = Recompared((), Counter(), Counter(), Counter())
    again = []
    for id, before, pair in pairs:
        now = judge(pair)
        again.append(Again(id, before, now))
        found.before[before.outcome] += 1
        found.now[now.tally.outcome] += 1
        found.hidden.update(dict(now.hidden))
    return found._replace(exchanges=tuple(again))
