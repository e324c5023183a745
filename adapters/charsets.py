"""Reads text in the character encoding that its bytes, or a label, say. Pure.

Only strict encodings are read: those in which each byte, or each code unit, is one character, so that two texts of
different bytes never read the same.
"""

import codecs
from typing import NamedTuple

from adapters.document import DocumentError

_SINGLE = (
    "ascii", "iso8859-1", *(f"iso8859-{part}" for part in (2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 16)),
    *(f"cp{page}" for page in (437, 850, 852, 855, 857, 858, 862, 864, 865, 866, 874, *range(1250, 1259))),
    "koi8-r", "koi8-u", "mac-roman",
)
_WIDE = ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be")
ENCODINGS = frozenset({"utf-8", *_WIDE, *_SINGLE})
"""The encodings that are read, by Python's names for them."""

# Python's own ways to write text, and UTF-7, which no service means.
_LOOSE = frozenset({"idna", "punycode", "raw-unicode-escape", "undefined", "unicode-escape", "utf-7"})

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF32_LE, "utf-32-le"), (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"),
)

BOM, LABEL, UNLABELLED = "bom", "label", "unlabelled"
"""What is odd about a text: a byte order mark before UTF-8; a label that the bytes disprove; another encoding than
UTF-8 without a label."""


class Text(NamedTuple):
    """A text, the encoding that it was read in, and what is odd about it."""

    text: str
    encoding: str
    odd: frozenset[str] = frozenset()


def known(label: str) -> str | None:
    """Python's name for the encoding that a label such as "ISO-8859-1" names; None if it is not read here."""
    try:
        name = codecs.lookup(label).name
    except (LookupError, ValueError):
        return None
    return name if name in ENCODINGS else None


def text_encoding(label: str) -> str:
    """Python's name for any encoding of text that a label names. Raises LookupError for a label that names none, or one
    that can write one text in several ways: then two texts that differ could read the same."""
    try:
        name = codecs.lookup(label).name
    except ValueError:
        raise LookupError from None
    if name in _LOOSE:
        raise LookupError
    return name


def read(body: bytes, label: str | None = None) -> Text:
    """The text of bytes that begin with an ASCII character, as JSON and XML do. The encoding is that of a byte order
    mark, else that of the `label`, else UTF-8, else what the bytes look like: UTF-16, or windows-1252 or Latin-1.
    Raises DocumentError("encoding") for a label that is unknown or that the bytes contradict."""
    for mark, encoding in _BOMS:
        if body.startswith(mark):
            return Text(_decoded(body[len(mark):], encoding), encoding, frozenset({BOM}))
    if label:
        encoding = known(label) or ""
        if not encoding:
            raise DocumentError("encoding")
        if encoding in _WIDE and b"\0" not in body[:4]:
            # Each character of ASCII has a NUL in UTF-16 and UTF-32. Some servers label UTF-8 with the encoding that
            # the text had in their memory.
            return Text(_decoded(body, "utf-8"), "utf-8", frozenset({LABEL}))
        try:
            # Without a mark, UTF-16 is big-endian (RFC 2781 section 4.3).
            return Text(body.decode(_looks_wide(body) or encoding if encoding in _WIDE else encoding), encoding)
        except UnicodeDecodeError:
            return Text(_decoded(body, "utf-8"), "utf-8", frozenset({LABEL}))
    wide = _looks_wide(body)
    if not wide:
        try:
            return Text(body.decode(), "utf-8")
        except UnicodeDecodeError:
            pass
    for encoding in (wide,) if wide else ("cp1252", "iso8859-1"):
        try:
            return Text(body.decode(encoding), encoding, frozenset({UNLABELLED}))
        except UnicodeDecodeError:
            continue
    raise DocumentError("encoding")


def _decoded(body: bytes, encoding: str) -> str:
    try:
        return body.decode(encoding)
    except UnicodeDecodeError:
        raise DocumentError("encoding") from None


def _looks_wide(body: bytes) -> str:
    """The wide encoding in which the first character is of ASCII, "" for none (RFC 4627 section 3)."""
    nuls = tuple(not byte for byte in body[:4])
    if len(nuls) < 4:
        return "utf-16-le" if nuls[1:2] == (True,) else "utf-16-be" if nuls[:1] == (True,) else ""
    if nuls[:3] == (True, True, True):
        return "utf-32-be"
    if nuls[1:] == (True, True, True):
        return "utf-32-le"
    return "utf-16-be" if nuls[0] else "utf-16-le" if nuls[1] else ""
