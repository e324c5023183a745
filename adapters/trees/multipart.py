"""Splits multipart bodies (RFC 2046 section 5.1) into their parts, and HTTP messages in them into head and body."""

import base64
import binascii
import quopri
import re
from typing import NamedTuple

from adapters.document import DocumentError
from adapters.message import Headers

MAX_PARTS = 10_000
"""The most parts of a body that are read."""

TAKEN_OFF = frozenset({b"", b"7bit", b"8bit", b"binary", b"base64", b"quoted-printable"})
"""The transfer encodings that are taken off. Content in any other one stays as it came."""

_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):(.*)", re.DOTALL)
_FIRST_LINE = re.compile(rb"\s*--([^\r\n]{1,200}?)[ \t]*\r?\n")
_FOLD = re.compile(rb"\r?\n[ \t]+")
_LINE_END = re.compile(rb"\r?\n")


class Part(NamedTuple):
    """One part: its fields, and its content, with its transfer encoding (RFC 2045 section 6) taken off."""

    headers: Headers
    body: bytes


def parts(body: bytes, boundary: str = "") -> list[Part]:
    """The parts of a body. Without a `boundary` it is what the first line says. What stands before the first part and
    after the last one means nothing. Raises DocumentError("syntax")."""
    if boundary:
        mark = boundary.encode("latin-1", "replace")
    else:
        first = _FIRST_LINE.match(body)
        if first is None:
            raise DocumentError("syntax")
        mark = first[1]
    # A delimiter is a line of its own; the line end before it is part of it, and blanks may follow it.
    found = re.split(rb"(?:\A|\r?\n)--" + re.escape(mark) + rb"(--)?[ \t]*(?=\r?\n|\Z)", body, maxsplit=MAX_PARTS + 1)
    pieces, ends = found[2::2], found[1::2]
    if not ends or ends[-1] is None or None not in ends or any(ends[:-1]):
        raise DocumentError("syntax")
    return [_part(one) for one in pieces[:-1]]


def message(body: bytes) -> tuple[str, Part]:
    """The first line and the rest of an HTTP message in a part (RFC 9112 section 10.2). Raises
    DocumentError("syntax")."""
    line, _, rest = body.lstrip(b"\r\n").partition(b"\n")
    if b"HTTP/" not in line:
        raise DocumentError("syntax")
    return line.strip().decode("latin-1"), _part(b"\n" + rest)


def _part(piece: bytes) -> Part:
    """The part in the bytes between two delimiters, which begin with the end of the first one's line."""
    rest = piece[2:] if piece.startswith(b"\r\n") else piece[1:]
    if (blank := _LINE_END.match(rest)) is not None:
        head, body = b"", rest[blank.end():]
    else:
        end = re.search(rb"\r?\n\r?\n", rest)
        head, body = (rest, b"") if end is None else (rest[:end.start()], rest[end.end():])
    headers = Headers()
    for line in filter(None, _LINE_END.split(_FOLD.sub(b" ", head))):
        field = _FIELD.fullmatch(line)
        if field is None:
            raise DocumentError("syntax")
        headers.append((field[1], field[2].strip(b" \t")))
    return Part(headers, _transferred(body, (headers.get(b"content-transfer-encoding") or b"").lower()))


def _transferred(body: bytes, encoding: bytes) -> bytes:
    if encoding == b"base64":
        try:
            return base64.b64decode(re.sub(rb"\s+", b"", body), validate=True)
        except binascii.Error:
            raise DocumentError("syntax") from None
    return quopri.decodestring(body) if encoding == b"quoted-printable" else body
