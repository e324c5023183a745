"""Reads bodies: takes the content coding off, reads a tree by the media type, and writes trees as bodies again.

A body that cannot be read is a value (Unreadable) and not an exception, because it is compared anyway: byte by byte.
"""

from typing import NamedTuple
from urllib.parse import unquote

from adapters import xml as xml_text
from adapters.charsets import BOM, LABEL, UNLABELLED, known
from adapters.charsets import read as read_text
from adapters.document import DocumentError, Tree, dump, parse_text
from adapters.message import Headers
from adapters.trees import dicom as dicom_tree
from adapters.trees import hl7v2, html, multipart, xml
from adapters.trees.text import lines, write_lines, write_ndjson
from shadow.compare.codings import Corrupt, UnknownCoding, Unpacking, codings_of
from shadow.compare.dicom import representation
from shadow.compare.diff import DiffError, diff
from shadow.compare.difference import Shape, shape
from shadow.compare.fields import is_json, media, written
from shadow.compare.heads import compared
from shadow.compare.patterns import Directive, Matcher, Order, PathPattern
from shadow.observation import Observation

MAX_DECODED = 64 << 20
"""The most bytes of a body without its content coding that is read."""

MAX_NESTED = 8
"""Levels of multipart bodies inside each other that are read."""

DOCTYPE, CHARSET, DUPLICATE = "doctype", "charset", "duplicate_key"
"""What is odd about a body that can be read, beside what `adapters.charsets` finds: a DOCTYPE that declares no entity;
JSON in another encoding than UTF-8; a member's name that an object has twice."""

HARMLESS = frozenset({BOM, LABEL, DOCTYPE})
"""Oddities that no parser minds: they are no difference."""


UNWRITTEN = frozenset({"multipart", "dicom", "dicom-xml"})
"""Forms that are read alone."""


class Unreadable(NamedTuple):
    """A body that cannot be read, and the reason: "corrupt", "unknown_coding" or "too_large" of its content coding,
    else why it is not what its media type says."""

    reason: str


class Form(NamedTuple):
    """How a body is read: as "json", "ndjson", "xml", "hl7v2", "html", "dicom", "dicom-xml", "text" or "multipart";
    with the declared charset and, of multipart bodies, the boundary and the name of the part that comes first, if any.
    `related` is true for parts that refer to each other (RFC 2387)."""

    name: str
    charset: str | None = None
    boundary: str = ""
    start: str = ""
    related: bool = False


class Reading(NamedTuple):
    """What was read of a body, what is odd about it, and the members that it lacks because another one of their name
    came after them."""

    tree: Tree | Unreadable
    odd: frozenset[str] = frozenset()
    dropped: tuple[tuple[str, Tree], ...] = ()


_FORMS = {
    "application/x-ndjson": "ndjson", "application/ndjson": "ndjson", "application/jsonl": "ndjson",
    "application/fhir+ndjson": "ndjson", "application/xml": "xml", "text/xml": "xml", "text/html": "html",
    "x-application/hl7-v2+er7": "hl7v2", "application/hl7-v2": "hl7v2", "application/hl7-v2+er7": "hl7v2",
    "application/dicom": "dicom", "application/dicom+xml": "dicom-xml",
}


def reads_alike(one: Form | None, other: Form | None, body: bytes) -> bool:
    """Whether a body says the same in two forms. In another encoding its bytes are other letters; by another boundary
    it has other parts. Two forms of other names are not held against each other: their media types differ."""
    if one is None or other is None or one.name != other.name or not body:
        return True
    encodings = ((known(form.charset) if form.charset else None) or "utf-8" for form in (one, other))
    return one._replace(charset=None) == other._replace(charset=None) and (
        body.isascii() or len({"utf-8" if name == "ascii" else name for name in encodings}) == 1)


def form_of(headers: Headers) -> Form | None:
    """The form for a media type; None if the body is compared byte by byte."""
    found = media(headers)
    if found is None:
        return None
    name, parameters = found
    if name.startswith("multipart/"):
        return Form("multipart", None, parameters.get("boundary", ""), parameters.get("start", ""),
                    name == "multipart/related")
    form = "json" if is_json(name) else _FORMS.get(name) or (
        "xml" if name.endswith("+xml") else "text" if name.startswith("text/") else "")
    return Form(form, parameters.get("charset") or None) if form else None


def read(form: Form, body: bytes, seen: dict[str, Tree] | None = None) -> Tree | Unreadable:
    """The tree of a body without its content coding, or why it cannot be read. For `seen` see `reading`."""
    return reading(form, body, seen).tree


def reading(form: Form, body: bytes, seen: dict[str, Tree] | None = None) -> Reading:
    """What can be read of a body without its content coding. With `seen`, the parts that two bodies have in common
    become one object, which takes less time to compare; such trees must not be changed."""
    try:
        match form.name:
            case "json":
                return _json(body, form.charset)
            case "ndjson":
                return _ndjson(body, form.charset)
            case "xml":
                return _xml(body, form.charset, seen)
            case "hl7v2":
                return Reading(hl7v2.tree(body, form.charset, seen))
            case "html":
                return Reading(html.tree(body, form.charset, seen))
            case "dicom":
                return Reading(dicom_tree.file(body, representation))
            case "dicom-xml":
                return _native(_xml(body, form.charset, None))
            case "multipart":
                return _multipart(form, body, MAX_NESTED)
            case _:
                return Reading(lines(body, form.charset))
    except DocumentError as error:
        return Reading(Unreadable(error.reason))


def _json_text(body: bytes, charset: str | None) -> tuple[str, frozenset[str]]:
    text, encoding, odd = read_text(body, charset)
    foreign = encoding not in ("utf-8", "ascii") and UNLABELLED not in odd
    return text, odd | {CHARSET} if foreign else odd


def _json(body: bytes, charset: str | None) -> Reading:
    text, odd = _json_text(body, charset)
    tree, dropped = parse_text(text)
    return Reading(tree, odd | {DUPLICATE} if dropped else odd, tuple(dropped))


def _ndjson(body: bytes, charset: str | None) -> Reading:
    """The documents of newline-delimited JSON; blank lines are skipped."""
    text, odd = _json_text(body, charset)
    found = [parse_text(line) for line in text.split("\n") if line.strip(" \t\r")]
    dropped = tuple(member for one in found for member in one.dropped)
    return Reading([one.tree for one in found], odd | {DUPLICATE} if dropped else odd, dropped)


def _xml(body: bytes, charset: str | None, seen: dict[str, Tree] | None) -> Reading:
    text, _, odd = xml_text.decode(body, charset)
    bare = xml_text.without_doctype(text)
    if bare is not None:
        text, odd = bare, odd | {DOCTYPE}
    return Reading(xml.tree(text, seen), odd)


_ORDERED = Matcher.start([(PathPattern(), Directive("", order=Order("ordered")))])


def drop_alike(legacy: Reading, modern: Reading) -> bool:
    """Whether two bodies lack the same members because others of their names came after them."""
    if not legacy.dropped and not modern.dropped:
        return True
    try:
        return not diff([*map(list, legacy.dropped)], [*map(list, modern.dropped)], _ORDERED).differences
    except DiffError:
        return False


def _native(found: Reading) -> Reading:
    """A document of DICOM's XML as DICOM, or as it is if it is another one."""
    try:
        return found._replace(tree=dicom_tree.native(found.tree))
    except DocumentError:
        return found


# --- multipart ---

def _multipart(form: Form, body: bytes, levels: int) -> Reading:
    """The parts, each an object of its fields ("@header") and of what it holds ("body")."""
    if not levels:
        raise DocumentError("too_deep")
    parts = multipart.parts(body, form.boundary)
    held = [_held(one, levels - 1) for one in parts]
    unsaid: frozenset[bytes] = frozenset()
    order, referred = [*range(len(parts))], 0
    if form.related:
        order, referred = _by_reference(form, parts, held)
        unsaid = frozenset({b"content-id"})
    trees: list[Tree] = [{"@header": _fields(_said(parts[at].headers, unsaid)), "body": held[at].tree} for at in order]
    for place in range(1, referred):
        trees[place]["@id"] = f"cid:{place}"
    return Reading(trees, frozenset().union(*(one.odd for one in held)),
                   tuple(member for one in held for member in one.dropped))


_TRANSFER = b"content-transfer-encoding"


def _said(headers: Headers, unsaid: frozenset[bytes]) -> Headers:
    """The fields of a part that mean something: not the encoding that was taken off, nor the `unsaid` ones."""
    taken_off = (headers.get(_TRANSFER) or b"").lower() in multipart.TAKEN_OFF
    return headers.without(unsaid | {_TRANSFER} if taken_off else unsaid)


def _held(part: multipart.Part, levels: int) -> Reading:
    """What a part holds. What cannot be read stays as its bytes, so that it is compared all the same."""
    form = form_of(part.headers)
    kind = media(part.headers)
    try:
        if kind is not None and kind.name == "application/http":
            line, inner = multipart.message(part.body)
            found = _held(inner, levels) if inner.body and levels else Reading(inner.body)
            return found._replace(tree={"@line": line, "@header": _fields(inner.headers), "body": found.tree})
        if form is None:
            return Reading(part.body)
        found = _multipart(form, part.body, levels) if form.name == "multipart" else reading(form, part.body)
    except DocumentError:
        return Reading(part.body)
    return Reading(part.body) if isinstance(found.tree, Unreadable) else found


def _fields(headers: Headers) -> dict[str, str]:
    kept = compared(headers)
    return {name.decode("latin-1"): written(name.decode("latin-1"), kept.get_all(name)) for name, _ in kept}


def _by_reference(form: Form, parts: list[multipart.Part], held: list[Reading]) -> tuple[list[int], int]:
    """The parts in the order in which they are referred to, the root first, and then those that nothing refers to (RFC
    2387 section 3.2, RFC 2392); and how many of them are referred to, the root included. Each reference is replaced by
    the place of the part in this order: the names that servers give to parts are made for one answer."""
    named = {(part.headers.get(b"content-id") or b"").decode("latin-1").strip("<> "): at
             for at, part in reversed([*enumerate(parts)])}
    order = [named.get(form.start.strip("<> "), 0)] if parts else []
    places = {at: place for place, at in enumerate(order)}
    for at in order:
        stack: list[Tree] = [held[at].tree]
        while stack:
            node = stack.pop()
            inner = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
            found = []
            for key, value in inner:
                to = None
                if isinstance(value, str) and value[:4].lower() == "cid:":
                    to = named.get(unquote(value[4:]))
                    node[key] = f"cid:#{value[4:]}"  # one that names no part must not look like a place
                if to is not None:
                    if to not in places:
                        places[to] = len(order)
                        order.append(to)
                    node[key] = f"cid:{places[to]}"
                elif isinstance(value, dict | list):
                    found.append(value)
            stack += reversed(found)
    return [*order, *(at for at in range(len(parts)) if at not in places)], len(order)


def write(form: Form, tree: Tree) -> bytes:
    """A body that reads as this tree. Raises DocumentError if the form cannot write it."""
    match form.name:
        case "json":
            return _encoded(dump(tree), form.charset)
        case "ndjson":
            return _encoded(write_ndjson(tree), form.charset)
        case "xml":
            return xml.write(tree, form.charset)
        case "hl7v2":
            return hl7v2.write(tree, form.charset)
        case "html":
            return html.write(tree, form.charset)
        case name if name in UNWRITTEN:
            raise DocumentError("syntax")
        case _:
            return write_lines(tree, form.charset)


def _encoded(body: bytes, charset: str | None) -> bytes:
    """JSON in UTF-8, as it is written in an encoding."""
    encoding = known(charset) if charset else None
    try:
        return body if encoding in (None, "utf-8", "ascii") else body.decode().encode(str(encoding))
    except UnicodeEncodeError:
        raise DocumentError("encoding") from None


def shape_of(found: Tree | Unreadable) -> Shape:
    """The shape of a body that was read: the tree's, or "invalid" with the reason."""
    return Shape("invalid", form=found.reason) if isinstance(found, Unreadable) else shape(found)


def decoded(observation: Observation) -> bytes | Unreadable:
    """The body without its content coding; or "corrupt", "unknown_coding" or "too_large"."""
    body = observation.body
    codings = codings_of(observation.headers)
    if not codings or not body:
        return body
    pieces: list[bytes] = []
    room = MAX_DECODED
    try:
        unpacking = Unpacking(codings)
        for piece in unpacking.pieces(body):
            pieces.append(piece)
            room -= len(piece)
            if room < 0:
                return Unreadable("too_large")
        unpacking.end()
    except Corrupt:
        return Unreadable("corrupt")
    except UnknownCoding:
        return Unreadable("unknown_coding")
    return b"".join(pieces)
