"""`figway shadow list`: its options and its help."""

from pathlib import Path

import click

from gateway.cli.completing import CAPABILITY


@click.command()
@click.argument("capability", type=CAPABILITY, required=False)
@click.option("--config", default="routes.yaml", show_default=True, type=click.Path(path_type=Path),
              help="The file that says where records are sealed.")
@click.option("-o", "output", type=click.Choice(["table", "json"]), default="table", show_default=True)
def list(capability: str | None, config: Path, output: str) -> None:
    """List the sealed exchanges of CAPABILITY, or all, oldest first.

    Exits with 2 if nothing is sealed or there is no such capability.
    """
    from gateway.cli.verbs.shadow_list import run

    run(capability, config, output)
