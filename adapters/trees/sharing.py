"""Makes one object of elements that hold the same, in one document or in two, however they are written: then they need
not be compared.

Most of what two arms answer is the same. To read two documents of 100 KB and compare them takes a third of the time so
in HTML and HL7 v2, and two thirds in XML. That is why the readers of these formats keep what they have read, by how it
was written too: what they call `seen`.
"""

from collections.abc import Hashable
from typing import TypeAlias

from adapters.document import Tree
from adapters.trees.order import ORDER

Known: TypeAlias = dict[Hashable, Tree]
"""The elements that were read, by what they hold. It keeps them alive, since what they hold is known by its identity.
"""


def shared(known: Known, node: Tree) -> Tree:
    """The element that was read before and holds the same as this one, else this one. All elements in it have been
    through here before. The order of its members means nothing."""
    if ORDER not in node:
        return known.setdefault(frozenset(node.items()), node)
    key = frozenset([
        (name, tuple([one if isinstance(one, str) else id(one) for one in value]) if isinstance(value, list) else value)
        for name, value in node.items()])
    return known.setdefault(key, node)
