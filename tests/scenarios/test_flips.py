"""Flips of a running gateway: no request fails, no key goes back, and a rollback is in force when it is announced."""

import signal
import sqlite3
import threading
from contextlib import ExitStack

import pytest

from tests.backends.control import command, door, flip, on_terminal, routes
from tests.backends.figway import Figway, running
from tests.backends.logins import Domain, Person
from tests.backends.processes import FIGWAY, LONG, started
from tests.backends.upstream import until
from tests.backends.wire import Cut, request, response

pytestmark = pytest.mark.slow

ROUNDS, STEPS = 8, 24
"""A round raises the share in steps, and ends with a rollback: 200 flips in all."""
CLIENTS = 12


def answering(upstream, name):
    upstream.answers(response(200, ("X-Arm", name), body=name.encode()))


class Clients:
    """Clients with keys of their own, that ask again and again, each on one connection. `phase` is 0 while nothing may
    be concluded of the arms; each answer of another phase is noted: (phase, client, arm)."""

    def __init__(self, figway: Figway, count: int) -> None:
        self.phase = 0
        self.seen: list[tuple[int, int, str]] = []
        self.failures: list[object] = []
        self._over = threading.Event()
        self._figway = figway
        self._threads = [threading.Thread(target=self._run, args=(number,)) for number in range(count)]
        for one in self._threads:
            one.start()

    def _run(self, number: int) -> None:
        wire = self._figway.connect()
        try:
            while not self._over.is_set():
                phase = self.phase
                reply = wire.send(request("GET", "/labs/1", ("X-Tenant", f"tenant-{number}"))).read_reply()
                if reply.status != 200:
                    self.failures.append(reply.start)
                if phase and phase == self.phase:
                    self.seen.append((phase, number, reply.get("X-Arm") or ""))
        except (Cut, OSError) as error:
            self.failures.append(error)
        finally:
            wire.close()

    def end(self) -> None:
        self._over.set()
        for one in self._threads:
            one.join()

    def answered(self, count: int) -> None:
        """Wait until so many more answers were noted."""
        wanted = len(self.seen) + count
        until(lambda: len(self.seen) >= wanted or bool(self.failures), "clients get no answers")


def everywhere(figway, revision):
    """Wait until all workers say that they have this revision."""
    until(lambda: figway.metric("figway_stages_revision") >= revision, "a worker does not learn of a flip")


def test_two_hundred_flips_at_load_on_four_workers(gateway, legacy, modern):
    answering(legacy, "legacy"), answering(modern, "modern")
    figway = gateway(routes(legacy.url, modern.url), "--workers", "4", "--no-access-log")
    flips = 0
    with ExitStack() as stack:
        client = stack.enter_context(door(figway.folder))
        clients = Clients(figway, CLIENTS)
        stack.callback(clients.end)
        for number in range(1, ROUNDS + 1):
            clients.phase = 2 * number
            for step in range(1, STEPS + 1):
                done = flip(client, to="canary", percent=f"{100 * step / STEPS:.2f}")
                assert done.status_code == 200, done.text
                flips += 1
            everywhere(figway, done.json()["revision"])
            clients.answered(CLIENTS)
            clients.phase = 0
            done = flip(client, kind="rollback", side="both")
            assert done.status_code == 200, done.text
            flips += 1
            everywhere(figway, done.json()["revision"])
            clients.phase = 2 * number + 1
            clients.answered(CLIENTS)
            clients.phase = 0
    assert (flips, clients.failures) == (200, [])
    for number in range(1, ROUNDS + 1):
        for one in range(CLIENTS):
            rising = [arm for phase, who, arm in clients.seen if (phase, who) == (2 * number, one)]
            # Once at modern, a key stays there while the share rises.
            assert rising == sorted(rising), rising
        assert rising[-1:] == ["modern"] or not rising
        after = {arm for phase, _, arm in clients.seen if phase == 2 * number + 1}
        assert after == {"legacy"}, "a rollback is in force for every request after it is announced"
    assert figway.stderr().count("\n") == 1


def test_the_worker_that_answers_a_flip_has_it_in_force(gateway, legacy, modern):
    answering(legacy, "legacy"), answering(modern, "modern")
    figway = gateway(routes(legacy.url, modern.url))
    with door(figway.folder) as client:
        for _ in range(20):
            assert flip(client, to="verify").status_code == 200
            assert figway.ask("GET", "/labs/1").get("X-Arm") == "modern"
            assert flip(client, kind="rollback", side="both").status_code == 200
            assert figway.ask("GET", "/labs/1").get("X-Arm") == "legacy"


def test_a_rollback_of_writes_says_how_many_legacy_lacks_and_waits_for_none(gateway, legacy, modern):
    answering(legacy, "legacy")
    modern.answers(*[response(201, ("X-Arm", "modern"))] * 3, response(400), response(500))
    figway = gateway(routes(legacy.url, modern.url, "verify"), "--workers", "2")
    done = command(figway.folder, "flip", "labs", "--to", "modern", "--writes", "--force", "--reason", "wards agreed")
    assert done.returncode == 0
    with door(figway.folder) as client:
        everywhere(figway, client.get("/stages").json()["revision"])
    for wanted in (201, 201, 201, 400, 500):
        assert figway.ask("POST", "/labs", body=b"an order").status == wanted
    # A worker tells the control file once a second what modern took.
    reads = command(figway.folder, "rollback", "labs", "--reads")
    assert reads.stdout.splitlines() == [
        "labs: reads verify, writes modern → reads legacy, writes modern (revision 3)"]
    until(lambda: _lacking(figway) >= 4, "workers do not tell of writes")
    done = command(figway.folder, "rollback", "labs")
    assert done.stdout.splitlines() == [
        "labs: reads legacy, writes modern → reads legacy, writes legacy (revision 4)",
        "  legacy lacks 4 writes that modern took: order"]
    assert figway.ask("POST", "/labs", body=b"an order").get("X-Arm") == "legacy"
    assert command(figway.folder, "rollback", "labs").stdout == "labs is there already: reads legacy, writes legacy\n"


def _lacking(figway):
    connection = sqlite3.connect(figway.folder / "figway.db.control")
    try:
        return connection.execute("SELECT total(writes) FROM taken").fetchone()[0]
    finally:
        connection.close()


def test_a_client_that_is_logged_in_stays_while_shares_change_and_leaves_after_its_answer_in_a_rollback(
        gateway, legacy, modern):
    for upstream, name in ((legacy, "legacy"), (modern, "modern")):
        upstream.does(Domain(name))
    figway = gateway(routes(legacy.url, modern.url))
    with door(figway.folder) as client:
        flip(client, to="canary", percent="100")
        doctor = Person(figway, "doctor")
        assert b'"modern"' in doctor.log_in("/labs/1").body
        for percent in ("50", "0.01", "75"):
            assert flip(client, percent=percent).status_code == 200
            assert b'"modern"' in doctor.ask("/labs/1").body
        held = threading.Event()
        answer = Domain("modern")

        def slowly(wire, asked):
            held.wait(60)
            answer(wire, asked)

        modern.does(slowly)
        doctor.send("/labs/2")
        until(lambda: modern.asked[-1].target == b"/labs/2", "modern is not asked")
        assert flip(client, kind="rollback", side="both").status_code == 200
        held.set()
        assert b'"modern"' in doctor.wire.read_reply().body
        assert doctor.wire.ends()
        again = Person(figway, "doctor")
        assert b'"legacy"' in again.log_in("/labs/1").body


@pytest.mark.parametrize(("arguments", "status", "says"), [
    (("flip", "lab", "--to", "canary", "--reason", "x"), 2, 'there is no capability "lab"; did you mean "labs"?'),
    (("flip", "labs", "--to", "canry", "--reason", "x"), 2, 'there is no stage "canry"; did you mean "canary"?'),
    (("flip", "labs", "--to", "canary", "--reason", " "), 2, "a flip needs a reason"),
    (("flip", "labs", "--to", "canary", "--percent", "101", "--reason", "x"), 2, "from 0 to 100"),
    (("flip", "labs", "--to", "canary", "--percent", "5.123", "--reason", "x"), 2, "from 0 to 100"),
    (("flip", "labs", "--to", "verify", "--percent", "5", "--reason", "x"), 2, "a percentage belongs to canary"),
    (("flip", "labs", "--percent", "5", "--reason", "x"), 2, "a percentage belongs to canary"),
    (("flip", "labs", "--to", "shadow", "--writes", "--reason", "x"), 2, "writes have no stage shadow"),
    (("flip", "labs", "--reason", "x"), 2, "say where to"),
    (("flip", "labs", "--to", "canary", "--expires", "soon", "--reason", "x"), 2, "30m, 2h"),
    (("flip", "labs", "--to", "legacy", "--reason", "x"), 2, "is there already"),
    (("flip", "labs", "--to", "file", "--reason", "x"), 2, "has no override"),
    (("resume", "labs", "--reason", "x"), 2, "has no latch"),
    (("flip", "plain", "--to", "verify", "--reason", "x"), 2, "it has no modern arm"),
    (("flip", "labs", "--to", "canary", "--reason", "x", "--revision", "0"), 4, "somebody else was first"),
])
def test_a_flip_that_cannot_be_made_is_one_line_on_stderr(refusing, arguments, status, says):
    done = command(refusing.folder, *arguments)
    assert (done.returncode, done.stdout) == (status, "")
    [line] = done.stderr.splitlines()
    assert line.startswith("figway: ")
    assert says in line


@pytest.fixture(scope="module")
def refusing(tmp_path_factory, everlasting_legacy):
    """A gateway that no test flips."""
    config = routes(everlasting_legacy.url, everlasting_legacy.url).replace("default:", """  plain:
    owner: tests
    operations: {read: {path: /plain}}
    legacy: legacy
    stage: legacy
default:""")
    with running(tmp_path_factory.mktemp("refusing"), config) as figway:
        yield figway


def test_the_memory_store_refuses_flips_with_the_line_to_add(gateway, legacy):
    figway = gateway(routes(legacy.url, legacy.url).replace("store: {sqlite: {path: figway.db}}", ""))
    done = command(figway.folder, "flip", "labs", "--to", "shadow", "--reason", "x")
    assert done.returncode == 2
    assert "store: {sqlite: {path: figway.db}}" in done.stderr


def test_an_override_ends_by_command_and_by_its_expiry(gateway, legacy, modern):
    answering(legacy, "legacy"), answering(modern, "modern")
    figway = gateway(routes(legacy.url, modern.url))
    flipped = command(figway.folder, "flip", "labs", "--to", "verify", "--expires", "1s", "--force",
                      "--reason", "a try")
    assert "until the override expires" in flipped.stdout
    until(lambda: figway.ask("GET", "/labs/1").get("X-Arm") == "legacy", "the override does not expire")
    command(figway.folder, "flip", "labs", "--to", "verify", "--force", "--reason", "for MRN 12345678")
    assert figway.ask("GET", "/labs/1").get("X-Arm") == "modern"
    assert "drift: the file says reads legacy" in command(figway.folder, "status").stdout
    assert command(figway.folder, "flip", "labs", "--to", "file", "--reason", "done").returncode == 0
    assert figway.ask("GET", "/labs/1").get("X-Arm") == "legacy"
    history = command(figway.folder, "history", "labs").stdout
    assert [line.split()[4] for line in history.splitlines()[1:]] == ["to_file", "flip", "expiry", "flip", "reload"]
    assert "12345678" not in history
    assert "[record number]" in history
    shown = on_terminal(figway.folder, "history", "labs")
    assert max(map(len, shown)) <= 80
    assert [line.split()[2] for line in shown if line[0].isdigit()] == ["to_file", "flip", "expiry", "flip", "reload"]


def test_the_status_is_watched_until_it_is_interrupted(gateway, legacy, modern, tmp_path):
    figway = gateway(routes(legacy.url, modern.url))
    shown = tmp_path / "shown"
    with shown.open("wb") as out, started([*FIGWAY, "status", "--watch"], cwd=figway.folder, stdout=out) as watching:
        until(lambda: b"labs" in shown.read_bytes(), "nothing is shown")
        with door(figway.folder) as client:
            assert flip(client, to="shadow", reason="wards agreed").status_code == 200
        until(lambda: b"wards agreed" in shown.read_bytes(), "it is not shown again")
        watching.send_signal(signal.SIGINT)
        assert watching.wait(LONG) == 130
