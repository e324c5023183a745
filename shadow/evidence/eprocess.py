"""The e-processes of the gate: how strongly counts show a rate below a limit, or above it. Pure.

People look at the result daily, and a test that is meant for one look would soon be wrong. An e-process may be looked
at after every exchange (Ville's inequality). With x bad exchanges of n and a limit p0, it weighs every rate below the
limit (a Beta(a, b) prior cut off at p0; a = 1/2, b = 2a/p0) against the limit itself:

    E = [I_p0(a+x, b+n−x) · B(a+x, b+n−x)] / [I_p0(a, b) · B(a, b) · p0^x · (1−p0)^(n−x)]

If the true rate is p0 or more, the probability that E ever reaches 1/α is at most α. Rates above the limit are weighed
likewise: by the same prior cut off from below, averaged with a flat one, which soon shows a broken modern arm.

**Old evidence must not drown a new defect.** So rates above the limit are weighed from many starts at once: the
e-process of the exchanges since the start of number j has the weight 1/(j·(j+1)). Starts are 50 effective exchanges
apart. All weights together are 1, so the sum is an e-process too. A sum over fewer starts is smaller, so it still is
valid. Simulated with ten million clean exchanges, and then a tenth of the answers wrong at a limit of 0.1 %: that is
shown after a median of 81 exchanges, and in 95 % of seeds after 150 (tests/shadow/evidence/test_eprocess.py).

**Attempts must not buy SAFE.** Who begins again often enough is lucky once. So the k-th attempt has α/(k·(k+1)) of α to
spend on SAFE, and all attempts together α. An attempt that was given up early counts in part (`part_spent`): else
whoever begins anew at each bad exchange would have as many attempts as they like for nothing. At a rate equal to the
limit 1.3 % of first attempts are clean for as long as SAFE takes, so that a hundred such attempts would be told SAFE in
72 % of cases. It counts whole once one bad exchange was to be expected in it at the limit. So k need not be a whole
number. The best that can be made of that, by beginning anew whenever it pays most, is computed by dynamic programming
(tests/evidence/restarting.py): at the limit it leads to SAFE in 4.99 % of cases at a confidence of 95 %, in 19.7 % at
80 % and in 0.98 % at 99 %, however often evidence begins anew.
"""

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

_A = 0.5
_TINY = 1e-300


class Since(NamedTuple):
    """The exchanges since one start of the mixture: of `n`, `bad` are bad. `number` is that of the start, from 1."""

    number: int
    bad: int
    n: int


def spent(confidence: float, attempt: float) -> float:
    """The part of α that the attempt of this number (from 1) has to spend on SAFE."""
    return (1 - confidence) / (attempt * (attempt + 1))


def part_spent(effective: int, limit: float) -> float:
    """The part of an attempt (0 to 1) that counts if it was given up after so many effective exchanges."""
    return min(1.0, effective * limit)


def weight(bad: int, n: int, limit: float) -> float:
    """ln E: how strongly `bad` of `n` exchanges show a rate below `limit` (0 < limit < 1)."""
    prior = 2 * _A / limit
    return _log_below(limit, _A + bad, prior + n - bad) - _log_below(limit, _A, prior) - _log_at(bad, n, limit)


def weight_against(bad: int, n: int, limit: float) -> float:
    """ln of the mirrored E: how strongly `bad` of `n` exchanges show a rate above `limit`."""
    # One prior expects rates near the limit, the other (Jeffreys') any. The mean of two e-processes is an e-process.
    near, far = (
        _log_above(limit, _A + bad, prior + n - bad) - _log_above(limit, _A, prior) for prior in (2 * _A / limit, _A)
    )
    high = max(near, far)
    return high + math.log((math.exp(near - high) + math.exp(far - high)) / 2) - _log_at(bad, n, limit)


@lru_cache(maxsize=1024)
def needed(bad: int, limit: float, alpha: float) -> int:
    """The fewest exchanges that show a rate below `limit` at level `alpha` if `bad` of them are bad."""
    wanted = -math.log(alpha)
    low, high = bad, max(bad, 1)
    while weight(bad, high, limit) < wanted:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if weight(bad, middle, limit) >= wanted else (middle, high)
    return high


def most_against(bad: int, n: int, limit: float) -> float:
    """The most that `weight_against` can be, which is cheap to compute: the likelihood of the best rate above the limit
    against that of the limit."""
    if bad <= limit * n:
        return 0.0
    return bad * math.log(bad / n / limit) + (
        (n - bad) * (math.log1p(-bad / n) - math.log1p(-limit)) if bad < n else 0.0)


def against(starts: Sequence[Since], limit: float, wanted: float) -> float:
    """ln of the mixture over start times: how strongly exchanges show a rate above `limit`, now or for a while. It is
    exact only as far as needed to tell whether it is `wanted` or more: no start is weighed that cannot matter."""
    bounds = sorted(((most_against(one.bad, one.n, limit) + _log_start(one.number), one) for one in starts if one.n),
                    reverse=True)
    total = -math.inf
    for left, (most, one) in zip(range(len(bounds), 0, -1), bounds, strict=True):
        if total >= wanted or _log_sum(total, most + math.log(left)) < wanted:
            break
        total = _log_sum(total, weight_against(one.bad, one.n, limit) + _log_start(one.number))
    return total


def most_in(starts: Sequence[Since], limit: float) -> float:
    """The most that `against` can be."""
    return max((most_against(one.bad, one.n, limit) + _log_start(one.number) for one in starts if one.n),
               default=-math.inf) + math.log(max(len(starts), 1))


def _log_start(number: int) -> float:
    return -math.log(number * (number + 1))


def _log_sum(one: float, other: float) -> float:
    high = max(one, other)
    return high if high == -math.inf else high + math.log1p(math.exp(min(one, other) - high))


# --- numbers: the incomplete beta function, as logarithms throughout ---

def _log_at(bad: int, n: int, limit: float) -> float:
    return bad * math.log(limit) + (n - bad) * math.log1p(-limit)


def _log_below(limit: float, a: float, b: float) -> float:
    """ln of the integral of t^(a−1)·(1−t)^(b−1) from 0 to `limit`."""
    return _log_part(limit, 1 - limit, math.log(limit), math.log1p(-limit), a, b)


def _log_above(limit: float, a: float, b: float) -> float:
    """The same, from `limit` to 1."""
    return _log_part(1 - limit, limit, math.log1p(-limit), math.log(limit), b, a)


def _log_part(x: float, y: float, log_x: float, log_y: float, a: float, b: float) -> float:
    """ln of the integral of t^(a−1)·(1−t)^(b−1) from 0 to x, y = 1 − x. Up to the mean the fraction converges fast;
    beyond it, the other side is subtracted from the whole."""
    if x < (a + 1) / (a + b + 2):
        return a * log_x + b * log_y - math.log(a) - math.log(_fraction(x, a, b))
    whole = math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
    other = b * log_y + a * log_x - math.log(b) - math.log(_fraction(y, b, a))
    return whole + math.log1p(-min(math.exp(other - whole), 1 - 1e-16))


def _fraction(x: float, a: float, b: float) -> float:
    """The continued fraction of the incomplete beta function (DLMF 8.17.22) by Lentz's method: 1 + d1/(1 + d2/(1 + …)).
    Some √max(a, b) steps at worst."""
    value, c, d = 1.0, 1.0, 0.0
    for step in range(1, 100_000):
        m, odd = divmod(step, 2)
        if odd:
            term = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        else:
            term = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        d = 1 / (1 + term * d or _TINY)
        c = 1 + term / c or _TINY
        value *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return value
