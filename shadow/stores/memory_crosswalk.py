"""Who is who, in the store in memory: what sqlite_crosswalk keeps in tables."""

from collections.abc import Iterable
from dataclasses import replace
from typing import TypeAlias

from shadow.compare.tokens import crosswalk_place
from shadow.ledger.rows import CROSSED_EPOCHS, PAIRS, Binding, Crossed, Crossing, conflicts, crossed
from shadow.ledger.unlink import Tokens
from shadow.stores.base import Held, is_held

_Place: TypeAlias = tuple[str, str]
"""Capability and the epoch's digest."""

_Forward: TypeAlias = dict[tuple[str, str], tuple[str, float]]
_Backward: TypeAlias = dict[tuple[str, str], str]
"""Pairs of one epoch, from each side: by class and identifier; when a pair was last seen, beside modern's."""


class MemoryCrosswalk:
    """Pairs, and how many bindings came to be what. Not safe by itself for several threads."""

    def __init__(self) -> None:
        self._pairs: dict[_Place, tuple[_Forward, _Backward]] = {}
        self._crossings: dict[tuple[str, str, str, Crossed], Crossing] = {}

    def add(self, one: Binding, held: Held) -> None:
        """Add a pair to what is known, or count that it contradicts it. Drops epochs past their bound."""
        place = one.capability, one.epoch
        forward, backward = self._of(place, held)
        old, new = (one.name, one.legacy), (one.name, one.modern)
        kinds = conflicts(one.split, one.merged)
        if not kinds:
            if old in forward and forward[old][0] == one.modern:
                forward[old] = one.modern, max(one.at, forward[old][1])
                return
            kinds = conflicts(old in forward, new in backward)
        if not kinds:
            kinds = (Crossed.PAIR if len(forward) < PAIRS else Crossed.OVERFLOW,)
            if len(forward) < PAIRS:
                forward[old], backward[new] = (one.modern, one.at), one.legacy
        for kind in kinds:
            row = Crossing(*place, one.name, kind, 1, one.at, one.at, one.trace_id)
            key = *place, one.name, kind
            self._crossings[key] = crossed(self._crossings[key], row) if key in self._crossings else row

    def _of(self, place: _Place, held: Held) -> tuple[_Forward, _Backward]:
        """The pairs of an epoch. Makes room for one that is new."""
        if place not in self._pairs:
            known = [] if is_held(place[0], held) else [one for one in self._pairs if one[0] == place[0]]
            for over in sorted(known, key=self._last)[:max(0, len(known) - CROSSED_EPOCHS + 1)]:
                del self._pairs[over]
                self._crossings = {key: row for key, row in self._crossings.items() if key[:2] != over}
            self._pairs[place] = {}, {}
        return self._pairs[place]

    def _last(self, place: _Place) -> float:
        return max(row.last_seen for key, row in self._crossings.items() if key[:2] == place)

    def forget(self, before: float, held: Held) -> None:
        """Drop what was not seen since `before`."""
        for place, (forward, backward) in self._pairs.items():
            for (name, legacy), (modern, at) in [] if is_held(place[0], held) else list(forward.items()):
                if at < before:
                    del forward[name, legacy], backward[name, modern]
                    key = *place, name, Crossed.PAIR
                    self._crossings[key] = replace(self._crossings[key], count=self._crossings[key].count - 1)
        self._crossings = {
            key: row for key, row in self._crossings.items()
            if row.last_seen >= before or (row.count and row.kind is Crossed.PAIR) or is_held(key[0], held)}
        told = {key[:2] for key in self._crossings}
        self._pairs = {place: both for place, both in self._pairs.items() if place in told}

    def unlink(self, tokens: Tokens, held: Held) -> tuple[int, int]:
        """Drop every pair of which one identifier has one of these tokens; how many, and how many are held."""
        gone = kept = 0
        for place, (forward, backward) in self._pairs.items():
            for (name, legacy), (modern, _) in list(forward.items()):
                if legacy not in tokens(place[0], crosswalk_place(name, "legacy")) and (
                        modern not in tokens(place[0], crosswalk_place(name, "modern"))):
                    continue
                if is_held(place[0], held):
                    kept += 1
                    continue
                gone += 1
                del forward[name, legacy], backward[name, modern]
                key = *place, name, Crossed.PAIR
                self._crossings[key] = replace(self._crossings[key], count=self._crossings[key].count - 1)
        return gone, kept

    def rows(self) -> Iterable[Crossing]:
        """All that is counted."""
        return self._crossings.values()
