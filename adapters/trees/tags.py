"""The tags of an HTML page, told from its text as the WHATWG's HTML standard says (section 13.2.5)."""

import re
from html import unescape
from typing import NamedTuple

from adapters.document import DocumentError

_SPACE = r"\t\n\f\r "
_NAME = rf"[A-Za-z][^{_SPACE}/>]*"
_VALUE = rf"""(?:"[^"]*"|'[^']*'|[^{_SPACE}"'=<>`]+)"""
# A tag that is written as usual. Each attribute begins with white space, so there is only one way to match it.
USUAL = re.compile(
    rf"""<(/?)({_NAME})((?:[{_SPACE}]+[^{_SPACE}/>="'<]+(?:={_VALUE})?)*)[{_SPACE}]*(/?)>""")
_PAIR = re.compile(rf"""([^{_SPACE}/>="'<]+)(?:=({_VALUE}))?""")
# Any other tag, piece by piece (sections 13.2.5.32 to 13.2.5.40).
_START = re.compile(rf"<(/?)({_NAME})")
_GAP = re.compile(rf"[{_SPACE}/]*")
_ODD = re.compile(
    rf"""([^{_SPACE}/>][^{_SPACE}/>=]*)(?:[{_SPACE}]*=[{_SPACE}]*("[^"]*"|'[^']*'|(?!["'])[^{_SPACE}>]*))?""")
_REFERENCE = re.compile(r"&(?:#[0-9]+;?|#[xX][0-9a-fA-F]+;?|[A-Za-z][A-Za-z0-9]*(?:;|(?![=A-Za-z0-9])))")
_COMMENT_END = re.compile(r"--!?>")

RAW = frozenset({"script", "style", "xmp", "iframe", "noembed", "noframes", "noscript", "textarea", "title"})
"""Elements that hold text up to their own end tag, whatever looks like a tag in it. `noscript` is one where scripts
run."""


class Tag(NamedTuple):
    """A start or end tag: its name in lower case and its attributes, of which the first of a name counts. `closed` says
    that a slash ends it."""

    name: str
    end: bool
    attributes: dict[str, str]
    closed: bool = False


COMMENT = Tag("", False, {})
"""What is no tag and no text: a comment, a DOCTYPE, a processing instruction."""


def usual(found: re.Match[str]) -> Tag:
    """The tag that USUAL has found."""
    return Tag(found[2].lower(), bool(found[1]), _attributes(_PAIR.findall(found[3])), bool(found[4]))


def odd(text: str, at: int) -> tuple[Tag | None, int]:
    """What begins at a "<" where USUAL finds nothing, and where it ends; None if that sign is text. Raises
    DocumentError("syntax") if the page ends within it."""
    start = _START.match(text, at)
    if start is not None:
        return _odd(text, start)
    if text.startswith("<!--", at):
        if text.startswith((">", "->"), at + 4):
            return COMMENT, text.index(">", at) + 1
        found = _COMMENT_END.search(text, at + 4)
        return COMMENT, _known(-1 if found is None else found.end())
    if text[at + 1:at + 2] in ("!", "?") or (text.startswith("</", at) and len(text) > at + 2):
        return COMMENT, _known(text.find(">", at)) + 1
    return None, at + 1


def end(text: str, at: int) -> int:
    """Where the end tag ends that begins at a "<"."""
    return _known(text.find(">", at)) + 1


def raw(text: str, name: str, at: int) -> tuple[str, int]:
    """The content of a RAW element, as written, from where its start tag ends, and where its end tag begins. Raises
    DocumentError("syntax") if there is no end tag."""
    found = re.compile(rf"</{name}(?=[{_SPACE}/>])", re.IGNORECASE).search(text, at)
    if found is None:
        raise DocumentError("syntax")
    return text[at:found.start()], found.start()


def _known(at: int) -> int:
    if at < 0:
        raise DocumentError("syntax")
    return at


def _odd(text: str, start: re.Match[str]) -> tuple[Tag, int]:
    pairs: list[tuple[str, str]] = []
    at = start.end()
    while True:
        gap = _GAP.match(text, at)
        at = gap.end() if gap is not None else at
        if at >= len(text):
            raise DocumentError("syntax")
        if text[at] == ">":
            return Tag(start[2].lower(), bool(start[1]), _attributes(pairs), text[at - 1] == "/"), at + 1
        pair = _ODD.match(text, at)
        if pair is None or (pair[2] is None and re.match(rf"[{_SPACE}]*=", text[pair.end():pair.end() + 256])):
            raise DocumentError("syntax")  # A quote that begins a value has no counterpart.
        pairs.append((pair[1], pair[2] or ""))
        at = pair.end()


def _attributes(pairs: list[tuple[str, str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in pairs:
        if value[:1] in ('"', "'"):
            value = value[1:-1]
        found.setdefault(name.lower(), _REFERENCE.sub(lambda one: unescape(one[0]), value) if "&" in value else value)
    return found
