"""What a kill, a lock or a deleted file does to flips: the record and the override are both there, or neither is."""

import os
import random
import signal
import sqlite3
import threading
from contextlib import closing

import httpx2
import pytest

from tests.backends.control import command, door, flip, kept, routes
from tests.backends.figway import Figway, running
from tests.backends.processes import end_group
from tests.backends.upstream import until
from tests.backends.wire import response

pytestmark = pytest.mark.slow

KILLS = 5
TOKENS = """
control:
  roles:
    operator: ["token:pipeline"{more}]
    viewer: ["token:screen"]
    auditor: ["token:auditor"]
  tokens: {{pipeline: "pipeline-pipeline", screen: "screen-screen-screen", auditor: "auditor-auditor-auditor",
           nobody: "nobody-nobody-nobody"}}
"""


def answering(upstream, name):
    upstream.answers(response(200, ("X-Arm", name), body=name.encode()))


def arm(figway):
    return figway.ask("GET", "/labs/1").get("X-Arm")


def stage(figway):
    with door(figway.folder) as client:
        return client.get("/stages").json()["capabilities"]["labs"]["in_force"]["reads"]


def test_a_kill_at_any_moment_leaves_the_record_and_the_override_or_neither(tmp_path, legacy, modern):
    answering(legacy, "legacy"), answering(modern, "modern")
    chance = random.Random(13)
    for _ in range(KILLS):
        figway = Figway(tmp_path, routes(legacy.url, modern.url), "--workers", "2")
        answered = []

        def flips(folder=tmp_path, answered=answered):
            with door(folder) as client:
                for number in range(10_000):
                    try:
                        done = flip(client, **({"to": "verify"} if number % 2 else {"kind": "rollback"}), side="reads")
                    except httpx2.HTTPError:
                        return
                    if done.status_code == 200 and done.json()["record"] is not None:
                        answered.append(done.json()["record"])

        flipping = threading.Thread(target=flips)
        flipping.start()
        wanted = chance.randrange(5, 40)
        until(lambda answered=answered, wanted=wanted: len(answered) >= wanted, "flips are not answered")
        end_group(figway.process)  # SIGKILL to all
        flipping.join()
        with running(tmp_path, routes(legacy.url, modern.url)) as again, door(tmp_path) as client:
            shown = client.get("/stages").json()
            # What was answered for is kept, and at most one more: the flip that was under way.
            assert answered[-1]["revision"] <= shown["revision"] <= answered[-1]["revision"] + 1
            reads = shown["capabilities"]["labs"]["override"]["reads"]
            assert stage(again) == reads
            assert arm(again) == ("modern" if reads == "verify" else "legacy")
        state = kept(tmp_path)
        assert (state.revision, state.stands["labs"].override.reads) == (shown["revision"], reads)


def test_of_two_people_at_once_exactly_one_wins(gateway, legacy):
    figway = gateway(routes(legacy.url, legacy.url), "--workers", "2")
    revision = None
    for number, to in enumerate(("shadow", "verify", "shadow", "verify")):
        with door(figway.folder) as client:
            revision = revision or client.get("/stages").json()["revision"]
        begins, answers = threading.Barrier(2), []

        def wants(to=to, revision=revision, begins=begins, answers=answers):
            with door(figway.folder) as client:
                begins.wait(60)
                answers.append(flip(client, to=to, revision=revision))

        people = [threading.Thread(target=wants) for _ in range(2)]
        for one in people:
            one.start()
        for one in people:
            one.join()
        won, lost = sorted(answers, key=lambda answer: answer.status_code)
        assert (won.status_code, lost.status_code, lost.json()["exit"]) == (200, 409, 4), number
        assert lost.json()["other"]["revision"] == won.json()["revision"]
        revision = won.json()["revision"]  # the other worker may not have heard of it yet
        assert f"(revision {revision})" in lost.json()["title"]
    kept(figway.folder)


def test_a_locked_control_file_fails_flips_and_no_traffic(gateway, legacy, modern):
    answering(legacy, "legacy"), answering(modern, "modern")
    figway = gateway(routes(legacy.url, modern.url, "verify"))
    with closing(sqlite3.connect(figway.folder / "figway.db.control", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        done = command(figway.folder, "rollback", "labs")
        assert (done.returncode, done.stdout) == (5, "")
        assert "another process is writing to it" in done.stderr
        assert arm(figway) == "modern"
        other.execute("ROLLBACK")
    assert command(figway.folder, "rollback", "labs").returncode == 0
    assert arm(figway) == "legacy"
    kept(figway.folder)


@pytest.mark.parametrize("how", ["deleted", "damaged", "older"])
def test_without_its_control_file_a_gateway_goes_on_and_a_start_serves_what_was_in_force(tmp_path, legacy, modern, how):
    answering(legacy, "legacy"), answering(modern, "modern")
    config, file = routes(legacy.url, modern.url, "verify"), tmp_path / "figway.db.control"
    with running(tmp_path, config) as figway:
        older = figway.folder / "older"
        with closing(sqlite3.connect(file)) as connection, closing(sqlite3.connect(older)) as backup:
            connection.backup(backup)
        assert command(tmp_path, "rollback", "labs").returncode == 0
        until(lambda: '"revision": 2' in (tmp_path / "figway.db.control.stages").read_text(), "no copy is written")
        if how == "deleted":
            file.unlink()
        elif how == "older":
            older.replace(file)
        else:
            damaged = tmp_path / "damaged"
            damaged.write_bytes(b"no SQLite file at all " * 1000)
            damaged.replace(file)
        until(lambda: "[-] stages: stale: " in figway.readiness()[1], "readiness does not say it")
        assert figway.readiness()[0] == 200
        until(lambda: figway.metric("figway_stages_stale") == 1, "the metrics do not say it")
        assert arm(figway) == "legacy"
        done = command(tmp_path, "flip", "labs", "--to", "verify", "--reason", "x")
        assert (done.returncode, done.stdout) == (5, "")
        assert "stale: " in command(tmp_path, "status").stdout
    with running(tmp_path, config) as again:
        assert arm(again) == "legacy"
        if how == "damaged":
            assert "[-] stages: stale: " in again.readiness()[1]
        else:
            assert command(tmp_path, "flip", "labs", "--to", "verify", "--force", "--reason", "x").returncode == 0
            assert arm(again) == "modern"
            assert "recovery" in command(tmp_path, "history").stdout


def test_a_start_while_the_control_file_is_locked_serves_what_was_in_force(tmp_path, legacy, modern):
    answering(legacy, "legacy"), answering(modern, "modern")
    config = routes(legacy.url, modern.url, "verify")
    with running(tmp_path, config):
        command(tmp_path, "rollback", "labs")
        until(lambda: '"revision": 2' in (tmp_path / "figway.db.control.stages").read_text(), "no copy is written")
    with closing(sqlite3.connect(tmp_path / "figway.db.control", isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        with running(tmp_path, config) as figway:
            assert arm(figway) == "legacy"
            assert "[-] stages: stale: " in figway.readiness()[1]
            other.execute("ROLLBACK")
            other.close()
            until(lambda: "[+] stages: " in figway.readiness()[1], "the gateway does not see that it is free")
            assert arm(figway) == "legacy"
            assert command(tmp_path, "flip", "labs", "--to", "file", "--force", "--reason", "x").returncode == 0
            assert arm(figway) == "modern"
    kept(tmp_path)


def test_without_a_gateway_a_flip_is_out_of_reach(tmp_path, legacy):
    (tmp_path / "routes.yaml").write_text(routes(legacy.url, legacy.url))
    for arguments in (("flip", "labs", "--to", "shadow", "--reason", "x"), ("rollback", "labs"), ("history",)):
        done = command(tmp_path, *arguments)
        assert (done.returncode, done.stdout) == (5, "")
        assert "cannot be reached" in done.stderr


def test_a_rollback_is_possible_while_the_file_has_problems(gateway, legacy, modern):
    answering(legacy, "legacy"), answering(modern, "modern")
    figway = gateway(routes(legacy.url, modern.url, "verify"))
    figway.file.write_text(figway.file.read_text().replace("owner: tests", "owner: 7"))
    assert command(figway.folder, "rollback", "labs").returncode == 0
    assert arm(figway) == "legacy"


def test_a_killed_worker_comes_back_with_what_is_in_force(gateway, legacy, modern):
    answering(legacy, "legacy"), answering(modern, "modern")
    figway = gateway(routes(legacy.url, modern.url, "verify"), "--workers", "2")
    assert command(figway.folder, "rollback", "labs").returncode == 0
    before = figway.workers()
    for one in before:
        os.kill(one, signal.SIGKILL)
    until(lambda: len(figway.workers()) == 2 and not set(figway.workers()) & set(before)
          and "workers: 2 of 2" in figway.readiness()[1], "the workers do not come back")
    for _ in range(20):
        assert arm(figway) == "legacy"


def test_over_tcp_a_token_says_who_asks_and_roles_say_what_they_may(gateway, legacy):
    figway = gateway(routes(legacy.url, legacy.url, more=TOKENS.format(more="")))
    url = f"http://127.0.0.1:{figway.admin_port}"

    def asked(token, method, path, **more):
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return httpx2.request(method, url + path, headers=headers, trust_env=False, timeout=60, **more)

    wanted = {"capability": "labs", "to": "shadow", "reason": "x"}
    for path in ("/livez", "/readyz", "/metrics"):
        assert asked("", "GET", path).status_code == 200
    for path in ("/stages", "/journal", "/report", "/report.html", "/clients"):
        assert asked("", "GET", path).status_code == 401
        assert asked("wrong-wrong-wrong-wrong", "GET", path).headers["WWW-Authenticate"] == "Bearer"
        assert asked("nobody-nobody-nobody", "GET", path).status_code == 403
    assert asked("screen-screen-screen", "GET", "/stages").status_code == 200
    assert asked("screen-screen-screen", "GET", "/journal").status_code == 403
    refused = asked("screen-screen-screen", "POST", "/flips", json=wanted)
    assert (refused.status_code, refused.json()["exit"]) == (403, 1)
    assert asked("pipeline-pipeline", "POST", "/flips", json=wanted).status_code == 200
    [flipped, denied, *_] = asked("auditor-auditor-auditor", "GET", "/journal").json()["records"]
    assert (flipped["actor"], flipped["role"], flipped["source"]) == ("token:pipeline", "operator", "tcp")
    assert (denied["actor"], denied["role"], denied["action"]) == ("token:screen", "", "refusal")
    # Over the socket everybody may knock, and the roles decide.
    done = command(figway.folder, "flip", "labs", "--to", "verify", "--reason", "x")
    assert done.returncode == 1
    assert "has no role that may flip" in done.stderr
    assert (figway.folder / "figway.db.control.sock").stat().st_mode & 0o777 == 0o666
    assert "pipeline-pipeline" not in figway.stdout() + figway.stderr()
    figway.reload(routes(legacy.url, legacy.url, more=TOKENS.format(more=", root")))
    until(lambda: command(figway.folder, "flip", "labs", "--to", "legacy", "--reason", "x").returncode == 0,
          "a role of a reload does not count")
    figway.reload(routes(legacy.url, legacy.url))
    until(lambda: (figway.folder / "figway.db.control.sock").stat().st_mode & 0o777 == 0o600,
          "the socket stays open to everybody")


def test_without_control_nobody_flips_over_tcp_and_only_the_owner_opens_the_socket(gateway, legacy):
    figway = gateway(routes(legacy.url, legacy.url))
    done = command(figway.folder, "flip", "labs", "--to", "shadow", "--reason", "x",
                   "--admin", f"http://127.0.0.1:{figway.admin_port}")
    assert done.returncode == 1
    assert "somebody without a token" in done.stderr
    assert "somebody" not in command(figway.folder, "history").stdout, "nobody unknown makes the journal grow"
    assert (figway.folder / "figway.db.control.sock").stat().st_mode & 0o777 == 0o600
