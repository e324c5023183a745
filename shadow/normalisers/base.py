"""What a normaliser is: the one expected variation of a scalar that it takes for no difference."""

from collections.abc import Hashable
from typing import Protocol

from adapters.document import Tree


class Normaliser(Protocol):
    """One behaviour. Both methods take any scalar of a tree (string, Number, boolean, None), and raise nothing.

    `alike` is reflexive and symmetric, and is asked about values of one type that differ. It never takes an invalid
    value for a valid one. Values that are alike have one `form`. A normaliser is immutable, compares equal to
    another of the same options, and can be pickled. `check_normaliser` in shadow.testing holds it to that.
    """

    def form(self, value: Tree) -> Hashable:
        """What all values that are alike with this one share; None where it is alike with none but itself."""
        ...

    def alike(self, legacy: Tree, modern: Tree) -> bool:
        """Whether the difference of the two is the expected one."""
        ...
