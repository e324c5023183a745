"""The page that a person decides by: what it says, what it must not hold, and that everybody can read it."""

import io
import re
from dataclasses import replace
from itertools import pairwise

import orjson
import pytest
import yaml
from lxml import etree
from lxml import html as lxml_html

from shadow.compare.comparison import Comparison, Outcome, Tally, compare
from shadow.compare.difference import ABSENT, Difference, Severity, Shape
from shadow.evidence.criteria import Answer, Criteria
from shadow.evidence.epoch import Epoch, Setup
from shadow.evidence.noise import DRIFTS, Noise
from shadow.evidence.stratum import STRATA, Stratum
from shadow.latency import Histogram
from shadow.ledger.rows import FASTER, SLOWER, Evidence, Hidden, Ledger, Traffic
from shadow.renderers import html
from shadow.renderers.json import to_json
from shadow.renderers.markdown import to_markdown
from shadow.renderers.phrases import EARLIER, milliseconds
from shadow.renderers.table import show, terminal
from shadow.report.report import Report, fold
from shadow.stores.base import Batch
from shadow.stores.memory import Memory
from tests.shadow.exchanges import answer, pair

CANARY = "Zebulon"
WORD = Shape("string", 5, "word")


def latency(**seconds):
    found = Histogram()
    for times, one in seconds.items():
        found.add(one, int(times.strip("_")))
    return found


def ledger(comparisons, tallies=None, traffic=()):
    store = Memory(Memory.Options())
    store.write(Batch(comparisons, tallies=tallies or {}, traffic=traffic))
    return store.read()


def differing(*differences, trace="trace", at=1.0):
    return Comparison(Tally("results", "read", Outcome.MISMATCH), trace, at, differences, size=2048)


def reported(*comparisons, tallies=None, traffic=(), evidence=(), noise=(), hidden=(), criteria=None):
    known = ledger(comparisons, tallies, traffic)
    known.hidden.extend(hidden)
    known.evidence.extend(evidence)
    known.noise.extend(noise)
    [one] = fold(known, {"results": criteria or Criteria(operations=("read",))}).capabilities
    return one


def seen(count, outcome=Outcome.MATCH, shape="", build="2", at=0.0, critical=0):
    """Exchanges that prove something: reads that modern's `build` answered from `at` on, for two hours."""
    return Evidence("results", Epoch("1", build, Setup("89ef", rules="0123abcd"), "7"),
                    Stratum("read", "2xx", "Patient", shape), outcome, count, count, critical, critical, at, at + 7200)


def noisy(path, modern=2, legacy=3, build="2"):
    epoch = Epoch("1", build, Setup("89ef", rules="0123abcd"), "7")
    return Noise("results", epoch, "read", "value", path, modern, legacy, 10, True, 1.0, 3600.0)


def tally(outcome, reason=""):
    return Tally("results", "read", outcome, reason)


TALLIES = {
    tally(Outcome.MATCH): 1001, tally(Outcome.MATCH_NORMALISED): 1002,
    tally(Outcome.KNOWN_DIFFERENCE, "rounding"): 1003, tally(Outcome.UNSTABLE): 1004, tally(Outcome.TRANSIENT): 1005,
    tally(Outcome.CANDIDATE_ERROR, "tls"): 1006,
    tally(Outcome.NOT_COMPARABLE, "syntax"): 1007, tally(Outcome.SHED, "queue_full"): 1008,
    tally(Outcome.SKIPPED, "not_sampled"): 1009,
}
DOSE = Difference("value", "/entry/3/dose/value", Shape("decimal", 2), Shape("decimal", 3), Severity.CRITICAL,
                  "/entry/4/dose/value", "0123456789abcdef", "fedcba9876543210")
PHONE = Difference("missing", "/telecom/0", WORD, ABSENT)


@pytest.fixture
def one():
    return reported(
        differing(DOSE, PHONE, trace="both"), differing(PHONE, trace="phone", at=7200.0), tallies=TALLIES, traffic=[
            Traffic("results", "read", "shadow", "legacy", 90, 1, latency(_90=0.02, _10=0.4), 1.0),
            Traffic("results", "read", "", "modern", 0, 2, latency(_50=0.01), 1.0),
            Traffic("results", "read", "", FASTER, 0, 0, latency(_40=0.01), 1.0),
            Traffic("results", "read", "", SLOWER, 0, 0, latency(_9=0.002), 1.0),
        ], evidence=[seen(900), seen(3, Outcome.MISMATCH, critical=3), seen(4000, build="1", at=-90_000.0)],
        hidden=[Hidden("results", "instants /items/*/at", 700, 1400, 3600.0)],
        noise=[noisy("/stamp"), noisy("/dose", modern=900, legacy=1), noisy("/old", modern=900, build="1")],
        criteria=Criteria(operations=("read", "search"), unmirrored=("add",)))


@pytest.fixture
def wide():
    """A report as large as a store lets it become: 500 kinds of differences, at long paths."""
    names = ["".join("abcdefghij"[int(digit)] for digit in f"{count:03}") for count in range(500)]
    return reported(*[
        differing(*[Difference("value", f"/{'entry' * 12}/3/{'x' * 60}/{name}{place}", WORD, WORD, severity)
                    for place in "pq"[:1 + count % 2]], trace=f"{count:032x}", at=float(count))
        for count, name in enumerate(names) for severity in [list(Severity)[count % 3]]
    ], evidence=[seen(3, shape=f"{'code,date,' * 9}{count}") for count in range(STRATA)],
        noise=[noisy(f"/{'entry' * 20}/{name}") for name in names],
        hidden=[Hidden("results", f"volatile /{'entry' * 20}/{name}", 1, 1, 0.0) for name in names])


def tree(text):
    """The page, read as strictly as XML is: every element closed, every attribute quoted, nothing nested wrongly."""
    text = text.replace("<wbr>", "")
    void = re.sub(r"<((?:meta|br)\b[^>]*)>", r"<\1/>", text.removeprefix("<!DOCTYPE html>\n"))
    etree.fromstring(void)
    return lxml_html.document_fromstring(text)


def words(element):
    return " ".join(" ".join(element.itertext()).split())


def section(page, name):
    [found] = page.xpath(f"//section[@aria-labelledby='{name}']")
    return found


def rows(part):
    return [[words(cell) for cell in row.xpath("th|td")] for row in part.xpath(".//tbody/tr")]


def test_the_page_says_what_the_report_says(one):
    page = tree(html.page(one))
    assert words(page.find(".//h1")) == "results"
    assert one.says.lower() in words(page.find(".//header")).lower()
    outcomes = words(section(page, "outcomes"))
    for outcome in Outcome:
        assert str(outcome) in outcomes
    for count in range(1001, 1010):
        assert f"{count:,}" in outcomes
    for reason in ("tls 1,006", "syntax 1,007", "queue_full 1,008", "not_sampled 1,009"):
        assert reason in outcomes
    assert rows(section(page, "latency")) == [
        ["legacy", "90", "100", "1", milliseconds(one.legacy.p50), milliseconds(one.legacy.p99)],
        ["modern", "0", "50", "2", milliseconds(one.modern.p50), milliseconds(one.modern.p99)]]


def test_the_verdict_comes_with_every_gate_and_what_is_missing(one):
    page = tree(html.page(one))
    assert words(page.find(".//header/p")) == "NOT SAFE"
    part = section(page, "verdict")
    assert [words(line) for line in part.xpath("./ul/li")] == [
        re.sub("`(.*?)`", r"\1 ", line) for line in one.evidence.wanted]
    assert [row[:3] for row in rows(part)] == [[gate.name, gate.state, gate.says] for gate in one.evidence.gates]
    assert ["criticals", "fail", "3 exchanges with a critical difference, reproduced in 3 of them", "–"] in rows(part)


@pytest.mark.parametrize(("evidence", "answer"), [
    ([], "NOT ENOUGH EVIDENCE"), ([seen(10)], "NOT ENOUGH EVIDENCE"), ([seen(100_000)], "SAFE"),
    ([seen(100, Outcome.MISMATCH)], "NOT SAFE"),
])
def test_no_answer_is_said_but_the_reports_own(evidence, answer):
    one = reported(evidence=evidence, tallies={tally(Outcome.MATCH): 1})
    assert one.evidence.answer == answer
    page = tree(html.page(one))
    assert [words(found) for found in page.find_class("verdict")] == [answer]


def test_what_an_earlier_build_had_is_set_apart_from_what_the_verdict_counts():
    one = reported(differing(DOSE, trace="old", at=-80_000.0), differing(DOSE, trace="old", at=-79_000.0),
                   differing(PHONE, trace="new", at=60.0), tallies={tally(Outcome.MATCH): 97},
                   evidence=[seen(97), seen(3, Outcome.MISMATCH), seen(4000, build="1", at=-90_000.0)])
    assert [(found.path, found.earlier) for found in one.differences] == [
        ("/entry/*/dose/value", True), ("/telecom/*", False)]
    # Nothing tells a person to mend what is mended.
    assert [cause.path for cause in one.causes] == ["/telecom/*"]
    assert (one.lasting, one.causes[0].share) == (1, 1.0)
    assert "`/telecom/*`" in one.evidence.action
    assert "evidence included that no longer counts" in one.says
    page = tree(html.page(one))
    assert "None was seen since" in words(section(page, "critical"))
    assert [row[0] for row in rows(section(page, "differences"))] == ["/telecom/*"]
    assert [row[0] for row in rows(section(page, "earlier"))] == ["/entry/*/dose/value"]
    assert "dose" not in words(section(page, "examples")) + words(section(page, "causes"))
    for text in (shown(one), to_markdown(Report((one,)))):
        before, after = text.split(EARLIER)
        assert "/telecom/*" in before
        assert "/entry/*/dose/value" not in before
        assert "/entry/*/dose/value" in after.split("/telecom/*")[0]


@pytest.mark.parametrize("evidence", [[], [seen(97), seen(3, Outcome.MISMATCH, critical=3)]])
def test_what_was_seen_since_the_evidence_began_is_not_earlier(evidence):
    one = reported(differing(DOSE, at=0.0), evidence=evidence)
    assert [found.earlier for found in one.differences] == [found.earlier for found in one.patterns] == [False]
    assert "earlier" not in {found.get("id") for found in tree(html.page(one)).iter()}
    assert EARLIER not in shown(one) + to_markdown(Report((one,)))


def test_the_failure_to_mend_is_one_of_this_build():
    new, old = seen(0, Outcome.CANDIDATE_ERROR), seen(0, Outcome.CANDIDATE_ERROR, build="1", at=-90_000.0)
    one = reported(tallies={tally(Outcome.CANDIDATE_ERROR, "tls"): 900, tally(Outcome.CANDIDATE_ERROR, "reset"): 50},
                   evidence=[seen(50), replace(new, count=50, effective=50, reason="reset"),
                             replace(old, count=900, effective=900, reason="tls")])
    assert "modern's failures (reset)" in one.evidence.action


def shown(one):
    """The report of a capability in a terminal."""
    file = io.StringIO()
    show(Report((one,)), terminal(file))
    return file.getvalue()


def test_rules_come_with_what_they_hid(one):
    assert rows(section(tree(html.page(one)), "rules")) == [
        ["instants /items/*/at", "1,400", "700", "1970-01-01 01:00:00Z"]]


def test_a_cause_comes_with_a_rule_to_try_where_there_is_one():
    instants = Shape("string", 20, "instant")
    one = reported(differing(Difference("value", "/at", instants, instants)), differing(PHONE))
    part = section(tree(html.page(one)), "causes")
    [written] = part.xpath("./pre/code")
    assert written.text == 'rules:\n  - {at: "/at", instants: true}  # hides 1 at most, 1 of them would match\n'
    assert yaml.safe_load(written.text) == {"rules": [{"at": "/at", "instants": True}]}


def test_noise_is_separated_from_what_is_worse_than_noise(one):
    dose, stamp = rows(section(tree(html.page(one)), "noise"))
    assert (dose[0], dose[3:7], dose[8]) == ("/dose", ["900", "1", "10", "0"], "regression")
    assert (stamp[0], stamp[3:6]) == ("/stamp", ["2", "3", "10"])
    assert "regression" not in stamp[8]


def test_where_legacy_itself_drifts_the_row_and_the_cause_say_so_with_a_rule():
    load = Difference("value", "/load", Shape("decimal", 16), Shape("decimal", 17))
    drift = replace(noisy("/load"), plain=False)
    one = reported(differing(load), differing(PHONE), evidence=[seen(3)], noise=[drift])
    page = tree(html.page(one))
    [row] = rows(section(page, "noise"))
    rule = '{at: "/load", tolerance: {relative: 0.000001}}'
    assert row[8] == f"drift: {DRIFTS} {rule}"
    told = {cause[0].split()[0]: DRIFTS in cause[0] for cause in rows(section(page, "causes"))}
    assert told == {"/load": True, "/telecom/*": False}
    assert rule in section(page, "causes").xpath("./pre/code")[0].text
    text = to_markdown(Report((one,)))
    assert text.count(DRIFTS) == 2
    assert f"To try: `{rule}`" in text


@pytest.mark.parametrize(("unfinished", "said"), [
    (None, "exchanges that wait to be asked again (for 30 s by default) are not counted here yet"),
    (1, "1 exchange has no outcome yet and is not counted here"),
    (2, "2 exchanges have no outcome yet and are not counted here"),
])
def test_what_has_no_outcome_yet_is_said_in_every_form(one, unfinished, said):
    assert said in words(section(tree(html.page(one, unfinished)), "outcomes"))
    found = Report((one,), unfinished)
    assert f"Note: {said}." in to_markdown(found)
    file = io.StringIO()
    show(found, terminal(file))
    assert f"note: {said}" in file.getvalue()
    assert orjson.loads(to_json(found))["unfinished"] == unfinished


def test_nothing_is_said_where_every_exchange_has_its_outcome(one):
    assert "outcome yet" not in words(section(tree(html.page(one, 0)), "outcomes"))
    found = Report((one,), 0)
    file = io.StringIO()
    show(found, terminal(file))
    for said in (to_markdown(found), file.getvalue()):
        assert "outcome yet" not in said
        assert "asked again" not in said
    assert orjson.loads(to_json(found))["unfinished"] == 0


def test_what_was_lost_is_on_the_page(one):
    assert "lost" not in words(section(tree(html.page(one)), "outcomes"))
    text = words(section(tree(html.page(replace(one, lost={"killed": 1, "store_deleted": 1058}))), "outcomes"))
    assert text.endswith("were lost and are not counted: killed 1, store_deleted 1,058.")


def test_whom_one_exchange_takes_for_another_is_told_from_what_exchanges_contradict(one):
    seeded = Criteria(operations=("read",), seeded=(("Patient", 1),))
    taken = Difference("identity", "/id", WORD, WORD, Severity.CRITICAL)
    page = tree(html.page(reported(differing(taken), evidence=[seen(3)], criteria=seeded)))
    assert words(section(page, "critical").find(".//tbody/tr")).startswith("/id critical identity")
    [row] = rows(section(page, "identity"))
    assert (row[0], row[4:6]) == ("Patient", ["0", "0"])
    text = words(section(page, "identity").find("p"))
    assert "within one exchange , that is a critical difference of the kind identity" in text
    assert "None do; the differences above count all the same." in text


def test_the_list_has_the_verdict_of_each_capability(one):
    shadowed = replace(one, shadowed=True, owner="laboratory")
    page = tree(html.index(Report((shadowed,)), "?capability="))
    assert rows(page.find(".//main")) == [[
        "results", "NOT SAFE", "shadow", "critical /entry/*/dose/value", "–", "laboratory", "3,008", "2"]]
    assert page.xpath("//table//a/@href") == ["?capability=results"]


def test_the_list_has_no_verdict_of_what_is_never_compared():
    came = Traffic("results", "", "legacy", "legacy", 1, 0, latency(_1=0.1), 1.0)
    page = tree(html.index(Report((reported(traffic=[came], criteria=Criteria()),)), "?capability="))
    assert rows(page)[0][:3] == ["results", "–", "legacy"]


def test_the_list_has_the_worst_first_and_says_what_is_not_shadowed(one):
    safe = replace(one, capability="a", shadowed=True, evidence=replace(one.evidence, answer=Answer.SAFE))
    apart = replace(one, capability="b", shadowed=False)
    page = tree(html.index(Report((safe, apart, replace(one, shadowed=True))), "?capability="))
    assert [row[:2] for row in rows(page)] == [["results", "NOT SAFE"], ["a", "SAFE"], ["b", "not shadowed"]]


def test_every_cell_of_a_narrow_page_begins_with_the_title_of_its_column(one):
    text = html.page(one)
    narrow = text[text.index("@media (max-width: 40rem)"):text.index("@media print")]
    for table in tree(text).xpath("//table"):
        [kind] = [name for name in table.getparent().get("class").split() if name.endswith("-rows")]
        for number, head in enumerate(table.xpath("./thead//th")[1:], 2):
            wanted = f'.{kind} td:nth-child({number})::before {{ content: "{words(head)}: "; }}'
            assert wanted in narrow


def test_what_was_never_seen_is_listed(one):
    part = section(tree(html.page(one)), "coverage")
    assert [words(line) for line in part.xpath("./p")] == [
        "Never seen: search .",
        "Never mirrored, because asking changes something: add . The shadow has no evidence about them."]
    assert rows(part) == [["search", "all", "all", "all", "0", "100", "100", "–"],
                          ["read", "all", "all", "all", "903", "100", "–", "–"],
                          ["read", "2xx", "Patient", "", "903", "10", "–", "–"]]


def test_the_window_names_what_the_verdict_rests_on(one):
    [current, before] = rows(section(tree(html.page(one)), "window"))
    assert current == ["1970-01-01 00:00:00Z 1970-01-01 02:00:00Z", "1", "2", "89ef", "0123abcd", "7", "903", "903"]
    assert before[2:] == ["1", "89ef", "0123abcd", "7", "4,000", "4,000"]


@pytest.mark.parametrize(("build", "minded"), [("2", False), ("", True)])
def test_a_window_that_no_build_bounds_says_so(build, minded):
    found = reported(evidence=[seen(50, build=build)])
    assert ("no build is reported by modern" in words(section(tree(html.page(found)), "window"))) == minded


def test_criticals_come_first_and_by_themselves(one):
    page = tree(html.page(one))
    [[path, kind, *_, trace]] = rows(section(page, "critical"))
    assert (path, kind, trace) == ("/entry/*/dose/value", "critical value", "both")
    [[path, *_]] = rows(section(page, "differences"))
    assert path == "/telecom/*"
    order = [part.get("aria-labelledby") for part in page.xpath("//section")]
    assert order == ["verdict", "outcomes", "critical", "causes", "differences", "examples", "rules", "advice",
                     "noise", "coverage", "latency", "window"]


def test_causes_come_with_what_mending_them_brings(one):
    part = section(tree(html.page(one)), "causes")
    [[path, kind, shapes, have, alone, explained, settled, *_]] = rows(part)
    assert (path, kind, shapes) == ("/telecom/*", "major missing", "string word → absent")
    assert (have, alone, explained, settled) == ("2", "1", "100.0%", "1")
    assert part.xpath(".//svg/@aria-label")[0].endswith("0, 1, 0, 1")


def test_examples_show_both_sides_and_where_to_look(one):
    part = section(tree(html.page(one)), "examples")
    first, second = part.xpath(".//table")
    assert rows(first) == [["/entry/3/dose/value in modern /entry/4/dose/value", "critical value",
                            "decimal(2) #01234567", "decimal(3) #fedcba98"],
                           ["/telecom/0", "major missing", "string(5) word", "absent"]]
    assert [row[0] for row in rows(second)] == ["/telecom/0"]
    assert [words(code) for code in part.xpath("./p/code")] == ["both", "phone"]
    assert "2,048 bytes in both bodies" in words(part)


def test_what_examples_have_in_common_stands_above_them():
    alike = [differing(replace(DOSE, legacy_token=f"{number:024x}"), trace=str(number)) for number in range(3)]
    part = section(tree(html.page(reported(*alike))), "examples")
    assert [words(line) for line in part.xpath("./ul/li")] == [
        "/entry/*/dose/value : modern says the same in all 3 examples, legacy does not"]


def test_what_has_no_data_is_left_out_or_said_in_words():
    [one] = fold(Ledger(), {"documents": Criteria()}).capabilities
    page = tree(html.page(one))
    assert [part.get("aria-labelledby") for part in page.xpath("//section")] == ["verdict", "outcomes", "critical"]
    assert "Nothing was compared, so nothing is known." in words(section(page, "critical"))
    assert "nothing compared: no exchange was eligible." in words(page.find(".//header"))
    agreeing = tree(html.page(reported(tallies={tally(Outcome.MATCH): 3})))
    assert "None is known." in words(section(agreeing, "critical"))


def test_both_arms_are_timed_on_the_same_request(one):
    part = section(tree(html.page(one)), "latency")
    assert "Of 49 requests that both arms answered, modern was faster on 40." in words(part)
    assert f"is {milliseconds(one.paired.p50)} at p50 and {milliseconds(one.paired.p99)} at p99" in words(part)
    assert one.paired.p50 < 0 < one.paired.p99
    for line in part.xpath(".//figure//line"):
        assert 0 <= float(line.get("x1")) <= 1000
    assert len(part.xpath(".//figure")) == 3


def test_a_share_that_is_not_all_never_looks_as_if_it_were():
    one = reported(*[differing(PHONE)] * 1999, tallies={tally(Outcome.MISMATCH): 1})
    assert "1 cause explains >99.9% of 2,000" in words(section(tree(html.page(one)), "causes"))
    rare = reported(differing(PHONE), tallies={tally(Outcome.MATCH): 99_999})
    assert rows(section(tree(html.page(rare)), "differences"))[0][4] == "1 <0.1%"


def test_the_largest_report_is_a_small_page(wide):
    assert len(wide.differences) == 500
    text = html.page(wide)
    assert len(text.encode()) < 200_000
    page = tree(text)
    shown = {row[0] for name in ("critical", "differences", "rest") for row in rows(section(page, name))}
    assert len(shown) == 500, "every kind of difference is on it"
    # Time: each difference is written once, so 500 take a hundred times what five do, and no more.
    assert sum(len(rows(section(page, name))) for name in ("critical", "differences", "rest")) == 500


def test_nothing_out_of_a_message_is_on_the_page():
    pairs = [
        pair({"name": CANARY, CANARY * 3 + " 12": 1}, {"name": CANARY + "x"}),
        pair(answer("legacy", {}, Location=f"/patients/{CANARY}"), answer("modern", {}, ETag=f'"{CANARY}"')),
        pair(f"no json {CANARY}".encode(), {"patient": CANARY}),
    ]
    one = reported(*map(compare, pairs))
    assert len(one.differences) > 3
    assert CANARY not in html.page(one)


def test_names_cannot_become_markup():
    nasty = '<script>alert("x")</script>'
    store = Memory(Memory.Options())
    difference = Difference("value", f"/{nasty}", WORD, Shape(nasty))
    store.write(Batch([Comparison(Tally(nasty, nasty, Outcome.MISMATCH), nasty, 1.0, (difference,))],
                      {Tally(nasty, nasty, Outcome.SHED, nasty): 1}))
    report = fold(store.read())
    for text in (html.page(report.capabilities[0]), html.index(report, "?capability=")):
        assert "<script" not in text
        assert tree(text).xpath("//script") == []


@pytest.fixture
def texts(one, wide):
    return [html.page(one), html.page(wide), html.index(Report((one, wide)), "?capability="),
            html.index(Report(()), "?capability=")]


def test_a_page_fetches_nothing_and_runs_nothing(texts):
    for text in texts:
        page = tree(text)
        assert "://" not in text
        assert "url(" not in text
        assert "@import" not in text
        assert page.xpath("//script|//link|//img|//iframe|//form|//object|//*[@src]|//*[@style]") == []
        assert [one for one in page.xpath("//@*") if re.match("on", one.attrname)] == []
        for target in page.xpath("//@href"):
            assert target.startswith(("#", "?capability="))


def test_the_style_is_the_only_thing_that_the_policy_lets_in(texts):
    assert html.policy().startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in html.policy()
    for text in texts:
        assert tree(text).xpath("//meta[@http-equiv]/@content") == [html.policy()]


def test_a_page_can_be_read_by_everybody(texts):
    for text in texts:
        page = tree(text)
        assert page.get("lang") == "en"
        assert words(page.find(".//title"))
        assert len(page.xpath("//main")) == 1
        levels = [int(heading.tag[1]) for heading in page.xpath("//h1|//h2|//h3|//h4")]
        assert levels[0] == 1
        assert all(after <= before + 1 for before, after in pairwise(levels)), "no level is skipped"
        ids = page.xpath("//@id")
        assert len(ids) == len(set(ids))
        for reference in page.xpath("//@aria-labelledby|//a/@href[starts-with(., '#')]"):
            assert reference.removeprefix("#") in ids
        for table in page.xpath("//table"):
            assert words(table.find("caption"))
            assert {head.get("scope") for head in table.xpath("./thead//th")} == {"col"}
            assert {head.get("scope") for head in table.xpath("./tbody//th")} == {"row"}
            width = len(table.xpath("./thead//th"))
            assert {len(row) for row in table.xpath("./tbody/tr")} == {width}
            assert table.getparent().get("tabindex") == "0", "what scrolls sideways can be reached by keyboard"
        for drawing in page.xpath("//svg[not(ancestor-or-self::*[@aria-hidden='true'])]"):
            assert drawing.get("role") == "img"
            assert drawing.get("aria-label")
        for word in page.xpath("//*[@class='critical']"):
            assert words(word) == "critical", "no colour says what no word does"
