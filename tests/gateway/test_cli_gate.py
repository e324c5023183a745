"""figway gate: an exit status for each answer, by what routes.yaml asks, and the numbers of figway report."""

import json
import re
from dataclasses import replace

import pytest
from click.testing import CliRunner

from gateway.cli.main import main
from gateway.config.compile import build
from shadow.compare.comparison import VERSION, Outcome
from shadow.evidence.epoch import Epoch, Setup
from shadow.evidence.stratum import HOUR, Stratum
from shadow.ledger.rows import Sighting
from shadow.stores.base import Batch
from shadow.stores.sqlite import Sqlite

ROUTES = """
version: 1
store: {sqlite: {path: figway.db}}
upstreams:
  legacy: {url: "http://127.0.0.1:9001"}
capabilities:
  results:
    owner: us
    operations:
      read: {method: GET, path: "/results/{id}"}
      search: {method: POST, path: /results/_search, safe: true}
      add: {method: POST, path: /results}
    legacy: legacy
    modern: legacy
    stage: shadow
    shadow:
      sample: 100%
      # What some hundred exchanges of one hour can show.
      gate: {limit: 2%, critical_limit: 2%, calendar: off, confidence: 90%, minimum: 50, stratum_minimum: 5,
             excluded: 10%, build: X-Build, slower: off}
default: {upstream: legacy}
"""


@pytest.fixture
def routes(tmp_path):
    path = tmp_path / "routes.yaml"
    path.write_text(ROUTES)
    return path


def sightings(operation, count, outcome=Outcome.MATCH, critical=0):
    tokens = frozenset((1, f"{operation}{outcome}{number}".encode()) for number in range(count))
    return Sighting("results", Epoch("1", "2", Setup(), VERSION), Stratum(operation, "2xx", "Patient", ""), outcome,
                    count, critical, 0, HOUR, HOUR + 9.0, tokens)


def gate(routes, *seen, output="json"):
    setup = build(routes).table.capabilities["results"].shadow.basis.setup
    seen = [replace(one, epoch=one.epoch._replace(setup=setup)) for one in seen]
    store = Sqlite(Sqlite.Options(routes.parent / "figway.db"))
    store.write(Batch(sightings=seen))
    store.close()
    return figway("gate", "results", "--config", str(routes), "-o", output)


def figway(*arguments):
    found = CliRunner().invoke(main, arguments)
    assert found.exception is None or isinstance(found.exception, SystemExit)
    return found


def test_what_must_be_met_is_what_is_configured(routes):
    capability = build(routes).table.capabilities["results"]
    criteria = capability.criteria()
    assert (criteria.operations, criteria.unmirrored) == (("read", "search"), ("add",))
    assert (criteria.limit, criteria.confidence, criteria.minimum) == (0.02, 0.9, 50)
    assert (criteria.stratum_minimum, criteria.excluded) == (5, 0.1)
    assert capability.shadow.basis.build == b"x-build"


@pytest.mark.parametrize(("seen", "status", "answer"), [
    ([sightings("read", 300), sightings("search", 60)], 0, "SAFE"),
    ([sightings("read", 300), sightings("search", 60), sightings("search", 2, Outcome.MISMATCH, critical=2)], 1,
     "NOT SAFE"),
    ([sightings("read", 900), sightings("search", 60), sightings("search", 1, Outcome.MISMATCH, critical=1)], 3,
     "NOT ENOUGH EVIDENCE"),
    ([sightings("read", 300)], 3, "NOT ENOUGH EVIDENCE"),
])
def test_the_answer_is_the_exit_status(routes, seen, status, answer):
    found = gate(routes, *seen)
    told = json.loads(found.stdout)
    assert (found.exit_code, told["capability"], told["evidence"]["answer"]) == (status, "results", answer)
    reported = json.loads(figway("report", "results", "--config", str(routes), "-o", "json").stdout)
    again = reported["capabilities"][0]["evidence"]
    assert again.pop("made") >= told["evidence"].pop("made")
    assert again == told["evidence"]
    for output in ("table", "markdown", "junit"):
        shown = gate(routes, output=output)
        assert shown.exit_code == status
        assert told["evidence"]["gates"][0]["says"] in shown.stdout
        assert told["evidence"]["action"] in shown.stdout


def test_what_was_safe_by_other_rules_is_not_safe_by_those_of_now(routes):
    seen = sightings("read", 300), sightings("search", 60)
    assert gate(routes, *seen).exit_code == 0
    routes.write_text(ROUTES.replace("sample: 100%", "sample: 100%\n      rules: [{at: /seen, volatile: instant}]"))
    shown = figway("gate", "results", "--config", str(routes))
    assert (shown.exit_code, "since the arms, the rules or the comparator changed" in shown.stdout) == (3, True)
    page = figway("report", "results", "--config", str(routes), "-o", "html").stdout
    assert "Past windows, which no verdict counts" in page


def test_a_store_alone_never_says_safe(routes):
    gate(routes, sightings("read", 9_000), sightings("search", 9_000))
    store = str(routes.parent / "figway.db")
    [one] = json.loads(figway("report", "--store", store, "-o", "json").stdout)["capabilities"]
    assert one["evidence"]["answer"] == "NOT ENOUGH EVIDENCE"


def test_what_cannot_be_told_has_a_status_of_its_own(routes):
    assert figway("gate").exit_code == 2
    assert figway("gate", "results", "--config", str(routes)).exit_code == 2  # no store yet
    assert figway("gate", "nothing", "--config", str(routes)).exit_code == 2
    refused = figway("gate", "results", "--admin", "http://127.0.0.1:1")
    assert (refused.exit_code, "cannot be reached" in refused.stderr) == (3, True)


@pytest.mark.parametrize(("written", "code"), [
    ("limit: 0%", "bad_value"), ("confidence: 100%", "bad_value"), ("minimum: 0", "bad_value"),
    ("limit: 0.1", "bad_share"), ("build: a b", "bad_value"), ("maximum: 5", "unknown_key"),
    ("critical_limit: 0%", "bad_value"), ("across_builds: 1", "wrong_type"), ("calendar: on", "wrong_type"),
    ("calendar: {days: 15}", "bad_value"), ("calendar: {hours: 25}", "bad_value"),
    ("calendar: {weeks: 1}", "unknown_key"),
    ("calendar: {zone: Mars/Olympus}", "bad_value"), ("sign: {by: us}", "missing"),
    ("sign: {up_to: 0%, by: us, until: 2030-01-01, why: few}", "bad_value"),
    ("accept: [{reason: syntax}]", "missing"), ("groups: {site: {}}", "bad_value"),
    ("groups: {site: {header: X, claim: y}}", "bad_value"), ("groups: {site: {path: ward}}", "bad_group"),
    ("groups: {client: {header: X-Site}}", "duplicate"),
    ("slower: on", "wrong_type"),
    ("slower: {ratio: 0.9}", "bad_value"),
    ("slower: {plus: 5}", "bad_duration"),
    ("accept: [{reason: syntax, max_rate: 1, why: w, owner: o, expires: 2030-01-01}]", "bad_share"),
])
def test_what_no_gate_can_be_is_told(routes, written, code):
    routes.write_text(ROUTES.replace(", slower: off", "").replace(
        "limit: 2%, critical_limit: 2%, calendar: off, confidence: 90%, minimum: 50", written))
    shown = figway("validate", "--config", str(routes))
    assert shown.exit_code == 2
    assert f"[{code}]" in shown.output


def test_a_lag_that_no_recheck_is_soon_enough_to_see_is_told(routes):
    lag = "expect_lag: {within: 1s, max_rate: 2%, owner: o, expires: 2030-01-01, why: replication}"
    routes.write_text(ROUTES.replace('path: "/results/{id}"}', f'path: "/results/{{id}}", {lag}}}'))
    shown = figway("validate", "--config", str(routes))
    assert (shown.exit_code, "[bad_lag]" in shown.output) == (2, True)
    routes.write_text(routes.read_text().replace("within: 1s", "within: 5s"))
    [lag] = build(routes).table.capabilities["results"].criteria().lags
    assert (lag.operation, lag.within, lag.max_rate, lag.owner) == ("read", 5.0, 0.02, "o")


def test_groups_are_told_apart_by_what_is_declared(routes):
    groups = "groups: {site: {header: X-Site}, result: {path: id}}"
    routes.write_text(ROUTES.replace("calendar: off", f"calendar: off, {groups}"))
    assert build(routes).table.capabilities["results"].shadow.groups == (
        ("client", "client", ""), ("site", "header", "x-site"), ("result", "parameter", "id"))


def test_what_is_left_out_of_the_gate_has_its_defaults(routes):
    routes.write_text(re.sub(r" +gate: [^}]*}\n", "", ROUTES))
    criteria = build(routes).table.capabilities["results"].criteria()
    assert (criteria.limit, criteria.critical_limit, criteria.owner) == (0.001, 0.0001, "us")
    assert criteria.calendar[:3] == (3, 12, True)
    assert (criteria.accepted, criteria.sign, criteria.across_builds) == ((), None, False)
    assert criteria.slower == (1.2, 0.005)


def test_the_bar_for_a_slower_modern_is_what_is_written(routes):
    routes.write_text(ROUTES.replace("slower: off", "slower: {ratio: 2, plus: 20ms}"))
    assert build(routes).table.capabilities["results"].criteria().slower == (2.0, 0.02)
    seen = sightings("read", 300), sightings("search", 60)
    untimed = gate(routes, *seen, output="table")
    assert (untimed.exit_code, "too few timed pairs: 0 of 50 in read" in untimed.stdout) == (3, True)
    routes.write_text(ROUTES)
    assert gate(routes, *seen).exit_code == 0


def test_a_step_to_few_clients_needs_less_than_one_to_all(routes):
    routes.write_text(ROUTES.replace("critical_limit: 2%", "critical_limit: 0.1%"))
    seen = sightings("read", 300), sightings("search", 60)
    assert gate(routes, *seen).exit_code == 3
    few = figway("gate", "results", "--config", str(routes), "--for", "5%")
    assert (few.exit_code, "SAFE for reads up to 5%" in few.stdout) == (0, True)
    for nonsense in ("0%", "5", "many"):
        assert figway("gate", "results", "--config", str(routes), "--for", nonsense).exit_code == 2


def test_a_signature_is_for_its_step_alone_and_is_shown_first(routes):
    sign = "sign: {up_to: 1%, by: Ada, until: 2999-01-01, why: few ask}"
    routes.write_text(ROUTES.replace("calendar: off", f"calendar: off, {sign}"))
    seen = sightings("read", 60), sightings("search", 60)
    every = gate(routes, *seen, output="table")
    assert (every.exit_code, "Ada has signed for a step up to 1%" in every.stdout) == (3, True)
    signed = figway("gate", "results", "--config", str(routes), "--for", "1%")
    assert (signed.exit_code, "SAFE for reads up to 1% (signed by Ada, until 2999-01-01)" in signed.stdout) == (0, True)
    assert figway("gate", "results", "--config", str(routes), "--for", "2%").exit_code == 3


def test_nothing_is_known_of_writes(routes):
    gate(routes, sightings("read", 300), sightings("search", 60))
    for output in ("table", "json", "markdown", "junit"):
        shown = figway("gate", "results", "--config", str(routes), "--writes", "-o", output)
        assert (shown.exit_code, "NOT ENOUGH EVIDENCE for writes (add)" in shown.stdout) == (3, True)


def test_what_was_safe_of_one_modern_arm_is_not_safe_of_another(routes):
    elsewhere = ROUTES.replace("capabilities:", '  new: {url: "http://127.0.0.1:9002"}\ncapabilities:', 1).replace(
        "modern: legacy", "modern: new")
    seen = sightings("read", 300), sightings("search", 60)
    assert gate(routes, *seen).exit_code == 0
    routes.write_text(elsewhere)
    shown = figway("gate", "results", "--config", str(routes))
    assert (shown.exit_code, "since the arms, the rules or the comparator changed" in shown.stdout) == (3, True)
    routes.write_text(ROUTES)
    assert figway("gate", "results", "--config", str(routes)).exit_code == 0


def test_the_gate_need_not_share_the_gateway_s_environment(routes, monkeypatch):
    monkeypatch.setenv("FIGWAY_TEST_LEGACY", "http://127.0.0.1:9001")
    routes.write_text(re.sub(r'url: "[^"]*"', 'url: "${FIGWAY_TEST_LEGACY}"', ROUTES, count=1))
    assert gate(routes, sightings("read", 300), sightings("search", 60)).exit_code == 0
    monkeypatch.setenv("FIGWAY_TEST_LEGACY", "http://127.0.0.1:9009")
    assert figway("gate", "results", "--config", str(routes)).exit_code == 0
