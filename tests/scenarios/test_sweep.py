"""`figway sweep`: two real arms, a real store, and what the gate makes of it."""

import json
import re
import signal
import subprocess
import threading

import pytest
from click.testing import CliRunner

from gateway.cli.main import main
from shadow.custody.sqlite import SqliteCustody
from tests.backends.processes import FIGWAY, LONG, started
from tests.backends.upstream import never, resets, until
from tests.backends.wire import response

TOKEN = "Bearer CANARY-TOKEN"
JSON = ("Content-Type", "application/json")


def config(legacy, modern, shadow="", calendar="off"):
    return f"""
version: 1
store: {{sqlite: {{path: figway.db}}}}
shadow: {{drain: 2s}}
upstreams: {{legacy: {{url: "{legacy.url}"}}, modern: {{url: "{modern.url}"}}}}
capabilities:
  patients:
    owner: patients-team
    operations:
      read: {{method: GET, path: "/patients/{{id}}"}}
      find: {{method: GET, path: /patients}}
      add: {{method: POST, path: /patients}}
      close: {{method: GET, path: "/patients/{{id}}/close", safe: false}}
    legacy: legacy
    modern: modern
    stage: shadow
    shadow:
      sample: 100%
      noise: 0%
      recheck: {{after: []}}
      gate:
        {{limit: 20%, critical_limit: 20%, confidence: 80%, minimum: 30, stratum_minimum: 5, calendar: {calendar},
         slower: {{plus: 20s}}}}
      {shadow}
  plain:
    owner: patients-team
    operations: {{read: {{method: GET, path: "/plain/{{id}}"}}}}
    legacy: legacy
    modern: modern
    stage: legacy
default: {{upstream: legacy}}
"""


def record(asked, spoilt):
    id = asked.target.decode("latin-1").rpartition("/")[2]
    body = {"resourceType": "Patient", "id": id, "name": "Wrong" if id in spoilt else "Quarrington"}
    return response(200, JSON, body=json.dumps(body).encode())


def serves(upstream, *spoilt):
    """Each key has a record of its own; those of the spoilt keys are wrong."""
    upstream.does(lambda wire, asked: wire.send(record(asked, spoilt)))


@pytest.fixture
def folder(tmp_path, legacy, modern):
    serves(legacy)
    serves(modern)
    (tmp_path / "routes.yaml").write_text(config(legacy, modern))
    return tmp_path


def ids(count):
    return [f"MRN-{number}" for number in range(1, count + 1)]


def lines(keys):
    return "".join(f"{one}\n" for one in keys)


def sweep(folder, keys, *arguments, capability="patients", status=0, env=None):
    """The command, with these keys on standard input. It shows no key, no answer and no credential."""
    done = CliRunner().invoke(
        main, ["sweep", capability, "--keys", "-", "--config", str(folder / "routes.yaml"), "--rate", "5000/s",
               *arguments], input=lines(keys), env=env)
    assert done.exit_code == status, done.output
    assert not [one for one in ("Traceback", "MRN", "Quarrington", "CANARY") if one in done.output]
    return done


def facts(folder, keys, *arguments, **more):
    return json.loads(sweep(folder, keys, "-o", "json", *arguments, **more).stdout)


def gate(folder):
    """What `figway gate` says, with its exit status as `status`."""
    done = CliRunner().invoke(main, ["gate", "patients", "--config", str(folder / "routes.yaml"), "-o", "json"])
    return json.loads(done.stdout)["evidence"] | {"status": done.exit_code}


def states(evidence):
    return {one["name"]: one["state"] for one in evidence["gates"]}


def test_two_arms_that_agree_are_evidence_for_the_gate(folder, legacy, modern):
    found = facts(folder, [*ids(40), "MRN-1", ""])
    assert (found["keys"], found["repeated"], found["ended"], found["counts"]) == (40, 1, 40, {"right": 40})
    assert sorted(legacy.targets()) == sorted(modern.targets()) == sorted(f"/patients/{one}" for one in ids(40))
    assert {one.get("X-Figway-Shadow") for one in [*legacy.asked, *modern.asked]} == {"1"}
    evidence = gate(folder)
    assert (evidence["effective"], evidence["swept"], states(evidence)["mismatches"]) == (40, 40, "pass")
    assert evidence["per_hour"] is None, "a sweep says nothing about the rate of clients"
    assert "40 of 40 effective exchanges were swept" in evidence["says"]


def test_a_sweep_may_show_all_that_safe_needs_but_the_calendar(folder, legacy, modern):
    found = facts(folder, [*ids(40), *(f"/patients?name={one}" for one in ids(40))])
    assert found["counts"] == {"right": 80}
    evidence = gate(folder)
    assert (evidence["status"], evidence["answer"]) == (0, "SAFE"), evidence["says"]
    (folder / "routes.yaml").write_text(config(legacy, modern, calendar="{days: 1, hours: 1, weekend: false}"))
    evidence = gate(folder)
    assert evidence["status"] == 3
    assert {name for name, state in states(evidence).items() if state != "pass"} == {"calendar"}
    [says] = [one["says"] for one in evidence["gates"] if one["name"] == "calendar"]
    assert says.startswith("compared on 0 of 1 day, 0 of 1 hour of the day")


def test_the_lines_that_differ_are_named_and_the_gate_counts_them(folder, modern):
    serves(modern, "MRN-7", "MRN-23")
    first, right, wrong, _ = sweep(folder, ids(40)).stdout.splitlines()
    assert re.fullmatch(r"patients: 40 of 40 keys compared in \d+ s", first)
    assert (right.split(), wrong.split()) == (["38", "right"], ["2", "wrong", "(lines", "7,", "23)"])
    evidence = gate(folder)
    assert "2 of 40 effective exchanges" in evidence["gates"][0]["says"]


def test_a_subject_that_is_swept_twice_within_the_hour_counts_once(folder):
    for _ in range(2):
        assert facts(folder, ids(12))["ended"] == 12
    evidence = gate(folder)
    # If the hour ends between the two, each key counts in both.
    assert (evidence["epoch"]["exchanges"], evidence["effective"]) in [(24, 12), (24, 24)]


def test_secret_fields_go_to_legacy_alone_unless_the_capability_passes_credentials(folder, legacy, modern):
    (folder / "fields").write_text(f"Authorization: {TOKEN}\n\nX-Clinic-Key: CANARY-KEY\n")
    given = ("--header-file", str(folder / "fields"), "--header", "Accept: application/json",
             "--header-env", "MORE")
    facts(folder, ids(3), *given, env={"MORE": "Cookie: sid=CANARY"})
    names = "Authorization", "X-Clinic-Key", "Cookie", "Accept"
    assert {tuple(map(one.get, names)) for one in legacy.asked} == {
        (TOKEN, "CANARY-KEY", "sid=CANARY", "application/json")}
    assert {tuple(map(one.get, names)) for one in modern.asked} == {(None, None, None, "application/json")}

    modern.answers(response(401, JSON, body=b"{}"))
    [refused] = facts(folder, ids(1), *given, env={"MORE": "Cookie: sid=CANARY"})["outcomes"]
    assert (refused["outcome"], refused["reason"]) == ("not_comparable", "credentials")

    (folder / "routes.yaml").write_text(config(legacy, modern, "credentials: pass"))
    modern.forget()
    serves(modern)
    facts(folder, ids(3), *given, env={"MORE": "Cookie: sid=CANARY"})
    assert {tuple(map(one.get, names)) for one in modern.asked} == {
        (TOKEN, "CANARY-KEY", "sid=CANARY", "application/json")}


def test_no_key_and_no_secret_rests_in_a_file_though_mismatches_are_sealed(folder, legacy, modern):
    text = config(legacy, modern, "capture: 100%")
    (folder / "routes.yaml").write_text(text.replace("drain: 2s", "drain: 2s, capture: {path: figway.sealed}"))
    serves(modern, "MRN-7")
    (folder / "fields").write_text("X-Clinic-Key: CANARY-KEY\n")
    facts(folder, ids(30), "--header-file", str(folder / "fields"), "--reason", "ticket 7")
    listed = CliRunner().invoke(main, ["shadow", "list", "--config", str(folder / "routes.yaml")])
    assert len(re.findall(r"(?m)^[0-9a-f]{16}\b", listed.stdout)) == 1
    (folder / "fields").unlink()
    stored = {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "routes.yaml"}
    assert stored.keys() >= {"figway.db", "figway.db.custody", "figway.sealed"}
    for canary in (b"MRN", b"Quarrington", b"CANARY"):
        assert not [name for name, data in stored.items() if canary in data]
    custody = SqliteCustody(folder / "figway.db.custody")
    trail, _ = custody.trail()
    custody.close()
    assert [(one.action, one.subject, one.reason) for one in trail] == [("sweep", "patients", "ticket 7")]


@pytest.mark.parametrize(("capability", "keys", "arguments", "why"), [
    ("plain", ids(1), (), "plain has no `shadow`"),
    ("nobody", ids(1), (), 'there is no capability "nobody"'),
    ("patients", [], (), "there is no key"),
    ("patients", ["MRN-1", "MRN-2\tMRN-3", "..", "/plain/MRN-4"], (),
     "line 2: read takes 1 value\nline 3: the edge refuses it (bad_target)\nline 4: it is no request of patients"),
    ("patients", ["/patients/MRN-1/close"], (), "line 1: patients.close changes something"),
    ("patients", ["MRN-1"], ("--operation", "close"), "patients.close is no read by GET"),
    ("patients", ["/patients"], ("--operation", "read"), "line 1: it is no request of patients.read"),
    ("patients", ids(1), ("--header", f"authorization: {TOKEN}"), "authorization is a credential"),
    ("patients", ids(1), ("--header", "CANARY"), "--header: not a header field"),
    ("patients", ids(1), ("--header", "Content-Length: 3"), "they are not those of a plain read"),
    ("patients", ids(1), ("--rate", "fast"), 'wants keys in a time, such as "5/s"'),
])
def test_what_may_not_be_swept_is_refused_before_anything_is_asked(
    folder, legacy, modern, capability, keys, arguments, why,
):
    done = sweep(folder, keys, *arguments, capability=capability, status=2)
    assert why in done.stderr
    assert (legacy.asked, modern.asked) == ([], [])
    assert not (folder / "figway.db").exists()


def test_a_store_in_memory_is_refused(folder):
    file = folder / "routes.yaml"
    file.write_text(file.read_text().replace("store: {sqlite: {path: figway.db}}", ""))
    assert "set `store: {sqlite: {path: figway.db}}`" in sweep(folder, ids(1), status=2).stderr


def test_a_sweep_stops_where_legacy_refuses_and_none_of_that_is_evidence(folder, legacy, modern):
    for upstream in (legacy, modern):
        upstream.answers(response(401, JSON, body=b"{}"))
    found = facts(folder, ids(40), status=3)
    assert found["stopped"].startswith("legacy refused 10 keys in a row with 401")
    assert (found["ended"], modern.asked) == (0, [])
    assert len(legacy.asked) < 20
    legacy.answers(response(302, ("Location", "/login?next=1")))
    found = facts(folder, ids(3), status=3)
    assert found["stopped"].startswith("legacy refused every key with 302")


def test_a_sweep_stops_at_once_where_legacy_is_asked_too_often(folder, legacy, modern):
    def handler(wire, asked):
        wire.send(response(429, JSON, body=b"{}") if asked.target.endswith(b"-4") else record(asked, ()))

    legacy.does(handler)
    found = facts(folder, ids(40), "--concurrency", "1", status=3)
    assert found["stopped"].startswith("legacy is asked too often")
    assert (len(legacy.asked), found["counts"], sorted(modern.targets())) == (
        4, {"right": 3}, [f"/patients/{one}" for one in ids(3)])


def test_a_key_that_legacy_refuses_among_others_is_compared(folder, legacy, modern):
    def handler(wire, asked):
        refused = asked.target.endswith(b"-2") or asked.target.endswith(b"-3")
        wire.send(response(403, JSON, body=b"{}") if refused else record(asked, ()))

    legacy.does(handler)
    found = facts(folder, ids(3), "--concurrency", "1")
    assert (found["counts"], found["lines"]) == ({"right": 1, "wrong": 2}, {"wrong": [2, 3]})


def test_legacy_is_asked_about_few_keys_at_once(folder, legacy):
    asking, most, lock = set(), [], threading.Lock()
    both = threading.Barrier(2)

    def handler(wire, asked):
        with lock:
            asking.add(asked.target)
            most.append(len(asking))
        both.wait(LONG)
        with lock:
            asking.remove(asked.target)
        wire.send(record(asked, ()))

    legacy.does(handler)
    assert facts(folder, ids(12), "--concurrency", "2")["ended"] == 12
    assert max(most) == 2


def test_the_rate_is_kept_and_the_limit_too(folder, legacy):
    found = facts(folder, ids(12), "--rate", "20/s", "--limit", "6")
    assert found["ended"] == len(legacy.asked) == 6
    assert found["seconds"] >= 5 / 20


def test_whole_targets_are_keys_too(folder, legacy):
    found = facts(folder, ["/patients?name=MRN-1", "/patients/MRN-2"])
    assert {one["operation"] for one in found["outcomes"]} == {"read", "find"}
    assert sorted(legacy.targets()) == ["/patients/MRN-2", "/patients?name=MRN-1"]


def test_a_modern_arm_that_fails_is_counted(folder, modern):
    modern.does(resets)
    found = facts(folder, ids(5))
    assert (found["counts"], found["lines"]) == ({"failed": 5}, {"failed": [1, 2, 3, 4, 5]})


@pytest.mark.slow
@pytest.mark.parametrize("keys", [400, 31], ids=["in between", "with the last keys on their way"])
def test_ctrl_c_ends_a_sweep_and_what_was_judged_is_stored(folder, legacy, keys):
    (folder / "keys").write_text(lines(ids(keys)))

    def handler(wire, asked):
        if len(legacy.asked) > 30:
            never(wire, asked)
        wire.send(record(asked, ()))

    legacy.does(handler)
    command = [*FIGWAY, "sweep", "patients", "--config", folder / "routes.yaml", "--keys", folder / "keys",
               "--rate", "200/s", "-o", "json"]
    # On a slow machine it says how far it has come, which goes to stderr.
    with (folder / "out").open("w") as out, started(command, stdout=out, stderr=subprocess.DEVNULL) as process:
        until(lambda: len(legacy.asked) > 30, "legacy is not asked", LONG)
        process.send_signal(signal.SIGINT)
        assert process.wait(LONG) == 130
    found = json.loads((folder / "out").read_text())
    assert (found["stopped"], found["ended"]) == ("interrupted", 30)
    evidence = gate(folder)
    assert evidence["epoch"]["exchanges"] == 30
