"""figway shadow audit: who did what to what is stored, and whether the trail is whole."""

from pathlib import Path

import click

from gateway.cli.opened import opened, rows, when
from gateway.cli.sources import Refused


@click.command()
@click.option("--config", default="routes.yaml", show_default=True, type=click.Path(path_type=Path),
              help="The file that says where records are sealed.")
def audit(config: Path) -> None:
    """Print the audit trail, the oldest first: who did what, in which role, to what, and why.

    Exits with 1 where a line of it was changed, or taken out from among the others.
    """
    with opened(config, sealed=False) as stored:
        deeds, whole = stored.custody.trail()
        for line in rows(("AT", "WHO", "ROLE", "DID", "TO", "REASON"), [
            (when(deed.at), deed.actor, deed.role or "-", deed.action, deed.subject, deed.reason or "-")
            for deed in deeds
        ]):
            click.echo(line)
        if not whole:
            raise Refused("the trail is not whole: lines were changed, or taken out", 1)
