"""figway shadow restart: begins the evidence of a capability anew, by whom and why."""

import json

import pytest
from click.testing import CliRunner

from gateway.cli.main import main
from gateway.cli.sources import actor
from gateway.config.compile import build
from shadow.compare.comparison import VERSION, Outcome
from shadow.custody.sqlite import SqliteCustody
from shadow.evidence.epoch import Epoch
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
    operations: {read: {method: GET, path: "/results/{id}"}}
    legacy: legacy
    modern: legacy
    stage: shadow
    shadow: {sample: 100%, gate: {limit: 1%, critical_limit: 1%, calendar: off, slower: off}}
default: {upstream: legacy}
"""


@pytest.fixture
def routes(tmp_path):
    file = tmp_path / "routes.yaml"
    file.write_text(ROUTES)
    return file


@pytest.fixture
def custody(tmp_path):
    custody = SqliteCustody(tmp_path / "figway.db.custody")
    yield custody
    custody.close()


def figway(*arguments):
    found = CliRunner().invoke(main, list(map(str, arguments)))
    assert found.exception is None or isinstance(found.exception, SystemExit)
    return found


def write(routes, count, outcome=Outcome.MATCH, restarts=0, at=HOUR):
    setup = build(routes).table.capabilities["results"].shadow.basis.setup
    tokens = frozenset((1, f"{restarts}{outcome}{number}".encode()) for number in range(count))
    store = Sqlite(Sqlite.Options(routes.parent / "figway.db"))
    store.write(Batch(sightings=[Sighting(
        "results", Epoch("1", "2", setup, VERSION, restarts=restarts), Stratum("read", "2xx", "Patient", ""), outcome,
        count, 0, 0, at, at + 9.0, tokens)]))
    store.close()


def evidence(routes):
    return json.loads(figway("gate", "results", "--config", routes, "-o", "json").stdout)["evidence"]


def test_evidence_begins_anew_and_who_did_it_and_why_is_shown(routes, custody):
    write(routes, 90, Outcome.MISMATCH)
    assert evidence(routes)["answer"] == "NOT SAFE"
    done = figway("shadow", "restart", "results", "--reason", "modern\n 2.1 is mended\x1b", "--config", routes)
    assert (done.exit_code, done.stdout) == (0, "the evidence of results begins anew: restart 1\n")
    found = evidence(routes)
    assert (found["answer"], found["epoch"], found["history"][0]["exchanges"]) == ("NOT ENOUGH EVIDENCE", None, 90)
    assert f"since {actor()} began evidence anew at" in found["says"]
    [restart] = found["restarts"]
    assert (restart["number"], restart["who"], restart["reason"]) == (1, actor(), "modern  2.1 is mended\\x1b")
    [deed], whole = custody.trail()
    assert (deed.action, deed.subject, deed.actor, whole) == ("restart", "results", actor(), True)
    write(routes, 900, restarts=1, at=2 * HOUR)
    found = evidence(routes)
    assert (found["answer"], found["effective"], found["epoch"]["restarts"]) == ("SAFE", 900, 1)
    for output in ("table", "markdown", "html"):
        page = figway("report", "results", "--config", routes, "-o", output).stdout
        assert f"by {actor()}: modern  2.1 is mended" in page, output


def test_a_second_restart_counts_on(routes, custody):
    write(routes, 3)
    for number in (1, 2):
        done = figway("shadow", "restart", "results", "--reason", "again", "--config", routes)
        assert done.stdout.endswith(f"restart {number}\n")
    assert [one["number"] for one in evidence(routes)["restarts"]] == [2, 1]


@pytest.mark.parametrize(("arguments", "status", "says"), [
    (["resluts", "--reason", "why"], 2, 'did you mean "results"'),
    (["results", "--reason", " "], 1, "a restart needs a reason"),
    (["results"], 2, "--reason"),
    (["results", "--reason", "x" * 201], 2, "200 characters"),
])
def test_what_begins_nothing_is_said(routes, custody, arguments, status, says):
    write(routes, 3)
    refused = figway("shadow", "restart", *arguments, "--config", routes)
    assert (refused.exit_code, says in refused.stderr, refused.stdout) == (status, True, "")
    assert evidence(routes)["restarts"] == []


def test_without_a_store_nothing_begins(routes, custody):
    refused = figway("shadow", "restart", "results", "--reason", "why", "--config", routes)
    assert (refused.exit_code, "made when a gateway starts" in refused.stderr) == (2, True)
    assert not (routes.parent / "figway.db").exists()
    routes.write_text(ROUTES.replace("store: {sqlite: {path: figway.db}}", "shadow: {custody: figway.db.custody}"))
    refused = figway("shadow", "restart", "results", "--reason", "why", "--config", routes)
    assert (refused.exit_code, "in the gateway's memory" in refused.stderr) == (2, True)
