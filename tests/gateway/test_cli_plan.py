"""figway plan: what an edit changes, in operations, requests and shares."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.cli.main import main

WAS = """\
version: 1
upstreams: {old: {url: "http://127.0.0.1:1"}, new: {url: "http://127.0.0.1:2"}}
policies: {slow: {ratelimit: {rate: 5/1s}}}
default: {upstream: old, policies: []}
capabilities:
  patients:
    owner: a
    operations: {read: {method: GET, path: "/patients/{id}"}, add: {method: POST, path: /patients}}
    legacy: old
    modern: new
    stage: shadow
    shadow: {sample: 50%}
  results:
    owner: a
    operations: {read: {path: "/results/{id}"}}
    legacy: old
    modern: new
    stage: legacy
"""
SPLIT = "stage: canary\n    split: {percent: 25%, sticky: [client_ip]}\n    policies: [slow]\n"
NOW = (WAS.replace("stage: shadow\n", SPLIT).replace("/results/{id}", "/lab/{id}").replace("results:", "labs:", 1)
       .replace('add: {method: POST, path: /patients}', 'search: {method: GET, path: /patients, query: {name: true}}'))


def line(method, path, times):
    return f'1 - - [x] "{method} {path} HTTP/1.1" 200 1\n' * times


@pytest.fixture
def planned(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("routes.yaml").write_text(WAS)
    Path("access.log").write_text(
        line("GET", "/patients/1", 40) + line("GET", "/patients?name=x", 10) + line("POST", "/patients", 20)
        + line("GET", "/results/1", 20) + line("GET", "/lab/1", 10))

    def planned(text, *more):
        Path("edited.yaml").write_text(text)
        return CliRunner().invoke(main, ["plan", "edited.yaml", *more], catch_exceptions=False)

    return planned


def test_an_edit_is_told_in_operations_requests_and_shares(planned):
    done = planned(NOW, "--against", "access.log")
    assert (done.exit_code, done.output) == (0, """\
~ patients
    reads shadow → canary
    split none → 25% by client_ip
    policies none → slow
    its evidence begins anew
- patients.add
    method POST, path /patients
+ patients.search
    method GET, HEAD, path /patients, query name
- results
    1 operation, reads legacy, writes legacy
+ labs
    1 operation, reads legacy, writes legacy

Of 100 requests:
  50 are served otherwise: by another arm, or by an arm for more or fewer
  served by modern    0.00% → 12.50%
  mirrored           20.00% → 25.00%
        20 move from patients.add to _default
        20 move from results.read to _default
        10 move from _default to patients.search
        10 move from _default to labs.read
""")


def test_what_is_the_same_changes_nothing(planned):
    assert planned(WAS).output == "nothing changes\n"
    assert planned(WAS.replace("owner: a", "owner: a  # x")).output == "nothing changes\n"


def test_another_arm_begins_evidence_anew(planned):
    done = planned(WAS.replace("127.0.0.1:2", "127.0.0.1:3"))
    assert "~ upstream new\n    its settings differ: it gets new connections\n" in done.output
    assert ("~ patients\n    modern new (http://127.0.0.1:2) → new (http://127.0.0.1:3)\n"
            "    its evidence begins anew\n") in done.output
    assert "~ server\n    differs in body_rate\n" in planned(WAS + "server: {body_rate: 9B}\n").output


def test_json_has_all_of_it(planned):
    found = json.loads(planned(NOW, "--against", "access.log", "-o", "json").stdout)
    assert found["was"] != found["now"]
    assert found["traffic"]["requests"] == 100
    assert found["traffic"]["modern"] == [0.0, 0.125]
    assert sum(one["requests"] for one in found["traffic"]["moved"]) == 60
    assert [one["kind"] for one in found["changes"]] == ["~", "-", "+", "-", "+"]


def test_a_request_that_is_refused_afterwards_is_told(planned):
    guarded = NOW.replace("policies: [slow]", "policies: [slow]").replace("/lab/{id}", "/PATIENTS/{id}")
    assert planned(guarded, "--against", "access.log").output.count("(refused)") >= 1


def test_a_file_with_problems_is_refused(planned):
    done = planned(NOW.replace("stage:", "stag:"))
    assert (done.exit_code, "edited.yaml" in done.stderr) == (2, True)
    done = planned(NOW, "--against", "none.log")
    assert (done.exit_code, done.stderr) == (2, "figway: none.log cannot be read: No such file or directory\n")
