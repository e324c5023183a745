"""The report in a terminal: severity stands by every difference, and nothing is cut at 80 columns."""

import io
import re

import pytest

from shadow.compare.comparison import Comparison, Outcome, Tally
from shadow.compare.difference import ABSENT, Difference, Severity, Shape
from shadow.evidence.gate import Criteria
from shadow.evidence.stratum import Stratum
from shadow.latency import Histogram
from shadow.ledger.rows import Evidence, Traffic
from shadow.renderers.markdown import to_markdown
from shadow.renderers.table import SPACIOUS, Terminal, show
from shadow.report.report import Profile, fold
from shadow.stores.base import Batch
from shadow.stores.memory import Memory
from tests.shadow.renderers.test_html import seen

NAME = "patient-lookup-by-demographics-and-identifiers"
OPERATION = "search-by-name-and-date-of-birth"
PATH = "/entry/*/resource/dosageInstruction/*/doseAndRate/*/doseQuantity/value"
FOUND = (
    Difference("value", PATH.replace("*", "0"), Shape("decimal", 2), Shape("decimal", 3), Severity.CRITICAL),
    Difference("missing", "/telecom", Shape("string", 17, "instant"), ABSENT, Severity.MAJOR),
    Difference("precision", "/note", Shape("decimal", 5), Shape("decimal", 6), Severity.MINOR),
)


@pytest.fixture(scope="module")
def report():
    store = Memory(Memory.Options())
    seconds = Histogram()
    seconds.add(0.0123456, 12_345)
    store.write(Batch(
        [Comparison(Tally(NAME, OPERATION, Outcome.MISMATCH), f"{number:032x}", float(number), FOUND[:number % 3 + 1])
         for number in range(30)],
        traffic=[Traffic(NAME, OPERATION, "shadow", arm, 123_456, 7, seconds, 1.0) for arm in ("legacy", "modern")]))
    ledger = store.read()
    store.close()
    stratum = Stratum(OPERATION, "2xx", "Bundle", "birthdate,family,given,identifier")
    ledger.evidence.append(Evidence(NAME, seen(1).epoch, stratum, Outcome.MATCH, 9, 9, 0, 0, 0.0, 50.0))
    return fold(ledger, {NAME: Criteria((OPERATION,), ("write",)), "idle": Criteria(("read",))},
                {NAME: Profile("registration", "shadow", True), "idle": Profile("laboratory", "legacy", False)})


def lines(report, width):
    file = io.StringIO()
    show(report, Terminal(file=file, width=width, markup=False, highlight=False))
    return file.getvalue().splitlines()


@pytest.mark.parametrize("width", [80, 100, 132, SPACIOUS, 240])
def test_nothing_is_wider_than_the_screen_and_nothing_is_cut(report, width):
    shown = lines(report, width)
    assert max(map(len, shown)) <= width
    whole = "".join("".join(shown).split())
    assert "…" not in whole
    for severity in Severity:
        assert any(re.match(rf" {severity}\b", line) for line in shown), severity


def test_folded_cells_of_differences_are_whole_at_eighty_columns(report):
    shown = lines(report, 80)
    head = next(at for at, line in enumerate(shown) if line.startswith(" difference"))
    starts = [shown[head].index(word) for word in ("difference", "path", "legacy", "operations")]
    # The numbers, between the shapes and the operations, stand on the right.
    starts.insert(3, shown[head].index("count") - len("100.0%") + len("count"))
    end = next(at for at in range(head + 2, len(shown)) if not shown[at].strip())
    rows = [line.ljust(80) for line in shown[head + 2:end]]
    columns = [[row[start:stop] for row in rows] for start, stop in zip(starts, [*starts[1:], 80], strict=True)]
    first = next(at for at, cell in enumerate(columns[0]) if cell.startswith("major"))
    severity, path, shapes, *_, operations = ("".join("".join(column[:first]).split()) for column in columns)
    assert (severity, path, shapes) == ("criticalvalue", PATH, "decimal(2)→decimal(3)")
    assert operations == OPERATION


def test_a_wide_screen_has_each_number_in_a_column_of_its_own(report):
    [line] = [one for one in lines(report, 240) if one.startswith(" critical")]
    assert line.split() == ["critical", "value", PATH, "decimal(2)", "decimal(3)", "30", "100.0%", "–", OPERATION,
                            f"{29:032x}"]


def test_a_capability_without_a_shadow_lacks_no_evidence(report):
    shown = lines(report, 240)
    at = next(at for at, line in enumerate(shown) if line.startswith("idle: "))
    after = next(at for at, line in enumerate(shown) if line.startswith(f"{NAME}: "))
    assert [line.rstrip() for line in shown[at + 1:after]] == ["  not shadowed at the stage legacy, owner laboratory"]
    assert "Not shadowed at the stage legacy, owner laboratory." in to_markdown(report)


def test_severity_stands_in_markdown_too(report):
    table = [line for line in to_markdown(report).splitlines() if "`/telecom`" in line]
    assert table[0].startswith("| major | missing | `/telecom` |")
