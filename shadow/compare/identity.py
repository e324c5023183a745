"""Identifiers in the two documents of one exchange: found where a rule says `crosswalk`, and held one-to-one.

Before anything is paired, legacy's known identifiers take the names that modern has for them, so lists find their
items by key. What is not known yet is left out of what an item is like, and bound when it is met: consistently within
the exchange at once, and beyond it only where it is certain that both sides speak of the same thing. An item's own name
is bound before what it refers to, so that one wrong reference is one difference, not as many as there are right ones.
"""

import re
from collections import defaultdict, deque
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple, TypeAlias

from adapters.crosswalk import Conflict, Crosswalk, IdPair
from adapters.document import Number, Tree
from shadow.compare.patterns import Directive, Matcher

REFERENCE, RESOURCE = "reference", "resource"
"""What a rule says in place of a class: the text names it, as FHIR's references do; or the `resourceType` beside it."""

URN = "urn"
"""The class of a reference that is a urn:uuid or urn:oid."""

# FHIR R4 section 2.3.0.1: [base/]type/id[/_history/version]. A fragment or anything else is no reference to a record.
_REFERENCE = re.compile(
    r"(https?://[^\s?#]+/)?([A-Za-z][A-Za-z0-9_-]{0,63})/([A-Za-z0-9.-]{1,128})(/_history/[A-Za-z0-9.-]{1,64})?")
_URN = re.compile(r"urn:(?:uuid|oid):([A-Za-z0-9.-]{1,128})")


ROUNDS = 6
"""How far items are told apart by the items that they refer to."""

CHOICES = 16
"""Items of a list that are paired one by one where nothing tells them from others, before all the rest is at once."""

_ITS_OWN = 1 << 62
"""Pairs of one exchange: its bodies are bounded, and so all of them find room."""


_CONTAINERS = (dict, list)


class Identifier(str):
    """An identifier, or a reference, in place of the text that it was: `plain`. The text is what both sides are paired
    by. `name` is its class, `id` the identifier in its own system's words; `open`, where it is bound to none yet and
    may be. `rule` is the rule's id, `own` whether it names the record that it is in."""

    __slots__ = ("id", "name", "open", "own", "plain", "rule")

    name: str
    id: str
    plain: str
    rule: str
    open: bool
    own: bool


class Classes(NamedTuple):
    """What rules say of identifiers: which classes there are and whether pairs of each may be `learnt`; and the names
    of members that may be identifiers, None where any may."""

    learnt: Mapping[str, bool]
    members: frozenset[str] | None


class Met(StrEnum):
    """What two identifiers at one place are to each other."""

    SAME = "same"
    OTHER = "other"
    """To be compared as they are written: they are of different kinds, or nothing is known of them nor may be."""
    CONFLICT = "conflict"


_Names: TypeAlias = dict[tuple[str, ...], list[Identifier]]


class Identities:
    """The identifiers of one exchange, over a crosswalk, which stays as it is. `learnt` is what it may learn, and
    `conflicts` are, by class, what is certain to contradict it."""

    __slots__ = ("_classes", "_here", "_holding", "_known", "_names", "_open", "conflicts", "learnt")

    def __init__(self, known: Crosswalk, classes: Classes) -> None:
        self.learnt: dict[IdPair, None] = {}
        self.conflicts: dict[tuple[str, Conflict], None] = {}
        self._known = known
        self._here = Crosswalk(known, _ITS_OWN)
        self._classes = classes
        self._holding: set[int] = set()
        self._names: dict[int, _Names] = {}
        self._open = False

    # --- before: identifiers in place of their texts ---

    def mark(self, tree: Tree, matcher: Matcher[Directive], *, legacy: bool) -> Tree:
        """The tree, with identifiers in it. It is changed, and must be the caller's own."""
        root = [tree]
        if not isinstance(tree, dict | list):
            self._leaf(root, 0, "", matcher, legacy=legacy)
            return root[0]
        members = self._classes.members
        above: dict[int, int] = {}
        stack: list[tuple[Tree, Matcher[Directive]]] = [(tree, matcher)]
        while stack:
            node, at = stack.pop()
            held = False
            if isinstance(node, dict):
                words, other = at.words, at.step(None)
                for name, one in node.items():
                    if isinstance(one, _CONTAINERS):
                        above[id(one)] = id(node)
                        stack.append((one, at.step(name) if name in words else other))
                    elif (members is None or name in members) and isinstance(one, str):
                        held = self._leaf(node, name, name, at.step(name), legacy=legacy) or held
            else:
                inside = at.step(None)
                for number, one in enumerate(node):
                    if isinstance(one, _CONTAINERS):
                        above[id(one)] = id(node)
                        stack.append((one, inside))
                    elif inside.found and isinstance(one, str):
                        held = self._leaf(node, number, "", inside, legacy=legacy) or held
            if held:
                holder: int | None = id(node)
                while holder is not None and holder not in self._holding:
                    self._holding.add(holder)
                    holder = above.get(holder)
        return tree

    def _leaf(self, node: Tree, key: str | int, name: str, matcher: Matcher[Directive], *, legacy: bool) -> bool:
        """Put an identifier into the place of a text, if rules find one there."""
        said = next((one for one in matcher.found if one.crosswalk), None)
        text = node[key]
        if said is None or not isinstance(text, str) or not text:
            return False
        found = self._read(said.crosswalk, text, node)
        if found is None:
            return False
        form, of, its = found
        other = self._known.modern(of, its) if legacy else self._known.legacy(of, its)
        image = other if legacy and other is not None else its
        node[key] = made = Identifier(form % image)
        made.name, made.id, made.plain, made.rule = of, its, text, said.id
        made.open = other is None and self._learns(of)
        self._open = self._open or made.open
        made.own = said.crosswalk != REFERENCE or name == "fullUrl"
        return True

    def _read(self, said: str, text: str, node: Tree) -> tuple[str, str, str] | None:
        """The form of a text with "%s" for its identifier, the class and the identifier."""
        if said == REFERENCE:
            if (urn := _URN.fullmatch(text)) is not None:
                return "urn:%s", URN, urn[1]
            found = _REFERENCE.fullmatch(text)
            if found is None or found[2] not in self._classes.learnt:
                return None
            # Bases are the servers', and so are the numbers of versions: that there is one, or none, is compared.
            return f"{'//' if found[1] else ''}{found[2]}/%s{'/_' if found[4] else ''}", found[2], found[3]
        of = node.get("resourceType") if said == RESOURCE and isinstance(node, dict) else said
        if not isinstance(of, str) or of not in self._classes.learnt:
            return None
        return "#%s" if isinstance(text, Number) else "%s", of, text

    def begin(self, legacy: Tree, modern: Tree) -> None:
        """Bind, within this exchange, what no list is above."""
        for tree in (legacy, modern):
            self._names[id(tree)] = self._look(tree, lists=False)
        self.join([(legacy, modern)])

    # --- meanwhile: which items belong together ---

    def matched(
        self, old: Sequence[Tree], new: Sequence[Tree], left: Sequence[int], right: Sequence[int],
        like: Callable[[Tree], int],
    ) -> tuple[list[tuple[int, int]], set[int]]:
        """Pairs of items, of the lists' indexes `left` and `right`, that seem the same by their fingerprints (`like`);
        and the legacy ones of these of which it is not certain. What seems the same to several is told apart by what
        else in the lists their identifiers are met in."""
        groups: dict[int, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
        for i in left:
            groups[like(old[i])][0].append(i)
        for j in right:
            if (one := like(new[j])) in groups:
                groups[one][1].append(j)
        pairs = [(some[0], others[0]) for some, others in groups.values() if len(some) == len(others) == 1]
        self.join([(old[i], new[j]) for i, j in pairs])
        doubtful: set[int] = set()
        ties = [one for one in groups.values() if one[1] and len(one[0]) + len(one[1]) > 2]
        if ties:
            ties.sort(key=_size)
            found = self._one_by_one(old, new, ties, like)
            looks = self._rounds(old, like, legacy=True), self._rounds(new, like, legacy=False)
            for some, others in ties:
                found += self._told_apart(old, new, some, others, looks)
            pairs += found
            doubtful.update(i for i, _ in found)
        return pairs, doubtful

    def _one_by_one(
        self, old: Sequence[Tree], new: Sequence[Tree], ties: list[tuple[list[int], list[int]]],
        like: Callable[[Tree], int],
    ) -> list[tuple[int, int]]:
        """Pairs of items that seem the same by themselves, taken out of `ties`: all that their looks tell apart; else
        any one of those that look the same, since by its choice the next may be told apart. As far as CHOICES go."""
        found: list[tuple[int, int]] = []
        for _ in range(CHOICES):
            looks = list(zip(self._rounds(old, like, legacy=True), self._rounds(new, like, legacy=False),
                             strict=False))[-1]
            some = self._seen_alike(old, new, ties, *looks)
            if not some:
                break
            self.join([(old[i], new[j]) for i, j in some])
            found += some
            for i, j in some:
                for left, right in ties:
                    if i in left:
                        left.remove(i)
                        right.remove(j)
        return found

    def _seen_alike(
        self, old: Sequence[Tree], new: Sequence[Tree], ties: list[tuple[list[int], list[int]]],
        one: Mapping[int, int], other: Mapping[int, int],
    ) -> list[tuple[int, int]]:
        """Pairs that nothing else looks like; where there are none, a first one of those that do."""
        sure: list[tuple[int, int]] = []
        chosen: list[tuple[int, int]] = []
        for left, right in ties:
            looks: dict[Hashable, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
            for i in left:
                looks[one[i], self._bound(old[i], legacy=True)][0].append(i)
            for j in right:
                looks[other[j], self._bound(new[j], legacy=False)][1].append(j)
            for some, others in looks.values():
                if len(some) == len(others) == 1 and self._agree(old[some[0]], new[others[0]]):
                    sure.append((some[0], others[0]))
                elif not chosen and some and others and self._agree(old[some[0]], new[others[0]]):
                    chosen.append((some[0], others[0]))
        return sure or chosen

    def _rounds(
        self, items: Sequence[Tree], like: Callable[[Tree], int], *, legacy: bool
    ) -> list[dict[int, int]]:
        """What each item is like: by itself; with the items that share an identifier with it; with those that share
        one with these; and so on, as long as that tells more of them apart."""
        prints = {at: like(item) for at, item in enumerate(items)}
        rounds = [prints]
        holding = [(at, self._of(item)) for at, item in enumerate(items)]
        holding = [(at, names) for at, names in holding if names]
        known = self._here.modern if legacy else self._here.legacy
        while len(rounds) < ROUNDS:
            seen: dict[tuple[str, str], list[int]] = defaultdict(list)
            for at, names in holding:
                for path, found in names.items():
                    for one in found:
                        seen[one.name, one.id].append(hash((path, rounds[-1][at])))
            colours = {}
            for (name, its), places in seen.items():
                other = known(name, its)
                image = None if other is None else other if legacy else its
                colours[name, its] = hash((name, image, *(() if image else sorted(places))))
            finer = dict(prints)
            for at, names in holding:
                finer[at] = hash((prints[at], *sorted(
                    hash((path, colours[one.name, one.id])) for path, found in names.items() for one in found)))
            if len(set(finer.values())) <= len(set(rounds[-1].values())) and len(rounds) > 1:
                break
            rounds.append(finer)
        return rounds

    def _told_apart(
        self, old: Sequence[Tree], new: Sequence[Tree], left: list[int], right: list[int],
        looks: tuple[list[dict[int, int]], list[dict[int, int]]],
    ) -> list[tuple[int, int]]:
        """Pairs of items that seem the same by themselves: those first that are most alike in all else."""
        found: list[tuple[int, int]] = []
        for one, other in reversed(list(zip(*looks, strict=False))):
            before = -1
            while left and right and before != len(found):
                before = len(found)
                left, right = self._pass(old, new, left, right, one, other, found)
        # Each has an identifier that is bound to another: some of them are conflicts, and told as such.
        return [*found, *zip(left, right, strict=False)]

    def _pass(
        self, old: Sequence[Tree], new: Sequence[Tree], left: list[int], right: list[int], one: Mapping[int, int],
        other: Mapping[int, int], found: list[tuple[int, int]],
    ) -> tuple[list[int], list[int]]:
        """Pair what looks the same and agrees with what is known by now; what is left."""
        waiting: dict[Hashable, deque[int]] = defaultdict(deque)
        for j in right:
            waiting[other[j], self._bound(new[j], legacy=False)].append(j)
        aside: list[int] = []
        back: list[int] = []
        for i in left:
            places = waiting.get((one[i], self._bound(old[i], legacy=True)))
            if not places:
                aside.append(i)
                continue
            j = places.popleft()
            if self._agree(old[i], new[j]):
                self.join([(old[i], new[j])])
                found.append((i, j))
            else:
                aside.append(i)
                back.append(j)
        return aside, sorted([*back, *(j for places in waiting.values() for j in places)])

    def join(self, pairs: Sequence[tuple[Tree, Tree]]) -> None:
        """Bind, within this exchange, what items that belong together are called, and then what they refer to."""
        both = [one for one in pairs if id(one[0]) in self._holding or isinstance(one[0], Identifier)] \
            if self._open else []
        for own in (True, False):
            for old, new in both:
                for one, other in self._beside(old, new):
                    if one.own is own and self._learns(one.name):
                        self._here.bind(one.name, one.id, other.id)

    def _agree(self, old: Tree, new: Tree) -> bool:
        """Whether nothing that is known so far speaks against two items."""
        others = self._of(new)
        for path, found in self._of(old).items():
            beside = others.get(path, [])
            names, images = {one.id for one in found}, {one.id for one in beside}
            to = [self._here.modern(one.name, one.id) for one in found]
            back = [self._here.legacy(one.name, one.id) for one in beside]
            if any(one is not None and one not in images for one in to) \
                    or any(one is not None and one not in names for one in back):
                return False
        return True

    def _beside(self, old: Tree, new: Tree) -> Iterator[tuple[Identifier, Identifier]]:
        """The identifiers that are at one place of two items, but for places where a list makes several of them."""
        others = self._of(new)
        for path, found in self._of(old).items():
            beside = others.get(path, [])
            if len({one.id for one in found}) == len({one.id for one in beside}) == 1 \
                    and _comparable(found[0], beside[0]):
                yield found[0], beside[0]

    def _bound(self, item: Tree, *, legacy: bool) -> Hashable:
        """What is known of an item's identifiers, in modern's words."""
        known = self._here.modern if legacy else self._here.legacy
        images = ((path, known(one.name, one.id), one) for path, found in self._of(item).items() for one in found)
        return tuple(sorted((path, image if legacy else one.id) for path, image, one in images if image is not None))

    def _of(self, item: Tree) -> _Names:
        """An item's identifiers by path."""
        if not isinstance(item, dict | list):
            return {(): [item]} if isinstance(item, Identifier) else {}
        known = self._names.get(id(item))
        if known is None:
            known = self._names[id(item)] = self._look(item)
        return known

    def _look(self, item: Tree, *, lists: bool = True) -> _Names:
        found: _Names = defaultdict(list)
        stack: list[tuple[tuple[str, ...], Tree]] = [((), item)] if id(item) in self._holding else []
        while stack:
            path, node = stack.pop()
            children = node.items() if isinstance(node, dict) else [("*", one) for one in node]
            for name, one in children:
                if isinstance(one, Identifier):
                    found[(*path, name)].append(one)
                elif isinstance(one, _CONTAINERS) and id(one) in self._holding and (lists or isinstance(one, dict)):
                    stack.append(((*path, name), one))
        return found

    # --- at last: what two of them are to each other ---

    def meet(self, old: Identifier, new: Identifier, *, certain: bool) -> Met:
        """Hold two identifiers at one place against all that is known. What is `certain` may be learnt."""
        if not _comparable(old, new):
            return Met.OTHER
        image, origin = self._here.modern(old.name, old.id), self._here.legacy(new.name, new.id)
        if (image is not None or origin is not None) and image != new.id:
            if certain:
                self.conflicts[old.name, Conflict(image is not None, origin is not None)] = None
            return Met.CONFLICT
        if image is None and not self._learns(old.name):
            return Met.OTHER
        bound = self._here.bind(old.name, old.id, new.id)
        assert not isinstance(bound, Conflict)
        if certain and self._known.modern(old.name, old.id) is None:
            self.learnt[IdPair(old.name, old.id, new.id)] = None
        return Met.SAME if _form(old) == _form(new) else Met.OTHER

    def _learns(self, name: str) -> bool:
        return self._classes.learnt.get(name, True)


def _size(group: tuple[list[int], list[int]]) -> int:
    return len(group[0])


def _comparable(old: Identifier, new: Identifier) -> bool:
    return old.name == new.name and type(old.plain) is type(new.plain)


def _form(one: Identifier) -> tuple[bool, bool]:
    """How a reference is written, but for whom it names: absolute or not, with a version or not."""
    return one.startswith("//"), one.endswith("/_")
