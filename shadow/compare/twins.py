"""Twins: items of a list that differ only in their identifiers. They are paired by which other items refer to them.

Two records without a name of their own, such as two observations of one value, look the same in both answers until the
identifiers in them are followed. This is graph isomorphism in small: items are the nodes, shared identifiers the edges.

1. **Colours.** Every item starts with its fingerprint, in which open identifiers are left out. In each round its colour
   takes in the colours of the items that share an identifier with it (colour refinement, also called 1-dimensional
   Weisfeiler-Leman). Items whose colour is unique on both sides belong together.
2. **Choices.** If nothing is unique, one item is paired with any one of its colour, and the rest is coloured again.
   In a forest items of one stable colour are interchangeable, so any choice is as good as another (Immerman and
   Lander, "Describing graphs", 1990). Items in rings need not be: there a choice may be wrong.

Both are bounded (ROUNDS, CHOICES). Items left after that are paired in order, the most similar first.

A wrong choice never hides a difference. Pairing decides which items are compared with each other; the crosswalk, which
is one-to-one, must still hold for every identifier afterwards. So two answers without a difference are equal up to a
renaming, and a wrong choice can only report a conflict too many. `tests/shadow/compare/test_twins.py` proves both
against a search through all renamings of small examples.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from adapters.document import Tree
from shadow.compare.identifiers import Identities

ROUNDS = 6
"""The most rounds of colours: items further apart than this do not affect each other's colour."""

CHOICES = 16
"""Choices made one at a time. After them, all items that are left are paired at once."""

COLOURED = 32_000
"""Items that are coloured for choices, at most: in long lists fewer choices are made."""

Colours: TypeAlias = dict[int, int]
"""The colour of each item, by its index."""


class _Tie(NamedTuple):
    """The indexes of legacy's and modern's items that look the same by themselves."""

    left: list[int]
    right: list[int]


def matched(
    identities: Identities, old: Sequence[Tree], new: Sequence[Tree], left: Sequence[int], right: Sequence[int],
    like: Callable[[Tree], int],
) -> tuple[list[tuple[int, int]], set[int]]:
    """Pairs of items of two lists that look the same, and legacy's indexes of the pairs that are not certain. `left`
    and `right` are the indexes to pair, `like` gives an item's fingerprint. `identities` binds what pairs prove."""
    return _Lists(identities, old, new, like).matched(left, right)


class _Lists:
    """Two lists whose items are being paired."""

    __slots__ = ("_identities", "_like", "_new", "_old")

    def __init__(self, identities: Identities, old: Sequence[Tree], new: Sequence[Tree],
                 like: Callable[[Tree], int]) -> None:
        self._identities = identities
        self._old = old
        self._new = new
        self._like = like

    def matched(self, left: Sequence[int], right: Sequence[int]) -> tuple[list[tuple[int, int]], set[int]]:
        groups: dict[int, _Tie] = defaultdict(lambda: _Tie([], []))
        for i in left:
            groups[self._like(self._old[i])].left.append(i)
        for j in right:
            if (one := self._like(self._new[j])) in groups:
                groups[one].right.append(j)
        pairs = [(tie.left[0], tie.right[0]) for tie in groups.values() if len(tie.left) == len(tie.right) == 1]
        self._join(pairs)
        doubtful: set[int] = set()
        ties = [tie for tie in groups.values() if tie.right and len(tie.left) + len(tie.right) > 2]
        if ties:
            ties.sort(key=_size)
            found = self._one_by_one(ties)
            rounds = self._rounds(self._old, legacy=True), self._rounds(self._new, legacy=False)
            for tie in ties:
                found += self._rest(tie, rounds)
            pairs += found
            doubtful.update(i for i, _ in found)
        return pairs, doubtful

    def _join(self, pairs: Sequence[tuple[int, int]]) -> None:
        self._identities.join([(self._old[i], self._new[j]) for i, j in pairs])

    def _one_by_one(self, ties: Sequence[_Tie]) -> list[tuple[int, int]]:
        """Pairs taken out of `ties`: all that their colours tell apart, or else a choice, after which the colours may
        tell more of them apart. At most CHOICES times."""
        found: list[tuple[int, int]] = []
        for _ in range(max(1, min(CHOICES, COLOURED // max(1, len(self._old))))):
            # Either side may need more rounds than the other: both are read after the same number of them.
            one, other = list(zip(self._rounds(self._old, legacy=True), self._rounds(self._new, legacy=False),
                                  strict=False))[-1]
            some = self._unique(ties, one, other)
            if not some:
                break
            self._join(some)
            found += some
            for i, j in some:
                for tie in ties:
                    if i in tie.left:
                        tie.left.remove(i)
                        tie.right.remove(j)
        return found

    def _unique(self, ties: Sequence[_Tie], one: Colours, other: Colours) -> list[tuple[int, int]]:
        """Pairs of items whose colour no other item has; if there are none, the first pair of one colour."""
        unique: list[tuple[int, int]] = []
        chosen: list[tuple[int, int]] = []
        for tie in ties:
            looks: dict[Hashable, _Tie] = defaultdict(lambda: _Tie([], []))
            for i in tie.left:
                looks[one[i], self._identities.bound_names(self._old[i], legacy=True)].left.append(i)
            for j in tie.right:
                looks[other[j], self._identities.bound_names(self._new[j], legacy=False)].right.append(j)
            for some, others in looks.values():
                if len(some) == len(others) == 1 and self._agree(some[0], others[0]):
                    unique.append((some[0], others[0]))
                elif not chosen and some and others and self._agree(some[0], others[0]):
                    chosen.append((some[0], others[0]))
        return unique or chosen

    def _agree(self, i: int, j: int) -> bool:
        return self._identities.agree(self._old[i], self._new[j])

    def _rounds(self, items: Sequence[Tree], *, legacy: bool) -> list[Colours]:
        """The colours of a list's items, round by round, as long as a round tells more of them apart."""
        prints = {at: self._like(item) for at, item in enumerate(items)}
        rounds = [prints]
        naming = [(at, self._identities.names_of(item)) for at, item in enumerate(items)]
        naming = [(at, names) for at, names in naming if names]
        while len(rounds) < ROUNDS:
            seen: dict[tuple[str, str], list[int]] = defaultdict(list)
            for at, names in naming:
                for path, found in names.items():
                    for one in found:
                        seen[one.name, one.id].append(hash((path, rounds[-1][at])))
            # An identifier's colour: modern's identifier if it is bound, else the items and paths where it stands.
            colours = {}
            for (name, its), places in seen.items():
                image = self._identities.image(name, its, legacy=legacy)
                colours[name, its] = hash((name, image, *(() if image else sorted(places))))
            finer = dict(prints)
            for at, names in naming:
                finer[at] = hash((prints[at], *sorted(
                    hash((path, colours[one.name, one.id])) for path, found in names.items() for one in found)))
            if len(set(finer.values())) <= len(set(rounds[-1].values())) and len(rounds) > 1:
                break
            rounds.append(finer)
        return rounds

    def _rest(self, tie: _Tie, rounds: tuple[list[Colours], list[Colours]]) -> list[tuple[int, int]]:
        """Pairs of a tie's remaining items: those of one colour in the last round first, then in the round before."""
        found: list[tuple[int, int]] = []
        left, right = tie
        for one, other in reversed(list(zip(*rounds, strict=False))):
            before = -1
            while left and right and before != len(found):
                before = len(found)
                left, right = self._pass(left, right, one, other, found)
        # Each of these contradicts a binding made before. They are still paired, so that the conflict is reported.
        return [*found, *zip(left, right, strict=False)]

    def _pass(
        self, left: Sequence[int], right: Sequence[int], one: Mapping[int, int], other: Mapping[int, int],
        found: list[tuple[int, int]],
    ) -> tuple[list[int], list[int]]:
        """Add to `found` the pairs of one colour that agree with all bindings so far. Returns the items left over."""
        waiting: dict[Hashable, deque[int]] = defaultdict(deque)
        for j in right:
            waiting[other[j], self._identities.bound_names(self._new[j], legacy=False)].append(j)
        aside: list[int] = []
        back: list[int] = []
        for i in left:
            places = waiting.get((one[i], self._identities.bound_names(self._old[i], legacy=True)))
            if not places:
                aside.append(i)
                continue
            j = places.popleft()
            if self._agree(i, j):
                self._join([(i, j)])
                found.append((i, j))
            else:
                aside.append(i)
                back.append(j)
        return aside, sorted([*back, *(j for places in waiting.values() for j in places)])


def _size(tie: _Tie) -> int:
    return len(tie.left)
