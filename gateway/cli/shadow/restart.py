"""`figway shadow restart`: its options and its help."""

from pathlib import Path

import click

from gateway.cli.completing import CAPABILITY


@click.command()
@click.argument("capability", type=CAPABILITY)
@click.option("--reason", required=True, help="Why, for the reports and for the audit trail.")
@click.option("--config", default="routes.yaml", show_default=True, type=click.Path(path_type=Path),
              help="The file that names the store and its custody.")
def restart(capability: str, reason: str, config: Path) -> None:
    """Begin the evidence of CAPABILITY anew, as after a repair that no build header shows.

    What was compared before becomes history. A running gateway counts anew from its next write on, some three seconds
    from now. A beginning that had enough evidence for SAFE is one more chance of a mistake: it makes the next one need
    more.

    Exits with 1 without a reason, with 2 if there is no such capability or no store to write to.
    """
    from gateway.cli.verbs.shadow_restart import run

    run(capability, reason, config)
