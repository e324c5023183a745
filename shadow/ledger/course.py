"""The Course of a stratum, or of an epoch: its sums at a few earlier moments, which are thinned as they age. Pure.

A verdict that asks "what was it like since then?" needs the sums at many moments. It need not know a distance of
10,000 exchanges to the exchange, so the moments that are kept lie ever farther apart: for any batch that ended d
exchanges ago (d at least START), one is kept that ended between d/2 and 2d ago.

Sums count by when exchanges came, not by when a store heard of them. A worker may be late with what is wrong, while
another has long written what is right of the same subjects. Put at the end, the one would look as if modern had just
broken.
"""

from math import inf

from shadow.compare.comparison import Outcome
from shadow.evidence.counting import Counts, counts_as
from shadow.ledger.rows import START, Point

BEGINNING = (Point(0),)
"""The points of a course in which nothing happened yet."""

TOGETHER = 2.0
"""Seconds: exchanges that came within them are added at once, whatever they count as."""

NEVER = 3600.0
"""Seconds: what seems to be later than that was dated by a clock that has been set, and comes at the end."""


def grown(points: tuple[Point, ...], more: Point, since: float = inf) -> tuple[Point, ...]:
    """The points after a batch that added these sums. The first stays, the last is the new sum, and there are about
    2·log2(n / START) + 4 of them for n effective exchanges. Until there is a batch between, the first is also the last.

    `since` is when the first exchange of the batch was asked. A batch is late if none of it came after the last point.
    Then it adds to all points after `since`, so that no start after that counts it: what is late never shows more
    against modern than it would have shown in time.

    The last point so far becomes a possible start if it is START exchanges from the start before it. A start goes if
    its older neighbour is less than twice as far from now as its younger one."""
    if not more.effective:
        return points
    behind = points[-1].at - more.at if more.at else 0.0
    if 0 < behind < NEVER:
        return points[0], *(plus(one, more)._replace(at=one.at) if one.at > since else one for one in points[1:])
    last = plus(points[-1], more)
    if behind >= NEVER:
        last = last._replace(at=more.at)
    is_start = len(points) == 1 or points[-1].effective - points[-2].effective >= START
    starts = points if is_start else points[:-1]
    kept: list[Point] = []
    for point in starts:
        distance = last.effective - point.effective
        while len(kept) > 1 and last.effective - kept[-2].effective < 2 * distance:
            kept.pop()
        kept.append(point)
    return (*kept, last)


def plus(one: Point, other: Point) -> Point:
    """Two sums, added up."""
    after = dict(one.after)
    for reason, count in other.after:
        after[reason] = after.get(reason, 0) + count
    return Point(one.effective + other.effective, one.wrong + other.wrong, one.first + other.first,
                 one.failed + other.failed, tuple(sorted(after.items())), max(one.at, other.at))


def point(outcome: Outcome, reason: str, effective: int, at: float = 0.0) -> Point:
    """The sums of effective exchanges with one outcome and reason, of which the latest was asked `at` a time in seconds
    since 1970. Those that are excluded add nothing."""
    match counts_as(outcome, reason):
        case Counts.RIGHT:
            return Point(effective, at=at)
        case Counts.WRONG:
            return Point(effective, wrong=effective, at=at)
        case Counts.FIRST:
            return Point(effective, first=effective, at=at)
        case Counts.FAILED:
            return Point(effective, failed=effective, at=at)
        case Counts.AFTER:
            return Point(effective, after=((reason, effective),) if effective else (), at=at)
        case Counts.BEFORE | Counts.UNSAMPLED:
            return Point(0)

