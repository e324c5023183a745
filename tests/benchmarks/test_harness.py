"""The benchmark's own parts work: what is read is read right, and a spell of load goes through the floor. No timing."""

import json
import os
import sys
from contextlib import ExitStack

import pytest

from tests.backends.upstream import closed_port
from tests.benchmarks import envoy, figway, load, measure, peers, report, upstream
from tests.benchmarks.child import Place, cores, fetch, started
from tests.benchmarks.load import Load
from tests.benchmarks.rows import ROWS, TARGETS, Row, prefix, target
from tests.benchmarks.run import Plan, Sample

STAT = "4242 (a) (b) c) S 17 4242 4242 0 -1 4194560 900 0 0 0 30 12 5 3 20 0 4 0 88 1000000 256 18446744073709551615\n"


def test_a_process_whose_name_holds_parentheses_is_read():
    assert measure.parse_stat(STAT) == measure.Stat(pid=4242, parent=17, ticks=50, pages=256)


def test_our_own_cost_is_seen():
    assert measure.family(os.getpid())[0].parent == os.getppid()
    assert measure.cpu(os.getpid()) > 0
    held = measure.memory(os.getpid())
    assert held.rss > 1024
    assert held.pss is None or held.pss <= held.rss


def test_a_process_that_has_gone_costs_nothing():
    assert measure.family(2**22 + 1) == []


def test_the_result_is_found_among_what_wrk_prints():
    text = (
        "Running 1s test @ http://127.0.0.1:9000\n  1 threads and 32 connections\nRequests/sec:  25000.10\n"
        '{"requests": 25321, "seconds": 1.003, "p50": 0.0012, "p99": 0.0031, "errors": 2}\n'
    )
    assert load.parse_load(text) == Load(25321, 1.003, 0.0012, 0.0031, 2)


def test_output_without_a_result_is_an_error():
    with pytest.raises(ValueError, match="printed no result"):
        load.parse_load("unable to connect to 127.0.0.1\n")


def test_latencies_are_summed_up():
    assert load.summary([0.3, 0.1, 0.2], 2.0, 1) == Load(3, 2.0, 0.2, 0.3, 1)
    assert load.summary([], 2.0, 0) == Load(0, 2.0, 0.0, 0.0, 0)


def test_every_operation_has_its_own_path():
    assert prefix(9_999) == "/c99/r99/"
    row = Row("many", "", operations=10_000)
    assert len({target(row, number) for number in range(TARGETS)}) == 10_000
    assert target(row, 17) == f"{prefix(17)}1000017"


def test_no_two_fresh_heads_are_alike_but_in_length():
    heads = {load.head(Row("fresh", "", fresh=True), number, 80) for number in range(100)}
    assert len(heads) == 100
    assert len({len(head) for head in heads}) == 1


def test_the_time_that_a_core_was_busy_is_read():
    text = "cpu  9 9 9 9\ncpu0 300 100 200 9000 1 2 3\ncpu1 1 1 1 1\n"
    assert measure.core_busy(0, text) == 600 / measure.TICKS
    assert measure.core_busy(cores()[0]) > 0


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_the_peers_are_configured_alike(row, tmp_path):
    place = Place(tmp_path, 1, 2, 3)
    templates = [
        operation["path"]
        for capability in figway.routes(row, place)["capabilities"].values()
        for operation in capability["operations"].values()
    ]
    assert len(templates) == row.operations or row.mirror
    assert all(template == prefix(number) + "{id}" for number, template in enumerate(templates))
    if row.operations:
        assert len(envoy.tree(row)["matcher_tree"]["prefix_match_map"]["map"]) == row.operations + 1


def samples():
    for round_, (ours, theirs) in enumerate([(30.0, 40.0), (20.0, 50.0), (45.0, 45.0)]):
        yield Sample(
            "pass-through", "figway", round_, 40_960, 30_720, cpu=ours, rps=1_000, p50=1, p99=2, busy=1, calls=1
        )
        yield Sample("pass-through", "envoy", round_, 61_440, None, cpu=theirs, rps=900, p50=1, p99=2, busy=1, calls=1)
    yield Sample("idle", "figway", 0, 40_960, None, connection=2_048)


def test_ratios_are_taken_pair_by_pair():
    figway_line, envoy_line, idle_line = report.lines(samples())
    assert (figway_line.cpu, figway_line.ratio) == (30.0, 0.75)
    assert (envoy_line.ratio, envoy_line.pss) == (1.0, None)
    assert (idle_line.ratio, idle_line.connection) == (None, 2_048)


def test_the_report_says_what_was_asked_for_and_found():
    rows = [row for row in ROWS if row.name in ("pass-through", "idle")]
    facts = report.facts({"figway": "0.1.0"}, Plan(1, 3, 3, 5))
    text = report.as_markdown(rows, facts, list(samples()))
    assert "- pass-through: 0.75 x Envoy's CPU a request; meets 1.0, misses the aim of 0.7" in text
    assert "| figway | 30.0 | 0.75 | 1,000 | 1.00 | 2.00 | 100% | 0% | 1.00 | 40.0 | 30.0 | 0 |" in text
    assert "| figway | 2.00 | – | 40.0 | – |" in text
    written = json.dumps(report.as_json(facts, list(samples())))
    assert os.getcwd() not in text + written


def test_the_table_for_the_terminal_is_aligned():
    row = next(row for row in ROWS if row.name == "pass-through")
    _, *table = report.as_text(row, report.lines(samples())).splitlines()
    assert len({len(line) for line in table}) == 1


def test_matching_that_slows_down_is_reported():
    few = Sample("operations-10", "figway", 0, 1, 1, cpu=20.0)
    many = Sample("operations-10000", "figway", 0, 1, 1, cpu=25.0)
    assert report.checks(report.lines([few, many])) == ["10 to 10,000 operations: 1.25 x the CPU a request; MISSES 1.2"]


@pytest.mark.parametrize("row", [row for row in ROWS if row.mirror], ids=lambda row: row.name)
def test_the_shadow_is_off_in_nothing_but_the_twin(row, tmp_path):
    place = Place(tmp_path, 1, 2, 3, 4)
    figway.command(row, place)
    mirrored = json.loads((tmp_path / "routes.yaml").read_text())
    assert mirrored["upstreams"]["modern"]["url"].endswith(":4" if row.differs else ":3")
    figway.command_unmirrored(row, place)
    alone = json.loads((tmp_path / "routes.yaml").read_text())
    assert alone["capabilities"]["everything"].pop("stage") == "legacy"
    assert mirrored["capabilities"]["everything"].pop("stage") == "shadow"
    assert alone == mirrored


def test_what_mirroring_costs_is_held_against_envoy_s_mirror_and_the_client_s_wait():
    rows = [Sample("shadow-differs", peer, 0, 1, 1, cpu=cpu, p50=p50)
            for peer, cpu, p50 in (("figway", 160.0, 0.5), ("figway-unmirrored", 60.0, 0.4), ("envoy", 100.0, 2.0))]
    assert report.checks(report.lines(rows)) == [
        "shadow-differs: 1.60 x the CPU a request of Envoy's mirror; MISSES 1.5",
        "shadow-differs: the client's p50 is 0.50 ms, with the shadow off 0.40 ms",
    ]


def test_our_upstream_answers_a_tenth_of_the_targets_otherwise_at_its_second_port(tmp_path):
    place = place_for(tmp_path / "upstream")
    row = Row("smoke", "")
    with started(upstream.ours(place), place, cores()[1]):
        answers = [fetch(place.differing, target(row, number)) for number in range(20)]
        assert fetch(place.port, target(row, 7)) == upstream.BODY
    assert [number for number, body in enumerate(answers) if body != upstream.BODY] == [7, 17]
    assert {len(body) for body in answers} == {len(upstream.BODY)}


def place_for(directory, upstream_port=0):
    directory.mkdir()
    return Place(directory, closed_port(), closed_port(), upstream_port, closed_port())


def test_load_goes_through_the_floor_to_our_upstream_and_is_accounted_for(tmp_path):
    row = Row("smoke", "A moment of load")
    with ExitStack() as stack:
        place = place_for(tmp_path / "upstream")
        stack.enter_context(started(upstream.ours(place), place, cores()[1]))
        floor = place_for(tmp_path / "floor", place.port)
        pid = stack.enter_context(started(peers.floor(row, floor), floor, cores()[0]))
        assert fetch(floor.port, target(row, 0)) == upstream.BODY
        before = upstream.calls(place.port)
        seen = load.run(row, floor.port, connections=4, seconds=0.3)
        assert seen.requests > 0
        assert seen.errors == 0
        assert upstream.calls(place.port) - before >= seen.requests
        assert measure.cpu(pid) > 0
    assert measure.family(pid) == []


def test_a_peer_that_does_not_come_up_shows_what_it_printed(tmp_path):
    place = place_for(tmp_path / "broken")
    command = [sys.executable, "-c", "raise SystemExit('no such upstream')"]
    with pytest.raises(RuntimeError, match="broken did not come up") as caught, started(command, place, cores()[0]):
        pass
    assert "no such upstream" in str(caught.value)
