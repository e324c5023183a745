"""7: what was not compared: hours, weekends, large bodies, kinds of exchanges; and who deploys daily."""

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from shadow.compare.comparison import Outcome
from shadow.evidence.criteria import Criteria, Hours
from shadow.evidence.stratum import HOUR
from shadow.ledger.rows import Attempt, Calendar, Evidence, Sizes
from shadow.report.verdict import Rest
from tests.evidence.drawn import CAPABILITY, CLEAN, EPOCH, READ, WRONG, Book, Kind, Told, Watch, World
from tests.evidence.laned import MONDAY, Asked
from tests.evidence.situations.common import RATES, SMALL, drawn, through, waited_for
from tests.evidence.table import FOUND, OPEN, RIGHT, TOLD, Bound, Case
from tests.shadow.exchanges import answer

CALENDAR = replace(RATES, calendar=Hours())
DAILY = replace(CALENDAR, across_builds=True)
HEAD = READ._replace(asked="HEAD")
FIRST = int(MONDAY) // HOUR
DAY = 24
LOOKS = 3
"""Hours between two looks."""

Hourly = Callable[[int, int], Kind]
"""The kind of all exchanges in an hour of a week's day (0 is Monday) and of the day."""


def hourly(
    name: str, bound: Bound, criteria: Criteria, days: int, per_hour: int, kind: Hourly,
    is_open: Callable[[int, int], bool] = lambda day, hour: True, new_build: bool = False,
) -> Case:
    """A case in time: some days from a Monday morning at eight on. With `new_build` modern is
    deployed anew each day."""
    def run(seed: str) -> Told:
        rng, watch = random.Random(seed), Watch(criteria, waited_for(bound))
        epoch, done = EPOCH, 0
        book = Book(epoch)
        attempts: list[Attempt] = []
        eligible: list[tuple[int, int]] = []
        compared: dict[str, list[tuple[int, int]]] = {epoch.modern: []}
        for hour in range(FIRST, FIRST + days * DAY):
            day, of_day = (hour // DAY + 3) % 7, hour % DAY
            if new_build and of_day == 8 and compared[epoch.modern]:
                attempts.append(_attempt(book, len(attempts) + 1, closed=True))
                epoch = epoch._replace(modern=str(hour))
                book, compared[epoch.modern] = Book(epoch), []
            if is_open(day, of_day):
                book.now = hour * HOUR
                count = rng.randrange(per_hour // 2, per_hour * 3 // 2)
                left = count
                while left > 0:
                    book.add([(kind(day, of_day), min(left, 50))], every=HOUR / count)
                    left -= 50
                done += count
                eligible.append((hour, count))
                compared[epoch.modern].append((hour, count))
            if hour % LOOKS:
                continue
            calendars = [Calendar(CAPABILITY, None, tuple(eligible)), *(
                Calendar(CAPABILITY, epoch._replace(modern=build), tuple(hours)) for build, hours in compared.items())]
            book.rest = Rest(calendars=calendars, attempts=[*attempts, _attempt(book, len(attempts) + 1)])
            if watch.sees(book.look(criteria), done):
                break
        return watch.told

    return Case(7, name, bound, run)


def _attempt(book: Book, number: int, *, closed: bool = False) -> Attempt:
    effective = sum(int(row[1]) for row in book.rows.values())
    return Attempt(CAPABILITY, number, book.epoch, effective, 0.0, book.now, closed)


def sized(effective: int) -> Callable[[], Book]:
    """A store in which a tenth of the bodies were too large to be kept, and so many of those of the size before were
    compared."""
    return lambda: Book(rest=Rest(sizes=[Sizes(CAPABILITY, EPOCH, ((12, 9_000, 9_000), (20, 1_200, effective)))]))


def asked_before(count: int) -> Book:
    """A store in whose epoch before clients asked by HEAD, so many times in twenty days."""
    book = Book()
    began = book.now - 20 * DAY * HOUR
    book.history = [Evidence(CAPABILITY, EPOCH._replace(modern="7"), stratum, Outcome.MATCH, many, many, 0, 0, began,
                             book.now - HOUR) for stratum, many in ((READ, 900), (HEAD, count))]
    return book


def working(day: int, hour: int) -> bool:
    return day < 5 and 8 <= hour < 18


def conditional(rng: random.Random, number: int) -> Sequence[Asked]:
    """Every client has a copy already: modern, asked without the condition, always fails."""
    return [Asked(str(number), (answer("legacy", b"", 304),), (answer("modern", b"", 500),), condition=304,
                  fields=((b"If-None-Match", b'"1"'),))]


CASES = [
    hourly("nothing wrong, round the clock", RIGHT, CALENDAR, 10, 100, lambda day, hour: CLEAN),
    hourly("nothing wrong in a day clinic, open for ten hours from Monday to Friday", RIGHT, CALENDAR, 21, 150,
           lambda day, hour: CLEAN, working),
    hourly("always wrong at weekends", FOUND, CALENDAR, 7, 100, lambda day, hour: WRONG if day > 4 else CLEAN),
    hourly("always wrong at weekends, with `calendar: off`", TOLD, RATES, 7, 100,
           lambda day, hour: WRONG if day > 4 else CLEAN),
    hourly("always wrong from midnight to five", FOUND, CALENDAR, 4, 600,
           lambda day, hour: WRONG if hour < 5 else CLEAN),
    hourly("a new build of modern each day, with `across_builds`", RIGHT, DAILY, 10, 500, lambda day, hour: CLEAN,
           new_build=True),
    hourly("a new build of modern each day, without it", OPEN, CALENDAR, 10, 500, lambda day, hour: CLEAN,
           new_build=True),
    drawn(7, "the largest tenth of bodies is never compared", World(), OPEN, most=6_000, book=sized(0)),
    drawn(7, "ten of the largest tenth of bodies were compared", World(), RIGHT, most=6_000, book=sized(10)),
    drawn(7, "clients asked by HEAD in the epoch before, and that is not compared now", World(), OPEN, most=6_000,
          book=partial(asked_before, 300)),
    drawn(7, "a scanner asked by HEAD three times in a month", World(), RIGHT, most=6_000,
          book=partial(asked_before, 2)),
    drawn(7, "always wrong in one kind, a thousandth of all", World(0.001, (WRONG._replace(stratum=HEAD),)), FOUND),
    through(7, "conditional requests to which modern, asked without the condition, answers 500", conditional, FOUND,
            SMALL, batch=10),
]
