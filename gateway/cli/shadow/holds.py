"""`figway shadow holds`: its options and its help."""

from pathlib import Path

import click


@click.command()
@click.option("--config", default="routes.yaml", show_default=True, type=click.Path(path_type=Path),
              help="The file that says where records are sealed.")
@click.option("-o", "output", type=click.Choice(["table", "json"]), default="table", show_default=True)
def holds(config: Path, output: str) -> None:
    """List what is held, since when, by whom and why."""
    from gateway.cli.verbs.shadow_holds import run

    run(config, output)
