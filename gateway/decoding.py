"""How servers decode paths: percent-encoding to any depth, and UTF-8 with more bytes than a character needs.

RFC 3629 section 3 forbids such overlong UTF-8, but some servers decode it. Most of these check that each further byte
of a character is 80 to BF. Some old ones (IIS 4, PHP 5.2) take its low six bits, whatever it is. Some fold characters
that look alike, such as full-width letters.
"""

import re
import unicodedata
from collections.abc import Callable
from urllib.parse import unquote_to_bytes

_HEX = frozenset(b"0123456789ABCDEFabcdef")
_OVERLONG = re.compile(
    rb"[\xc0\xc1][\x80-\xbf]|\xe0[\x80-\x9f][\x80-\xbf]|\xf0[\x80-\x8f][\x80-\xbf]{2}"
    # RFC 2279 had characters of five and six bytes.
    rb"|\xf8\x80[\x80-\x8f][\x80-\xbf]{2}|\xfc\x80{2}[\x80-\x8f][\x80-\xbf]{2}")
# A first byte of a character in two, three or four bytes, and as many further ones, whatever these are.
_ANY_LEAD = re.compile(rb"[\xc0-\xdf].|[\xe0-\xef]..|[\xf0-\xf7]...", re.DOTALL)
# The same in a path: each byte may be percent-encoded, to any depth ("%25C1" is "%C1", encoded once more).
_ONE = rb"(?:%(?:25)*[0-9A-Fa-f]{2}|[^%])"
_ANY_LEAD_ESCAPED = re.compile(
    rb"%(?:25)*(?:[CcDd][0-9A-Fa-f]" + _ONE + rb"|[Ee][0-9A-Fa-f]" + _ONE + rb"{2}|[Ff][0-7]" + _ONE + rb"{3})")
_NESTED = re.compile(rb"%(?:25)*([0-9A-Fa-f]{2})")


# ASCII characters begin a new piece: nothing before them is composed or put in order with them. A piece ends after so
# many characters in any case: Unicode puts n marks in a row in order in n² steps, and no language has half as many.
_PIECES = re.compile(r"[\0-\x7f]*[^\0-\x7f]{0,128}")


def _normalized(piece: str) -> str:
    return unicodedata.normalize("NFKC", piece)


def compatible(text: str, normalize: Callable[[str], str] = _normalized) -> str:
    """The text in Unicode's compatibility form (NFKC), in a time that grows with its length alone. In a very long row
    of characters beyond ASCII, marks may keep their order."""
    if text.isascii():
        return text
    return "".join(map(normalize, _PIECES.findall(text)))


def unescaped(data: bytes) -> bytes:
    """The bytes, decoded until nothing is percent-encoded, "%uXXXX" included."""
    if b"%" in data:
        data = unquote_to_bytes(data)
        if b"%" in data:
            return _to_the_end(data)
    return data


def _to_the_end(data: bytes) -> bytes:
    """Decode until nothing is encoded, "%uXXXX" included. It takes one pass, since "%25252525…" would need many."""
    out = bytearray()
    for byte in data:
        out.append(byte)
        while out[-1] in _HEX:
            if len(out) > 2 and out[-3] == 0x25 and out[-2] in _HEX:
                out[-3:] = bytes((int(out[-2:], 16),))
            elif len(out) > 5 and out[-6] == 0x25 and out[-5] in b"uU" and _HEX.issuperset(out[-4:]):
                out[-6:] = chr(int(out[-4:], 16)).encode("utf-8", "surrogatepass")
            else:
                break
    return bytes(out)


def shortened(data: bytes) -> bytes:
    """The bytes with overlong UTF-8 as the characters that a server reads which checks the further bytes."""
    return data if data.isascii() else _OVERLONG.sub(_short, data)


def unchecked(data: bytes) -> bytes:
    """The bytes with ASCII characters in overlong UTF-8 as a server reads them that does not check further bytes."""
    return data if data.isascii() else _ANY_LEAD.sub(_plain, data)


def unchecked_path(path: bytes) -> bytes:
    """The same of a canonical path, which stays encoded. A slash that was encoded stays so, too."""
    return _ANY_LEAD_ESCAPED.sub(_plain_escaped, path)


def _code(found: bytes) -> int:
    """The number of the character that is written in these bytes: two to six."""
    code = found[0] & (0x1F if len(found) == 2 else 0x0F if len(found) == 3 else 0x07 if len(found) == 4 else 0)
    for byte in found[1:]:
        code = code << 6 | byte & 0x3F
    return code


def _short(found: re.Match[bytes]) -> bytes:
    return chr(_code(found[0])).encode("utf-8", "surrogatepass")


def _plain(found: re.Match[bytes]) -> bytes:
    code = _code(found[0])
    return bytes((code,)) if code < 0x80 else found[0]


def _plain_escaped(found: re.Match[bytes]) -> bytes:
    code = _code(_NESTED.sub(lambda one: bytes((int(one[1], 16),)), found[0]))
    if code >= 0x80:
        return found[0]
    return b"/" if code == 0x2F and found[0][-1:] == b"/" else b"%%%02X" % code
