"""XML as a tree. Prefixes, the order of attributes, comments and the spelling of empty elements are not kept.

An element is an object: "@name" is an attribute, "#text" its text, and each local name a list of child elements, whose
order "#order" tells. "@xmlns" is there if the namespace differs from the parent's. If there is text between children,
"#text" is the list of these texts. Attributes of namespaces that everybody knows have their usual prefix ("@xsi:type"),
others their namespace ("@{urn:x}type").

A value that is a qualified name, as in `faultcode` and `xsi:type`, stands with its namespace: "{urn:x}Server". It is
one if its prefix is declared where it stands.
"""

import re
from collections.abc import Iterator
from typing import Any
from xml.parsers import expat

from adapters.document import DocumentError, Tree
from adapters.trees.order import ORDER, TEXT, children
from adapters.trees.sharing import Known, shared

_XSI = "http://www.w3.org/2001/XMLSchema-instance"
PREFIXES = {
    _XSI: "xsi", "http://www.w3.org/XML/1998/namespace": "xml", "http://www.w3.org/1999/xlink": "xlink",
    "http://schemas.xmlsoap.org/soap/envelope/": "soap", "http://www.w3.org/2003/05/soap-envelope": "soap12",
    "http://schemas.xmlsoap.org/soap/encoding/": "soapenc", "urn:hl7-org:sdtc": "sdtc",
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd": "wsu",
}
"""The prefixes of attributes in namespaces that everybody knows."""

_SPACE = "http://www.w3.org/XML/1998/namespace}space"
_BOOLEANS = frozenset({
    f"{_XSI}}}nil", "http://schemas.xmlsoap.org/soap/envelope/}mustUnderstand",
    "http://www.w3.org/2003/05/soap-envelope}mustUnderstand", "http://www.w3.org/2003/05/soap-envelope}relay"})
"""Attributes that are true or false (XML Schema 1.0 part 2, section 3.2.2), and false where they are not."""
_TRUE, _FALSE = frozenset({"true", "1"}), frozenset({"false", "0"})

_HINTS = frozenset({f"{_XSI}}}schemaLocation", f"{_XSI}}}noNamespaceSchemaLocation"})
# What follows the prefix of a qualified name; an array's type in SOAP 1.1 (section 5.4.2) has its size after it.
_LOCAL = re.compile(r"[^\W\d][\w.-]*(?:\[[0-9,]*\])?")
# Qualified names that need no prefix: without one they are in the default namespace.
_QUALIFIED = frozenset({"faultcode"})
_QUALIFIED_ATTRIBUTE = f"{_XSI}}}type"

QUALIFIED = "qualified names"
"""The key, among what was read already, of the qualified names in values, as they were written, with their meanings."""

_BLOCKS = frozenset({
    "address", "blockquote", "br", "caption", "col", "colgroup", "dd", "div", "dl", "dt", "h1", "h2", "h3", "h4", "h5",
    "h6", "hr", "item", "li", "list", "ol", "p", "paragraph", "pre", "table", "tbody", "td", "tfoot", "th", "thead",
    "tr", "ul"})
"""Elements of XHTML and CDA's narrative that begin a line, so that white space beside them is not shown."""

_LITERAL = re.compile(r"(?:\{\})*\{[^}]+\}[^\W\d][\w.-]*(?:\[[0-9,]*\])?")
"""A text that looks like a qualified name with its namespace."""

_LONGEST = 4096
"""Bytes of an element up to which it is looked up, as it is written, among those that were read before."""

_MANY = 64
"""Prefixes that are declared at a place up to which its elements are looked up so: what they mean is part of it."""


def tree(text: str, seen: dict[str, Tree] | None = None) -> Tree:
    """The tree of a document without its XML declaration: {name of the root: [root]}. `seen` has what was read already:
    elements that hold the same become one object, so such trees must not be changed; without it each element is its
    own. Raises DocumentError: "encoding", or "syntax", also for a DOCTYPE."""
    try:
        return _Reading(text.encode(), seen).tree()
    except UnicodeEncodeError:  # half of a surrogate pair
        raise DocumentError("encoding") from None
    except expat.ExpatError:
        raise DocumentError("syntax") from None


class _Reading:
    """One document being read. An element is made at its end, out of what was read since its beginning."""

    __slots__ = ("_data", "_declared", "_fresh", "_items", "_keeps", "_known", "_open", "_parser", "_prefixes", "_same",
                 "_seen", "_space", "_spaced")

    def __init__(self, data: bytes, seen: dict[str, Tree] | None) -> None:
        self._data = data
        self._seen = seen
        self._same: Known | None = None if seen is None else seen.setdefault("same", {})
        # The elements whose end has not come: name and attributes as the parser gives them, the byte where it starts,
        # how many items there were, and the namespace and the known elements outside of it.
        self._open: list[tuple[str, list[str], int, int, str, dict[object, Tree]]] = []
        # Texts, and elements with their names, that are not in an element yet.
        self._items: list[Tree] = []
        # Where the parser is: the namespace, the prefixes that are declared (with a number for all of them, -1 if that
        # is not known), and whether any is new; and the elements that were read before in such a place, by how they are
        # written.
        self._space = ""
        self._prefixes: dict[str, list[str]] = {}
        self._declared = -1
        self._fresh = False
        self._known = self._scope()
        # Whether white space is kept, of each element whose end has not come, if the document says so anywhere. Then
        # two elements that are written alike may not be.
        self._spaced = b"xml:space" in data
        self._keeps = [False]
        # The encoding is forced, since the text has been decoded.
        parser = expat.ParserCreate("utf-8", "}")
        self._parser: Any = parser
        parser.buffer_text = True
        parser.ordered_attributes = True
        parser.StartElementHandler = self._begin
        parser.EndElementHandler = self._end if seen is None or self._spaced else self._end_known
        parser.CharacterDataHandler = self._items.append
        parser.StartNamespaceDeclHandler = self._declare
        parser.EndNamespaceDeclHandler = self._undeclare
        parser.StartDoctypeDeclHandler = self._refuse

    def tree(self) -> Tree:
        """The tree. Raises ExpatError or DocumentError."""
        try:
            self._parser.Parse(self._data, True)
        finally:
            self._parser = None  # It holds this object: neither would be freed before the next garbage collection.
        [(name, root)] = self._items
        return {name: [root]}

    def _refuse(self, *_: object) -> None:
        raise DocumentError("syntax")  # A DOCTYPE may declare entities, and values that are not in the document.

    def _declare(self, prefix: str | None, space: str | None) -> None:
        self._prefixes.setdefault(prefix or "", []).append(space or "")
        self._declared = -1
        self._fresh = True

    def _undeclare(self, prefix: str | None) -> None:
        spaces = self._prefixes[prefix or ""]
        spaces.pop()
        if not spaces:
            del self._prefixes[prefix or ""]
        self._declared = -1

    def _scope(self) -> dict[object, Tree]:
        """The elements that were read before where the parser is: see `_known`."""
        if self._seen is None or len(self._prefixes) > _MANY:
            return {}
        if self._declared < 0:
            where = tuple(sorted((prefix, spaces[-1]) for prefix, spaces in self._prefixes.items()))
            numbers = self._seen.setdefault("scopes", {})
            self._declared = numbers.setdefault(where, len(numbers))
        known: dict[object, Tree] = self._seen.setdefault(f"{self._declared} {self._space}", {})
        return known

    def _begin(self, name: str, attributes: list[str]) -> None:
        """The parser is at a start tag."""
        self._open.append((name, attributes, self._parser.CurrentByteIndex, len(self._items), self._space, self._known))
        if self._spaced:
            said = dict(zip(attributes[::2], attributes[1::2], strict=True)).get(_SPACE)
            self._keeps.append(self._keeps[-1] if said is None else said == "preserve")
        space = name.rpartition("}")[0]
        if self._fresh or space != self._space:
            self._fresh = False
            self._space = space
            self._known = self._scope()

    def _end_known(self, _: str) -> None:
        """The parser is at an end tag: take the element that was read before and is written alike, or make one."""
        name, attributes, start, at, space, known = self._open[-1]
        end = self._parser.CurrentByteIndex
        if end - start > _LONGEST:
            self._end(name)
            return
        # An empty element ends where it starts.
        written = self._data[start:end] if end > start else (name, *attributes)
        node = known.get(written)
        if node is None:
            self._end(name)
            known[written] = self._items[-1][1]
            return
        self._open.pop()
        del self._items[at:]
        self._items.append((name.rpartition("}")[2], node))
        self._space = space
        self._known = known

    def _end(self, _: str) -> None:
        """The parser is at an end tag: make the element."""
        name, attributes, _start, at, space, known = self._open.pop()
        inside = self._items[at:]
        del self._items[at:]
        local = name.rpartition("}")[2]
        node: Tree = {} if space == self._space else {"@xmlns": self._space or None}
        for number in range(0, len(attributes), 2):
            key, value = attributes[number], attributes[number + 1]
            if key in _BOOLEANS:
                if value.strip() in _FALSE:
                    continue
                value = "true" if value.strip() in _TRUE else value
            if key not in _HINTS:  # They say where to find a schema, and are no part of the content.
                node["@" + _attribute(key)] = self._meant(value, key == _QUALIFIED_ATTRIBUTE)
        keeps = self._keeps.pop() if self._spaced else False
        if not inside:
            pass
        elif all(isinstance(one, str) for one in inside):
            node[TEXT] = self._meant("".join(inside), local in _QUALIFIED)
        else:
            self._hold(node, inside, keeps=keeps)
        if self._same is not None:
            node = shared(self._same, node)
        self._items.append((local, node))
        self._space = space
        self._known = known

    def _hold(self, node: Tree, inside: list[Tree], *, keeps: bool) -> None:
        """Put children into an element. White space between them means nothing; other text does. Where that is, white
        space between two words does too."""
        if _put(node, inside, keeps=keeps, blank=False):
            for name in set(node.pop(ORDER)):
                del node[name]
            _put(node, inside, keeps=keeps, blank=True)

    def _meant(self, value: str, qualified: bool) -> str:
        """A value, with its namespace if it is a qualified name."""
        if value[:1] == "{" and _LITERAL.fullmatch(value):
            return "{}" + value  # a text, and no qualified name
        if ":" in value:
            prefix, _, local = value.strip().partition(":")
        elif qualified:
            prefix, local = "", value.strip()
        else:
            return value
        spaces = self._prefixes.get(prefix)
        if not spaces or not spaces[-1] or _LOCAL.fullmatch(local) is None:
            return value
        meant = f"{{{spaces[-1]}}}{local}"
        if self._seen is not None:
            self._seen.setdefault(QUALIFIED, {})[value.strip()] = meant
        return meant


def _put(node: Tree, inside: list[Tree], *, keeps: bool, blank: bool) -> bool:
    """Put children into an element, and texts: with `keeps` also white space, with `blank` white space in a line as one
    blank. Returns whether such a blank was left out of an element that has other text."""
    order = node[ORDER] = []
    text = before = ""
    left = False
    for one in inside:
        if isinstance(one, str):
            text += one
            continue
        name, child = one
        if text:
            if keeps or not text.isspace():
                order.append(TEXT)
                node.setdefault(TEXT, []).append(text)
            elif before and before not in _BLOCKS and name not in _BLOCKS:
                if blank:
                    order.append(TEXT)
                    node.setdefault(TEXT, []).append(" ")
                left = True
            text = ""
        order.append(name)
        if name in node:
            node[name].append(child)
        else:
            node[name] = [child]
        before = name
    if text and (keeps or not text.isspace()):
        order.append(TEXT)
        node.setdefault(TEXT, []).append(text)
    return left and not blank and TEXT in node


def _attribute(key: str) -> str:
    """The name of an attribute, which has its namespace before a brace."""
    space, brace, local = key.rpartition("}")
    if not brace:
        return key
    return f"{PREFIXES[space]}:{local}" if space in PREFIXES else f"{{{space}}}{local}"


# --- trees to bytes ---

_NAME = re.compile(r"[^\W\d][\w.-]*")
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_TO_ESCAPE = re.compile("[&<>\"\t\n\r]")
_SPACES = {prefix: space for space, prefix in PREFIXES.items()}


def write(tree: Tree, charset: str | None = None) -> bytes:
    """The document of this tree. Raises DocumentError: "syntax" or "encoding"."""
    try:
        [(name, root)] = children(tree, _holds)
        return "".join(_written(name, root)).encode(charset or "utf-8")
    except (LookupError, UnicodeEncodeError):
        raise DocumentError("encoding") from None
    except (ValueError, TypeError, AttributeError):
        raise DocumentError("syntax") from None


def _holds(name: str) -> bool:
    return name[:1] not in ("@", "#") or name == TEXT


def _written(name: str, root: Tree) -> Iterator[str]:
    stack: list[tuple[str, Tree]] = [(name, root)]
    while stack:
        name, node = stack.pop()
        if not name:
            yield node
        elif name == TEXT:
            yield _escaped(node)
        else:
            yield f"<{_checked(name)}{''.join(_attributes(node))}>"
            stack.append(("", f"</{name}>"))
            stack += reversed(list(children(node, _holds)))


def _attributes(node: Tree) -> Iterator[str]:
    spaces: dict[str, str] = {}
    for key, value in node.items():
        space, brace, local = key[1:].rpartition("}")
        prefix, colon, name = local.partition(":")
        if key == "@xmlns":
            yield f' xmlns="{_escaped(value or "")}"'
        elif key[:1] == "@" and not brace and not colon:
            yield f' {_checked(local)}="{_escaped(value)}"'
        elif key[:1] == "@":
            space, name = (space[1:], local) if brace else (_SPACES[prefix], name)
            short = prefix if prefix == "xml" else spaces.setdefault(space, f"n{len(spaces)}")
            yield f' {short}:{_checked(name)}="{_escaped(value)}"'
    yield from (f' xmlns:{short}="{_escaped(space)}"' for space, short in spaces.items())


def _checked(name: str) -> str:
    if _NAME.fullmatch(name) is None:
        raise ValueError
    return name


def _escaped(text: str) -> str:
    if _NOT_XML.search(text) is not None:
        raise ValueError
    return _TO_ESCAPE.sub(lambda sign: f"&#{ord(sign[0])};", text)
