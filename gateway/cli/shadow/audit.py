"""figway shadow audit: shows who did what to stored data, and whether the trail is complete."""

from collections.abc import Iterable
from pathlib import Path

import click

from gateway.cli.opened import as_json, opened, rows, when
from gateway.cli.sources import Refused
from shadow.custody.base import Deed


@click.command()
@click.option("--config", default="routes.yaml", show_default=True, type=click.Path(path_type=Path),
              help="The file that says where records are sealed.")
@click.option("-o", "output", type=click.Choice(["table", "json"]), default="table", show_default=True)
def audit(config: Path, output: str) -> None:
    """Print the audit trail, oldest line first: who did what, in which role, to what, and why.

    Exits with 1 if a line was changed, or removed from between others.
    """
    with opened(config, sealed=False) as stored:
        deeds, whole = stored.custody.trail()
        if output == "json":
            as_json({"complete": whole, "deeds": [
                {"at": deed.at, "who": deed.actor, "role": deed.role, "did": deed.action, "to": deed.subject,
                 "reason": deed.reason}
                for deed in deeds
            ]})
        else:
            _table(deeds)
        if not whole:
            raise Refused("the audit trail is not complete: lines were changed or removed", 1)


def _table(deeds: Iterable[Deed]) -> None:
    for line in rows(("AT", "WHO", "ROLE", "DID", "TO", "REASON"), [
        (when(deed.at), deed.actor, deed.role or "-", deed.action, deed.subject, deed.reason or "-") for deed in deeds
    ]):
        click.echo(line)
