"""Repairs the head of an answer that breaks a rule of HTTP/1.1 in a way that leaves one meaning.

The strict reader (heads.py) has refused such a head. Servers of twenty years write them, and clients and proxies have
always taken them. What comes out is a clean head, which the strict reader reads again: so a repair cannot mean anything
that a clean head could not. A head that two receivers may read differently is refused, by the name of its rule
(rules.py). The heads of requests are never repaired.
"""

import re
from typing import NamedTuple

from gateway.wire.heads import TOKEN, Malformed

_BLANK_LINES = re.compile(rb"(?:\r?\n)*")
_END = re.compile(rb"\n\r{0,2}\n")
_STATUS_LINE = re.compile(rb"HTTP/(?:1\.([0-9])|2\.0)[ \t]+([1-9][0-9][0-9])(?:\.[0-9]+)?(?:[ \t]+([^\r\n]*))?")
_STRICT_STATUS_LINE = re.compile(rb"HTTP/1\.[01] [1-9][0-9][0-9](?: [^\r\n]*)?")
_CONTROLS = bytes(byte for byte in (*range(0x20), 0x7F) if byte != 0x09)
_BLANKED = bytes.maketrans(_CONTROLS, b" " * len(_CONTROLS))
_DIGITS = re.compile(rb"0*[0-9]{1,18}")
_NOT_LETTERS = re.compile(rb"[^a-z]+")
# Fields that say where the body ends, or what becomes of the connection.
_FRAMING = frozenset({b"content-length", b"transfer-encoding"})
_RULING = _FRAMING | {b"connection", b"upgrade"}
_SQUEEZED = (b"contentlength", b"transferencoding")


class Tidied(NamedTuple):
    """A clean `head`, the `end` of the head that it was made of, and the `rules` that were broken (rules.REPAIRS)."""

    head: bytes
    end: int
    rules: tuple[str, ...]


class _Field:
    """One field that is being read. An `odd` one is left out: no client can name it."""

    __slots__ = ("name", "odd", "value")

    def __init__(self, name: bytes, value: bytes, *, odd: bool) -> None:
        self.name = name
        self.value = value
        self.odd = odd


def tidy(data: bytes, seen: int, limit: int) -> Tidied | None:
    """Repair the head with which `data` begins; None if its end has not come.

    The end does not begin before `seen`. A head has at most `limit` bytes, with the blank lines before it. Raises
    Malformed if the head has no meaning, or two.
    """
    found = _BLANK_LINES.match(data)
    start = found.end() if found is not None else 0
    if data[start:start + 5] != b"HTTP/"[:len(data) - start] and data[start:] != b"\r":
        raise _refused("not_http")
    ended = _END.search(data, max(start, seen))
    end = ended.end() if ended is not None else len(data)
    if end > limit:
        raise _refused("head_too_large")
    if ended is None:
        return None
    rules: dict[str, None] = {"blank_lines": None} if start else {}
    lines = _lines(data[start:end], rules)
    version, status, first = _status_line(lines[0], rules)
    read = _fields(lines[1:], status, rules)
    read = _framed(read, version, rules)
    if "chunked_on_http_1_0" in rules:
        first = first.replace(b"HTTP/1.0", b"HTTP/1.1", 1)
    head = b"".join([first, *(b"%b: %b\r\n" % (field.name, field.value) for field in read), b"\r\n"])
    return Tidied(head, end, tuple(rules))


def _refused(rule: str) -> Malformed:
    return Malformed("upstream_malformed", rule)


def _lines(text: bytes, rules: dict[str, None]) -> list[bytes]:
    """The lines of a head that ends with an empty line, without that and without their ends."""
    lines = text.split(b"\n")[:-1]
    for at, line in enumerate(lines):
        ended = line[:-1] if line[-1:] == b"\r" else line
        # CR CR LF ends a line that has something on it: a script wrote CRLF where its server put CR before each LF. An
        # empty line with two CR ends the head for some receivers, and for others does not.
        lines[at] = ended = ended.rstrip(b"\r") or ended
        if len(line) - len(ended) != 1:
            rules["line_ends"] = None
    # What some take for a line's end, or for a value's, others take for a part of it.
    if any(b"\r" in line for line in lines):
        raise _refused("bare_cr")
    if b"\0" in text:
        raise _refused("nul")
    return lines[:-1]


def _status_line(line: bytes, rules: dict[str, None]) -> tuple[bytes, bytes, bytes]:
    """(minor version, status, the line as it is to be written)."""
    found = _STATUS_LINE.fullmatch(line)
    if found is None:
        raise _refused("first_status_line")
    version, status, reason = found[1] or b"1", found[2], found[3] or b""
    if _STRICT_STATUS_LINE.fullmatch(line) is None:
        rules["status_line"] = None
    else:
        # A blank before the phrase is the phrase's own.
        reason = line[13:]
    return version, status, b"HTTP/1.%b %b %b\r\n" % (version if version == b"0" else b"1", status,
                                                      _blanked(reason, rules))


def _blanked(value: bytes, rules: dict[str, None]) -> bytes:
    """A value with a blank for each control character (RFC 9110 section 5.5)."""
    clean = value.translate(_BLANKED)
    if clean != value:
        rules["control_characters"] = None
    return clean


def _fields(lines: list[bytes], status: bytes, rules: dict[str, None]) -> list[_Field]:
    read: list[_Field] = []
    for line in lines:
        if line[:1] in (b" ", b"\t"):
            _go_on(read, line, rules)
        elif line[:5] == b"HTTP/" and (again := _STATUS_LINE.fullmatch(line)) is not None:
            # IIS, among others, wrote the line of a script behind its own.
            if again[2] != status:
                raise _refused("statuses_differ")
            rules["status_line_twice"] = None
        else:
            read.append(_field(line, rules))
    return [field for field in read if not field.odd]


def _go_on(read: list[_Field], line: bytes, rules: dict[str, None]) -> None:
    """A folded line: it belongs to the field before it (RFC 9112 section 5.2)."""
    more = line.strip(b" \t")
    if not more:
        raise _refused("folded_blank")
    if not read:
        raise _refused("folded_first")
    field = read[-1]
    if field.name.lower() in _RULING:
        raise _refused("folded_length")
    rules["folded_field"] = None
    field.value = (field.value + b" " + _blanked(more, rules)).strip(b" \t")


def _field(line: bytes, rules: dict[str, None]) -> _Field:
    written, colon, value = line.partition(b":")
    name = written.rstrip(b" \t")
    if not colon:
        raise _refused("no_colon")
    if not name:
        raise _refused("no_name")
    if name != written:
        rules["blank_before_colon"] = None
    odd = TOKEN.fullmatch(name) is None
    if odd:
        if name.translate(None, _CONTROLS + b" \t") != name:
            raise _refused("blank_in_name")
        if any(framing in _NOT_LETTERS.sub(b"", name.lower()) for framing in _SQUEEZED):
            raise _refused("framing_name")
        rules["field_name"] = None
    value = value.strip(b" \t")
    if name.lower() in _RULING and value.translate(None, _CONTROLS) != value:
        raise _refused("framing_value")
    return _Field(name, _blanked(value, rules).strip(b" "), odd=odd)


def _framed(read: list[_Field], version: bytes, rules: dict[str, None]) -> list[_Field]:
    """The fields with one statement, at most, of where the body ends (RFC 9112 section 6.3)."""
    lengths = _listed(read, b"content-length")
    codings = [coding.lower() for coding in _listed(read, b"transfer-encoding")]
    if lengths:
        if any(_DIGITS.fullmatch(length) is None for length in lengths):
            raise _refused("bad_length")
        if len(set(lengths)) > 1:
            raise _refused("lengths_differ")
        if len(lengths) > 1:
            rules["length_twice"] = None
            read = _once(read, b"content-length", lengths[0])
    if not codings:
        return read
    if codings == [b"identity"] and not lengths:
        rules["identity_coding"] = None
        return [field for field in read if field.name.lower() != b"transfer-encoding"]
    if set(codings) != {b"chunked"}:
        raise _refused("coding")
    if len(codings) > 1:
        # No sender chunks a body twice (RFC 9112 section 6.1): two layers of a server have each named the coding.
        rules["chunked_twice"] = None
    if lengths:
        if version == b"0":
            # A receiver of HTTP/1.0 goes by the length, one of HTTP/1.1 by the chunks.
            raise _refused("length_and_chunked_on_http_1_0")
        rules["length_and_chunked"] = None
        read = [field for field in read if field.name.lower() != b"content-length"]
    if version == b"0":
        rules["chunked_on_http_1_0"] = None
    return _once(read, b"transfer-encoding", b"chunked")


def _listed(read: list[_Field], name: bytes) -> list[bytes]:
    """The elements of all fields of this name, which are one list (RFC 9110 section 5.3)."""
    return [element.strip(b" \t") for field in read if field.name.lower() == name
            for element in field.value.split(b",")]


def _once(read: list[_Field], name: bytes, value: bytes) -> list[_Field]:
    """The fields with this one at its first place only, and with this value."""
    first = next(field for field in read if field.name.lower() == name)
    first.value = value
    return [field for field in read if field is first or field.name.lower() != name]
