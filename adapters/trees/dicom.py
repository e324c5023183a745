"""DICOM as a tree, as PS3.18 annex F writes it in JSON: its files (PS3.10), and its XML (PS3.19 annex A).

An attribute is a member by its tag: {"00100030": {"vr": "DA", "Value": ["19600102"]}}. A name of a person is an object
of its groups, DS and IS are numbers. Bytes stay bytes: "InlineBinary", or for pixels of several frames, or in
fragments, a "Value" of them. Padding, the lengths of groups and how sequences end are not kept.
"""

import re
import struct
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from adapters.document import DocumentError, Number, Tree
from adapters.trees.order import ORDER

MAX_LEVELS = 64
"""Sequences inside each other that are read."""

PREAMBLE = "@preamble"
"""The member for the first 128 bytes of a file, if they are not empty. What they say is the application's own."""

Representation: TypeAlias = Callable[[str], str]

IMPLICIT = "1.2.840.10008.1.2"
# Big endian, and deflated: both are hardly used, and not read.
_UNREAD = frozenset({"1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"})
_LONG = frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())
_SHORT = frozenset(b"AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split())
_NUMBERS = {"US": "H", "SS": "h", "UL": "I", "SL": "i", "UV": "Q", "SV": "q", "FL": "f", "FD": "d"}
_SINGLE = frozenset({"LT", "ST", "UR", "UT"})
_TEXTS = frozenset({"AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "PN", "SH", "TM", "UC", "UI"}) | _SINGLE
_LED = frozenset({"AE", "CS", "DS", "IS", "LO", "SH"})
"""Blanks before such a value mean nothing, as those behind any do (PS3.5 section 6.2)."""
_OF_A_LANGUAGE = frozenset({"LO", "LT", "PN", "SH", "ST", "UC", "UT"})
# Character sets (PS3.3 section C.12.1.1.2) in which each byte is one character, and UTF-8.
_CHARSETS = {
    "": "ascii", "ISO_IR 6": "ascii", "ISO_IR 100": "iso8859-1", "ISO_IR 101": "iso8859-2", "ISO_IR 109": "iso8859-3",
    "ISO_IR 110": "iso8859-4", "ISO_IR 144": "iso8859-5", "ISO_IR 127": "iso8859-6", "ISO_IR 126": "iso8859-7",
    "ISO_IR 138": "iso8859-8", "ISO_IR 148": "iso8859-9", "ISO_IR 203": "iso8859-15", "ISO_IR 166": "iso8859-11",
    "ISO_IR 192": "utf-8",
}
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?", re.ASCII)
_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")
_PARTS = ("FamilyName", "GivenName", "MiddleName", "NamePrefix", "NameSuffix")
_PIXELS = "7FE00010"
_ITEM, _ITEM_END, _END = 0xE000, 0xE00D, 0xE0DD
_UNTOLD = 0xFFFFFFFF
"""A length that is not told: what is there ends with a delimiter."""


def is_number(text: str) -> bool:
    """Whether a decimal or integer string is written as JSON writes numbers."""
    return _NUMBER.fullmatch(text) is not None


# --- files ---

def file(body: bytes, representation: Representation) -> Tree:
    """The tree of a file, its meta information included. `representation` gives the value representation of a tag, by
    the dictionary, where the file tells none; "" if it is not known. Raises DocumentError: "syntax" or "too_deep"."""
    if body[128:132] != b"DICM":
        raise DocumentError("syntax")
    try:
        return _File(body, representation).tree()
    except struct.error:  # it ends early
        raise DocumentError("syntax") from None


class _Head(NamedTuple):
    """What stands before a value: the element's number and its group, its representation, and where the value begins
    and how long it is."""

    group: int
    element: int
    vr: str
    start: int
    length: int

    @property
    def tag(self) -> str:
        return f"{self.group:04X}{self.element:04X}"


class _File:
    """One file being read."""

    def __init__(self, data: bytes, representation: Representation) -> None:
        self._data = data
        self._representation = representation

    def tree(self) -> Tree:
        data = self._data
        meta, at = self._members(132, len(data), "", 0, implicit=False, group=2)
        syntax = next(iter(meta.get("00020010", {}).get("Value", ())), None)
        if not syntax or syntax in _UNREAD:
            raise DocumentError("syntax")
        found, at = self._members(at, len(data), "", 0, implicit=syntax == IMPLICIT)
        if at != len(data):
            raise DocumentError("syntax")
        preamble = {PREAMBLE: data[:128]} if any(data[:128]) else {}
        return {**preamble, **meta, **_in_frames(found)}

    def _members(self, at: int, end: int, charset: str | None, levels: int, *, implicit: bool, group: int = 0,
                 inside: bool = False) -> tuple[dict[str, Tree], int]:
        """The attributes from a place on, and where they end: before another group than `group` if it is given; behind
        the delimiter of an item of untold length if they are `inside` one."""
        if levels > MAX_LEVELS:
            raise DocumentError("too_deep")
        found: dict[str, Tree] = {}
        last = -1
        while at < end:
            if group and struct.unpack_from("<H", self._data, at) != (group,):
                return found, at
            head = self._head(at, implicit)
            if inside and (head.group, head.element) == (0xFFFE, _ITEM_END):
                return found, head.start
            # Attributes ascend (PS3.5 section 7.1), so that none is there twice.
            if (place := head.group << 16 | head.element) <= last or head.group == 0xFFFE:
                raise DocumentError("syntax")
            last = place
            value, at = self._value(head, end, charset, levels, implicit)
            if head.element and head.tag != "FFFCFFFC":  # the lengths of groups, and padding at the end
                found[head.tag] = value
            if head.tag == "00080005":
                charset = _charset(value.get("Value", []))
        if inside:
            raise DocumentError("syntax")
        return found, at

    def _head(self, at: int, implicit: bool) -> _Head:
        group, element = struct.unpack_from("<HH", self._data, at)
        if implicit or group == 0xFFFE:
            [length] = struct.unpack_from("<I", self._data, at + 4)
            vr = self._representation(f"{group:04X}{element:04X}") or "UN"
            return _Head(group, element, vr, at + 8, length)
        told = self._data[at + 4:at + 6]
        if told in _LONG:
            return _Head(group, element, told.decode(), at + 12, *struct.unpack_from("<I", self._data, at + 8))
        if told not in _SHORT:
            raise DocumentError("syntax")
        return _Head(group, element, told.decode(), at + 8, *struct.unpack_from("<H", self._data, at + 6))

    def _value(self, head: _Head, end: int, charset: str | None, levels: int, implicit: bool) -> tuple[Tree, int]:
        """What an attribute holds, and where it ends."""
        vr, start, length = head.vr, head.start, head.length
        if length == _UNTOLD:
            if vr in ("OB", "OW") and head.tag == _PIXELS:
                items, at = self._fragments(start)
            elif vr in ("SQ", "UN"):
                # Of an unknown representation it is implicit inside (PS3.5 section 6.2.2).
                vr = "SQ"
                items, at = self._items(start, end, charset, levels, implicit or head.vr == "UN", untold=True)
            else:
                raise DocumentError("syntax")
            return ({"vr": vr, "Value": items} if items else {"vr": vr}), at
        if start + length > end:
            raise DocumentError("syntax")
        if vr == "SQ":
            items, _ = self._items(start, start + length, charset, levels, implicit, untold=False)
            return ({"vr": vr, "Value": items} if items else {"vr": vr}), start + length
        return _held(vr, self._data[start:start + length], charset), start + length

    def _items(self, at: int, end: int, charset: str | None, levels: int, implicit: bool, *, untold: bool) -> tuple[
            list[Tree], int]:
        found: list[Tree] = []
        while at < end:
            head = self._head(at, implicit)
            if untold and (head.group, head.element) == (0xFFFE, _END):
                return found, head.start
            if (head.group, head.element) != (0xFFFE, _ITEM):
                raise DocumentError("syntax")
            inside = head.length == _UNTOLD
            stop = end if inside else head.start + head.length
            if stop > end:
                raise DocumentError("syntax")
            item, at = self._members(head.start, stop, charset, levels + 1, implicit=implicit, inside=inside)
            found.append(item)
        if untold:
            raise DocumentError("syntax")
        return found, at

    def _fragments(self, at: int) -> tuple[list[Tree], int]:
        """The fragments of pixels that are compressed (PS3.5 section A.4), without the table of where frames begin."""
        found: list[Tree] = []
        while True:
            head = self._head(at, implicit=True)
            at = head.start + head.length
            if (head.group, head.element) == (0xFFFE, _END):
                return found[1:], head.start
            if (head.group, head.element) != (0xFFFE, _ITEM) or at > len(self._data):
                raise DocumentError("syntax")
            found.append(self._data[head.start:at])


def _charset(values: list[Tree]) -> str | None:
    """The encoding of texts; None if they cannot be read: several sets with escapes, or one of more than a byte."""
    return _CHARSETS.get(str(values[0] or "")) if len(values) == 1 else None if values else "ascii"


def _held(vr: str, raw: bytes, charset: str | None) -> Tree:
    if not raw:
        return {"vr": vr}
    if vr in _NUMBERS:
        size = struct.calcsize(f"<{_NUMBERS[vr]}")
        if len(raw) % size:
            raise DocumentError("syntax")
        numbers = struct.unpack(f"<{len(raw) // size}{_NUMBERS[vr]}", raw)
        return {"vr": vr, "Value": [Number(text) if is_number(text := repr(one)) else text for one in numbers]}
    if vr == "AT" and len(raw) % 4 == 0:
        pairs = struct.unpack(f"<{len(raw) // 2}H", raw)
        tags = zip(pairs[::2], pairs[1::2], strict=True)
        return {"vr": vr, "Value": [f"{group:04X}{element:04X}" for group, element in tags]}
    if vr not in _TEXTS:
        return {"vr": vr, "InlineBinary": raw}
    encoding = (charset if vr in _OF_A_LANGUAGE else "") or "ascii"
    try:
        text = raw.decode("ascii" if charset is None or b"\x1b" in raw else encoding)
    except UnicodeDecodeError:
        return {"vr": vr, "InlineBinary": raw}
    if "\x1b" in text:  # escapes to another set
        return {"vr": vr, "InlineBinary": raw}
    values = [_said(vr, one) for one in ([text] if vr in _SINGLE else text.split("\\"))]
    return {"vr": vr} if values == [None] else {"vr": vr, "Value": values}


def _said(vr: str, text: str) -> Tree:
    """One value, without its padding; None if it is empty."""
    text = text.rstrip(" \0")
    if vr in _LED:
        text = text.lstrip(" ")
    if vr == "PN":
        # Delimiters at the end may be left out (PS3.5 section 6.2.1.1).
        parts = [one.rstrip("^ ") for one in text.split("=", 2)]
        return {name: one for name, one in zip(_GROUPS, parts, strict=False) if one} or None
    if vr in ("DS", "IS") and is_number(text):
        return Number(text)
    return text or None


def _in_frames(found: dict[str, Tree]) -> dict[str, Tree]:
    """The data set with its pixels frame by frame, if there are several of them and they are not compressed."""
    pixels = found.get(_PIXELS, {}).get("InlineBinary")
    try:
        frames, rows, columns, samples, bits = (
            int(found.get(tag, {}).get("Value", [""])[0]) for tag in (
                "00280008", "00280010", "00280011", "00280002", "00280100"))
    except (ValueError, TypeError):
        return found
    size = rows * columns * samples * bits // 8
    if pixels is None or frames < 2 or size < 1 or len(pixels) - frames * size not in (0, 1) or any(
            pixels[frames * size:]):
        return found
    return {**found, _PIXELS: {"vr": found[_PIXELS]["vr"],
                               "Value": [pixels[at * size:(at + 1) * size] for at in range(frames)]}}


# --- XML ---

_SPACE = "http://dicom.nema.org/PS3.19/models/NativeDICOM"
_KNOWN = frozenset({"@tag", "@vr", "@keyword", "@privateCreator", ORDER, "Value", "PersonName", "Item", "BulkData",
                    "InlineBinary", "#text"})


def native(document: Tree) -> Tree:
    """The tree of an XML document (`adapters.trees.xml`) of the Native DICOM Model. Raises DocumentError("syntax") if
    it is none, or has more than the model has."""
    try:
        [(name, [root])] = document.items()
    except ValueError:
        raise DocumentError("syntax") from None
    if name != "NativeDicomModel" or not isinstance(root, dict) or root.get("@xmlns", _SPACE) != _SPACE:
        raise DocumentError("syntax")
    return _attributes({key: value for key, value in root.items() if key[:1] != "@"}, 0)


def _attributes(element: Tree, levels: int) -> dict[str, Tree]:
    if levels > MAX_LEVELS:
        raise DocumentError("too_deep")
    if not isinstance(element, dict) or element.keys() - {"DicomAttribute", "@number", ORDER} or _words(element):
        raise DocumentError("syntax")
    found: dict[str, Tree] = {}
    for one in _called(element, "DicomAttribute"):
        tag, vr = (one.get(name) if isinstance(one, dict) else None for name in ("@tag", "@vr"))
        if not isinstance(tag, str) or not isinstance(vr, str) or tag in found or one.keys() - _KNOWN or _words(one):
            raise DocumentError("syntax")
        found[tag] = {"vr": vr, **_of_attribute(one, vr, levels)}
        if "@privateCreator" in one:
            found[tag]["privateCreator"] = one["@privateCreator"]
    return found


def _of_attribute(one: Tree, vr: str, levels: int) -> dict[str, Tree]:
    kinds = [name for name in ("Value", "PersonName", "Item", "BulkData", "InlineBinary") if name in one]
    if not kinds:
        return {}
    [kind] = kinds if len(kinds) == 1 else [""]
    held = _called(one, kind)
    match kind:
        case "Item":
            return {"Value": [_attributes(item, levels + 1) for item in _in_order(held)]}
        case "Value":
            return {"Value": [_number(vr, _text(value)) for value in _in_order(held)]}
        case "PersonName":
            return {"Value": [_person(value) for value in _in_order(held)]}
        case "InlineBinary" if len(held) == 1:
            return {"InlineBinary": _text(held[0])}
        case "BulkData" if len(held) == 1 and isinstance(held[0], dict) and len(held[0]) == 1 \
                and held[0].keys() <= {"@uri", "@URI", "@uuid"}:
            return {"BulkDataURI": next(iter(held[0].values()))}
    raise DocumentError("syntax")


def _person(value: Tree) -> Tree:
    """A name as JSON has it: its parts with carets between them."""
    if value.keys() - {"@number", ORDER, *_GROUPS} or _words(value):
        raise DocumentError("syntax")
    found = {}
    for group in _GROUPS:
        for one in _called(value, group):
            if group in found or not isinstance(one, dict) or one.keys() - {ORDER, *_PARTS} or _words(one):
                raise DocumentError("syntax")
            texts = [_called(one, part) for part in _PARTS]
            if any(len(every) > 1 for every in texts):
                raise DocumentError("syntax")
            found[group] = "^".join(_text(every[0]) or "" if every else "" for every in texts).rstrip("^")
    return found


def _called(element: Tree, name: str) -> list[Tree]:
    found = element.get(name, [])
    return found if isinstance(found, list) else [found]


def _words(element: Tree) -> bool:
    """Whether there is text between the children of an element."""
    texts = _called(element, "#text")
    return any(one.strip() for one in texts if isinstance(one, str))


def _in_order(held: list[Tree]) -> list[Tree]:
    """The values of an attribute by their numbers, which must be 1, 2 and so on."""
    by_number = {one.get("@number"): one for one in held if isinstance(one, dict)}
    if by_number.keys() != {str(number) for number in range(1, len(held) + 1)}:
        raise DocumentError("syntax")
    return [by_number[str(number)] for number in range(1, len(held) + 1)]


def _text(value: Tree) -> str | None:
    """The text of an element that has nothing else."""
    if isinstance(value, str):
        return value
    if not isinstance(value, dict) or value.keys() - {"@number", "#text", ORDER}:
        raise DocumentError("syntax")
    text = value.get("#text")
    if text is not None and not isinstance(text, str):
        raise DocumentError("syntax")
    return text


def _number(vr: str, text: str | None) -> Tree:
    is_numeric = text is not None and (vr in _NUMBERS or vr in ("DS", "IS")) and is_number(text)
    return Number(text) if is_numeric else text
