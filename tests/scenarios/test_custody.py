"""Keys of a running gateway: in a file of their own, destroyed while it runs, and missed by nobody where they fail."""

import json
import stat
from itertools import count

import pytest
from click.testing import CliRunner

from gateway.cli.main import main
from shadow.custody.sqlite import SqliteCustody
from shadow.lane.epoch_keys import PURPOSE
from tests.backends.upstream import until
from tests.backends.wire import response


def config(legacy, modern, lane=""):
    return f"""
version: 1
server: {{drain: {{grace: 2s}}}}
store: {{sqlite: {{path: figway.db}}}}
shadow: {{{lane}}}
upstreams: {{legacy: {{url: "{legacy}"}}, modern: {{url: "{modern}"}}}}
capabilities:
  patients:
    owner: patients-team
    operations: {{read: {{method: GET, path: "/patients/{{id}}"}}}}
    legacy: legacy
    modern: modern
    stage: shadow
    shadow: {{sample: 100%, noise: 0%, recheck: {{after: []}}}}
default: {{upstream: legacy}}
"""


@pytest.fixture
def routes(legacy, modern):
    for arm in (legacy, modern):
        arm.answers(response(200, ("Content-Type", "application/json"), body=b"{}"))
    return config(legacy.url, modern.url)


def settles(figway, exchanges):
    def evidence():
        found = json.loads(figway.admin("/report").body)["capabilities"]
        return found[0]["evidence"] if found else {"epoch": None}

    until(lambda: (evidence()["epoch"] or {}).get("exchanges") == exchanges, "the evidence is not written")
    return evidence()["effective"]


def shred(figway, *options):
    found = CliRunner().invoke(main, ["shadow", "shred", "patients", *options, "--config", str(figway.file)])
    assert found.exit_code == 0, found.output
    return found.stdout


def test_a_key_is_apart_from_the_data_and_is_not_used_once_it_is_destroyed(gateway, routes):
    figway = gateway(routes, "--workers", "2")
    for _ in range(5):
        figway.ask("GET", "/patients/1")
    assert settles(figway, 5) == 1
    file = figway.folder / "figway.db.custody"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    custody = SqliteCustody(file)
    [scope] = custody.scopes(PURPOSE)
    key = custody.find(PURPOSE, scope)
    assert all(key not in one.read_bytes() for one in figway.folder.glob("figway.db*") if one.is_file() and one != file)

    assert shred(figway) == "0 keys of patients destroyed; that of the current epoch is kept\n"
    assert shred(figway, "--all") == "1 key of patients destroyed\n"

    def renewed():
        figway.ask("GET", "/patients/1")
        return custody.find(PURPOSE, scope) not in (None, key)

    until(renewed, "the destroyed key goes on")
    assert key not in file.read_bytes()
    assert [deed.action for deed in custody.trail()[0]] == ["shred", "shred"]
    custody.close()


def test_where_custody_fails_clients_are_served_and_nothing_is_proven(gateway, routes):
    figway = gateway(routes.replace("shadow: {}", "shadow: {custody: mine}"))
    (figway.folder / "mine").write_bytes(b"this is no database" * 1000)
    assert [figway.ask("GET", f"/patients/{number}").status for number in range(3)] == [200] * 3
    assert settles(figway, 3) == 0
    assert figway.metric("figway_custody_failures_total") == 1
    assert "[-] custody: the custody file fails: SQLITE_NOTADB" in figway.readiness()[1]
    until(lambda: any(line["event"] == "custody_failed" for line in figway.log()), "it is not told of")


def test_tokens_tell_which_values_are_the_same_until_the_key_is_destroyed(gateway, routes, legacy, modern):
    legacy.answers(response(200, ("Content-Type", "application/json"), body=b'{"items": [{"id": 1, "unit": "mmol"}]}'))
    modern.answers(response(200, ("Content-Type", "application/json"), body=b'{"items": [{"id": 1, "unit": "mg"}]}'))
    figway = gateway(routes)

    def tokens(exchanges):
        for _ in range(2):
            figway.ask("GET", "/patients/1")
        settles(figway, exchanges)
        [one] = json.loads(figway.admin("/report").body)["capabilities"]
        [pattern] = one["patterns"]
        if exchanges == 2:
            assert pattern["hints"] == ["`/items/*/unit`: the same two values in all 2 examples"]
        [latest] = one["differences"]
        assert latest["legacy_token"] != latest["modern_token"]
        return {latest["legacy_token"], latest["modern_token"]}

    before, counts = tokens(2), count(4, 2)
    shred(figway, "--all")
    until(lambda: before.isdisjoint(tokens(next(counts))), "the destroyed key goes on")
