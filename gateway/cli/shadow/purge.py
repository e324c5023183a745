"""`figway shadow purge`: its options and its help."""

from pathlib import Path

import click

from gateway.cli.completing import CAPABILITY


@click.command()
@click.option("--subject", type=click.Choice(["-"]), help="Records that contain the identifier on standard input "
                                                          "(other users can see arguments).")
@click.option("--capability", type=CAPABILITY, metavar="NAME", help="All records of a capability.")
@click.option("--all", "every", is_flag=True, help="All records.")
@click.option("--reason", required=True, help="Why, for the audit trail.")
@click.option("--config", default="routes.yaml", show_default=True, type=click.Path(path_type=Path),
              help="The file that names the store and says where records are sealed.")
def purge(subject: str | None, capability: str | None, every: bool, reason: str, config: Path) -> None:
    """Destroy sealed records and their keys: those about a subject, those of a capability, or all. For a subject, also
    remove its tokens from the store's examples, and crosswalk pairs that contain one.

    Held records stay. Exits with 1 if something stays or could not be read, or without a reason; with 2 if nothing is
    sealed or there is no such capability.
    """
    from gateway.cli.verbs.shadow_purge import run

    run(subject, capability, every, reason, config)
