"""figway compare: two answers that are in files, judged as the shadow lane judges them. It shows no value."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import click
import orjson

from adapters.message import Headers, Request
from gateway import plugins
from gateway.config.problem import Invalid
from gateway.config.rules import read_rules
from shadow.compare import Comparison, Outcome
from shadow.crosswalks import Crosswalks
from shadow.judge import judged
from shadow.observation import Observation, Pair
from shadow.rules import NONE, Rules

MEDIA = {
    ".json": "application/json", ".xml": "application/xml", ".ndjson": "application/x-ndjson", ".html": "text/html",
    ".htm": "text/html", ".hl7": "x-application/hl7-v2+er7", ".txt": "text/plain", ".csv": "text/csv",
}
_SAME = (Outcome.MATCH, Outcome.MATCH_NORMALISED, Outcome.KNOWN_DIFFERENCE)


@click.command()
@click.argument("legacy", type=click.Path(path_type=Path))
@click.argument("modern", type=click.Path(path_type=Path))
@click.option("--rules", "file", type=click.Path(path_type=Path), help="A YAML file of rules, known_differences, crosswalk.")
@click.option("--media", metavar="TYPE", help="The media type of both; left out: by LEGACY's name, else JSON.")
@click.option("-o", "output", type=click.Choice(["table", "json"]), default="table", show_default=True)
def compare(legacy: Path, modern: Path, file: Path | None, media: str | None, output: str) -> None:
    """Compare the bodies in the files LEGACY and MODERN, and show what each rule hides.

    Exits with 0 where they are the same, by the rules, with 1 where they are not, and with 2 where a file cannot be
    read or nothing can be said.
    """
    rules = _rules(file) if file is not None else NONE
    kind = media or MEDIA.get(legacy.suffix.lower(), "application/json")
    control, candidate = (_answer(arm, path, kind) for arm, path in (("legacy", legacy), ("modern", modern)))
    pair = Pair("files", "compare", Request("GET", b"/", Headers()), control, candidate, "", time.time(), rules)
    found = judged(pair, Crosswalks())
    if output == "json":
        click.echo(orjson.dumps(_facts(found, rules), option=orjson.OPT_INDENT_2).decode())
    else:
        for line in _lines(found):
            click.echo(line)
    sys.exit(0 if found.tally.outcome in _SAME else 2 if found.tally.outcome is Outcome.NOT_COMPARABLE else 1)


def _rules(file: Path) -> Rules:
    try:
        rules, warnings = read_rules(file, plugins.load)
    except Invalid as invalid:
        for problem in invalid.problems:
            click.echo(problem, err=True)
        sys.exit(2)
    for warning in warnings:
        click.echo(f"warning: {warning}", err=True)
    return rules


def _answer(arm: str, path: Path, media: str) -> Observation:
    try:
        body = path.read_bytes()
    except OSError as error:
        raise click.UsageError(f"{path} cannot be read: {error.strerror}") from None
    return Observation(arm, 0.0, 200, Headers([(b"Content-Type", media.encode())]), body)


def _facts(found: Comparison, rules: Rules) -> dict[str, object]:
    return {
        "outcome": found.tally.outcome, "reason": found.tally.reason, "severity": found.severity, "rules": rules.digest,
        "differences": [
            {"kind": one.kind, "path": one.path, "legacy": str(one.legacy), "modern": str(one.modern),
             "severity": one.severity}
            for one in found.differences
        ],
        "hidden": dict(found.hidden),
    }


def _lines(found: Comparison) -> Iterator[str]:
    reason = f" ({found.tally.reason})" if found.tally.reason else ""
    yield f"{found.tally.outcome}{reason}"
    for one in found.differences:
        yield f"  {one.severity:<9} {one.kind:<9} {one.path or '(whole)'}: {one.legacy} → {one.modern}"
    for rule, count in found.hidden:
        yield f"  hidden: {count} by {rule}"
