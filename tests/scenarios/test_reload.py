"""A reload and a SIGTERM cost no request; a file that is wrong changes nothing and says so."""

import asyncio
import os
import signal
import threading
from contextlib import asynccontextmanager

import pytest

from tests.backends.upstream import closed_port, until
from tests.backends.wire import PATIENCE, request, response
from tests.gateway.test_policy_jwt import RSA, key_set

MANY = 1000


def config(url, answer="", drain="grace: 10s"):
    return f"""
version: 1
server: {{drain: {{{drain}}}}}
upstreams:
  legacy: {{url: "{url}", pool: {{connections: {MANY + 100}}}, timeouts: {{connect: 60s, first_byte: 60s}}}}
  other: {{url: "{answer or url}"}}
default: {{upstream: {"other" if answer else "legacy"}}}
"""


class Crowd:
    """MANY requests in flight at once: a server that answers none before it is told to, and their clients."""

    def __init__(self) -> None:
        self._arrived = 0
        self._writers = []
        self._all_here = asyncio.Event()
        self.may_answer = asyncio.Event()

    @asynccontextmanager
    async def serving(self):
        """The URL of the server. At the end all of its connections are closed, on a busy machine too."""
        server = await asyncio.start_server(self._answer, "127.0.0.1", 0, backlog=MANY)
        try:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        finally:
            server.close()
            for writer in self._writers:
                writer.close()
            await asyncio.gather(*(writer.wait_closed() for writer in self._writers), return_exceptions=True)

    async def _answer(self, reader, writer):
        self._writers.append(writer)
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                self._arrived += 1
                if self._arrived == MANY:
                    self._all_here.set()
                await self.may_answer.wait()
                writer.write(response(200, body=b"in time"))
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def _ask(self, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        self._writers.append(writer)
        writer.write(request("GET", "/slow"))
        head = await reader.readuntil(b"\r\n\r\n")
        body = await reader.readexactly(7)
        writer.close()
        return head, body

    async def in_flight(self, port):
        asking = [asyncio.create_task(self._ask(port)) for _ in range(MANY)]
        await self._all_here.wait()
        return asking


@pytest.fixture
async def crowd():
    return Crowd()


@pytest.mark.proves(33)
async def test_a_thousand_requests_survive_a_reload(gateway, crowd, legacy):
    async with crowd.serving() as url:
        figway = await asyncio.to_thread(gateway, config(url))
        asking = await crowd.in_flight(figway.port)

        figway.reload(config(url, answer=legacy.url))
        await asyncio.to_thread(until, lambda: figway.metric("figway_config_reloads_total") == 1, "no reload")
        assert (await asyncio.to_thread(figway.ask, "GET", "/new")).status == 200
        assert legacy.targets() == ["/new"]
        crowd.may_answer.set()
        answers = await asyncio.gather(*asking)

        assert {body for _, body in answers} == {b"in time"}
        assert {head.split(b"\r\n")[0] for head, _ in answers} == {b"HTTP/1.1 200 Fine"}


@pytest.mark.proves(33)
async def test_a_thousand_requests_survive_sigterm(gateway, crowd):
    async with crowd.serving() as url:
        figway = await asyncio.to_thread(gateway, config(url))
        asking = await crowd.in_flight(figway.port)

        figway.terminate()
        await asyncio.to_thread(until, lambda: figway.readiness()[0] != 200, "it stays ready")
        crowd.may_answer.set()
        answers = await asyncio.gather(*asking)

        assert {body for _, body in answers} == {b"in time"}
        assert all(b"connection: close" in head.lower() for head, _ in answers)
        await asyncio.to_thread(figway.stop)


@pytest.mark.proves(33)
def test_while_it_drains_it_accepts_is_not_ready_and_closes_after_each_answer(gateway, legacy):
    figway = gateway(config(legacy.url, drain="delay: 2s, grace: 2s"))
    idle = figway.connect()
    idle.send(request("GET", "/")).read_reply()
    figway.terminate()
    until(lambda: figway.readiness()[0] == 503, "it stays ready")

    fresh = figway.connect()
    assert fresh.send(request("GET", "/")).read_reply().get("Connection") == "close"
    assert fresh.ends()
    assert idle.send(request("GET", "/")).read_reply().get("Connection") == "close"
    figway.stop()


@pytest.mark.proves(33)
def test_what_outlasts_the_grace_is_cut(gateway, legacy):
    left = threading.Event()

    def legacy_never_ends(wire, asked):
        wire.rest()
        left.set()

    legacy.does(legacy_never_ends)
    figway = gateway(config(legacy.url, drain="grace: 300ms"))
    wire = figway.connect().send(request("GET", "/"))
    until(lambda: legacy.asked != [], "the request does not arrive")
    figway.stop()

    assert left.wait(PATIENCE)
    wire.rest()


@pytest.mark.proves(34)
@pytest.mark.parametrize("bad", ["version: 1\nupstreams: {", "version: 1", "", "version: 2", "version: 1\nversion: 1"],
                         ids=["not YAML", "nothing to route", "empty", "another version", "a key twice"])
def test_a_bad_file_keeps_the_last_good_table_and_says_so(gateway, legacy, bad):
    figway = gateway(config(legacy.url))
    assert figway.metric("figway_config_last_reload_successful") == 1

    figway.reload(bad)
    until(lambda: figway.metric("figway_config_last_reload_successful") == 0, "the fault is not counted")
    assert figway.ask("GET", "/").status == 200
    status, text = figway.readiness()
    assert status == 200
    assert "routes.yaml" in text or "config" in text

    figway.reload(config(legacy.url))
    until(lambda: figway.metric("figway_config_last_reload_successful") == 1, "it never recovers")
    figway.stop()
    assert "routes.yaml:" in figway.stdout() + figway.stderr()


def test_a_changed_file_is_read_without_being_told(gateway, legacy, modern):
    figway = gateway(config(legacy.url))
    figway.file.write_text(config(legacy.url, answer=modern.url))
    until(lambda: figway.ask("GET", "/").status == 200 and modern.asked, "the change is not seen")


def test_a_swapped_symlink_is_a_change(gateway, legacy, modern):
    """As Kubernetes updates a ConfigMap: routes.yaml → ..data/routes.yaml, ..data → a folder that is replaced."""
    figway = gateway(config(legacy.url))
    for name, text in [("one", config(legacy.url)), ("two", config(legacy.url, answer=modern.url))]:
        (figway.folder / name).mkdir()
        (figway.folder / name / "routes.yaml").write_text(text)
    (figway.folder / "..data").symlink_to("one")
    figway.file.unlink()
    figway.file.symlink_to("..data/routes.yaml")
    figway.ask("GET", "/")

    (figway.folder / "..fresh").symlink_to("two")
    os.replace(figway.folder / "..fresh", figway.folder / "..data")
    until(lambda: figway.ask("GET", "/").status == 200 and modern.asked, "the change is not seen")


def test_many_reloads_in_a_row_end_in_the_last(gateway, legacy, modern):
    figway = gateway(config(legacy.url))
    for _ in range(5):
        figway.reload(config(f"http://127.0.0.1:{closed_port()}"))
        figway.reload("nonsense: [")
    figway.reload(config(legacy.url, answer=modern.url))
    until(lambda: figway.ask("GET", "/").status == 200 and modern.asked, "the last change is not seen")


@pytest.mark.proves(35)
def test_several_workers_reload_and_stop_together(gateway, legacy, modern):
    figway = gateway(config(legacy.url), "--workers", "2")
    assert [figway.ask("GET", "/").status for _ in range(20)] == [200] * 20

    figway.reload(config(legacy.url, answer=modern.url))

    def all_new():
        before = len(legacy.asked)
        assert [figway.ask("GET", "/").status for _ in range(20)] == [200] * 20
        return len(legacy.asked) == before

    until(all_new, "a worker keeps the old table")


@pytest.mark.proves(34, 35)
def test_a_worker_that_is_killed_is_missed_and_replaced_as_soon_as_the_file_is_good(gateway, modern):
    may_answer = threading.Event()

    def waits(wire, asked):
        may_answer.wait(PATIENCE)
        wire.send(response(200))

    def workers(text):
        return f"workers: {text}" in figway.readiness()[1]

    figway = gateway(config(modern.url), "--workers", "2")
    until(lambda: workers("2 of 2"), "a worker is not counted")
    modern.does(waits)
    waiting = [figway.connect().send(request("GET", "/")) for _ in range(8)]
    until(lambda: figway.metric("figway_requests_in_flight") == len(waiting), "the requests do not arrive")
    good = figway.file.read_text()
    figway.file.write_text("version: 1\nnonsense: 1\n")
    until(lambda: figway.metric("figway_config_last_reload_successful") == 0, "the fault is not told")
    os.kill(figway.workers()[0], signal.SIGKILL)
    until(lambda: workers("1 of 2"), "nobody is missed")
    modern.forget()
    may_answer.set()
    until(lambda: figway.metric("figway_requests_in_flight") == 0, "the dead still answer requests")
    assert [figway.ask("GET", "/").status for _ in range(5)] == [200] * 5

    figway.file.write_text(good)
    until(lambda: workers("2 of 2"), "the dead is not replaced")
    assert [figway.ask("GET", "/").status for _ in range(20)] == [200] * 20
    for wire in waiting:
        wire.close()


@pytest.mark.proves(33)
def test_an_equal_file_is_no_reload(gateway, legacy, modern):
    figway = gateway(config(legacy.url))
    for _ in range(3):
        figway.reload(config(legacy.url) + "# the same\n")
        figway.ask("GET", "/")
    figway.reload(config(legacy.url, answer=modern.url))
    until(lambda: figway.ask("GET", "/").status == 200 and modern.asked, "the change is not seen")
    figway.process.send_signal(signal.SIGHUP)
    figway.ask("GET", "/")
    assert figway.metric("figway_config_reloads_total") == 1


@pytest.mark.proves(33)
def test_a_call_that_waits_for_a_policys_keys_survives_its_replacement(gateway, legacy, modern):
    may_answer = threading.Event()

    def keys(wire, asked):
        may_answer.wait(PATIENCE)
        wire.send(response(200, body=key_set(RSA)))

    modern.does(keys)

    def guarded(leeway):
        jwt = f'issuer: i, audience: a, leeway: {leeway}, jwks: {{url: "{modern.url}/keys"}}'
        return config(legacy.url).replace("upstream: legacy", "upstream: legacy, policies: []") + f"""
policies: {{staff: {{jwt: {{{jwt}}}}}}}
capabilities:
  results:
    owner: t
    operations: {{read: {{path: /results}}}}
    legacy: legacy
    stage: legacy
    policies: [staff]
"""

    figway = gateway(guarded("30s"))
    token = "eyJhbGciOiJSUzI1NiIsImtpZCI6ImEifQ.eyJpc3MiOiJpIn0.c2lnbmF0dXJl"
    wire = figway.connect().send(request("GET", "/results", ("Authorization", f"Bearer {token}")))
    until(lambda: modern.asked != [], "no keys are asked for")
    figway.reload(guarded("20s"))
    until(lambda: figway.metric("figway_config_reloads_total") == 1, "no reload")
    may_answer.set()
    assert wire.read_reply().status == 401


def test_what_is_in_an_include_is_watched_wherever_it_was_before(gateway, legacy, modern):
    capability = "capabilities:\n  all: {owner: t, operations: {any: {path: '/{rest*}'}}, legacy: %s, stage: legacy}\n"
    main = f"""
version: 1
include: [more.yaml]
upstreams: {{legacy: {{url: "{legacy.url}"}}, modern: {{url: "{modern.url}"}}}}
default: {{upstream: legacy, policies: []}}
"""
    figway = gateway(main.replace("include: [more.yaml]", "") + capability % "legacy")
    (figway.folder / "more.yaml").write_text(capability % "legacy")
    figway.reload(main)
    # What changes nothing is told by nothing: give it the time to be read.
    threading.Event().wait(1)
    (figway.folder / "more.yaml").write_text(capability % "modern")
    until(lambda: figway.ask("GET", "/").status == 200 and modern.asked, "the change is not seen")
