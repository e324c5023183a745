"""Words that follow a number."""

import pytest

from shadow.words import noun


@pytest.mark.parametrize(("count", "said"), [(0, "strata"), (1, "stratum"), (2, "strata"), (1_001, "strata")])
def test_one_is_no_plural(count, said):
    assert noun(count, "stratum", "strata") == said
    assert noun(count, "pair") == ("pair" if count == 1 else "pairs")
