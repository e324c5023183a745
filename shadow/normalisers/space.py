"""`space`: text that differs only in white space. Text of white space alone does not count as empty text."""

from collections.abc import Hashable
from dataclasses import dataclass

from adapters.document import Number, Tree


@dataclass(frozen=True, slots=True)
class Space:
    """Strings are alike if they are equal once each run of white space is one space and the ends are trimmed."""

    @dataclass(frozen=True, slots=True)
    class Options:
        """No options."""

    options: Options

    def form(self, value: Tree) -> Hashable:
        if not isinstance(value, str) or isinstance(value, Number):
            return None
        return " ".join(value.split()) or None

    def alike(self, legacy: Tree, modern: Tree) -> bool:
        form = self.form(legacy)
        return form is not None and form == self.form(modern)
