"""Medians, spreads and ratios are right, rounds rotate, and the report and the README's table say what was found."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from tests.benchmarks import figures, readme, report
from tests.benchmarks.figures import Found, Of, Spread
from tests.benchmarks.quiet import Core, judged
from tests.benchmarks.rows import ROWS
from tests.benchmarks.run import Plan, Sample, rotated
from tests.markdown import tables

BUSY = "other processes took 23% of the peer's core"
PLAN = Plan(1, 2, 5, 5, 13)
QUIET = judged(0.0, 0, Core(0.0, 0.0), 1.0, 2)
LOADED = judged(4.0, 5, Core(1.5, 0.0), 1.0, 2)


def sample(row, peer, round_, cpu, **others):
    return Sample(row, peer, round_, rss=40_960, cpu=cpu, rps=1_000, p50=1, p99=2, busy=1, calls=1, **others)


def through(*pairs, row="pass-through"):
    for round_, (ours, theirs) in enumerate(pairs):
        yield sample(row, "figway", round_, ours)
        yield sample(row, "envoy", round_, theirs)


THROUGH = list(through((30.0, 40.0), (20.0, 50.0), (45.0, 45.0)))
IDLE = Sample("idle", "figway", 0, rss=40_960, connection=2.0)
OURS, THEIRS = Of("pass-through", "figway", "cpu"), Of("pass-through", "envoy", "cpu")


def test_every_round_has_all_peers_and_begins_with_another_one():
    assert [rotated("abc", number) for number in range(4)] == [list("abc"), list("bca"), list("cab"), list("abc")]
    assert rotated("", 1) == []


def test_a_figure_is_the_median_of_its_rounds_with_the_lowest_and_the_highest():
    assert Found(THROUGH).figure(OURS) == Spread(30.0, 20.0, 45.0, 3, sound=True)
    assert Found(THROUGH).figure(Of("pass-through", "figway", "compared")) is None
    assert Found(THROUGH).figure(Of("fresh", "figway", "cpu")) is None


def test_ratios_are_taken_within_each_round():
    assert Found(THROUGH).ratio(OURS, THEIRS) == Spread(0.75, 0.4, 1.0, 3, sound=True)
    assert Found(THROUGH).ratio(OURS, Of("pass-through", "nginx", "cpu")) is None


def test_rows_of_a_group_are_compared_round_by_round():
    few = [sample("operations-10", "figway", at, cpu) for at, cpu in enumerate((20.0, 40.0))]
    many = [sample("operations-10000", "figway", at, cpu) for at, cpu in enumerate((22.0, 48.0))]
    found = Found([*few, *many]).ratio(Of("operations-10000", "figway", "cpu"), Of("operations-10", "figway", "cpu"))
    assert (found.low, found.high) == (1.1, 1.2)


def test_disturbed_rounds_are_left_out_of_figures_and_of_ratios():
    first, *rest = THROUGH
    found = Found([replace(first, doubt=BUSY), *rest])
    assert found.figure(OURS) == Spread(32.5, 20.0, 45.0, 2, sound=True)
    assert found.figure(THEIRS).rounds == 3
    assert found.ratio(OURS, THEIRS).rounds == 2
    assert found.disturbed("pass-through") == {"figway": [BUSY]}


def test_a_figure_with_too_few_quiet_rounds_is_of_all_rounds_and_not_sound():
    found = Found([replace(one, doubt=BUSY) if one.round else one for one in THROUGH])
    assert found.figure(OURS) == Spread(30.0, 20.0, 45.0, 3, sound=False)
    assert figures.worded(found.figure(OURS)) == "30.0 (20.0–45.0)?"


@pytest.mark.parametrize(("spread", "said"), [
    (Spread(0.8, 0.7, 0.9, 5, sound=True), "meets 0.9"),
    (Spread(0.99, 0.95, 1.1, 5, sound=True), "MISSES 0.9 by 10%"),
    (Spread(0.89, 0.8, 1.0, 5, sound=True), "0.9 lies within the spread, the median below"),
    (Spread(0.99, 0.8, 1.0, 5, sound=True), "0.9 lies within the spread, the median 10% above"),
    (Spread(0.8, 0.7, 0.9, 5, sound=False), "meets 0.9; NOT TO BE TRUSTED, the machine was not quiet"),
])
def test_a_target_is_met_or_missed_or_lies_within_the_spread(spread, said):
    assert figures.verdict(spread, 0.9) == said


def test_targets_are_about_rows_that_are_measured():
    asked = [of for one in figures.targets() for of in (one.over, one.under) if of is not None]
    assert {of.row for of in asked} <= {row.name for row in ROWS}
    assert {of.what for of in asked} <= set(Sample.__dataclass_fields__)


def test_targets_are_held_against_the_figures():
    memory = Sample("memory-4", "figway", 0, rss=1, worker=60_000.0)
    assert figures.checks(Found([*THROUGH, memory])) == [
        "pass-through: figway, CPU a request, to Envoy's: 0.75 (0.40–1.00); "
        "0.9 lies within the spread, the median below",
        "four workers: figway, PSS of a worker in MB: 61.4 (61.4–61.4); MISSES 50 by 23%",
    ]


def test_a_mirror_that_gave_up_exchanges_has_not_done_the_same_work():
    ours, theirs = through((100.0, 100.0), row="shadow-saturated")
    [said] = figures.checks(Found([replace(ours, compared=0.61), theirs]))
    assert said.endswith("meets 1, BUT it compared 61% of the exchanges, and gave up the rest")


def reported(samples, machine=QUIET, absent=(), failures=()):
    rows, found = [row for row in ROWS if row.name in ("pass-through", "idle")], Found(samples)
    facts = report.facts({"figway": "0.1.0", "envoy": "1.40.0"}, absent, list(failures), PLAN, machine)
    text = report.as_markdown(rows, facts, found, readme.summary(facts, found))
    return text, report.as_json(rows, facts, found)


def test_the_report_has_figures_with_their_spread():
    text, stored = reported([*THROUGH, IDLE])
    assert "| figway | 0.75 (0.40–1.00) | 30.0 (20.0–45.0) | 1,000 (1,000–1,000) |" in text
    assert "| figway | 2.00 (2.00–2.00) | 40.0 (40.0–40.0) |" in text
    assert "The machine is quiet" in text
    assert "No spell was disturbed." in text
    [first, *_] = stored["lines"]
    assert first["ratio"] == {"median": 0.75, "low": 0.4, "high": 1.0, "rounds": 3, "sound": True}
    assert os.getcwd() not in text + json.dumps(stored)


def test_the_report_says_that_a_run_cannot_be_trusted_and_why():
    disturbed = [replace(one, doubt=BUSY) for one in THROUGH]
    failures = ["fresh: ended early, since envoy did not come up"]
    text, stored = reported(disturbed, LOADED, ["nginx is not installed."], failures)
    for said in (text, json.dumps(stored)):
        assert "The machine is not quiet: other processes have 150% of a core" in said
        assert f"pass-through: 6 of 6 spells were disturbed; of figway: {BUSY}." in said
        assert "idle: not measured." in said
        assert "nginx is not installed." in said
        assert "fresh: ended early, since envoy did not come up" in said
    assert "do not trust a cell with a `?`" in " ".join(readme.part(text).split())


def test_the_table_for_the_terminal_is_aligned():
    row = next(row for row in ROWS if row.name == "pass-through")
    _, *table = report.as_text(row, Found(THROUGH)).splitlines()
    assert len({len(line) for line in table}) == 1


def test_the_table_of_the_readme_is_put_where_its_markers_are(tmp_path):
    made, page = tmp_path / "bench.md", tmp_path / "README.md"
    made.write_text(reported(THROUGH)[0])
    page.write_text(f"# Figway\n\nBefore.\n\n{readme.BEGIN}\n\nold\n\n{readme.END}\n\nAfter.\n")
    readme.put(made, page)
    text = page.read_text()
    assert readme.part(text) == readme.part(made.read_text())
    assert text.startswith("# Figway\n\nBefore.\n\n<!--")
    assert text.endswith("-->\n\nAfter.\n")
    [table] = tables(readme.part(text))
    assert table.columns == ["", "Figway", "Envoy", "Figway ÷ Envoy"]
    assert table.rows[0][1:] == ["30.0 (20.0–45.0)", "45.0 (40.0–50.0)", "0.75 (0.40–1.00)"]


def test_a_page_without_markers_is_left_as_it_is(tmp_path):
    made, page = tmp_path / "bench.md", tmp_path / "README.md"
    made.write_text(reported(THROUGH)[0])
    page.write_text("# Figway\n")
    with pytest.raises(ValueError, match="it needs the lines"):
        readme.put(made, page)
    assert page.read_text() == "# Figway\n"


def test_the_readme_s_table_has_the_lines_of_the_benchmark():
    """`make bench` and `make bench-readme` write it anew."""
    text = readme.part((Path(__file__).parents[2] / "README.md").read_text())
    [table] = tables(text)
    assert [row[0] for row in table.rows] == [line.said for line in readme.LINES]
    ours = [readme.TITLES[peer] for peer in readme.OURS]
    ratios = [f"{title} ÷ {readme.TITLES[readme.BASE]}" for title in ours]
    assert set(table.columns) <= {"", *readme.TITLES.values(), *ratios}


def test_the_readme_s_table_is_about_rows_that_are_measured():
    assert {line.row for line in readme.LINES} <= {row.name for row in ROWS}
    assert {row.name for row in ROWS} == {line.row for line in readme.LINES}
    assert {line.what for line in readme.LINES} <= set(Sample.__dataclass_fields__)
