"""The most that anybody can make of beginning evidence anew: computed over all ways to do so, not simulated.

Modern's rate is exactly at the limit, so every SAFE is false. Whoever looks after each exchange may begin anew whenever
that pays, and as often as they like. The best way is found backwards (dynamic programming): first for somebody who has
all but nothing left of α, then for those who have a little more. What an attempt counts is a grid; between its points
the chance is interpolated, which makes it a little too large, since it is convex.
"""

from collections.abc import Sequence

from shadow.evidence.eprocess import needed, part_spent, spent

STEP = 0.05
"""Between two points of the grid, in attempts."""

ATTEMPTS = 40
"""Attempts after which whoever begins anew is taken to have all that is left of α."""

MOST = 9
"""Bad exchanges of one attempt after which it is given up."""


def chance_of_safe(limit: float, confidence: float, attempts: int = ATTEMPTS, step: float = STEP) -> float:
    """The chance that a modern whose rate is at the limit is ever told SAFE, if evidence begins anew at the best
    moments."""
    whole = round(1 / step)
    points = attempts * whole
    left = (1 - confidence) / (1 + attempts)
    value = [0.0] * points + [left] * (whole + 2)
    for at in reversed(range(points)):
        enough = [needed(bad, limit, spent(confidence, 1 + at * step)) for bad in range(MOST)]
        value[at] = value[at + 1]
        while (found := _attempt(enough, limit, value, at, step)) > value[at] + 1e-7:
            value[at] = found
    return value[0]


def _attempt(enough: Sequence[int], limit: float, value: Sequence[float], at: int, step: float) -> float:
    """The chance from the beginning of one attempt on. SAFE is told where `enough` exchanges have come, by how many of
    them are bad; and `value` is what is left to whoever begins anew."""
    anew = _left(part_spent(enough[-1], limit), value, at, step)
    chances = [1.0] * MOST + [anew]
    for n in reversed(range(1, enough[-1])):
        anew = _left(part_spent(n, limit), value, at, step)
        for bad in range(MOST):
            if n >= enough[bad]:
                continue
            goes_on = (1 - limit) * chances[bad] + limit * chances[bad + 1]
            chances[bad] = goes_on if goes_on > anew else anew
        chances[MOST] = anew
    return (1 - limit) * chances[0] + limit * chances[1]


def _left(part: float, value: Sequence[float], at: int, step: float) -> float:
    """What is left once a part of an attempt is spent."""
    whole, rest = divmod(part / step, 1)
    low = at + int(whole)
    return value[low] * (1 - rest) + value[low + 1] * rest
