"""6: criticals by how many a step exposes, and the three ways of a small capability."""

from dataclasses import replace

from shadow.compare.comparison import Outcome
from shadow.evidence.criteria import Criteria, Hours, Signature
from tests.evidence.drawn import Book, Kind, World
from tests.evidence.laned import Asked
from tests.evidence.situations.common import GOOD, SMALL, drawn, three, through, wrong_in
from tests.evidence.table import FALSE_NOT_SAFE, FALSE_SAFE, OPEN, RIGHT, SHOWN, TOLD

CRITICAL = Kind(Outcome.MISMATCH, critical=True)
ALL = Criteria(("read",), minimum=50)
"""The defaults, for a step to all clients."""

QUARTER = replace(ALL, share=0.25)
SIGNED = replace(ALL, share=0.01, sign=Signature(0.01, "Ada", "a small clinic", 9e9))
ANOTHER = b'{"resourceType":"Patient","id":"2"}'


def step(share: float, most: int):
    """What a step to a share of clients takes where nothing is wrong."""
    return drawn(6, f"nothing wrong, for a step to {share:.0%}", World(), RIGHT, replace(ALL, share=share), most)


CASES = [
    step(0.01, 5_000), step(0.05, 5_000), step(0.25, 12_000), step(1.0, 45_000),
    drawn(6, "criticals at `critical_limit`, for all", World(ALL.critical_rate, (CRITICAL,)), FALSE_SAFE, ALL, 50_000),
    drawn(6, "criticals at twice `critical_limit`, for all", World(2 * ALL.critical_rate, (CRITICAL,)), FALSE_SAFE, ALL,
          50_000),
    drawn(6, "criticals at twice `critical_limit`, for 25 %", World(2 * QUARTER.critical_rate, (CRITICAL,)), FALSE_SAFE,
          QUARTER, 20_000),
    drawn(6, "criticals at a tenth of `critical_limit`, for all: one that is reproduced is NOT SAFE at any rate",
          World(ALL.critical_rate / 10, (CRITICAL._replace(reproduced=True),)), TOLD, ALL, 45_000),
    *three(6, "limits of a small capability (1 %): wrong", World(), SMALL),
    drawn(6, "nothing wrong, by limits of a small capability (1 %)", World(), RIGHT, SMALL, 600),
    drawn(6, "few exchanges, none wrong, and signed for a step to 1 %", World(), RIGHT, SIGNED, 300),
    drawn(6, "signed for a step to 1 %, asked for all", World(), OPEN, replace(SIGNED, share=1.0), 3_000),
    drawn(6, "signed for a step to 1 %, a twentieth wrong", World(0.05), SHOWN, SIGNED),
    drawn(6, "all were swept, where a calendar is wanted", World(), OPEN, replace(SMALL, calendar=Hours()), 2_000,
          book=lambda: Book(swept=True)),
    through(6, "wrong at the limit", wrong_in(SMALL.limit), FALSE_SAFE),
    through(6, "wrong at a tenth of the limit", wrong_in(SMALL.limit / 10), FALSE_NOT_SAFE),
    through(6, "another patient's record at twice `critical_limit`", lambda rng, number: [
        Asked(str(number), (ANOTHER.replace(b"2", b"1"),),
              (ANOTHER,) if rng.random() < 2 * SMALL.critical_rate else (ANOTHER.replace(b"2", b"1"),))], FALSE_SAFE),
    through(6, "nothing wrong", lambda rng, number: [Asked(str(number), modern=(GOOD,))], RIGHT, most=500),
]
