"""figway gate: says whether a capability is safe to flip, also as an exit status."""

import sys
from dataclasses import replace
from pathlib import Path

import click
import orjson

from gateway import units
from gateway.cli.completing import CAPABILITY
from gateway.cli.sources import EVERYBODY, Refused, asked, configured
from shadow.evidence.criteria import Answer
from shadow.renderers import markdown, table
from shadow.renderers.junit import to_junit
from shadow.report.report import CapabilityReport
from shadow.report.wording import of_writes

_STATUS = {Answer.SAFE: 0, Answer.NOT_SAFE: 1, Answer.NOT_ENOUGH: 3}


@click.command()
@click.argument("capability", type=CAPABILITY)
@click.option("-o", "output", type=click.Choice(["table", "json", "junit", "markdown"]), default="table",
              show_default=True)
@click.option("--config", default="routes.yaml", show_default=True, type=click.Path(path_type=Path),
              help="Read the criteria of this file, and the store that it names.")
@click.option("--admin", metavar="URL", help="Ask the admin port of a running gateway instead.")
@click.option("--for", "step", metavar="SHARE", default=EVERYBODY, show_default=True,
              help="The share of clients that the next step exposes to modern: 5%.")
@click.option("--writes", is_flag=True, help="Ask about writes instead of reads.")
def gate(capability: str, output: str, config: Path, admin: str | None, step: str, writes: bool) -> None:
    """Say whether CAPABILITY is safe to flip.

    Exits with 0 if it is, with 1 if it is not, with 3 if there is not enough evidence or the gateway cannot be reached,
    with 2 if there is no such capability or no store to read. Nothing compares writes yet, so that there is never
    enough evidence about them.
    """
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
            table.show_evidence(found.evidence, table.terminal())
            for line in found.advice:
                click.echo(f"  note: {line.replace('`', '')}")
