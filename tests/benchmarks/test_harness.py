"""The benchmark's own parts work: what is read is read right, and a spell of load goes through the floor. No timing."""

import json
import os
import socket
import sys
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from tests.backends.packages import debian
from tests.backends.upstream import closed_port
from tests.benchmarks import compare, envoy, figway, haproxy, load, measure, nginx, peers, profile, sockets, upstream
from tests.benchmarks.__main__ import present
from tests.benchmarks.child import DEBIAN, Absent, Place, cores, fetch, needed, started
from tests.benchmarks.load import Load
from tests.benchmarks.peers import Peer
from tests.benchmarks.rows import ROWS, TARGETS, Row, groups, prefix, target
from tests.benchmarks.run import Plan, samples

STAT = "4242 (a) (b) c) S 17 4242 4242 0 -1 4194560 900 0 0 0 30 12 5 3 20 0 4 0 88 1000000 256 18446744073709551615\n"


def test_a_process_whose_name_holds_parentheses_is_read():
    assert measure.parse_stat(STAT) == measure.Stat(pid=4242, parent=17, ended=8, pages=256)


def test_our_own_cost_is_seen():
    assert measure.family(os.getpid())[0].parent == os.getppid()
    assert measure.cpu(os.getpid()) > 0
    held = measure.memory(os.getpid())
    assert held.rss > 1024
    assert held.pss is None or held.pss <= held.rss
    assert sum(held.each) == (held.pss or 0)


def test_a_process_that_has_gone_costs_nothing():
    assert measure.family(2**22 + 1) == []
    assert measure.clock(2**22 + 1) == 0


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
    written = haproxy.config(row, place)
    assert f"nbthread {row.workers}\n" in written
    if row.operations:
        assert len(envoy.tree(row)["matcher_tree"]["prefix_match_map"]["map"]) == row.operations + 1
        assert (tmp_path / "routes.map").read_text().splitlines()[-1] == f"{templates[-1][:-4]} o{row.operations - 1}"


def test_every_peer_s_access_log_has_a_line_of_json_with_the_same_facts():
    assert haproxy.LOG.keys() == envoy.LOG.keys()
    assert nginx.LOG.keys() - {"seconds", "upstream_seconds"} <= envoy.LOG.keys()


@pytest.mark.parametrize("row", [row for row in ROWS if row.mirror], ids=lambda row: row.name)
def test_the_shadow_is_off_in_nothing_but_the_twin(row, tmp_path):
    place = Place(tmp_path, 1, 2, 3, 4)
    figway.HERE.command(row, place)
    mirrored = json.loads((tmp_path / "routes.yaml").read_text())
    assert mirrored["upstreams"]["modern"]["url"].endswith(":4" if row.differs else ":3")
    figway.HERE.command_unmirrored(row, place)
    alone = json.loads((tmp_path / "routes.yaml").read_text())
    assert alone["capabilities"]["everything"].pop("stage") == "legacy"
    assert mirrored["capabilities"]["everything"].pop("stage") == "shadow"
    assert alone == mirrored


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
    row = Row("pass-through", "A moment of load", connections=4)
    with ExitStack() as stack:
        place = place_for(tmp_path / "upstream")
        stack.enter_context(started(upstream.ours(place), place, cores()[1]))
        floor = place_for(tmp_path / "floor", place.port)
        pid = stack.enter_context(started(peers.floor(row, floor), floor, cores()[0]))
        assert fetch(floor.port, target(row, 0)) == upstream.BODY
        before = upstream.calls(place.port)
        assert sockets.workers(pid, floor.port) == [pid]
        halfway: list[bool] = []
        seen = load.run(row, floor.port, 0.6, lambda: halfway.append(True))
        assert halfway == [True]
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


def test_load_at_a_set_rate_comes_at_moments_of_chance(tmp_path):
    row = Row("smoke", "", connections=8, rate=200)
    with ExitStack() as stack:
        place = place_for(tmp_path / "upstream")
        stack.enter_context(started(upstream.ours(place), place, cores()[1]))
        seen = load.run(row, place.port, 0.9)
        assert 0 < seen.requests < 400
        assert seen.errors == 0


def measured(plan, rows, directory):
    """Two floors, measured in these rows."""
    both = [Peer(name, lambda: "1", peers.floor) for name in ("a", "b")]
    return list(samples(both, rows, plan, directory, lambda text: None, pytest.fail))


def test_every_round_measures_all_peers_and_each_begins_with_another_one(tmp_path):
    row = Row("pass-through", "A moment of load", connections=4)
    found = measured(Plan(0.1, 0.1, 2, patience=0, minutes=10), [row], tmp_path)
    assert [(one.round, one.peer) for one in found] == [(0, "a"), (0, "b"), (1, "b"), (1, "a")]
    assert all(one.cpu > 0 and one.errors == 0 for one in found)


def test_a_row_that_fails_ends_alone_and_is_told(tmp_path):
    def broken_once(row, place):
        if row.name == "broken":
            return [sys.executable, "-c", "raise SystemExit(1)"]
        return peers.floor(replace(row, name="pass-through"), place)

    told = []
    plan = Plan(0.1, 0.1, 1, patience=0, minutes=10)
    rows = [Row("broken", ""), Row("well", "")]
    found = samples([Peer("a", lambda: "1", broken_once)], rows, plan, tmp_path, lambda text: None, told.append)
    assert [one.row for one in found] == ["well"]
    assert told == ["broken: ended early, since a did not come up (exit status 1)."]


def test_a_peer_runs_alone_where_its_memory_is_measured(tmp_path):
    row = Row("pass-through", "Memory", alone=True, idle=3, few=True)
    [first, *_] = found = measured(Plan(0.1, 0.1, 1, patience=0, minutes=10), [row], tmp_path)
    assert [one.peer for one in found] == ["a", "b"]
    assert first.rss > 0
    assert first.connection is not None
    assert first.cpu is None


def test_no_round_begins_when_the_time_is_up(tmp_path):
    assert measured(Plan(0.1, 0.1, 2, patience=0, minutes=0), [Row("pass-through", "")], tmp_path) == []


def test_rows_of_a_group_are_measured_together():
    found = [[row.name for row in group] for group in groups(ROWS)]
    assert ["operations-10", "operations-10000"] in found
    assert ["workers-1", "workers-4"] in found
    assert sum(map(len, found)) == len(ROWS)
    assert len({row.name for row in ROWS}) == len(ROWS)


TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 501 1 0 100 0 0 10 0
   1: 0100007F:1F90 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 502 1 0 20 4 30 10 -1
"""


def test_sockets_are_read_from_proc():
    listening, open_now = sockets.parse_tcp(TCP)
    assert listening == sockets.Tcp(8080, sockets.LISTEN, 501)
    assert open_now == sockets.Tcp(8080, sockets.ESTABLISHED, 502)


def test_connections_are_counted_for_the_process_that_has_them():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)), server.accept()[0]:
            assert sockets.workers(os.getpid(), port)[0] == os.getpid()
            assert sockets.connections([os.getpid()], port) == [1]


@pytest.mark.parametrize(("counts", "found"), [([4, 4, 4, 4], 1.0), ([8, 4, 4, 0], 2.0), ([0, 0], 0.0)])
def test_unevenness_is_the_most_that_a_worker_has_to_the_mean(counts, found):
    assert sockets.unevenness(counts) == found


def test_what_figway_compared_is_read_from_its_metrics():
    text = (
        'figway_shadow_total{capability="a",operation="r",outcome="match",reason=""} 7.0\n'
        'figway_shadow_total{capability="a",operation="r",outcome="mismatch",reason="body"} 2.0\n'
        'figway_shadow_total{capability="a",operation="r",outcome="shed",reason="queue_full"} 5.0\n'
        "figway_shadow_unfinished 3.0\n"
    )
    assert figway.parse_compared(text) == 9


def test_a_peer_that_cannot_be_measured_is_left_out_with_a_sentence():
    def missing():
        raise Absent("is not built; `make compiled` builds it")

    here, there = Peer("here", lambda: "1.0", lambda row, place: None), Peer("there", missing, lambda row, place: None)
    assert present([there, here]) == (
        [here], {"here": "1.0"}, ["there is not built; `make compiled` builds it: it is left out."]
    )


def test_programs_that_are_measured_come_from_packages_of_debian():
    assert debian(DEBIAN).keys() == {"haproxy", "nginx", "wrk"}
    with pytest.raises(KeyError):
        needed("figway-nobody-has-this")


def test_a_compiled_build_of_other_files_is_not_taken_for_ours(tmp_path):
    ours, built = tmp_path / "ours", tmp_path / "built"
    build = figway.Build(built, built, "make compiled")
    with pytest.raises(Absent, match="is not built; `make compiled` builds it"):
        build.version()
    for tree in (ours, built):
        (tree / "gateway").mkdir(parents=True)
        (tree / "gateway" / "app.py").write_text("")
    assert not figway.changed(built, ours)
    (ours / "gateway" / "app.py").write_text("pass")
    assert figway.changed(built, ours)
    (built / "figway").write_text("")
    with pytest.raises(Absent, match="built from other files than these; `make compiled` builds it anew"):
        build.version()


def test_a_profile_says_what_to_do_where_it_may_not_trace():
    assert profile.complaint("Error: Permission Denied: Try running again with elevated permissions") == profile.ADVICE
    assert profile.complaint("Error: Operation not permitted (os error 1)") == profile.ADVICE
    assert "no such process" in profile.complaint("Error: no such process")


def test_a_profile_has_a_title_that_names_no_place(tmp_path):
    graph = tmp_path / "profile.svg"
    graph.write_text('<text id="title" x="600">/opt/bin/py-spy record --pid 7 --output out/profile.svg</text><g></g>')
    profile.entitle(graph, "figway under the load of fresh")
    assert graph.read_text() == '<text id="title" x="600">figway under the load of fresh</text><g></g>'


def test_a_profile_is_bounded_in_time():
    words = profile.command(17, 10, False, Path("out/profile.svg"))
    assert words[words.index("--duration") + 1] == "10"
    assert words[words.index("--pid") + 1] == "17"
    assert "--native" in profile.command(17, 10, True, Path("out/profile.svg"))


def test_the_comparator_is_measured_with_and_without_a_crosswalk():
    spent, size, judged = compare.seconds(3)
    assert spent > 0
    assert size > 1_000
    assert judged.tally.outcome == "mismatch"
    assert compare.seconds(3, compare.known(3))[2].tally.outcome == "mismatch"
