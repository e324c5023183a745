"""`volatile`: a value that is new in each answer. Two such values count as the same only if both are valid."""

import re
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Literal

from adapters.document import Number, Tree
from shadow.normalisers.rfc3339 import instant

_UUID = re.compile(r"(?:urn:uuid:)?[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_OPAQUE = re.compile(r"[!-~]{1,512}")
_URL = re.compile(r"https?://[^\s/?#]+[^\s]*", re.IGNORECASE)
_INT = re.compile(r"-?[0-9]{1,30}", re.ASCII)


_VALID: dict[str, Callable[[str], object]] = {
    "instant": instant, "uuid": _UUID.fullmatch, "opaque": _OPAQUE.fullmatch, "url": _URL.fullmatch,
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
