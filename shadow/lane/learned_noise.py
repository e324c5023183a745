"""Noise that one worker has learnt from brackets, and which mismatches are no more than that.

Where legacy disagrees with itself in a good part of its answers, at one path and in nothing but a value, modern will
differ there as often, and no asking of the other arm can tell more. Such a mismatch is `unstable`: nothing is known of
it, so it is no evidence either, and the verdict waits until a person has said what the path is.

It hides nothing that matters. What differs elsewhere too stays a mismatch, whole; what is critical is never noise; and
a path where modern alone disagrees more often than legacy alone (shadow.evidence.noise) is noise no more. A path must
be noisy in a tenth of the answers: then what is left out for it is far more than a verdict lets pass.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

from shadow.compare.comparison import Comparison
from shadow.compare.diff import MAX_DIFFERENCES
from shadow.compare.difference import Severity
from shadow.evidence.epoch import Epoch
from shadow.evidence.noise import ALARM, EXPIRES, PROPOSED, Noise, added, e_value, is_plain, table

FIRST = 20
"""Exchanges of a place that are bracketed before any are picked by chance: noise is known before it could mislead."""

MOST = 60
"""The same where it is yet to be told whether a path is noisy: legacy disagreed with itself, and not often enough."""

SHARE = 0.1
"""Of the brackets of a place: where legacy disagrees with itself less often, asking again settles it."""

PATHS = 100
"""Paths kept of a place. What drifts beyond them is not learnt."""

EPOCHS = 4
"""Epochs kept of a place: two builds of either arm may be at work side by side."""


class Place(NamedTuple):
    """What is learnt apart: an operation's answers of one status class (legacy's: 2, 4, 5), on one epoch."""

    capability: str
    operation: str
    status: int
    epoch: Epoch


@dataclass(slots=True)
class _Brackets:
    asked: int = 0
    judged: int = 0
    undecided: bool = False
    rows: dict[tuple[str, str], Noise] = field(default_factory=dict)
    noisy: dict[tuple[str, str], float] = field(default_factory=dict)
    """When each path that is noise now was last seen to be."""


class Learnt:
    """What brackets have said, by place. Bounded by the operations that there are."""

    def __init__(self) -> None:
        self._places: dict[tuple[str, str, int], dict[Epoch, _Brackets]] = {}

    def wants(self, place: Place) -> bool:
        """Whether an exchange there should be bracketed, whatever chance says."""
        known = self._of(place)
        return known.asked < (MOST if known.undecided else FIRST)

    def asked(self, place: Place) -> None:
        """Legacy was asked for its second answer."""
        self._of(place).asked += 1

    def drifts(self, place: Place) -> bool:
        """Whether legacy was seen to disagree with itself there, however seldom."""
        return any(row.legacy or row.both for row in self._of(place).rows.values())

    def add(self, place: Place, bracket: Comparison) -> None:
        """What a bracket came to. It must have been picked before anything was known of it, so that counts are fair."""
        known = self._of(place)
        known.judged += 1
        for (*_, kind, path), row in table([bracket], place.epoch).items():
            spot = kind, path
            if spot in known.rows:
                known.rows[spot] = added(known.rows[spot], row)
            elif len(known.rows) < PATHS:
                known.rows[spot] = row
        least, alarm = max(PROPOSED, SHARE * known.judged), ALARM * len(known.rows)
        known.undecided = any(0 < row.legacy + row.both < least for row in known.rows.values())
        known.noisy = {spot: row.last_seen for spot, row in known.rows.items()
                       if row.plain and row.legacy + row.both >= least and e_value(row.modern, row.legacy) < alarm}

    def explains(self, place: Place, found: Comparison) -> bool:
        """Whether a mismatch is nothing but noise that is known."""
        known = self._places.get(place[:3], {}).get(place.epoch)
        noisy = known.noisy if known is not None else {}
        return (
            0 < len(found.differences) < MAX_DIFFERENCES
            and all(is_plain(one) and one.severity is not Severity.CRITICAL
                    and found.at < noisy.get((one.kind, one.path), -EXPIRES) + EXPIRES for one in found.differences)
        )

    def _of(self, place: Place) -> _Brackets:
        epochs = self._places.setdefault(place[:3], {})
        if place.epoch not in epochs:
            if len(epochs) >= EPOCHS:
                del epochs[next(iter(epochs))]
            epochs[place.epoch] = _Brackets()
        return epochs[place.epoch]
