"""Pairs the items of two lists: it decides which items are compared with each other, never whether they are equal.

Every item of either list is in exactly one pair, or alone, so an item that was dropped, added or doubled is always
found, however the others were paired. The work is linear, except for the few items that nothing identifies.
"""

from bisect import bisect_left
from collections import defaultdict, deque
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field

from adapters.document import Tree
from shadow.compare import twins
from shadow.compare.identifiers import Identifier
from shadow.compare.patterns import Directive, Matcher, Order
from shadow.compare.prints import Key, Prints

MAX_RESIDUE = 1_024
"""Unidentified items are compared each with each as long as |legacy| · |modern| is no more than this."""

# Keys that identify a record. An item without a counterpart was dropped or added; it is no changed form of another one.
_IDENTITIES: tuple[Key, ...] = (
    (("fullUrl",),),
    (("resourceType",), ("id",)),
    (("resource", "resourceType"), ("resource", "id")),
    (("identifier", 0, "system"), ("identifier", 0, "value")),
    (("id",),),
)
# Keys that tell the parts of one record apart.
_LABELS: tuple[Key, ...] = (
    (("system",), ("value",)), (("system",), ("code",)), (("linkId",),), (("url",),), (("relation",),), (("use",),),
)
_RECORD = frozenset(path[0][0] for path in _IDENTITIES)
_CONTAINERS = (dict, list)
_AUTO = (*_IDENTITIES[:-1], *_LABELS[:-1], _IDENTITIES[-1], _LABELS[-1])


@dataclass(slots=True)
class Pairing:
    """What became of the items of two lists, by their indexes. `pairs` are (legacy's, modern's), sorted; `missing` are
    legacy's without a counterpart, `extra` modern's. `moved` are the pairs that are out of order, as few as possible.
    `doubtful` are legacy's in pairs that only seem to belong together; nothing is learnt from these."""

    pairs: list[tuple[int, int]]
    missing: list[int]
    extra: list[int]
    moved: list[tuple[int, int]] = field(default_factory=list)
    doubtful: set[int] = field(default_factory=set)


def pair(
    old: list[Tree], new: list[Tree], order: Order, matcher: Matcher[Directive], prints: Prints,
    keys: Sequence[Key] = _AUTO,
) -> Pairing:
    """Pair the items of two lists. `matcher` gives the rules for this place, `keys` are what items are known by, the
    best first. Raises Budget."""
    if order.kind == "ordered":
        return in_order(old, new, matcher, prints)
    if len(old) == len(new) == 1 and order.kind == "auto" and not (_record(old[0]) and _record(new[0])):
        return Pairing([(0, 0)], [], [])
    found = Pairing([], [], [])
    left, right = list(range(len(old))), list(range(len(new)))
    if order.kind == "keyed":
        _keyed(old, new, order.fields, matcher, prints, found)
    else:
        identity, known = (False, None) if order.kind == "multiset" else _keys(old, new, matcher, prints, keys)
        if known is not None:
            left, right = matched(*known, left, right, found.pairs)
            if prints.identities is not None:
                prints.identities.join([(old[i], new[j]) for i, j in found.pairs])
        if not identity:
            _alike(old, new, left, right, matcher, prints, found)
        elif known is None:
            found.missing, found.extra = left, right
        else:
            # An item with a bound identifier and no counterpart is alone. The others may still belong together.
            before, after = known
            found.missing = [at for at in left if before[at] is not None]
            found.extra = [at for at in right if after[at] is not None]
            _alike(old, new, [at for at in left if before[at] is None], [at for at in right if after[at] is None],
                   matcher, prints, found)
    found.pairs.sort()
    found.moved = out_of_order(found.pairs)
    return found


def _record(item: Tree) -> bool:
    """Whether an item has a member that identifies a record. Then another record is not taken for a change of it."""
    return isinstance(item, dict) and not _RECORD.isdisjoint(item)


def _keyed(
    old: list[Tree], new: list[Tree], fields: Key, matcher: Matcher[Directive], prints: Prints, found: Pairing,
) -> None:
    """Pair by the key that a rule names. Several items may have one key; those without a key are paired by likeness."""
    before, after = ([_unless_open(_key(one, fields)) for one in items] for items in (old, new))
    left, right = ([at for at, key in enumerate(keys) if key is not None] for keys in (before, after))
    if max(len(left) - len({before[at] for at in left}), len(right) - len({after[at] for at in right})):
        left, right = matched(
            [(before[at], prints.of(old[at], matcher)) for at in left],
            [(after[at], prints.of(new[at], matcher)) for at in right], left, right, found.pairs)
    missing, extra = matched([before[at] for at in left], [after[at] for at in right], left, right, found.pairs)
    unnamed, others = ([at for at, key in enumerate(keys) if key is None] for keys in (before, after))
    _alike(old, new, unnamed, others, matcher, prints, found)
    found.missing, found.extra = sorted(missing + found.missing), sorted(extra + found.extra)


def _keys(
    old: list[Tree], new: list[Tree], matcher: Matcher[Directive], prints: Prints, candidates: Sequence[Key],
) -> tuple[bool, tuple[list[Hashable], list[Hashable]] | None]:
    """Whether items have identifiers, and the keys of each list's items, if a key fits both lists. The key of an item
    is None if its identifier is open."""
    identity = False
    unbound: tuple[list[Hashable], list[Hashable]] | None = None
    if not (old and new and isinstance(old[0], dict) and isinstance(new[0], dict)):
        return False, None
    for fields in candidates:
        # The first items rule out most keys at once.
        if any(path[0] not in old[0] or path[0] not in new[0] for path in fields) or prints.vary(fields, matcher):
            continue
        before, after = ([_key(one, fields) for one in items] for items in (old, new))
        names, others = set(before), set(after)
        if None in names or None in others or len(names) < len(before) or len(others) < len(after):
            continue
        if prints.identities is not None:
            before, after = ([_unless_open(key) for key in keys] for keys in (before, after))
            names, others = set(before) - {None}, set(after) - {None}
            if fields in _IDENTITIES and unbound is None and (None in before or None in after):
                unbound = before, after
        if names & others:
            return fields in _IDENTITIES, (before, after)
        identity = identity or fields in _IDENTITIES
    return identity, unbound


def _unless_open(key: Hashable) -> Hashable:
    """The key; None if part of it is an open identifier, which means nothing in the other list."""
    opened = isinstance(key, tuple) and any(type(part) is Identifier and part.open for part in key)
    return None if opened else key


def _key(item: Tree, fields: Key) -> Hashable:
    """The texts of an item at these paths; None if one of them is missing or empty."""
    found: list[Hashable] = []
    for path in fields:
        value = item
        for token in path:
            if isinstance(value, dict):
                value = value.get(token)
            elif isinstance(value, list) and isinstance(token, int) and len(value) > token:
                value = value[token]
            else:
                return None
        if not isinstance(value, str) or not value:
            return None
        found.append(value)
    return tuple(found)


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


def _alike(
    old: list[Tree], new: list[Tree], left: list[int], right: list[int], matcher: Matcher[Directive], prints: Prints,
    found: Pairing,
) -> None:
    """Pair items that nothing identifies: equal ones first, then the most similar ones. The rest stay alone."""
    if prints.identities is not None:
        pairs, doubtful = twins.matched(
            prints.identities, old, new, left, right, lambda item: prints.of(item, matcher))
        found.pairs += pairs
        found.doubtful |= doubtful
        paired, others = {i for i, _ in pairs}, {j for _, j in pairs}
        left, right = [at for at in left if at not in paired], [at for at in right if at not in others]
    elif len(left) * len(right) > 1:
        before = [prints.of(old[at], matcher) for at in left]
        after = [prints.of(new[at], matcher) for at in right]
        left, right = matched(before, after, left, right, found.pairs)
    if len(left) == len(right) == 1:
        # One is left on each side, so they are paired, whatever they hold.
        found.pairs.append((left[0], right[0]))
        found.doubtful.add(left[0])
        return
    taken: set[tuple[str, int]] = set()
    if left and right and len(left) * len(right) <= MAX_RESIDUE:
        for _, i, j in sorted(_overlaps(old, new, left, right, matcher, prints), key=_most_alike):
            if ("old", i) not in taken and ("new", j) not in taken:
                taken |= {("old", i), ("new", j)}
                found.pairs.append((i, j))
                found.doubtful.add(i)
    found.missing += [i for i in left if ("old", i) not in taken]
    found.extra += [j for j in right if ("new", j) not in taken]


def _overlaps(
    old: list[Tree], new: list[Tree], left: list[int], right: list[int], matcher: Matcher[Directive], prints: Prints,
) -> Iterator[tuple[int, int, int]]:
    before = [(i, prints.leaves(old[i], matcher)) for i in left if isinstance(old[i], dict | list)]
    after = [(j, prints.leaves(new[j], matcher)) for j in right if isinstance(new[j], dict | list)]
    for i, leaves in before:
        for j, others in after:
            shared = len(leaves & others)
            prints.spend(1 + shared // 8)
            if shared:
                yield shared, i, j


def _most_alike(found: tuple[int, int, int]) -> tuple[int, int, int]:
    """The sort key of an overlap: the largest first, then the nearest; the same from either side."""
    shared, i, j = found
    return -shared, abs(i - j), min(i, j)


def in_order(old: list[Tree], new: list[Tree], matcher: Matcher[Directive], prints: Prints) -> Pairing:
    """Pair by position, once the equal heads and tails are set aside; or, if items only changed places, by what they
    hold."""
    before, after = ([prints.of(one, matcher) for one in items] for items in (old, new))
    head = tail = 0
    shortest = min(len(old), len(new))
    while head < shortest and before[head] == after[head]:
        head += 1
    while tail < shortest - head and before[-1 - tail] == after[-1 - tail]:
        tail += 1
    pairs = [(at, at) for at in range(head)]
    pairs += [(len(old) - at, len(new) - at) for at in range(tail, 0, -1)]
    left, right = range(head, len(old) - tail), range(head, len(new) - tail)
    if sorted(before[head:len(old) - tail]) == sorted(after[head:len(new) - tail]):
        matched(before[head:len(old) - tail], after[head:len(new) - tail], left, right, pairs)
        pairs.sort()
        return Pairing(pairs, [], [], out_of_order(pairs), set(left))
    both = min(len(left), len(right))
    pairs += [(head + at, head + at) for at in range(both)]
    pairs.sort()
    return Pairing(pairs, list(left[both:]), list(right[both:]), doubtful=set(left))


def out_of_order(pairs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The fewest pairs without which the others are in order: all but a longest increasing subsequence, found by
    patience sorting."""
    ends: list[int] = []
    where: list[int] = []
    above: list[int] = []
    for number, (_, j) in enumerate(pairs):
        at = bisect_left(ends, j)
        above.append(where[at - 1] if at else -1)
        if at == len(ends):
            ends.append(j)
            where.append(number)
        else:
            ends[at] = j
            where[at] = number
    if len(ends) == len(pairs):
        return []
    kept: set[int] = set()
    number = where[-1]
    while number >= 0:
        kept.add(number)
        number = above[number]
    return [one for at, one in enumerate(pairs) if at not in kept]
