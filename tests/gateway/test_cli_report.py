"""figway report: from a file, from the store that routes.yaml names, from a running gateway; and what it refuses."""

import asyncio
import json
import re
import socket

import pytest
from click.testing import CliRunner

from gateway.cli.main import main
from shadow.compare.comparison import Outcome, Tally, compare
from shadow.latency import Histogram
from shadow.ledger.rows import Traffic
from shadow.renderers.json import to_json
from shadow.report.report import fold
from shadow.stores.base import Batch
from shadow.stores.sqlite import Sqlite
from tests.shadow.exchanges import pair

ROUTES = """
version: 1
store: {%s}
upstreams:
  legacy: {url: "http://127.0.0.1:9001"}
capabilities:
  results: {owner: us, operations: {read: {path: "/results/{id}"}}, legacy: legacy, stage: legacy}
  booking: {owner: us, operations: {list: {path: /bookings}}, legacy: legacy, stage: legacy}
default: {upstream: legacy}
"""


@pytest.fixture
def database(tmp_path):
    path = tmp_path / "figway.db"
    store = Sqlite(Sqlite.Options(path))
    store.write(Batch([compare(pair({"name": "Zebulon"}, {}))], tallies={Tally("results", "read", Outcome.MATCH): 3}))
    store.close()
    return path


@pytest.fixture
def routes(tmp_path):
    def written(store):
        path = tmp_path / "routes.yaml"
        path.write_text(ROUTES % store)
        return path
    return written


def figway(*arguments):
    found = CliRunner().invoke(main, ["report", *map(str, arguments)])
    assert found.exception is None or isinstance(found.exception, SystemExit)
    return found


def test_a_store_is_read_in_every_form(database):
    shown = figway("--store", database)
    assert shown.exit_code == 0
    assert "1 of 4 compared exchanges differ" in shown.stdout
    assert "\x1b" not in shown.stdout
    [one] = json.loads(figway("results", "-o", "json", "--store", database).stdout)["capabilities"]
    assert (one["capability"], one["compared"], one["differences"][0]["path"]) == ("results", 4, "/name")
    assert "| missing | `/name` |" in figway("-o", "markdown", "--store", database).stdout
    page = figway("results", "-o", "html", "--store", database).stdout
    assert page.startswith("<!DOCTYPE html>")
    assert "1 of 4 compared exchanges differ" in page
    assert "results,differences,1,path,/name\n" in figway("-o", "csv", "--store", database).stdout
    for output in ("table", "json", "markdown", "csv"):
        assert "Zebulon" not in figway("-o", output, "--store", database).output


def test_the_configured_store_is_read_with_every_capability(database, routes):
    config = routes(f"sqlite: {{path: {database}}}")
    shown = json.loads(figway("--config", config, "-o", "json").stdout)["capabilities"]
    says = {one["capability"]: one["says"] for one in shown}
    assert says["booking"] == "nothing compared: no exchange was eligible"
    [one] = json.loads(figway("booking", "--config", config, "-o", "json").stdout)["capabilities"]
    assert one["compared"] == 0


def test_of_what_is_never_compared_there_is_no_verdict_to_read(tmp_path):
    store = Sqlite(Sqlite.Options(tmp_path / "figway.db"))
    store.write(Batch(traffic=[Traffic("_default", "", "legacy", "legacy", 5, 0, Histogram(), 1.0)]))
    store.close()
    for output in ("table", "markdown"):
        shown = figway("--store", tmp_path / "figway.db", "-o", output).stdout
        assert ("_default" in shown, "EVIDENCE" in shown) == (True, False)


def test_what_cannot_be_read_is_said_with_status_2(database, routes, tmp_path):
    for arguments, says in (
        (("--store", tmp_path / "none.db"), "no store at"),
        (("nothing", "--store", database), 'no capability "nothing"'),
        (("result", "--config", routes(f"sqlite: {{path: {database}}}")), 'did you mean "results"?'),
        (("--store", database, "--admin", "http://127.0.0.1:1"), "exclude each other"),
        (("--admin", "127.0.0.1:9090"), "http://"),
        (("-o", "html", "--store", database), "one capability"),
        (("--config", tmp_path / "none.yaml"), "none.yaml"),
    ):
        refused = figway(*arguments)
        assert (refused.exit_code, says in refused.stderr) == (2, True), refused.output
        assert refused.stdout == ""
    assert not (tmp_path / "none.db").exists()
    refused = figway("--config", routes("memory: {}"))
    assert refused.exit_code == 2
    assert "--admin" in refused.stderr


@pytest.fixture
async def admin(database):
    """An admin port that serves the report of `database`."""
    targets = []

    async def answer(reader, writer):
        target = (await reader.readuntil(b"\r\n\r\n")).split(b" ")[1]
        targets.append(target)
        store = Sqlite(Sqlite.Options(database))
        body, status = to_json(fold(store.read())), b"200 OK"
        store.close()
        if target.endswith(b"=nothing"):
            body, status = b"{}", b"404 Not Found"
        elif target.endswith(b"=strange"):
            body = b"{}"
        elif target.endswith(b"=broken"):
            status = b"500 Internal Server Error"
        writer.write(b"HTTP/1.1 %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (status, len(body), body))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", targets
    server.close()
    await server.wait_closed()


def timeless(text):
    """A report without the time when it was made: of the one it is that of the latest exchange, of the other now."""
    return re.sub(r'"made": [0-9.]+|made [-0-9]+ [:0-9]+Z', "", text)


async def test_a_running_gateway_is_asked(admin, database):
    url, targets = admin
    asked = await asyncio.to_thread(figway, "results", "--admin", url, "-o", "json")
    assert asked.exit_code == 0
    assert timeless(asked.stdout) == timeless(figway("results", "--store", database, "-o", "json").stdout)
    assert targets == [b"/report?capability=results"]
    page = await asyncio.to_thread(figway, "results", "--admin", url, "-o", "html")
    assert timeless(page.stdout) == timeless(figway("results", "--store", database, "-o", "html").stdout)
    for capability, status in (("nothing", 2), ("strange", 3), ("broken", 3)):
        refused = await asyncio.to_thread(figway, capability, "--admin", url)
        assert (refused.exit_code, refused.stdout) == (status, "")


def test_a_gateway_that_is_not_there_is_status_3():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        refused = figway("--admin", f"http://127.0.0.1:{free.getsockname()[1]}")
    assert refused.exit_code == 3
    assert "cannot be reached" in refused.stderr
