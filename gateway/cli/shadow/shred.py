"""`figway shadow shred`: its options and its help."""

from pathlib import Path

import click

from gateway.cli.completing import CAPABILITY


@click.command()
@click.argument("capability", type=CAPABILITY)
@click.option("--all", "every", is_flag=True, help="The key of the current epoch too; a new one is made at once.")
@click.option("--reason", help="Why, for the audit trail.")
@click.option("--config", default="routes.yaml", show_default=True, type=click.Path(path_type=Path),
              help="The file that names the store and its custody.")
def shred(capability: str, every: bool, reason: str | None, config: Path) -> None:
    """Destroy the keys of CAPABILITY's past epochs. Tokens that were made with them can no longer be linked.

    Exits with 1 if the capability is held, with 2 if there is no such capability or no custody.
    """
    from gateway.cli.verbs.shadow_shred import run

    run(capability, every, reason, config)
