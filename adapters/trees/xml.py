"""XML as a tree. Prefixes, the order of attributes, comments and the spelling of empty elements are not kept.

An element is an object: "@name" is an attribute, "#text" its text, and each local name a list of child elements.
"@xmlns" is there if the namespace differs from the parent's. The order of children with different names is not kept,
since their schema sets it. If there is text between children, "#order" lists both in order.
"""

from lxml import etree

from adapters import xml
from adapters.document import DocumentError, Tree

_XSI = "{http://www.w3.org/2001/XMLSchema-instance}"
_HINTS = frozenset({f"{_XSI}schemaLocation", f"{_XSI}noNamespaceSchemaLocation"})


def tree(body: bytes, charset: str | None = None) -> Tree:
    """The tree of a document: {name of the root: [root]}. Raises DocumentError("syntax")."""
    try:
        root = xml.parse(body, charset)
    except xml.XmlError:
        raise DocumentError("syntax") from None
    return {etree.QName(root).localname: [_element(root, None)]}


def write(tree: Tree, charset: str | None = None) -> bytes:
    """The document of this tree. Raises DocumentError: "syntax" or "encoding"."""
    try:
        [(name, [root])] = tree.items()
        return etree.tostring(_built(name, root, None), encoding="unicode").encode(charset or "utf-8")
    except (LookupError, UnicodeEncodeError):
        raise DocumentError("encoding") from None
    except (ValueError, TypeError, StopIteration):
        raise DocumentError("syntax") from None


def _built(name: str, node: Tree, outside: str | None) -> etree._Element:
    space = node.get("@xmlns", outside)
    spaces: dict[str | None, str] = {None: space} if space else {}
    made = etree.Element(etree.QName(space or None, name), nsmap=spaces)  # type: ignore[arg-type]  # None: the default
    for key, value in node.items():
        if key.startswith("@") and key != "@xmlns":
            made.set(key[1:], value)
    text = node.get("#text", [])
    waiting = {key: iter(inner) for key, inner in node.items() if key[0] not in "@#"}
    if isinstance(text, str):
        made.text = text
        return made
    pieces = iter(text)
    for one in node.get("#order", [key for key, inner in node.items() if key in waiting for _ in inner]):
        if one != "#text":
            made.append(_built(one, next(waiting[one]), space))
        elif len(made):
            made[-1].tail = next(pieces)
        else:
            made.text = next(pieces)
    # Children that "#order" does not name are lost. The caller notices, because it parses the written document again.
    return made


def _element(element: xml.Element, outside: str | None) -> Tree:
    # libxml2 bounds the depth to 256.
    name = etree.QName(element)
    members: dict[str, Tree] = {}
    if name.namespace != outside:
        members["@xmlns"] = name.namespace
    # Schema hints say where to find a schema. They are not part of the content.
    members.update(("@" + str(key), str(value)) for key, value in element.attrib.items() if key not in _HINTS)
    if len(element) == 0:
        if element.text:
            members["#text"] = element.text
        return members
    pieces = [element.text, *(child.tail for child in element)]
    texts = [piece for piece in pieces if piece and not piece.isspace()]
    if texts:
        members["#text"] = texts
        members["#order"] = ["#text" if one is None else etree.QName(one).localname for one in _mixed(element)]
    for child in element:
        members.setdefault(etree.QName(child).localname, []).append(_element(child, name.namespace))
    return members


def _mixed(element: xml.Element) -> list[xml.Element | None]:
    """The children in order, with None for each text between them."""
    found: list[xml.Element | None] = [None] if element.text and not element.text.isspace() else []
    for child in element:
        found.append(child)
        if child.tail and not child.tail.isspace():
            found.append(None)
    return found
