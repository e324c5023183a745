"""figway status: shows all capabilities on one screen, from the store or from a running gateway."""

import sys
from pathlib import Path

import click

from gateway.cli.sources import Refused, asked, configured
from shadow.renderers.status import show_status, to_json
from shadow.renderers.table import terminal
from shadow.report.status import status as status_of


@click.command()
@click.option("-o", "output", type=click.Choice(["table", "json"]), default="table", show_default=True)
@click.option("--config", default="routes.yaml", show_default=True, type=click.Path(path_type=Path),
              help="Read the stages and criteria of this file, and the store that it names.")
@click.option("--admin", metavar="URL", help="Ask the admin port of a running gateway instead.")
def status(output: str, config: Path, admin: str | None) -> None:
    """Show all capabilities on one screen, the worst first: stage, verdict, worst difference, how many effective
    exchanges come in an hour, and owner.

    Exits with 2 if there is no store to read, with 3 if the gateway cannot be reached.
    """
    try:
        report = asked(admin, None) if admin else configured(config, None)
    except Refused as refused:
        click.echo(f"figway: {refused}", err=True)
        sys.exit(refused.status)
    lines = status_of(report)
    if output == "json":
        click.echo(to_json(lines, report.unfinished), nl=False)
    else:
        show_status(lines, report.unfinished, terminal())
