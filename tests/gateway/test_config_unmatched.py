"""What newcomers write, and what is said of it: paths in other notations, what matches nothing, what is no YAML."""

from pathlib import Path
from textwrap import dedent

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from adapters.message import Headers, Request
from gateway.config.compile import build
from gateway.config.notations import respelt
from gateway.config.problem import Invalid
from gateway.config.rules import read_rules
from gateway.config.unmatched import METHODS, of_method, of_path, of_value
from gateway.plugins import load

FILE = """\
version: 1
include: {include}
upstreams:
  old: {{url: "http://127.0.0.1:1"}}
default: {{upstream: old}}
capabilities:
  one:
    owner: x
    stage: legacy
    legacy: old
    modern: old
    operations: {{read: {operation}}}
"""


@pytest.fixture
def warned(tmp_path):
    """The warnings of a file with this operation and these includes, as (line, column, message)."""

    def warned(operation="{path: /a}", include="[]"):
        path = tmp_path / "routes.yaml"
        path.write_text(FILE.format(operation=operation, include=include))
        found = build(path).warnings
        assert {one.code for one in found} <= {"unmatched"}
        return [(one.place.line, one.place.col, one.message) for one in found]

    return warned


@pytest.fixture
def problems(tmp_path):
    def problems(text):
        path = tmp_path / "routes.yaml"
        path.write_text(text)
        with pytest.raises(Invalid) as caught:
            build(path)
        return [str(one).removeprefix(f"{path}:") for one in caught.value.problems]

    return problems


NOTATIONS = [
    ("/patients/*", "/patients/{rest*}"),
    ("/patients/*/visits", "/patients/{id}/visits"),
    ("/*/*", "/{id}/{rest*}"),
    ("/patients/**", "/patients/{rest*}"),
    ("/patients/:id", "/patients/{id}"),
    ("/patients/:id/visits/:visit", "/patients/{id}/visits/{visit}"),
    ("/patients/:id?", "/patients/{id}"),
    (r"/patients/:id(\d+)", "/patients/{id}"),
    ("/files/:path*", "/files/{path*}"),
    ("/files/*path", "/files/{path*}"),
    ("/patients/.*", "/patients/{rest*}"),
    ("/patients/(.*)", "/patients/{rest*}"),
    ("^/patients/[^/]+$", "/patients/{id}"),
    (r"^/patients/(\d+)$", "/patients/{id}"),
    (r"/patients/(?P<mrn>\d+)", "/patients/{mrn}"),
    ("~ ^/patients/(.*)$", "/patients/{rest*}"),
    ("/patients/[0-9]+/visits", "/patients/{id}/visits"),
    ("/patients/<id>", "/patients/{id}"),
    ("/patients/<int:id>", "/patients/{id}"),
    ("/files/<path:name>", "/files/{name*}"),
    ("/patients/{id:int}", "/patients/{id}"),
    ("/patients/{id?}", "/patients/{id}"),
    ("/patients/{{id}}", "/patients/{id}"),
    ("/files/{**rest}", "/files/{rest*}"),
    ("/files/{rest...}", "/files/{rest*}"),
    ("/files/{name:path}", "/files/{name*}"),
    ("/files/{name:.*}", "/files/{name*}"),
    ("/patients/[id]", "/patients/{id}"),
    ("/files/[...rest]", "/files/{rest*}"),
    ("/patients/{id}.json", "/patients/{id}"),
    ("/img/*.png", "/img/{name}"),
    ("/a/:x/b/:x", "/a/{x}/b/{x2}"),
    ("patients/{id}", "/patients/{id}"),
    ("https://his.example/patients/{id}", "/patients/{id}"),
]
OURS = ["/", "/patients/{id}", "/files/{rest*}", "/fhir/Patient/$everything", "/Patient(42)", "/v1/documents:search",
        "/@me", "/a.b/c~d", "/a%2A", "/%3Aid", "/x/(y)", "/a+b", "/it's", "/PID-3.1", "/{a}/{b*}"]


@pytest.mark.parametrize(("written", "meant"), NOTATIONS)
def test_a_path_in_another_notation_is_told_with_ours(written, meant, tmp_path):
    assert respelt(written) == meant
    path = tmp_path / "routes.yaml"
    path.write_text(FILE.format(operation=f"{{path: '{written}'}}", include="[]"))
    try:
        [said] = build(path).warnings
    except Invalid as invalid:
        [said] = invalid.problems
        assert said.code == "bad_template"
    assert f'"{meant}"' in said.message
    path.write_text(FILE.format(operation=f"{{path: '{meant}'}}", include="[]"))
    assert build(path).warnings == ()


@pytest.mark.parametrize("written", OURS)
def test_a_path_in_our_notation_is_left_alone(written, warned):
    assert warned(f"{{path: {json_text(written)}}}") == []


SEGMENTS = st.one_of(
    st.text("abcXYZ019-._~!$&'()*+,;=:@%", max_size=5),
    st.sampled_from(["", "{id}", "{x}", "*", ":id", ".*", "(.+)", "a;b", "%2A", "%41", "%2F", "a:b", "**"]))


@given(st.lists(SEGMENTS, min_size=1, max_size=4), st.booleans())
@example([";"], True)
@example(["a", ";b"], True)
def test_whatever_is_not_warned_of_matches_the_path_that_it_spells(tmp_path_factory, parts, tail):
    template = "/" + "/".join([*parts, *(["{rest*}"] if tail else [])])
    path = tmp_path_factory.getbasetemp() / "matches.yaml"
    path.write_text(FILE.format(operation=f"{{path: {json_text(template)}}}", include="[]"))
    try:
        built = build(path)
    except Invalid:
        return  # it is told of as a problem
    if built.warnings:
        return
    sample = template.replace("{id}", "7").replace("{x}", "8").replace("{rest*}", "9/10")
    assert built.table.match(Request("GET", sample.encode(), Headers())).target.capability.name == "one"


def json_text(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


@given(st.text(max_size=30))
def test_what_was_meant_by_any_text_is_a_path_and_is_settled(text):
    meant = respelt(text)
    assert meant.startswith("/")
    assert respelt(meant) == meant


@pytest.mark.parametrize(("path", "write"), [("/a//b", "/a/b"), ("/{id}///c", "/{id}/c"), ("//a", "/a")])
def test_a_path_that_no_reading_has_is_warned_of(warned, path, write):
    [(line, column, message)] = warned(f"{{path: '{path}'}}")
    assert (line, column) == (12, 31)
    assert message.startswith("no request has this path")
    assert message.endswith(f'write "{write}"')


@pytest.mark.parametrize(("operation", "column", "message"), [
    ("{method: '*'}", 33, '"*" is a method of this name here: leave `method` out for any'),
    ("{method: ANY}", 33, '"ANY" is a method of this name here: leave `method` out for any'),
    ("{method: GET|POST}", 33, '"GET|POST" is one method here: write [GET, POST]'),
    ("{method: [GET, PSOT]}", 39, 'no client is known to send "PSOT"; did you mean "POST"?'),
    ("{query: {kind: '*'}}", 39, '"*" is compared as text: write true for "is there"'),
    ("{header: {X-A: '.*'}}", 39, '"*" is compared as text: write true for "is there"'.replace('"*"', '".*"')),
    ("{header: {Content-Type: application/*}}", 48,
     '"application/*" is compared as text, with no wildcards: write the whole value, or true for "is there"'),
    ("{header: {X-*: true}}", 34, '"X-*" is the name of one field here, with no wildcards: write it out'),
])
def test_a_condition_that_no_request_meets_is_warned_of(warned, operation, column, message):
    assert warned(operation) == [(12, column, message)]


def test_methods_and_values_that_clients_send_are_not_warned_of():
    assert [one for one in METHODS if of_method(one)] == []
    assert {of_value(*one) for one in (("If-Match", "*"), ("_include", "*"), ("Accept", "*/*"), ("a", None))} == {""}
    assert of_value("q", "a*b") == of_value("v", "1.0") == of_path("/a") == ""


@pytest.mark.parametrize(("include", "says"), [
    ("conf/*.yaml", "no file matches; conf has a.yml"),
    ("none/*.yaml", "no file matches: there is no folder none"),
    ("conf/**/*.yml", 'no file matches: "**" is one folder here; write "conf/*/*.yml" for the files in it'),
    ("empty/*", "no file matches"),
])
def test_a_glob_that_matches_nothing_is_warned_of(warned, tmp_path, include, says):
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "a.yml").write_text("version: 1\n")
    (tmp_path / "empty").mkdir()
    assert warned(include=f'["{include}"]') == [(2, 11, says)]
    assert warned(include="[conf/*.yml]") == []


def test_a_value_in_quotes_that_must_have_none_is_told_so(problems):
    text = FILE.format(operation="{path: /a, safe: 'true'}", include="[]").replace("version: 1", 'version: "1"')
    text = text.replace('127.0.0.1:1"}', '127.0.0.1:1", pool: {connections: "5"}}')
    assert problems(text) == [
        "1:10: wants 1: write 1 without quotes [bad_value]",
        "4:56: wants a whole number: write 5 without quotes [wrong_type]",
        "12:41: wants true or false: write true without quotes [wrong_type]",
    ]


def test_a_colon_without_a_blank_is_told_so(problems):
    assert problems(FILE.format(operation="{path:/a}", include="[]")) == [
        '12:25: unknown key "path:/a": write a blank after the colon, "path: …" [unknown_key]']


RULES = """\
    shadow:
      sample: 5
      recheck: {after: [soon]}
      rules:
        - {at: /a, ignor: true}
        - {at: /b, ignore: yes, reason: x}
        - {at: /c, ignore: "true", resaon: x}
        - {at: /d, ignore: true}
        - text
        - {at: /e, severity: high}
        - {at: /f, volatile: once}
        - {at: /g, list: [a], volatile: instant}
        - {at: /h}
        - {severity: minor}
        - {at: /i, nothing_like_it: 1}
      known_differences:
        - {id: a, at: /j, reason: x, owner: y, expires: soon}
        - {id: b, at: /@status, shape: string, reason: x, owner: y, expires: 2030-01-01}
"""
TOLD = [
    (14, "wants a share from 0% to 100%"),
    (15, "wants a duration"),
    (17, 'unknown key "ignor"; did you mean "ignore"?'),
    (18, 'wants true: "yes" is text in YAML 1.2, write true'),
    (19, "wants true: write true without quotes"),
    (19, 'unknown key "resaon"; did you mean "reason"?'),
    (20, "what is ignored needs a `reason`"),
    (21, "wants a map"),
    (22, "wants critical, major or minor"),
    (23, "wants instant, uuid, opaque, url or int"),
    (24, "a rule has one behaviour, and this has list and volatile"),
    (25, "a rule has one behaviour, and this has none"),
    (26, '"at" is missing'),
    (27, 'no normalisers plugin "nothing_like_it"'),
    (29, "must be a date"),
    (30, "what differs at /@status is no value, and has no shape"),
]


def test_all_wrong_rules_are_told_at_once(problems):
    found = problems(FILE.format(operation="{path: /a}", include="[]") + RULES)
    assert len(found) == len(TOLD)
    for said, (line, message) in zip(found, TOLD, strict=True):
        assert said.startswith(f"{line}:")
        assert message in said


def test_all_wrong_rules_of_an_operation_are_told_at_once(problems):
    rules = "{path: /a, rules: [{at: /a, ignor: true}, {at: /b, severity: high}, {at: /c, ignore: true}]}"
    found = problems(FILE.format(operation=rules, include="[]") + "    shadow: {sample: 1%}\n")
    assert [one.rpartition("[")[2] for one in found] == ["unknown_key]", "bad_value]", "bad_rule]"]


def test_all_wrong_rules_of_a_file_of_rules_are_told_at_once(tmp_path):
    path = tmp_path / "rules.yaml"
    path.write_text(dedent("""\
        rules:
          - {at: /a, ignor: true}
          - {at: /b, ignore: "true", resaon: x}
          - text
          - {at: /d, ignore: true}
        known_differences:
          - {id: a, at: /j, reason: x, owner: y, expires: soon}
          - {id: b, at: /@status, shape: string, reason: x, owner: y, expires: 2030-01-01}
        crosswalk: []
        """))
    with pytest.raises(Invalid) as caught:
        read_rules(path, load)
    assert [one.place.line for one in caught.value.problems] == [2, 3, 3, 4, 5, 7, 8, 9]


@pytest.mark.parametrize(("at", "says"), [
    ("/entry[0]/x", 'write "/entry/*/x"'), ("/entry[*]/x", 'write "/entry/*/x"'),
    ("/entry/[*]/x", 'write "/entry/*/x"'),
    ("/entry/#/x", 'write "/entry/*/x"'), ("/entry/-/x", 'write "/entry/*/x"'), ("/entry/x/", 'write "/entry/x"'),
    ("/@headers/location", 'did you mean "/@header/location"?'), ("/@statuses", "@status"),
    ("/@type", ""), ("/", ""),
    ("/entry/*/x", ""), ("/Envelope/Body/Code[@system=LN]", ""), ("/@header/location", ""), ("PID-3", ""), ("", ""),
])
def test_a_place_in_another_notation_is_warned_of(tmp_path, at, says):
    path = tmp_path / "rules.yaml"
    path.write_text(f"rules: [{{at: {json_text(at)}, severity: minor}}]\n")
    found = [one.message for one in read_rules(path, load)[1] if one.code == "unmatched"]
    assert [bool(says)] == [bool(found)]
    assert all(says in one for one in found)


FAULTS = [
    ("a: {path: /patients/{id}}", 'text with "{" in it must be in quotes inside {…} and […]: write "/patients/{id}"'),
    ("a: {path: /a/{id}/b/{c*}, x: y}",
     'text with "{" in it must be in quotes inside {…} and […]: write "/a/{id}/b/{c*}"'),
    ("a: {url: ${URL}}", 'text with "{" in it must be in quotes inside {…} and […]: write "${URL}"'),
    ("a: {at: /entry/[0]}", 'text with "[" in it must be in quotes inside {…} and […]: write "/entry/[0]"'),
    ("a: {key: se{cr}et}", 'text with "{" in it must be in quotes inside {…} and […]'),
    ("a: {method: *}", 'text that begins with "*" must be in quotes'),
    ("a: [%staff]", 'text that begins with "%" must be in quotes'),
    ("a: @x", 'text that begins with "@" must be in quotes'),
    ("a: >=5", 'text that begins with ">" must be in quotes'),
    ("a: {b: c", "the { at line 1 is never closed"),
    ("b: 1\na: [b, c", "the [ at line 2 is never closed"),
    ('a: "b', 'the " at line 1 is never closed'),
    ("a:\n\t- b", "YAML is indented with blanks, never with tabs"),
    (r'a: "\d"', r'''in "…" a backslash is written twice: "\\d"; in '…' it is written once'''),
    ("a: it is: so", 'text with ": " in it must be in quotes'),
    ("a: 'it's'", "the text in quotes ends before this: inside '…' write a quote twice"),
]


@pytest.mark.parametrize(("text", "says"), FAULTS)
def test_text_that_is_no_yaml_gets_what_to_write(problems, text, says):
    with pytest.raises(yaml.YAMLError):
        yaml.safe_load(text)
    [said] = problems(text)
    assert said.endswith(f"not YAML: {says} [bad_yaml]")


@given(st.text("{}[]:,'\" \n\t%@`|>*&!\\/ab$", max_size=25))
def test_any_text_that_is_no_yaml_has_a_place_inside_it(tmp_path_factory, text):
    path = Path(tmp_path_factory.getbasetemp() / "any.yaml")
    path.write_text(text)
    with pytest.raises(Invalid) as caught:
        build(path)
    lines = text.count("\n") + 2
    assert all(1 <= one.place.line <= lines for one in caught.value.problems)
