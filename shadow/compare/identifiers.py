"""Finds the identifiers in the two documents of one exchange, where a rule says `crosswalk`, and binds them one-to-one.

Before items are paired, each known identifier of legacy's is replaced by modern's identifier of that record, so that
items of lists are paired by key. An identifier that is not known is *open*: fingerprints leave it out, and it is bound
to its counterpart as soon as two items belong together. Within the exchange this binding holds at once. Beyond the
exchange it is learnt only if it is certain that both sides mean the same record. An item's own identifier is bound
before those that it refers to, so that one wrong reference is one difference, not one for every right reference.
"""

import re
from collections import defaultdict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple, TypeAlias

from adapters.crosswalk import Conflict, Crosswalk, IdPair
from adapters.document import Number, Tree
from shadow.compare.patterns import Directive, Matcher

REFERENCE, RESOURCE = "reference", "resource"
"""What a rule may say in place of a class. REFERENCE: the text names its class, as references of FHIR do. RESOURCE: the
class is the `resourceType` beside the identifier."""

URN = "urn"
"""The class of a reference that is a urn:uuid or urn:oid."""

# FHIR R4 section 2.3.0.1: [base/]type/id[/_history/version]. A fragment or anything else is no reference to a record.
_REFERENCE = re.compile(
    r"(https?://[^\s?#]+/)?([A-Za-z][A-Za-z0-9_-]{0,63})/([A-Za-z0-9.-]{1,128})(/_history/[A-Za-z0-9.-]{1,64})?")
_URN = re.compile(r"urn:(?:uuid|oid):([A-Za-z0-9.-]{1,128})")

_ITS_OWN = 1 << 62
"""The most pairs of one exchange: never reached, since its bodies are bounded."""


_CONTAINERS = (dict, list)


class Identifier(str):
    """An identifier or a reference, which takes the place of its text (`plain`) in the tree.

    As a string it is what both sides are paired by. `name` is its class, `id` the identifier as its own system writes
    it. `open` is true if it is bound to no other but may be. `rule` is the rule's id. `own` is true if it names the
    record that it is in."""

    __slots__ = ("id", "name", "open", "own", "plain", "rule")

    name: str
    id: str
    plain: str
    rule: str
    open: bool
    own: bool


class Classes(NamedTuple):
    """What rules say of identifiers. `learnt` has every class, and whether its pairs may be learnt. `members` are the
    names of members that may hold an identifier; None if any member may."""

    learnt: Mapping[str, bool]
    members: frozenset[str] | None


class Met(StrEnum):
    """What two identifiers at one place are to each other: one record, another kind of text, or a contradiction."""

    SAME = "same"
    OTHER = "other"
    """Compare them as they are written: they are of different kinds, or nothing is known of them and nothing may be
    learnt."""
    CONFLICT = "conflict"


Names: TypeAlias = dict[tuple[str, ...], list[Identifier]]
"""Identifiers by their path in an item, with "*" for an index."""


class Identities:
    """The identifiers of one exchange, checked against a crosswalk, which does not change. `learnt` are the pairs that
    the crosswalk may learn, `conflicts` the certain contradictions to it, by class."""

    __slots__ = ("_classes", "_here", "_holding", "_known", "_names", "_open", "conflicts", "learnt")

    def __init__(self, known: Crosswalk, classes: Classes) -> None:
        self.learnt: dict[IdPair, None] = {}
        self.conflicts: dict[tuple[str, Conflict], None] = {}
        self._known = known
        self._here = Crosswalk(known, _ITS_OWN)
        self._classes = classes
        self._holding: set[int] = set()
        self._names: dict[int, Names] = {}
        self._open = False

    # --- before pairing: identifiers take the place of their texts ---

    def mark(self, tree: Tree, matcher: Matcher[Directive], *, legacy: bool) -> Tree:
        """The tree, with an Identifier in place of each text that is one. The tree is changed, so it must belong to the
        caller."""
        root = [tree]
        if not isinstance(tree, dict | list):
            self._leaf(root, 0, "", matcher, legacy=legacy)
            return root[0]
        members = self._classes.members
        above: dict[int, int] = {}
        stack: list[tuple[Tree, Matcher[Directive]]] = [(tree, matcher)]
        while stack:
            node, at = stack.pop()
            at = at.given(node)
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
        """Put an Identifier in the place of a text, if a rule says so. Returns whether it did."""
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
        """The parts of a text: its form, with "%s" for the identifier; the class; and the identifier. None if it
        holds no identifier."""
        if said == REFERENCE:
            if (urn := _URN.fullmatch(text)) is not None:
                return "urn:%s", URN, urn[1]
            found = _REFERENCE.fullmatch(text)
            if found is None or found[2] not in self._classes.learnt:
                return None
            # The base and the version's number are the server's own: only whether there is one is compared.
            return f"{'//' if found[1] else ''}{found[2]}/%s{'/_' if found[4] else ''}", found[2], found[3]
        of = node.get("resourceType") if said == RESOURCE and isinstance(node, dict) else said
        if not isinstance(of, str) or of not in self._classes.learnt:
            return None
        return "#%s" if isinstance(text, Number) else "%s", of, text

    def begin(self, legacy: Tree, modern: Tree) -> None:
        """Bind, within this exchange, the identifiers that are in no list."""
        for tree in (legacy, modern):
            self._names[id(tree)] = self._look(tree, lists=False)
        self.join([(legacy, modern)])

    # --- while pairing: what items that belong together prove ---

    def join(self, pairs: Sequence[tuple[Tree, Tree]]) -> None:
        """Bind, within this exchange, the identifiers of items that belong together: their own first, then those that
        they refer to."""
        both = [one for one in pairs if id(one[0]) in self._holding or isinstance(one[0], Identifier)] \
            if self._open else []
        for own in (True, False):
            for old, new in both:
                for one, other in self._beside(old, new):
                    if one.own is own and self._learns(one.name):
                        self._here.bind(one.name, one.id, other.id)

    def agree(self, old: Tree, new: Tree) -> bool:
        """Whether two items contradict nothing that is bound so far."""
        others = self.names_of(new)
        for path, found in self.names_of(old).items():
            beside = others.get(path, [])
            names, images = {one.id for one in found}, {one.id for one in beside}
            to = [self._here.modern(one.name, one.id) for one in found]
            back = [self._here.legacy(one.name, one.id) for one in beside]
            if any(one is not None and one not in images for one in to) \
                    or any(one is not None and one not in names for one in back):
                return False
        return True

    def _beside(self, old: Tree, new: Tree) -> Iterator[tuple[Identifier, Identifier]]:
        """The pairs of identifiers at one path of two items. A path with several, because of a list, has no pair."""
        others = self.names_of(new)
        for path, found in self.names_of(old).items():
            beside = others.get(path, [])
            if len({one.id for one in found}) == len({one.id for one in beside}) == 1 \
                    and _comparable(found[0], beside[0]):
                yield found[0], beside[0]

    def image(self, name: str, id: str, *, legacy: bool) -> str | None:
        """Modern's identifier of the record that an identifier of either side names; None if it is not bound."""
        if legacy:
            return self._here.modern(name, id)
        return None if self._here.legacy(name, id) is None else id

    def bound_names(self, item: Tree, *, legacy: bool) -> Hashable:
        """An item's bound identifiers, with their paths, as modern's identifiers: equal for items of both sides that
        name the same records."""
        known = self._here.modern if legacy else self._here.legacy
        images = ((path, known(one.name, one.id), one) for path, found in self.names_of(item).items() for one in found)
        return tuple(sorted((path, image if legacy else one.id) for path, image, one in images if image is not None))

    def names_of(self, item: Tree) -> Names:
        """The identifiers in an item, by their path in it ("*" for an index)."""
        if not isinstance(item, dict | list):
            return {(): [item]} if isinstance(item, Identifier) else {}
        known = self._names.get(id(item))
        if known is None:
            known = self._names[id(item)] = self._look(item)
        return known

    def _look(self, item: Tree, *, lists: bool = True) -> Names:
        found: Names = defaultdict(list)
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

    # --- after pairing: what two identifiers are to each other ---

    def meet(self, old: Identifier, new: Identifier, *, certain: bool) -> Met:
        """Check two identifiers at one place against all that is bound. `certain` says that their items certainly
        belong together, so the pair may be learnt."""
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


def _comparable(old: Identifier, new: Identifier) -> bool:
    return old.name == new.name and type(old.plain) is type(new.plain)


def _form(one: Identifier) -> tuple[bool, bool]:
    """How a reference is written, apart from whom it names: absolute or not, with a version or not."""
    return one.startswith("//"), one.endswith("/_")
