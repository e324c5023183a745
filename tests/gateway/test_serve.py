"""What operators see where the store fails while `figway serve` runs."""

import sqlite3

import orjson
import pytest
from click.testing import CliRunner

from gateway.cli.main import main
from tests.backends.upstream import until

pytestmark = pytest.mark.slow

ROUTES = """
version: 1
store: {{sqlite: {{path: {path}}}}}
upstreams: {{legacy: {{url: "{url}"}}}}
default: {{upstream: legacy}}
"""


def test_a_store_that_fails_is_counted_shown_and_told_of_in_place_of_a_report(gateway, legacy):
    figway = gateway(ROUTES.format(path="figway.db", url=legacy.url))
    assert figway.admin("/report").status == 200
    assert "[+] store" in figway.readiness()[1]
    assert figway.readiness()[1].startswith("[+] accepting: new requests\n")
    assert "draining" not in figway.readiness()[1]
    database = sqlite3.connect(figway.folder / "figway.db")
    database.execute("DROP TABLE traffic")
    database.commit()
    database.close()

    def noticed():
        figway.ask("GET", "/")
        return figway.metric("figway_store_failures_total") > 0

    until(noticed, "nobody notices")
    assert "[-] store" in figway.readiness()[1]
    assert figway.readiness()[0] == 200
    reply = figway.admin("/report")
    assert (reply.status, reply.get("Content-Type")) == (503, "application/problem+json")
    title = orjson.loads(reply.body)["title"]
    assert "store" in title

    told = CliRunner().invoke(main, ["report", "--admin", f"http://127.0.0.1:{figway.admin_port}"])
    assert (told.exit_code, title in told.stderr) == (3, True)
