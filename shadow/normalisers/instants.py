"""`instants`: one moment, written in two time zones. A date, or a time without a zone, is no instant."""

from collections.abc import Hashable
from dataclasses import dataclass

from adapters.document import Number, Tree
from shadow.normalisers.rfc3339 import instant


@dataclass(frozen=True, slots=True)
class Instants:
    """Two instants (see `rfc3339`) are alike if they are the same moment, to the last digit."""

    @dataclass(frozen=True, slots=True)
    class Options:
        """No options."""

    options: Options

    def form(self, value: Tree) -> Hashable:
        found = instant(value) if isinstance(value, str) and not isinstance(value, Number) else None
        return found and found.moment

    def alike(self, legacy: Tree, modern: Tree) -> bool:
        form = self.form(legacy)
        return form is not None and form == self.form(modern)
