"""`figway rollback`: its options and its help."""

from pathlib import Path

import click

from gateway.cli.completing import CAPABILITY


@click.command()
@click.argument("capability", type=CAPABILITY)
@click.option("--to", metavar="STAGE", default="legacy", show_default=True, help="The stage to go back to.")
@click.option("--reads", is_flag=True, help="Leave the writes where they are.")
@click.option("--reason", help="Why, for the journal. Do not name patients.")
@click.option("--config", default="routes.yaml", show_default=True, type=click.Path(path_type=Path),
              help="Find the gateway's socket by this file.")
@click.option("--admin", metavar="URL", help="Ask the admin port instead, with the token in FIGWAY_TOKEN.")
@click.option("-o", "output", type=click.Choice(["text", "json"]), default="text", show_default=True)
def rollback(
    capability: str, to: str, reads: bool, reason: str | None, config: Path, admin: str | None, output: str,
) -> None:
    """Take CAPABILITY back to legacy at once, reads and writes. It needs no evidence and no approval.

    If modern took writes, says how many legacy lacks, by operation. Exits with 0 if it was done or stood there already,
    with 1 for want of a role, with 2 for wrong usage, with 5 if the gateway or its control file is out of reach.
    """
    from gateway.cli.verbs.flip import run

    run({"kind": "rollback", "capability": capability, "to": to, "side": "reads" if reads else "both",
         "reason": reason}, config, admin, output)
