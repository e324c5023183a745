"""Search: whether an identifier occurs in an exchange, in any of the usual encodings. A purge by subject asks this.

It finds too many exchanges rather than too few: letters are compared without case, and parts of words count. It does
not decode values that are encoded once more inside a value, such as an attachment in Base64.
"""

import re
import unicodedata
from collections.abc import Iterator
from urllib.parse import unquote_to_bytes

from adapters.document import walk
from shadow.compare.bodies import Unreadable, decoded, form_of, read
from shadow.observation import Observation
from shadow.sealed.base import Captured

SHORTEST = 3
"""The fewest characters of an identifier: anything shorter occurs everywhere."""

# The escapes of JSON strings (RFC 8259 section 7), for documents that cannot be read as a whole.
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|([^u]))")


def occurs(captured: Captured, identifier: str) -> bool:
    """Whether the identifier occurs in the request's target (as received and percent-decoded), in a header field, or
    in a body (as received, without its content coding, and in its names and values if the media type is known)."""
    wanted = _plain(identifier)
    return any(wanted in _plain(text) for text in _texts(captured))


def _plain(text: str) -> str:
    return unicodedata.normalize("NFC", text).casefold()


def _texts(captured: Captured) -> Iterator[str]:
    request = captured.request
    yield from _read(request.target)
    for one in (Observation("", 0.0, 0, request.headers, request.body), captured.control, captured.candidate):
        for field in one.headers:
            yield from _read(b": ".join(field))
        yield from _read(one.body)
        yield from _values(one)


def _read(data: bytes) -> Iterator[str]:
    """Bytes as text, in each encoding that they may be in, and also percent-decoded, as in a target or a form."""
    forms = {data} if b"%" not in data and b"+" not in data else {
        data, unquote_to_bytes(data), unquote_to_bytes(data.replace(b"+", b" "))}
    for form in forms:
        yield form.decode(errors="replace")
        if not form.isascii():
            yield form.decode("latin-1")
        if b"\0" in form:
            yield from (form[start:].decode(codec, "replace") for codec in ("utf-16-le", "utf-16-be")
                        for start in (0, 1))


def _values(one: Observation) -> Iterator[str]:
    """The body without its content coding and, if it is a document, each name and value, with escapes resolved."""
    body = decoded(one)
    if isinstance(body, Unreadable):
        return
    if body != one.body:
        yield from _read(body)
    form = form_of(one.headers)
    tree = read(form, body) if form is not None else None
    if isinstance(tree, Unreadable):
        yield _ESCAPE.sub(lambda found: chr(int(found[1], 16)) if found[1] else found[2], body.decode(errors="replace"))
        return
    for path, value in walk(tree):
        yield from map(str, path)
        if isinstance(value, bytes):
            yield from _read(value)
        elif isinstance(value, str):
            yield value
