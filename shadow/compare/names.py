"""Member names that may be shown in a path, and those that are data and are masked, such as "Smith" in "/byName/Smith".

A name that does not look like a field is data wherever it stands. Other names are data if their object is a map, keyed
by data. Whether it is one is guessed from the two documents. In doubt it counts as a map: a wrong guess masks names and
changes nothing else. A rule (`keys`) overrides the guess.

Names that DICOM and HL7 v2 give are shown wherever they stand: no person has one of them.
"""

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple, TypeAlias

from adapters.document import Tree, escape
from shadow.compare import dicom, hl7_names
from shadow.compare.patterns import Directive, Matcher

MASKED = "{key}"
"""What a path shows in place of a member name that is data. No name that is shown has braces."""

LONGEST_NAME = 64
"""Characters of a member name that is shown, at most."""

Step: TypeAlias = str | int | tuple[int, int]
"""One step of a path: a member's name, or an item's index: one, or legacy's and modern's if they differ."""

# camelCase, PascalCase, snake_case and kebab-case, with at most two digits; "@id", "#text", "$ref", "dc:title".
# Anything else (digits, spaces, dots, a capital after a hyphen, non-ASCII) may be a number, a name or an address.
_FIELD = re.compile(r"[@#$_]?(?:[a-z]+:)?(?!(?:[^0-9]*[0-9]){3})[A-Za-z_][A-Za-z0-9_]*(?:-[a-z][a-z0-9]*)*")

# What a rule calls names, such as "718-7", "Größe", "vitals:0|magnitude". A name of digits alone would pass for an
# index, and one with other signs, or blanks, is a text.
_NAMED = re.compile(r"(?![0-9]+$)[\w.:|$@#+,-]+")

# A control of an HTML page, as `adapters.trees.html` calls it.
_CONTROL = re.compile(r"([a-z]+)\[@name='([^'\[\]]*)'\]")

_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_MAPS = frozenset({"map", "index", "lookup", "dict", "dictionary"})
_PLURALS = frozenset({"people", "children", "men", "women"})
# Words that end in s and are singular: address, status, diagnosis, canvas.
_SINGULAR = re.compile(r".*(?:ss|us|is|as)")


def shown(name: str) -> str:
    """A member name by itself, as a path may show it (RFC 6901): MASKED if it looks like data. Of a control in HTML the
    name that it has itself may be masked."""
    called = _CONTROL.fullmatch(name)
    if called is not None:
        return f"{called[1]}[@name='{shown(called[2])}']"
    return escape(name) if _is_field(name) else MASKED


def _is_field(name: str) -> bool:
    return len(name) <= LONGEST_NAME and (_FIELD.fullmatch(name) is not None or hl7_names.is_part(name))


def _named(name: str) -> str:
    """A member name that a rule calls a name, as a path may show it."""
    named = _NAMED.fullmatch(name) is not None or dicom.is_keyword(name)
    return name if len(name) <= LONGEST_NAME and named else MASKED


FORMS = frozenset({"json", "ndjson"})
"""Forms of bodies that may hold maps. In the other forms all names come from a schema."""


class Position(NamedTuple):
    """One place of two documents. `sides` are the values there, of the documents that have one. `name` is the member's
    name, "" at the root and in a list. `style` is how many more names on the way here begin with a small letter than
    with a capital. `typed` is true if an object on the way has a `resourceType`, as in FHIR."""

    sides: tuple[Tree, ...]
    name: str
    matcher: Matcher[Directive]
    style: int
    typed: bool


class Masks:
    """Masks the member names in paths into two documents. Without `guess`, only rules say which objects are maps."""

    def __init__(self, directives: Matcher[Directive], *, guess: bool) -> None:
        self._directives = directives
        self._guess = guess
        self._known: dict[tuple[int, ...], tuple[bool, int]] = {}

    def root(self, *documents: Tree) -> Position:
        """The position of the documents themselves. They must live as long as this, which knows them by their `id`."""
        return Position(documents, "", self._directives, 0, _is_typed(documents))

    def below(self, position: Position, step: Step) -> Position:
        """The position one step down."""
        if isinstance(step, str):
            sides = tuple(one[step] for one in position.sides if isinstance(one, dict) and step in one)
            style = position.style + self._judged(position)[1] if self._guess and not position.typed else 0
            return Position(sides, step, position.matcher.step(step), style, position.typed or _is_typed(sides))
        # One document has one index.
        indexes = step if isinstance(step, tuple) else (step, step)
        sides = tuple(one[at] for one, at in zip(position.sides, indexes, strict=False)
                      if isinstance(one, list) and at < len(one))
        return Position(sides, "", position.matcher.step(None), position.style, position.typed or _is_typed(sides))

    def shown(self, position: Position, name: str) -> str:
        """The name of a member of the object at a position, as a path may show it. If most names begin with a small
        letter, one with a capital is taken for data."""
        if ruled := _ruled(position):
            return MASKED if ruled == "data" else _named(name)
        if hl7_names.is_part(name) or dicom.is_attribute(name, [
                one[name] for one in position.sides if isinstance(one, dict) and name in one]):
            return name
        if not self._guess or position.typed:
            return shown(name)
        is_map, style = self._judged(position)
        foreign = name[:1].isupper() and (
            position.style > 0 or style > 0 or any(_inner_style(one, name) > 0 for one in position.sides))
        return MASKED if is_map or foreign else shown(name)

    def _judged(self, position: Position) -> tuple[bool, int]:
        """Whether the object is a map (by either side, or by both taken together), and the style of its names."""
        key = tuple(map(id, position.sides))
        known = self._known.get(key)
        if known is None:
            sides = [one for one in position.sides if isinstance(one, dict)]
            members = {name: value for one in sides for name, value in one.items()}
            if any(one.keys() != members.keys() for one in sides):
                sides.append(members)
            is_map = any(_is_map(position.name, one) for one in sides)
            # The names of a map are data, and say nothing about the style of the schema.
            known = self._known[key] = is_map, 0 if is_map else sum(map(_style, members))
        return known


def masked_names(masks: Masks, *documents: Tree) -> set[tuple[str, ...]]:
    """The paths to all members whose names are masked, as tuples of names with "*" for an index."""
    found: set[tuple[str, ...]] = set()
    stack: list[tuple[Position, tuple[str, ...]]] = [(masks.root(*documents), ())]
    while stack:
        position, names = stack.pop()
        members = dict.fromkeys(name for one in position.sides if isinstance(one, dict) for name in one)
        found.update((*names, name) for name in members if masks.shown(position, name) == MASKED)
        stack += [(masks.below(position, name), (*names, name)) for name in members]
        longest = max((len(one) for one in position.sides if isinstance(one, list)), default=0)
        stack += [(masks.below(position, index), (*names, "*")) for index in range(longest)]
    return found


def _is_map(name: str, members: Mapping[str, Tree]) -> bool:
    """Whether an object, the value of a member called `name`, is a map: its members are named by data."""
    if len({type(value) for value in members.values()}) == 1 and not all(map(_is_field, members)):
        return True
    words = [word.lower() for word in _WORD.findall(name)]
    if "by" in words[:-1] or not _MAPS.isdisjoint(words[-1:]):
        return True
    # "_links", "_embedded": an underscore marks names of the format itself (HAL).
    if not members or name.startswith("_") or not all(isinstance(value, dict | list) for value in members.values()):
        return False
    return _is_plural(words) or _are_alike(members.values())


def _ruled(position: Position) -> str:
    """What the first rule with `keys` says of the names here: "data" or "names"; "" if no rule does."""
    return next((one.keys for one in position.matcher.found if one.keys), "")


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
    """Whether these are two containers or more that hold records of one kind: with mostly the same members."""
    records: list[set[str]] = []
    for value in values:
        record = next((item for item in value if isinstance(item, dict)), None) if isinstance(value, list) else value
        if not isinstance(record, dict):
            return False
        records.append(set(record))
    common = set.intersection(*records) if records else set()
    return len(records) > 1 and bool(common) and 2 * len(common) >= max(map(len, records))
