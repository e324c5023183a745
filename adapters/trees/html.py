"""An HTML page as the text that a person reads, block by block. Markup, scripts and styles are left out."""

import codecs
from html import escape

from lxml import etree

from adapters.charsets import ENCODINGS
from adapters.document import DocumentError, Tree

_UNREAD = frozenset({"script", "style", "template", "noscript", "head"})
_INLINE = frozenset({
    "a", "abbr", "b", "bdi", "bdo", "cite", "code", "data", "del", "dfn", "em", "font", "i", "ins", "kbd", "label",
    "mark", "q", "s", "samp", "small", "span", "strong", "sub", "sup", "time", "tt", "u", "var", "wbr",
})


def tree(body: bytes, charset: str | None = None) -> Tree:
    """The blocks of text in order, with white space collapsed. Raises DocumentError: "syntax" or "encoding"."""
    try:
        encoding = codecs.lookup(charset or "utf-8").name
        if encoding not in ENCODINGS:
            raise DocumentError("encoding")
        text = body.decode(encoding).replace("\0", "")
    except (LookupError, UnicodeDecodeError):
        raise DocumentError("encoding") from None
    parser = etree.HTMLParser(encoding="utf-8", no_network=True, remove_comments=True, remove_pis=True)
    try:
        root = etree.fromstring(text.encode(), parser)
    except (etree.XMLSyntaxError, ValueError):
        raise DocumentError("syntax") from None
    return [] if root is None else _blocks(root)


def write(tree: Tree) -> bytes:
    """A page of these blocks; without blocks it is still not empty. Raises DocumentError("encoding")."""
    try:
        return ("<p>".join(escape(block, quote=False) for block in tree) or "<p>").encode()
    except UnicodeEncodeError:
        raise DocumentError("encoding") from None


def _blocks(root: etree._Element) -> list[Tree]:
    blocks: list[str] = [""]
    unread = 0
    for event, element in etree.iterwalk(root, events=("start", "end")):
        if element.tag not in _INLINE:
            blocks.append("")
        if element.tag in _UNREAD:
            unread += 1 if event == "start" else -1
        # In lxml, an element's text comes after its start tag, and its tail after its end tag.
        said = element.text if event == "start" else element.tail
        if said and not unread:
            blocks[-1] += said
    return [text for text in (" ".join(block.split()) for block in blocks) if text]
