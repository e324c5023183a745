"""What people are shown is what the golden files say. `make golden` writes them anew."""

import pytest

from tests.golden.cases import cases

CASES = list(cases())


@pytest.mark.parametrize("case", CASES, ids=[f"{case.path.parent.name}/{case.path.stem}" for case in CASES])
def test_people_are_shown_what_the_golden_file_says(case):
    assert case.made() == case.expected, "where this is meant, run `make golden` and read what changed"


def test_there_are_golden_files_of_every_kind():
    assert {case.path.parent.name for case in CASES} == {"validate", "report"}
    assert all(case.path.suffix == ".txt" and case.given and case.expected for case in CASES)
