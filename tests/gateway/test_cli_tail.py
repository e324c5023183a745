"""figway tail: follows what `figway serve` writes. And what shells complete."""

import json
import os
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from gateway.cli.main import main
from gateway.cli.tail import shown
from tests.backends.processes import FIGWAY, LONG, started
from tests.backends.upstream import until


def line(capability="patients", status=200, arm="legacy", **more):
    return json.dumps({"ts": "2026-12-01T04:04:57.123Z", "event": "request", "capability": capability,
                       "operation": "read", "arm": arm, "method": "GET", "status": status, "us": 12345, **more}) + "\n"


LINES = [
    line(), line("results", 502, "modern", error="upstream_reset"), line("results", 404),
    line("results", 401, "", error="unauthorized"), line("_default", 200),
    line("documents", fallback="slow"),
    '{"event": "reloaded"}\n', "no json\n", "[1]\n",
]


@pytest.mark.parametrize(("arguments", "kept"), [
    ([], [0, 1, 2, 3, 4, 5]), (["--capability", "results"], [1, 2, 3]),
    (["--capability", "results", "--capability", "patients"], [0, 1, 2, 3]),
    (["--status", "4xx"], [2, 3]), (["--status", "404", "--status", "5xx"], [1, 2]), (["--arm", "modern"], [1]),
    (["--arm", "none"], [3]), (["--errors"], [1, 3]), (["--capability", "results", "--arm", "legacy"], [2]),
])
def test_requests_are_chosen_by_capability_status_and_arm(tmp_path, arguments, kept):
    log = tmp_path / "figway.log"
    log.write_text("".join(LINES))
    done = CliRunner().invoke(main, ["tail", str(log), "--no-follow", "-o", "json", *arguments], catch_exceptions=False)
    assert [json.loads(one) for one in done.output.splitlines()] == [json.loads(LINES[one]) for one in kept]
    again = CliRunner().invoke(main, ["tail", "-o", "json", *arguments], input="".join(LINES), catch_exceptions=False)
    assert again.output == done.output


def test_a_line_says_what_happened():
    done = CliRunner().invoke(main, ["tail"], input="".join(LINES))
    assert done.output.splitlines() == [
        "04:04:57 200 GET    patients.read          legacy     12.3 ms",
        "04:04:57 502 GET    results.read           modern     12.3 ms  upstream_reset",
        "04:04:57 404 GET    results.read           legacy     12.3 ms",
        "04:04:57 401 GET    results.read           –          12.3 ms  unauthorized",
        "04:04:57 200 GET    _default               legacy     12.3 ms",
        "04:04:57 200 GET    documents.read         legacy     12.3 ms  fell back: slow",
    ]


@given(st.dictionaries(
    st.sampled_from(["ts", "capability", "operation", "arm", "method", "status", "us", "error", "fallback"]),
    st.one_of(st.text(max_size=100), st.integers(), st.floats(), st.none(), st.booleans())))
def test_whatever_a_log_holds_a_line_is_one_line_of_80_columns(fields):
    said = shown(fields)
    assert len(said) <= 80
    assert said.isprintable()


def test_what_is_no_file_or_no_status_is_wrong_usage(tmp_path):
    assert CliRunner().invoke(main, ["tail", str(tmp_path)]).exit_code == 2
    assert CliRunner().invoke(main, ["tail", str(tmp_path / "none")]).exit_code == 2
    assert CliRunner().invoke(main, ["tail", "--status", "6xx"]).exit_code == 2


@pytest.mark.slow
def test_a_log_is_followed_as_it_grows_and_when_it_is_replaced(tmp_path):
    log = tmp_path / "figway.log"
    log.write_text(line("before"))
    with started([*FIGWAY, "tail", log, "--all"], stdout=subprocess.PIPE, text=True) as process:
        assert "before.read" in process.stdout.readline()
        with log.open("a") as file:
            whole = line("grown")
            file.write(whole[:40])
            file.flush()
            file.write(whole[40:])
        assert "grown.read" in process.stdout.readline()
        log.rename(tmp_path / "figway.log.1")
        log.write_text(line("replaced"))
        assert "replaced.read" in process.stdout.readline()
        log.write_text("")
        until(lambda: log.stat().st_size == 0, "it is not emptied")
        process.terminate()
        process.wait(LONG)


@pytest.mark.slow
def test_the_log_of_a_gateway_is_followed(gateway, legacy):
    figway = gateway(f'version: 1\nupstreams: {{up: {{url: "{legacy.url}"}}}}\ndefault: {{upstream: up}}\n')
    with started([*FIGWAY, "tail", figway.folder / "stdout", "--all"], stdout=subprocess.PIPE, text=True) as process:
        figway.ask("GET", "/patients/zqsmith?name=zqsmith")
        said = process.stdout.readline()
        assert " 200 GET    _default " in said
        assert "zqsmith" not in said
        process.terminate()
        process.wait(LONG)


# --- completion -------------------------------------------------------------------------------------------------------

ROUTES = """\
version: 1
upstreams: {up: {url: "http://127.0.0.1:1"}}
default: {upstream: up}
capabilities:
  patients: {}
  patient-search: {}
  results: {}
"""


@pytest.mark.parametrize(("words", "offered"), [
    ("rep", ["report"]), ("shadow ho", ["hold", "holds"]), ("report pat", ["patients", "patient-search"]),
    ("report --config other.yaml ", ["labs"]), ("gate r", ["results"]), ("tail --capability res", ["results"]),
    ("shadow restart p", ["patients", "patient-search"]), ("report --config none.yaml p", []),
    ("tail --arm m", ["modern"]),
])
def test_shells_complete_commands_and_names_of_capabilities(tmp_path, words, offered):
    (tmp_path / "routes.yaml").write_text(ROUTES)
    (tmp_path / "other.yaml").write_text("capabilities: {labs: {}}\n")
    asked = f"figway {words}"
    done = subprocess.run([Path(FIGWAY[0]).with_name("figway")], cwd=tmp_path, capture_output=True, text=True,
                          env={**os.environ, "_FIGWAY_COMPLETE": "bash_complete", "COMP_WORDS": asked,
                               "COMP_CWORD": str(len(asked.split(" ")) - 1)})
    assert (done.returncode, done.stderr) == (0, "")
    assert [one.partition(",")[2] for one in done.stdout.splitlines() if one] == offered
