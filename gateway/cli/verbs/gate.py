"""figway gate: says whether a capability is safe to flip, also as an exit status."""

import sys
from dataclasses import replace
from pathlib import Path

import click
import orjson

from gateway import units
from gateway.cli.sources import Refused, asked, configured
from shadow.evidence.criteria import Answer
from shadow.renderers import markdown, table
from shadow.renderers.junit import to_junit
from shadow.report.report import CapabilityReport
from shadow.report.wording import of_writes

_STATUS = {Answer.SAFE: 0, Answer.NOT_SAFE: 1, Answer.NOT_ENOUGH: 3}


def run(capability: str, output: str, config: Path, admin: str | None, step: str, writes: bool) -> None:
    """Do what `figway gate` is for; exits with its status."""
    share = units.share(step)
    if not share:
        raise click.BadParameter("wants a share of clients, as 5%", param_hint="--for")
    try:
        [found] = (asked(admin, capability, step) if admin else configured(
            config, capability, share / 10_000)).capabilities
    except Refused as refused:
        click.echo(f"figway: {refused}", err=True)
        sys.exit(refused.status)
    if writes:
        found = replace(found, evidence=of_writes(found.evidence))
    _print(found, output)
    sys.exit(_STATUS[found.evidence.answer])


def _print(found: CapabilityReport, output: str) -> None:
    match output:
        case "json":
            whole = {"capability": found.capability, "evidence": found.evidence, "advice": found.advice}
            click.echo(orjson.dumps(whole, option=orjson.OPT_INDENT_2))
        case "junit":
            click.echo(to_junit(found.capability, found.evidence), nl=False)
        case "markdown":
            click.echo("\n".join((markdown.evidence(found.evidence), *markdown.notes(found))))
        case _:
            table.show_evidence(found.evidence, table.terminal(), found.advice)
