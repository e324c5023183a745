"""`space`: text that differs in nothing but white space. Text of nothing else is not taken for empty text."""

from collections.abc import Hashable
from dataclasses import dataclass

from adapters.document import Number, Tree


@dataclass(frozen=True, slots=True)
class Space:
    """Strings are alike where they are equal once runs of white space are one space, and none at the ends."""

    @dataclass(frozen=True, slots=True)
    class Options:
        """There are none."""

    options: Options

    def form(self, value: Tree) -> Hashable:
        if not isinstance(value, str) or isinstance(value, Number):
            return None
        return " ".join(value.split()) or None

    def alike(self, legacy: Tree, modern: Tree) -> bool:
        form = self.form(legacy)
        return form is not None and form == self.form(modern)
