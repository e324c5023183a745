"""Pairs the children of two elements, in documents in which the order of children means something: XML, HL7 v2, HTML.

Children of one name are paired with each other, by what identifies them or by what they hold. Then all pairs of an
element are held against the order of both documents, whatever their names are.
"""

from bisect import bisect
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from adapters.document import Tree
from adapters.trees.order import ORDER, TEXT
from shadow.compare.likeness import matched
from shadow.compare.pairing import Pairing, belong, in_order, key_of, out_of_order, pair
from shadow.compare.patterns import AUTO, Directive, Matcher
from shadow.compare.prints import Key, Prints

FORMS = frozenset({"xml", "hl7v2", "html"})
"""The forms of bodies whose elements have children in order."""

ORDERED = FORMS | {"multipart"}
"""Forms in which there may be such elements."""


def names(old: Tree, new: Tree) -> Iterable[str]:
    """The names of the children of two elements, in the order in which they are met."""
    return dict.fromkeys((*old.get(ORDER, ()), *new.get(ORDER, ())))


def called(element: Tree, name: str) -> list[Tree]:
    """The children of this name. An element that has no other child has its text as it is, and not in a list."""
    found = element.get(name)
    return found if isinstance(found, list) else [] if found is None else [found]


def paired(
    old: list[Tree], new: list[Tree], name: str, form: str, inside: Matcher[Directive], prints: Prints,
) -> Pairing:
    """Pair the children of one name of two elements; `inside` gives the rules for them. Raises Budget."""
    if len(old) == len(new) == 1:
        return Pairing([(0, 0)], [], [])
    if name == TEXT:
        return in_order(old, new, inside, prints)
    # What was read before is the same object: it is set aside without a look at what it holds.
    head, tail, shortest = 0, 0, min(len(old), len(new))
    while head < shortest and old[head] is new[head]:
        head += 1
    while tail < shortest - head and old[-1 - tail] is new[-1 - tail]:
        tail += 1
    pairs = [(at, at) for at in range(head)]
    pairs += [(len(old) - at, len(new) - at) for at in range(tail, 0, -1)]
    left, right = range(head, len(old) - tail), range(head, len(new) - tail)
    if not left and not right:
        return Pairing(pairs, [], [])
    if len(left) == len(right) == 1 and belong(old[head], new[head]):
        return Pairing(sorted([*pairs, (head, head)]), [], [])
    keys = _keys(form, name)
    if len(left) == len(right) and any(_are_in_step(old, new, left, right, one, inside, prints) for one in keys):
        return Pairing(sorted([*pairs, *zip(left, right, strict=True)]), [], [])
    known: list[tuple[int, int]] = []
    ours, theirs = matched([id(old[at]) for at in left], [id(new[at]) for at in right], left, right, known)
    found = _rest(old, new, ours, theirs, pairs + known, inside, prints, keys)
    if known and out_of_order(found.pairs):
        # Two objects may hold the same, if they are written in two ways. Then what they hold decides.
        return _rest(old, new, left, right, pairs, inside, prints, keys)
    return found


def _are_in_step(
    old: list[Tree], new: list[Tree], left: Sequence[int], right: Sequence[int], key: Key, inside: Matcher[Directive],
    prints: Prints,
) -> bool:
    """Whether each child has the key of the other list's child in its place, even if several have one key."""
    if prints.identities is not None or prints.vary(key, inside):
        return False
    prints.spend(len(left))
    for i, j in zip(left, right, strict=True):
        known = key_of(old[i], key)
        if known is None or known != key_of(new[j], key):
            return False
    return True


def _rest(
    old: list[Tree], new: list[Tree], left: Sequence[int], right: Sequence[int], pairs: list[tuple[int, int]],
    inside: Matcher[Directive], prints: Prints, keys: Sequence[Key],
) -> Pairing:
    """Pair what is left of two lists, beside these pairs."""
    found = pair([old[at] for at in left], [new[at] for at in right], AUTO, inside, prints, keys)
    whole = Pairing(sorted([*pairs, *((left[i], right[j]) for i, j in found.pairs)]),
                    [left[i] for i in found.missing], [right[j] for j in found.extra],
                    doubtful={left[i] for i in found.doubtful})
    if whole.missing and whole.extra and not out_of_order(whole.pairs):
        _in_place(old, new, whole)
    return whole


def _in_place(old: list[Tree], new: list[Tree], found: Pairing) -> None:
    """Pair what is left by position, between what is paired. A child that has no more than a text, such as a cell, and
    shares nothing with any other one, has changed if it is where it was."""
    befores, afters = ([both[side] for both in found.pairs] for side in (0, 1))
    gaps: dict[int, deque[int]] = defaultdict(deque)
    for j in found.extra:
        if ORDER not in new[j]:
            gaps[bisect(afters, j)].append(j)
    there = {i: gap.popleft() for i in found.missing if ORDER not in old[i] and (gap := gaps.get(bisect(befores, i)))}
    given = set(there.values())
    found.pairs = sorted([*found.pairs, *there.items()])
    found.missing = [i for i in found.missing if i not in there]
    found.extra = [j for j in found.extra if j not in given]
    found.doubtful |= there.keys()


class Moved(NamedTuple):
    """A pair of children that is out of order: its name, both indexes among the children of this name, and both
    positions among all."""

    name: str
    old: int
    new: int
    old_position: int
    new_position: int


def moved(old: Tree, new: Tree, pairs: Mapping[str, Sequence[tuple[int, int]]]) -> list[Moved]:
    """The fewest of these pairs of children, by their names, without which the others are in order."""
    before, after = (_positions(one) for one in (old, new))
    every = {before[name][i]: Moved(name, i, j, before[name][i], after[name][j])
             for name, some in pairs.items() for i, j in some}
    return [every[at] for at, _ in out_of_order([(at, every[at].new_position) for at in sorted(every)])]


def mixed(element: Tree) -> bool:
    """Whether a name comes back after another one among an element's children, so that their order means something."""
    order: list[str] = element.get(ORDER, [])
    return sum(one != other for one, other in pairwise(order)) >= max(1, len(set(order)))


def _positions(element: Tree) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for at, name in enumerate(element.get(ORDER, (TEXT,))):
        found.setdefault(name, []).append(at)
    return found


# --- what identifies a child ---

def _paths(*keys: str) -> tuple[Key, ...]:
    """Keys as texts: paths inside a child, with a space between the paths of one key."""
    return tuple(tuple(tuple(int(step) if step.isdigit() else step for step in path.split("/"))
                       for path in key.split()) for key in keys)


def _fields(*keys: str) -> tuple[Key, ...]:
    """Keys as texts: numbers of fields, with a space between those of one key. The first component counts."""
    return _paths(*(" ".join(f"f{number}/0/c1" for number in key.split()) for key in keys))


# HL7 v2: patients by their identifier, orders by their numbers, results by what was measured, and so on.
_SEGMENTS: dict[str, tuple[Key, ...]] = {
    "PID": _fields("3"), "MRG": _fields("1"), "ORC": _fields("3", "2"), "OBR": _fields("3", "2", "4"),
    "OBX": _fields("3 4", "3"), "AL1": _fields("3"), "IAM": _fields("3"), "DG1": _fields("3"), "PR1": _fields("3"),
    "RXE": _fields("2"), "RXO": _fields("1"), "RXA": _fields("5"), "RXD": _fields("2"), "RXC": _fields("2"),
    "SPM": _fields("2"), "TXA": _fields("12"), "IN1": _fields("2", "3"), "FT1": _fields("2", "7"),
    "SCH": _fields("2", "1"), "AIS": _fields("3"), "AIG": _fields("3"), "AIL": _fields("3"), "AIP": _fields("3"),
    "MFE": _fields("4"),
    "message": _paths("PID/0/f3/0/c1"),
}
# XML: attributes and elements that name a record, in FHIR, CDA and elsewhere.
_ELEMENTS = _paths(
    "fullUrl/0/@value", "@id", "@Id", "@ID", "@root @extension", "id/0/@value", "id/0/@root id/0/@extension",
    "identifier/0/system/0/@value identifier/0/value/0/@value", "id/0/#text", "Id/0/#text", "ID/0/#text",
    "linkId/0/@value", "@url", "system/0/@value code/0/@value", "@code @codeSystem", "code/0/@code", "code/0/#text",
    "Code/0/#text", "@name", "name/0/#text", "Name/0/#text",
)
# HTML: a control by its name and, for radio buttons and check boxes, by the value that it stands for.
_TAGS = _paths("@id", "@name @value", "@name", "@href")


def _keys(form: str, name: str) -> Sequence[Key]:
    return _SEGMENTS.get(name, ()) if form == "hl7v2" else _TAGS if form == "html" else _ELEMENTS
