"""The status of all capabilities for a terminal, by rich: one table that fits 80 columns; and as JSON."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson
from rich.console import Console
from rich.text import Text

from shadow.compare.dicom import named
from shadow.evidence.gate import Answer
from shadow.renderers.fitted import Cell, Column, Fitted
from shadow.renderers.phrases import outstanding, rate
from shadow.renderers.table import SEVERITIES
from shadow.report.status import ORDER, StatusLine
from shadow.words import noun

VERDICTS = {str(Answer.SAFE): "bold green", str(Answer.NOT_SAFE): "bold red", str(Answer.NOT_ENOUGH): "bold yellow"}

_COLUMNS = (Column("capability", part=1), Column("stage"), Column("verdict", part=1),
            Column("worst difference", part=2), Column("per hour", number=True), Column("owner", part=1))


def show_status(lines: Sequence[StatusLine], unfinished: int | None, console: Console) -> None:
    """Print one line for each capability, as `status` orders them, on a console as `terminal` makes it."""
    if not lines:
        console.print(Text("There is no capability."))
        return
    counts = Counter(one.verdict for one in lines)
    many = f"{len(lines):,} {noun(len(lines), 'capability', 'capabilities')}"
    console.print(Text(f"{many}: " + ", ".join(f"{counts[one]:,} {one}" for one in ORDER if counts[one])))
    console.print(Fitted(_COLUMNS, [*_rows(lines)]))
    if note := outstanding(unfinished):
        console.print(Text(f"note: {note}", style="dim"))


def to_json(
    lines: Sequence[StatusLine], unfinished: int | None, stages: Mapping[str, Any] | None = None,
) -> bytes:
    """The same as indented JSON in UTF-8, with a newline at its end, and with what is known of `stages`."""
    return orjson.dumps({"capabilities": lines, "unfinished": unfinished, "stages": stages},
                        option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _rows(lines: Sequence[StatusLine]) -> Iterator[Sequence[Cell]]:
    for one in lines:
        yield (one.capability, one.stage or "–", Text(one.verdict, style=VERDICTS.get(one.verdict, "dim")), _worst(one),
               rate(one.per_hour), one.owner or "–")


def _worst(one: StatusLine) -> Text:
    if one.worst is None:
        return Text("–")
    return Text.assemble((str(one.worst.severity), SEVERITIES[one.worst.severity]),
                         f" {named(one.worst.path)}")
