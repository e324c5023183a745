"""`case`: text that differs only in capitals and small letters."""

from collections.abc import Hashable
from dataclasses import dataclass

from adapters.document import Number, Tree


@dataclass(frozen=True, slots=True)
class Case:
    """Strings are alike if their case-folded forms are equal (Unicode 3.13, default caseless matching)."""

    @dataclass(frozen=True, slots=True)
    class Options:
        """No options."""

    options: Options

    def form(self, value: Tree) -> Hashable:
        return value.casefold() if isinstance(value, str) and value and not isinstance(value, Number) else None

    def alike(self, legacy: Tree, modern: Tree) -> bool:
        form = self.form(legacy)
        return form is not None and form == self.form(modern)
