r"""The text of HL7 v2 messages: encodings, the ends of segments, delimiters and escapes (HL7 v2.9 chapter 2, sections
2.5 to 2.7 and 2.14.9.18). `adapters.trees.hl7v2` puts the segments together."""

import codecs
import re
from collections.abc import Iterable, Sequence
from itertools import count, islice

from adapters.charsets import text_encoding
from adapters.document import DocumentError, Tree

# The character sets of MSH-18 (HL7 table 0211), each with Python's name for it. The Japanese ones switch between them
# by escape sequences (ISO 2022).
_CHARSETS = {
    "ASCII": "ascii", **{f"8859/{part}": f"iso8859-{part}" for part in (1, 2, 3, 4, 5, 6, 7, 8, 9, 15)},
    "ISO IR6": "ascii", "ISO IR14": "iso2022_jp_2", "ISO IR87": "iso2022_jp_2", "ISO IR159": "iso2022_jp_2",
    "GB 18030-2000": "gb18030", "KS X 1001": "euc_kr", "BIG-5": "big5", "UNICODE": "utf-8", "UNICODE UTF-8": "utf-8",
    "UTF-8": "utf-8", "UNICODE UTF-16": "utf-16", "UNICODE UTF-32": "utf-32",
}
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF32_LE, "utf-32-le"), (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_HEAD = re.compile(rb"MSH(.)[^\r\n]*", re.DOTALL)
_FRAME = "\x0b\x1c\r\n"
_ENDS = re.compile(r"[\r\x0b\x1c]+")
_SEGMENT = re.compile(r"[A-Z][A-Z0-9]{2}", re.ASCII)

_MARKS = r"^~\&"
_ESCAPES = {"|": "\\F\\", "^": "\\S\\", "~": "\\R\\", "\\\\": "\\E\\", "&": "\\T\\"}
# Escapes that stay in a text: highlighting, formatting, character sets, bytes, local ones.
_KEPT = r"[HN]|X[0-9A-Fa-f]+|[CM][0-9A-Fa-f]{4,6}|Z[0-9A-Za-z]*|\.[a-z]{2}[+-]?[0-9]*"
_TO_ESCAPE = re.compile(rf"(\\(?:{_KEPT})\\)|[|^~&]|\\\\")

_FIELDS = [f"f{number}" for number in range(1, 512)]
_COMPONENTS = [f"c{number}" for number in range(1, 512)]


def decoded(body: bytes, charset: str | None) -> list[str]:
    """The segments of a body. Its encoding is that of a byte order mark, else `charset` (of the media type), else that
    of the first MSH-18, else UTF-8. Bytes that are not in that encoding are kept one by one, so that two different
    bodies never read the same. Raises DocumentError("encoding")."""
    try:
        text = _decoded(body, charset)
    except (LookupError, UnicodeError):
        raise DocumentError("encoding") from None
    text = text.strip(_FRAME).replace("\r\n", "\r")
    if "\n" in text:
        # Some senders end segments with LF. Where no segment follows it, it is part of a text.
        field = re.escape(text[3:4])
        text = re.sub(rf"(?<!\n)\n+(?=[A-Z][A-Z0-9]{{2}}(?:{field}|[\r\n]|\Z))", "\r", text)
    return [one for one in _ENDS.split(text) if one]


def _decoded(body: bytes, charset: str | None) -> str:
    for mark, encoding in _BOMS:
        if body.startswith(mark):
            return body[len(mark):].decode(encoding)
    if b"\0" in body[:2]:
        return body.decode("utf-16-le" if body[1:2] == b"\0" else "utf-16-be")
    encoding = text_encoding(charset or _declared(body))
    return body.decode(encoding, "strict" if encoding.startswith("utf-16") else "surrogateescape")


def _declared(body: bytes) -> str:
    """The encoding that MSH-18 names. It may name several, of which the first is the usual one (section 2.14.9.18)."""
    head = _HEAD.search(body[:65536])
    if head is None:
        return "utf-8"
    fields = head[0].decode("latin-1").split(head[1].decode("latin-1"))
    marks, named = fields[1] if len(fields) > 1 else "", fields[17] if len(fields) > 17 else ""
    known = [_CHARSETS[one.strip()] for one in named.split(marks[1:2] or "~") if one.strip() in _CHARSETS]
    return next((one for one in known if one.startswith("iso2022")), known[0] if known else "utf-8")


class Reader:
    """Splits segments at the delimiters that a head (MSH, FHS, BHS) declares. Without `seen`, no two parts of what it
    makes are one object. Raises DocumentError("syntax")."""

    def __init__(self, head: str, seen: dict[str, Tree] | None) -> None:
        self._field = head[3:4]
        marks = head[4:].split(self._field)[0] if self._field else ""
        if not 2 <= len(marks) <= 5 or len({self._field, *marks}) != len(marks) + 1 or marks.isalnum():
            raise DocumentError("syntax")
        self._component, self._repetition = marks[0], marks[1]
        self._escape, self._part = marks[2:3], marks[3:4]
        self._ends = self._component + self._repetition + self._part
        self._itself = "\\\\" if self._escape == "\\" else self._escape
        self._meant = {"F": self._field, "S": self._component, "R": self._repetition, "E": self._itself,
                       "T": self._part or "&", "P": marks[4:5] or "#"}
        mark = re.escape(self._escape)
        self._escaped = re.compile(rf"{mark}(?:([FSRETP])|({_KEPT})){mark}|{mark}") if mark else None
        self._special = re.compile("[" + re.escape("".join((*marks, "\\"))) + "]")
        self._inner = re.compile("[" + re.escape("".join((*marks[1:], "\\"))) + "]")
        self._shares = seen is not None
        # What was read before, by how it is written.
        self._fields: dict[str, Tree] = {}
        self._segments: dict[str, Tree] = {}
        if seen is not None:
            self._fields = seen.setdefault(f"fields {self._field}{marks}", {})
            self._segments = seen.setdefault(f"segments {self._field}{marks}", {})

    def segment(self, line: str) -> tuple[str, dict[str, Tree]]:
        """The name of a segment, and its fields "f1" …."""
        name = line[:3]
        if line[-1:] == self._field:
            line = name + line[3:].rstrip(self._field)  # Empty fields at the end say nothing.
        known: dict[str, Tree] | None = self._segments.get(line)
        if known is not None:
            return name, known
        if _SEGMENT.fullmatch(name) is None or line[3:4] not in ("", self._field):
            raise DocumentError("syntax")
        pieces = line.split(self._field)
        del pieces[0]
        names: Iterable[str] = _FIELDS if len(pieces) < len(_FIELDS) else map("f{}".format, count(1))
        if name in ("MSH", "FHS", "BHS"):
            # The first two fields of a head only declare the delimiters, the first of which stands before it.
            del pieces[0]
            names = islice(names, 2, None)
        made: dict[str, Tree] = {}
        fields = self._fields
        for number, piece in zip(names, pieces, strict=False):
            if piece:
                field = fields.get(piece)
                if field is None:
                    bare = piece.rstrip(self._ends)
                    field = fields.get(bare)
                    if field is None:
                        field = self._repetitions(bare) if bare else []
                    if self._shares:
                        fields[piece] = fields[bare] = field
                if field:
                    made[number] = field
        if self._shares:
            self._segments[line] = made
        return name, made

    def _repetitions(self, text: str) -> list[Tree]:
        if self._special.search(text) is None:
            return [{"c1": text}]
        if self._inner.search(text) is None and text.count(self._component) < len(_COMPONENTS):
            # Most fields have plain components, and nothing else.
            split = zip(_COMPONENTS, text.split(self._component), strict=False)
            plain = {name: piece for name, piece in split if piece}
            return [plain] if plain else []
        found: list[Tree] = [self._numbered("c", one.split(self._component), parts=True)
                             for one in text.split(self._repetition)]
        while found and not found[-1]:
            found.pop()
        return found

    def _numbered(self, letter: str, pieces: Sequence[str], *, parts: bool) -> dict[str, Tree]:
        found: dict[str, Tree] = {}
        for number, piece in enumerate(pieces, 1):
            if not piece:
                continue
            inside = piece.split(self._part) if parts and self._part and self._part in piece else [piece]
            if any(inside[1:]):
                found[f"{letter}{number}"] = self._numbered("s", inside, parts=False)
            elif inside[0]:
                found[f"{letter}{number}"] = self._plain(inside[0]) if self._coded(inside[0]) else inside[0]
        return found

    def _coded(self, text: str) -> bool:
        return "\\" in text or (self._escape != "" and self._escape in text)

    def _plain(self, text: str) -> str:
        """The text without escapes. An escape that only formats it stays, and any other backslash is doubled."""
        if self._escape != "\\":
            text = text.replace("\\", "\\\\")
        if self._escaped is None or self._escape not in text:
            return text
        return self._escaped.sub(self._mean, text)

    def _mean(self, found: re.Match[str]) -> str:
        if found[1]:
            return self._meant[found[1]]
        return f"\\{found[2]}\\" if found[2] else self._itself


def line(name: str, fields: dict[str, Tree]) -> str:
    """A segment with the usual delimiters. Raises ValueError, AttributeError or TypeError for what is no segment."""
    texts = {int(key[1:]): "~".join(_joined(one, "^&") for one in field) for key, field in fields.items()}
    first, start = (3, f"{name}|{_MARKS}") if name in ("MSH", "FHS", "BHS") else (1, name)
    return "|".join([start, *(texts.get(number, "") for number in range(first, max(texts, default=0) + 1))])


def _joined(node: Tree, marks: str) -> str:
    """The text of components, or of one component's subcomponents, each at its number."""
    if isinstance(node, str):
        return _TO_ESCAPE.sub(lambda mark: mark[1] or _ESCAPES[mark[0]], node)
    pieces = {int(key[1:]): _joined(one, marks[1:]) for key, one in node.items()}
    return marks[:1].join(pieces.get(number, "") for number in range(1, max(pieces, default=0) + 1))


def encoded(lines: Sequence[str], charset: str | None) -> bytes:
    """The bytes of segments, in `charset`, else in what their own MSH-18 says. Raises DocumentError("encoding")."""
    text = "\r".join(lines)
    try:
        return text.encode(charset or _declared(text.encode("utf-8", "surrogateescape")), "surrogateescape")
    except (LookupError, UnicodeEncodeError):
        raise DocumentError("encoding") from None
