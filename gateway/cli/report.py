"""figway report: shows what the shadow lane has found, from the store or from a running gateway."""

import sys
from pathlib import Path

import click

from gateway.cli.completing import CAPABILITY
from gateway.cli.sources import Refused, asked, configured, stored
from shadow.renderers import html
from shadow.renderers.csv import to_csv
from shadow.renderers.json import to_json
from shadow.renderers.markdown import to_markdown
from shadow.renderers.table import show, terminal


@click.command()
@click.argument("capability", type=CAPABILITY, required=False)
@click.option("-o", "output", type=click.Choice(["table", "json", "markdown", "csv", "html"]), default="table",
              show_default=True)
@click.option("--config", default="routes.yaml", show_default=True, type=click.Path(path_type=Path),
              help="Read the store that this file names.")
@click.option("--store", "file", type=click.Path(path_type=Path), help="Read this SQLite store instead.")
@click.option("--admin", metavar="URL", help="Ask the admin port of a running gateway instead.")
def report(capability: str | None, output: str, config: Path, file: Path | None, admin: str | None) -> None:
    """Show what the shadow lane has found, about CAPABILITY or about all.

    Exits with 2 if there is no such capability or no store to read, with 3 if the gateway cannot be reached.
    """
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
