"""What a place of two documents means: the FHIR resource that it is in, and the element of it. Pure.

A resource means the same wherever it stands: by itself, in a Bundle, in Parameters, contained, as a line of NDJSON; in
JSON or in XML (FHIR R4 sections 2.6.1 and 2.6.2). Which of these it is does not show in the name of an element.
"""

from typing import NamedTuple

from adapters.document import Tree
from shadow.compare.names import Step

SPACE = "http://hl7.org/fhir"
"""The namespace of FHIR in XML."""

# In XML a resource is an element of its type's name: the root, or inside one of these. No other name has a capital.
_HOLDERS = frozenset({"", "contained", "resource", "outcome"})


class Meaning(NamedTuple):
    """What stands at a place. `type` is the innermost resource's, "" outside of resources. `element` are the names from
    that resource to the place, without indexes and without what only JSON or XML writes (`_birthDate`, `@value`).
    `resources` are the resources on the way, the innermost last, and `way` all objects on it. `old` and `new` are the
    values there. Where both documents have something it is legacy's."""

    type: str = ""
    element: tuple[str, ...] = ()
    resources: tuple[Tree, ...] = ()
    way: tuple[Tree, ...] = ()
    old: Tree = None
    new: Tree = None

    @property
    def holder(self) -> Tree:
        """The object in which the place is; None at the root."""
        return self.way[-1] if self.way else None


NOWHERE = Meaning()


class _Way(NamedTuple):
    """How far the way to a place has come: what stands there in both documents; the type of the resource, and the last
    name; where the names from that resource begin, and how many names, resources and objects there are."""

    one: Tree
    other: Tree
    type: str = ""
    before: str = ""
    start: int = 0
    names: int = 0
    resources: int = 0
    objects: int = 0


class Meanings:
    """What places of two documents mean, which were read as a `form`. Two places asked for after each other mostly have
    the beginning of their ways in common: it is gone once."""

    __slots__ = ("_in_xml", "_names", "_nowhere", "_objects", "_resources", "_steps", "_ways")

    def __init__(self, legacy: Tree, modern: Tree, form: str) -> None:
        self._in_xml = is_xml(legacy) or is_xml(modern)
        # In these forms nothing is called a resource, and nothing stands beside a unit.
        self._nowhere = form in ("hl7v2", "html")
        self._ways = [_Way(legacy, modern)]
        self._steps: list[Step] = []
        self._names: list[str] = []
        self._resources: list[Tree] = []
        self._objects: list[Tree] = []

    def of(self, steps: list[Step], old: Tree, new: Tree) -> Meaning:
        """The meaning of the place that `steps` lead to, with the values there."""
        if self._nowhere:
            return Meaning(old=old, new=new)
        same = 0
        for step, known in zip(steps, self._steps, strict=False):
            if step != known:
                break
            same += 1
        way = self._ways[same]
        del self._ways[same + 1:], self._names[way.names:], self._resources[way.resources:]
        del self._objects[way.objects:]
        for step in steps[same:]:
            way = self._named(way, step) if isinstance(step, str) else self._indexed(way, step)
            self._ways.append(way)
        self._steps = steps
        return Meaning(way.type, tuple(self._names[way.start:]), tuple(self._resources), tuple(self._objects), old, new)

    def _named(self, way: _Way, step: str) -> _Way:
        both = isinstance(way.one, dict), isinstance(way.other, dict)
        node = way.one if both[0] else way.other
        type_, start = way.type, way.start
        if "resourceType" in node and isinstance(node["resourceType"], str):
            type_, start = node["resourceType"], len(self._names)
            self._resources.append(node)
        if self._in_xml and way.before in _HOLDERS and step[0].isupper():
            type_, start = step, len(self._names)
        elif step != "@value" or not self._in_xml:
            self._objects.append(node)
            self._names.append(step if self._in_xml or step[:1] != "_" else step[1:])
        one, other = way.one.get(step) if both[0] else None, way.other.get(step) if both[1] else None
        return _Way(one, other, type_, step, start, len(self._names), len(self._resources), len(self._objects))

    def _indexed(self, way: _Way, step: int | tuple[int, int]) -> _Way:
        at, to = step if isinstance(step, tuple) else (step, step)
        one = way.one[at] if isinstance(way.one, list) and at < len(way.one) else None
        other = way.other[to] if isinstance(way.other, list) and to < len(way.other) else None
        if self._in_xml and way.type and way.start == len(self._names):
            self._resources.append(one if isinstance(one, dict) else other)
        return way._replace(one=one, other=other, resources=len(self._resources))


def is_xml(tree: Tree) -> bool:
    """Whether a document is FHIR's XML."""
    if not isinstance(tree, dict) or len(tree) != 1:
        return False
    [root] = tree.values()
    return isinstance(root, list) and len(root) == 1 and isinstance(root[0], dict) and root[0].get("@xmlns") == SPACE


def text(node: Tree, name: str) -> str:
    """The text of an object's member, as JSON or XML writes it; "" if there is none."""
    value = node.get(name) if isinstance(node, dict) else None
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], dict):
        value = value[0].get("@value")
    return value if isinstance(value, str) else ""

