"""`host`: one resource under two addresses, as in the links that a service writes to itself."""

import re
from collections.abc import Hashable
from dataclasses import dataclass

from adapters.document import Number, Tree

_URL = re.compile(r"https?://[^\s/?#]+(/[^\s#]*)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Host:
    """Absolute URLs are alike if their paths and queries are equal once the base path of each is cut off."""

    @dataclass(frozen=True, slots=True)
    class Options:
        """`bases`: base paths, such as /fhir or /api/fhir/R4. The longest that a URL's path begins with is cut off."""

        bases: tuple[str, ...] = ()

    options: Options

    def __post_init__(self) -> None:
        if any(not base.startswith("/") or base.endswith("/") for base in self.options.bases):
            raise ValueError("bases: a base begins with a slash and does not end with one")

    def form(self, value: Tree) -> Hashable:
        found = _URL.fullmatch(value) if isinstance(value, str) and not isinstance(value, Number) else None
        if found is None:
            return None
        path = found[1] or "/"
        for base in sorted(self.options.bases, key=len, reverse=True):
            if path.startswith((f"{base}/", f"{base}?")):
                return path[len(base):]
        return path

    def alike(self, legacy: Tree, modern: Tree) -> bool:
        form = self.form(legacy)
        return form is not None and form == self.form(modern)
