"""Evidence through a real gateway: what a client asks over and over proves no more than once, a build that changes
starts anew, and the verdict is the same wherever it is told."""

import json

import pytest
from click.testing import CliRunner

from gateway.cli.main import main
from tests.backends.upstream import until
from tests.backends.wire import response

PATIENTS = 40


def config(legacy, modern):
    return f"""
version: 1
server: {{drain: {{grace: 2s}}}}
upstreams: {{legacy: {{url: "{legacy}"}}, modern: {{url: "{modern}"}}}}
capabilities:
  patients:
    owner: patients-team
    operations:
      read: {{method: GET, path: "/patients/{{id}}"}}
      add: {{method: POST, path: /patients}}
    legacy: legacy
    modern: modern
    stage: shadow
    shadow:
      sample: 100%
      noise: 0%
      recheck: {{after: []}}
      # What some forty patients within a second can show.
      gate: {{limit: 20%, critical_limit: 20%, calendar: off, confidence: 80%, minimum: 30, stratum_minimum: 5,
              build: X-Build}}
default: {{upstream: legacy}}
"""


def answer(body=b'{"resourceType": "Patient"}', build=b"1"):
    return response(200, ("Content-Type", "application/fhir+json"), ("X-Build", build.decode()), body=body)


def ask(figway, patients, times=1):
    for number in range(patients * times):
        assert figway.ask("GET", f"/patients/{number % patients}?_format=json").status == 200


def verdict(figway):
    [one] = json.loads(figway.admin("/report?capability=patients").body)["capabilities"]
    return one["evidence"]


def settles(figway, exchanges):
    until(lambda: (verdict(figway)["epoch"] or {}).get("exchanges") == exchanges, "the evidence is not written")
    return verdict(figway)


def gate(figway, *options):
    admin = f"http://127.0.0.1:{figway.admin_port}"
    return CliRunner().invoke(main, ["gate", "patients", "--admin", admin, *options])


@pytest.fixture
def figway(gateway, legacy, modern):
    legacy.answers(answer())
    modern.answers(answer(build=b"7"))
    return gateway(config(legacy.url, modern.url))


def test_polling_proves_nothing_and_the_gate_says_so(figway, modern):
    ask(figway, 2, times=30)
    found = settles(figway, 60)
    assert (found["effective"], found["answer"], found["unmirrored"]) == (2, "NOT ENOUGH EVIDENCE", ["add"])
    assert gate(figway).exit_code == 3

    ask(figway, PATIENTS)
    found = settles(figway, 60 + PATIENTS)
    assert (found["effective"], found["answer"], found["wanted"]) == (PATIENTS, "SAFE", [])
    assert (found["epoch"]["legacy"], found["epoch"]["modern"]) == ("1", "7")
    assert [(one["status"], one["resource"], one["shape"]) for one in found["coverage"]] == [
        ("", "", ""), ("2xx", "Patient", "_format")]
    assert gate(figway).exit_code == 0
    asked = json.loads(gate(figway, "-o", "json").stdout)["evidence"]
    assert asked.pop("made") >= found.pop("made")
    assert asked == found


def test_a_build_that_changes_starts_anew(figway, modern):
    ask(figway, PATIENTS)
    assert settles(figway, PATIENTS)["answer"] == "SAFE"

    modern.answers(answer(b'{"resourceType": "Patient", "id": "other"}', build=b"8"))
    ask(figway, 30)
    found = settles(figway, 30)
    assert found["epoch"]["modern"] == "8"
    assert [(one["modern"], one["effective"]) for one in found["history"]] == [("7", PATIENTS)]
    assert (found["answer"], found["effective"]) == ("NOT SAFE", 30)
    assert gate(figway).exit_code == 1
