"""Pairs the items of two lists: it decides which items are compared with each other, never whether they are equal.

Every item of either list is in exactly one pair, or alone, so an item that was dropped, added or doubled is always
found, however the others were paired. The work is linear.
"""

import re
from bisect import bisect_left
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

from adapters.document import Number, Tree
from shadow.compare import likeness, twins
from shadow.compare.dicom import UIDS
from shadow.compare.identifiers import Identifier
from shadow.compare.likeness import matched
from shadow.compare.patterns import Directive, Matcher, Order
from shadow.compare.prints import Key, Prints, loosely

# Keys that identify a record. An item without a counterpart was dropped or added; it is no changed form of another one.
_IDENTITIES: tuple[Key, ...] = (
    (("fullUrl",),),
    (("resourceType",), ("id",)),
    (("resource", "resourceType"), ("resource", "id")),
    (("identifier", 0, "system"), ("identifier", 0, "value")),
    # DICOM JSON: the UID of an instance, a series, a study (PS3.18 annex F).
    *(((uid, "Value", 0),) for uid in UIDS),
    # The same in a part of a multipart body.
    (("body", UIDS[0], "Value", 0),),
    (("id",),),
)
# Keys that tell the parts of one record apart.
_LABELS: tuple[Key, ...] = (
    (("system",), ("value",)), (("system",), ("code",)), (("linkId",),), (("url",),), (("relation",),), (("use",),),
)
# These may be lacking in some items of a Bundle, which are no records.
_FHIR = _IDENTITIES[:3]
_URL = _IDENTITIES[0]
_HOST = re.compile(r"https?://[^/?#]+", re.IGNORECASE)
_RECORD = frozenset(path[0][0] for path in _IDENTITIES)
_CONTAINERS = (dict, list)
_FLAT = frozenset(_CONTAINERS)
FEW = 8
"""Lists of fewer items are paired whole, unless they are equal lists of scalars."""
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
    if len(old) == len(new) == 1 and order.kind == "auto" and belong(old[0], new[0]):
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


def unequal(
    old: list[Tree], new: list[Tree], order: Order, matcher: Matcher[Directive], prints: Prints, *, deep: bool,
) -> Pairing:
    """Pair the items of two lists, and leave out the pairs of equal items, which need no look. Those at both ends are
    set aside before anything else. Lists that are `deep` inside their documents, or hold identifiers to be checked, are
    paired whole. Raises Budget."""
    if deep or prints.identities is not None:
        return pair(old, new, order, matcher, prints)
    least = min(len(old), len(new))
    if least < FEW:
        flat = len(old) == len(new) and _FLAT.isdisjoint({*map(type, old), *map(type, new)})
        return Pairing([], [], []) if flat and old == new else pair(old, new, order, matcher, prints)
    head = tail = 0
    try:
        while head < least and old[head] == new[head]:
            head += 1
        while tail < least - head and old[-1 - tail] == new[-1 - tail]:
            tail += 1
        prints.spend(head + tail)
        found = pair(old[head:len(old) - tail], new[head:len(new) - tail], order, matcher, prints)
        pairs = [(i + head, j + head) for i, j in found.pairs if old[i + head] != new[j + head]]
    except RecursionError:
        return pair(old, new, order, matcher, prints)
    return Pairing(pairs, [i + head for i in found.missing], [j + head for j in found.extra],
                   [(i + head, j + head) for i, j in found.moved], {i + head for i in found.doubtful})


def belong(old: Tree, new: Tree) -> bool:
    """Whether two items that are left alone belong together, whatever they hold: not if each has a member that
    identifies a record. Another record is not taken for a change of it."""
    return not (isinstance(old, dict) and isinstance(new, dict)) or _RECORD.isdisjoint(old) or _RECORD.isdisjoint(new)


def _keyed(
    old: list[Tree], new: list[Tree], fields: Key, matcher: Matcher[Directive], prints: Prints, found: Pairing,
) -> None:
    """Pair by the key that a rule names. Several items may have one key; those without a key are paired by likeness."""
    before, after = ([_unless_open(key_of(one, fields)) for one in items] for items in (old, new))
    if prints.identities is None and _are_written_otherwise(before, after):
        before, after = ([_loose(key) for key in keys] for keys in (before, after))
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
        before, after = ([key_of(one, fields) for one in items] for items in (old, new))
        if prints.identities is None and _are_written_otherwise(before, after):
            before, after = ([_loose(key) for key in keys] for keys in (before, after))
        if fields == _URL and (set(before) - {None}).isdisjoint(after):
            before, after = ([_hostless(key) for key in keys] for keys in (before, after))
        partial = None in before or None in after
        if (partial and fields not in _FHIR) or not (_are_unique(before) and _are_unique(after)):
            continue
        names, others = ({key for key in keys if key is not None} for keys in (before, after))
        if prints.identities is not None:
            before, after = ([_unless_open(key) for key in keys] for keys in (before, after))
            names, others = set(before) - {None}, set(after) - {None}
            if fields in _IDENTITIES and unbound is None and (None in before or None in after):
                unbound = before, after
        if names & others:
            return fields in _IDENTITIES, (before, after)
        identity = identity or (fields in _IDENTITIES and not partial)
    return identity, unbound


def _are_unique(keys: Sequence[Hashable]) -> bool:
    """Whether no two items have one key. An item without one may be beside them, such as an outcome in a searchset."""
    named = [key for key in keys if key is not None]
    return len(set(named)) == len(named)


def _hostless(key: Hashable) -> Hashable:
    """The key of a resource by its URL, which each service begins with its own host."""
    return tuple(_HOST.sub("", part) if type(part) is str else part for part in key) if isinstance(key, tuple) else key


def _are_written_otherwise(before: Sequence[Hashable], after: Sequence[Hashable]) -> bool:
    """Whether one side has numbers where the other has texts: an identifier that became text is still the same."""
    types, others = ({type(part) for key in keys if isinstance(key, tuple) for part in key} for keys in (before, after))
    return types != others and Number in types | others


def _loose(key: Hashable) -> Hashable:
    return tuple(map(loosely, key)) if isinstance(key, tuple) else key


def _unless_open(key: Hashable) -> Hashable:
    """The key; None if part of it is an open identifier, which means nothing in the other list."""
    opened = isinstance(key, tuple) and any(type(part) is Identifier and part.open for part in key)
    return None if opened else key


def key_of(item: Tree, fields: Key) -> Hashable:
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
        left, right = likeness.equal(old, new, left, right, matcher, prints, found.pairs)
    sure = len(found.pairs)
    if len(left) == len(right) == 1:
        # One is left on each side, so they are paired, whatever they hold.
        found.pairs.append((left.pop(), right.pop()))
    elif left and right:
        left, right = likeness.similar(old, new, left, right, matcher, prints, found.pairs)
    found.doubtful.update(i for i, _ in found.pairs[sure:])
    found.missing += left
    found.extra += right


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
