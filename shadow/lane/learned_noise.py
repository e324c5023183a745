"""Noise: when legacy is asked twice, and which mismatches are no more than legacy's disagreement with itself.

A bracket is legacy, modern and legacy again (shadow.evidence.noise). Brackets show at which paths legacy drifts: there
its second answer differs from its first. So do natural repeats, for nothing: a client that asks twice. If legacy drifts
in many of its answers, at one path and in nothing but a value, modern will differ there as often, and asking the arms
again shows nothing. Such a mismatch is `unstable`: it is no evidence, and the verdict waits until a person has
explained the path by a rule.

Nothing that matters is hidden. A mismatch that also differs elsewhere stays a mismatch, whole. A critical difference is
never noise. Nor is a path at which modern alone disagrees more often than legacy alone. A path counts as noisy only if
a tenth of the answers drift there: then far more exchanges are left out for it than a verdict allows.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

from shadow.compare.comparison import Comparison
from shadow.compare.difference import Severity
from shadow.compare.findings import MAX_DIFFERENCES
from shadow.evidence.epoch import Epoch
from shadow.evidence.noise import ALARM, EXPIRES, PROPOSED, Noise, added, e_value, is_plain, table

FIRST = 20
"""Exchanges of a scope that are bracketed before any are picked by chance: noise is known before it could mislead."""

MOST = 60
"""The same while it is undecided whether a path is noisy: legacy drifted there, but not often enough yet."""

SHARE = 0.1
"""The share of a scope's brackets in which a noisy path drifts. Rarer drift settles when the arms are asked again."""

SEEN = 60
"""Natural repeats of a scope that are all compared: noise is known soon. Of further ones a sample is."""

TURNS = 8
"""The sample has the repeats of one target in so many."""

TURN = 10.0
"""Seconds after which the sample has those of other targets."""

CROWD = 500
"""The most answers of a scope that wait for repeats of any target within a TURN: past that, only the sample does."""

PATHS = 100
"""Paths kept of a scope. Drift at further ones is not learned."""

EPOCHS = 4
"""Epochs kept of a scope: two builds of either arm may run side by side."""


class Scope(NamedTuple):
    """The answers for which noise is learned together: those of one operation with one status class (legacy's: 2, 4,
    5), in one epoch."""

    capability: str
    operation: str
    status: int
    epoch: Epoch


@dataclass(slots=True)
class _Brackets:
    """The brackets of one scope: how many were `asked` for and `judged`, whether some path is `undecided`, the paired
    table (`rows`) by kind and path, and when each `noisy` path last drifted (seconds since 1970). `repeats` are the
    natural repeats that were compared; `judged` counts them too. So many answers of this `turn` have been `waiting` for
    theirs."""

    asked: int = 0
    repeats: int = 0
    turn: int = 0
    waiting: int = 0
    judged: int = 0
    undecided: bool = False
    rows: dict[tuple[str, str], Noise] = field(default_factory=dict)
    noisy: dict[tuple[str, str], float] = field(default_factory=dict)


class LearnedNoise:
    """What one worker has learned from brackets, by scope. It is bounded by the number of operations."""

    def __init__(self) -> None:
        self._scopes: dict[tuple[str, str, int], dict[Epoch, _Brackets]] = {}

    def wants(self, scope: Scope) -> bool:
        """Whether the next exchange should be bracketed, whatever chance says."""
        brackets = self._of(scope)
        return brackets.asked < (MOST if brackets.undecided else FIRST)

    def asked(self, scope: Scope) -> None:
        """Count that legacy was asked for a second answer."""
        self._of(scope).asked += 1

    def awaits_repeat(self, scope: Scope, target: bytes, now: float) -> bool:
        """Whether legacy's answer to a request for this target, at this time of the event loop, is to be held against
        the next one to the same request. Nothing is known of the answers then, so that shares are fair."""
        brackets, turn = self._of(scope), int(now / TURN)
        if turn != brackets.turn:
            brackets.turn, brackets.waiting = turn, 0
        if (brackets.repeats >= SEEN or brackets.waiting >= CROWD) and (hash(target) + turn) % TURNS:
            return False
        brackets.waiting += 1
        return True

    def repeated(self, scope: Scope) -> None:
        """Count that a natural repeat is compared, however that turns out."""
        self._of(scope).repeats += 1

    def drifts(self, scope: Scope) -> bool:
        """Whether legacy was ever seen to disagree with itself in this scope."""
        return any(row.own for row in self._of(scope).rows.values())

    def add(self, scope: Scope, bracket: Comparison) -> None:
        """Learn from a bracket, or from a natural repeat. Its exchange must have been picked before anything was known
        of it, so that the counts are fair."""
        brackets = self._of(scope)
        brackets.judged += 1
        for (*_, kind, path), row in table([bracket], scope.epoch).items():
            spot = kind, path
            if spot in brackets.rows:
                brackets.rows[spot] = added(brackets.rows[spot], row)
            elif len(brackets.rows) < PATHS:
                brackets.rows[spot] = row
        least, alarm = max(PROPOSED, SHARE * brackets.judged), ALARM * len(brackets.rows)
        brackets.undecided = any(0 < row.own < least for row in brackets.rows.values())
        brackets.noisy = {spot: row.last_seen for spot, row in brackets.rows.items()
                          if row.plain and row.own >= least and e_value(row.modern, row.legacy) < alarm}

    def explains(self, scope: Scope, found: Comparison) -> bool:
        """Whether a mismatch is nothing but known noise."""
        brackets = self._scopes.get(scope[:3], {}).get(scope.epoch)
        noisy = brackets.noisy if brackets is not None else {}
        return (
            0 < len(found.differences) < MAX_DIFFERENCES
            and all(is_plain(one) and one.severity is not Severity.CRITICAL
                    and found.at < noisy.get((one.kind, one.path), -EXPIRES) + EXPIRES for one in found.differences)
        )

    def _of(self, scope: Scope) -> _Brackets:
        epochs = self._scopes.get(scope[:3])
        if epochs is None:
            epochs = self._scopes[scope[:3]] = {}
        found = epochs.get(scope.epoch)
        if found is None:
            if len(epochs) >= EPOCHS:
                del epochs[next(iter(epochs))]
            found = epochs[scope.epoch] = _Brackets()
        return found
