"""The order of what an element of a tree holds.

An element is an object. What it holds are lists by name, so that places have names. ORDER lists these names in the
order of the document, once for each child. It is there if the element has any children.
"""

from collections.abc import Callable, Iterator

from adapters.document import Tree

ORDER = "#order"

TEXT = "#text"
"""The name of the texts between an element's children, or of the text of one without any."""


def children(element: Tree, holds: Callable[[str], bool]) -> Iterator[tuple[str, Tree]]:
    """The children of an element with their names, in order. `holds` says whether a member of this name has children.
    What ORDER names and the element has not is left out; what it does not name comes last, so that a tree whose parts
    were taken away is still one."""
    waiting = {name: iter(inner if isinstance(inner, list) else [inner])
               for name, inner in element.items() if name != ORDER and holds(name)}
    for name in element.get(ORDER, ()):
        for child in waiting.get(name, ()):
            yield name, child
            break
    for name, rest in waiting.items():
        for child in rest:
            yield name, child
