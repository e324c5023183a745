"""figway plan: what an edit or a step changes, in operations, requests, tenants and shares; and which cookies move."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.cli.main import main
from gateway.config.compile import build
from gateway.decide import bucket
from gateway.flips.base import Actor, Flip, Kind
from gateway.flips.fitting import written
from gateway.flips.sqlite import SqliteStages
from gateway.stage import Stage

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
MOVES = "198.51.100.2"
NOW = (WAS.replace("stage: shadow\n", SPLIT).replace("/results/{id}", "/lab/{id}").replace("results:", "labs:", 1)
       .replace('add: {method: POST, path: /patients}', 'search: {method: GET, path: /patients, query: {name: true}}'))


def line(method, path, times, client="198.51.100.1"):
    return f'{client} - - [x] "{method} {path} HTTP/1.1" 200 1\n' * times


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


def step(*options):
    return CliRunner().invoke(main, ["plan", *options], catch_exceptions=False)


def test_an_edit_is_told_in_operations_requests_and_shares(planned):
    assert bucket("patients", "198.51.100.1") >= 2500
    assert bucket("patients", MOVES) < 2500
    Path("access.log").write_text(Path("access.log").read_text() + line("GET", "/patients/7", 20, client=MOVES))
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

Of 120 requests:
  20 are served by another arm
  served by modern    0.00% → 16.67%
  mirrored           25.00% → 29.17%
        20 become _default instead of patients.add
        20 become _default instead of results.read
        10 become patients.search instead of _default
        10 become labs.read instead of _default

patients: of 70 requests 20 move to modern (28.57%)
    read: of 60 requests 20 move to modern
    client: of 2, 1 moves wholly and 0 in part
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


def test_what_is_said_to_clients_is_told(planned):
    deprecated = WAS.replace("stage: shadow\n", "stage: shadow\n    deprecation: {since: 2026-03-01, link: /x}\n")
    done = planned(deprecated + "server: {insight: [\"address:10.0.0.0/8\"]}\n")
    assert "    deprecation none → Deprecation: @1772323200, Link: </x>; rel=\"deprecation\"\n" in done.output
    assert "~ server\n    differs in insight\n" in done.output


def test_json_has_all_of_it(planned):
    found = json.loads(planned(NOW, "--against", "access.log", "-o", "json").stdout)
    assert found["was"] != found["now"]
    assert found["traffic"]["requests"] == 100
    assert found["traffic"]["modern"] == [0.0, 0.0]
    assert sum(one["requests"] for one in found["traffic"]["moved"]) == 60
    assert [one["kind"] for one in found["changes"]] == ["~", "-", "+", "-", "+"]
    assert (found["kept"], found["cookies"], found["traffic"]["capabilities"]) == ([], [], [])


def test_a_request_that_is_refused_afterwards_is_told(planned):
    guarded = NOW.replace("policies: [slow]", "policies: [slow]").replace("/lab/{id}", "/PATIENTS/{id}")
    assert planned(guarded, "--against", "access.log").output.count("(refused)") >= 1


def test_what_a_log_has_beside_requests_is_told(planned):
    with Path("access.log").open("a") as log:
        log.write('1.2.3.4 - - [x] "\\x99\\xf3" 501 308\n1.2.3.4 - - [x] 24675 "GET /a HTTP/1.0" 200\n')
        log.write('1.2.3.4 - - [x] "OPTIONS * HTTP/1.1" 200 0\n')
    done = planned(NOW, "--against", "access.log")
    assert "Of 100 requests:\n" in done.output
    assert "  1 line of access.log could not be read, the first at line 102\n" in done.output
    assert "  2 more have no path, and count nowhere\n" in done.output
    traffic = json.loads(planned(NOW, "--against", "access.log", "-o", "json").stdout)["traffic"]
    assert (traffic["pathless"], traffic["unread"]) == (2, [{"log": "access.log", "lines": 1, "first": 102}])


def test_a_file_with_problems_is_refused(planned):
    done = planned(NOW.replace("stage:", "stag:"))
    assert (done.exit_code, "edited.yaml" in done.stderr) == (2, True)
    done = planned(NOW, "--against", "none.log")
    assert (done.exit_code, done.stderr) == (2, "figway: none.log cannot be read: No such file or directory\n")


# --- a step ---

CLINIC = """\
version: 1
store: {sqlite: {path: figway.db}}
upstreams: {old: {url: "http://127.0.0.1:1"}, new: {url: "http://127.0.0.1:2"}}
policies: {keys: {apikey: {keys: {lab: "sha256:%s"}}}}
default: {upstream: old, policies: []}
capabilities:
  labs:
    owner: a
    operations:
      read: {method: GET, path: "/{facility}/labs/{id}"}
      search: {method: GET, path: "/{facility}/labs"}
      add: {method: POST, path: "/{facility}/labs"}
    legacy: old
    modern: new
    stage: shadow
    split: {percent: 30%%, sticky: [STICKY]}
    shadow: {sample: 50%%, gate: {groups: {facility: {path: facility}, ward: {header: X-Ward}}}}
""" % ("0" * 64)
FACILITIES = [f"f{number}" for number in range(20)]
MOVE = [name for name in FACILITIES if bucket("labs", name) < 3000]


@pytest.fixture
def clinic(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def clinic(sticky="path:facility", **more):
        Path("routes.yaml").write_text(CLINIC.replace("STICKY", sticky))
        Path("access.log").write_text("".join(
            line("GET", f"/{name}/labs/{n}", 3, client=f"192.0.2.{n}") + line("GET", f"/{name}/labs?x=1", 2)
            + line("POST", f"/{name}/labs", 1) for n, name in enumerate(FACILITIES)) + line("GET", "/elsewhere", 10))

    clinic()
    return clinic


def planned_step(*options):
    done = step("--capability", "labs", "--against", "access.log", "-o", "json", *options)
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)["traffic"]


def test_a_step_to_canary_is_exact_where_the_log_has_the_key(clinic):
    assert 0 < len(MOVE) < 20
    traffic = planned_step("--to", "canary")
    [labs] = traffic["capabilities"]
    assert (labs["requests"], labs["to_modern"], labs["to_legacy"], labs["unknown"]) == (120, 5 * len(MOVE), 0, 0)
    assert {one["operation"]: one["to_modern"] for one in labs["operations"]} == {
        "read": 3 * len(MOVE), "search": 2 * len(MOVE), "add": 0}
    clients, facilities = labs["tenants"]
    assert (facilities["dimension"], facilities["by"], facilities["tenants"]) == ("facility", "path", 20)
    assert (facilities["whole"], facilities["part"]) == (0, len(MOVE))  # their writes stay
    assert (clients["tenants"], clients["whole"], clients["part"]) == (21, len(MOVE), 1)
    assert labs["unsaid"] == [{"dimension": "ward", "by": "header"}]
    assert traffic["modern"] == [0.0, 5 * len(MOVE) / 130]
    assert traffic["served_elsewhere"] == 5 * len(MOVE)


def test_a_larger_share_moves_more_and_nothing_back(clinic):
    more = [name for name in FACILITIES if bucket("labs", name) < 6000]
    Path("routes.yaml").write_text(Path("routes.yaml").read_text().replace("stage: shadow", "stage: canary"))
    [labs] = planned_step("--percent", "60")["capabilities"]
    assert (labs["to_modern"], labs["to_legacy"]) == (5 * (len(more) - len(MOVE)), 0)
    [labs] = planned_step("--percent", "0%")["capabilities"]
    assert (labs["to_modern"], labs["to_legacy"]) == (0, 5 * len(MOVE))


def test_writes_move_by_themselves(clinic):
    [labs] = planned_step("--to", "modern", "--writes")["capabilities"]
    assert {one["operation"]: one["to_modern"] for one in labs["operations"]} == {"read": 0, "search": 0, "add": 20}


@pytest.mark.parametrize("sticky", ["claim:sub", "header:X-Tenant", "cookie:session", "header:X-Tenant, path:facility"])
def test_where_the_log_has_no_key_the_share_counts(clinic, sticky):
    clinic(sticky)
    Path("routes.yaml").write_text(Path("routes.yaml").read_text() + "    policies: [keys]\n")
    [labs] = planned_step("--to", "canary")["capabilities"]
    assert (labs["to_modern"], labs["unknown"]) == (30.0, 100)
    done = step("--capability", "labs", "--to", "canary", "--against", "access.log")
    assert "the log does not say to which arm 100 are dealt: they count with the share\n" in done.output
    Path("routes.yaml").write_text(Path("routes.yaml").read_text().replace("stage: shadow", "stage: canary"))
    [labs] = planned_step("--percent", "50")["capabilities"]
    assert (labs["to_modern"], labs["to_legacy"]) == (20.0, 0)


def test_a_claim_that_nobody_verifies_is_no_key(clinic):
    clinic("claim:sub, path:facility")
    [labs] = planned_step("--to", "canary")["capabilities"]
    assert (labs["to_modern"], labs["unknown"]) == (5 * len(MOVE), 0)


def test_a_split_by_address_needs_addresses(clinic):
    clinic("client_ip")
    [labs] = planned_step("--to", "canary")["capabilities"]
    one = bucket("labs", "198.51.100.1") < 3000
    assert labs["to_modern"] == 3 * sum(bucket("labs", f"192.0.2.{n}") < 3000 for n in range(20)) + 40 * one
    Path("access.log").write_text(
        "#Fields: cs-method cs-uri-stem c-ip\nGET /f1/labs 192.0.2.1\nGET /f1/labs 192.0.2.2\nGET /f1/labs -\n")
    [labs] = planned_step("--to", "canary")["capabilities"]
    known = sum(bucket("labs", f"192.0.2.{n}") < 3000 for n in (1, 2))
    assert (labs["to_modern"], labs["unknown"]) == (known + 0.3, 1)


@pytest.mark.parametrize(("start", "known"), [
    ('"192.0.2.1" ', True), ("clinic.example:443 192.0.2.1 ", True), ("[2001:DB8::1]:4711 ", True),
    ("2001:DB8:0::1 ", True), ('192.0.2.1 "a user" ', True), ("host.example ", False), ("192.0.2.1, 10.0.0.7 ", False),
    ('"192.0.2.1, 10.0.0.7" ', False), ("- ", False), ("unknown ", False),
])
def test_only_an_address_is_taken_for_one(clinic, start, known):
    """Lines as in reports on other readers of logs: lists of X-Forwarded-For, quotes, ports, names of hosts."""
    clinic("client_ip")
    Path("access.log").write_text(f'{start}- - [x] "GET /f1/labs HTTP/1.1" 200 1\n')
    address = "2001:db8::1" if "DB8" in start else "192.0.2.1"
    share = float(bucket("labs", address) < 3000) if known else 0.3
    assert planned_step("--to", "canary")["modern"][1] == share


def test_a_request_without_a_key_goes_where_the_split_says(clinic):
    clinic("query:tenant, query:other")
    for missing, to_modern, unknown in (("legacy", 0, 0), ("modern", 100, 0), ("random", 30, 100)):
        Path("routes.yaml").write_text(CLINIC.replace("STICKY]", f"query:tenant], on_missing: {missing}"))
        found = planned_step("--to", "canary")["capabilities"]
        assert [(one["to_modern"], one["unknown"]) for one in found] == ([(to_modern, unknown)] if to_modern else [])


def test_names_of_tenants_are_shown_where_they_are_asked_for(clinic):
    plan = ("--capability", "labs", "--to", "canary", "--against", "access.log")
    assert not any(f"{name}:" in step(*plan).output for name in FACILITIES)
    shown = step(*plan, "--names").output
    assert all((f"        {name}: of 6 requests 5 move to modern\n" in shown) == (name in MOVE) for name in FACILITIES)
    hostile = Path("access.log").read_text() + line("GET", f"/{MOVE[0]}%1b[2J/labs", 1)
    Path("access.log").write_text(hostile)
    assert "\x1b" not in step(*plan, "--names").output


def test_a_step_begins_where_the_capability_stands_and_not_where_the_file_says(clinic):
    built = build("routes.yaml")
    stages = SqliteStages(built.control.path)
    anna = Actor("anna", "operator", "socket")
    stages.adopt(written(built.table.capabilities), anna)
    stages.flip(Flip(Kind.FLIP, "labs", anna, "why", Stage.CANARY, None, 10_000))
    stages.close()
    done = step("--capability", "labs", "--to", "verify")
    assert done.output == "~ labs\n    reads canary → verify\n"
    [labs] = planned_step("--to", "legacy")["capabilities"]
    assert (labs["to_modern"], labs["to_legacy"]) == (0, 100)
    Path("edited.yaml").write_text(Path("routes.yaml").read_text().replace("owner: a", "owner: b"))
    assert step("edited.yaml").output == (
        "~ labs\n    owner a → b\n"
        "labs stays at reads canary 100%, writes legacy: it was flipped, or a guard holds it\n")


def test_an_edit_and_a_step_together(clinic):
    Path("edited.yaml").write_text(CLINIC.replace("STICKY", "path:facility").replace("owner: a", "owner: b"))
    assert step("edited.yaml", "--capability", "labs", "--to", "canary").output == (
        "~ labs\n    reads shadow → canary\n    owner a → b\n")


def test_a_control_file_that_cannot_be_read_is_no_reason_to_guess(clinic):
    Path("figway.db.control").write_bytes(b"not a database, and long enough to be sure of it" * 100)
    done = step("--capability", "labs", "--to", "canary")
    assert (done.exit_code, done.stdout, done.stderr.startswith("figway: ")) == (5, "", True)


def test_a_login_that_would_move_alone_is_told_before_it_does(clinic):
    text = CLINIC.replace("STICKY", "path:facility").replace(
        "legacy: old\n", "legacy: {upstream: old, cookies: {own: [JSESSIONID]}}\n").replace(
        "modern: new\n", "modern: {upstream: new, cookies: {own: [JSESSIONID]}}\n")
    labs = text[text.index("  labs:"):]
    Path("routes.yaml").write_text(text + labs.replace("labs", "rooms"))
    said = ("different arms answer what shares the cookie JSESSIONID (labs: reads verify, writes legacy; rooms: reads "
            "shadow, writes legacy), and a login at one arm is none at the other: move it together")
    assert step("--capability", "labs", "--to", "verify").output == f"~ labs\n    reads shadow → verify\n{said}\n"
    assert json.loads(step("--capability", "labs", "--to", "verify", "-o", "json").output)["apart"] == [said]
    assert step("--capability", "labs", "--to", "legacy").output == "~ labs\n    reads shadow → legacy\n"


@pytest.mark.parametrize(("options", "said"), [
    ([], "say which FILE, or which step: --capability NAME --to STAGE"),
    (["--to", "canary"], "say which capability takes the step: --capability NAME"),
    (["--capability", "lab", "--to", "canary"], 'there is no capability "lab"; did you mean "labs"?'),
    (["--capability", "labs", "--to", "canry"], 'there is no stage "canry"; did you mean "canary"?'),
    (["--capability", "labs"], "say where to: --to STAGE, or --percent N"),
    (["--capability", "labs", "--to", "canary", "--percent", "101"],
     "a percentage is from 0 to 100, with at most two decimals: 5 or 0.5"),
    (["--capability", "labs", "--percent", "5"],
     "a percentage belongs to canary, and labs would be at reads shadow, writes legacy"),
    (["--capability", "labs", "--to", "verify", "--writes"],
     "labs cannot be at reads shadow, writes verify: writes have no stage verify: they can be at legacy, canary, "
     "modern, retired"),
])
def test_a_step_that_cannot_be_taken_is_one_line(clinic, options, said):
    done = step(*options)
    assert (done.exit_code, done.stderr) == (2, f"figway: {said}\n")
