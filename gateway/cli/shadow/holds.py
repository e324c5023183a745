"""figway shadow holds: lists what is held, since when, by whom and why."""

from pathlib import Path

import click

from gateway.cli.opened import opened, rows, when


@click.command()
@click.option("--config", default="routes.yaml", show_default=True, type=click.Path(path_type=Path),
              help="The file that says where records are sealed.")
def holds(config: Path) -> None:
    """List what is held, since when, by whom and why."""
    with opened(config, sealed=False) as stored:
        for line in rows(("HELD", "SINCE", "BY", "REASON"), [
            (hold.scope, when(hold.at), hold.actor, hold.reason) for hold in stored.custody.holds().values()
        ]):
            click.echo(line)
