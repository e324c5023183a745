"""Reading is bounded in what it takes: files, values, references and names of any size are read, or refused, in a time
that grows with them and no faster. What would take for ever is caught by the time that a test has."""

import os

import pytest

from gateway.config.compile import build
from gateway.config.load import MAX_FILE
from gateway.config.problem import did_you_mean
from gateway.config.rules import read_rules
from gateway.config.substitute import MAX_FILE as MAX_REFERRED
from gateway.plugins import load
from tests.gateway.test_config import SMALLEST, built, problems, write

pytestmark = pytest.mark.slow

__all__ = ["built", "problems", "write"]  # fixtures

MANY = 5_000


def capabilities(line, count=MANY):
    return SMALLEST + "capabilities:\n" + "".join(f"  c{n}: {{{line.format(n=n)}}}\n" for n in range(count))


PLAIN = "owner: o, legacy: old, stage: legacy, operations: "


@pytest.mark.parametrize(("line", "code"), [
    (PLAIN + "{{}}", "bad_value"), (PLAIN + "{{r: {{path: /p{n}}}}}, onwer: x", "unknown_key"),
    (PLAIN.replace("old", "old{n}") + "{{r: {{path: /p{n}}}}}", "unknown_upstream"),
    (PLAIN + "{{r: {{path: /p{n}}}}}, policies: [p{n}]", "unknown_policy"),
])
def test_many_faults_take_no_longer_than_many_capabilities(problems, line, code):
    assert sum(one.endswith(f"[{code}]") for one in problems(capabilities(line))) == MANY


@pytest.mark.parametrize("condition", ["query: {{q: v{n}}}", "query: {{a: x, b: v{n}}}", "header: {{x-a: v{n}}}",
                                       "method: M{n}", "header: {{x-a: x, x-b: v{n}}}"])
def test_many_operations_of_one_path_are_told_apart_by_whatever_they_want(built, problems, condition):
    operations = "".join(f"      o{n}: {{{{path: /p, {condition}}}}}\n".format(n=n) for n in range(MANY))
    text = (f"{SMALLEST}capabilities:\n  one:\n    owner: o\n    legacy: old\n    stage: legacy\n    operations:\n"
            f"{operations}")
    assert len(built(text).table.capabilities["one"].operations) == MANY
    told = problems(text + f"      twin: {{{{path: /p, {condition}}}}}\n".format(n=7))
    assert len(told) == 1
    assert "one.twin and one.o7" in told[0]


@pytest.mark.parametrize("value", ["[" + "1," * 3_000_000 + "1]", "\n" + " - 1\n" * 2_500_000])
def test_more_values_than_anybody_means_are_refused(problems, value):
    [told] = problems(f"{SMALLEST}x: {value}\n")
    assert told.endswith("too many values in one file [bad_yaml]")


def test_a_file_that_is_too_large_is_refused_and_so_are_all_together(problems, write):
    blank = SMALLEST + "#" * (MAX_FILE - len(SMALLEST))
    assert problems(blank + "#") == ["routes.yaml:1:1: routes.yaml cannot be read: larger than 16MiB [unreadable]"]
    more = {f"f{n}.yaml": "# " + "x" * (MAX_FILE - 8) + "\n{}" for n in range(4)}
    told = problems(SMALLEST + "include: ['f*.yaml']\n" + "#" * 1000, files=more)
    assert told == ["routes.yaml:5:11: all files together are larger than 64MiB [unreadable]"]


def test_a_pattern_that_names_very_many_files_is_refused(problems, tmp_path, write):
    write(SMALLEST)
    (tmp_path / "many").mkdir()
    for n in range(10_001):
        (tmp_path / "many" / str(n)).touch()
    assert problems(SMALLEST + "include: ['many/*']\n") == [
        "routes.yaml:5:11: this names more than 10,000 files [unreadable]"]


def test_references_are_bounded_in_number_and_in_what_they_put_in(problems, tmp_path):
    assert problems(SMALLEST + "x: '" + "${A}" * 1001 + "'\n", environ={"A": "a"})[0].endswith(
        "more than 1,000 references in one value [bad_substitution]")
    (tmp_path / "large").write_text("x" * MAX_REFERRED)
    told = problems(SMALLEST + "x: [" + "'${file:large}'," * 1000 + "1]\n")
    assert [one for one in told if "[bad_substitution]" in one] == [
        f"routes.yaml:5:{5 + 32 * 16}: what is put in for references is larger than 32MiB, all together "
        "[bad_substitution]"]


def test_a_reference_to_a_pipe_is_refused(problems, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    [told] = problems(SMALLEST.replace("http://127.0.0.1:1", "${file:pipe}"))
    assert told.endswith("pipe cannot be read: not a file [unreadable]")


def test_a_name_of_any_length_is_told_of_in_short(problems):
    [told] = problems(f"{SMALLEST}{'x' * 100_000}: 1\n")
    assert len(told) < 1000
    assert told.endswith("[unknown_key]") or told.endswith("[bad_yaml]")
    assert did_you_mean("x" * 100_000, ["x" * 99_999]) == ""
    assert did_you_mean("a1", (f"a{n}" for n in range(10, 100_000))) == ""


def test_rules_that_are_too_large_are_refused(tmp_path):
    path = tmp_path / "rules.yaml"
    path.write_bytes(b"#" * (MAX_FILE + 1))
    with pytest.raises(Exception, match="larger than 16MiB"):
        read_rules(path, load)


def test_the_directory_above_is_no_file(tmp_path):
    with pytest.raises(Exception, match="Is a directory"):
        build(tmp_path)
