"""The report: numbers that add up, the same in every rendering, and no parity where nothing was compared."""

import io
import json
from dataclasses import replace

import pytest
from pydantic import TypeAdapter

from shadow.compare.comparison import Comparison, Outcome, Tally, compare
from shadow.compare.difference import Difference, Severity, Shape
from shadow.evidence.criteria import Criteria
from shadow.evidence.epoch import Epoch, Setup
from shadow.evidence.stratum import Stratum
from shadow.latency import Histogram
from shadow.ledger.rows import FASTER, SLOWER, Evidence, Ledger, Traffic
from shadow.renderers import html
from shadow.renderers.csv import to_csv
from shadow.renderers.json import to_json
from shadow.renderers.markdown import to_markdown
from shadow.renderers.table import show, terminal
from shadow.report.differences import RuleReport
from shadow.report.report import Report, fold
from shadow.stores.base import Batch
from shadow.stores.memory import Memory
from tests.shadow.exchanges import answer, pair


def latency(seconds, times):
    found = Histogram()
    found.add(seconds, times)
    return found


@pytest.fixture
def ledger():
    store = Memory(Memory.Options())
    pairs = [pair({"items": [{"code": "a"}]}, {"items": [{"code": "bb"}]})] * 3
    pairs += [pair({"name": "a"}, {}), pair({}, {}), pair({}, answer("modern", failure="reset"))]
    skipped = Tally("results", "read", Outcome.SKIPPED, "not_sampled")
    failed = Tally("booking", "list", Outcome.CANDIDATE_ERROR, "tls")
    store.write(Batch([compare(one) for one in pairs], tallies={skipped: 4, failed: 2}, traffic=[
        Traffic("results", "read", "legacy", "legacy", 7, 0, latency(0.01, 7), 1.0),
        Traffic("results", "read", "shadow", "legacy", 3, 1, latency(0.01, 3), 2.0),
        Traffic("results", "read", "", "modern", 0, 1, latency(0.1, 6), 3.0),
    ]))
    return store.read()


def table(report):
    file = io.StringIO()
    show(report, terminal(file))
    return file.getvalue()


def test_a_difference_is_as_severe_as_in_the_operation_where_it_is_worst():
    store = Memory(Memory.Options())
    for at, operation, severity in ((1, "read", Severity.CRITICAL), (2, "list", Severity.MINOR)):
        found = Difference("value", "/code", Shape("string", 1), Shape("string", 1), severity)
        store.write(Batch([Comparison(Tally("results", operation, Outcome.MISMATCH), "trace", at, (found,))]))
    [capability] = fold(store.read()).capabilities
    assert [one.severity for one in capability.differences] == [Severity.CRITICAL]


def test_the_numbers_add_up(ledger):
    booking, results = fold(ledger).capabilities
    assert (results.stage, results.requests, results.eligible, results.compared) == ("shadow", 10, 10, 5)
    assert (results.matching, results.mismatching, results.candidate_errors) == (1, 4, {"reset": 1})
    assert (results.skipped, results.shed, results.not_comparable) == ({"not_sampled": 4}, {}, {})
    assert (results.legacy.requests, results.legacy.calls, results.legacy.errors) == (10, 10, 1)
    assert (results.modern.requests, results.modern.calls, results.modern.errors) == (0, 6, 1)
    assert results.modern.p99 == pytest.approx(0.1, rel=0.1)
    assert results.says == "4 of 5 compared exchanges differ, out of 10 eligible; modern failed on 1 more"
    code, name = sorted(results.differences, key=lambda one: one.kind, reverse=True)
    assert (code.kind, code.path, code.count, code.share) == ("value", "/items/*/code", 3, 0.6)
    assert (code.legacy, code.modern, code.example) == ("string(1) word", "string(2) word", "/items/0/code")
    assert (code.operations, code.trace_id, code.last_seen) == (("read",), "trace", 1.0)
    assert (name.kind, name.path, name.count) == ("missing", "/name", 1)
    for one in (booking, results):
        assert one.compared == one.matching + one.normalised + one.known + one.mismatching
        parts = (one.candidate_errors, one.not_comparable, one.shed, one.skipped)
        assert one.eligible == one.compared + one.unstable + one.transient + sum(sum(part.values()) for part in parts)


def test_every_outcome_is_in_the_sums():
    tallies = {Tally("results", "read", outcome, "why"): 1 + at for at, outcome in enumerate(Outcome)}
    [one] = fold(Ledger(tallies)).capabilities
    assert one.eligible == sum(tallies.values())
    assert (one.matching, one.normalised, one.known, one.mismatching, one.compared) == (1, 2, 3, 4, 10)
    assert (one.unstable, one.transient) == (5, 6)


def test_what_was_mended_before_the_evidence_began_is_not_advised_again():
    def evidence(build, outcome, first, reason=""):
        epoch, stratum = Epoch("1", build, Setup(), "1"), Stratum("read", "2xx", "json", "")
        return Evidence("results", epoch, stratum, outcome, 700, 700, 0, 0, first, first + 60, reason=reason)

    refused = evidence("7", Outcome.NOT_COMPARABLE, 0.0, "credentials")
    [one] = fold(Ledger(evidence=[refused])).capabilities
    assert "write `credentials: pass` under `capabilities.results.shadow`" in one.advice[0]
    [one] = fold(Ledger(evidence=[refused, evidence("8", Outcome.MATCH, 400.0)])).capabilities
    assert one.advice == ()


def test_a_capability_with_nothing_compared_says_so_everywhere(ledger):
    report = fold(ledger, {"documents": Criteria()})
    assert [one.capability for one in report.capabilities] == ["booking", "documents", "results"]
    booking, documents, _ = report.capabilities
    assert booking.says == "nothing compared, out of 2 eligible; modern failed on 2"
    assert documents.says == "nothing compared: no exchange was eligible"
    for rendered in (table(report), to_markdown(report), to_json(report).decode()):
        assert booking.says in rendered
        assert documents.says in rendered
    assert "0.0%" not in table(fold(Ledger(), {"documents": Criteria()}))
    assert "There is no data on any capability yet" in table(fold(Ledger()))
    assert "There is no data on any capability yet" in to_markdown(fold(Ledger()))


def test_json_has_a_stable_order_and_reads_back(ledger):
    report = fold(ledger)
    assert list(json.loads(to_json(report))["capabilities"][0])[:4] == ["capability", "owner", "stage", "shadowed"]
    assert TypeAdapter(Report).validate_json(to_json(report)) == report
    assert to_json(fold(ledger)) == to_json(report)


def test_operations_of_one_difference_are_one_line():
    store = Memory(Memory.Options())
    for operation, at in (("search", 1.0), ("read", 5.0)):
        comparison = compare(pair({"a": 1}, {"a": 2}))
        tally = comparison.tally._replace(operation=operation)
        store.write(Batch([type(comparison)(tally, operation, at, comparison.differences)]))
    [found] = fold(store.read()).capabilities[0].differences
    assert (found.operations, found.count, found.share) == (("read", "search"), 2, 1.0)
    assert (found.first_seen, found.last_seen, found.trace_id) == (1.0, 5.0, "read")


def test_a_pipe_gets_whole_lines_without_escape_codes(ledger):
    plain = table(fold(ledger))
    assert "\x1b" not in plain
    assert any("/items/*/code" in line and "60.0%" in line and "read" in line for line in plain.splitlines())


def test_markdown_cells_do_not_break_their_table():
    store = Memory(Memory.Options())
    store.write(Batch(tallies={Tally("a|b", "read", Outcome.SHED, "x|y"): 1}))
    assert "a\\|b" in to_markdown(fold(store.read()))
    assert "x\\|y" in to_markdown(fold(store.read()))


def test_the_same_request_is_timed_on_both_arms():
    store = Memory(Memory.Options())
    store.write(Batch(traffic=[
        Traffic("results", "read", "", SLOWER, 0, 0, latency(0.1, 2), 1.0),
        Traffic("results", "read", "", FASTER, 0, 0, latency(0.01, 97), 1.0),
        Traffic("results", "list", "", FASTER, 0, 0, latency(0.2, 1), 1.0),
    ]))
    [one] = fold(store.read()).capabilities
    assert (one.paired.pairs, one.paired.faster, one.requests) == (100, 98, 0)
    assert one.paired.p50 == pytest.approx(-0.01, rel=0.1)
    assert one.paired.p99 == pytest.approx(0.1, rel=0.1)
    assert [count for _, count in one.paired.spread] == [1, 97, 2]
    assert [seconds for seconds, _ in one.paired.spread] == sorted(seconds for seconds, _ in one.paired.spread)
    assert fold(Ledger(), {"results": Criteria()}).capabilities[0].paired is None


def test_each_rule_tells_what_it_hid():
    store = Memory(Memory.Options())
    alike = Tally("results", "read", Outcome.MATCH_NORMALISED)
    store.write(Batch([Comparison(alike, "trace", 1.0, hidden=(("ids", 1), ("stamps", 4)))]))
    store.write(Batch([Comparison(alike, "trace", 3.0, hidden=(("stamps", 2),))]))
    report = fold(store.read())
    [one] = report.capabilities
    assert one.normalised == 2
    assert one.rules == (RuleReport("stamps", 2, 6, 3.0), RuleReport("ids", 1, 1, 1.0))
    assert "| Hidden by rules | 6 by stamps, 1 by ids |" in to_markdown(report)


def test_every_rendering_says_how_often_a_difference_was_there_again():
    found = compare(pair({"dose": 1}, {"dose": 2}))
    again = replace(found, tally=found.tally._replace(reason="reproduced_2"))
    store = Memory(Memory.Options())
    store.write(Batch([found, again, replace(again, reproduced=(found.differences[0].signature,))]))
    report = fold(store.read())
    [one] = report.capabilities
    assert [(row.count, row.again, row.reproduced) for row in (*one.differences, *one.patterns)] == [(3, 2, 1)] * 2
    assert "| 1 of 2 |" in to_markdown(report)
    assert "1 of 2" in table(report)
    assert html.page(one).count("1 of 2") == 2
    assert "results,differences,1,reproduced,1" in to_csv(report)
