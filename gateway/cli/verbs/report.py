"""figway report: shows what the shadow lane has found, from the store or from a running gateway."""

import sys
from pathlib import Path

import click

from gateway.cli.sources import Refused, asked, configured, stored
from shadow.renderers import html
from shadow.renderers.csv import to_csv
from shadow.renderers.json import to_json
from shadow.renderers.markdown import to_markdown
from shadow.renderers.table import show, terminal


def run(capability: str | None, output: str, config: Path, file: Path | None, admin: str | None) -> None:
    """Do what `figway report` is for; exits with its status."""
    if file and admin:
        raise click.UsageError("--store and --admin exclude each other")
    if output == "html" and capability is None:
        raise click.UsageError("-o html shows one capability: name it")
    try:
        if admin:
            found = asked(admin, capability)
        elif file:
            found = stored(file, capability)
        else:
            found = configured(config, capability)
    except Refused as refused:
        click.echo(f"figway: {refused}", err=True)
        sys.exit(refused.status)
    match output:
        case "json":
            click.echo(to_json(found), nl=False)
        case "markdown":
            click.echo(to_markdown(found), nl=False)
        case "csv":
            click.echo(to_csv(found), nl=False)
        case "html":
            click.echo(html.page(found.capabilities[0], found.unfinished))
        case _:
            show(found, terminal())
