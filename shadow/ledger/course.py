"""The Course of a stratum, or of an epoch: its sums at a few earlier moments, which are thinned as they age. Pure.

A verdict that asks "what was it like since then?" needs the sums at many moments. It need not know a distance of
10,000 exchanges to the exchange, so the moments that are kept lie ever farther apart: for any batch that ended d
exchanges ago (d at least START), one is kept that ended between d/2 and 2d ago.
"""

from shadow.compare.comparison import Outcome
from shadow.evidence.counting import Counts, counts_as
from shadow.ledger.rows import START, Point

BEGINNING = (Point(0),)
"""The points of a course in which nothing happened yet."""


def grown(points: tuple[Point, ...], more: Point) -> tuple[Point, ...]:
    """The points after a batch that added these sums. The first stays, the last is the new sum, and there are about
    2·log2(n / START) + 4 of them for n effective exchanges. Until there is a batch between, the first is also the last.

    The last point so far becomes a possible start if it is START exchanges from the start before it. A start goes if
    its older neighbour is less than twice as far from now as its younger one."""
    if not more.effective:
        return points
    last = plus(points[-1], more)
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
                 one.failed + other.failed, tuple(sorted(after.items())))


def point(outcome: Outcome, reason: str, effective: int) -> Point:
    """The sums of effective exchanges with one outcome and reason. Those that are excluded add nothing."""
    match counts_as(outcome, reason):
        case Counts.RIGHT:
            return Point(effective)
        case Counts.WRONG:
            return Point(effective, wrong=effective)
        case Counts.FIRST:
            return Point(effective, first=effective)
        case Counts.FAILED:
            return Point(effective, failed=effective)
        case Counts.AFTER:
            return Point(effective, after=((reason, effective),) if effective else ())
        case Counts.BEFORE | Counts.UNSAMPLED:
            return Point(0)

