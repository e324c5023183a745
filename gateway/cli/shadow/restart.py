"""figway shadow restart: begins the evidence of a capability anew."""

import time
from pathlib import Path

import click

from gateway.cli.completing import CAPABILITY
from gateway.cli.opened import opened, plain
from gateway.cli.sources import Refused, actor, store_of
from shadow.stores.base import Restartable

LONGEST = 200
"""The most characters of a reason: it stands in reports."""


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
    if len(reason) > LONGEST:
        raise click.UsageError(f"--reason may have {LONGEST} characters at most")
    with opened(config) as stored:
        stored.capability(capability)
        store = store_of(stored.built)
        if store is None:
            raise Refused("there is no store to begin anew in: evidence in the gateway's memory begins anew when the "
                          "gateway does" if stored.built.store[0] == "memory" else
                          "there is no store yet: it is made when a gateway starts")
        try:
            if not isinstance(store, Restartable):
                raise Refused(f'the store "{stored.built.store[0]}" cannot begin evidence anew')
            stored.because(reason, "restart", capability)
            number = store.restart(capability, time.time(), actor(), plain(reason).replace("\n", " ").strip())
        finally:
            store.close()
        click.echo(f"the evidence of {capability} begins anew: restart {number}")
