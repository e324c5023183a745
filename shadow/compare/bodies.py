"""Decodes bodies: removes the content coding, reads a tree by the media type, and writes trees as bodies again.

A body that cannot be read is a value (Unreadable) and not an exception, because one arm's broken body is a finding.
Only Incomparable is raised, if two bodies cannot be compared at all.
"""

import zlib
from typing import NamedTuple

from adapters.document import DocumentError, Tree, dump, parse
from adapters.message import Headers
from adapters.trees import hl7v2, html, xml
from adapters.trees.text import lines, ndjson, write_lines, write_ndjson
from shadow.compare.difference import Shape, shape
from shadow.compare.heads import is_json, media
from shadow.observation import Observation

MAX_DECODED = 16 << 20
"""The most bytes of a body without its content coding."""

CODINGS = frozenset({"gzip", "x-gzip", "deflate", "identity"})
"""The content codings that are taken off."""

MAX_CODINGS = 4
MAX_MEMBERS = 100


class Incomparable(Exception):
    """Two bodies cannot be compared. The text is the reason, one of a few fixed words."""


class Unreadable(NamedTuple):
    """A body that cannot be read as its media type says, and the reason."""

    reason: str


class Form(NamedTuple):
    """How a body is read: as "json", "ndjson", "xml", "hl7v2", "html" or "text", with the declared charset, if any."""

    name: str
    charset: str | None = None


_FORMS = {
    "application/x-ndjson": "ndjson", "application/ndjson": "ndjson", "application/jsonl": "ndjson",
    "application/fhir+ndjson": "ndjson", "application/xml": "xml", "text/xml": "xml", "text/html": "html",
    "x-application/hl7-v2+er7": "hl7v2", "application/hl7-v2": "hl7v2", "application/hl7-v2+er7": "hl7v2",
}


def form_of(headers: Headers) -> Form | None:
    """The form for a media type; None if the body is compared byte by byte."""
    found = media(headers)
    if found is None:
        return None
    name, charset = found
    if is_json(name):
        return Form("json")
    form = _FORMS.get(name) or ("xml" if name.endswith("+xml") else "text" if name.startswith("text/") else "")
    return Form(form, charset or None) if form else None


def read(form: Form, body: bytes, seen: dict[str, Tree] | None = None) -> Tree | Unreadable:
    """The tree of a body without its content coding, or why it cannot be read. With `seen`, the parts that two bodies
    have in common become one object, which takes less time to compare; such trees must not be changed."""
    try:
        match form.name:
            case "json":
                return parse(body)
            case "ndjson":
                return ndjson(body)
            case "xml":
                return xml.tree(body, form.charset, seen)
            case "hl7v2":
                return hl7v2.tree(body, form.charset, seen)
            case "html":
                return html.tree(body, form.charset, seen)
            case _:
                return lines(body, form.charset)
    except DocumentError as error:
        return Unreadable(error.reason)


def write(form: Form, tree: Tree) -> bytes:
    """A body that reads as this tree. Raises DocumentError if the form cannot write it."""
    match form.name:
        case "json":
            return dump(tree)
        case "ndjson":
            return write_ndjson(tree)
        case "xml":
            return xml.write(tree, form.charset)
        case "hl7v2":
            return hl7v2.write(tree, form.charset)
        case "html":
            return html.write(tree, form.charset)
        case _:
            return write_lines(tree, form.charset)


def shape_of(found: Tree | Unreadable) -> Shape:
    """The shape of a body that was read: the tree's, or "invalid" with the reason."""
    return Shape("invalid", form=found.reason) if isinstance(found, Unreadable) else shape(found)


def decoded(observation: Observation) -> bytes | None:
    """The body without its content coding (RFC 9110 section 8.4.1); None if it is corrupt. Raises Incomparable."""
    body = observation.body
    codings = b",".join(observation.headers.get_all(b"content-encoding")).decode("latin-1").lower().split(",")
    if len(codings) > MAX_CODINGS:
        raise Incomparable("unknown_coding")
    for coding in reversed([coding.strip() for coding in codings]):
        if not body or coding in ("", "identity"):
            continue
        try:
            if coding in ("gzip", "x-gzip"):
                body = _inflate(body, 31)
            elif coding == "deflate":
                # "deflate" is the zlib format, but some servers send no zlib header. Two bytes tell which (RFC 1950
                # section 2.2).
                bare = body[0] & 15 != 8 or int.from_bytes(body[:2]) % 31 != 0
                body = _inflate(body, -15 if bare else 15)
            else:
                raise Incomparable("unknown_coding")
        except zlib.error:
            return None
    return body


def _inflate(body: bytes, window: int) -> bytes:
    """The body decompressed. Raises zlib.error if it is corrupt or cut short, Incomparable if it is too large."""
    whole: list[bytes] = []
    room = MAX_DECODED
    for _ in range(MAX_MEMBERS):
        stream = zlib.decompressobj(window)
        whole.append(stream.decompress(body, room + 1))
        room -= len(whole[-1])
        if room < 0:
            raise Incomparable("too_large")
        if not stream.eof:
            raise zlib.error("the stream ends early")
        body = stream.unused_data if window == 31 else b""  # gzip members may follow each other: RFC 1952 section 2.2
        if not body:
            return b"".join(whole)
    raise Incomparable("too_large")
