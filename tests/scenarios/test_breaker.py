"""In canary, a modern that is known to be out is passed by, and one that hangs is waited for only so long."""

import threading

import pytest

from gateway.decide import bucket
from tests.backends.upstream import closed_port, never, resets, until
from tests.backends.wire import PATIENCE, request, response

pytestmark = pytest.mark.proves(47)

SHADOW = "shadow: {sample: 100%, noise: 0%, recheck: {budget: 0%}}"


def config(legacy, modern, *, ejection="failures: 5, for: 60s", split="percent: 100%", shadow=""):
    return f"""
version: 1
server: {{drain: {{grace: 1s}}}}
upstreams:
  legacy: {{url: "{legacy}"}}
  modern: {{url: "{modern}", ejection: {{{ejection}}}}}
capabilities:
  results:
    owner: results-team
    operations:
      read: {{method: GET, path: "/results/{{id}}"}}
      report: {{method: GET, path: "/report/{{id}}"}}
      search: {{method: POST, path: /_search, safe: true}}
      add: {{method: POST, path: /results}}
    legacy: legacy
    modern: modern
    stage: canary
    writes: canary
    split: {{{split}, sticky: ["header:X-Key"], on_missing: modern}}
    {shadow}
default: {{upstream: legacy}}
"""


@pytest.fixture(autouse=True)
def legacy_answers(legacy):
    legacy.answers(response(200, body=b"legacy"))


def fell_back(reply):
    return (reply.status, reply.body, reply.get("X-Figway-Fallback")) == (200, b"legacy", "legacy")


def is_ejected(figway):
    return figway.metric("figway_endpoint_available", upstream="modern") == 0


def status_503(wire, asked):
    wire.read_body(asked)
    wire.send(response(503, body=b"modern is unwell"))


def test_a_modern_that_refuses_connections_costs_no_client_its_answer(gateway, legacy):
    figway = gateway(config(legacy.url, f"http://127.0.0.1:{closed_port()}", shadow=SHADOW))
    assert all(fell_back(figway.ask("GET", f"/results/{number}")) for number in range(100))
    assert fell_back(figway.ask("POST", "/_search", body=b"name"))
    assert legacy.asked[-1].body == b"name"

    assert is_ejected(figway)
    assert "[-] upstream modern" in figway.readiness()[1]
    assert figway.metric("figway_fallbacks_total", capability="results") == 101
    until(lambda: figway.metric("figway_shadow_total") == 101, "not every exchange has ended")
    assert figway.metric("figway_shadow_total", outcome="candidate_error", reason="connect_refused") == 101
    figway.stop()
    lines = [line for line in figway.log() if line["event"] == "request"]
    assert [line["fallback"] for line in lines] == ["connect_refused"] * 5 + ["ejected"] * 96
    assert {(line["arm"], line["reason"]) for line in lines[5:]} == {("legacy", "ejected")}


@pytest.mark.parametrize("fault", [resets, status_503], ids=["reset", "503"])
def test_failures_in_a_row_eject_modern_before_the_budget_is_spent(gateway, legacy, modern, fault):
    modern.does(fault)
    figway = gateway(config(legacy.url, modern.url))
    assert all(fell_back(figway.ask("GET", f"/results/{number}")) for number in range(60))
    assert len(modern.asked) < 12


def test_a_large_body_that_passes_modern_by_streams(gateway, legacy):
    figway = gateway(config(legacy.url, f"http://127.0.0.1:{closed_port()}"))
    for _ in range(5):
        figway.ask("GET", "/results/1")
    body = bytes(9 << 20)
    assert fell_back(figway.ask("POST", "/_search", body=body))
    assert legacy.asked[-1].body == body


def test_a_write_goes_to_an_ejected_modern_all_the_same_and_finds_out_that_it_is_well(gateway, legacy, modern):
    modern.does(resets)
    figway = gateway(config(legacy.url, modern.url))
    for number in range(6):
        assert fell_back(figway.ask("GET", f"/results/{number}"))
    assert is_ejected(figway)
    assert figway.ask("POST", "/results", body=b"x").status == 502
    modern.answers(response(200, body=b"modern"))
    assert fell_back(figway.ask("GET", "/results/7"))
    assert figway.ask("POST", "/results", body=b"x").body == b"modern"
    assert figway.ask("GET", "/results/8").body == b"modern"
    assert not is_ejected(figway)


def test_one_call_at_a_time_finds_out_whether_modern_is_well_again(gateway, legacy, modern):
    modern.does(resets)
    figway = gateway(config(legacy.url, modern.url, ejection="failures: 2, for: 3s"))
    until(lambda: fell_back(figway.ask("GET", "/results/1")) and is_ejected(figway), "it is never ejected")
    free = threading.Event()

    def modern_takes_its_time(wire, asked):
        free.wait(PATIENCE)
        wire.send(response(200, body=b"modern"))

    modern.does(modern_takes_its_time)
    asked = len(modern.asked)
    until(lambda: not is_ejected(figway), "the ejection does not end")
    trying = figway.connect().send(request("GET", "/results/2"))
    until(lambda: len(modern.asked) == asked + 1, "nobody tries modern")
    assert fell_back(figway.ask("GET", "/results/3"))
    free.set()
    assert trying.read_reply().body == b"modern"
    assert figway.ask("GET", "/results/4").body == b"modern"


def test_a_trial_that_fails_ejects_modern_again_at_once_and_costs_its_client_nothing(gateway, legacy, modern):
    modern.does(resets)
    figway = gateway(config(legacy.url, modern.url, ejection="failures: 1, for: 500ms"))
    for _ in range(4):
        asked = len(modern.asked)
        until(lambda: not is_ejected(figway), "the ejection does not end")
        assert fell_back(figway.ask("GET", "/results/1"))
        assert len(modern.asked) > asked


def test_a_modern_that_hangs_is_left_to_legacy_whatever_the_budget_says(gateway, legacy, modern):
    modern.does(never)
    figway = gateway(config(legacy.url, modern.url, ejection="failures: 0", shadow=SHADOW,
                            split="percent: 100%, fallback_after: 100ms"))
    for number in range(20):
        assert fell_back(figway.ask("GET", f"/results/{number}"))
    assert fell_back(figway.ask("POST", "/_search", body=b"name"))
    until(lambda: figway.metric("figway_shadow_total") == 21, "not every exchange has ended")
    assert figway.metric("figway_shadow_total", outcome="candidate_error", reason="first_byte_timeout") == 21
    figway.stop()
    assert {line["fallback"] for line in figway.log() if line["event"] == "request"} == {"slow"}


def test_a_modern_that_hangs_is_ejected(gateway, legacy, modern):
    modern.does(never)
    figway = gateway(config(legacy.url, modern.url, ejection="failures: 3, for: 60s",
                            split="percent: 100%, fallback_after: 100ms"))
    for number in range(20):
        assert fell_back(figway.ask("GET", f"/results/{number}"))
    assert is_ejected(figway)
    assert len(modern.asked) == 3


def test_a_client_that_is_slow_to_ask_is_no_hang(gateway, legacy, modern):
    modern.answers(response(200, body=b"modern"))
    figway = gateway(config(legacy.url, modern.url, split="percent: 100%, fallback_after: 300ms"))
    wire = figway.connect().send(request("POST", "/_search", ("Content-Length", "100000")) + bytes(50_000))
    assert wire.silent(1)
    assert wire.send(bytes(50_000)).read_reply().body == b"modern"


def test_a_report_that_is_slow_in_legacy_too_is_no_hang(gateway, legacy, modern):
    """Legacy's median for the operation decides, and not that of others of the capability."""
    def takes(seconds, body):
        def handler(wire, asked):
            threading.Event().wait(seconds[asked.target.split(b"/")[1]])
            wire.send(response(200, body=body))

        return handler

    legacy.does(takes({b"report": 0.5, b"results": 0}, b"legacy"))
    modern.does(takes({b"report": 3, b"results": 3}, b"modern"))
    figway = gateway(config(legacy.url, modern.url, split="percent: 50%, salt: s"))
    keys = [f"key{number}" for number in range(100)]
    old = next(key for key in keys if bucket("s", key) >= 5_000)
    new = next(key for key in keys if bucket("s", key) < 5_000)
    for target in ["/report/1", "/results/1"]:
        assert figway.ask("GET", target, ("X-Key", old)).body == b"legacy"
    assert figway.ask("GET", "/report/1", ("X-Key", new)).body == b"modern"
    assert fell_back(figway.ask("GET", "/results/1", ("X-Key", new)))
