"""Two arms that name the same records differently: the same, once it is known who is who; and whoever is taken for
another stands in the way of SAFE, also where only what was known before a restart contradicts it."""

import json

import pytest
from click.testing import CliRunner

from gateway.cli.main import main
from tests.backends.figway import running
from tests.backends.upstream import Upstream, until
from tests.backends.wire import response

CONFIG = """
version: 1
server: {{drain: {{grace: 2s}}}}
shadow: {{drain: 5s}}
store: {{sqlite: {{path: figway.db}}}}
upstreams: {{legacy: {{url: "{legacy}"}}, modern: {{url: "{modern}"}}}}
capabilities:
  charts:
    owner: registration
    operations: {{read: {{method: GET, path: "/fhir/{{rest*}}"}}}}
    legacy: legacy
    modern: modern
    stage: shadow
    shadow:
      sample: 100%
      noise: 0%
      recheck: {{after: []}}
      crosswalk: {{Patient: {{seed: patients.csv}}, Observation: {{}}}}
      rules:
        - {{at: "/**/id", id: ids, crosswalk: resource}}
        - {{at: "/**/reference", id: references, crosswalk: reference}}
      gate: {{limit: 20%, critical_limit: 20%, calendar: off, confidence: 80%, minimum: 1, stratum_minimum: 1}}
default: {{upstream: legacy}}
"""
FHIR = ("Content-Type", "application/fhir+json")
SEED = "class,legacy,modern\nPatient,KANARI-1,KANARI-a\n"


@pytest.fixture
def arms(tmp_path):
    (tmp_path / "patients.csv").write_text(SEED)
    upstreams = Upstream(), Upstream()
    yield upstreams
    for one in upstreams:
        one.close()
        assert one.failures == []


@pytest.fixture
def config(arms):
    legacy, modern = arms
    return CONFIG.format(legacy=legacy.url, modern=modern.url)


def observation(name, patient):
    subject = {"reference": f"Patient/KANARI-{patient}"}
    return {"resourceType": "Observation", "id": f"KANARI-{name}", "subject": subject}


def ask(figway, arms, one, other, **outcome):
    before = figway.metric("figway_shadow_total", **outcome)
    for arm, body in zip(arms, (one, other), strict=True):
        arm.answers(response(200, FHIR, body=json.dumps(body).encode()))
    assert figway.ask("GET", "/fhir/some/record", ("Host", "clinic.example")).status == 200
    until(lambda: figway.metric("figway_shadow_total", **outcome) == before + 1, f"no {outcome}")


def differences(figway):
    return json.loads(figway.admin("/report?capability=charts").body)["capabilities"][0]["differences"]


def evidence(figway):
    [one] = json.loads(figway.admin("/report?capability=charts").body)["capabilities"]
    return one["evidence"]


def identities(figway):
    return {one["name"]: (one["seeded"], one["learnt"], one["split"], one["merged"])
            for one in evidence(figway)["identities"]}


def test_who_is_who_is_known_beyond_a_restart_and_told_in_no_word(arms, config, tmp_path):
    with running(tmp_path, config) as figway:
        ask(figway, arms, observation(7, 1), observation("x", "a"), outcome="match_normalised")
        until(lambda: identities(figway) == {"Patient": (1, 0, 0, 0), "Observation": (0, 1, 0, 0)}, "nothing is learnt")
    with running(tmp_path, config) as figway:
        # The judge that learnt 7 is x has gone: only the store knows.
        ask(figway, arms, observation(7, 1), observation("y", "a"), outcome="match_normalised")
        until(lambda: identities(figway)["Observation"] == (0, 1, 1, 0), "the conflict is not found")
        found = evidence(figway)
        assert found["answer"] == "NOT SAFE"
        assert "exchanges contradicted each other 1 time about who is who" in found["says"]
        gate = CliRunner().invoke(main, ["gate", "charts", "--admin", f"http://127.0.0.1:{figway.admin_port}"])
        assert gate.exit_code == 1
        page = figway.admin("/report.html?capability=charts").body
        assert b"Exchanges contradict each other about who is who" in page
    kept = [file.read_bytes() for file in tmp_path.iterdir() if file.is_file() and file.name != "patients.csv"]
    assert len(kept) > 3, "the store, custody and what was logged are among them"
    assert not any(b"KANARI" in text for text in (*kept, page))


def test_whoever_is_taken_for_another_is_critical(arms, config, tmp_path):
    with running(tmp_path, config) as figway:
        ask(figway, arms, observation(7, 1), observation("x", "a"), outcome="match_normalised")
        ask(figway, arms, observation(7, 1), observation("x", "b"), outcome="mismatch")
        until(lambda: differences(figway), "the difference is not written")
        [found] = differences(figway)
        assert (found["kind"], found["severity"], found["path"]) == ("identity", "critical", "/subject/reference")
        assert evidence(figway)["answer"] == "NOT SAFE"


def test_a_seed_that_changes_is_read_again_and_evidence_starts_anew(arms, config, tmp_path):
    with running(tmp_path, config) as figway:
        ask(figway, arms, observation(7, 1), observation("x", "a"), outcome="match_normalised")
        until(lambda: (evidence(figway)["epoch"] or {}).get("exchanges") == 1, "the evidence is not written")
        rules = evidence(figway)["epoch"]["rules"]
        (tmp_path / "patients.csv").write_text(SEED.replace("KANARI-a", "KANARI-b"))
        until(lambda: figway.metric("figway_config_reloads_total") == 1, "the seed is not read again")
        ask(figway, arms, observation(7, 1), observation("x", "b"), outcome="match_normalised")
        # Until that is written there is no epoch of these rules.
        until(lambda: (evidence(figway)["epoch"] or {}).get("rules") not in (None, rules), "the rules are the same")
        assert evidence(figway)["epoch"]["exchanges"] == 1


def test_legacy_beside_itself_teaches_nothing(arms, config, tmp_path):
    with running(tmp_path, config.replace("noise: 0%", "noise: 100%")) as figway:
        ask(figway, arms, observation(7, 1), observation("x", "a"), outcome="match_normalised")
        ask(figway, arms, observation(8, 1), observation("y", "a"), outcome="match_normalised")
        until(lambda: identities(figway)["Observation"] == (0, 2, 0, 0), "it is not learnt, or otherwise")
