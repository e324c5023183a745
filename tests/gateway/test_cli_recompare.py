"""figway shadow recompare on pairs of files: what rules make of many at once."""

import json

import pytest
from click.testing import CliRunner

from gateway.cli.main import main


@pytest.fixture
def run(tmp_path):
    for name, legacy, modern in (
        ("same", {"a": 1}, {"a": 1}), ("spelt", {"name": "Zebulon"}, {"name": "ZEBULON"}),
        ("both", {"name": "Zebulon", "n": 1}, {"name": "ZEBULON", "n": 2}),
    ):
        (tmp_path / f"{name}.legacy.json").write_text(json.dumps(legacy))
        (tmp_path / f"{name}.modern.json").write_text(json.dumps(modern))

    def call(rules, *options):
        (tmp_path / "rules.yaml").write_text(rules)
        done = CliRunner().invoke(main, ["shadow", "recompare", "--pairs", str(tmp_path), "--rules",
                                         str(tmp_path / "rules.yaml"), *options])
        assert done.exception is None or isinstance(done.exception, SystemExit)
        assert "zebulon" not in done.output.lower()
        return done

    return call


def test_rules_are_tried_on_every_pair(run, tmp_path):
    done = run("rules: [{at: /name, case: true}]")
    assert (done.exit_code, done.stdout.splitlines()) == (1, [
        "before: 1 match, 2 mismatch", "now: 1 match, 1 match_normalised, 1 mismatch", "  hidden: 2 by case /name",
        "  both compare: mismatch → another mismatch", "  spelt compare: mismatch → match_normalised"])
    done = run("rules: [{at: /name, case: true}, {at: /n, ignore: true, reason: a count}]", "-o", "json")
    facts = json.loads(done.stdout)
    assert (done.exit_code, facts["now"]) == (0, {"match": 1, "match_normalised": 2})
    assert [(one["id"], one["changed"]) for one in facts["exchanges"]] == [
        ("both", True), ("same", False), ("spelt", True)]


def test_a_pair_that_is_torn_a_folder_that_is_none_and_an_empty_one_are_told_of(run, tmp_path):
    (tmp_path / "torn.legacy.xml").write_text("<a/>")
    done = run("rules: []")
    assert (done.exit_code, "torn.modern.xml cannot be read" in done.output) == (2, True)
    for folder, says in ((tmp_path / "none", "is no folder"), (tmp_path.parent, "nothing to judge")):
        done = CliRunner().invoke(main, ["shadow", "recompare", "--pairs", str(folder)])
        assert (done.exit_code, says in done.output) == (2, True)
    assert run("rules: []", "results").exit_code == 2
