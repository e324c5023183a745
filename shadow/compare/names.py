"""Which names of members are data, and so what of a path may be shown: a map that is keyed by what it tells of
("/byName/Smith") has names that no schema has. Pure; judged by the two documents alone, and by rules.

A name that looks like no field is data wherever it stands. For others an object is taken for a map rather once too
often: its names are masked then, and nothing else changes. A rule (`keys`) says what it is.
"""

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple, TypeAlias

from adapters.document import Tree, escape
from shadow.compare.patterns import Directive, State

MASKED = "{key}"
"""What stands in a path for a member name that is data; no name that is shown has braces."""

LONGEST_NAME = 64
"""Characters of a member's name that is shown, at most."""

Step: TypeAlias = str | int | tuple[int, int]
"""A member's name; an item's index, or legacy's and modern's where they are two."""

# camelCase, PascalCase, snake_case and kebab-case, with at most two digits; "@id", "#text", "$ref", "dc:title".
# Anything else (digits, spaces, dots, a capital after a hyphen, non-ASCII) may be a number, a name or an address.
_FIELD = re.compile(r"[@#$_]?(?:[a-z]+:)?(?!(?:[^0-9]*[0-9]){3})[A-Za-z_][A-Za-z0-9_]*(?:-[a-z][a-z0-9]*)*")

_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_MAPS = frozenset({"map", "index", "lookup", "dict", "dictionary"})
_PLURALS = frozenset({"people", "children", "men", "women"})
# What ends in s and is one: address, status, diagnosis, canvas.
_SINGULAR = re.compile(r".*(?:ss|us|is|as)")


def shown(name: str) -> str:
    """A member's name by itself, as it may be shown: one that looks like data is masked."""
    return escape(name) if _is_field(name) else MASKED


def _is_field(name: str) -> bool:
    return len(name) <= LONGEST_NAME and _FIELD.fullmatch(name) is not None


FORMS = frozenset({"json", "ndjson"})
"""What is read as one of these may have maps; in other forms the names are a schema's."""


class Place(NamedTuple):
    """What stands at one place of two documents, on the sides that have it. `name` is that of the member that it is
    the value of, "" at the root and in a list; `style` how many more names on the way begin with a small letter than
    with a capital; `typed` tells that a resource's type stands on the way, as FHIR has it."""

    sides: tuple[Tree, ...]
    name: str
    state: State[Directive]
    style: int
    typed: bool


class Maps:
    """What of the paths into two documents may be shown. Where `guess` is off, only rules say what is a map."""

    def __init__(self, guide: State[Directive], *, guess: bool) -> None:
        self._guide = guide
        self._guess = guess
        self._known: dict[tuple[int, ...], tuple[bool, int]] = {}

    def root(self, *documents: Tree) -> Place:
        """The documents themselves, which must live as long as this."""
        return Place(documents, "", self._guide, 0, _is_typed(documents))

    def below(self, place: Place, step: Step) -> Place:
        """What stands one step further down."""
        if isinstance(step, str):
            sides = tuple(one[step] for one in place.sides if isinstance(one, dict) and step in one)
            style = place.style + self._judged(place)[1] if self._guess and not place.typed else 0
            return Place(sides, step, place.state.step(step), style, place.typed or _is_typed(sides))
        # With one document there is one index.
        indexes = step if isinstance(step, tuple) else (step, step)
        sides = tuple(one[at] for one, at in zip(place.sides, indexes, strict=False)
                      if isinstance(one, list) and at < len(one))
        return Place(sides, "", place.state.step(None), place.style, place.typed or _is_typed(sides))

    def shown(self, place: Place, name: str) -> str:
        """A member's name as it may be shown, of an object at a place. Where small letters are the style, a name with
        a capital is no schema's."""
        if said := _said(place):
            return MASKED if said == "data" else shown(name)
        if not self._guess or place.typed:
            return shown(name)
        is_map, style = self._judged(place)
        foreign = name[:1].isupper() and (
            place.style > 0 or style > 0 or any(_inner_style(one, name) > 0 for one in place.sides))
        return MASKED if is_map or foreign else shown(name)

    def _judged(self, place: Place) -> tuple[bool, int]:
        """Whether the object is a map, as one side has it or both together; and its own style."""
        key = tuple(map(id, place.sides))
        known = self._known.get(key)
        if known is None:
            sides = [one for one in place.sides if isinstance(one, dict)]
            members = {name: value for one in sides for name, value in one.items()}
            if any(one.keys() != members.keys() for one in sides):
                sides.append(members)
            is_map = any(_is_map(place.name, one) for one in sides)
            # In a map, names are no style.
            known = self._known[key] = is_map, 0 if is_map else sum(map(_style, members))
        return known


def data_names(maps: Maps, *documents: Tree) -> set[tuple[str, ...]]:
    """The ways ("*" for an index) to all members of documents whose names are data."""
    found: set[tuple[str, ...]] = set()
    stack: list[tuple[Place, tuple[str, ...]]] = [(maps.root(*documents), ())]
    while stack:
        place, names = stack.pop()
        members = dict.fromkeys(name for one in place.sides if isinstance(one, dict) for name in one)
        found.update((*names, name) for name in members if maps.shown(place, name) == MASKED)
        stack += [(maps.below(place, name), (*names, name)) for name in members]
        longest = max((len(one) for one in place.sides if isinstance(one, list)), default=0)
        stack += [(maps.below(place, index), (*names, "*")) for index in range(longest)]
    return found


def _is_map(name: str, members: Mapping[str, Tree]) -> bool:
    """Whether the members of an object of a name are named by data."""
    if len({type(value) for value in members.values()}) == 1 and not all(map(_is_field, members)):
        return True
    words = [word.lower() for word in _WORD.findall(name)]
    if "by" in words[:-1] or not _MAPS.isdisjoint(words[-1:]):
        return True
    # "_links", "_embedded": what begins so is the format's own.
    if not members or name.startswith("_") or not all(isinstance(value, dict | list) for value in members.values()):
        return False
    return _is_plural(words) or _are_alike(members.values())


def _said(place: Place) -> str:
    """What the first rule that speaks of the names here says."""
    return next((one.keys for one in place.state.found if one.keys), "")


def _is_typed(sides: Iterable[Tree]) -> bool:
    return any(isinstance(one, dict) and "resourceType" in one for one in sides)


def _style(name: str) -> int:
    return 1 if name[:1].islower() else -1 if name[:1].isupper() else 0


def _inner_style(node: Tree, name: str) -> int:
    value = node.get(name) if isinstance(node, dict) else None
    return sum(map(_style, value)) if isinstance(value, dict) else 0


def _is_plural(words: list[str]) -> bool:
    last = words[-1] if words else ""
    return last in _PLURALS or (last.endswith("s") and _SINGULAR.fullmatch(last) is None)


def _are_alike(values: Iterable[Tree]) -> bool:
    """Whether these containers, two at least, are records of one kind: of most of the same members."""
    records: list[set[str]] = []
    for value in values:
        record = next((item for item in value if isinstance(item, dict)), None) if isinstance(value, list) else value
        if not isinstance(record, dict):
            return False
        records.append(set(record))
    common = set.intersection(*records) if records else set()
    return len(records) > 1 and bool(common) and 2 * len(common) >= max(map(len, records))
