"""The kept corpus, case by case, and random bytes around it. `make fuzz` looks for more."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.targets import TARGETS

CORPUS = Path(__file__).parent / "corpus"
CASES = [pytest.param(TARGETS[path.parent.name], path, id=f"{path.parent.name}/{path.name}")
         for path in sorted(CORPUS.glob("*/*"))]


def test_each_target_has_a_corpus():
    assert {path.name for path in CORPUS.iterdir()} == TARGETS.keys()


@pytest.mark.parametrize(("target", "path"), CASES)
def test_a_kept_case_breaks_no_rule(target, path):
    target(path.read_bytes())


@given(st.data())
@pytest.mark.parametrize("name", TARGETS)
def test_a_kept_case_that_is_cut_and_joined_anew_breaks_no_rule(name, data):
    kept = [path.read_bytes() for path in sorted((CORPUS / name).iterdir())]
    cut = st.tuples(st.sampled_from(kept), st.integers(0, 400), st.integers(0, 400))
    pieces = data.draw(st.lists(
        st.one_of(st.binary(max_size=8), cut.map(lambda one: one[0][one[1]:][:one[2]])), max_size=6))
    TARGETS[name](b"".join(pieces))
