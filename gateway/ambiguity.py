"""Which paths are refused because some server reads them as another one (requirement 17 in CONTEXT.md).

These are dot segments in any spelling, backslashes, NUL, "#", and percent signs that begin no encoding. What else a
server may read as a separator passes here: routing looks for all of its readings (gateway/reading.py).

Text in a single-byte code can look like overlong UTF-8: C1 D1 is "Q" to a server that decodes it carelessly, and "ÁÑ"
in Latin-1. So a path is decoded as such servers do, and refused only for what comes of it.
"""

import re
from collections.abc import Callable
from typing import TypeAlias

from gateway.decoding import compatible, shortened, unchecked, unescaped

UNAMBIGUOUS = bytes(set(range(0x21, 0x7F)) - set(b"%\\#"))
"""Characters that make no path ambiguous by themselves. A path of these alone is unambiguous unless it has a dot right
after a slash."""

# Without any of these no server finds a dot segment or a separator: a dot where a segment may begin, a byte beyond
# ASCII as it is, or what decodes to a dot, to "%", to overlong UTF-8 or to full-width characters. Most paths have none.
_SUSPECT = re.compile(rb"[\\#\x80-\xff]|/\.|%(?:00|2[5eE]|5[cC]|[cC][01]|[eE][02fF]|[fF]|[0-9A-Fa-f]{2}\."
                      rb"|(?![0-9A-Fa-f]{2}))")
# RFC 3986 section 2.1: a percent sign is followed by two hexadecimal digits. Servers differ on any other.
_AS_RECEIVED = re.compile(rb"[\\#]|%(?:00|5[cC]|(?![0-9A-Fa-f]{2}))")
# After the dots of a segment some servers overlook blanks, control characters and further dots after these. At NUL a C
# string ends; at "?" and "#" a decoded path ends, if it is taken for a URL.
_BLANK = rb"(?:[\x01-\x20\x7f\x85\xa0]|\xc2[\x85\xa0]|\xe1\x9a\x80|\xe2\x80[\xa8\xa9])"
_END = rb"(?:" + _BLANK + rb"(?:\.|" + _BLANK + rb")*)?(?:[/\\;?#\x00]|\Z)"
_DOTS = re.compile(rb"[/\\]\.{1,2}" + _END)
_TWO_DOTS = re.compile(rb"[/\\]\.\." + _END)
# Slash, backslash and NUL in overlong UTF-8.
_SEPARATOR = re.compile(rb"\xc0[\x80\xaf]|\xc1\x9c|\xe0(?:\x80[\x80\xaf]|\x81\x9c)|\xf0\x80(?:\x80[\x80\xaf]|\x81\x9c)"
                        rb"|\xf8\x80\x80(?:\x80[\x80\xaf]|\x81\x9c)|\xfc\x80\x80\x80(?:\x80[\x80\xaf]|\x81\x9c)")
_BEYOND_ASCII = re.compile(rb"[\x80-\xff]+")
_ROUNDS = 4

_Reader: TypeAlias = Callable[[bytes], bytes]


def is_ambiguous(path: bytes) -> bool:
    """Whether some server may read the path, without its query, as another one, so that it is refused."""
    if not path.translate(None, UNAMBIGUOUS):
        return b"/." in path and _DOTS.search(path) is not None
    if _SUSPECT.search(path) is None:
        return False
    if _AS_RECEIVED.search(path) is not None:
        return True
    data = unescaped(path)
    if data.isascii():
        return b"." in data and _DOTS.search(data) is not None
    # In single-byte codes a careless reading finds a lone dot in names: an initial "А." of Windows-1251 is C0 2E, and
    # "É." is a dot and a byte that is not UTF-8. Those are left to routing. A name that reads as two dots has none.
    return (_is_overlong(data) or _DOTS.search(data) is not None or _finds(_DOTS, shortened, data)
            or _finds(_TWO_DOTS, unchecked, data) or _finds(_TWO_DOTS, _characters, data))


def _finds(dots: re.Pattern[bytes], read: _Reader, data: bytes) -> bool:
    """Whether `data`, which is decoded, holds a dot segment for a server that decodes characters with `read`. That may
    bring forth another percent-encoding, and so on; what does not come to an end soon was not written in good faith."""
    for _ in range(_ROUNDS):
        decoded = unescaped(read(data))
        if decoded == data:
            return False
        if dots.search(decoded) is not None:
            return True
        data = decoded
    return True


def _characters(data: bytes) -> bytes:
    """The characters as servers take them that drop what is not UTF-8, and full-width letters for plain ones."""
    return compatible(data.decode("utf-8", "ignore")).encode()


def _is_overlong(data: bytes) -> bool:
    """Whether the bytes hold a slash, a backslash or NUL in overlong UTF-8. The whole run of bytes beyond ASCII must be
    UTF-8 then, however long: "МИКОЛАЇВ" in Windows-1251 has C0 AF too, but is nowhere near UTF-8."""
    if _SEPARATOR.search(data) is None:
        return False
    for run in _BEYOND_ASCII.findall(data):
        if _SEPARATOR.search(run) is not None:
            try:
                shortened(run).decode()
            except UnicodeDecodeError:
                continue
            return True
    return False
