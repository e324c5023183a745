"""Writes files of DICOM (PS3.10), little endian.

    part10({"00100010": ("PN", "Adeyemi^Amara"), "00280010": ("US", 16), "7FE00010": ("OW", pixels)}) -> bytes

An element is a value representation and what it holds: text, a number or a list of numbers, bytes, or for "SQ" a list
of data sets. Text is written in UTF-8 (ISO_IR 192).
"""

import struct
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

DataSet: TypeAlias = Mapping[str, tuple[str, Any]]

_EXPLICIT, _IMPLICIT, _JPEG = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2", "1.2.840.10008.1.2.4.50"
_NUMBERS = {"US": "H", "SS": "h", "UL": "I", "SL": "i", "FL": "f", "FD": "d"}
_LONG = frozenset({"OB", "OW", "SQ", "UC", "UN", "UR", "UT"})
_UNTOLD = 0xFFFFFFFF


class _Style(NamedTuple):
    """How elements are written: without their representations, and with sequences and items of untold length."""

    implicit: bool = False
    untold: bool = False


def part10(data: DataSet, *, implicit: bool = False, untold: bool = False) -> bytes:
    """The file: its preamble, the meta information, and the data set, which must name its class and its instance."""
    return _begun(data, _IMPLICIT if implicit else _EXPLICIT) + _written(data, _Style(implicit, untold))


def encapsulated(data: DataSet, fragments: Sequence[bytes], table: bytes = b"") -> bytes:
    """A file whose pixels are compressed, in these fragments of an even length (PS3.5 section A.4)."""
    items = b"".join(_item(one) for one in (table, *fragments))
    pixels = struct.pack("<HH2s2xI", 0x7FE0, 0x10, b"OB", _UNTOLD) + items + _delimiter(0xE0DD)
    return _begun(data, _JPEG) + _written(data, _Style()) + pixels


def _begun(data: DataSet, syntax: str) -> bytes:
    meta = _written({
        "00020001": ("OB", b"\0\1"), "00020002": data["00080016"], "00020003": data["00080018"],
        "00020010": ("UI", syntax), "00020012": ("UI", "2.25.1"),
    }, _Style())
    return bytes(128) + b"DICM" + _written({"00020000": ("UL", len(meta))}, _Style()) + meta


def _written(data: DataSet, style: _Style) -> bytes:
    return b"".join(_element(tag, *data[tag], style) for tag in sorted(data))


def _element(tag: str, vr: str, value: Any, style: _Style) -> bytes:
    """One element (PS3.5 section 7.1), its value padded to an even length."""
    held = _sequence(value, style) if vr == "SQ" else _value(vr, value)
    held += (b"\0" if vr in ("UI", "OB") else b" ") * (len(held) % 2)
    length = _UNTOLD if vr == "SQ" and style.untold else len(held)
    head = struct.pack("<HH", int(tag[:4], 16), int(tag[4:], 16))
    if style.implicit:
        return head + struct.pack("<I", length) + held
    return head + vr.encode() + (struct.pack("<2xI", length) if vr in _LONG else struct.pack("<H", length)) + held


def _sequence(items: Sequence[DataSet], style: _Style) -> bytes:
    if not style.untold:
        return b"".join(_item(_written(one, style)) for one in items)
    begin = struct.pack("<HHI", 0xFFFE, 0xE000, _UNTOLD)
    return b"".join(begin + _written(one, style) + _delimiter(0xE00D) for one in items) + _delimiter(0xE0DD)


def _item(held: bytes) -> bytes:
    return struct.pack("<HHI", 0xFFFE, 0xE000, len(held)) + held


def _delimiter(element: int) -> bytes:
    return struct.pack("<HHI", 0xFFFE, element, 0)


def _value(vr: str, value: Any) -> bytes:
    if vr in _NUMBERS:
        numbers = value if isinstance(value, list) else [value]
        return struct.pack(f"<{len(numbers)}{_NUMBERS[vr]}", *numbers)
    return value if isinstance(value, bytes) else str(value).encode()
