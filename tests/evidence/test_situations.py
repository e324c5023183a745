"""The quick form of the table of situations: a few seeds of each row."""

import pytest

from shadow.evidence.criteria import Answer
from tests.evidence.__main__ import summary
from tests.evidence.drawn import CLEAN, WRONG, Book, Told, World, trial
from tests.evidence.situations.all import CASES
from tests.evidence.situations.common import RATES
from tests.evidence.table import FALSE_SAFE, FOUND, RIGHT, SOME, Bound, Case, row


def named(case):
    return f"{case.number} {case.way} {case.name}"


def test_each_situation_has_rows_and_each_row_a_name_of_its_own():
    assert {case.number for case in CASES} == set(range(13))
    assert len({named(case) for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", [case for case in CASES if case.is_quick], ids=named)
def test_a_few_seeds_keep_the_bound(case):
    found = row(case, [case.run(str(seed)) for seed in range(case.seeds(SOME, 1))])
    assert (found.holds, found.unworded) == (True, 0), found


@pytest.mark.slow
@pytest.mark.parametrize("case", [case for case in CASES if not case.is_quick], ids=named)
def test_one_seed_keeps_the_bound_where_that_takes_seconds(case):
    found = row(case, [case.run("0")])
    assert (found.holds, found.unworded) == (True, 0), found


def test_the_verdict_of_a_drawn_book_is_that_of_its_counts():
    book = Book()
    book.add([(CLEAN, 4_355)])
    assert book.look(RATES).answer is Answer.NOT_ENOUGH
    book.add([(CLEAN, 1)])
    assert book.look(RATES).answer is Answer.SAFE
    book.add([(WRONG, 50)])
    assert book.look(RATES).answer is Answer.NOT_SAFE


def test_a_trial_sees_an_answer_that_is_only_given_for_a_while():
    told = trial(World(0.3), RATES, "1", 2_000, _past(5_000), until=Answer.NOT_SAFE)
    assert (told.safe, told.not_safe is not None) == (1, True)


def _past(clean):
    book = Book()
    book.add([(CLEAN, clean)])
    return book


@pytest.mark.parametrize(("bound", "told", "holds"), [
    (FALSE_SAFE, [Told(safe=5)] + [Told()] * 19, True), (FALSE_SAFE, [Told(safe=5)] * 2 + [Told()] * 18, False),
    (FOUND, [Told(not_safe=5)] * 19 + [Told()], True), (FOUND, [Told(not_safe=5)] * 18 + [Told()] * 2, False),
    (RIGHT, [Told(safe=5)] * 19 + [Told(not_safe=3)], True), (RIGHT, [Told(safe=5, not_safe=9)] * 20, False),
    (Bound(least_not_safe=0.95, median=10, most=20), [Told(not_safe=10)] * 20, True),
    (Bound(least_not_safe=0.95, median=10, most=20), [Told(not_safe=10)] * 18 + [Told(not_safe=21)] * 2, False),
])
def test_a_row_holds_if_its_seeds_keep_its_bound(bound, told, holds):
    assert row(Case(1, "x", bound, lambda seed: Told()), told).holds is holds


def test_the_table_names_what_misses_its_bound():
    case = Case(4, "begun anew", FALSE_SAFE, lambda seed: Told())
    told = "\n".join(summary([row(case, [Told(safe=7, first_line="SAFE")] * 20)]))
    assert "| 4 | begun anew | 20 | 100.0% | 0.0% | 7 | – | – | – | SAFE ≤ 5% | **missed** |" in told
    assert "1 rows, 1 of which miss their bound. Of 20 trials that were told SAFE, 20 did not say" in told
    assert "Missed: begun anew." in told
