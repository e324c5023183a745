"""`figway gate`: its options and its help."""

from pathlib import Path

import click

from gateway.cli.completing import CAPABILITY


@click.command()
@click.argument("capability", type=CAPABILITY)
@click.option("-o", "output", type=click.Choice(["table", "json", "junit", "markdown"]), default="table",
              show_default=True)
@click.option("--config", default="routes.yaml", show_default=True, type=click.Path(path_type=Path),
              help="Read the criteria of this file, and the store that it names.")
@click.option("--admin", metavar="URL", help="Ask the admin port of a running gateway instead.")
@click.option("--for", "step", metavar="SHARE", default="100%", show_default=True,
              help="The share of clients that the next step exposes to modern: 5%.")
@click.option("--writes", is_flag=True, help="Ask about writes instead of reads.")
def gate(capability: str, output: str, config: Path, admin: str | None, step: str, writes: bool) -> None:
    """Say whether CAPABILITY is safe to flip.

    Exits with 0 if it is, with 1 if it is not, with 3 if there is not enough evidence or the gateway cannot be reached,
    with 2 if there is no such capability or no store to read. Nothing compares writes yet, so that there is never
    enough evidence about them.
    """
    from gateway.cli.verbs.gate import run

    run(capability, output, config, admin, step, writes)
