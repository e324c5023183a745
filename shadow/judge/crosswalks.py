"""The crosswalks of one process: for each capability what was seeded, and what was learnt since the process began.

They hold identifiers in clear, and only here: in memory, bounded, and gone with the process.
"""

from collections import OrderedDict
from pathlib import Path
from typing import TypeAlias

from adapters.crosswalk import Crosswalk, digest, seed
from shadow.compare.pair import Pair
from shadow.compare.rules import Class

SCOPES = 64
"""Crosswalks that are kept; the one that was used longest ago goes first."""

LEARNT = 200_000
"""Pairs of one crosswalk that are kept of those learnt. An exchange that brings more is held against nothing later."""

_Scope: TypeAlias = tuple[str, bytes, tuple[Class, ...]]


class SeedError(Exception):
    """A seed is not what it was when the rules were read, or cannot be read now. The message quotes nothing of it."""


def seeded(classes: tuple[Class, ...]) -> Crosswalk:
    """What the seeds of classes hold. Raises SeedError."""
    made = Crosswalk()
    for path in dict.fromkeys(one.seed for one in classes if one.seed):
        try:
            text = Path(path).read_bytes()
        except OSError as error:
            raise SeedError(f"{path} cannot be read: {error.strerror}") from None
        wanted = {one.name: one.digest for one in classes if one.seed == path}
        if set(wanted.values()) != {digest(text)}:
            raise SeedError(f"{path} has changed")
        for entry in seed(text).entries:
            if entry.name in wanted:
                made.bind(*entry)
    return made


class Crosswalks:
    """What is known of each capability's identifiers, apart for each epoch (which its key tells) and set of seeds; of
    each, at most `learnt` pairs beyond its seeds."""

    def __init__(self, learnt: int = LEARNT) -> None:
        self._learnt = learnt
        self._known: OrderedDict[_Scope, Crosswalk] = OrderedDict()
        self._seeds: OrderedDict[tuple[Class, ...], Crosswalk] = OrderedDict()

    def of(self, pair: Pair) -> Crosswalk:
        """The crosswalk that a pair is to be held against, and that may learn from it. Raises SeedError."""
        classes = pair.rules.classes
        scope = pair.capability, pair.key, classes
        found = self._known.get(scope)
        if found is None:
            if classes not in self._seeds:
                self._seeds[classes] = seeded(classes)
                while len(self._seeds) > SCOPES:
                    self._seeds.popitem(last=False)
            found = self._known[scope] = Crosswalk(self._seeds[classes], self._learnt)
            while len(self._known) > SCOPES:
                self._known.popitem(last=False)
        self._known.move_to_end(scope)
        return found
