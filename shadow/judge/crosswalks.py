"""The crosswalks of one process: for each capability, seeded pairs and those learnt since the process started.

Identifiers are held in clear only here: in memory, bounded, and no longer than the process lives.
"""

from collections import OrderedDict
from pathlib import Path
from typing import TypeAlias

from adapters.crosswalk import Crosswalk, digest, seed
from shadow.compare.pair import Pair
from shadow.compare.rules import Class

SCOPES = 64
"""Crosswalks that are kept at most; the least recently used one is dropped first."""

LEARNT = 200_000
"""Learnt pairs that one crosswalk keeps at most. Pairs past that are not kept, so later exchanges are not checked
against them."""

_Scope: TypeAlias = tuple[str, bytes, tuple[Class, ...]]


class SeedError(Exception):
    """A seed file changed since the rules were read, or cannot be read. The message quotes nothing from the file."""


def seeded(classes: tuple[Class, ...]) -> Crosswalk:
    """A crosswalk with the pairs in the seed files of these classes. Raises SeedError."""
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
    """One crosswalk for each capability, epoch (known by its key) and set of classes. Each keeps at most `learnt` pairs
    beyond its seeds."""

    def __init__(self, learnt: int = LEARNT) -> None:
        self._learnt = learnt
        self._known: OrderedDict[_Scope, Crosswalk] = OrderedDict()
        self._seeds: OrderedDict[tuple[Class, ...], Crosswalk] = OrderedDict()

    def of(self, pair: Pair) -> Crosswalk:
        """The crosswalk that a pair is checked against, and that may learn from the pair. Raises SeedError."""
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
