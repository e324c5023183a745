"""`volatile`: a value that is new in each answer. Two such values count as the same only if both are valid."""

import re
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from adapters.document import Number, Tree

_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)", re.ASCII)
_UUID = re.compile(r"(?:urn:uuid:)?[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_OPAQUE = re.compile(r"[!-~]{1,512}")
_URL = re.compile(r"https?://[^\s/?#]+[^\s]*", re.IGNORECASE)
_INT = re.compile(r"-?[0-9]{1,30}", re.ASCII)


def is_instant(text: str) -> bool:
    """Whether a text is a date and time with a zone (RFC 3339 section 5.6) that the calendar has."""
    if not _INSTANT.fullmatch(text):
        return False
    try:
        datetime.fromisoformat(text[:19])
    except ValueError:
        return False
    return text.endswith("Z") or (int(text[-5:-3]) < 24 and int(text[-2:]) < 60)


_VALID: dict[str, Callable[[str], object]] = {
    "instant": is_instant, "uuid": _UUID.fullmatch, "opaque": _OPAQUE.fullmatch, "url": _URL.fullmatch,
    "int": _INT.fullmatch,
}


@dataclass(frozen=True, slots=True)
class Volatile:
    """Any two valid values of the type are alike. Null and "" are of no type; a date without a time is no instant."""

    @dataclass(frozen=True, slots=True)
    class Options:
        """`type`: what both sides must hold."""

        type: Literal["instant", "uuid", "opaque", "url", "int"]

    options: Options

    def form(self, value: Tree) -> Hashable:
        if not isinstance(value, str) or (isinstance(value, Number) and self.options.type != "int"):
            return None
        return (type(value), self.options.type) if _VALID[self.options.type](value) else None

    def alike(self, legacy: Tree, modern: Tree) -> bool:
        form = self.form(legacy)
        return form is not None and form == self.form(modern)
