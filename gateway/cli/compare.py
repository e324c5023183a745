"""figway compare: two answers that are in files, judged as the shadow lane judges them. It shows no value."""

import secrets
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import click
import orjson

from gateway.cli.files import pair_of, rules_of
from shadow.compare import Comparison, Outcome
from shadow.crosswalks import Crosswalks
from shadow.custody import KEY
from shadow.judge import judged
from shadow.rules import Rules

_SAME = (Outcome.MATCH, Outcome.MATCH_NORMALISED, Outcome.KNOWN_DIFFERENCE)


@click.command()
@click.argument("legacy", type=click.Path(path_type=Path))
@click.argument("modern", type=click.Path(path_type=Path))
@click.option("--rules", "file", type=click.Path(path_type=Path), help="A YAML file of rules and what goes with them.")
@click.option("--media", metavar="TYPE", help="The media type of both; left out: by LEGACY's name, else JSON.")
@click.option("-o", "output", type=click.Choice(["table", "json"]), default="table", show_default=True)
def compare(legacy: Path, modern: Path, file: Path | None, media: str | None, output: str) -> None:
    """Compare the bodies in the files LEGACY and MODERN, and show what each rule hides.

    Exits with 0 where they are the same, by the rules, with 1 where they are not, and with 2 where a file cannot be
    read or nothing can be said.
    """
    rules = rules_of(file)
    pair = replace(pair_of(legacy, modern, media, rules), key=secrets.token_bytes(KEY))
    found = judged(pair, Crosswalks())
    if output == "json":
        click.echo(orjson.dumps(_facts(found, rules), option=orjson.OPT_INDENT_2).decode())
    else:
        for line in _lines(found):
            click.echo(line)
    sys.exit(0 if found.tally.outcome in _SAME else 2 if found.tally.outcome is Outcome.NOT_COMPARABLE else 1)


def _facts(found: Comparison, rules: Rules) -> dict[str, object]:
    tags = _tags(found)
    return {
        "outcome": found.tally.outcome, "reason": found.tally.reason, "severity": found.severity, "rules": rules.digest,
        "differences": [
            {"kind": one.kind, "path": one.path, "modern_path": one.modern_path or one.path, "legacy": str(one.legacy),
             "modern": str(one.modern), "legacy_tag": tags.get(one.legacy_token),
             "modern_tag": tags.get(one.modern_token), "severity": one.severity}
            for one in found.differences
        ],
        "hidden": dict(found.hidden),
    }


def _tags(found: Comparison) -> dict[str, int]:
    """Numbers for the values that are there more than once at one class of places. The tokens themselves are of this
    run alone."""
    counts = Counter(token for one in found.differences for token in (one.legacy_token, one.modern_token) if token)
    return {token: number for number, token in enumerate((one for one, count in counts.items() if count > 1), 1)}


def _lines(found: Comparison) -> Iterator[str]:
    tags = _tags(found)
    reason = f" ({found.tally.reason})" if found.tally.reason else ""
    yield f"{found.tally.outcome}{reason}"
    for one in found.differences:
        where = f"{one.path or '(whole)'}" + (f" (in modern {one.modern_path})" if one.modern_path else "")
        sides = (f"{shape} #{tags[token]}" if token in tags else str(shape) for shape, token in (
            (one.legacy, one.legacy_token), (one.modern, one.modern_token)))
        yield f"  {one.severity:<9} {one.kind:<9} {where}: {' → '.join(sides)}"
    for rule, count in found.hidden:
        yield f"  hidden: {count} by {rule}"
