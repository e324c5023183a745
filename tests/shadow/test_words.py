"""Words that follow a number."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shadow.compare.dicom import named
from shadow.evidence.criteria import percent
from shadow.renderers.phrases import likelihood, milliseconds
from shadow.words import figures, noun


@pytest.mark.parametrize(("count", "said"), [(0, "strata"), (1, "stratum"), (2, "strata"), (1_001, "strata")])
def test_one_is_no_plural(count, said):
    assert noun(count, "stratum", "strata") == said
    assert noun(count, "pair") == ("pair" if count == 1 else "pairs")


@given(st.floats(-1e12, 1e12), st.integers(1, 6))
def test_a_number_has_so_many_digits_and_no_exponent(value, digits):
    said = figures(value, digits)
    assert "e" not in said
    assert float(said.replace(",", "")) == float(f"{value:.{digits}g}")


@pytest.mark.parametrize(("said", "wanted"), [
    (milliseconds(1.06), "1,060 ms"), (milliseconds(0.0123), "12.3 ms"), (milliseconds(123.0), "123,000 ms"),
    (percent(1e-7), "0.00001%"), (percent(0.001), "0.1%"), (likelihood(12.34), "12.3"),
    (likelihood(1e30), ">1,000,000"),
    (named(""), "(whole)"), (named("/a"), "/a"),
])
def test_numbers_and_places_read_as_people_write_them(said, wanted):
    assert said == wanted
