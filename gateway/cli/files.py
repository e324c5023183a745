"""Reads answers and rules from files, for the commands that compare them."""

import sys
import time
from pathlib import Path

import click

from adapters.message import Headers, Request
from gateway import plugins
from gateway.config.problem import Invalid
from gateway.config.rules import read_rules
from shadow.compare.pair import Pair
from shadow.compare.rules import NONE, Rules
from shadow.observation import Observation

MEDIA = {
    ".json": "application/json", ".xml": "application/xml", ".ndjson": "application/x-ndjson", ".html": "text/html",
    ".htm": "text/html", ".hl7": "x-application/hl7-v2+er7", ".txt": "text/plain", ".csv": "text/csv",
}


def rules_of(file: Path | None) -> Rules:
    """The rules of a file, none without a file. Warnings are printed; problems end the command with status 2."""
    if file is None:
        return NONE
    try:
        rules, warnings = read_rules(file, plugins.load)
    except Invalid as invalid:
        for problem in invalid.problems:
            click.echo(problem, err=True)
        sys.exit(2)
    for warning in warnings:
        click.echo(f"warning: {warning}", err=True)
    return rules


def pair_of(legacy: Path, modern: Path, media: str | None, rules: Rules) -> Pair:
    """The bodies of two files as answers of the type `media`, or of the type that the first file's name says.
    Raises UsageError."""
    kind = media or MEDIA.get(legacy.suffix.lower(), "application/json")
    control, candidate = (_answer(arm, path, kind) for arm, path in (("legacy", legacy), ("modern", modern)))
    return Pair("files", "compare", Request("GET", b"/", Headers()), control, candidate, "", time.time(), rules)


def _answer(arm: str, path: Path, media: str) -> Observation:
    try:
        body = path.read_bytes()
    except OSError as error:
        raise click.UsageError(f"{path} cannot be read: {error.strerror}") from None
    return Observation(arm, 0.0, 200, Headers([(b"Content-Type", media.encode())]), body)
