"""`figway shadow release`: its options and its help."""

from pathlib import Path

import click


@click.command()
@click.argument("target")
@click.option("--reason", required=True, help="Why, for the audit trail.")
@click.option("--config", default="routes.yaml", show_default=True, type=click.Path(path_type=Path),
              help="The file that says where records are sealed.")
def release(target: str, reason: str, config: Path) -> None:
    """End the hold on TARGET, a capability or the ID of a record. Everything past its retention is then destroyed.

    Exits with 1 without a reason, with 2 if there is no such hold.
    """
    from gateway.cli.verbs.shadow_release import run

    run(target, reason, config)
