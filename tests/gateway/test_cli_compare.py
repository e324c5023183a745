"""figway compare: the lane's judgement on two files, with rules to try, and no value shown."""

import json

import pytest
from click.testing import CliRunner

from gateway.cli.compare import compare

LEGACY = {"name": "Zebulon", "at": "2025-01-01T00:00:00Z", "items": [{"id": 1}, {"id": 2}]}


@pytest.fixture
def run(tmp_path):
    def call(legacy, modern, *options, rules=None, suffix=".json"):
        for name, body in (("legacy", legacy), ("modern", modern)):
            (tmp_path / f"{name}{suffix}").write_bytes(body if isinstance(body, bytes) else json.dumps(body).encode())
        arguments = [str(tmp_path / f"{name}{suffix}") for name in ("legacy", "modern")]
        if rules is not None:
            (tmp_path / "rules.yaml").write_text(rules)
            arguments += ["--rules", str(tmp_path / "rules.yaml")]
        return CliRunner().invoke(compare, [*arguments, *options])

    return call


def test_the_same_is_well(run):
    done = run(LEGACY, LEGACY)
    assert (done.exit_code, done.output) == (0, "match\n")


def test_differences_are_findings_without_values(run):
    done = run(LEGACY, {**LEGACY, "name": "Quick", "items": LEGACY["items"][:1]})
    assert done.exit_code == 1
    assert done.output.splitlines() == [
        "mismatch", "  major     value     /name: string(7) word → string(5) word",
        "  critical  missing   /items/1: object(1) → absent"]
    assert "Zebulon" not in done.output


def test_both_places_are_shown_and_which_values_are_there_twice(run):
    legacy = {"items": [{"id": 1, "unit": "mg"}, {"id": 2, "unit": "gram"}]}
    modern = {"items": [{"id": 2, "unit": "mg"}, {"id": 1, "unit": "gram"}]}
    done = run(legacy, modern)
    assert done.output.splitlines()[1:3] == [
        "  critical  value     /items/0/unit (in modern /items/1/unit): string(2) word #1 → string(4) word #2",
        "  critical  value     /items/1/unit (in modern /items/0/unit): string(4) word #2 → string(2) word #1"]
    facts = json.loads(run(legacy, modern, "-o", "json").output)["differences"]
    assert [(one["path"], one["modern_path"], one["legacy_tag"], one["modern_tag"]) for one in facts[:2]] == [
        ("/items/0/unit", "/items/1/unit", 1, 2), ("/items/1/unit", "/items/0/unit", 2, 1)]


def test_rules_are_tried_and_tell_what_they_hide(run):
    rules = """
rules: [{at: /at, volatile: instant}]
known_differences: [{id: K-1, at: /name, reason: spelling, owner: tests, expires: 9999-12-31}]
"""
    modern = {**LEGACY, "at": "2026-01-01T00:00:00Z"}
    assert run(LEGACY, modern, rules=rules).output == "match_normalised\n  hidden: 1 by volatile /at\n"
    done = run(LEGACY, {**modern, "name": "Quick"}, "-o", "json", rules=rules)
    facts = json.loads(done.output)
    assert (done.exit_code, facts["outcome"], facts["reason"]) == (0, "known_difference", "K-1")
    assert facts["hidden"] == {"K-1": 1, "volatile /at": 1}
    assert (facts["differences"], facts["severity"]) == ([], None)


@pytest.mark.parametrize(("rules", "says"), [
    ("rules: [{at: /a}]", "[bad_rule]"), ("rule: []", "[unknown_key]"), ("rules: {", "[bad_yaml]"), ("", "[bad_yaml]"),
])
def test_rules_that_cannot_be_are_told_of(run, rules, says):
    done = run(LEGACY, LEGACY, rules=rules)
    assert done.exit_code == 2
    assert says in done.output


def test_a_rule_that_says_too_much_is_warned_of(run):
    done = run(LEGACY, {}, rules="rules: [{at: /**, ignore: true, reason: none}]")
    assert done.exit_code == 0
    assert "[broad_rule]" in done.output


def test_what_cannot_be_read_or_compared_is_neither_same_nor_different(run, tmp_path):
    assert run(b"{", b"[").exit_code == 1, "different bytes"
    assert run(b"[" * 3000 + b"1" + b"]" * 3000, b"[" * 3000 + b"2" + b"]" * 3000).exit_code == 2
    there, gone = str(tmp_path / "legacy.json"), str(tmp_path / "none.json")
    assert CliRunner().invoke(compare, [gone, gone]).exit_code == 2
    done = CliRunner().invoke(compare, [there, there, "--rules", gone])
    assert (done.exit_code, "[unreadable]" in done.output) == (2, True)


def test_identifiers_are_held_against_a_seed(run, tmp_path):
    (tmp_path / "pairs.csv").write_text("class,legacy,modern\nPatient,17,abc\n")
    rules = "{rules: [{at: /patient, crosswalk: Patient}], crosswalk: {Patient: {seed: pairs.csv, learn: false}}}"
    assert run({"patient": "17"}, {"patient": "abc"}, rules=rules).output.startswith("match_normalised")
    swapped = run({"patient": "17"}, {"patient": "SECRET"}, rules=rules)
    assert swapped.exit_code == 1
    assert "  critical  identity  /patient" in swapped.output
    assert "SECRET" not in swapped.output


def test_a_crosswalk_is_proposed_where_records_have_other_identifiers(run):
    sides = ({"items": [{"id": f"{arm}{at}", "v": at} for at in range(2)]} for arm in "ab")
    done = run(*sides)
    assert done.output.splitlines() == [
        "mismatch", "  major     renamed   /items/*/id: identifier items → identifier items",
        '    try: {at: "/items/*/id", crosswalk: items}']


def test_values_are_shown_when_asked_for(run):
    modern = {**LEGACY, "name": "Quick", "items": LEGACY["items"][:1], "note": None}
    done = run(LEGACY, modern, "--values")
    assert done.exit_code == 1
    assert done.output.splitlines() == [
        "mismatch",
        "  major     value     /name: string(7) word → string(5) word", '    legacy: "Zebulon"', '    modern: "Quick"',
        "  critical  missing   /items/1: object(1) → absent", '    legacy: {"id":2}', "    modern: –",
        "  major     extra     /note: absent → null", "    legacy: –", "    modern: null"]
    facts = json.loads(run(LEGACY, modern, "--values", "-o", "json").output)["differences"]
    assert [(one.get("legacy_value", "none"), one.get("modern_value", "none")) for one in facts] == [
        ("Zebulon", "Quick"), ({"id": 2}, "none"), ("none", None)]
    assert "Zebulon" not in run(LEGACY, modern, "-o", "json").output


def test_values_keep_their_digits_and_are_those_of_the_place_that_is_shown(run):
    # A moved item, a masked name, names with a slash, and numbers that a float would round.
    legacy = b'{"by": {"P-4711-Meier": {"dose": 1.50}}, "a/b": {"c": 12345678901234567890}, "items": ["x", "y", "z"]}'
    modern = b'{"by": {"P-4711-Meier": {"dose": 1.5}}, "a/b": {"c": 12345678901234567891}, "items": ["y", "z", "x"]}'
    text = run(legacy, modern, "--values").output
    for wanted in ("legacy: 1.50\n", "modern: 1.5\n", "legacy: 12345678901234567890\n",
                   'legacy: "x"\n    modern: "x"\n'):
        assert f"    {wanted}" in text, wanted
    assert '"legacy_value": 1.50' in run(legacy, modern, "--values", "-o", "json").output


def test_values_of_other_formats_and_of_what_no_document_holds(run):
    done = run(b"<a><b>one</b></a>", b"<a><b>two</b></a>", "--values", suffix=".xml")
    assert ('"one"' in done.output, '"two"' in done.output) == (True, True)
    broken = run(b'{"a": 1}', b'{"a": ', "--values")
    assert broken.exit_code == 1
    assert broken.output.endswith('    legacy: {"a":1}\n    modern: –\n')
    escaped = run({"a": "x\x1b[31m" + "y" * 500}, {"a": "z"}, "--values").output
    assert ("\x1b" in escaped, "…" in escaped, "y" * 201 in escaped) == (False, True, False)
