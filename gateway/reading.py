"""How servers read paths: which spellings of a path they take for the same one.

`canonical` is the spelling in which paths are matched. `Reading` says how an upstream reads them. `spellings` takes the
widest view: it folds every difference that a server may overlook, so that two paths look alike if any server could take
one for the other. If that view meets an operation that the exact match does not, a request could slip past a policy or
a stage.
"""

import re
from typing import NamedTuple, TypeAlias
from urllib.parse import quote, unquote_to_bytes

from gateway.decoding import compatible, shortened, unchecked_path, unescaped

# The characters that a path may hold unencoded: pchar and "/" (RFC 3986 section 3.3). They are more than the unreserved
# ones of section 6.2.2.2, because services decode the others too: "/Patient/%24everything" is "/Patient/$everything".
_PLAIN = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,;=:@/"
_DECODED = frozenset(_PLAIN) - {ord("/"), ord(";")}
_ODD = re.compile(rb"%([0-9A-Fa-f]{2})|[^" + re.escape(_PLAIN) + rb"]")
# What many servers overlook: empty segments, and what follows ";" in a segment (";a" leaves an empty segment).
_OVERLOOKED = re.compile(rb"/(?=(?:;[^/]*)?/)|;[^/]*")


def _one_spelling(found: re.Match[bytes]) -> bytes:
    if found[1] is None:
        return b"%%%02X" % ord(found[0])
    byte = int(found[1], 16)
    return bytes((byte,)) if byte in _DECODED else found[0].upper()


def canonical(path: bytes) -> bytes:
    """The path in the spelling that is matched: characters that need no encoding are decoded, others are encoded in
    upper case. An encoded "/", ";" or "%" stays encoded. A "%" that begins no encoding is encoded, since it could begin
    one with characters that are decoded after it. A path that has this spelling already is returned itself."""
    if b"//" in path or b";" in path:
        path = _OVERLOOKED.sub(b"", path)
    return _ODD.sub(_one_spelling, path) if path.translate(None, _PLAIN) else path


def segments(template: str) -> list[str]:
    """The template's segments: "/patients/{id}" → ["patients", "{id}"]."""
    return template.split("/")[1:]


# --- what an upstream says -------------------------------------------------------------------------------------------

Fold: TypeAlias = frozenset[str]
"""The dimensions of a Reading (`case` …) in which two spellings count as one path."""


class Reading(NamedTuple):
    """How an upstream reads paths. Each dimension is "exact" (two spellings are two paths), another word (they are one
    path), or None if the configuration does not say.

    `case`: upper and lower case. `trailing_slash`: a slash at the path's end. `trailing_dot`: dots, blanks and control
    characters at a segment's end. `encoded_slash`: "%2F", "%5C" and "%3B" for the characters that they encode.
    `double_encoding`: characters that are still encoded after decoding once.
    """

    case: str | None = None
    trailing_slash: str | None = None
    trailing_dot: str | None = None
    encoded_slash: str | None = None
    double_encoding: str | None = None

    @property
    def same(self) -> Fold:
        """The dimensions in which two spellings are one path, as the configuration says."""
        return frozenset(name for name, said in self._asdict().items() if said not in (None, "exact"))

    @property
    def possible(self) -> Fold:
        """The dimensions in which two spellings may be one path: all but those configured as exact."""
        return frozenset(name for name, said in self._asdict().items() if said != "exact")


UNSAID = Reading()
PRESETS = {
    "exact": Reading("exact", "exact", "exact", "exact", "exact"),
    "iis": Reading("any", "same", "same", "separator", "exact"),
    # Unless configured otherwise, it refuses an encoded slash.
    "tomcat": Reading("exact", "same", "exact", "exact", "exact"),
    # "$" in its patterns also matches before a final line feed, so a path may end with "%0A".
    "nginx": Reading("exact", "same", None, "separator", "exact"),
}


# --- folding ---------------------------------------------------------------------------------------------------------

# Characters at an end that patterns of Python and PCRE, or file names of Windows, overlook.
_OVERLOOKED_AT_END = ".\x7f\x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(
    map(chr, (*range(0x21), *range(0x2000, 0x200B))))
_SLASHES = re.compile(r"[/\\]")
_ENCODED_SLASH = re.compile(rb"%2F|%5C")
_NESTED_SLASH = re.compile(rb"(?i)%(?:25)*(?:2F|5C)")
_CUTS = re.compile(r"[\0?#]")
# If a path begins with two slashes, a URL library takes what follows for a host (RFC 3986 section 4.2): it reads
# "//x/a" as "/a".
_AUTHORITY = re.compile(rb"\A[/\\]{2,}[^/\\]*[/\\]?")
_BEYOND_ASCII = re.compile(rb"(?i)(?:%(?:25)*[89A-F][0-9A-F])+")
_LONE = re.compile(r"[\uDC80-\uDCFF]")
MAX_DOUBTS = 64
"""The most places in a path where its segments are in doubt. No client needs a path with more."""


class Spelling(NamedTuple):
    """A path as some server may read it. `keys` are its folded segments. `soft[n]` is True if the slash before segment
    n is encoded, and may be data; `spare[n]` is True if the server may overlook segment n."""

    keys: list[bytes]
    soft: list[bool]
    spare: list[bool]

    @property
    def is_plain(self) -> bool:
        """Whether the number of segments is certain."""
        return True not in self.soft and True not in self.spare

    @property
    def doubts(self) -> int:
        """In how many places the segments are in doubt."""
        return sum(self.soft) + sum(self.spare)

    def add(self, key: bytes, *, soft: bool = False, spare: bool = False) -> None:
        self.keys.append(key)
        self.soft.append(soft)
        self.spare.append(spare)


def spellings(path: bytes, fold: Fold, same: Fold = frozenset()) -> list[Spelling]:
    """Every way to read a path, as received. `fold` are the dimensions in which a server may take two spellings for
    one, `same` those in which it does. Dot segments are read both as they stand and resolved."""
    once = canonical(path)
    # A server that decodes first may find the end of a ";parameter" sooner.
    ways = _spelt(path, fold) if "encoded_slash" in fold and b";" in path else []
    ways += _spelt(once, fold)
    if fold:
        # These are no dimensions: a server that is not exact in every dimension may read a path in these ways.
        for other in (_AUTHORITY.sub(b"/", path), _BEYOND_ASCII.sub(_well_formed, once), unchecked_path(once)):
            if other not in (path, once):
                ways += _spelt(canonical(other), fold)
    if "encoded_slash" in same:
        ways = [Spelling(way.keys, [False] * len(way.keys), way.spare) for way in ways]
    for way in list(ways):
        if b"." in way.keys or b".." in way.keys:
            ways.append(_resolved(way))
    return ways


def _well_formed(found: re.Match[bytes]) -> bytes:
    """The escapes without those that are not UTF-8: some servers drop these when they decode."""
    return quote(unescaped(found[0]).decode("utf-8", "ignore")).encode()


def _spelt(path: bytes, fold: Fold) -> list[Spelling]:
    whole, ways = Spelling([], [], []), list[Spelling]()
    parts = path.split(b"/")[1:]
    for number, part in enumerate(parts, 1):
        text = _cased(_decoded(part, fold), fold)
        if not ways and "double_encoding" in fold and (cut := _CUTS.search(text)) is not None:
            # A C string ends at NUL. If a server makes a URL of the decoded path, the path ends at "?" or "#".
            ways.append(Spelling(list(whole.keys), list(whole.soft), list(whole.spare)))
            _add(ways[0], text[:cut.start()], fold, last=True)
        _add(whole, text, fold, last=number == len(parts))
    return [whole, *ways]


def _add(spelling: Spelling, text: str, fold: Fold, *, last: bool) -> None:
    """Add the segment to the spelling, as several segments if it holds slashes."""
    pieces = _SLASHES.split(text) if "encoded_slash" in fold else [text]
    for number, piece in enumerate(pieces):
        if "encoded_slash" in fold:
            piece = piece.partition(";")[0]
        stripped = _stripped(piece, fold)
        ends = last and len(pieces) == 1 and not piece
        spelling.add((stripped or piece).encode("utf-8", "surrogatepass"), soft=number > 0,
                     spare=not stripped and (not ends or "trailing_slash" in fold))


def _resolved(way: Spelling) -> Spelling:
    """The same path with its dot segments resolved (RFC 3986 section 5.2.4)."""
    found = Spelling([], [], [])
    for key, soft, spare in zip(*way, strict=True):
        if key == b".." and found.keys:
            for column in found:
                column.pop()
        elif key not in (b".", b".."):
            found.add(key, soft=soft, spare=spare)
    return found


def folded_path(path: bytes, fold: Fold) -> str:
    """The folded path, as `figway explain` shows it."""
    keys, _, spare = spellings(path, fold)[0]
    return "/" + "/".join(key.decode("utf-8", "replace") for key, none in zip(keys, spare, strict=True) if not none)


def folded_template(template: str, fold: Fold) -> str:
    """An operation's folded path template, as `figway validate` shows it."""
    return "/" + "/".join(key for part in segments(template) for key in (
        [part] if part.startswith("{") else [one.decode("utf-8", "replace") for one in folded(part, fold)]))


def folded(part: str, fold: Fold) -> list[bytes]:
    """The keys of one segment of a template."""
    whole = Spelling([], [], [])
    _add(whole, _cased(_decoded(canonical(part.encode()), fold), fold), fold, last=True)
    return [key for key, spare in zip(whole.keys, whole.spare, strict=True) if not spare]


def read(path: bytes, fold: Fold) -> tuple[list[bytes], list[bytes]]:
    """A canonical path as an upstream with this fold reads it: its segments as they came, and the key of each. Both
    lists begin with b"", for the empty part before the first slash."""
    shown, keys = [b""], [b""]
    parts = path.split(b"/")[1:]
    slash = _NESTED_SLASH if "double_encoding" in fold else _ENCODED_SLASH
    for number, part in enumerate(parts, 1):
        pieces = slash.split(part) if "encoded_slash" in fold else [part]
        for piece in pieces:
            text = _cased(_decoded(piece, fold), fold)
            stripped = _stripped(text, fold)
            ends = number == len(parts) and len(pieces) == 1 and not piece
            if stripped or (ends and "trailing_slash" not in fold) or text in (".", ".."):
                shown.append(piece)
                keys.append((stripped or text).encode("utf-8", "surrogatepass"))
    return shown, keys


def _stripped(text: str, fold: Fold) -> str:
    return text.rstrip(_OVERLOOKED_AT_END) if "trailing_dot" in fold else text


def _cased(text: str, fold: Fold) -> str:
    if "case" not in fold:
        return text
    if text.isascii():
        return text.lower()
    # Some servers compare upper case, some lower case; some fold full-width letters and ligatures as well.
    text = compatible(compatible(text).upper().casefold())
    # Lower case of U+0130 is "i" on some servers, and "i" with a combining dot on others.
    return text.replace("i\u0307", "i")


def _decoded(part: bytes, fold: Fold) -> str:
    part = unescaped(part) if "double_encoding" in fold else unquote_to_bytes(part)
    if part.isascii():
        return part.decode("ascii")
    # The server may read bytes that are not UTF-8 as Latin-1.
    return _LONE.sub(lambda found: chr(ord(found[0]) - 0xDC00), shortened(part).decode("utf-8", "surrogateescape"))
