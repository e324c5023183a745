"""`figway shadow hold`: its options and its help."""

from pathlib import Path

import click


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
    from gateway.cli.verbs.shadow_hold import run

    run(target, reason, config)
