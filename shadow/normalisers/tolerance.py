"""`tolerance`: numbers that are near enough. Texts that are numbers count too, as in XML and HL7 v2."""

import re
from collections.abc import Hashable
from dataclasses import dataclass
from decimal import Decimal, localcontext

from adapters.document import Tree

# Its length is bounded, so that arithmetic with it is quick.
_NUMBER = re.compile(r"[-+]?(?:[0-9]{1,40}(?:\.[0-9]{0,40})?|\.[0-9]{1,40})(?:[eE][-+]?[0-9]{1,3})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Tolerance:
    """Two numbers are alike if any of the bounds holds, however they are written: 72.50 is 72.5."""

    @dataclass(frozen=True, slots=True)
    class Options:
        """`absolute` bounds their distance; `relative` the distance as a share of the larger one; `ulp` the distance in
        units of the last place of the less precisely written one. 0 is no bound."""

        absolute: float = 0.0
        relative: float = 0.0
        ulp: float = 0.0

    options: Options

    def __post_init__(self) -> None:
        bounds = self.options.absolute, self.options.relative, self.options.ulp
        if min(bounds) < 0 or not any(bounds) or self.options.relative >= 1:
            raise ValueError("absolute: one bound is more than 0, none less, and relative less than 1")

    def form(self, value: Tree) -> Hashable:
        return type(value) if isinstance(value, str) and _NUMBER.fullmatch(value) else None

    def alike(self, legacy: Tree, modern: Tree) -> bool:
        form = self.form(legacy)
        if form is None or form != self.form(modern):
            return False
        with localcontext(prec=100):
            one, other = Decimal(legacy), Decimal(modern)
            distance = abs(one - other)
            step = Decimal(1).scaleb(max(_exponent(one), _exponent(other)))
            options = self.options
            return (distance <= Decimal(str(options.absolute))
                    or distance <= Decimal(str(options.relative)) * max(abs(one), abs(other))
                    or distance <= Decimal(str(options.ulp)) * step)


def _exponent(number: Decimal) -> int:
    exponent = number.as_tuple().exponent
    return exponent if isinstance(exponent, int) else 0
