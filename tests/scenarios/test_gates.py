"""Steps forward of a running gateway: the gate decides, by command and by file, and says what it says to everybody."""

import json

import pytest
from click.testing import CliRunner

from gateway.cli.main import main
from tests.backends.control import command, kept
from tests.backends.figway import running
from tests.backends.upstream import until
from tests.backends.wire import response

pytestmark = pytest.mark.slow

PATIENTS = 40
ROUTES = """
version: 1
server: {{drain: {{grace: 2s}}}}
store: {{sqlite: {{path: figway.db}}}}
{more}
upstreams: {{legacy: {{url: "{legacy}"}}, modern: {{url: "{modern}"}}}}
capabilities:
  labs:
    owner: labs-team
    operations:
      read: {{method: GET, path: "/labs/{{id}}"}}
      order: {{method: POST, path: /labs}}
    legacy: legacy
    modern: modern
    stage: {stage}
    split: {{percent: 0%, sticky: ["path:id"]}}
    shadow:
      sample: 100%
      noise: 0%
      recheck: {{after: []}}
      # What some forty requests within a second can show.
      gate: {{limit: 20%, critical_limit: 20%, calendar: off, confidence: 80%, minimum: 30, stratum_minimum: 5,
              slower: off, build: X-Build}}
default: {{upstream: legacy}}
"""
ROLES = """control:
  roles: {{operator: [root, "token:pipeline"]{more}}}
  tokens: {{pipeline: "pipeline-pipeline"}}"""


def answer(body=b'{"resourceType": "Patient"}', build=b"1"):
    return response(200, ("Content-Type", "application/fhir+json"), ("X-Build", build.decode()), body=body)


def settled(figway, count, says):
    """Ask for so many labs, and wait until the gate of the whole step says this."""
    for number in range(count):
        assert figway.ask("GET", f"/labs/{number}?_format=json").status == 200

    def verdict():
        [one] = json.loads(figway.admin("/report?capability=labs").body)["capabilities"]
        return one["evidence"]["answer"]

    until(lambda: verdict() == says, f"the gate does not say {says}")


def gate(figway, step):
    """The exit status of `figway gate`, and what it says."""
    asked = CliRunner().invoke(main, ["gate", "labs", "--admin", f"http://127.0.0.1:{figway.admin_port}", "--for", step,
                                      "-o", "json"])
    return asked.exit_code, json.loads(asked.stdout)["evidence"]["says"]


def refused(figway, status, *arguments):
    """A flip that is refused changes nothing but the journal, which says why. Returns why."""
    before = kept(figway.folder)
    done = command(figway.folder, *arguments, "--reason", "a try")
    assert (done.returncode, done.stdout) == (status, "")
    [line] = done.stderr.splitlines()
    after = kept(figway.folder)
    assert (after.revision, after.stands, after.length) == (before.revision, before.stands, before.length + 1)
    last = newest(figway)
    assert (last["action"], line) == ("refusal", f"figway: {last['detail']['why']}")
    assert last["evidence"]["answer"] != "SAFE"
    return last["detail"]["why"]


def newest(figway):
    return json.loads(command(figway.folder, "history", "labs", "-n", "1", "-o", "json").stdout)["records"][0]


def test_a_capability_climbs_on_evidence_and_is_refused_without(gateway, legacy, modern):
    legacy.answers(answer()), modern.answers(answer(build=b"7"))
    figway = gateway(ROUTES.format(legacy=legacy.url, modern=modern.url, stage="legacy", more=""), "--workers", "2")
    assert command(figway.folder, "flip", "labs", "--to", "shadow", "--reason", "the lane is ready").returncode == 0
    canary = ("flip", "labs", "--to", "canary", "--percent", "5")
    assert (3, refused(figway, 3, *canary)) == gate(figway, "5%")

    settled(figway, PATIENTS, "SAFE")
    status, says = gate(figway, "5%")
    done = command(figway.folder, *canary, "--reason", "the gate says SAFE")
    assert (status, done.returncode, done.stdout.splitlines()[1]) == (0, 0, f"  the gate: {says}")
    last = newest(figway)
    assert (last["detail"]["gate"], last["evidence"]["answer"], last["evidence"]["says"]) == ("safe", "SAFE", says)
    assert command(figway.folder, "flip", "labs", "--percent", "50", "--reason", "wards agreed").returncode == 0

    writes = ("flip", "labs", "--to", "modern", "--writes")
    assert "no mode compares writes yet" in refused(figway, 3, *writes)
    done = command(figway.folder, *writes, "--force", "--reason", "orders were tried by hand")
    assert done.returncode == 0
    assert "forced; the gate: NOT ENOUGH EVIDENCE for writes (order)" in done.stdout
    assert newest(figway)["detail"]["gate"] == "forced"

    modern.answers(answer(b'{"resourceType": "Patient", "id": "other"}', build=b"8"))
    assert command(figway.folder, "rollback", "labs", "--to", "shadow").returncode == 0
    settled(figway, PATIENTS, "NOT SAFE")
    assert (1, refused(figway, 1, *canary)) == gate(figway, "5%")
    assert command(figway.folder, "rollback", "labs").returncode == 0
    kept(figway.folder)


def test_where_control_is_set_a_file_moves_forward_on_evidence_alone_and_force_wants_a_role(gateway, legacy, modern):
    legacy.answers(answer()), modern.answers(answer(build=b"7"))

    def routes(stage, more=""):
        return ROUTES.format(legacy=legacy.url, modern=modern.url, stage=stage, more=ROLES.format(more=more))

    figway = gateway(routes("shadow"))
    why = refused(figway, 1, "flip", "labs", "--to", "verify", "--force")
    assert "may not force a step (see `control.force` in routes.yaml), and the gate says: NOT ENOUGH EVIDENCE" in why

    figway.file.write_text(routes("verify"))
    until(lambda: "labs would move to reads verify, writes legacy: NOT ENOUGH EVIDENCE" in figway.readiness()[1],
          "the file is not refused")
    assert "[gate]" in figway.readiness()[1]
    assert kept(figway.folder).stands["labs"].file.reads == "shadow"

    # The same step by a person who may force it lets the file through.
    figway.file.write_text(routes("shadow", ", approver: [root]"))
    until(lambda: command(figway.folder, "flip", "labs", "--to", "verify", "--force", "--reason", "the board agreed"
                          ).returncode == 0, "a role of a reload does not count")
    figway.file.write_text(routes("verify", ", approver: [root]"))
    until(lambda: kept(figway.folder).stands["labs"].file.reads == "verify", "the file is refused")


def test_a_file_moves_forward_on_evidence_and_the_record_has_it(tmp_path, legacy, modern):
    legacy.answers(answer()), modern.answers(answer(build=b"7"))

    def routes(stage, more):
        return ROUTES.format(legacy=legacy.url, modern=modern.url, stage=stage, more=more)

    with running(tmp_path, routes("shadow", ""), "--workers", "2") as figway:
        settled(figway, PATIENTS, "SAFE")
        figway.file.write_text(routes("verify", ROLES.format(more="")))
        until(lambda: kept(tmp_path).stands["labs"].file.reads == "verify", "the file is refused")
        last = newest(figway)
        assert (last["action"], last["detail"]["gate"], last["evidence"]["answer"]) == ("reload", "safe", "SAFE")
