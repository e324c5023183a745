"""`figway flip`: its options and its help."""

from pathlib import Path

import click

from gateway.cli.completing import CAPABILITY


@click.command()
@click.argument("capability", type=CAPABILITY)
@click.option("--to", metavar="STAGE", help='The stage, or "file" to end the override.')
@click.option("--writes", is_flag=True, help="Flip the writes instead of the reads.")
@click.option("--percent", metavar="N", help="The share of keys that canary gives to modern: 5.")
@click.option("--reason", required=True, help="Why, for the journal. Do not name patients.")
@click.option("--force", is_flag=True, help="Make the step whatever the gate says, if you may.")
@click.option("--expires", metavar="DURATION", help="End the override after this time: 2h.")
@click.option("--revision", type=int, help="Refuse if the capability has changed since this revision.")
@click.option("--config", default="routes.yaml", show_default=True, type=click.Path(path_type=Path),
              help="Find the gateway's socket by this file.")
@click.option("--admin", metavar="URL", help="Ask the admin port instead, with the token in FIGWAY_TOKEN.")
@click.option("-o", "output", type=click.Choice(["text", "json"]), default="text", show_default=True)
def flip(
    capability: str, to: str | None, writes: bool, percent: str | None, reason: str, expires: str | None,
    revision: int | None, force: bool, config: Path, admin: str | None, output: str,
) -> None:
    """Move CAPABILITY to another stage, on top of what routes.yaml says.

    Exits with 0 if it was done, with 1 if a gate or a missing role refused it, with 2 for wrong usage, with 3 for want
    of evidence, with 4 if somebody else was first, with 5 if the gateway or its control file is out of reach.
    """
    from gateway.cli.verbs.flip import run

    run({"kind": "flip", "capability": capability, "to": to, "side": "writes" if writes else "reads",
         "percent": percent, "reason": reason, "expires": expires, "revision": revision,
         "force": force}, config, admin, output)
