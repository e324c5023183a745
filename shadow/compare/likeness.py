"""Pairs items of two lists that no key pairs, by what they hold: equal ones, then those that say the same in other
words, then the most similar ones. It decides which items are compared with each other, never whether they are equal.

Few items are held against each other each with each. Of many, only those are that share something which few others
have; and what is left is paired in order, if it shares anything at all. So the work is linear.
"""

from collections import defaultdict, deque
from collections.abc import Hashable, Iterator, Sequence

from adapters.document import Tree
from shadow.compare.patterns import Directive, Matcher
from shadow.compare.prints import Prints

MAX_RESIDUE = 1_024
"""Items are held against each other each with each as long as |legacy| · |modern| is no more than this."""

RARE = 8
"""Of many items, a leaf tells those apart that have it, if no more than this many of either side do."""


def matched(
    before: Sequence[Hashable], after: Sequence[Hashable], left: Sequence[int], right: Sequence[int],
    pairs: list[tuple[int, int]],
) -> tuple[list[int], list[int]]:
    """Pair items with equal keys, in order of occurrence, each once. Returns the other items. None equals nothing."""
    waiting: dict[Hashable, deque[int]] = defaultdict(deque)
    for key, at in zip(after, right, strict=True):
        waiting[key].append(at)
    alone = []
    for key, at in zip(before, left, strict=True):
        if key is not None and waiting.get(key):
            pairs.append((at, waiting[key].popleft()))
        else:
            alone.append(at)
    return alone, sorted(at for places in waiting.values() for at in places)


def equal(
    old: Sequence[Tree], new: Sequence[Tree], left: list[int], right: list[int], matcher: Matcher[Directive],
    prints: Prints, pairs: list[tuple[int, int]],
) -> tuple[list[int], list[int]]:
    """Pair the items that differ in nothing, or only in what rules hide. Returns the others. Raises Budget."""
    made = prints.each([*(old[at] for at in left), *(new[at] for at in right)], matcher)
    return matched(made[:len(left)], made[len(left):], left, right, pairs)


def similar(
    old: Sequence[Tree], new: Sequence[Tree], left: list[int], right: list[int], matcher: Matcher[Directive],
    prints: Prints, pairs: list[tuple[int, int]],
) -> tuple[list[int], list[int]]:
    """Pair the items that say the same in other words, such as 2.50 and 2.5, and then the most similar ones. Returns
    the others. Raises Budget."""
    before, after = ({at: prints.leaves(items[at], matcher) for at in some} for items, some in (
        (old, left), (new, right)))
    # Where no leaf was found, nothing is known of the item.
    left, right = matched([before[at] or None for at in left], [after[at] or None for at in right], left, right, pairs)
    if not left or not right:
        return left, right
    # Scalars are not alike.
    leaves, others = ({at: made[at] for at in some if isinstance(items[at], dict | list)}
                      for items, made, some in ((old, before, left), (new, after, right)))
    few = len(left) * len(right) <= MAX_RESIDUE
    found = _each(leaves, others, prints) if few else _by_rare_leaves(leaves, others, prints)
    left, right = _best(found, left, right, pairs)
    if not few and left and right:
        left, right = _in_order(leaves, others, left, right, prints, pairs)
    return left, right


Leaves = dict[int, frozenset[int]]
"""The leaves of items, by the items' indexes."""


def _each(leaves: Leaves, others: Leaves, prints: Prints) -> Iterator[tuple[int, int, int]]:
    """How many leaves two items share: (leaves, legacy's index, modern's), for all that share any."""
    for i, one in leaves.items():
        for j, other in others.items():
            shared = len(one & other)
            prints.spend(1 + shared // 8)
            if shared:
                yield shared, i, j


def _by_rare_leaves(leaves: Leaves, others: Leaves, prints: Prints) -> Iterator[tuple[int, int, int]]:
    """The same for items that share a leaf which no more than RARE items of either side have. Only such leaves are
    counted."""
    having, beside = _having(leaves, prints), _having(others, prints)
    shared: dict[tuple[int, int], int] = defaultdict(int)
    for leaf, some in having.items():
        theirs = beside.get(leaf, ())
        if len(some) <= RARE and 0 < len(theirs) <= RARE:
            prints.spend(len(some) * len(theirs))
            for i in some:
                for j in theirs:
                    shared[i, j] += 1
    for (i, j), count in shared.items():
        yield count, i, j


def _having(leaves: Leaves, prints: Prints) -> dict[int, list[int]]:
    found: dict[int, list[int]] = defaultdict(list)
    for at, some in leaves.items():
        prints.spend(len(some) // 8)
        for leaf in some:
            found[leaf].append(at)
    return found


def _best(
    found: Iterator[tuple[int, int, int]], left: list[int], right: list[int], pairs: list[tuple[int, int]],
) -> tuple[list[int], list[int]]:
    """Pair the items that share most first."""
    taken: set[int] = set()
    given: set[int] = set()
    for _, i, j in sorted(found, key=_most_alike):
        if i not in taken and j not in given:
            taken.add(i)
            given.add(j)
            pairs.append((i, j))
    return [i for i in left if i not in taken], [j for j in right if j not in given]


def _most_alike(found: tuple[int, int, int]) -> tuple[int, int, int]:
    """The sort key of an overlap: the largest first, then the nearest; the same from either side."""
    shared, i, j = found
    return -shared, abs(i - j), min(i, j)


def _in_order(
    leaves: Leaves, others: Leaves, left: list[int], right: list[int], prints: Prints, pairs: list[tuple[int, int]],
) -> tuple[list[int], list[int]]:
    """Pair the first item of each side with the other's first, and so on, where these share anything."""
    taken = []
    for i, j in zip(left, right, strict=False):
        prints.spend(1)
        if i in leaves and j in others and not leaves[i].isdisjoint(others[j]):
            taken.append((i, j))
    pairs += taken
    gone, given = {i for i, _ in taken}, {j for _, j in taken}
    return [i for i in left if i not in gone], [j for j in right if j not in given]
