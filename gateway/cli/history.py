"""`figway history`: its options and its help."""

from pathlib import Path

import click

from gateway.cli.completing import CAPABILITY


@click.command()
@click.argument("capability", type=CAPABILITY, required=False)
@click.option("-n", "most", default=20, show_default=True, type=click.IntRange(1, 10_000), help="The most records.")
@click.option("--config", default="routes.yaml", show_default=True, type=click.Path(path_type=Path),
              help="Find the gateway's socket by this file.")
@click.option("--admin", metavar="URL", help="Ask the admin port instead, with the token in FIGWAY_TOKEN.")
@click.option("-o", "output", type=click.Choice(["text", "json"]), default="text", show_default=True)
def history(capability: str | None, most: int, config: Path, admin: str | None, output: str) -> None:
    """Show the newest records of the journal, of CAPABILITY or of all: who did what, when and why.

    Exits with 1 for want of a role, with 5 if the gateway is out of reach.
    """
    from gateway.cli.verbs.history import run

    run(capability, most, config, admin, output)
