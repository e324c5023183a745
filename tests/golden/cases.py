"""The golden files, and how the output of each is made from its input.

A file is its input, the line `----------`, and the output. `validate/` holds routes.yaml files, and what
`figway validate` prints of them; `report/` holds ledgers (see `ledger`), and their report and verdict.
"""

import io
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import chdir
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from click.testing import CliRunner

from gateway.cli.main import main
from shadow.compare.comparison import Outcome, Tally, compare
from shadow.evidence.criteria import Criteria
from shadow.evidence.epoch import Epoch, Setup
from shadow.evidence.stratum import Stratum
from shadow.latency import Histogram
from shadow.ledger.rows import Evidence, Gap, Ledger, Reason, Traffic
from shadow.renderers.markdown import to_markdown
from shadow.renderers.table import show, terminal
from shadow.report.report import fold
from shadow.stores.base import Batch
from shadow.stores.memory import Memory
from tests.shadow.exchanges import answer, pair

FOLDER = Path(__file__).parent
LINE = "----------\n"
EPOCH = Epoch("1", "8", Setup(rules="rules"), "2")


class Case(NamedTuple):
    """A golden file, taken apart. `made` is the output as the code of now makes it."""

    path: Path
    given: str
    expected: str
    make: Callable[[str], str]

    def made(self) -> str:
        return self.make(self.given)

    def rewrite(self) -> bool:
        """Write the file with the output of now. Returns whether that changed it."""
        made = self.made()
        if made == self.expected:
            return False
        self.path.write_text(self.given + LINE + made)
        return True


def cases() -> Iterator[Case]:
    for kind, make in MAKERS.items():
        for path in sorted((FOLDER / kind).iterdir()):
            given, _, expected = path.read_text().partition(LINE)
            yield Case(path, given, expected, make)


def validated(text: str) -> str:
    """What `figway validate` prints of a routes.yaml, and its exit status. The revision, a digest, is left out."""
    with tempfile.TemporaryDirectory() as folder, chdir(folder):
        Path("routes.yaml").write_text(text)
        done = CliRunner().invoke(main, ["validate"], catch_exceptions=False)
    return re.sub(r"revision [0-9a-f]+", "revision …", done.output) + f"exit {done.exit_code}\n"


def reported(text: str) -> str:
    """The report of a ledger with its verdict: as Markdown, then as the table of a terminal."""
    given = yaml.safe_load(text)
    # Without a limit of its own, the step to all clients takes ten times as many exchanges as these files have.
    criteria = Criteria(tuple(given.get("reads", ["read"])), tuple(given.get("writes", [])),
                        **{"critical_limit": 0.001, **given.get("criteria", {})})
    report = fold(ledger(given), {"results": criteria})
    file = io.StringIO()
    show(report, terminal(file))
    lines = [line.rstrip() for line in file.getvalue().splitlines()]
    return to_markdown(report).rstrip("\n") + "\n\n" + "\n".join(lines) + "\n"


def ledger(given: dict[str, Any]) -> Ledger:
    """A ledger of the capability `results`, as a file describes it:

    exchanges   what was compared, `times` (once where it is left out): the bodies `legacy` and `modern`, or
                `{failure: reset}` for an arm that failed, and `legacy_status` and `modern_status`
    tallies     exchanges that were counted and no more: operation, outcome, reason, count
    traffic     operation, stage, arm, requests, errors
    evidence    strata: operation, status, resource, shape, outcome, count, effective, critical, reproduced
    gaps        reason, exchanges
    """
    store = Memory(Memory.Options())
    compared = [compare(pair(_answer("legacy", one), _answer("modern", one)))
                for one in given.get("exchanges", []) for _ in range(one.get("times", 1))]
    tallies = {Tally("results", one["operation"], Outcome(one["outcome"]), one.get("reason", "")): one["count"]
               for one in given.get("tallies", [])}
    traffic = [Traffic("results", one["operation"], one.get("stage", ""), one["arm"], one["requests"],
                       one.get("errors", 0), Histogram(), 1.0) for one in given.get("traffic", [])]
    store.write(Batch(compared, tallies, traffic))
    found = store.read()
    store.close()
    found.evidence.extend(_evidence(one) for one in given.get("evidence", []))
    found.gaps.extend(Gap("results", Reason(one["reason"]), one["exchanges"], 60.0, 120.0)
                      for one in given.get("gaps", []))
    return found


def _answer(arm: str, one: dict[str, Any]) -> Any:
    body = one.get(arm, {})
    if isinstance(body, dict) and body.keys() == {"failure"}:
        return answer(arm, b"", failure=body["failure"])
    return answer(arm, body, one.get(f"{arm}_status", 200))


def _evidence(one: dict[str, Any]) -> Evidence:
    """All effective exchanges come in the second hour."""
    stratum = Stratum(one.get("operation", "read"), one.get("status", "2xx"), one.get("resource", "Patient"),
                      one.get("shape", ""))
    effective = one.get("effective", one["count"])
    return Evidence("results", EPOCH, stratum, Outcome(one["outcome"]), one["count"], effective,
                    one.get("critical", 0), one.get("reproduced", 0), 0.0, 7000.0,
                    ((1, effective),) if effective else ())


MAKERS: dict[str, Callable[[str], str]] = {"validate": validated, "report": reported}
