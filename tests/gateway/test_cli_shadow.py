"""figway shadow: what it keeps, and who may see to that."""

import pytest
from click.testing import CliRunner

from gateway.cli.main import main
from shadow.compare.comparison import Outcome
from shadow.custody.base import Hold
from shadow.custody.sqlite import SqliteCustody
from shadow.evidence.epoch import Epoch, Setup
from shadow.evidence.stratum import Stratum
from shadow.lane.epoch_keys import PURPOSE, scope
from shadow.ledger.rows import Sighting
from shadow.stores.base import Batch
from shadow.stores.sqlite import Sqlite

ROUTES = """
version: 1
store: {sqlite: {path: figway.db}}
upstreams:
  legacy: {url: "http://127.0.0.1:9001"}
capabilities:
  results: {owner: us, operations: {read: {path: "/results/{id}"}}, legacy: legacy, stage: legacy}
  booking: {owner: us, operations: {list: {path: /bookings}}, legacy: legacy, stage: legacy}
default: {upstream: legacy}
"""
PAST, CURRENT, LATER = (Epoch("1", build, Setup(rules="rules"), "1") for build in ("1", "2", "3"))


def figway(*arguments):
    found = CliRunner().invoke(main, ["shadow", *map(str, arguments)])
    assert found.exception is None or isinstance(found.exception, SystemExit)
    return found


@pytest.fixture
def routes(tmp_path):
    file = tmp_path / "routes.yaml"
    file.write_text(ROUTES)
    return file


@pytest.fixture
def custody(tmp_path):
    custody = SqliteCustody(tmp_path / "figway.db.custody")
    for at, epoch in enumerate((PAST, CURRENT, LATER)):
        custody.key(PURPOSE, scope("results", epoch), float(at))
    custody.key(PURPOSE, scope("booking", PAST), 0.0)
    yield custody
    custody.close()


@pytest.fixture
def stored(tmp_path):
    """The epoch that was seen last is not the one whose key was made last: the build was rolled back."""
    store = Sqlite(Sqlite.Options(tmp_path / "figway.db"))
    stratum = Stratum("read", "2xx", "json", "")
    store.write(Batch(sightings=[Sighting("results", epoch, stratum, Outcome.MATCH, 1, 0, 0, at, at)
                             for epoch, at in ((PAST, 1.0), (LATER, 2.0), (CURRENT, 3.0))]))
    store.close()


def test_past_keys_are_destroyed_and_the_trail_says_by_whom(routes, custody, stored):
    found = figway("shred", "results", "--config", routes, "--reason", "case 7")
    assert (found.exit_code, found.stdout) == (
        0, "2 keys of results destroyed; that of the current epoch is kept\n")
    assert custody.scopes(PURPOSE).keys() == {scope("results", CURRENT), scope("booking", PAST)}
    [deed], whole = custody.trail()
    assert (deed.action, deed.subject, deed.reason, whole) == ("shred", "results", "case 7", True)
    assert deed.actor
    assert figway("shred", "results", "--all", "--config", routes).stdout == "1 key of results destroyed\n"
    assert custody.scopes(PURPOSE).keys() == {scope("booking", PAST)}


def test_the_latest_key_is_taken_for_the_current_one_where_the_store_knows_none(routes, custody, tmp_path):
    Sqlite(Sqlite.Options(tmp_path / "figway.db")).close()
    assert figway("shred", "results", "--config", routes).exit_code == 0
    assert custody.scopes(PURPOSE).keys() == {scope("results", LATER), scope("booking", PAST)}


def test_what_is_held_is_kept(routes, custody, stored):
    custody.hold(Hold("results", 1.0, "anna", "case 7"))
    found = figway("shred", "results", "--all", "--config", routes)
    assert (found.exit_code, found.stderr) == (1, "figway: results is held by anna: case 7\n")
    assert len(custody.scopes(PURPOSE)) == 4
    assert [deed.action for deed in custody.trail()[0]] == ["shred_refused"]


def test_where_there_is_nothing_to_be_found_that_is_said(routes, tmp_path):
    found = figway("shred", "results", "--config", routes)
    assert (found.exit_code, "it is made when a gateway starts" in found.stderr) == (2, True)
    assert not (tmp_path / "figway.db.custody").exists()
    found = figway("shred", "resluts", "--config", routes)
    assert (found.exit_code, 'did you mean "results"' in found.stderr) == (2, True)
    routes.write_text(ROUTES.replace("store: {sqlite: {path: figway.db}}\n", ""))
    found = figway("shred", "results", "--config", routes)
    assert (found.exit_code, "in the gateway's memory" in found.stderr) == (2, True)
    (tmp_path / "figway.db.custody").write_bytes(b"this is no database" * 100)
    routes.write_text(ROUTES)
    found = figway("shred", "results", "--config", routes)
    assert (found.exit_code, "the custody file fails" in found.stderr) == (2, True)
