"""Parses XML from untrusted services with lxml (no DOCTYPE, entities or network; bounded depth), and finds paths in it.

A path is a chain of element names, "Result/Patient/Mrn". It may end in an attribute, "Result/@Id", and a condition may
choose among elements of one name, "Identifier[@type=MRN]/Value". A bare name matches in any namespace. "lab:Name"
matches in one namespace, by a prefix that the options declare. "." is the node itself.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from lxml import etree

from adapters import charsets
from adapters.charsets import UNLABELLED, Text
from adapters.document import DocumentError

Element: TypeAlias = etree._Element
Node: TypeAlias = etree._Element | str

XSI_NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"
_DECLARED = re.compile(r"""<\?xml[^>]{1,100}?encoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']""")
_DECLARATION = re.compile(r"<\?xml\s[^>]*\?>")
# The text allowed before the root element (XML 1.0 production 22). In an atomic group, so the match never backtracks.
_DOCTYPE = re.compile(r"\s*+(?>(?:(?><!--.*?-->|<\?.*?\?>)\s*+)*)<!DOCTYPE", re.DOTALL)
# Its name, its identifiers and its own declarations (productions 28 and 75), in which quoted text may have any sign.
_DOCTYPE_REST = re.compile(r"""(?:[^\[<>"']|"[^"]*"|'[^']*')*(?:\[(?:[^\]"']|"[^"]*"|'[^']*')*\]\s*)?>""")
# What of these gives a document values that are not in its own text.
_VALUES = re.compile("<!ENTITY|<!ATTLIST|%")
_NAME = r"[A-Za-z_][A-Za-z0-9_.-]*"
_STEP = re.compile(rf"(@?)(?:({_NAME}):)?({_NAME}|\*)(?:\[(@?)({_NAME})=([^\]]*)\])?(?:/(?=.)|\Z)", re.ASCII)


class XmlError(ValueError):
    """The bytes are not an accepted document. The message names the rule and quotes nothing."""


def parse(body: bytes, charset: str | None = None) -> Element:
    """The root element. The encoding comes from the byte order mark, else from `charset` (the media type's parameter),
    else from the XML declaration, else it is UTF-8 (RFC 7303 section 3). Comments and processing instructions are left
    out, so that they split no text. libxml2 limits depth (256), names and texts (10 MB). Raises XmlError."""
    try:
        decoded = decode(body, charset)
    except DocumentError:
        decoded = None
    if decoded is None or UNLABELLED in decoded.odd:
        raise XmlError("the text is not in its encoding, or the encoding is not supported")
    text = decoded.text
    if "\0" in text:
        raise XmlError("not XML")
    if _DOCTYPE.match(text) is not None:
        raise XmlError("a DOCTYPE is not allowed")
    # The encoding is forced: libxml2 might guess another one from the first bytes, and read another document.
    parser = etree.XMLParser(
        encoding="utf-8", resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False,
        huge_tree=False, remove_comments=True, remove_pis=True,
    )
    try:
        root = etree.fromstring(text.encode(), parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise XmlError("not well-formed XML, or nested too deep") from error
    if root.getroottree().docinfo.internalDTD is not None:
        raise XmlError("a DOCTYPE is not allowed")
    return root


def decode(body: bytes, charset: str | None = None) -> Text:
    """The text of a document without its declaration, read in the encoding that `parse` says. Raises
    DocumentError("encoding")."""
    declared = None if charset else _DECLARED.match(body[:400].replace(b"\0", b"").decode("latin-1"))
    found = charsets.read(body, declared[1] if declared is not None else charset)
    declaration = _DECLARATION.match(found.text)
    return found if declaration is None else found._replace(text=found.text[declaration.end():])


def without_doctype(text: str) -> str | None:
    """The text of a document without its DOCTYPE, if it has one that declares no values (entities, or attributes, which
    may have defaults); None if it has none, or one that does."""
    start = _DOCTYPE.match(text)
    end = _DOCTYPE_REST.match(text, start.end()) if start is not None else None
    if start is None or end is None or _VALUES.search(end[0]) is not None:
        return None
    return text[:start.end() - len("<!DOCTYPE")] + text[end.end():]


@dataclass(frozen=True, slots=True)
class _Step:
    """A step: from a node to its children, or its attribute, `name`. `only` and `value` are a condition on a child."""

    name: str
    attribute: bool
    only: "_Step | None" = None
    value: str = ""

    def take(self, nodes: Iterable[Node]) -> list[Node]:
        if self.attribute:
            return [value for node in nodes if not isinstance(node, str) and (value := node.get(self.name)) is not None]
        return [child for node in nodes if not isinstance(node, str) for child in node.iterchildren(self.name)
                if self._chosen(child)]

    def _chosen(self, child: Element) -> bool:
        return self.only is None or any(
            (found if isinstance(found, str) else found.text or "") == self.value for found in self.only.take([child]))


class XmlSource:
    """Reads lxml elements and attribute values; `namespaces` are the prefixes that paths may use."""

    def __init__(self, namespaces: Mapping[str, str] | None = None) -> None:
        self._namespaces = dict(namespaces or {})

    def path(self, text: str) -> Callable[[Node], Sequence[Node]]:
        """See adapters.mapping.Source."""
        steps = [] if text == "." else self._steps(text)

        def select(node: Node) -> Sequence[Node]:
            found: list[Node] = [node]
            for step in steps:
                found = step.take(found)
            return found

        return select

    def _steps(self, text: str) -> list[_Step]:
        steps: list[_Step] = []
        at = 0
        while at < len(text) or not steps:
            found = _STEP.match(text, at)
            if found is None or (steps and steps[-1].attribute):
                raise ValueError('not a path such as "Result/Patient/@Id"')
            sign, prefix, name, only_sign, only, value = found.groups()
            condition = None if only is None else _Step(self._name(None, only, bool(only_sign)), bool(only_sign))
            steps.append(_Step(self._name(prefix, name, bool(sign)), bool(sign), condition, (value or "").strip("'\"")))
            at = found.end()
        return steps

    def _name(self, prefix: str | None, name: str, attribute: bool) -> str:
        if prefix is not None:
            if prefix not in self._namespaces:
                raise ValueError(f'the prefix "{prefix}" is not among the namespaces')
            return f"{{{self._namespaces[prefix]}}}{name}"
        return name if attribute or name == "*" else f"{{*}}{name}"

    def text(self, node: Node) -> str | None:
        """See adapters.mapping.Source."""
        if isinstance(node, str):
            return node
        if self.null(node):
            return None
        if len(node):
            raise ValueError("elements inside")
        return node.text or ""

    def null(self, node: Node) -> bool:
        """See adapters.mapping.Source: xsi:nil (XML Schema 1.0 part 1, section 2.6.2)."""
        return not isinstance(node, str) and node.get(XSI_NIL, "").strip() in {"true", "1"}
