"""Which items of two lists belong together. It decides what is compared with what, never whether that is equal.

Every item of either list is in exactly one pair, or alone; so what was dropped, added or doubled is always found,
however the others were paired. Linear but for the few that nothing identifies.
"""

from bisect import bisect_left
from collections import defaultdict, deque
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from adapters.document import Tree
from shadow.compare import twins
from shadow.compare.identity import Identifier, Identities
from shadow.compare.patterns import Directive, Matcher, Order

MAX_RESIDUE = 1_024
"""Pairs of unidentified items, |legacy| · |modern|, up to which each is held against each."""

_SHALLOW = 100
"""Levels for which the interpreter's own stack is used: it is quicker."""

MAX_LEAVES = 128
"""Leaves of an item that are looked at to find the one most like it."""

Key: TypeAlias = tuple[tuple[str | int, ...], ...]

# What identifies a record: one without its like is dropped or added, never another one changed.
_IDENTITIES: tuple[Key, ...] = (
    (("fullUrl",),),
    (("resourceType",), ("id",)),
    (("resource", "resourceType"), ("resource", "id")),
    (("identifier", 0, "system"), ("identifier", 0, "value")),
    (("id",),),
)
# What tells the parts of a record apart.
_LABELS: tuple[Key, ...] = (
    (("system",), ("value",)), (("system",), ("code",)), (("linkId",),), (("url",),), (("relation",),), (("use",),),
)
_RECORD = frozenset(path[0][0] for path in _IDENTITIES)
_CONTAINERS = (dict, list)
_AUTO = (*_IDENTITIES[:-1], *_LABELS[:-1], _IDENTITIES[-1], _LABELS[-1])


@dataclass(slots=True)
class Pairing:
    """Indexes that belong together, by legacy's; those alone; and the pairs that are out of order, as few as do.
    `doubtful` are legacy's of pairs that only seem to belong together: filled where there are identities to learn."""

    pairs: list[tuple[int, int]]
    missing: list[int]
    extra: list[int]
    moved: list[tuple[int, int]] = field(default_factory=list)
    doubtful: set[int] = field(default_factory=set)


class Budget(Exception):
    """More work than a comparison may take."""


class Prints:
    """Fingerprints of trees, in which what rules hide is left out and the order of lists is nothing. Equal ones make
    it likely that two trees differ in nothing else. `looks` is the work that is left, shared with the caller. Where
    there are `identities`, identifiers that are bound to none yet are left out."""

    def __init__(self, looks: int, identities: Identities | None = None) -> None:
        self.looks = looks
        self.identities = identities
        self._known: dict[int, int] = {}
        self._varying: dict[tuple[Key, Matcher[Directive]], bool] = {}

    def vary(self, fields: Key, matcher: Matcher[Directive]) -> bool:
        """Whether rules expect a key of a list's items to differ."""
        known = self._varying.get((fields, matcher))
        if known is None:
            known = self._varying[fields, matcher] = _vary(fields, matcher)
        return known

    def spend(self, looks: int) -> None:
        """Raises Budget."""
        self.looks -= looks
        if self.looks < 0:
            raise Budget

    def of(self, tree: Tree, matcher: Matcher[Directive]) -> int:
        """The fingerprint of a tree at a place. Each container's is made once."""
        return self._part(tree, matcher, _SHALLOW)

    def _part(self, node: Tree, matcher: Matcher[Directive], levels: int) -> int:
        """The fingerprint of what is nested no deeper than so many `levels`; of more, `_deep` makes those below."""
        if not isinstance(node, _CONTAINERS):
            return _leaf(node, matcher) if matcher.found else hash((type(node), node))
        known = self._known.get(id(node))
        if known is not None:
            return known
        if not levels:
            return self._deep(node, matcher)
        self.spend(1 + len(node))
        parts: list[Hashable] = []
        if isinstance(node, dict):
            words, other = matcher.words, matcher.step(None)
            for name, one in node.items():
                at = matcher.step(name) if name in words else other
                if not at.found:
                    # A leaf of which nothing is said takes no call: there are very many of them.
                    parts.append((name, self._part(one, at, levels - 1) if isinstance(one, _CONTAINERS)
                                  else hash((type(one), one))))
                elif not _ignored(at):
                    parts.append((name, self._part(one, at, levels - 1)))
            made = hash(frozenset(parts))
        else:
            inside = matcher.step(None)
            made = hash(("list", *sorted([self._part(one, inside, levels - 1) for one in node])))
        self._known[id(node)] = made
        return made

    def _deep(self, tree: Tree, matcher: Matcher[Directive]) -> int:
        """The same without recursion: what is nested in a container is known when its own turn comes."""
        stack: list[tuple[Tree, Matcher[Directive], bool]] = [(tree, matcher, False)]
        while stack:
            node, at, ready = stack.pop()
            if ready:
                self._part(node, at, 1)
            elif id(node) not in self._known:
                self.spend(len(node))
                stack.append((node, at, True))
                if isinstance(node, dict):
                    stack += [(one, at.step(name), False) for name, one in node.items() if isinstance(one, _CONTAINERS)]
                else:
                    inside = at.step(None)
                    stack += [(one, inside, False) for one in node if isinstance(one, _CONTAINERS)]
        return self._known[id(tree)]

    def leaves(self, tree: Tree, matcher: Matcher[Directive]) -> frozenset[int]:
        """Fingerprints of a tree's first leaves, each with its name."""
        found: set[int] = set()
        stack: list[tuple[Tree, Matcher[Directive], str]] = [(tree, matcher, "")]
        looks = 0
        while stack and looks < 2 * MAX_LEAVES and len(found) < MAX_LEAVES:
            looks += 1
            node, at, name = stack.pop()
            if isinstance(node, dict | list):
                self.spend(len(node))
            if isinstance(node, dict):
                stack += [(one, at.step(key), key) for key, one in node.items()]
            elif isinstance(node, list):
                stack += [(one, at.step(None), name) for one in node]
            else:
                found.add(hash((name, _leaf(node, at))))
        self.spend(looks)
        return frozenset(found)


def _vary(fields: Key, matcher: Matcher[Directive]) -> bool:
    for path in fields:
        at = matcher
        for token in path:
            at = at.step(token if isinstance(token, str) else None)
            if any(one.normaliser is not None or one.ignore for one in at.found):
                return True
    return False


def _ignored(matcher: Matcher[Directive]) -> bool:
    return any(one.ignore and not one.kind for one in matcher.found)


def _leaf(value: Tree, matcher: Matcher[Directive]) -> int:
    if type(value) is Identifier and value.open:
        return hash((Identifier, value.name))
    for one in matcher.found:
        form: Hashable = one.normaliser.form(value) if one.normaliser is not None else None
        if form is not None:
            return hash((one.id, form))
    return hash((type(value), value))


def pair(old: list[Tree], new: list[Tree], order: Order, matcher: Matcher[Directive], prints: Prints) -> Pairing:
    """Pair the items of two lists. `matcher` is that of their items. Raises Budget."""
    if order.kind == "ordered":
        return _ordered(old, new, matcher, prints)
    if len(old) == len(new) == 1 and order.kind == "auto" and not (_record(old[0]) and _record(new[0])):
        return Pairing([(0, 0)], [], [])
    found = Pairing([], [], [])
    left, right = list(range(len(old))), list(range(len(new)))
    if order.kind == "keyed":
        _keyed(old, new, order.fields, matcher, prints, found)
    else:
        identity, keys = (False, None) if order.kind == "multiset" else _keys(old, new, matcher, prints)
        if keys is not None:
            left, right = _matched(*keys, left, right, found.pairs)
            if prints.identities is not None:
                prints.identities.join([(old[i], new[j]) for i, j in found.pairs])
        if not identity:
            _alike(old, new, left, right, matcher, prints, found)
        elif keys is None:
            found.missing, found.extra = left, right
        else:
            # Who has a known name and is not here is alone; the others may go by any name.
            before, after = keys
            found.missing = [at for at in left if before[at] is not None]
            found.extra = [at for at in right if after[at] is not None]
            _alike(old, new, [at for at in left if before[at] is None], [at for at in right if after[at] is None],
                   matcher, prints, found)
    found.pairs.sort()
    found.moved = _out_of_order(found.pairs)
    return found


def _record(item: Tree) -> bool:
    """Whether an item may be a record, which one other than it is not."""
    return isinstance(item, dict) and not _RECORD.isdisjoint(item)


def _keyed(
    old: list[Tree], new: list[Tree], fields: Key, matcher: Matcher[Directive], prints: Prints, found: Pairing,
) -> None:
    """Pair by the key that a rule names, which several items may have; those that lack it by what they are like."""
    before, after = ([_unless_open(_key(one, fields)) for one in items] for items in (old, new))
    left, right = ([at for at, key in enumerate(keys) if key is not None] for keys in (before, after))
    if max(len(left) - len({before[at] for at in left}), len(right) - len({after[at] for at in right})):
        left, right = _matched(
            [(before[at], prints.of(old[at], matcher)) for at in left],
            [(after[at], prints.of(new[at], matcher)) for at in right], left, right, found.pairs)
    missing, extra = _matched([before[at] for at in left], [after[at] for at in right], left, right, found.pairs)
    unnamed, others = ([at for at, key in enumerate(keys) if key is None] for keys in (before, after))
    _alike(old, new, unnamed, others, matcher, prints, found)
    found.missing, found.extra = sorted(missing + found.missing), sorted(extra + found.extra)


def _keys(
    old: list[Tree], new: list[Tree], matcher: Matcher[Directive], prints: Prints
) -> tuple[bool, tuple[list[Hashable], list[Hashable]] | None]:
    """Whether it is known which record each item is; and what identifies the items of each list, if anything: None for
    an item whose identifier is bound to none yet."""
    identity = False
    unbound: tuple[list[Hashable], list[Hashable]] | None = None
    if not (old and new and isinstance(old[0], dict) and isinstance(new[0], dict)):
        return False, None
    for fields in _AUTO:
        # One item tells most keys away.
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
    """A key; None where part of it is an identifier that is bound to none yet, and so no key to the other list."""
    opened = isinstance(key, tuple) and any(type(part) is Identifier and part.open for part in key)
    return None if opened else key


def _key(item: Tree, fields: Key) -> Hashable:
    """None where the item has not all of it."""
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


def _matched(
    before: Sequence[Hashable], after: Sequence[Hashable], left: Sequence[int], right: Sequence[int],
    pairs: list[tuple[int, int]],
) -> tuple[list[int], list[int]]:
    """Pair what has one key, in order of occurrence, each once; what is left. None is nobody's key."""
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
    """Pair what nothing identifies: first what seems the same, then what is most alike; what is left is alone."""
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
        left, right = _matched(before, after, left, right, found.pairs)
    if len(left) == len(right) == 1:
        # There is no other choice.
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
    """The same order from either side."""
    shared, i, j = found
    return -shared, abs(i - j), min(i, j)


def _ordered(old: list[Tree], new: list[Tree], matcher: Matcher[Directive], prints: Prints) -> Pairing:
    """By position, once what both share at the head and at the tail is set aside; or items that only changed places."""
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
        _matched(before[head:len(old) - tail], after[head:len(new) - tail], left, right, pairs)
        pairs.sort()
        return Pairing(pairs, [], [], _out_of_order(pairs), set(left))
    both = min(len(left), len(right))
    pairs += [(head + at, head + at) for at in range(both)]
    pairs.sort()
    return Pairing(pairs, list(left[both:]), list(right[both:]), doubtful=set(left))


def _out_of_order(pairs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The fewest pairs without which the others are in order: all but a longest increasing run (patience sorting)."""
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
    number = where[-1] if where else -1
    while number >= 0:
        kept.add(number)
        number = above[number]
    return [one for at, one in enumerate(pairs) if at not in kept]
