"""figway compare: compares two answers in files as the shadow lane would. It shows values only if it is asked to."""

import secrets
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import click
import orjson

from gateway.cli.files import pair_of, rules_of
from gateway.cli.shapes import fact, line, tags
from gateway.cli.values import Values, shown
from shadow.compare.comparison import AGREED, Comparison, Outcome
from shadow.compare.difference import Difference
from shadow.compare.renaming import RENAMED
from shadow.compare.rules import Rules
from shadow.custody.base import KEY
from shadow.judge.crosswalks import Crosswalks
from shadow.judge.judgement import judge
from shadow.report.causes import tried


def run(legacy: Path, modern: Path, file: Path | None, media: str | None, show: bool, output: str) -> None:
    """Do what `figway compare` is for; exits with its status."""
    rules = rules_of(file)
    pair = replace(pair_of(legacy, modern, media, rules), key=secrets.token_bytes(KEY))
    found = judge(pair, Crosswalks())
    values = Values(pair) if show else None
    if output == "json":
        click.echo(orjson.dumps(_facts(found, rules, values), option=orjson.OPT_INDENT_2).decode())
    else:
        for text in _lines(found, values):
            click.echo(text)
    sys.exit(0 if found.tally.outcome in AGREED else 2 if found.tally.outcome is Outcome.NOT_COMPARABLE else 1)


def _facts(found: Comparison, rules: Rules, values: Values | None) -> dict[str, object]:
    known = tags(found.differences)
    return {
        "outcome": found.tally.outcome, "reason": found.tally.reason, "severity": found.severity, "rules": rules.digest,
        "differences": [
            {**fact(one), "legacy_tag": known.get(one.legacy_token), "modern_tag": known.get(one.modern_token),
             **({} if values is None else _values(one, values))}
            for one in found.differences
        ],
        "hidden": dict(found.hidden),
    }


def _values(one: Difference, values: Values) -> dict[str, orjson.Fragment]:
    """The values as they are written in the files; a side that has none has no field, since null is a value."""
    return {f"{arm}_value": orjson.Fragment(value)
            for arm, value in zip(("legacy", "modern"), values.of(one), strict=True) if value is not None}


def _lines(found: Comparison, values: Values | None) -> Iterator[str]:
    known = tags(found.differences)
    reason = f" ({found.tally.reason})" if found.tally.reason else ""
    yield f"{found.tally.outcome}{reason}"
    for one in found.differences:
        yield f"  {line(one, known)}"
        if one.kind == RENAMED:
            yield f"    try: {tried((one.kind, one.path), one.severity, [(one.legacy.group, one.modern.group)], False)}"
        if values is not None:
            legacy, modern = values.of(one)
            yield f"    legacy: {shown(legacy)}"
            yield f"    modern: {shown(modern)}"
    for rule, count in found.hidden:
        yield f"  hidden: {count} by {rule}"
