"""Whether legacy is asked again: by default not, in a file of before as it says, and by operation."""

import pytest

from gateway.config.compile import build
from shadow.settings import Recheck


@pytest.fixture
def plan(tmp_path):
    """plan(shadow, operation) → the plan, and the warnings about it."""
    def made(shadow, operation=""):
        path = tmp_path / "routes.yaml"
        path.write_text(f"""
version: 1
upstreams: {{old: {{url: "http://127.0.0.1:9001"}}, new: {{url: "http://127.0.0.1:9002"}}}}
capabilities:
  results:
    owner: us
    operations:
      read: {{method: GET, path: "/results/{{id}}"{operation}}}
      list: {{method: GET, path: /results}}
    legacy: old
    modern: new
    stage: shadow
    shadow: {{sample: 100%{shadow}}}
default: {{upstream: old}}
""")
        built = build(path, environ={})
        warnings = [one for one in built.warnings if one.code == "recheck_legacy"]
        return built.table.capabilities["results"].shadow, warnings

    return made


def asks_legacy(found):
    return found.recheck_of("read").legacy or found.noise_of("read") > 0


def test_by_default_mismatches_are_asked_again_of_modern_alone(plan):
    found, warnings = plan("")
    assert (found.recheck, found.noise) == (Recheck((2.0, 30.0), 0.05, False), 0.0)
    assert not asks_legacy(found)
    assert warnings == []


@pytest.mark.parametrize("legacy", [True, False])
def test_what_is_said_holds_and_is_not_warned_of(plan, legacy):
    found, warnings = plan(f", recheck: {{after: [1s], legacy: {str(legacy).lower()}}}")
    assert (found.recheck, warnings) == (Recheck((1.0,), 0.05, legacy), [])
    assert asks_legacy(found) is legacy


def test_a_file_of_before_that_says_recheck_still_asks_both_and_is_told_the_new_line(plan):
    found, [warning] = plan(", recheck: {after: [500ms, 2s], budget: 2.5%}")
    assert found.recheck == Recheck((0.5, 2.0), 0.025, True)
    assert "write `recheck: {after: [0.5s, 2s], budget: 2.5%, legacy: true}` to keep that" in str(warning)
    again, warnings = plan(", recheck: {after: [0.5s, 2s], budget: 2.5%, legacy: true}")
    assert (again.recheck, warnings) == (found.recheck, [])


@pytest.mark.parametrize("never", ["{after: []}", "{budget: 0%}"])
def test_a_recheck_that_never_comes_is_not_warned_of(plan, never):
    assert plan(f", recheck: {never}")[1] == []


def test_a_file_of_before_that_says_noise_keeps_it(plan):
    found, warnings = plan(", noise: 2%")
    assert (found.noise, found.recheck.legacy, warnings) == (0.02, False, [])
    assert asks_legacy(found)


def test_an_operation_may_differ_from_its_capability(plan):
    found, _ = plan(", noise: 2%", ", noise: 0%, recheck: {legacy: true}")
    assert (found.noise_of("read"), found.noise_of("list")) == (0.0, 0.02)
    assert (found.recheck_of("read").legacy, found.recheck_of("list").legacy) == (True, False)
    assert found.recheck_of("read").after == found.recheck_of("list").after
