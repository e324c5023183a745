"""Sealed capture through `figway serve`: what is kept, who sees it, what keeps and destroys it."""

import os
import pwd
import re
import signal
import subprocess

import pytest
from click.testing import CliRunner

from gateway.cli.main import main
from shadow.custody.sqlite import SqliteCustody
from shadow.sealed.base import Bounds
from shadow.sealed.sqlite import SqliteVault
from tests.backends.processes import FIGWAY, ended
from tests.backends.upstream import until
from tests.backends.wire import response

ME = pwd.getpwuid(os.getuid()).pw_name
SEALED = "figway_capture_total"


def config(legacy, modern, share="100%", recheck="[]", capture="", views=f"jury: [{ME}]"):
    return f"""
version: 1
server: {{drain: {{grace: 2s}}}}
store: {{sqlite: {{path: figway.db}}}}
shadow: {{drain: 2s, capture: {{path: figway.sealed, views: {{{views}}}{capture}}}}}
upstreams: {{legacy: {{url: "{legacy.url}"}}, modern: {{url: "{modern.url}"}}}}
policies: {{keys: {{apikey: {{header: X-Clinic-Key, keys: {{portal: "sha256:{'0' * 64}"}}}}}}}}
capabilities:
  results:
    owner: results-team
    operations: {{read: {{method: GET, path: "/results/{{id}}"}}}}
    legacy: legacy
    modern: modern
    stage: shadow
    shadow: {{sample: 100%, recheck: {{after: {recheck}, budget: 100%}}, noise: 0%, capture: {share}}}
  gated:
    owner: results-team
    operations: {{read: {{method: GET, path: "/gated/{{id}}"}}}}
    legacy: legacy
    stage: legacy
    policies: [keys]
default: {{upstream: legacy, policies: []}}
"""


def says(upstream, body):
    upstream.answers(response(200, ("Content-Type", "application/json"), ("Set-Cookie", "sid=SESSION-SECRET; Path=/"),
                              body=body))


def shadow(figway, *arguments, said=""):
    """`figway shadow …` beside the running gateway: its `returncode`, `stdout` and `stderr`."""
    done = CliRunner().invoke(main, ["shadow", *arguments, "--config", str(figway.file)], input=said)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return subprocess.CompletedProcess(arguments, done.exit_code, done.stdout, done.stderr)


def shadow_apart(figway, *arguments):
    """The same in a process of its own."""
    done = ended([*FIGWAY, "shadow", *arguments, "--config", str(figway.file)])
    assert "Traceback" not in done.stderr
    return done


def listed(figway):
    return re.findall(r"(?m)^[0-9a-f]{16}\b", shadow(figway, "list").stdout)


def at_rest(folder):
    """Every byte that is in files just now. In a socket nothing rests."""
    found = {}
    for path in folder.iterdir():
        if path.is_socket():
            continue
        try:
            found[path.name] = path.read_bytes()
        except FileNotFoundError:  # a journal, gone meanwhile
            continue
    return found


def sealed(figway, number):
    until(lambda: figway.metric(SEALED, result="sealed") == number, f"not {number} exchanges are sealed")


@pytest.fixture
def sealing(gateway, legacy, modern):
    says(legacy, b'{"name": "CANARY-LEGACY"}')
    says(modern, b'{"name": "CANARY-MODERN"}')
    return gateway(config(legacy, modern))


def test_a_mismatch_is_sealed_viewed_held_and_purged(sealing):
    sealing.ask("GET", "/results/MRN%2D4711", ("Host", "clinic"), ("Authorization", "Bearer TOKEN-SECRET"))
    sealing.ask("GET", "/results/MRN-4712", ("Host", "clinic"))
    sealed(sealing, 2)
    first, second = listed(sealing)
    assert "MRN" not in shadow(sealing, "list").stdout
    assert shadow_apart(sealing, "list").stdout == shadow(sealing, "list").stdout

    refused = shadow(sealing, "view", first, "--role", "other", "--reason", "curious")
    assert (refused.returncode, refused.stdout) == (1, "")
    shown = shadow_apart(sealing, "view", first, "--role", "jury", "--reason", "ticket 7")
    assert shown.returncode == 0
    assert "GET /results/MRN%2D4711\n" in shown.stdout
    assert "CANARY-LEGACY" in shown.stdout
    assert "CANARY-MODERN" in shown.stdout
    assert "SECRET" not in shown.stdout

    assert shadow(sealing, "hold", second, "--reason", "case 8").returncode == 0
    kept = shadow(sealing, "purge", "--subject", "-", "--reason", "request", said="MRN-471\n")
    assert kept.returncode == 1
    assert re.fullmatch(r"1 record destroyed, [01] examples? unlinked, 0 pairs dropped, 1 held and kept\n", kept.stdout)
    assert listed(sealing) == [second]
    assert shadow(sealing, "release", second, "--reason", "closed").returncode == 0
    assert shadow(sealing, "purge", "--subject", "-", "--reason", "request", said="MRN-4712\n").returncode == 0
    assert listed(sealing) == []

    trail = shadow(sealing, "audit")
    assert trail.returncode == 0
    assert [line.split()[3] for line in trail.stdout.splitlines()[1:]] == [
        "view_refused", "view", "hold", "purge", "purged", "release", "purge", "purged"]
    assert "MRN" not in trail.stdout


def test_no_byte_of_an_exchange_rests_anywhere_in_clear(sealing):
    for number in range(20):
        sealing.ask("GET", f"/results/CANARY-TARGET-{number}", ("Host", "clinic"), ("X-Patient", "CANARY-HEADER"))
    sealed(sealing, 20)
    assert b"CANARY" in sealing.say(b"GET /x HTTP/1.1\r\nHost: clinic\r\n\r\n").body
    running = at_rest(sealing.folder)
    assert {"figway.sealed", "figway.db.custody", "figway.db", "figway.db-wal", "stdout"} <= running.keys()
    sealing.stop()
    for name, held in [*running.items(), *at_rest(sealing.folder).items()]:
        assert b"CANARY" not in held, name
        assert b"SECRET" not in held, name


def test_what_settles_is_not_kept(gateway, legacy, modern):
    says(legacy, b'{"a": 1}')
    says(modern, b'{"a": 2}')
    lagging = gateway(config(legacy, modern, recheck="[1s]"))
    lagging.ask("GET", "/results/1", ("Host", "clinic"))
    sealed(lagging, 1)
    says(modern, b'{"a": 1}')
    until(lambda: lagging.metric(SEALED, result="discarded") == 1, "what settled is kept")
    assert listed(lagging) == []


def test_nothing_is_sealed_of_a_capability_that_does_not_ask_for_it(gateway, legacy, modern):
    says(legacy, b'{"a": 1}')
    says(modern, b'{"a": 2}')
    figway = gateway(config(legacy, modern, share="0%"))
    figway.ask("GET", "/results/1", ("Host", "clinic"))
    until(lambda: figway.metric("figway_shadow_total", outcome="mismatch") == 1, "nothing is compared")
    figway.stop()
    assert listed(figway) == []


def test_records_expire_while_the_gateway_runs_and_are_bounded(gateway, legacy, modern):
    says(legacy, b'{"a": 1}')
    says(modern, b'{"a": 2}')
    figway = gateway(config(legacy, modern, capture=", records: 3, retention: 400ms"))
    for number in range(6):
        figway.ask("GET", f"/results/{number}", ("Host", "clinic"))
    sealed(figway, 6)
    until(lambda: listed(figway) == [], "what has expired is shown")
    custody = SqliteCustody(figway.folder / "figway.db.custody")
    assert len(custody.scopes("record")) <= 3
    custody.close()


def test_a_sealed_file_that_fails_costs_nothing_but_what_it_would_hold(sealing):
    (sealing.folder / "figway.sealed").write_bytes(b"this is no database" * 1000)
    assert sealing.ask("GET", "/results/1", ("Host", "clinic")).status == 200
    until(lambda: sealing.metric(SEALED, result="failed") >= 1, "the failure is not counted")
    assert sealing.metric("figway_shadow_total", outcome="mismatch") == 1
    until(lambda: any(line["event"] == "capture_failed" for line in sealing.log()), "the failure is not told")


def test_a_worker_that_is_killed_leaves_a_file_that_can_be_read(gateway, legacy, modern):
    says(legacy, b'{"name": "' + b"x" * 100_000 + b'"}')
    says(modern, b'{"name": "y"}')
    figway = gateway(config(legacy, modern), "--workers", "2")
    for number in range(30):
        figway.ask("GET", f"/results/{number}", ("Host", "clinic"))
        if number in (10, 20):
            os.kill(figway.workers()[0], signal.SIGKILL)
            until(lambda: len(figway.workers()) == 2 and figway.readiness()[0] == 200, "no new worker comes")
    before = figway.metric(SEALED, result="sealed")
    figway.ask("GET", "/results/last", ("Host", "clinic"))
    until(lambda: figway.metric(SEALED, result="sealed") > before, "nothing is sealed any more")
    figway.stop()
    custody = SqliteCustody(figway.folder / "figway.db.custody")
    vault = SqliteVault(figway.folder / "figway.sealed", custody, Bounds())
    assert {len(vault.open(entry.id).control.body) for entry in vault.entries()} == {100_012}
    vault.close()
    custody.close()


def test_who_may_view_changes_without_a_restart(sealing, legacy, modern):
    sealing.ask("GET", "/results/1", ("Host", "clinic"))
    sealed(sealing, 1)
    [one] = listed(sealing)
    sealing.reload(config(legacy, modern, views=""))
    assert shadow(sealing, "view", one, "--role", "jury", "--reason", "x").returncode == 1
    until(lambda: any(line["event"] == "reloaded" for line in sealing.log()), "it does not reload")
    sealing.reload(config(legacy, modern, capture=", records: 7"))
    until(lambda: any(line["event"] == "restart_needed" for line in sealing.log()), "no restart is asked for")
    assert [line["settings"] for line in sealing.log() if line["event"] == "restart_needed"] == [["shadow"]]
