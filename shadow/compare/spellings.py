"""Two ways to write one text that say the same wherever they stand: instants, letters and Base64. Pure.

Neither of them ever hides a difference: `tests/shadow/compare/test_benign.py` holds each of them to that.
"""

import re
from collections.abc import Hashable
from unicodedata import combining, normalize

from adapters.document import Number, Tree
from shadow.normalisers.rfc3339 import Instant, instant

INSTANT = "default instant"
"""One moment at one offset: `Z`, `+00:00` and `+0000`, and zeros at the end of a fraction."""
NFC = "default nfc"
"""One text, composed and decomposed (Unicode 3.11, canonical equivalence)."""
BASE64 = "default base64"
"""One Base64 text, in lines and without (RFC 2045 section 6.8, RFC 4648 section 3.1)."""

_BREAK = re.compile(r"\\(?:\.br|X0D|X0A|X0D0A)\\")
"""A line break as HL7 v2 writes it (chapter 2, sections 2.7.1 and 2.7.5)."""
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")
_MARKS = 30
"""Marks that follow each other, at most: Unicode's Stream-Safe Text Format (UAX 15, section 13)."""
_SHORT = 1_000
"""Characters of a text that is put in order whatever it holds."""
_LINE = 60
"""Characters of a line of Base64, at least: PEM has 64, MIME 76. No language has words of that length."""


def alike(old: str, new: str) -> str:
    """The rule by which two texts that differ are one; "" if they are not."""
    if (one := moment(old)) is not None and one == moment(new):
        return INSTANT
    if not (old.isascii() and new.isascii()) and _composed(old) == _composed(new):
        return NFC
    if (bare := _unwrapped(old)) is not None and bare == _unwrapped(new):
        return BASE64
    return ""


def form(text: str) -> Hashable:
    """What is equal for two texts that are alike, or equal."""
    if (found := moment(text)) is not None:
        return found
    if not text.isascii():
        return _composed(text)
    return _unwrapped(text) or text


def moment(value: Tree) -> Instant | None:
    """The instant that a value is; None if it is none."""
    if not isinstance(value, str) or value[10:11] != "T" or isinstance(value, Number):
        return None
    return instant(value)


def _composed(text: str) -> str:
    """The text in NFC. One in which more marks follow each other than any language needs stays as it is: to put n marks
    in order takes Python n² steps."""
    if len(text) > _SHORT:
        run = 0
        for mark in map(combining, text):
            run = run + 1 if mark else 0
            if run > _MARKS:
                return text
    return normalize("NFC", text)


def _unwrapped(value: str) -> str | None:
    """A Base64 text without its line breaks; None if it is no such text, or too short to tell."""
    if len(value) < _LINE:
        return None
    lines = _BREAK.sub("\n", value).split()
    if not lines or len(lines[-1]) > len(lines[0]) or any(len(one) != len(lines[0]) for one in lines[:-1]):
        return None
    if len(lines[0]) < _LINE or (len(lines) > 1 and len(lines[0]) % 4):
        return None
    whole = "".join(lines)
    return whole if len(whole) % 4 == 0 and _BASE64.fullmatch(whole) else None
