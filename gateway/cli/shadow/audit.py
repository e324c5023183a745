"""figway shadow audit: shows who did what to stored data, and whether the trail is complete."""

from pathlib import Path

import click

from gateway.cli.opened import opened, rows, when
from gateway.cli.sources import Refused


@click.command()
@click.option("--config", default="routes.yaml", show_default=True, type=click.Path(path_type=Path),
              help="The file that says where records are sealed.")
def audit(config: Path) -> None:
    """Print the audit trail, oldest line first: who did what, in which role, to what, and why.

    Exits with 1 if a line was changed, or removed from between others.
    """
    with opened(config, sealed=False) as stored:
        deeds, whole = stored.custody.trail()
        for line in rows(("AT", "WHO", "ROLE", "DID", "TO", "REASON"), [
            (when(deed.at), deed.actor, deed.role or "-", deed.action, deed.subject, deed.reason or "-")
            for deed in deeds
        ]):
            click.echo(line)
        if not whole:
            raise Refused("the audit trail is not complete: lines were changed or removed", 1)
