r"""HL7 v2 (ER7) as a tree, by each message's own delimiters and escapes (HL7 v2.9 chapter 2, sections 2.5 to 2.7).

Segments are lists by name: {"PID": [{"f3": [{"c1": "4711"}]}]}. A field is a list of repetitions. A repetition has
components "c1", "c2" …; each is text, or an object of subcomponents "s1", "s2" … if there are several. Empty values are
left out, so trailing delimiters mean nothing. The value '""', which tells the receiver to delete, is kept. Observations
(OBX), notes (NTE), specimens (SPM) and test codes (TCD) are placed in the OBR before them, if there is one.
"""

import re
from collections.abc import Iterator

from adapters.document import DocumentError, Path, Tree, get

_OF_REQUESTS = frozenset({"OBX", "NTE", "SPM", "TCD"})
_SEGMENT = re.compile(r"[A-Z][A-Z0-9]{2}", re.ASCII)
# The character sets of MSH-18 (HL7 table 0211), each with Python's name for it.
_CHARSETS = {"ASCII": "ascii", "8859/1": "latin-1", "8859/15": "iso8859-15", "UNICODE UTF-8": "utf-8", "UTF-8": "utf-8"}

_MARKS = r"^~\&"
_TO_ESCAPE = re.compile(r"[|^~\\&]")
_ESCAPES = {"|": "\\F\\", "^": "\\S\\", "~": "\\R\\", "\\": "\\E\\", "&": "\\T\\"}


def tree(body: bytes, charset: str | None = None) -> Tree:
    """The tree of one message, without its MLLP framing. Raises DocumentError: "syntax" or "encoding"."""
    body = body.strip(b"\x0b\x1c\r\n")
    try:
        text = body.decode(charset or _declared(body))
    except (LookupError, UnicodeDecodeError):
        raise DocumentError("encoding") from None
    segments = [one for one in re.split(r"[\r\n]+", text) if one]
    if not segments or not segments[0].startswith("MSH") or len(segments[0]) < 8:
        raise DocumentError("syntax")
    reader = _Reader(segments[0])
    message: dict[str, Tree] = {}
    request: dict[str, Tree] | None = None
    for line in segments:
        name, segment = reader.segment(line)
        inside = request if request is not None and name in _OF_REQUESTS else message
        inside.setdefault(name, []).append(segment)
        request = segment if name == "OBR" else request
    return message


def write(tree: Tree, charset: str | None = None) -> bytes:
    """The message of this tree, with the usual delimiters: the MSH first, then the other segments in the tree's order.
    Segments inside an OBR follow it. Raises DocumentError: "encoding", or "syntax" if there is no MSH."""
    if not tree.get("MSH"):
        raise DocumentError("syntax")
    written = [_line(*one) for name in sorted(tree, key="MSH".__ne__) for segment in tree[name]
               for one in _with_inner(name, segment)]
    code = get(tree, Path(("MSH", 0, "f18", 0, "c1")))
    try:
        return "\r".join(written).encode(charset or _CHARSETS.get(str(code), "utf-8"))
    except (LookupError, UnicodeEncodeError):
        raise DocumentError("encoding") from None


def _with_inner(name: str, segment: Tree) -> Iterator[tuple[str, Tree]]:
    yield name, segment
    for inner in (key for key in segment if key in _OF_REQUESTS):
        yield from ((inner, one) for one in segment[inner])


def _line(name: str, segment: Tree) -> str:
    fields = {int(key[1:]): "~".join(_joined(one, "^&") for one in field)
              for key, field in segment.items() if key not in _OF_REQUESTS}
    first, start = (3, f"MSH|{_MARKS}") if name == "MSH" else (1, name)
    return "|".join([start, *(fields.get(number, "") for number in range(first, max(fields, default=0) + 1))])


def _joined(node: Tree, marks: str) -> str:
    """The text of components, or of one component's subcomponents, each at its number."""
    if isinstance(node, str):
        return _TO_ESCAPE.sub(lambda mark: _ESCAPES[mark[0]], node)
    pieces = {int(key[1:]): _joined(one, marks[1:]) for key, one in node.items()}
    return marks[:1].join(pieces.get(number, "") for number in range(1, max(pieces, default=0) + 1))


def _declared(body: bytes) -> str:
    fields = re.split(rb"[\r\n]", body)[0].split(body[3:4] or b"|")
    return _CHARSETS.get(fields[17].decode("latin-1").strip(), "utf-8") if len(fields) > 17 else "utf-8"


class _Reader:
    """Splits segments at the delimiters that one MSH declares."""

    def __init__(self, header: str) -> None:
        self._field = header[3]
        marks = header[4:].split(self._field)[0]
        if not 2 <= len(marks) <= 5 or len({self._field, *marks}) != len(marks) + 1 or marks.isalnum():
            raise DocumentError("syntax")
        self._component, self._repetition = marks[0], marks[1]
        self._escape = marks[2] if len(marks) > 2 else ""
        self._part = marks[3] if len(marks) > 3 else ""
        self._meant = {"F": self._field, "S": self._component, "R": self._repetition, "E": self._escape,
                       "T": self._part}
        mark = re.escape(self._escape)
        self._escaped = re.compile(f"{mark}([FSRET]){mark}")

    def segment(self, line: str) -> tuple[str, dict[str, Tree]]:
        name, *fields = line.split(self._field)
        if not _SEGMENT.fullmatch(name):
            raise DocumentError("syntax")
        # MSH-1 and MSH-2 only declare the delimiters.
        first, fields = (3, fields[1:]) if name == "MSH" else (1, fields)
        found = ((f"f{number}", self._repetitions(field)) for number, field in enumerate(fields, first) if field)
        return name, {number: field for number, field in found if any(field)}

    def _repetitions(self, field: str) -> list[Tree]:
        return [self._numbered("c", one.split(self._component), parts=True) for one in field.split(self._repetition)]

    def _numbered(self, letter: str, pieces: list[str], *, parts: bool) -> dict[str, Tree]:
        found: dict[str, Tree] = {}
        for number, piece in enumerate(pieces, 1):
            if not piece:
                continue
            inside = piece.split(self._part) if parts and self._part else [piece]
            if len(inside) > 1 and any(inside[1:]):
                found[f"{letter}{number}"] = self._numbered("s", inside, parts=False)
            elif inside[0]:
                text = inside[0]
                if self._escape and self._escape in text:
                    text = self._escaped.sub(lambda mark: self._meant[mark[1]], text)
                found[f"{letter}{number}"] = text
        return found
