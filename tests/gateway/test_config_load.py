"""YAML is read by its version 1.2, includes and substitutions know their places, and secrets are shown to nobody."""

import errno
import os
from pathlib import Path

import pytest
import yaml

from gateway.config.compile import build
from gateway.config.nodes import core, parse, without_resolvers
from gateway.config.problem import Findings, Invalid
from tests.gateway.test_config import GATED, SMALLEST, built, problems, write

__all__ = ["built", "problems", "write"]  # fixtures


@pytest.mark.parametrize(("text", "value"), [
    ("on", "on"), ("no", "no"), ("y", "y"), ("010", "010"), ("12:30", "12:30"), ("2024-01-01", "2024-01-01"),
    ("1_000", "1_000"), (".inf", ".inf"), ("true", True), ("False", False), ("~", None), ("", None), ("12", 12),
    ("-3", -3), ("0o17", 15), ("0xff", 255), ("1.5", 1.5), ("1e3", 1000.0), ("0", 0), ("1.", 1.0), ("0b1", "0b1"),
])
def test_plain_scalars_mean_what_yaml_1_2_says(text, value):
    assert core(text) == value
    assert type(core(text)) is type(value)


# As the system says it.
ABSENT = os.strerror(errno.ENOENT)

YAML = [
    ("a: 1\na: 2\n", '2:1: "a" is already at line 1 [duplicate_key]'),
    ("a: {b: 1, b: 2}\n", '1:11: "b" is already at line 1 [duplicate_key]'),
    ("a: &x {b: 1}\nc:\n  <<: *x\n", "3:3: merge keys (<<) are not part of YAML 1.2: write the keys out [merge_key]"),
    ("a: &x [*x]\n", "1:4: an alias refers to a value that contains it [bad_alias]"),
    ("a: !!int 3\n", "1:4: YAML tags are not supported [tag]"),
    ("a: !x 3\n", "1:4: YAML tags are not supported [tag]"),
    ("? [a]\n: 1\n", "1:3: a key must be plain text [bad_key]"),
    ("${A}: 1\n", "1:1: ${…} is replaced in values only, not in keys [bad_key]"),
    ("", "1:1: the file is empty [bad_yaml]"),
]


@pytest.fixture(params=["CSafeLoader", "SafeLoader"])
def parsed(request, write):
    """Parse by libyaml, and as where PyYAML was built without it: the root, and what is told."""
    loader = without_resolvers(getattr(yaml, request.param))

    def parsed(text):
        found = Findings()
        root = parse(text, write(""), lambda raw, place: (raw, True), found, loader)
        return root, [str(one).removeprefix("routes.yaml:") for one in found.problems]

    return parsed


@pytest.mark.parametrize(("text", "message"), YAML, ids=[row[0] for row in YAML])
def test_yaml_that_may_be_read_in_two_ways_is_refused(parsed, text, message):
    assert parsed(text)[1] == [message]


@pytest.mark.parametrize(("text", "line"), [
    ("a: *nobody\n", 1), ("a: [1\nb: 2\n", 2), ("a: b: c\n", 1), ("a: 1\n---\nb: 2\n", 2), ("a: x\x07\n", 1),
])
def test_what_is_no_yaml_is_told_of_at_its_line(parsed, text, line):
    root, [message] = parsed(text)
    assert root is None
    assert message.startswith(f"{line}:")
    assert message.endswith("[bad_yaml]")


def test_both_loaders_make_one_tree(parsed):
    root, told = parsed('a: [1, "1", on]\nb: |\n  x\nc: &x {d: ~}\ne: *x\n')
    assert root.data() == {"a": [1, "1", "on"], "b": "x\n", "c": {"d": None}, "e": {"d": None}}
    assert (root.keys["e"].line, root.keys["e"].col, told) == (5, 1, [])


@pytest.mark.parametrize("count", [101, 1500, 200_000])
@pytest.mark.parametrize(("start", "end"), [("[", "]"), ("{a: ", "}")], ids=["sequences", "mappings"])
def test_what_is_nested_without_end_is_told_of(parsed, start, end, count):
    root, [told] = parsed(start * count + end * count)
    assert root is None
    assert told.endswith("nested too deeply [bad_yaml]")


def test_what_is_nested_as_deep_as_may_be_is_read(parsed):
    root, told = parsed("[" * 100 + "x" + "]" * 100)
    assert told == []
    for _ in range(100):
        [root] = root.value
    assert root.value == "x"


def test_aliases_do_not_nest_deeper_than_what_is_written_out(parsed):
    lines = ["a0: &a0 x"] + [f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 200)]
    root, told = parsed("\n".join(lines))
    assert root is not None
    assert told
    assert all(one.endswith("nested too deeply [bad_yaml]") for one in told)


def test_a_pipe_is_no_file(tmp_path):
    os.mkfifo(tmp_path / "routes.yaml")
    with pytest.raises(Invalid) as caught:
        build(tmp_path / "routes.yaml")
    assert caught.value.problems[0].code == "unreadable"


def test_aliases_that_multiply_are_stopped(parsed):
    lines = ["a0: &a0 [x]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 40)}]" for n in range(1, 6)]
    assert any("this file has too many values" in message for message in parsed("\n".join(lines))[1])


# --- include ---------------------------------------------------------------------------------------------------------


def test_included_files_add_upstreams_policies_and_capabilities(built):
    configuration = built(SMALLEST + "include: [d/*.yaml, e.yaml]\n", files={
        "d__a.yaml": "upstreams: {new: {url: 'http://n'}}\ninclude: [../e.yaml]\n",
        "d__b.yaml": "capabilities: {c: {owner: x, operations: {r: {path: /a}}, legacy: new, stage: legacy}}\n",
        "e.yaml": "version: 1\n",
    })
    assert configuration.table.capabilities["c"].operations[0].place == "d/b.yaml:1"
    assert [str(file) for file in configuration.files] == ["routes.yaml", "d", "d/a.yaml", "d/../e.yaml", "d/b.yaml"]


INCLUDES = [
    ("include: [none.yaml]", {}, f"routes.yaml:5:11: none.yaml cannot be read: {ABSENT} [unreadable]"),
    ("include: [a.yaml]", {"a.yaml": "include: [b.yaml]\n", "b.yaml": "include: [routes.yaml]\n"},
     "b.yaml:1:11: files include each other: routes.yaml → a.yaml → b.yaml → routes.yaml [include_cycle]"),
    ("include: [routes.yaml]", {},
     "routes.yaml:5:11: files include each other: routes.yaml → routes.yaml [include_cycle]"),
    ("include: [a.yaml]", {"a.yaml": "upstreams: {old: {url: 'http://n'}}\n"},
     'a.yaml:1:13: "old" of upstreams is already at routes.yaml:3 [duplicate_key]'),
    ("include: [a.yaml]", {"a.yaml": "server: {}\n"},
     'a.yaml:1:1: "server" belongs into the first file, not into an included one [not_here]'),
    ("include: [a.yaml]", {"a.yaml": "version: 2\n"},
     "a.yaml:1:10: the version is 1, as in the first file [bad_value]"),
    ("include: [a.yaml]", {"a.yaml": "\nupstrems: {}\n"},
     'a.yaml:2:1: unknown key "upstrems"; did you mean "upstreams"? [unknown_key]'),
    ("include: [a.yaml]", {"a.yaml": "upstreams:\n  new: {ulr: 'http://n'}\n"},
     'a.yaml:2:9: unknown key "ulr"; did you mean "url"? [unknown_key]'),
    ("include: [a.yaml]", {"a.yaml": "- x\n"}, "a.yaml:1:1: wants a map at the top [wrong_type]"),
    ("include: [a.yaml]", {"a.yaml": "upstreams: [x]\n"}, "a.yaml:1:12: wants a map [wrong_type]"),
]


def test_a_folder_that_a_pattern_passes_through_is_watched_before_it_has_a_file(built):
    Path("teams/lab").mkdir(parents=True)
    Path("teams/README").write_text("no folder")
    configuration = built(SMALLEST + "include: ['teams/*/routes.yaml', 'none/*.yaml']\n")
    assert [str(file) for file in configuration.files] == ["routes.yaml", "teams", "teams/lab", "none"]


@pytest.mark.parametrize(("line", "files", "message"), INCLUDES, ids=[row[2] for row in INCLUDES])
def test_what_is_wrong_with_an_include_is_told_of_where_it_stands(problems, line, files, message):
    assert message in problems(f"{SMALLEST}{line}\n", files=files)


def test_a_first_file_that_is_not_there_is_a_problem_too(write):
    write(SMALLEST)
    with pytest.raises(Invalid, match=r"^none.yaml:1:1: none.yaml cannot be read: .* \[unreadable\]$"):
        build("none.yaml")


def test_a_file_that_is_not_utf_8_is_told_of_at_its_line(write):
    write(SMALLEST).write_bytes(b"version: 1\nx: \xff\n")
    with pytest.raises(Invalid, match=r"^routes.yaml:2:4: not UTF-8 text \[bad_yaml\]$"):
        build("routes.yaml")


# --- ${…} ------------------------------------------------------------------------------------------------------------


def test_values_come_from_the_environment_and_from_files(built):
    configuration = built(
        GATED + '      key: "${A}-${B:-b}-${C:-c}-${file:secret}-$${D}"\n      number: ${N}\n      either: ${N}\n'
        "      share: ${S}\n      on: ${T}\n      names: [\"${N}\"]\n",
        environ={"A": "a", "C": "", "N": "12", "S": "0.5", "T": "true"}, files={"secret": "se: [cret\n"})
    options = configuration.policies["gated"].options
    assert options.key == "a-b-c-se: [cret-${D}"
    assert (options.number, options.either, options.share, options.on, options.names) == (12, "12", 0.5, True, ("12",))
    assert Path("secret") in configuration.files


def test_a_secret_of_digits_stays_text(built):
    configuration = built(GATED + "      key: ${KEY}\n", environ={"KEY": "007"})
    assert configuration.policies["gated"].options.key == "007"


SUBSTITUTIONS = [
    ("${NONE}", "the environment variable NONE is not set [unset_variable]"),
    ("${file:none}", f"none cannot be read: {ABSENT} [unreadable]"),
    ("${a b}", 'write ${NAME}, ${NAME:-default} or ${file:PATH} ("$${" for a plain "${") [bad_substitution]'),
    ("${A", 'write ${NAME}, ${NAME:-default} or ${file:PATH} ("$${" for a plain "${") [bad_substitution]'),
]


@pytest.mark.parametrize(("text", "message"), SUBSTITUTIONS)
def test_what_cannot_be_put_in_is_told_of_once_and_nothing_that_follows_from_it(problems, text, message):
    assert problems(SMALLEST.replace("http://127.0.0.1:1", text)) == [f"routes.yaml:3:14: {message}"]


@pytest.mark.parametrize("text", [
    SMALLEST.replace("http://127.0.0.1:1", "${SECRET}"),
    SMALLEST.replace("upstream: old", "upstream: ${SECRET}"),
    SMALLEST.replace("upstream: old", "upstream: old, policies: [\"${SECRET}\"]"),
    SMALLEST + "server: {body_rate: '${SECRET}', forwarded: '${SECRET}', via: '${SECRET}'}\n",
    SMALLEST + "server: {trusted_hops: '${SECRET}'}\n",
    SMALLEST + "server: {limits: {fields: '${file:secret}'}}\n",
    GATED + "      key: ${SECRET}\n",
    GATED + "      number: ${SECRET}\n",
])
def test_a_secret_is_in_no_message(problems, text):
    secret = "bad hunter2/xyz"
    found = problems(text, environ={"SECRET": secret}, files={"secret": secret})
    assert found
    assert "hunter2" not in "\n".join(found)
