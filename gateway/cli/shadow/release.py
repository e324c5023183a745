"""figway shadow release: ends a hold."""

from pathlib import Path

import click

from gateway.cli.opened import opened, plain
from gateway.cli.sources import Refused


@click.command()
@click.argument("target")
@click.option("--reason", required=True, help="Why, for the audit trail.")
@click.option("--config", default="routes.yaml", show_default=True, type=click.Path(path_type=Path),
              help="The file that says where records are sealed.")
def release(target: str, reason: str, config: Path) -> None:
    """End the hold on TARGET, a capability or the ID of a record. Everything past its retention is then destroyed.

    Exits with 1 without a reason, with 2 if there is no such hold.
    """
    with opened(config, sealed=False) as stored:
        if target not in stored.custody.holds():
            raise Refused(f'"{plain(target)}" is not held')
        stored.because(reason, "release", target)
        stored.custody.release(target)
        click.echo(f"{target} is no longer held")
