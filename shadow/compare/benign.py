"""Two ways to write one value, which no rule need declare: each is counted as a default rule's. Pure.

A rule here must never hide a difference. It holds two values for one only if a reader who goes by their standard gets
the same from both; `tests/shadow/compare/test_benign.py` holds each of them to that.
"""

import re
from collections.abc import Sequence
from itertools import pairwise

from adapters.document import Number, Tree
from shadow.compare import spellings
from shadow.compare.meaning import Meaning, text
from shadow.normalisers.rfc3339 import instant

HOST = "default host"
"""One address at the hosts of two services, where FHIR or a link has an address of the service's own."""
PAGING = "default paging"
"""The same page, named by a token that the service made for it."""
NARRATIVE = "default narrative"
"""One narrative in other white space (FHIR R4 section 2.4.0; HTML 4.01 section 9.1)."""
UPDATED = "default lastUpdated"
"""When each service took a resource over (FHIR R4 section 2.1.0.2), where a pattern cannot name the place."""
VERSION = "default versionId"
"""The number of a resource's version (FHIR R4 section 2.1.0.2), where the resource differs in nothing else."""

MADE_ANEW = frozenset({"searchset", "history", "batch-response", "transaction-response"})
"""Types of Bundles that a service makes for one answer."""


def is_made_anew(bundle: Tree) -> bool:
    """Whether a Bundle was made for one answer."""
    return text(bundle, "type") in MADE_ANEW


_UPDATED = frozenset({("entry", "response", "lastModified"), ("timestamp",)})
_ADDRESSES = frozenset({("entry", "fullUrl"), ("entry", "response", "location"), ("link", "url")})
_UUID = re.compile(r"(?:urn:uuid:)?[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def of(names: Sequence[str], meant: Meaning) -> str:
    """The rule by which two values that differ are one, at a place with these names ("*" for an index); "" if they are
    not. Where it says VERSION, they are so only if their resource differs in nothing else."""
    old, new = meant.old, meant.new
    if not isinstance(old, str) or not isinstance(new, str) or isinstance(old, Number) or isinstance(new, Number):
        return ""
    if said := spellings.alike(old, new):
        return said
    return _of_resource(old, new, names, meant) if meant.type else _of_link(old, new, names)


def same_moment(old: Tree, new: Tree) -> bool:
    """Whether both are instants of one moment, in whatever zones."""
    one, other = spellings.moment(old), spellings.moment(new)
    return one is not None and other is not None and one.moment == other.moment


def _of_resource(old: str, new: str, names: Sequence[str], meant: Meaning) -> str:
    element = meant.element
    if element == ("meta", "versionId"):
        return VERSION
    if meant.type == "Bundle" and element in _ADDRESSES:
        return _address(old, new)
    made_anew = meant.type == "Bundle" and is_made_anew(meant.resources[-1])
    if element == ("meta", "lastUpdated") or (made_anew and element in _UPDATED):
        return UPDATED if instant(old) and instant(new) else ""
    if made_anew and element == ("id",):
        return UPDATED if _UUID.fullmatch(old) and _UUID.fullmatch(new) else ""
    if element[-2:] == ("text", "div"):
        return NARRATIVE if _narrative(old) == _narrative(new) else ""
    if element[-1] == "#text" and ("text", "div") in pairwise(element):
        return NARRATIVE if _in_xml(old, meant, names) == _in_xml(new, meant, names) else ""
    return ""


# --- links and pages ---

_URL = re.compile(r"https?://[^\s/?#]+([^\s?#]*)(?:\?([^\s#]*))?(#\S*)?", re.IGNORECASE)
# What links are called in JSON: HAL (draft-kelly-json-hal), JSON:API, OData, and services that follow none.
_LINKS = frozenset({"_links", "links"})
_LEADS = frozenset({
    "next", "prev", "previous", "first", "last", "self", "nextlink", "@odata.nextlink", "nexturl", "next_url",
    "prevurl", "prev_url", "previousurl", "previous_url", "nextpageurl", "next_page_url",
})
_TOKEN_NAMES = frozenset({
    "nextpagetoken", "next_page_token", "prevpagetoken", "pagetoken", "page_token", "nextcursor", "next_cursor",
    "prevcursor", "prev_cursor", "cursor", "continuationtoken", "continuation_token", "scrollid", "scroll_id",
    "_scroll_id", "skiptoken", "$skiptoken",
    # Parameters of FHIR servers: HAPI, Azure, Google, Oracle, Epic.
    "_getpages", "ct", "_page_token", "-pagecontext", "pagecontext", "sessionid", "searchid",
})
# These may hold a page's number as well, so what they hold must be long.
_PERHAPS = frozenset({"page", "_page", "after", "before", "next", "start", "token"})
# Made by a machine, and no number: an offset is never a token.
_TOKEN = re.compile(r"(?!\d+$)[!-~]{8,4096}", re.ASCII)
_LONG = re.compile(r"(?=\D*\d)(?=[^A-Za-z]*[A-Za-z])[\w.~%+/=-]{20,4096}", re.ASCII)


def _of_link(old: str, new: str, names: Sequence[str]) -> str:
    last = next((one for one in reversed(names) if one != "*"), "").lower()
    if last in _LEADS or (last in ("href", "url", "uri") and not _LINKS.isdisjoint(one.lower() for one in names)):
        return _address(old, new)
    return PAGING if last in _TOKEN_NAMES and _is_token(last, old) and _is_token(last, new) else ""


def _address(old: str, new: str) -> str:
    """The rule by which two absolute URLs are one: paths are equal, and so is what both ask for, but for tokens."""
    one, other = _URL.fullmatch(old), _URL.fullmatch(new)
    if one is None or other is None or (one[1] or "/") != (other[1] or "/") or one[3] != other[3]:
        return ""
    if one[2] == other[2]:
        return HOST
    asked, also = (sorted((found[2] or "").split("&"), key=_name) for found in (one, other))
    if len(asked) != len(also):
        return ""
    return PAGING if all(_asks_the_same(*both) for both in zip(asked, also, strict=True)) else ""


def _asks_the_same(old: str, new: str) -> bool:
    if old == new:
        return True
    (name, _, one), (also, _, other) = old.partition("="), new.partition("=")
    return name == also and _is_token(name.lower(), one) and _is_token(name.lower(), other)


def _is_token(name: str, value: str) -> bool:
    return bool(_TOKEN.fullmatch(value) if name in _TOKEN_NAMES else name in _PERHAPS and _LONG.fullmatch(value))


def pages_alike(old: Tree, new: Tree) -> bool:
    """Whether two URLs have the same parameters, so that other values lead to another page. Services that page in
    two ways have not."""
    one, other = (_URL.fullmatch(url) if isinstance(url, str) else None for url in (old, new))
    if one is None or other is None:
        return False
    asked, also = (sorted(map(_name, (found[2] or "").split("&"))) for found in (one, other))
    return asked == also


def _name(field: str) -> str:
    return field.partition("=")[0]


# --- narrative ---

_TAG = re.compile(r"""<(?:[^<>"']|"[^"]*"|'[^']*')*>""")
_SPACES = re.compile(r"[ \t\r\n]+")
_UNQUOTED = re.compile(r"""("[^"]*"|'[^']*')|[ \t\r\n]+""")
# White space beside these begins or ends a line, and is not shown.
_BLOCK = re.compile(r"</?(?:div|p|h[1-6]|ul|ol|li|dl|dt|dd|table|caption|thead|tbody|tfoot|tr|th|td|col|colgroup|hr|br|"
                    r"blockquote)(?![\w:-])")
# Here white space may be shown as it is.
_KEPT = re.compile(r"<pre|white-space|xml:space|<!", re.IGNORECASE)


def _narrative(div: str) -> list[str]:
    """The tags and texts of a narrative, in order, without white space that is not shown."""
    if _KEPT.search(div):
        return [div]
    parts: list[str] = []
    at, after_block = 0, True
    for tag in _TAG.finditer(div):
        block = _BLOCK.match(tag[0]) is not None
        parts.append(_shown(div[at:tag.start()], after_block, block))
        parts.append(_UNQUOTED.sub(_quoted, tag[0]).replace(" >", ">").replace(" />", "/>"))
        at, after_block = tag.end(), block
    parts.append(_shown(div[at:], after_block, True))
    return [part for part in parts if part]


def _in_xml(text: str, meant: Meaning, names: Sequence[str]) -> str:
    """A text of a narrative in FHIR's XML, which is read as elements, without white space that is not shown. Between
    elements it is a piece of many ("*"), whose neighbours are not known here."""
    kept = "pre" in meant.element or any(
        "@xml:space" in one or "white-space" in str(one.get("@style", "")) for one in meant.way)
    alone = names[-1] != "*" and _BLOCK.match(f"<{meant.element[-2]}") is not None
    return text if kept else _shown(text, alone, alone)


def _shown(text: str, starts: bool, ends: bool) -> str:
    text = _SPACES.sub(" ", text)
    text = text.removeprefix(" ") if starts else text
    return text.removesuffix(" ") if ends else text


def _quoted(found: re.Match[str]) -> str:
    return found[1] or " "
