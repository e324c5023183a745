"""`figway report`: its options and its help."""

from pathlib import Path

import click

from gateway.cli.completing import CAPABILITY


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
    from gateway.cli.verbs.report import run

    run(capability, output, config, file, admin)
