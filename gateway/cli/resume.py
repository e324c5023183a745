"""`figway resume`: its options and its help."""

from pathlib import Path

import click

from gateway.cli.completing import CAPABILITY


@click.command()
@click.argument("capability", type=CAPABILITY)
@click.option("--reason", required=True, help="Why, for the journal. Do not name patients.")
@click.option("--force", is_flag=True, help="Make the step whatever the gate says, if you may.")
@click.option("--config", default="routes.yaml", show_default=True, type=click.Path(path_type=Path),
              help="Find the gateway's socket by this file.")
@click.option("--admin", metavar="URL", help="Ask the admin port instead, with the token in FIGWAY_TOKEN.")
@click.option("-o", "output", type=click.Choice(["text", "json"]), default="text", show_default=True)
def resume(capability: str, reason: str, force: bool, config: Path, admin: str | None, output: str) -> None:
    """End the latch by which a guard holds CAPABILITY back. What an override or the file says is in force again.

    Exits like figway flip.
    """
    from gateway.cli.verbs.flip import run

    run({"kind": "resume", "capability": capability, "reason": reason, "force": force}, config, admin, output)
