"""Normaliser: a plugin that recognises one expected variation of a scalar, so that it counts as no difference."""

from collections.abc import Hashable
from typing import Protocol

from adapters.document import Tree


class Normaliser(Protocol):
    """One expected variation. Both methods take any scalar of a tree (string, Number, boolean, None).

    Neither raises anything. `alike` is reflexive and symmetric. It is asked about values of one type that differ, and
    never takes an invalid value for a valid one. Values that are alike have the same `form`. A normaliser is immutable,
    equals another one of the same options, and can be pickled. `check_normaliser` in shadow.testing checks all of
    that.
    """

    def form(self, value: Tree) -> Hashable:
        """A key that all values alike with this one share; None if no other value is alike."""
        ...

    def alike(self, legacy: Tree, modern: Tree) -> bool:
        """Whether the two differ only in the expected way."""
        ...
