"""figway validate, schema and explain, as people and scripts run them."""

import json
import subprocess
import sys

import pytest
from click import Context
from click.testing import CliRunner

from gateway.cli.main import COMMANDS, main

ROUTES = """\
version: 1
upstreams:
  old: {url: "http://127.0.0.1:1"}
  new: {url: "http://127.0.0.1:2"}
policies:
  often: {ratelimit: {rate: 5/1s}}
capabilities:
  results:
    owner: lab
    operations:
      read: {method: GET, path: "/results/{id}"}
      order: {method: POST, path: /results}
    legacy: old
    modern: new
    stage: canary
    split: {percent: 50%, sticky: [claim:sub, header:X-Tenant], on_missing: random}
    shadow: {sample: 60%}
    policies: [often]
default: {upstream: old, policies: []}
"""


@pytest.fixture
def figway(tmp_path, monkeypatch):
    """Run figway in a folder with ROUTES as routes.yaml."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "routes.yaml").write_text(ROUTES)

    def figway(*arguments):
        return CliRunner().invoke(main, arguments, catch_exceptions=False)

    return figway


def test_help_names_every_command_and_imports_no_heavy_library():
    heavy = {"lxml", "starlette", "uvicorn", "httpx2", "pydantic", "yaml", "rich"}
    code = ("import sys; from gateway.cli.main import main\n"
            "try: main(['--help'])\n"
            f"except SystemExit: print(sorted({heavy!r} & sys.modules.keys()))")
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines()[-1] == "[]"
    for name in COMMANDS:
        assert f"\n  {name} " in run.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_there_and_has_help(figway, name):
    run = figway(name, "--help")
    assert run.exit_code == 0
    own = main.get_command(Context(main), name).help
    assert own
    assert " ".join(own.split()[:5]) in " ".join(run.stdout.split())


def test_a_command_that_is_none_is_a_usage_error(figway):
    run = figway("explian")
    assert run.exit_code == 2
    assert "explian" in run.stderr


def test_validate_sums_up_a_valid_file_in_one_line(figway):
    run = figway("validate")
    assert run.exit_code == 0
    assert run.stdout.startswith("routes.yaml: valid, revision ")
    assert run.stdout.endswith(": 1 capability, 2 operations, 2 upstreams\n")
    assert run.stderr == ""


def test_validate_prints_every_problem_to_standard_error(figway, tmp_path):
    (tmp_path / "bad.yaml").write_text("version: 1\nupstreams: {}\ndefault: {upstream: x}\nservr: {}\n")
    run = figway("validate", "--config", "bad.yaml")
    assert run.exit_code == 2
    assert run.stdout == ""
    assert run.stderr.splitlines() == [
        'bad.yaml:3:21: no upstream "x" [unknown_upstream]',
        'bad.yaml:4:1: unknown key "servr"; did you mean "server"? [unknown_key]',
        "bad.yaml: 2 problems",
    ]
    run = figway("validate", "--config", "bad.yaml", "-o", "json")
    assert run.exit_code == 2
    assert json.loads(run.stdout)["problems"][0] == {
        "file": "bad.yaml", "line": 3, "col": 21, "message": 'no upstream "x"', "code": "unknown_upstream"}


def test_validate_warns_and_passes(figway, tmp_path):
    (tmp_path / "odd.yaml").write_text(ROUTES.replace("policies: [often]", "policies: []"))
    run = figway("validate", "--config", "odd.yaml")
    assert run.exit_code == 0
    assert 'warning: odd.yaml:6:3: policy "often" is never used [unused]' in run.stderr
    assert json.loads(figway("validate", "--config", "odd.yaml", "-o", "json").stdout)["warnings"]


def test_schema_is_a_json_schema(figway):
    schema = json.loads(figway("schema").stdout)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert set(schema["required"]) == {"version", "upstreams", "default"}


def explained(figway, *arguments):
    run = figway("explain", *arguments, "-o", "json")
    assert run.exit_code == 0, run.stderr
    return json.loads(run.stdout)


def test_explain_tells_the_whole_way_of_a_request(figway):
    assert explained(figway, "GET", "http://gateway/results/7?x=1", "-H", "X-Tenant: d") == {
        "capability": "results", "owner": "lab", "operation": "read", "place": "routes.yaml:11", "safe": True,
        "stage": "canary", "policies": ["often"], "arm": {"name": "modern", "upstream": "new"},
        "reason": "split: bucket 2224, modern below 5000", "mirror": {"name": "legacy", "upstream": "old"},
        "sampled": True, "fallback": {"name": "legacy", "upstream": "old"}, "losers": [],
    }


def test_explain_takes_verified_claims_and_the_roll(figway):
    by_claim = explained(figway, "GET", "/results/7", "-H", "X-Tenant: b", "--claim", "sub=x")["reason"]
    assert by_claim != explained(figway, "GET", "/results/7", "-H", "X-Tenant: b")["reason"]
    assert explained(figway, "GET", "/results/7", "--roll", "0.4")["arm"]["name"] == "modern"
    assert explained(figway, "GET", "/results/7", "--roll", "0.6")["arm"]["name"] == "legacy"


def test_explain_names_the_losers_and_why(figway, tmp_path):
    (tmp_path / "routes.yaml").write_text(ROUTES.replace("policies: [often]", "policies: []"))
    told = explained(figway, "DELETE", "/results/7")
    assert (told["capability"], told["arm"]) == ("_default", {"name": "legacy", "upstream": "old"})
    assert told["losers"] == [
        {"capability": "results", "operation": "read", "place": "routes.yaml:11", "why": "method is not GET or HEAD"}]
    text = figway("explain", "DELETE", "/results/7").stdout
    assert "none: the default" in text
    assert "results.read, routes.yaml:11: method is not GET or HEAD" in text


@pytest.mark.parametrize(("method", "path", "folded"), [
    ("DELETE", "/results/7", "/results/7"), ("GET", "/Results/7/", "/results/7"),
    ("GET", "/%52esults%2F7", "/results/7"),
])
def test_explain_says_what_a_request_could_be_taken_for(figway, method, path, folded):
    run = figway("explain", method, path)
    assert run.exit_code == 2
    assert run.stderr.splitlines() == [
        "refused: ambiguous_path: it is the default, but some servers take it for results.read, routes.yaml:11, with "
        "other policies or another arm", f"folded: {folded}"]
    run = figway("explain", method, path, "-o", "json")
    assert run.exit_code == 2
    assert json.loads(run.stdout) == {
        "refused": "ambiguous_path", "capability": "_default", "folded": folded,
        "taken_for": {"capability": "results", "operation": "read", "place": "routes.yaml:11"}}


def test_explain_says_what_a_method_override_would_make_of_a_request(figway):
    run = figway("explain", "POST", "/results", "-H", "X-HTTP-Method-Override: DELETE")
    assert run.exit_code == 2
    assert run.stderr.startswith("refused: ambiguous_method: it is results.order, routes.yaml:12, but")


def test_explain_shows_what_a_path_folds_to(figway):
    assert explained(figway, "GET", "/Other%2FThing/")["folded"] == "/other/thing"
    assert "folds to      /other/thing" in figway("explain", "GET", "/Other%2FThing/").stdout


def test_validate_shows_the_fold(figway, tmp_path):
    written = ROUTES.replace('"http://127.0.0.1:2"', '"http://127.0.0.1:2", paths: iis').replace(
        '"http://127.0.0.1:1"', '"http://127.0.0.1:1", paths: iis').replace("/results/{id}", "/Results/{id}")
    (tmp_path / "routes.yaml").write_text(written)
    assert figway("validate", "--folded").stdout.splitlines()[1:] == [
        *(f"upstream {name} reads paths: case any, trailing_slash same, trailing_dot same, encoded_slash separator, "
          "double_encoding exact" for name in ("old", "new")),
        "results.read folds to /results/{id}", "results.order folds to /results"]
    told = json.loads(figway("validate", "-o", "json").stdout)
    assert told["folded"] == {"results.read": "/results/{id}", "results.order": "/results"}
    assert told["paths"]["old"]["case"] == "any"


def test_explain_says_what_the_edge_refuses(figway):
    run = figway("explain", "GET", "/a/../b")
    assert run.exit_code == 2
    assert run.stderr == "refused at the edge: bad_target\n"


@pytest.mark.parametrize(("arguments", "code"), [
    (("TRACE", "/x"), "method_not_supported"), (("CONNECT", "/x"), "method_not_supported"),
    (("FOO", "/x"), "method_not_supported"), (("get", "/x"), "method_not_supported"),
    (("GET", "/x", "-H", "Foo Bar: x"), "bad_request"), (("GET", "/x", "-H", "Foo: a\nb"), "bad_request"),
    (("GET", "/x", "-H", f"X-Big: {'b' * (64 << 10)}"), "head_too_large"),
], ids=["TRACE", "CONNECT", "FOO", "get", "a bad name", "a bad value", "a long head"])
def test_explain_refuses_what_the_edge_refuses(figway, arguments, code):
    run = figway("explain", *arguments)
    assert (run.exit_code, run.stderr) == (2, f"refused at the edge: {code}\n")


def test_explain_says_what_ends_at_the_edge(figway):
    assert figway("explain", "OPTIONS", "/x", "-H", "Max-Forwards: 0").stdout.startswith("answered at the edge")


@pytest.mark.parametrize(("fields", "why"), [
    (("X-Figway-Shadow: 1",), "it is a mirror itself"),
    (("Connection: Upgrade", "Upgrade: websocket"), "an upgrade is never mirrored"),
    (("Authorization: NTLM TlRMTVNTUAAB",), "its credentials log in the connection"),
], ids=["a mirror", "an upgrade", "a login"])
def test_explain_shows_no_mirror_of_what_is_never_mirrored_and_says_why(figway, fields, why):
    options = [option for field in fields for option in ("-H", field)]
    assert explained(figway, "GET", "/results/7", *options)["mirror"] is None
    assert f"mirrored to   nobody: {why}\n" in figway("explain", "GET", "/results/7", *options).stdout


def test_explain_mirrors_an_upgrade_where_the_capability_takes_none(figway, tmp_path):
    (tmp_path / "routes.yaml").write_text(ROUTES.replace("owner: lab", "owner: lab\n    upgrade: false"))
    told = explained(figway, "GET", "/results/7", "-H", "Connection: Upgrade", "-H", "Upgrade: websocket")
    assert told["mirror"] is not None


@pytest.mark.parametrize("arguments", [
    ("GET",), ("GET", "results"), ("GET", "/", "-H", "no colon"), ("GET", "/", "--claim", "sub"),
    ("GET", "/", "--roll", "1"),
])
def test_explain_asked_wrongly_is_a_usage_error(figway, arguments):
    assert figway("explain", *arguments).exit_code == 2
