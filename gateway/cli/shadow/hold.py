"""figway shadow hold: keeps stored data past its retention, and protects it from purges."""

import time
from pathlib import Path

import click

from gateway.cli.opened import opened
from gateway.cli.sources import actor
from shadow.custody.base import Hold


@click.command()
@click.argument("target")
@click.option("--reason", required=True, help="Why, for the audit trail and for those whom it stops.")
@click.option("--config", default="routes.yaml", show_default=True, type=click.Path(path_type=Path),
              help="The file that says where records are sealed.")
def hold(target: str, reason: str, config: Path) -> None:
    """Keep what is stored about TARGET, a capability or the ID of a record, until it is released.

    It does not expire, is not removed to make room, and is not purged. Exits with 1 without a reason, with 2 if there
    is no such capability or record.
    """
    with opened(config) as stored:
        scope = stored.capability(target, ids=True)
        stored.because(reason, "hold", scope)
        stored.custody.hold(Hold(scope, time.time(), actor(), reason))
        click.echo(f"{scope} is held")
