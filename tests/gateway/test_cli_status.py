"""figway status: all capabilities on one screen, from a store or from a running gateway."""

import asyncio
import io
import json
from dataclasses import replace

import pytest
from click.testing import CliRunner

from gateway.cli.main import main
from gateway.config.compile import build
from shadow.compare.comparison import VERSION, Comparison, Outcome, Tally
from shadow.compare.difference import Difference, Severity, Shape
from shadow.evidence.epoch import Epoch, Setup
from shadow.evidence.stratum import HOUR, Stratum
from shadow.ledger.rows import Sighting
from shadow.renderers.json import to_json
from shadow.renderers.status import show_status
from shadow.renderers.table import Terminal
from shadow.report.report import Report, fold
from shadow.report.status import status
from shadow.stores.base import Batch
from shadow.stores.sqlite import Sqlite

LONG = "patient-lookup-by-demographics-and-identifiers"
OFFICE = "registration and identity management office"
ROUTES = f"""
version: 1
store: {{sqlite: {{path: figway.db}}}}
upstreams:
  legacy: {{url: "http://127.0.0.1:9001"}}
  modern: {{url: "http://127.0.0.1:9002"}}
capabilities:
  archive: {{owner: it, operations: {{read: {{path: /archive}}}}, legacy: legacy, stage: legacy}}
  results:
    owner: laboratory
    operations: {{read: {{path: "/results/{{id}}"}}}}
    legacy: legacy
    modern: modern
    stage: shadow
    shadow: {{sample: 100%, gate: {{limit: 1%, critical_limit: 1%, calendar: off, slower: off}}}}
  {LONG}:
    owner: {OFFICE}
    operations: {{read: {{path: "/patients/{{id}}"}}}}
    legacy: legacy
    modern: modern
    stage: verify
    shadow: {{sample: 100%, gate: {{limit: 1%, critical_limit: 1%, calendar: off, slower: off}}}}
  labels:
    owner: pharmacy
    operations: {{read: {{path: "/labels/{{id}}"}}}}
    legacy: legacy
    modern: modern
    stage: shadow
    shadow: {{sample: 100%, gate: {{limit: 1%, critical_limit: 1%, calendar: off, slower: off}}}}
  moved:
    owner: it
    operations: {{read: {{path: "/moved/{{id}}"}}}}
    legacy: legacy
    modern: modern
    stage: modern
    writes: modern
    shadow: {{sample: 100%}}
default: {{upstream: legacy}}
"""
PATH = "/entry/*/resource/medicationCodeableConcept/coding/*/display"


@pytest.fixture
def routes(tmp_path):
    path = tmp_path / "routes.yaml"
    path.write_text(ROUTES)
    setups = {name: one.shadow.basis.setup for name, one in build(path).table.capabilities.items() if one.shadow}
    store = Sqlite(Sqlite.Options(tmp_path / "figway.db"))
    store.write(Batch([
        differing(LONG, Difference("value", PATH, Shape("string", 5), Shape("string", 6), Severity.CRITICAL)),
        differing(LONG, Difference("missing", "/note", Shape("string", 5), Shape("absent"), Severity.MAJOR)),
        differing("moved", Difference("value", "/old", Shape("string", 5), Shape("string", 6), Severity.CRITICAL)),
    ], sightings=[
        seen(LONG, setups[LONG], 300), seen(LONG, setups[LONG], 2, Outcome.MISMATCH, critical=2),
        seen("results", setups["results"], 600), seen("moved", setups["moved"], 600),
        seen("labels", setups["labels"], 30), seen("gone", Setup("a"), 5),
    ]))
    store.close()
    return path


def differing(capability, *differences):
    return Comparison(Tally(capability, "read", Outcome.MISMATCH), "trace", HOUR + 5.0, differences)


def seen(capability, setup, count, outcome=Outcome.MATCH, critical=0):
    tokens = frozenset((1, f"{capability}{outcome}{number}".encode()) for number in range(count))
    return Sighting(capability, Epoch("1", "2", setup, VERSION), Stratum("read", "2xx", "Patient", ""), outcome,
                    count, critical, 0, HOUR, HOUR + 9.0, tokens)


def figway(*arguments):
    found = CliRunner().invoke(main, ["status", *map(str, arguments)])
    assert found.exception is None or isinstance(found.exception, SystemExit)
    return found


def test_the_worst_comes_first_and_what_has_no_shadow_lacks_no_evidence(routes):
    shown = figway("--config", routes, "-o", "json")
    assert shown.exit_code == 0
    lines = json.loads(shown.stdout)["capabilities"]
    assert [(one["capability"], one["stage"], one["verdict"], one["owner"]) for one in lines] == [
        (LONG, "verify", "NOT SAFE", OFFICE), ("labels", "shadow", "NOT ENOUGH EVIDENCE", "pharmacy"),
        ("results", "shadow", "SAFE", "laboratory"), ("archive", "legacy", "not shadowed", "it"),
        ("moved", "modern", "not shadowed", "it"), ("gone", "", "not configured", ""),
    ]
    assert lines[0]["worst"] == {"severity": "critical", "kind": "value", "path": PATH, "count": 1}
    assert (lines[0]["effective"], lines[0]["per_hour"]) == (302, 302.0)
    assert [one["worst"] for one in lines[1:]] == [None] * 5
    # In text every capability is a line of its own, for grep.
    text = figway("--config", routes).stdout
    assert "6 capabilities: 1 NOT SAFE, 1 NOT ENOUGH EVIDENCE, 1 SAFE, 2 not shadowed, 1 not configured" in text
    [line] = [line for line in text.splitlines() if LONG in line]
    assert line.split() == [LONG, "verify", "NOT", "SAFE", "critical", PATH, "302", *OFFICE.split()]
    [line] = [line for line in text.splitlines() if line.startswith(" archive")]
    assert line.split() == ["archive", "legacy", "not", "shadowed", "–", "–", "it"]


def test_a_difference_of_an_earlier_build_is_not_the_worst_of_this_one(routes):
    setup = build(routes).table.capabilities[LONG].shadow.basis.setup
    store = Sqlite(Sqlite.Options(routes.parent / "figway.db"))
    mended = seen(LONG, setup, 100)
    store.write(Batch(sightings=[replace(mended, epoch=mended.epoch._replace(modern="3"), first=9 * HOUR,
                                         last=9 * HOUR + 9.0)]))
    store.close()
    [line] = [one for one in json.loads(figway("--config", routes, "-o", "json").stdout)["capabilities"]
              if one["capability"] == LONG]
    assert (line["verdict"], line["worst"]) == ("NOT ENOUGH EVIDENCE", None)


def configured_report(routes):
    table = build(routes).table.capabilities
    store = Sqlite(Sqlite.Options(routes.parent / "figway.db"))
    report = fold(store.read(), {name: one.criteria() for name, one in table.items()},
                  {name: one.profile() for name, one in table.items()})
    store.close()
    return report


def test_eighty_columns_are_enough_for_long_names(routes):
    file = io.StringIO()
    lines = status(configured_report(routes))
    show_status(lines, None, Terminal(file=file, width=80, markup=False, highlight=False))
    text = file.getvalue().splitlines()
    assert max(map(len, text)) <= 80
    head = next(line for line in text if "verdict" in line)
    starts = [head.index(word) for word in ("capability", "stage", "verdict", "worst", "per hour", "owner")]
    rows = [line.ljust(80) for line in text[text.index(head) + 2:-2]]
    cells = [[row[start:end] for row in rows] for start, end in zip(starts, [*starts[1:], 80], strict=True)]
    # A blank stands between each column and the next, on every line.
    assert all(one.endswith(" ") for column in cells for one in column)
    # Nothing is cut: the lines of the first capability, put together, are the whole.
    first = next(at for at, line in enumerate(cells[1]) if at and line.strip())
    name, stage, verdict, worst, rate, owner = ("".join("".join(column[:first]).split()) for column in cells)
    assert (name, stage, verdict, rate) == (LONG, "verify", "NOTSAFE", "302")
    assert (worst, owner) == (f"critical{PATH}", OFFICE.replace(" ", ""))


def test_without_a_capability_the_screen_says_so():
    file = io.StringIO()
    show_status(status(Report(())), None, Terminal(file=file))
    assert file.getvalue() == "There is no capability.\n"


async def test_a_running_gateway_is_asked(routes):
    body = to_json(replace(configured_report(routes), unfinished=7))
    targets = []

    async def answer(reader, writer):
        targets.append((await reader.readuntil(b"\r\n\r\n")).split(b" ")[1])
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(body), body))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    shown = await asyncio.to_thread(figway, "--admin", url, "-o", "json")
    server.close()
    await server.wait_closed()
    told = json.loads(shown.stdout)
    assert (shown.exit_code, targets, told["unfinished"]) == (
        0, [b"/report", b"/stages"], 7)
    assert told["capabilities"] == json.loads(figway("--config", routes, "-o", "json").stdout)["capabilities"]


def test_what_cannot_be_read_has_a_status_of_its_own(routes):
    refused = figway("--admin", "http://127.0.0.1:1")
    assert (refused.exit_code, refused.stdout, "cannot be reached" in refused.stderr) == (3, "", True)
    (routes.parent / "figway.db").unlink()
    refused = figway("--config", routes)
    assert (refused.exit_code, refused.stdout, "no store at" in refused.stderr) == (2, "", True)


def test_the_owner_stands_in_report_and_gate(routes):
    for command in ("report", "gate"):
        for output in ("table", "json", "markdown"):
            found = CliRunner().invoke(main, [command, "results", "--config", str(routes), "-o", output])
            assert "laboratory" in found.stdout, (command, output)
    page = CliRunner().invoke(main, ["report", "results", "--config", str(routes), "-o", "html"]).stdout
    assert "owner laboratory" in page
