"""What a place of two documents means: the FHIR resource that it is in, and the element of it. Pure.

A resource means the same wherever it stands: by itself, in a Bundle, in Parameters, contained, as a line of NDJSON; in
JSON or in XML (FHIR R4 sections 2.6.1 and 2.6.2). Which of these it is does not show in the name of an element.
"""

from collections.abc import Sequence
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


def meaning(
    legacy: Tree, modern: Tree, steps: Sequence[Step], old: Tree, new: Tree, *, in_xml: bool = False
) -> Meaning:
    """The meaning of the place that `steps` lead to in two documents, with the values there. `in_xml` is whether either
    is FHIR's XML."""
    one, other = legacy, modern
    type_, before = "", ""
    element: list[str] = []
    resources: list[Tree] = []
    way: list[Tree] = []
    for step in steps:
        if isinstance(step, str):
            both = isinstance(one, dict), isinstance(other, dict)
            node = one if both[0] else other
            if "resourceType" in node and isinstance(node["resourceType"], str):
                type_ = node["resourceType"]
                element.clear()
                resources.append(node)
            if in_xml and before in _HOLDERS and step[0].isupper():
                type_ = step
                element.clear()
            elif step != "@value":
                way.append(node)
                element.append(step if in_xml or step[:1] != "_" else step[1:])
            before = step
            one = one.get(step) if both[0] else None
            other = other.get(step) if both[1] else None
        else:
            at, to = step if isinstance(step, tuple) else (step, step)
            one = one[at] if isinstance(one, list) and at < len(one) else None
            other = other[to] if isinstance(other, list) and to < len(other) else None
            if in_xml and type_ and not element:
                resources.append(one if isinstance(one, dict) else other)
    return Meaning(type_, tuple(element), tuple(resources), tuple(way), old, new)


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

